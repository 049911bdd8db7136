package main

import (
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/console"
	"github.com/choriste/choriste/internal/lab/chromium"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// twoServers are the pages before a database with one job, and the console beside them, as in a set-up.
func twoServers(t *testing.T) (pages, desk *httptest.Server, db *storetest.Database) {
	t.Helper()
	db = storetest.New(t)
	hash, err := console.HashPassword("a long password")
	if err != nil {
		t.Fatal(err)
	}
	pool, err := store.Connect(t.Context(), db.WorkerURL, "test", 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	acting, err := store.ConnectActing(t.Context(), db.OperatorURL, "console", 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(acting.Close)
	desk = httptest.NewServer(console.Handler(console.Config{Store: store.New(pool), Operator: store.New(acting), Users: func() []console.User {
		return []console.User{
			{Name: "claire", Role: console.Operator, Hash: hash}, {Name: "rene", Role: console.Reader, Hash: hash}, {Name: "nora", Role: console.Administrator, Hash: hash, Accounts: []string{"nantes"}},
		}
	}}))
	t.Cleanup(desk.Close)
	conn, err := pgx.Connect(t.Context(), db.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `INSERT INTO river.river_job (kind, args, state, max_attempts, finalized_at, queue) VALUES ('submit', '{"id": 7}', 'completed', 1, now(), 'default')`); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	handler, closeAll, err := serve(t.Context(), settings{databaseURL: db.WorkerURL, console: desk.URL, signIn: desk.URL}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closeAll)
	pages = httptest.NewServer(handler)
	t.Cleanup(pages.Close)
	return pages, desk, db
}

// as signs somebody in to the console. Cookies are of a host, whatever the port.
func as(t *testing.T, desk *httptest.Server, name string) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar, Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if name == "" {
		return c
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, desk.URL+"/signin", strings.NewReader(url.Values{"name": {name}, "password": {"a long password"}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", desk.URL)
	answer, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusSeeOther {
		t.Fatalf("%s signs in: %d", name, answer.StatusCode)
	}
	return c
}

func status(t *testing.T, c *http.Client, method, address string, headers ...string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(`{"ids": ["1"]}`))
	if err != nil {
		t.Fatal(err)
	}
	for k := 0; k < len(headers); k += 2 {
		r.Header.Set(headers[k], headers[k+1])
		if headers[k] == "Host" {
			r.Host = headers[k+1]
		}
	}
	answer, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

// Operators of all accounts read; nobody else does, and nobody changes anything, nor could the pages.
func TestWhoReads(t *testing.T) {
	pages, desk, db := twoServers(t)
	for name, want := range map[string]int{"": http.StatusUnauthorized, "rene": http.StatusForbidden, "nora": http.StatusForbidden, "claire": http.StatusOK} {
		c := as(t, desk, name)
		for _, path := range []string{prefix + "/", prefix + "/jobs", prefix + "/api/jobs?limit=10", prefix + "/api/queues?limit=10", prefix + "/api/states"} {
			if got := status(t, c, http.MethodGet, pages.URL+path); got != want {
				t.Errorf("%s of %q: %d", path, name, got)
			}
		}
		for _, path := range []string{"/api/jobs/cancel", "/api/jobs/delete", "/api/jobs/retry", "/api/queues/default/pause"} {
			for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
				if got := status(t, c, method, pages.URL+prefix+path); got != http.StatusMethodNotAllowed {
					t.Errorf("%s %s by %q: %d", method, path, name, got)
				}
			}
		}
		if got := status(t, c, http.MethodGet, pages.URL+prefix+"/", "Host", "evil.example"); got != http.StatusMisdirectedRequest {
			t.Errorf("by another name: %d", got)
		}
	}
	// A name in a header is not handed on, and whoever signs out of the console is out.
	if got := status(t, as(t, desk, ""), http.MethodGet, pages.URL+prefix+"/", "X-Remote-User", "claire"); got != http.StatusUnauthorized {
		t.Errorf("by a header: %d", got)
	}
	c := as(t, desk, "claire")
	desk.Close()
	if got := status(t, c, http.MethodGet, pages.URL+prefix+"/"); got != http.StatusBadGateway {
		t.Errorf("without a console: %d", got)
	}
	config, err := pgx.ParseConfig(db.WorkerURL)
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams["default_transaction_read_only"] = "on"
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `DELETE FROM river.river_job`); store.SQLState(err) != "25006" {
		t.Errorf("it could write: %v", err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// In a browser: the job is shown, and nothing is complained of.
func TestRiverUIInABrowser(t *testing.T) {
	pages, desk, _ := twoServers(t)
	b := chromium.Open(t, desk.URL)
	if b == nil {
		return
	}
	b.Do(chromedp.Navigate(desk.URL+"/signin"), chromedp.SendKeys(chromedp.CSS(`[name=name]`), "claire"), chromedp.SendKeys(chromedp.CSS(`[name=password]`), "a long password\r"), chromedp.WaitVisible(chromedp.CSS(`nav`)),
		chromedp.Navigate(pages.URL+prefix+"/jobs?state=completed"), chromedp.WaitVisible(chromedp.CSS(`a[href*="/jobs/1"]`)))
	if name := os.Getenv("RIVERUI_SCREENSHOT"); name != "" {
		picture, err := chromedp.Run(b.Ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, picture, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range b.Complaints() {
		if !strings.HasPrefix(c, "a request to "+pages.URL) { // the browser was opened for the console's address
			t.Error(c)
		}
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"", "", ""},
		{"CHORISTE_RIVERUI_LISTEN", "0.0.0.0:8081", "of this machine alone"},
		{"CHORISTE_RIVERUI_LISTEN", "nonsense", "of this machine alone"},
		{"CHORISTE_RIVERUI_CONSOLE", "file:///etc", "must be an address"},
		{"DATABASE_URL", "", "DATABASE_URL is not set"},
		{"DATABASE_URL_FILE", "/nothing", "cannot be read"},
	} {
		_, err := load(func(name string) string {
			if name == c.name {
				return c.value
			}
			return map[string]string{"DATABASE_URL": "postgres://x@y/z"}[name]
		})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s=%s: %v", c.name, c.value, err)
		}
	}
	_, _, err := serve(t.Context(), settings{databaseURL: "postgres://u:secret@h:x/y"}, slog.New(slog.DiscardHandler))
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}
