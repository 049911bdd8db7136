package record

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/internal/chaos"
	"github.com/choriste/choriste/invoice/invoicetest"
)

// session is a supplier's client that goes through the recorder.
type session struct {
	t              *testing.T
	api, url       string
	token, account string
}

func newSession(t *testing.T, r *Recorder, id, secret, account string) *session {
	t.Helper()
	s := &session{t: t, api: r.URL(), url: r.TokenURL(), account: base64.StdEncoding.EncodeToString([]byte(account))}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}, "scope": {"openid"}}
	res, err := http.PostForm(s.url, form)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var said struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&said); err != nil || said.Token == "" {
		t.Fatalf("no token: %d %v", res.StatusCode, err)
	}
	s.token = said.Token
	return s
}

func (s *session) post(route string, body map[string]any) map[string]any {
	s.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.api+"/cpro/"+route, bytes.NewReader(b))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	req.Header.Set("cpro-account", s.account)
	req.Header.Set("Content-Type", "application/json;charset=utf-8")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var said map[string]any
	_ = json.NewDecoder(res.Body).Decode(&said) // a gateway's answer is empty
	return said
}

// goes is what a supplier does in a day: deposits, one of them refused, reports, searches, mistakes.
func (s *session) goes() {
	invoice := func(numero, recipient string) string {
		return base64.StdEncoding.EncodeToString(invoicetest.Invoice{Numero: numero, Date: time.Now(), DestinataireSIRET: recipient}.UBL())
	}
	deposit := func(numero, recipient string) string {
		return fmt.Sprint(s.post("factures/v1/deposer/flux", map[string]any{"fichierFlux": invoice(numero, recipient), "nomFichier": numero + ".xml", "syntaxeFlux": "IN_DP_E1_UBL_INVOICE", "avecSignature": false})["numeroFluxDepot"])
	}
	report := func(flux, state string) {
		for wait := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
			if said := s.post("transverses/v1/consulterCRDetaille", map[string]any{"numeroFluxDepot": flux})["etatCourantDepotFlux"]; said == state {
				return
			} else if time.Now().After(wait) {
				s.t.Fatalf("%s is %v", flux, said)
			}
		}
	}
	s.post("transverses/v1/recuperer/structures/actives/fournisseur", map[string]any{})
	report(deposit("F-2026-1", ""), "IN_INTEGRE")
	for wait := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if rows, _ := s.post("factures/v1/rechercher/fournisseur", map[string]any{"numeroFacture": "F-2026-1"})["listeFactures"].([]any); len(rows) == 1 {
			break
		} else if time.Now().After(wait) {
			s.t.Fatal("it is never found")
		}
	}
	s.post("factures/v1/rechercher/fournisseur", map[string]any{"numeroFacture": "nobody's"})
	s.post("transverses/v1/consulterCRDetaille", map[string]any{"numeroFluxDepot": "CPP0011100000000000000001"})
	good := s.token
	s.token = "unknown"
	s.post("factures/v1/rechercher/fournisseur", map[string]any{"numeroFacture": "F-2026-1"})
	s.token = good
}

func compared(t *testing.T, recording []byte) (Totals, map[string][]string) {
	t.Helper()
	found := map[string][]string{}
	totals, err := Compare(bytes.NewReader(recording), func(c Compared) {
		for _, d := range c.Differs {
			found[c.Path] = append(found[c.Path], fmt.Sprintf("%s: %s, %s", strings.TrimSpace(d.What+" "+d.Where), d.Portal, d.Simulator))
		}
		if c.Skipped != "" && c.Skipped != "it was too soon at the portal" {
			found[c.Path] = append(found[c.Path], c.Skipped)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return totals, found
}

// TestOfItselfTheSimulatorDoesNotDiffer: what it said is what it says again, of a deposit that was refused as well, although names and numbers are others.
func TestOfItselfTheSimulatorDoesNotDiffer(t *testing.T) {
	sim := chorustest.New(t, &chorustest.Config{Quota: -1, TolerateViolations: true})
	r := started(t, http.NotFoundHandler(), func(c *Config) { c.To = sim.APIURL() })
	s := newSession(t, r, "sim", "sim-secret", "TECH_SIM@cpro.fr:sim-password")
	s.goes()
	flux := s.post("factures/v1/deposer/flux", map[string]any{
		"fichierFlux": base64.StdEncoding.EncodeToString(invoicetest.Invoice{Numero: "F-2", Date: time.Now(), Sans: []string{"BT-81"}}.UBL()), "nomFichier": "f.xml", "syntaxeFlux": "IN_DP_E1_UBL_INVOICE", "avecSignature": false,
	})["numeroFluxDepot"]
	sim.Advance(time.Minute)
	s.post("transverses/v1/consulterCRDetaille", map[string]any{"numeroFluxDepot": flux})
	s.post("factures/v1/rechercher/fournisseur", map[string]any{"numeroFacture": 7})
	totals, found := compared(t, closed(t, r))
	if totals.Differ != 0 || totals.Same < 9 {
		t.Errorf("%+v %v", totals, found)
	}
}

// TestAForeignPortalDiffers names where the harness's second portal answers otherwise, and nothing else.
func TestAForeignPortalDiffers(t *testing.T) {
	ledger, err := os.Create(filepath.Join(t.TempDir(), "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ledger.Close() }()
	server := httptest.NewServer(chaos.Foreign(ledger, "foreign-id", "foreign-secret", "TECH_F@cpro.fr", "foreign-password"))
	defer server.Close()
	r := started(t, http.NotFoundHandler(), func(c *Config) { c.To, c.Token = server.URL, server.URL+"/login/token" })
	newSession(t, r, "foreign-id", "foreign-secret", "TECH_F@cpro.fr:foreign-password").goes()
	recording := closed(t, r)
	totals, found := compared(t, recording)
	for path, wants := range map[string][]string{
		"/api/oauth/token": {"key scope: absent, string"},
		"/cpro/factures/v1/rechercher/fournisseur": {
			"codeRetour: 0, 20000", "message: TRA_MSG_00.000, TRA_MSG_00.015", "key listeFactures[].montantHT: absent, number", "key listeFactures: list, absent",
			`header Www-Authenticate: Bearer realm="DefaultRealm", error="invalid_token", error_description="The access token expired.", Bearer realm="DefaultRealm", error="invalid_token", error_description="Unable to find the access token in persistent storage."`,
		},
		"/cpro/transverses/v1/consulterCRDetaille": {"key nomFichier: absent, string"},
	} {
		for _, want := range wants {
			if !slices.Contains(found[path], want) {
				t.Errorf("%s: not %q among %q", path, want, found[path])
			}
		}
		delete(found, path)
	}
	if len(found) > 0 {
		t.Errorf("and more: %+v %v", totals, found)
	}
	for _, secret := range []string{"foreign-id", "foreign-secret", "foreign-password", "TECH_F", "99999999800012", "F-2026-1", "FOURNISSEUR"} {
		if bytes.Contains(recording, []byte(secret)) {
			t.Errorf("the recording shows %s", secret)
		}
	}
}

// TestARecordingLeadsNowhereElse: a file that others have made cannot send the simulator's requests, with its token, to another host.
func TestARecordingLeadsNowhereElse(t *testing.T) {
	asked := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer elsewhere.Close()
	host := strings.TrimPrefix(elsewhere.URL, "http://")
	for _, path := range []string{"@" + host + "/x", elsewhere.URL + "/x", "//" + host + "/x", "x", ""} {
		b, err := json.Marshal(Exchange{N: 1, Method: "POST", Path: path, Asked: Message{Headers: map[string]string{"Authorization": "Bearer token-1", "Host": host}}, Said: &Message{Status: 200}})
		if err != nil {
			t.Fatal(err)
		}
		if _, found := compared(t, []byte("{\"chorus_sim_recording\":1}\n"+string(b)+"\n")); asked != 0 || len(found) == 0 {
			t.Errorf("%s: asked %d times; %v", path, asked, found)
		}
	}
}

// TestWhatWasThereBefore: of a flux, an invoice or a file that was deposited before the recording began the simulator knows nothing, and says so.
func TestWhatWasThereBefore(t *testing.T) {
	sim := chorustest.New(t, &chorustest.Config{Quota: -1})
	early := started(t, http.NotFoundHandler(), func(c *Config) { c.To = sim.APIURL() })
	s := newSession(t, early, "sim", "sim-secret", "TECH_SIM@cpro.fr:sim-password")
	flux := s.post("factures/v1/deposer/flux", map[string]any{
		"fichierFlux": base64.StdEncoding.EncodeToString(invoicetest.Invoice{Numero: "F-1", Date: time.Now()}.UBL()), "nomFichier": "f.xml", "syntaxeFlux": "IN_DP_E1_UBL_INVOICE", "avecSignature": false,
	})["numeroFluxDepot"]
	sim.Advance(time.Minute)
	r := started(t, http.NotFoundHandler(), func(c *Config) { c.To = sim.APIURL() })
	s = newSession(t, r, "sim", "sim-secret", "TECH_SIM@cpro.fr:sim-password")
	s.post("transverses/v1/consulterCRDetaille", map[string]any{"numeroFluxDepot": flux})
	s.post("factures/v1/rechercher/fournisseur", map[string]any{"numeroFluxDepot": flux})
	s.post("transverses/v1/consulterCRDetaille", map[string]any{"numeroFluxDepot": "CPP0011100000000000000001"}) // nobody's: that is compared
	totals, found := compared(t, closed(t, r))
	if totals.Differ != 0 || totals.Same != 2 || totals.Skipped != 2 {
		t.Errorf("%+v %v", totals, found)
	}
}

// TestItGoesNowhereElse: other hosts, other names of its own, pages of a browser, production, a certificate that nobody trusts.
func TestItGoesNowhereElse(t *testing.T) {
	for _, x := range []struct{ to, token, want string }{
		{"https://api.piste.gouv.fr", "", "-production"},
		{"https://sandbox-api.piste.gouv.fr", "https://oauth.piste.gouv.fr/api/oauth/token", "-production"},
		{"http://portal.example", "", "https alone"},
		{"portal.example", "", "must be an address"},
		{"https://user:password@portal.example", "", "must be an address"},
	} {
		_, err := Start(Config{Listen: "127.0.0.1:0", To: x.to, Token: x.token, File: filepath.Join(t.TempDir(), "f")})
		if err == nil || !strings.Contains(err.Error(), x.want) || strings.Contains(err.Error(), "password") {
			t.Errorf("%s: %v", x.to, err)
		}
	}
	asked := 0
	portal := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		http.Redirect(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/", nil), "http://127.0.0.1:1/elsewhere", http.StatusTemporaryRedirect)
	})
	r := started(t, portal, nil)
	for name, change := range map[string]func(*http.Request){
		"host":    func(q *http.Request) { q.Host = "rebound.example" },
		"origin":  func(q *http.Request) { q.Header.Set("Origin", "https://page.example") },
		"fetched": func(q *http.Request) { q.Header.Set("Sec-Fetch-Site", "cross-site") },
		"other":   func(q *http.Request) { q.URL.Opaque = "http://other.example/cpro/x"; q.Host = "other.example" },
	} {
		if status := status(t, r, change); status != http.StatusForbidden || asked != 0 {
			t.Errorf("%s: %d, and the portal was asked %d times", name, status, asked)
		}
	}
	if status := status(t, r, nil); status != http.StatusTemporaryRedirect || asked != 1 {
		t.Errorf("a redirect is the client's affair: %d %d", status, asked)
	}
	untrusted := started(t, portal, func(c *Config) { c.Roots = nil })
	if status := status(t, untrusted, nil); status != http.StatusBadGateway || asked != 1 {
		t.Errorf("a certificate that nobody trusts: %d, asked %d", status, asked)
	}
	if _, err := Start(Config{Listen: "127.0.0.1:0", To: "https://portal.example", File: r.cfg.File}); err == nil {
		t.Error("a file that is there is written over")
	}
}

func status(t *testing.T, r *Recorder, change func(*http.Request)) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.URL()+"/cpro/factures/v1/rechercher/fournisseur", strings.NewReader(`{"numeroFacture":"F-1"}`))
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(req)
	}
	res, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// TestItStreamsAndEnds: the first half of an answer is here before the second is sent, and the recording ends at its bounds.
func TestItStreamsAndEnds(t *testing.T) {
	rest := make(chan struct{})
	portal := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"codeRetour":0,`)
		if f, is := w.(http.Flusher); is {
			f.Flush()
		}
		<-rest
		_, _ = io.WriteString(w, `"libelle":"TRA_MSG_00.000"}`)
	})
	r := started(t, portal, func(c *Config) { c.MaxBytes = 4 << 10 })
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.URL()+"/cpro/x", strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	half := make([]byte, 16)
	if _, err := io.ReadFull(res.Body, half); err != nil || string(half) != `{"codeRetour":0,` {
		t.Errorf("%q %v", half, err)
	}
	close(rest)
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	for range 50 {
		status(t, r, nil)
	}
	<-r.Ended()
	if status := status(t, r, nil); status != http.StatusServiceUnavailable {
		t.Errorf("after its end: %d", status)
	}
	kept, why, err := r.Close()
	info, statErr := os.Stat(r.cfg.File)
	if err != nil || statErr != nil || kept < 2 || !strings.Contains(why, "-max-size") || info.Size() > 4<<10 {
		t.Errorf("%d kept, %q, %v %v", kept, why, err, statErr)
	}
	short := started(t, portal, func(c *Config) { c.For = time.Second })
	<-short.Ended()
	if _, why, _ := short.Close(); !strings.Contains(why, "-for") {
		t.Errorf("it ended: %q", why)
	}
}
