package chorustest_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
)

// manage calls the management door.
func manage(t *testing.T, s *chorustest.Sim, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(method, s.ManageURL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r := (&client{t: t, http: dialless()}).do(req)
	if r.err != nil {
		t.Fatal(r.err)
	}
	return r.status, string(r.raw)
}

func TestManagementDoor(t *testing.T) {
	s, c := start(t, &chorustest.Config{Quota: -1, Profile: "hostile", TolerateViolations: true, HangFor: 30 * time.Millisecond, Empty: "0"})
	for _, x := range []struct {
		method, path, body string
		status             int
		want               string
		then               func()
	}{
		{method: "POST", path: "/profile", body: `{"on":false}`, status: 200, want: `"on":false`, then: func() {
			c.login()
			c.integrated(c.accepted(facture("F-1")))
		}},
		{method: "POST", path: "/faults", body: `{"kind":"503","numero":"F-2"}`, status: 200, want: `"kind":"503"`, then: func() {
			if r := c.deposit(facture("F-2")); r.status != 503 {
				t.Errorf("scripted fault: %d", r.status)
			}
		}},
		{method: "POST", path: "/faults", body: `[{"kind":"hang"},{"kind":"html_200","op":"token"}]`, status: 200, want: `"queue":[{`},
		{method: "DELETE", path: "/faults", status: 200},
		{method: "GET", path: "/faults", status: 200, want: `"queue":[]`},
		{method: "POST", path: "/faults", body: `{"kind":"hiccup"}`, status: 400, want: "hiccup"},
		{method: "POST", path: "/faults", body: `{"kind":"hang","op":"deposit"}`, status: 400, want: "unknown operation"},
		{method: "POST", path: "/faults", body: `{"kind":"hang","often":3}`, status: 400, want: "often"},
		{method: "POST", path: "/clock", body: `{"advance":"36h"}`, status: 200, want: `"now"`, then: c.login},
		{method: "POST", path: "/clock", body: `{"advance":"-1h"}`, status: 400, want: "duration"},
		{method: "POST", path: "/invoices/F-1/statut", body: `{"statut":"SUSPENDUE","commentaire":"bon ?"}`, status: 200, want: "SUSPENDUE", then: func() {
			if got := c.search(m{"numeroFacture": "F-1"}).found()[0]["commentaireEtatCourant"]; got != "bon ?" {
				t.Errorf("commentaire %v", got)
			}
		}},
		{method: "POST", path: "/invoices/none/statut", body: `{"statut":"SUSPENDUE"}`, status: 400, want: "no invoice none"},
		{method: "POST", path: "/invoices/A%2FB/script", body: `[{"statut":"REJETEE"}]`, status: 200, want: "REJETEE"},
		{method: "GET", path: "/invoices/F-1", status: 200, want: `"identifiantFactureCPP":41207733`},
		{
			method: "POST", path: "/invoices", status: 200, want: `"identifiantFactureCPP":41207734`,
			body: `{"numero":"M-1","dateFacture":"2026-02-01","fournisseur":"99999999800012","destinataire":"99999999700023","montantTTC":"12.00"}`,
			then: func() {
				row := c.search(m{"numeroFacture": "M-1"}).found()[0]
				if row["numeroFluxDepot"] != nil || row["modeDepot"] != "SAISIE_PORTAIL" || fmt.Sprint(row["montantTTC"]) != "12.00" {
					t.Errorf("typed in: %v", row)
				}
			},
		},
		{
			method: "POST", path: "/invoices", status: 400, want: "already",
			body: `{"numero":"M-1","dateFacture":"2026-02-01","fournisseur":"99999999800012","destinataire":"99999999700023"}`,
		},
		{method: "POST", path: "/invoices", body: `{"numero":"M-2"}`, status: 400, want: "required"},
		{method: "GET", path: "/ledger?type=accepted&numero=F-1", status: 200, want: `"key":"2026/999999998/F-1"`},
		{method: "GET", path: "/stats", status: 200, want: `"accepted":1`},
		{method: "POST", path: "/revoke", body: `{}`, status: 200, then: func() {
			if r := c.report("x"); r.status != 401 {
				t.Errorf("revoked: %d", r.status)
			}
			c.login()
		}},
		{method: "POST", path: "/accounts", body: `{"login":"TECH_SIM@cpro.fr","locked":true}`, status: 200, then: func() {
			if r := c.report("x"); r.status != 401 {
				t.Errorf("locked: %d", r.status)
			}
		}},
		{method: "POST", path: "/accounts", body: `{"login":"new","password":"pw","structures":["99999999800012"]}`, status: 200, then: func() {
			if c.account = "new:pw"; c.report("x").status != 200 {
				t.Error("new account")
			}
		}},
		{method: "POST", path: "/accounts", body: `{"login":"bare"}`, status: 400, want: "no password"},
		{method: "POST", path: "/outage", body: `{"on":true,"scope":"api","kind":"504"}`, status: 200, then: func() {
			if r := c.report("x"); r.status != 504 {
				t.Errorf("outage: %d", r.status)
			}
		}},
		{method: "POST", path: "/outage", body: `{"on":false,"scope":"api"}`, status: 200},
		{method: "POST", path: "/outage", body: `{"on":true,"scope":"moon"}`, status: 400, want: "moon"},
		{method: "POST", path: "/lag", body: `{"from":"1s","to":"90s"}`, status: 200, want: `"to":"90s"`},
		{method: "POST", path: "/lag", body: `{"to":"0s"}`, status: 200, want: `"to":"0s"`},
		{method: "POST", path: "/lag", body: `{"from":"2s","to":"1s"}`, status: 400, want: "below from"},
		{method: "POST", path: "/invoices/F-1/edit", body: `{"montantTTC":"12.00","numeroFluxDepot":"CPP9"}`, status: 200, then: func() {
			if row := c.search(m{"numeroFacture": "F-1"}).found()[0]; fmt.Sprint(row["montantTTC"], row["numeroFluxDepot"], row["dateFacture"]) != "12.00CPP92026-01-15" {
				t.Errorf("edited: %v", row)
			}
		}},
		{method: "POST", path: "/invoices/F-1/edit", body: `{"total":"12.00"}`, status: 400, want: "total"},
		{method: "POST", path: "/invoices/F-1/edit", body: `{"montantTTC":"true"}`, status: 400, want: "montantTTC"},
		{method: "POST", path: "/invoices/F-1/edit", body: `{"montantTTC":12}`, status: 400, want: "montantTTC: number is not what belongs there: a text"},
		{method: "POST", path: "/invoices", body: `{"numero":"M-1","dateFacture":"2026-02-01","fournisseur":"99999999800012","destinataire":"99999999700023","montantHT":"\"1\""}`, status: 400, want: "montantHT"},
		{method: "POST", path: "/invoices", body: `{"numero":"M-1","dateFacture":"2026-02-01","fournisseur":"99999999800012","destinataire":"99999999700023","cadre":"B1"}`, status: 400, want: "A1 to A25"},
		{method: "POST", path: "/invoices", body: `{"numero":"M-1","dateFacture":"2026-02-01","fournisseur":"99999999800012","destinataire":"99999999700023","typeFacture":"NOTE"}`, status: 400, want: "FACTURE AVOIR"},
		{method: "POST", path: "/faults", body: `{"kind":"validation","status":7}`, status: 400, want: "status: 7"},
		{method: "POST", path: "/faults", body: `{"kind":"500","times":-2}`, status: 400, want: "times: -2"},
		{method: "POST", path: "/faults", body: `{"kind":"commit_late","delay_ms":9223372036854775807}`, status: 400, want: "delay_ms"},
		{method: "POST", path: "/structures/21750001600027", body: `{"id":26300991}`, status: 400, want: "is that of 99999999800012"},
		{method: "POST", path: "/invoices/F-9/edit", body: `{}`, status: 400, want: "F-9"},
		{method: "POST", path: "/invoices/F-1/hidden", body: `{"on":true}`, status: 200, then: func() {
			if found := c.search(m{"numeroFacture": "F-1"}).found(); len(found) != 0 {
				t.Errorf("hidden: %v", found)
			}
		}},
		{method: "POST", path: "/invoices/F-1/hidden", body: `{"on":false}`, status: 200, then: func() {
			if found := c.search(m{"numeroFacture": "F-1"}).found(); len(found) != 1 {
				t.Errorf("shown again: %v", found)
			}
		}},
		{method: "GET", path: "/violations", status: 200, want: "[]"},
		{method: "GET", path: "/open", status: 200, want: `"requests":[]`},
		{method: "GET", path: "/clock", status: 200, want: `"now"`},
	} {
		status, body := manage(t, s, x.method, x.path, x.body)
		if status != x.status || !strings.Contains(body, x.want) {
			t.Errorf("%s %s %s: %d %.300s, wanted %d with %q", x.method, x.path, x.body, status, body, x.status, x.want)
		}
		if x.then != nil {
			x.then()
		}
	}
}

func TestOpenRequestsAndComingLandings(t *testing.T) {
	s, c := start(t, &chorustest.Config{HangFor: time.Minute})
	s.Faults(chorustest.Fault{Kind: "commit_late", Numero: "F-1"})
	done := make(chan reply, 1)
	go func() { done <- c.deposit(facture("F-1")) }()
	deadline := time.Now().Add(5 * time.Second)
	for {
		if _, body := manage(t, s, "GET", "/open", ""); strings.Contains(body, `"op":"deposer/flux"`) && strings.Contains(body, `"numeros":["F-1"]`) {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("open: %s", body)
		}
	}
	c.http.CloseIdleConnections()
	s.Advance(3 * time.Minute)
	if _, body := manage(t, s, "GET", "/open", ""); !strings.Contains(body, `"landings":[]`) || !strings.Contains(body, "deposer/flux") {
		t.Errorf("landed, still open: %s", body)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if r := <-done; r.err == nil {
		t.Errorf("the hanging request got %d", r.status)
	}
}

func TestLedgerIsJSONLines(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ledger.jsonl")
	s, c := start(t, &chorustest.Config{Ledger: file})
	c.integrated(c.accepted(facture("F-1")))
	_, body := manage(t, s, "GET", "/ledger", "")
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(raw, []byte(body)) {
		t.Error("the door and the file differ")
	}
	types := map[string]bool{}
	for in := bufio.NewScanner(strings.NewReader(body)); in.Scan(); {
		var e chorustest.Entry
		if err := json.Unmarshal(in.Bytes(), &e); err != nil {
			t.Fatalf("%s: %v", in.Text(), err)
		}
		types[e.Type] = true
		if e.Type == "accepted" && (len(e.SHA256) != 64 || e.Key != "2026/999999998/F-1" || e.NomFichier != "F-1.xml") {
			t.Errorf("%s", in.Text())
		}
	}
	for _, want := range []string{"start", "token", "request", "accepted", "answer", "close", "integrated"} {
		if !types[want] {
			t.Errorf("no line of type %s", want)
		}
	}
	if strings.Contains(string(raw), c.token) || strings.Contains(string(raw), "sim-secret") || strings.Contains(string(raw), "sim-password") {
		t.Error("the ledger holds a secret")
	}
}

func TestReusedConnectionsAreSeen(t *testing.T) {
	s, c := start(t, nil)
	c.report("x")
	c.report("y")
	var reused []bool
	for _, e := range s.Ledger() {
		if e.Type == "request" {
			reused = append(reused, e.Reused)
		}
	}
	if fmt.Sprint(reused) != "[false true true]" {
		t.Errorf("%v", reused)
	}
}

// TestMistakesAtTheManagementDoor: what would do nothing, or something else than what is meant, is refused with the reason.
func TestMistakesAtTheManagementDoor(t *testing.T) {
	s, c := start(t, &chorustest.Config{Quota: -1})
	c.integrated(c.accepted(facture("F-1")))
	for _, x := range []struct{ method, path, body, want string }{
		{"POST", "/profile", `{"name":"hostile"}`, "on is missing"},
		{"POST", "/outage", `{"scope":"api"}`, "on is missing"},
		{"POST", "/invoices/F-1/hidden", `{}`, "on is missing"},
		{"POST", "/revoke", `{"client":"sym"}`, "sym"},
		{"POST", "/accounts", `{"login":"a","password":"b","structures":["9999999980001"]}`, "14 digits"},
		{"GET", "/ledger?type=acepted", "", "accepted"},
		{"GET", "/truth?op=deposer", "", "deposer/flux"},
	} {
		if status, text := manage(t, s, x.method, x.path, x.body); status != http.StatusBadRequest || !strings.Contains(text, x.want) {
			t.Errorf("%s %s: %d %s", x.path, x.body, status, text)
		}
	}
	if _, text := manage(t, s, "GET", "/invoices/NOBODY", ""); !strings.Contains(text, `"deposits":[]`) {
		t.Errorf("nobody's invoice: %s", text)
	}
	for _, e := range s.Ledger() {
		if status, text := manage(t, s, "GET", "/ledger?type="+e.Type, ""); status != http.StatusOK || text == "" {
			t.Errorf("%s: %d %s", e.Type, status, text)
		}
	}
	manual, err := os.ReadFile("../../docs/simulator.md")
	if types := strings.Join(chorustest.EntryTypes, " "); err != nil || !bytes.Contains(manual, []byte("`"+types+"`")) {
		t.Errorf("docs/simulator.md does not list the types %s: %v", types, err)
	}
}

func TestManualNamesEveryFaultAndPath(t *testing.T) {
	manual, err := os.ReadFile("../../docs/simulator.md")
	if err != nil {
		t.Fatal(err)
	}
	for kind := range chorustest.FaultKinds() {
		if !bytes.Contains(manual, []byte("| `"+kind+"` |")) {
			t.Errorf("docs/simulator.md does not list the fault %s", kind)
		}
	}
	for _, path := range []string{"faults", "clock", "invoices", "ledger", "open", "stats", "violations", "outage", "accounts", "revoke", "profile", "lag", "reset", "tolerated", "structures", "truth"} {
		if !bytes.Contains(manual, []byte("$MANAGE/"+path)) {
			t.Errorf("docs/simulator.md shows no call of /%s", path)
		}
	}
}
