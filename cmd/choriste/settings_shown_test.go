package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/choriste/choriste/console"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// Every setting is listed, with its value and where it comes from; no secret, and no password of an address, is in the list or on the page, whichever way it came.
func TestSettingsPageHasNoSecret(t *testing.T) {
	const canary = `canary<b>"'&`
	dir := t.TempDir()
	inFile := filepath.Join(dir, "secret")
	if err := os.WriteFile(inFile, []byte(canary), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, byFile := range []bool{false, true} {
		env := map[string]string{
			"CHORISTE_PROXY": "http://claire:canary@proxy.example.net:3128", "CHORUS_API_URL": "https://u:canary@api.example.net/x?key=canary", "CHORISTE_SMTP_URL": "smtps://u:canary@mail.example.net:465",
			"CHORISTE_OPENID_ISSUER": "https://canary/canary@login.example.net", "CHORISTE_OPENID_ADDRESS": "claire:canary@here.example.net", "CHORISTE_DIGEST_TO": "a@example.org,b@example.org", "CHORISTE_HOSTS": "<script>",
		}
		secrets := 0
		for _, s := range table {
			switch {
			case !s.secret:
			case byFile:
				env[s.name+"_FILE"] = inFile
			default:
				env[s.name] = canary
			}
			if s.secret {
				secrets++
			}
		}
		getenv := func(name string) string { return env[name] }
		s := settings{
			getenv: getenv, DatabaseURL: "postgres://choriste:canary@db.example.net:5432/x?sslmode=verify-full&sslpassword=canary&password=canary", ConsoleURL: "host=db.example.net password=canary",
			StateDir: "/var/lib/choriste",
		}
		byName := map[string]console.Setting{}
		for _, one := range s.shown() {
			byName[one.Name] = one
		}
		if len(byName) != len(table) || secrets < 8 {
			t.Errorf("%d of %d settings, %d secrets", len(byName), len(table), secrets)
		}
		for name, want := range map[string]string{
			"DATABASE_URL": "postgres://choriste@db.example.net:5432/x?sslmode=verify-full", "CHORISTE_CONSOLE_DATABASE_URL": "", "CHORISTE_PROXY": "http://claire@proxy.example.net:3128",
			"CHORUS_API_URL": "https://u@api.example.net/x", "CHORISTE_SMTP_URL": "smtps://u@mail.example.net:465", "CHORISTE_OPENID_ISSUER": "", "CHORISTE_OPENID_ADDRESS": "",
			"CHORISTE_DIGEST_TO": "a@example.org,b@example.org", "CHORISTE_QUOTA": "20", "CHORISTE_STATE_DIR": "/var/lib/choriste", "CHORUS_PASSWORD": "",
		} {
			if byName[name].Value != want {
				t.Errorf("%s is shown as %q", name, byName[name].Value)
			}
		}
		from := map[bool]string{false: console.FromEnvironment, true: console.FromFile}[byFile]
		if p := byName["CHORUS_PASSWORD"]; p.From != from || !p.Secret || p.Changed.IsZero() == byFile {
			t.Errorf("a password: %+v", p)
		}
		if byName["CHORISTE_QUOTA"].From != console.FromDefault || byName["CHORISTE_STATE_DIR"].From != console.FromOthers || byName["CHORISTE_RULES"].From != "" {
			t.Errorf("from: %+v", byName)
		}
		if text := fmt.Sprintf("%+v", byName); strings.Contains(text, "canary") {
			t.Errorf("a secret is listed: %s", text)
		}

		var log bytes.Buffer
		w := newWeb(s, workersStore(t), nil, http.NotFoundHandler(), slog.New(slog.NewTextHandler(&log, nil)))
		for _, lang := range []string{"en", "fr"} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/settings", nil)
			r.Header.Set("Accept-Language", lang)
			rec := httptest.NewRecorder()
			w.server.Handler.ServeHTTP(rec, r)
			page := rec.Body.String()
			if rec.Code != http.StatusOK || strings.Contains(page, "canary") || strings.Contains(page, "<script>") || strings.Count(page, `<tr id="`) != len(table) ||
				!strings.Contains(page, map[string]string{"en": ">set<", "fr": ">défini<"}[lang]) || !strings.Contains(page, "db.example.net:5432/x") {
				t.Errorf("%s: %d\n%s", lang, rec.Code, page)
			}
		}
	}
}

// workersStore is the store of a worker on a new database.
func workersStore(t *testing.T) *store.Store {
	t.Helper()
	pool, err := store.Connect(t.Context(), storetest.New(t).WorkerURL, "test", 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return store.New(pool)
}
