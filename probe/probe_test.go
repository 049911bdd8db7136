package probe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/internal/chaos"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/probe"
)

func document(number string) (probe.Document, error) {
	return probe.Document{File: invoicetest.Invoice{Numero: number, Date: time.Now()}.UBL(), Name: "probe.xml", Syntaxe: "IN_DP_E1_UBL_INVOICE"}, nil
}

func measure(t *testing.T, cfg probe.Config) map[string]probe.Result {
	t.Helper()
	cfg.Scope = "openid"
	if cfg.Pace == 0 {
		cfg.Pace = time.Millisecond
	}
	if cfg.For == 0 {
		cfg.For = 30 * time.Second
	}
	all := map[string]probe.Result{}
	if err := probe.Run(t.Context(), cfg, func(r probe.Result) {
		if r.Question.EN == "" || r.Question.FR == "" || r.Answer.EN == "" || r.Answer.FR == "" || r.Weight == "" || r.Step < 1 || r.Step > 12 {
			t.Errorf("%+v", r)
		}
		all[r.Name] = r
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func simulated(sim *chorustest.Sim) probe.Config {
	return probe.Config{APIURL: sim.APIURL(), TokenURL: sim.TokenURL(), ClientID: "sim", ClientSecret: "sim-secret", Login: "TECH_SIM@cpro.fr", Password: "sim-password", Document: document}
}

// TestTheSimulatorIsMeasured: each question gets the answer that the simulator was told to give.
func TestTheSimulatorIsMeasured(t *testing.T) {
	sim := chorustest.New(t, &chorustest.Config{Quota: 20, TolerateViolations: true, MaxPage: 500, SubstringNumbers: true})
	cfg := simulated(sim)
	cfg.Burst = 60
	cfg.Pace = 60 * time.Millisecond
	found := measure(t, cfg)
	for name, want := range map[string][2]string{
		"tokens": {"yes", ""}, "token-life": {"expires_in 3600", "CHORISTE_TOKEN_MARGIN=2m"}, "refusals": {"no token 400, unknown token 401, unknown account 401, no account 401, undeclared route 403, other method 403, other Content-Type 415, unknown field 400", ""},
		"page-size": {"at most", ""}, "empty-search": {"codeRetour 20000 TRA_MSG_00.015", ""}, "deposit": {"IN_INTEGRE", "CHORISTE_HTTP_TIMEOUT=1m"}, "report": {"final after", "CHORISTE_REPORT_AFTER=2m"}, "visibility": {"found", "CHORISTE_VISIBILITY_DELAY=4h"},
		"first-look": {"not below the default", "CHORISTE_RESOLVE_AFTER=30s"}, "duplicate": {"accepted, then IN_REJETE; accepted, then IN_REJETE", ""}, "number-match": {"no: found by its", ""},
		"flux-size": {"not measured", ""}, "file-name": {"spaces: taken; accents: HTTP", ""}, "landing": {"it landed", "CHORISTE_LANDING_DELAY=15m"}, "quota": {"were answered 429", "CHORISTE_QUOTA="},
	} {
		r := found[name]
		if !strings.Contains(r.Answer.EN, want[0]) || !strings.HasPrefix(r.Setting, want[1]) {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if n := len(slices.DeleteFunc(sim.Ledger(), func(e chorustest.Entry) bool { return e.Type != "request" || e.Op != "deposer/flux" })); n > cfg.Deposits() || n < 7 {
		t.Errorf("%d deposits, and %d were announced", n, cfg.Deposits())
	}
	if seen := found["duplicate"].Seen; len(seen) == 0 || !strings.Contains(seen[0].Body, "existe déjà") {
		t.Errorf("the words of a duplicate's refusal are what it is for: %+v", seen)
	}
}

// TestAForeignPortalIsMeasured: the harness's second portal answers otherwise, and so do the results. It echoes nothing, and nothing secret shows.
func TestAForeignPortalIsMeasured(t *testing.T) {
	ledger, err := os.Create(filepath.Join(t.TempDir(), "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ledger.Close() }()
	server := httptest.NewServer(chaos.Foreign(ledger, "foreign-id", "foreign-secret", "TECH_F@cpro.fr", "foreign-password"))
	defer server.Close()
	found := measure(t, probe.Config{
		APIURL: server.URL, TokenURL: server.URL + "/login/token", ClientID: "foreign-id", ClientSecret: "foreign-secret", Login: "TECH_F@cpro.fr", Password: "foreign-password", Document: document,
	})
	for name, want := range map[string][2]string{
		"token-life": {"expires_in 300", "CHORISTE_TOKEN_MARGIN=1m15s"}, "refusals": {"no token 401", ""}, "page-size": {"at most 50", ""}, "empty-search": {"codeRetour 0 TRA_MSG_00.000, listeFactures of 0", ""},
		"duplicate": {"accepted, then IN_INTEGRE", ""}, "number-match": {"yes", ""}, "file-name": {"300 characters: taken", ""}, "quota": {"0 were answered 429", "CHORISTE_QUOTA=20"},
	} {
		if r := found[name]; !strings.Contains(r.Answer.EN, want[0]) || r.Setting != want[1] {
			t.Errorf("%s: %+v", name, r)
		}
	}
	all, err := json.Marshal(found)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"foreign-secret", "foreign-password"} {
		if strings.Contains(string(all), secret) {
			t.Errorf("the results show %s", secret)
		}
	}
}

// TestWhatIsNoPortal: where nothing answers as Chorus Pro does, nothing is reported as measured, and nothing is deposited.
func TestWhatIsNoPortal(t *testing.T) {
	const token = `{"access_token":"abcdefghijklmnop","expires_in":3600}`
	deposits := 0
	answers := func(contentType, body string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/deposer/flux") {
				deposits++
			}
			w.Header().Set("Content-Type", contentType)
			w.Header().Set("Www-Authenticate", `Basic realm="router"`)
			_, _ = io.WriteString(w, body)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	tokens, page, other := answers("application/json", token), answers("text/html", "<html>Sign in to the hotel's network</html>"), answers("application/json", `{"status":"UP","codeRetour":null}`)
	for name, x := range map[string]struct{ api, token, want string }{
		"nobody":             {dead.URL, tokens, dead.URL + " answers as Chorus Pro does"},
		"a page":             {page, tokens, "Sign in to the hotel"},
		"another service":    {other, tokens, "UP"},
		"tokens everywhere":  {tokens, tokens, "answers as Chorus Pro does"},
		"no token: nobody":   {page, dead.URL, dead.URL + " gives no token: no answer: dial tcp"},
		"no token: a page":   {page, page, "gives no token: HTTP 200 <html>"},
		"no token: a number": {page, answers("application/json", `{"access_token":null}`), "gives no token"},
	} {
		err := probe.Run(t.Context(), probe.Config{APIURL: x.api, TokenURL: x.token, ClientID: "i", ClientSecret: "secret", Login: "l", Password: "password", Document: document, Pace: time.Microsecond, For: time.Second}, func(r probe.Result) {
			t.Errorf("%s: %+v", name, r)
		})
		var said *probe.Error
		if !errors.As(err, &said) || !strings.Contains(said.EN, x.want) || said.FR == "" || said.FR == said.EN || deposits != 0 {
			t.Errorf("%s: %v, %d deposits", name, err, deposits)
		}
	}
}

// TestARefusedAccountIsTriedOnce: more might lock it.
func TestARefusedAccountIsTriedOnce(t *testing.T) {
	sim := chorustest.New(t, &chorustest.Config{Quota: -1, TolerateViolations: true})
	cfg := simulated(sim)
	cfg.Password, cfg.Pace = "mistyped", time.Microsecond
	var said *probe.Error
	if err := probe.Run(t.Context(), cfg, func(probe.Result) {}); !errors.As(err, &said) || !strings.Contains(said.EN, "CHORUS_PASSWORD") {
		t.Errorf("%v", err)
	}
	refused := 0
	for _, e := range sim.Ledger() {
		if e.Type == "answer" && e.Op != "token" {
			refused++
		}
	}
	if refused != 1 {
		t.Errorf("it was tried %d times", refused)
	}
}

// TestFailuresAreNoMeasurements: what an answer that fails does not show proves nothing.
func TestFailuresAreNoMeasurements(t *testing.T) {
	ledger, err := os.Create(filepath.Join(t.TempDir(), "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ledger.Close() }()
	portal := chaos.Foreign(ledger, "foreign-id", "foreign-secret", "TECH_F@cpro.fr", "foreign-password")
	broken := false // from the empty search on
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		broken = broken || strings.Contains(string(body), "1999-01-01")
		if broken && (strings.HasSuffix(r.URL.Path, "/rechercher/fournisseur") || strings.HasSuffix(r.URL.Path, "/health-check")) {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		portal.ServeHTTP(w, r)
	}))
	defer server.Close()
	found := measure(t, probe.Config{
		APIURL: server.URL, TokenURL: server.URL + "/login/token", ClientID: "foreign-id", ClientSecret: "foreign-secret", Login: "TECH_F@cpro.fr", Password: "foreign-password", Document: document, For: 5 * time.Second,
	})
	for _, name := range []string{"empty-search", "change-period", "number-match", "landing", "quota"} {
		if r := found[name]; r.Weight != probe.Unknown || !strings.Contains(r.Answer.EN, "HTTP 503") || r.Setting != "" {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r := found["deposit"]; r.Weight != probe.Measured {
		t.Errorf("%+v", r)
	}
}

// TestNothingIsDepositedUnasked, and an echo shows no secret.
func TestNothingIsDepositedUnasked(t *testing.T) {
	sim := chorustest.New(t, &chorustest.Config{Quota: -1, TolerateViolations: true})
	sim.Faults(chorustest.Fault{Kind: "echo_token", Op: "rechercher/fournisseur", Times: 3})
	cfg := simulated(sim)
	cfg.Document = nil
	if cfg.Deposits() != 0 {
		t.Error("it would deposit")
	}
	found := measure(t, cfg)
	if r := found["landing"]; r.Weight != probe.Unknown {
		t.Errorf("%+v", r)
	}
	for _, e := range sim.Ledger() {
		if e.Op == "deposer/flux" {
			t.Error("it has deposited")
		}
	}
	all, err := json.Marshal(found)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(all), "sim-password") || strings.Contains(string(all), "VEVDSF9TSU1AY3Byby5mcjpzaW0tcGFzc3dvcmQ") {
		t.Errorf("the results show a secret: %s", all)
	}
}

// TestItIsBounded: a portal that answers anything costs no more requests than were allowed, and an end is an end.
func TestItIsBounded(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write([]byte(`{"access_token":"t","codeRetour":0,"numeroFluxDepot":"F","etatCourantDepotFlux":"NEVER_OVER"}`))
	}))
	defer server.Close()
	cfg := probe.Config{APIURL: server.URL, TokenURL: server.URL, ClientID: "i", ClientSecret: "secret", Login: "l", Password: "password", Document: document, Pace: time.Microsecond, For: time.Second, Calls: 60}
	if err := probe.Run(t.Context(), cfg, func(probe.Result) {}); err == nil && asked.Load() > 60 || asked.Load() > 60 {
		t.Errorf("%d requests: %v", asked.Load(), err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := probe.Run(ctx, cfg, func(probe.Result) {}); err == nil {
		t.Error("it was stopped, and is content")
	}
}
