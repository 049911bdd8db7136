package chorustest_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
)

// play is a scenario being played to a client.
type play struct {
	*testing.T
	s *chorustest.Sim
	c *client
}

func perform(t *testing.T, name string) *play {
	t.Helper()
	sc, err := chorustest.ReadScenario(name)
	if err != nil {
		t.Fatal(err)
	}
	cfg := chorustest.Config{Scenario: sc, HangFor: 10 * time.Millisecond, Late: time.Millisecond, Quota: -1} // this client does not pace itself
	if sc.Quota != 0 {
		cfg.Quota = 0 // the scenario's
	}
	s := chorustest.New(t, &cfg)
	c := &client{t: t, api: s.APIURL(), url: s.TokenURL(), account: "TECH_SIM@cpro.fr:sim-password", http: dialless()}
	t.Cleanup(c.http.CloseIdleConnections)
	return &play{t, s, c}
}

// until does something again and again, an interval of the virtual clock apart, with a new token each time, until it says that it is done.
func (p *play) until(every time.Duration, done func() bool) {
	p.Helper()
	for range 200 {
		if r := p.c.askToken("sim", "sim-secret"); r.text("access_token") != "" {
			p.c.token = r.text("access_token")
			if done() {
				return
			}
		}
		p.s.Advance(every)
	}
	p.Fatal("200 tries are not enough")
}

// sent deposits as a careful client does: what may have arrived is looked for, for longer than the portal may hide it, before it is sent again.
func (p *play) sent(numero string) {
	p.Helper()
	missed, tried := 0, false
	p.until(30*time.Minute, func() bool {
		if tried {
			r := p.c.search(m{"numeroFacture": numero})
			if len(r.found()) > 0 {
				return true
			}
			if r.status != 200 {
				return false
			}
			if missed++; missed < 10 {
				return false
			}
		}
		r := p.c.deposit(facture(numero))
		flux := r.text("numeroFluxDepot")
		if flux == "" {
			tried = tried || r.status != 429 && r.status != 401 // neither reaches the portal
			return false
		}
		for range 1000 {
			switch r := p.c.report(flux); r.body["etatCourantDepotFlux"] {
			case "IN_INTEGRE", "IN_REJETE":
				return true
			case "IN_INCIDENTE":
				tried = true
				return false
			}
			time.Sleep(time.Millisecond)
		}
		return false
	})
}

func (p *play) reaches(numero, statut string, remedy func(id any)) {
	p.Helper()
	p.until(time.Hour, func() bool {
		rows := p.c.search(m{"numeroFacture": numero}).found()
		if len(rows) == 0 {
			return false
		}
		if is := rows[0]["statut"]; is == "SUSPENDUE" || is == "A_RECYCLER" {
			remedy(rows[0]["identifiantFactureCPP"])
		}
		return rows[0]["statut"] == statut
	})
}

// TestScenarios plays every one that is shipped to a careful client, which does what is expected of it.
func TestScenarios(t *testing.T) {
	nothing := func(any) {}
	clients := map[string]func(p *play){
		"calm":              func(p *play) { p.sent("F-1"); p.reaches("F-1", "MISE_EN_PAIEMENT", nothing) },
		"lost-answer":       func(p *play) { p.sent("F-1"); p.sent("F-2") },
		"late-landing":      func(p *play) { p.sent("F-1") },
		"duplicate":         func(p *play) { p.sent("F-1"); p.sent("F-2") },
		"maintenance-night": func(p *play) { p.sent("F-1"); p.s.Advance(11 * time.Minute); p.sent("F-2") },
		"storm-429":         func(p *play) { p.c.http.Transport = paced{p.c.http.Transport}; p.sent("F-1") },
		"late-visibility":   func(p *play) { p.sent("F-1") },
		"years-end": func(p *play) {
			p.sent("F-1")
			p.s.Advance(20 * time.Minute)
			if day := p.s.Now().In(chorustest.Paris); day.Month() != time.January || day.Day() != 1 {
				p.Errorf("it is %s", day)
			}
		},
		"dead-tokens": func(p *play) { p.sent("F-1"); p.s.Advance(time.Hour); p.sent("F-2") },
		"incident":    func(p *play) { p.sent("F-1") },
		"hostile":     func(p *play) { p.sent("F-1") },
		"partial-flux": func(p *play) {
			p.c.login()
			flux := p.c.depositFile("lot.tar.gz", "IN_DP_E1_UBL_INVOICE", archive(p, facture("F-1"), facture("F-2"), facture("F-3"))).text("numeroFluxDepot")
			if r := p.c.integrated(flux); r.text("etatCourantDepotFlux") != "IN_INTEGRE_PARTIEL" || !strings.Contains(string(r.raw), `"numeroDP":"F-2"`) {
				p.Errorf("report %s", r.raw)
			}
		},
		"suspended": func(p *play) {
			p.sent("F-1")
			p.reaches("F-1", "MISE_EN_PAIEMENT", func(id any) { p.c.post("/cpro/factures/v1/completer", m{"identifiantFactureCPP": id}) })
		},
		"recycled": func(p *play) {
			p.sent("F-1")
			p.reaches("F-1", "MISE_EN_PAIEMENT", func(id any) {
				p.c.post("/cpro/factures/v1/recycler", m{"identifiantFactureCPP": id, "destinataire": m{"codeServiceExecutant": "SERV_TECH"}})
			})
		},
		"refused": func(p *play) { p.sent("F-1"); p.reaches("F-1", "REJETEE", nothing) },
		"expired-password": func(p *play) {
			p.sent("F-1")
			p.s.Advance(2 * time.Hour)
			p.c.login()
			if r := p.c.deposit(facture("F-2")); r.status != 401 {
				p.Errorf("an expired password: %d", r.status)
			}
			p.s.Advance(24 * time.Hour)
			p.c.account = "TECH_SIM@cpro.fr:new-password"
			p.sent("F-2")
		},
	}
	for _, name := range chorustest.Scenarios() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := perform(t, name)
			if clients[name] == nil {
				t.Fatal("nobody plays it")
			}
			clients[name](p)
			for _, x := range p.s.Expectations() {
				if !x.Met {
					t.Errorf("%+v", x)
				}
			}
			if _, answer := manage(t, p.s, "GET", "/scenario", ""); !strings.Contains(answer, `"name":"`+name+`"`) || !strings.Contains(answer, `"a_propos":"`) {
				t.Error(answer)
			}
		})
	}
}

// paced lets a request go every 55 ms: the quota counts real time.
type paced struct{ http.RoundTripper }

func (p paced) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(55 * time.Millisecond)
	if p.RoundTripper == nil {
		return http.DefaultTransport.RoundTrip(r)
	}
	return p.RoundTripper.RoundTrip(r)
}

// TestAScenarioFindsTheNaive: who sends again without looking is found out, and a reset plays it anew.
func TestAScenarioFindsTheNaive(t *testing.T) {
	p := perform(t, "lost-answer")
	for range 2 {
		p.c.login()
		p.c.deposit(facture("F-1"))
		p.c.accepted(facture("F-1"))
		unmet := 0
		for _, x := range p.s.Expectations() {
			if x.What == "twice" && !x.Met {
				unmet++
			}
		}
		if unmet != 1 {
			t.Errorf("expectations %+v", p.s.Expectations())
		}
		if err := p.s.Reset(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestScenarioFiles(t *testing.T) {
	dir := t.TempDir()
	for name, x := range map[string]struct{ file, want string }{
		"good":      {`{"about":"x","expect":[{"what":"accepted","min":1}]}`, ""},
		"field":     {"{\n\"colour\":\"red\"}", "line 2: colour: there is no such field; there are about, "},
		"within":    {"{\"faults\":[\n{\"kind\":\"500\"},\n{\"kind\":\"500\",\n\"tiems\":2}]}", "line 4: faults[1].tiems: there is no such field"},
		"letters":   {`{"Seed":1}`, "line 1: Seed: there is no such field"},
		"fault":     {"{\"faults\":[\n{\"kind\":\"hiccup\"}]}", `line 2: faults[0].kind: unknown fault kind "hiccup"`},
		"late":      {"{\"timeline\":[{\"after\":\"1h\",\"faults\":[{\"kind\":\"500\",\n\"op\":\"pay\"}]}]}", `line 2: timeline[0].faults[0].op: unknown operation "pay"`},
		"statut":    {"{\"scripts\":{\"F-1\":[\n{\"statut\":\"PAYEE\"}]}}", `line 2: scripts.F-1[0].statut: "PAYEE" is none of`},
		"order":     {"{\"timeline\":[{\"after\":\"2h\",\"revoke\":true},\n{\"after\":\"1h\",\"revoke\":true}]}", "line 2: timeline[1].after: 1h0m0s comes before"},
		"scope":     {`{"timeline":[{"after":"2h","outage":{"on":true,"scope":"web"}}]}`, `timeline[0].outage.scope: unknown scope "web"`},
		"nothing":   {`{"timeline":[{"after":"2h"}]}`, "timeline[0]: has 0 of faults"},
		"both":      {`{"timeline":[{"after":"2h","revoke":true,"clear":true}]}`, "timeline[0]: has 2 of faults"},
		"bound":     {`{"expect":[{"what":"accepted"}]}`, "expect[0]: has neither min nor max"},
		"what":      {`{"expect":[{"what":"happiness","min":1}]}`, "expect[0].what: "},
		"no statut": {`{"expect":[{"what":"statut","min":1}]}`, "expect[0].statut: "},
		"no status": {`{"expect":[{"what":"answers","min":1}]}`, "expect[0].status: "},
		"op":        {`{"expect":[{"what":"requests","op":"deposer","max":1}]}`, "expect[0].op: "},
		"duration":  {"{\n\n\"step\":\"soon\"}", `line 3: step: "soon" is not a positive duration as 90m`},
		"type":      {"{\n\"seed\":\"7\"}", `line 2: seed: "7" is not what belongs there: a whole number`},
		"list":      {`{"faults":{"kind":"500"}}`, "faults: is no list"},
		"begins":    {`{"begins":"christmas"}`, "line 1: begins: \"christmas\" is not as 12-31T23:50"},
		"text":      {`once upon a time`, "line 1: invalid character"},
		"comma":     {"{\"seed\":1,\n}", "line 2: "},
		"end":       {"{\n\"seed\":1,\n", "line 3: the file ends within"},
		"more":      {"{}\n\n{}", "line 3: something follows"},
		"null":      {`null`, "line 1: is no object"},
		"deep":      {`{"about":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`, "is nested deeper than 32 levels"},
		"long key":  {`{"scripts":{"` + strings.Repeat("n", 300_000) + `":[` + strings.Repeat("1,", 300_000) + `1]}}`, "line 1: scripts: a key is longer than 200 characters"},
		"many":      {`{"timeline":[` + strings.Repeat("{\"after\":\"1h\",\"clear\":true},\n", 20_000) + `{"after":"1h","clear":1}]}`, "line 20001: timeline[20000].clear: "},
		"huge":      {`{"about":"` + strings.Repeat("x", 2<<20) + `"}`, "huge.json is larger than 1048576 bytes"},
		"SIRETs":    {"{\"structures\":[{\"siret\":\"21750001600019\"},\n{\"siret\":\"21750001600019\"}]}", `line 2: structures[1].siret: "21750001600019" stands there twice`},
		"logins":    {`{"accounts":[{"login":"a","password":"p"},{"login":"a","password":"q"}]}`, `accounts[1].login: "a" stands there twice`},
		"lags":      {"{\"lag_from\":\"2h\",\n\"lag\":\"1h\"}", "line 1: lag_from: 2h0m0s is above lag, 1h0m0s"},
		"nameless":  {`{"scripts":{"":[]}}`, "scripts: an invoice number is missing"},
		"below":     {`{"expect":[{"what":"twice","max":-1}]}`, "expect[0].max: -1 is below nothing"},
		"typed twice": {
			`{"typed":[{"numero":"M","dateFacture":"today","fournisseur":"99999999800012","destinataire":"99999999700023"},{"numero":"M","dateFacture":"today","fournisseur":"99999999800020","destinataire":"99999999700023"}]}`,
			"typed[1].numero: year, SIREN and number ",
		},
		"twice":     {"{\"seed\":1,\n\"seed\":2}", "line 2: seed: stands there twice"},
		"account":   {`{"accounts":[{"login":"x"}]}`, "line 1: accounts[0]: login (without a colon) and password are required"},
		"structure": {`{"structures":[{"siret":"1"}]}`, "structures[0].siret: "},
		"typed":     {"{\"typed\":[{\"numero\":\"M\",\"dateFacture\":\"today\",\"fournisseur\":\"99999999800012\",\"destinataire\":\"99999999700023\",\n\"montantTTC\":\"much\"}]}", `line 2: typed[0].montantTTC: "much" is not an amount`},
		"no typed":  {`{"typed":[{}]}`, "typed[0]: numero"},
		"profile":   {"{\n\"profile\":\"sunny\"}", `line 2: profile: "sunny" is none of calm`},
	} {
		file := filepath.Join(dir, name+".json")
		if err := os.WriteFile(file, []byte(x.file), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := chorustest.ReadScenario(file); (err == nil) != (x.want == "") || err != nil && !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := chorustest.ReadScenario("no-such"); err == nil || !strings.Contains(err.Error(), "lost-answer") {
		t.Errorf("an unknown name: %v", err)
	}
	sc, err := chorustest.ReadScenario("calm")
	if err != nil {
		t.Fatal(err)
	}
	ledger := filepath.Join(dir, "l.jsonl")
	s, _ := start(t, &chorustest.Config{Ledger: ledger})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := chorustest.Start(chorustest.Config{Ledger: ledger, Scenario: sc}); err == nil || !strings.Contains(err.Error(), "empty ledger") {
		t.Errorf("a ledger with lines: %v", err)
	}
}

// TestManualListsTheScenarios: docs/simulator.md has the names and what happens, and its example is one that can be read.
func TestManualListsTheScenarios(t *testing.T) {
	const page, begin, end = "../../docs/simulator.md", "<!-- scenarios -->\n", "<!-- end of scenarios -->"
	raw, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(raw), begin)
	table, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("docs/simulator.md has lost its marks")
	}
	want := "\n| name | what happens |\n| --- | --- |\n"
	for _, name := range chorustest.Scenarios() {
		sc, err := chorustest.ReadScenario(name)
		if err != nil {
			t.Fatal(err)
		}
		want += "| `" + name + "` | " + sc.About + " |\n"
	}
	if table != want {
		if !*update {
			t.Error("docs/simulator.md has another list of scenarios: go test ./chorus/chorustest -run Scenarios -update")
		} else if err := os.WriteFile(page, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, example, _ := strings.Cut(after, "```json\n")
	example, _, _ = strings.Cut(example, "```")
	file := filepath.Join(t.TempDir(), "example.json")
	if err := os.WriteFile(file, []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := chorustest.ReadScenario(file); err != nil {
		t.Errorf("the manual's example: %v", err)
	}
}
