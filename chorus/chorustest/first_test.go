package chorustest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
)

// TestDoorsSayWhatTheyServe: nobody has to guess a route, and a misspelt one is heard of.
func TestDoorsSayWhatTheyServe(t *testing.T) {
	s, c := start(t, nil)
	for _, x := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/", "", 200, `"path":"/invoices/{numero}/statut"`},
		{"GET", "/openapi.json", "", 200, `"openapi":"3.0.3"`},
		{"GET", "/ledger?typ=accepted", "", 400, "type, op, numero, flux, request, after"},
		{"GET", "/ledger?after=x", "", 400, "not a number"},
		{"GET", "/stats?x=1", "", 400, "takes none"},
		{"GET", "/statistics", "", 404, "GET / lists them"},
		{"PUT", "/clock", "", 405, "GET, POST"},
		{"POST", "/clock", "", 400, "body is empty"},
		{"POST", "/clock", `{"advance":"1h"}{}`, 400, "something follows"},
		{"POST", "/clock", `{"advance":"200000h"}`, 400, "ten years"},
		{"POST", "/clock", `{"advance":"1h","advance":"2h"}`, 400, "advance: stands there twice"},
		{"POST", "/faults", `[{"kind":"500","Kind":"503"}]`, 400, "Kind: stands there twice"},
		{"POST", "/faults", `{"kind":"500"}`, 200, `"kind":"500","op":"deposer/flux"`},
		{"POST", "/revoke", `null`, 400, "the body is null"},
		{"POST", "/invoices/F-1/script", strings.Repeat("[", 50) + strings.Repeat("]", 50), 400, "is"},
		{"POST", "/invoices/F-1/script", `[{"statut":"PAYEE"}]`, 400, "MISE_EN_PAIEMENT"},
	} {
		if status, answer := manage(t, s, x.method, x.path, x.body); status != x.status || !strings.Contains(answer, x.want) {
			t.Errorf("%s %s: %d %s", x.method, x.path, status, answer)
		}
	}
	for path, want := range map[string]string{"/": `"POST /cpro/factures/v1/deposer/flux"`, "/openapi.json": `"security":[],"summary":"client_credentials","x-chorus-sim":"simulated"`} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.APIURL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if r := c.do(req); r.status != 200 || !strings.Contains(string(r.raw), want) {
			t.Errorf("%s: %d %s", path, r.status, r.raw)
		}
	}
	if n := s.Stats().Requests["unknown"]; n != 0 {
		t.Errorf("%d requests to the portal", n)
	}
}

// TestOtherSites: a page of another site, and a name that its DNS leads here, are told nothing.
func TestOtherSites(t *testing.T) {
	s, _ := start(t, &chorustest.Config{Hosts: []string{"sim.example.org"}})
	for name, x := range map[string]struct {
		host, site, origin, method string
		status                     int
	}{
		"plain":                {status: 200},
		"localhost":            {host: "localhost:18081", status: 200},
		"in a container":       {host: "simulator:8001", status: 200},
		"IPv6":                 {host: "[::1]:18081", status: 200},
		"allowed":              {host: "sim.example.org", status: 200},
		"rebinding":            {host: "evil.example.com", status: 403},
		"rebinding, read":      {host: "evil.example.com", method: "GET", status: 403},
		"cross-site":           {site: "cross-site", status: 403},
		"another origin":       {origin: "https://evil.example.com", status: 403},
		"same origin":          {site: "same-origin", status: 200},
		"cross-site, but read": {site: "cross-site", method: "GET", status: 200},
	} {
		path := "/revoke"
		if x.method == "" {
			x.method = "POST"
		} else {
			path = "/stats"
		}
		req, err := http.NewRequestWithContext(t.Context(), x.method, s.ManageURL()+path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Host = x.host
		for header, value := range map[string]string{"Sec-Fetch-Site": x.site, "Origin": x.origin} {
			if value != "" {
				req.Header.Set(header, value)
			}
		}
		if r := (&client{t: t, http: dialless()}).do(req); r.status != x.status {
			t.Errorf("%s: %d %s", name, r.status, r.raw)
		}
	}
}

// TestDeadTokensAreExplained: a jump of the clock ends tokens, and both the jump's answer and the refusal say so, in Axway's two texts.
func TestDeadTokensAreExplained(t *testing.T) {
	s, c := start(t, nil)
	if _, answer := manage(t, s, "POST", "/clock", `{"advance":"30m"}`); !strings.Contains(answer, `"tokens_ended":0`) {
		t.Error(answer)
	}
	if _, answer := manage(t, s, "POST", "/clock", `{"advance":"2h"}`); !strings.Contains(answer, `"tokens_ended":1`) || !strings.Contains(answer, "ask for a new one") {
		t.Error(answer)
	}
	r := c.report("x")
	if !strings.Contains(r.header.Get("WWW-Authenticate"), "The access token expired.") || !strings.Contains(r.header.Get("X-Chorus-Sim"), "of the virtual clock") {
		t.Errorf("expired: %v", r.header)
	}
	c.token = "nobody's"
	r = c.report("x")
	if !strings.Contains(r.header.Get("WWW-Authenticate"), "persistent storage") || !strings.Contains(r.header.Get("X-Chorus-Sim"), "unknown here") {
		t.Errorf("unknown: %v", r.header)
	}
	if r := c.askToken("sim", "wrong"); !strings.Contains(r.header.Get("X-Chorus-Sim"), "client_secret is wrong") {
		t.Errorf("wrong secret: %v", r.header)
	}
}

func TestReset(t *testing.T) {
	for name, ledger := range map[string]string{"memory": "", "file": filepath.Join(t.TempDir(), "l.jsonl")} {
		t.Run(name, func(t *testing.T) {
			s, c := start(t, &chorustest.Config{Ledger: ledger, TolerateViolations: true, Empty: "0"})
			c.integrated(c.accepted(facture("F-1")))
			s.Advance(time.Minute)
			s.Faults(chorustest.Fault{Kind: "hang"})
			s.SetStructure("21750001600019", func(st *chorustest.Structure) { st.Publique = true })
			if err := s.SetAccount("TECH_2@cpro.fr", func(a *chorustest.Account) { a.Password = "pw" }); err != nil {
				t.Fatal(err)
			}
			s.SetLag(0, time.Hour)
			c.post("/cpro/x", nil)
			if status, answer := manage(t, s, "POST", "/reset", ""); status != 200 || !strings.Contains(answer, `"tokens_ended":1`) {
				t.Fatalf("%d %s", status, answer)
			}
			if _, answer := manage(t, s, "GET", "/structures", ""); strings.Contains(answer, "21750001600019") {
				t.Error("the structure is still there")
			}
			if n := len(s.Violations()); n != 0 {
				t.Errorf("%d violations", n)
			}
			lines := s.Ledger()
			if lines[0].Type != "start" || slices.ContainsFunc(lines, func(e chorustest.Entry) bool { return e.Type == "accepted" }) {
				t.Errorf("%d lines, the first a %s", len(lines), lines[0].Type)
			}
			if time.Since(s.Now()) < -30*time.Second {
				t.Error("the clock is still ahead")
			}
			c.login()
			if r := c.search(m{"numeroFacture": "F-1"}); len(r.found()) != 0 {
				t.Errorf("still there: %s", r.raw)
			}
			flux := c.accepted(facture("F-1")) // not a duplicate, and no fault strikes it
			c.integrated(flux)
			if err := s.Close(); err != nil || ledger == "" {
				return
			}
			again, err := chorustest.Start(chorustest.Config{Ledger: ledger})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = again.Close() }()
			if got := again.Deposits("F-1"); len(got) != 1 || got[0].Flux != flux {
				t.Errorf("after a restart %v", got)
			}
		})
	}
}

// TestLedgersAreNotMixedUp: one process for one ledger, and no other file is written to.
func TestLedgersAreNotMixedUp(t *testing.T) {
	dir := t.TempDir()
	ledger := filepath.Join(dir, "l.jsonl")
	chorustest.New(t, &chorustest.Config{Ledger: ledger})
	if _, err := chorustest.Start(chorustest.Config{Ledger: ledger}); err == nil || !strings.Contains(err.Error(), "another chorus-sim") {
		t.Errorf("the second: %v", err)
	}
	first, err := os.ReadFile(ledger)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"text":    "a letter without an end of line",
		"json":    "{\"a\":1}\n",
		"order":   string(first) + string(first),
		"foreign": string(first) + `{"seq":2,"at":"2026-01-01T00:00:00Z","type":"integrated","flux":"CPP1"}` + "\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := chorustest.Start(chorustest.Config{Ledger: path}); err == nil {
			t.Errorf("%s is taken for a ledger", name)
		} else if name == "text" && !strings.Contains(err.Error(), "no ledger") {
			t.Errorf("%s: %v", name, err)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, []byte(content)) {
			t.Errorf("%s was changed to %q", name, after)
		}
	}
}

// TestTolerant: what is only guessed to be refused is taken, and told; what is known to be refused is refused.
func TestTolerant(t *testing.T) {
	s, c := start(t, &chorustest.Config{Tolerant: true, TolerateViolations: true, Quota: -1})
	if r := c.post("/cpro/transverses/v1/consulterCRDetaille", m{"numeroFluxDepot": "x", "couleur": "rouge"}); r.status != 200 {
		t.Errorf("an unknown field: %d %s", r.status, r.raw)
	}
	late := facture("F-1")
	late.Date = time.Now().AddDate(0, 2, 0)
	late.Engagement = strings.Repeat("E", 51)
	r := c.depositFile("une facture très longue, à garder précieusement pour toujours.xml", "IN_DP_E1_UBL_INVOICE", late.UBL())
	if end := c.integrated(r.text("numeroFluxDepot")); end.text("etatCourantDepotFlux") != "IN_INTEGRE" {
		t.Errorf("report %s", end.raw)
	}
	_, told := manage(t, s, "GET", "/tolerated", "")
	for _, want := range []string{"couleur", "50 characters", "postérieure", "IssuerAssignedID"} {
		if !strings.Contains(strings.ReplaceAll(told, "OrderReference.ID", "IssuerAssignedID"), want) {
			t.Errorf("%s is not among %s", want, told)
		}
	}
	if len(s.Violations()) != 0 {
		t.Errorf("violations %v", s.Violations())
	}
	if r := c.post("/cpro/transverses/v1/consulterCRDetaille", m{"numeroFluxDepot": 7}); r.status != 400 {
		t.Errorf("a wrong type: %d", r.status)
	}
}

// TestLogLines: one for each request, without secrets, on one line whatever the client sends.
func TestLogLines(t *testing.T) {
	var mu sync.Mutex
	var lines []string
	s, c := start(t, &chorustest.Config{TolerateViolations: true, Log: func(line string) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, line)
	}})
	c.accepted(facture("F-1"))
	s.Faults(chorustest.Fault{Kind: "drop_before_commit"})
	c.deposit(facture("F-2"))
	c.post("/cpro/%0a%1b[31m", nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	all := strings.Join(lines, "\n")
	for _, want := range []string{"POST /api/oauth/token 200", "deposer/flux 200 codeRetour=0 client=sim account=TECH_SIM@cpro.fr numero=F-1 flux=CPP001", "no answer", "fault=drop_before_commit", `why="undeclared route`} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
	if len(lines) != 4 || strings.Count(all, "\n") != 3 || strings.Contains(all, "\x1b") || strings.Contains(all, c.token) || strings.Contains(all, "sim-password") {
		t.Errorf("%d lines:\n%s", len(lines), all)
	}
}

// TestUsage: a setting that makes no sense is named.
func TestUsage(t *testing.T) {
	for want, cfg := range map[string]chorustest.Config{
		"profile": {Profile: "sunny"}, "empty": {Empty: "5"}, "max-page": {MaxPage: -1}, "late": {Late: -time.Second},
	} {
		s, err := chorustest.Start(cfg)
		if err == nil {
			_ = s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// officialOperations are those of the two official Swaggers that can be had (Factures, Structures; docs/chorus-pro.md, its sources), each a POST.
var officialOperations = strings.Fields(`
	factures/v1/completer factures/v1/consulter/fournisseur factures/v1/consulter/historique factures/v1/consulter/recipiendaire factures/v1/consulter/valideur
	factures/v1/corriger/valideur/facture factures/v1/deposer/flux factures/v1/deposer/pdf factures/v1/rechercher/aTraiter/valideur factures/v1/rechercher/atraiter/fournisseur
	factures/v1/rechercher/atraiter/recipiendaire factures/v1/rechercher/demandePaiement factures/v1/rechercher/fournisseur factures/v1/rechercher/recipiendaire
	factures/v1/rechercher/valideur factures/v1/recuperer/statutsFactureVisibles/valideur factures/v1/recycler factures/v1/soumettre factures/v1/telecharger/groupe
	factures/v1/traiter/factureAValider factures/v1/traiter/recue factures/v1/traiterRejet
	structures/v1/consulter structures/v1/consulter/service structures/v1/lister/rattachementsutilisateur structures/v1/rechercher structures/v1/rechercher/espaces
	structures/v1/rechercher/services`)

// TestOpenAPIIsWhole: every route stands in the description of its door, and what is simulated says so.
func TestOpenAPIIsWhole(t *testing.T) {
	s, _ := start(t, nil)
	var doc struct {
		Paths map[string]map[string]struct {
			Mark string `json:"x-chorus-sim"`
		}
	}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, s.APIURL()+"/openapi.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal((&client{t: t, http: dialless()}).do(req).raw, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Paths["/cpro/factures/v1/deposer/flux"]["post"].Mark != "simulated" || doc.Paths["/cpro/transverses/v1/consulter/information/siret"]["post"].Mark != "not simulated" {
		t.Errorf("%d paths", len(doc.Paths))
	}
	served := 0
	for _, path := range officialOperations {
		if doc.Paths["/cpro/"+path]["post"].Mark == "simulated" {
			served++
		} else {
			t.Errorf("not served: %s", path)
		}
	}
	t.Logf("%d of %d operations of the official Swaggers are served", served, len(officialOperations))
}
