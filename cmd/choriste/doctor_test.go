package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/internal/lab/httpproxy"
	"github.com/choriste/choriste/store/storetest"
)

// clinic is a healthy set-up that a test breaks. The doctor writes nothing, so one database serves all tests that do not change theirs.
type clinic struct {
	*testing.T
	db  *storetest.Database
	own bool
	sim *chorustest.Sim
	env map[string]string
	dir string
}

const (
	clientSecret    = "q7-canary-client-secret"
	accountPassword = "z9-canary-account-secret"
	proxyPassword   = "x8-canary-proxy-secret"
)

func newClinic(t *testing.T, db *storetest.Database, portal func(*chorustest.Config)) *clinic {
	t.Helper()
	cfg := chorustest.Config{
		Clients:  []chorustest.Client{{ID: "app", Secret: clientSecret}},
		Accounts: []chorustest.Account{{Login: "TECH_1@cpro.fr", Password: accountPassword}},
	}
	if portal != nil {
		portal(&cfg)
	}
	c := &clinic{T: t, db: db, sim: chorustest.New(t, &cfg), dir: t.TempDir()}
	c.env = map[string]string{
		"CHORUS_API_URL": c.sim.APIURL(), "CHORUS_TOKEN_URL": c.sim.TokenURL(), "PISTE_CLIENT_ID": "app", "CHORUS_LOGIN": "TECH_1@cpro.fr",
		"CHORISTE_QUOTA": "100",
	}
	c.secret("DATABASE_URL", c.db.WorkerURL)
	c.secret("PISTE_CLIENT_SECRET", clientSecret)
	c.secret("CHORUS_PASSWORD", accountPassword)
	return c
}

// secret writes a secret's file anew.
func (c *clinic) secret(name, value string) {
	c.Helper()
	c.env[name+"_FILE"] = filepath.Join(c.dir, name)
	if err := os.WriteFile(c.env[name+"_FILE"], []byte(value+"\n"), 0o600); err != nil {
		c.Fatal(err)
	}
}

// exec runs statements as the owner of a database of the test's own, in one session.
func (c *clinic) exec(statements string) {
	c.Helper()
	if !c.own {
		c.db, c.own = storetest.New(c.T), true
		c.secret("DATABASE_URL", c.db.WorkerURL)
	}
	conn, err := pgx.Connect(c.Context(), c.db.URL)
	if err != nil {
		c.Fatal(err)
	}
	defer func() { _ = conn.Close(c.Context()) }()
	if _, err := conn.Exec(c.Context(), statements); err != nil {
		c.Fatal(err)
	}
}

// databaseURL changes the worker's address.
func (c *clinic) databaseURL(change func(*url.URL)) {
	c.Helper()
	u, err := url.Parse(c.db.WorkerURL)
	if err != nil {
		c.Fatal(err)
	}
	change(u)
	c.secret("DATABASE_URL", u.String())
}

// proxy gives the portal names that only a proxy knows, and says so in the settings.
func (c *clinic) proxy() *httpproxy.Proxy {
	c.Helper()
	p := httpproxy.New(c.T)
	c.env["CHORISTE_PROXY"], c.env["CHORISTE_FOREIGN_HOSTS"] = p.URL(), "allow"
	c.env["CHORUS_API_URL"], c.env["CHORUS_TOKEN_URL"] = p.Host("portal.test", c.sim.APIURL()), p.Host("token.test", c.sim.TokenURL())
	return p
}

// intercepted has the proxy open TLS.
func (c *clinic) intercepted() *httpproxy.Authority {
	c.Helper()
	authority := httpproxy.NewAuthority(c.T)
	p := c.proxy()
	pairs := map[string]httpproxy.Behaviour{}
	for _, name := range []string{"portal.test", "token.test"} {
		pairs[name] = httpproxy.Intercept(authority.Pair(c.T, name), nil)
	}
	p.Do(func(conn net.Conn, r *http.Request, address string) { pairs[r.URL.Hostname()](conn, r, address) })
	for _, name := range []string{"CHORUS_API_URL", "CHORUS_TOKEN_URL"} {
		c.env[name] = strings.Replace(c.env[name], "http://", "https://", 1)
	}
	return authority
}

func (c *clinic) account(change func(*chorustest.Account)) {
	c.Helper()
	if err := c.sim.SetAccount("TECH_1@cpro.fr", change); err != nil {
		c.Fatal(err)
	}
}

func (c *clinic) outage(scope, kind string) {
	c.Helper()
	if err := c.sim.Outage(true, scope, kind); err != nil {
		c.Fatal(err)
	}
}

// accounts writes an accounts file beside the secrets.
func (c *clinic) accounts(text string) {
	c.Helper()
	c.secret("CHORISTE_ACCOUNTS", text)
}

// read gives the text of a file that a setting names, "" when there is none.
func (c *clinic) read(setting string) string {
	b, _ := os.ReadFile(c.env[setting])
	return string(b)
}

// instead serves the API at another door.
func (c *clinic) instead(setting, path string, h http.Handler) {
	server := httptest.NewServer(h)
	c.Cleanup(server.Close)
	c.env[setting] = server.URL + path
}

func (c *clinic) requests(path string) (n int) {
	for _, e := range c.sim.Ledger() {
		if e.Type == "request" && (path == "" || e.Op == path) {
			n++
		}
	}
	return n
}

// doctor runs the command and returns its exit status, its report in JSON, and everything it wrote.
func (c *clinic) doctor() (exit int, lines []result, end summary, written string) {
	c.Helper()
	var out, errOut bytes.Buffer
	exit = run(c.Context(), []string{"doctor", "--json"}, func(name string) string { return c.env[name] }, &out, &errOut)
	written = out.String() + errOut.String()
	texts := strings.Split(strings.TrimSpace(out.String()), "\n")
	for _, text := range texts[:len(texts)-1] {
		var r result
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			c.Fatalf("%v in %s", err, text)
		}
		lines = append(lines, r)
	}
	if err := json.Unmarshal([]byte(texts[len(texts)-1]), &end); err != nil {
		c.Fatal(err)
	}
	return exit, lines, end, written
}

// always answers every request alike.
func always(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
}

// Every broken set-up gets its own diagnosis and exit status and no other, a healthy one none; every code of the table is some scenario's.
func TestDoctor(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]bool{}
	db := storetest.New(t)
	t.Run("scenarios", func(t *testing.T) {
		for _, s := range scenarios {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				c := newClinic(t, db, s.portal)
				if s.broken != nil {
					s.broken(c)
				}
				before := c.writes()
				exit, lines, end, written := c.doctor()
				var got []string
				least := 0
				for _, r := range lines {
					switch r.Status {
					case statusWarn:
						got = append(got, "?"+r.Code)
					case statusFail:
						got = append(got, r.Code)
						if least == 0 || r.Exit < least {
							least = r.Exit
						}
					}
				}
				if strings.Join(got, " ") != s.codes {
					t.Errorf("%q instead of %q\n%s", strings.Join(got, " "), s.codes, written)
				}
				want, first := 0, ""
				for _, code := range strings.Fields(s.codes) {
					if want == 0 && code[0] != '?' {
						want, first = exitOf(diagnoses[code].layer), code
					}
				}
				if exit != want || least != want || end.Exit != want || end.Healthy != (want == 0) {
					t.Errorf("exit status %d, %d, %+v instead of %d", exit, least, end, want)
				}
				if len(lines) < 10 || exit != 0 && !strings.Contains(written, `"error":"the set-up is broken: `+first) {
					t.Errorf("too little said:\n%s", written)
				}
				c.harmless(before, written)
				mu.Lock()
				defer mu.Unlock()
				for _, code := range got {
					seen[strings.TrimPrefix(code, "?")] = true
				}
			})
		}
	})
	for code := range setupDiagnoses { // the database's: TestDatabases
		if !seen[code] {
			t.Errorf("no scenario leads to %s", code)
		}
	}
}

// writes is, for each table, how many rows it has and which transaction wrote last.
func (c *clinic) writes() []string {
	return query(c.T, c.db.URL, `
		SELECT c.oid::regclass || ' ' || query_to_xml(format('SELECT count(*) AS n, max(xmin::text::bigint) AS x FROM %s', c.oid::regclass), true, true, '')::text
		FROM pg_class c
		JOIN pg_namespace n ON n.oid = relnamespace
		WHERE nspname IN ('chorus', 'river') AND relkind = 'r'
		ORDER BY 1`)
}

// harmless: nothing was written, no secret was printed, and the portal was asked little; a refused account at most twice.
func (c *clinic) harmless(before []string, written string) {
	c.Helper()
	if after := c.writes(); !slices.Equal(before, after) {
		c.Errorf("the database has changed: %v, %v", before, after)
	}
	account := base64.StdEncoding.EncodeToString([]byte("TECH_1@cpro.fr:" + accountPassword))
	for _, secret := range []string{clientSecret, accountPassword, proxyPassword, account, base64.StdEncoding.EncodeToString([]byte(clientSecret)), base64.StdEncoding.EncodeToString([]byte("robot:" + proxyPassword))} {
		if strings.Contains(written, secret) {
			c.Errorf("a secret is printed:\n%s", written)
		}
	}
	api := c.requests("") - c.requests("token")
	accounts := 1 + strings.Count(c.read("CHORISTE_ACCOUNTS_FILE"), "name:")
	if n := c.requests(""); n > 10*accounts {
		c.Errorf("%d requests for %d accounts", n, accounts)
	}
	if strings.Contains(written, "ENVIRONMENT_MISMATCH") && c.requests("") > 0 {
		c.Error("the portal was asked")
	}
	if accounts == 1 && strings.Contains(written, `"ACCOUNT_REFUSED"`) && !strings.Contains(written, "SUBSCRIPTION_") && api > 2 {
		c.Errorf("%d requests with a refused account", api)
	}
}

// The report for people, in both languages.
func TestDoctorSpeaks(t *testing.T) {
	c := newClinic(t, storetest.New(t), nil)
	c.secret("PISTE_CLIENT_SECRET", "other")
	for lang, want := range map[string][]string{
		"en": {"ok    database\n", "FAIL  token [default]                      TOKEN_CLIENT\n      PISTE refuses", "\n      Next: Copy both", "-     account [default]                    not checked\n", "choriste: the set-up is broken: TOKEN_CLIENT\n"},
		"fr": {"ok    database\n", "PANNE token [default]                      TOKEN_CLIENT\n      PISTE refuse ", "\n      À faire : Recopier", "-     account [default]                    non vérifié\n", "choriste: l'installation est défectueuse : TOKEN_CLIENT\n"},
	} {
		var out bytes.Buffer
		if exit := run(t.Context(), []string{"doctor", "--lang", lang}, func(name string) string { return c.env[name] }, &out, &out); exit != exitOf(layerToken) {
			t.Errorf("exit status %d", exit)
		}
		for _, w := range want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("%q is not in\n%s", w, out.String())
			}
		}
	}
	if exit := run(t.Context(), []string{"doctor", "--lang=de"}, func(string) string { return "" }, io.Discard, io.Discard); exit != 2 {
		t.Errorf("German: exit status %d", exit)
	}
}

// Each code says what is wrong and what to do, in two languages that take the same arguments.
func TestDoctorTexts(t *testing.T) {
	verbs := regexp.MustCompile(`%.`)
	for code, d := range diagnoses {
		exitOf(d.layer)
		for lang, w := range map[string]words{"English": d.en, "French": d.fr} {
			if w.Means == "" || w.Next == "" || strings.Contains(w.Next, "%s") || !strings.HasSuffix(w.Next, ".") || !strings.HasSuffix(w.Means, ".") {
				t.Errorf("%s in %s: %q, %q", code, lang, w.Means, w.Next)
			}
		}
		if d.en.Means == d.fr.Means || d.en.Next == d.fr.Next {
			t.Errorf("%s says the same in both languages", code)
		}
		if en, fr := verbs.FindAllString(d.en.Means, -1), verbs.FindAllString(d.fr.Means, -1); !slices.Equal(en, fr) {
			t.Errorf("%s takes %v in English and %v in French", code, en, fr)
		}
		if strings.ContainsAny(strings.ReplaceAll(d.en.Means+d.en.Next, "Factures émises", ""), "éèàù«") {
			t.Errorf("%s: the English is French", code)
		}
	}
}

func TestDoctorManual(t *testing.T) {
	const begin, end = "run DoctorManual -update -->\n", "<!-- end -->"
	page := manualPage(t, "doctor.md")
	before, rest, ok := strings.Cut(page, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("docs/doctor.md has lost its marks")
	}
	var b strings.Builder
	b.WriteString("\n| exit status | layer | code | meaning | next step |\n| --- | --- | --- | --- | --- |\n")
	for _, layer := range layers {
		for _, code := range slices.Sorted(maps.Keys(diagnoses)) {
			if d := diagnoses[code]; d.layer == layer {
				fmt.Fprintf(&b, "| %d | %s | `%s` | %s<br>*%s* | %s<br>*%s* |\n", exitOf(layer), layer, code,
					shown(d.en.Means), shown(d.fr.Means), d.en.Next, d.fr.Next)
			}
		}
	}
	b.WriteString("\n")
	want := before + begin + b.String() + end + after
	if *update {
		if err := os.WriteFile("../../docs/doctor.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if page != want {
		t.Error("docs/doctor.md is not what doctor_texts.go says: go test ./cmd/choriste -run DoctorManual -update")
	}
}

// shown is a text with an ellipsis for each argument.
func shown(means string) string { return regexp.MustCompile(`%.`).ReplaceAllString(means, "…") }
