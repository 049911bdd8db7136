package chorustest_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
)

func TestQuotaIsExact(t *testing.T) {
	s, c := start(t, nil)
	for {
		begin := time.Now()
		var answered, limited int
		for range 25 {
			switch r := c.report("x"); r.status {
			case 200:
				answered++
			case 429:
				limited++
				if r.header.Get("Retry-After") != "1" || r.header.Get("X-Rate-Limit") == "" {
					t.Errorf("429 with %v", r.header)
				}
			}
		}
		inOneSecond := time.Since(begin) < time.Second
		time.Sleep(time.Second + 10*time.Millisecond) // the window is real time: only that ends it
		if !inOneSecond {                             // a busy machine; the count says nothing
			continue
		}
		if answered != 20 || limited != 5 || s.MaxRate() != 25 {
			t.Errorf("%d answered, %d limited, most in a second %d", answered, limited, s.MaxRate())
		}
		break
	}
	if r := c.report("x"); r.status != 200 {
		t.Errorf("a second later: %d", r.status)
	}
}

func TestQuotaIsPerClient(t *testing.T) {
	s := chorustest.New(t, &chorustest.Config{Quota: 2, Clients: []chorustest.Client{{ID: "a", Secret: "a"}, {ID: "sim", Secret: "sim-secret"}}})
	c := dial(t, s.APIURL(), s.TokenURL())
	other := dial(t, s.APIURL(), s.TokenURL())
	other.token = other.askToken("a", "a").text("access_token")
	for i, want := range []int{200, 200, 429} {
		if got := c.report("x").status; got != want {
			t.Errorf("call %d: %d", i, got)
		}
	}
	if got := other.report("x").status; got != 200 {
		t.Errorf("the other application: %d", got)
	}
}

func TestTokens(t *testing.T) {
	s, c := start(t, &chorustest.Config{TolerateViolations: true})
	unknown, wrong := c.askToken("nobody", "sim-secret"), c.askToken("sim", "wrong")
	if unknown.status != 400 || wrong.status != 400 || !bytes.Equal(unknown.raw, wrong.raw) {
		t.Errorf("unknown client %d %s, wrong secret %d %s", unknown.status, unknown.raw, wrong.status, wrong.raw)
	}
	first := c.token
	if len(first) != 54 {
		t.Errorf("token of %d characters", len(first))
	}
	c.login()
	for _, token := range []string{first, c.token} {
		c.token = token
		if r := c.report("x"); r.status != 200 {
			t.Errorf("one of two live tokens: %d", r.status)
		}
	}
	s.Advance(time.Hour)
	if r := c.report("x"); r.status != 401 || !strings.Contains(r.header.Get("WWW-Authenticate"), "invalid_token") {
		t.Errorf("after an hour: %d %v", r.status, r.header)
	}
	req := c.request(http.MethodPost, "/cpro/transverses/v1/consulterCRDetaille", m{"numeroFluxDepot": "x"})
	req.Header.Set("Authorization", "Bearer nonsense")
	if r := c.do(req); r.status != 401 {
		t.Errorf("nonsense: %d", r.status)
	}
	c.url = s.APIURL() + "/api/oauth/token?x=1"
	req, err := http.NewRequest(http.MethodPost, c.url, strings.NewReader(`{"grant_type":"client_credentials"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if r := c.do(req); r.status != 400 || len(s.Violations()) == 0 {
		t.Errorf("JSON at the token door: %d, %v", r.status, s.Violations())
	}
}

func TestAccounts(t *testing.T) {
	s, c := start(t, &chorustest.Config{Accounts: []chorustest.Account{
		chorustest.DefaultAccount, {Login: "old", Password: "pw", Expires: time.Now().Add(-time.Hour)},
	}})
	good := c.account
	c.account = "old:pw"
	if r := c.report("x"); r.status != 401 {
		t.Errorf("expired password: %d", r.status)
	}
	for range 4 {
		c.account = "TECH_SIM@cpro.fr:wrong"
		if r := c.report("x"); r.status != 401 || !strings.Contains(r.header.Get("WWW-Authenticate"), "login or password incorrects") {
			t.Errorf("wrong password: %d %v", r.status, r.header)
		}
	}
	c.account = good
	if r := c.report("x"); r.status != 200 {
		t.Errorf("right after four wrong: %d", r.status)
	}
	c.account = "TECH_SIM@cpro.fr:wrong"
	for range 5 {
		c.report("x")
	}
	c.account = good
	if r := c.report("x"); r.status != 401 {
		t.Errorf("right after five wrong: %d", r.status)
	}
	if err := s.SetAccount("TECH_SIM@cpro.fr", func(a *chorustest.Account) { a.Locked = false }); err != nil {
		t.Fatal(err)
	}
	if r := c.report("x"); r.status != 200 {
		t.Errorf("unlocked: %d", r.status)
	}
}

func TestUnsubscribed(t *testing.T) {
	_, c := start(t, &chorustest.Config{Clients: []chorustest.Client{{ID: "sim", Secret: "sim-secret", Unsubscribed: []string{"transverses"}}}})
	if r := c.report("x"); r.status != 403 {
		t.Errorf("transverses: %d", r.status)
	}
	if r := c.search(m{}); r.status != 200 {
		t.Errorf("factures: %d", r.status)
	}
}

func TestViolations(t *testing.T) {
	const deposer, chercher = "/cpro/factures/v1/deposer/flux", "/cpro/factures/v1/rechercher/fournisseur"
	good := func(change func(m)) m {
		b := m{"fichierFlux": "PGE+", "nomFichier": "a.xml", "syntaxeFlux": "IN_DP_E1_UBL_INVOICE"}
		change(b)
		return b
	}
	s, c := start(t, &chorustest.Config{Quota: -1, TolerateViolations: true})
	for _, x := range []struct {
		path   string
		body   any
		header string // of Content-Type, when not the right one
		want   string
	}{
		{deposer, good(func(b m) { b["idempotencyKey"] = "x" }), "", "unknown field idempotencyKey"},
		{deposer, good(func(b m) { delete(b, "syntaxeFlux") }), "", "missing field syntaxeFlux"},
		{deposer, good(func(b m) { b["syntaxeFlux"] = "UBL" }), "", "not one of its values"},
		{deposer, good(func(b m) { b["avecSignature"] = "false" }), "", "avecSignature has the wrong type"},
		{deposer, good(func(b m) { b["fichierFlux"] = "%%%" }), "", "not base64"},
		{deposer, good(func(b m) { b["nomFichier"] = "" }), "", "file name is empty"},
		{deposer, good(func(b m) { b["nomFichier"] = strings.Repeat("x", 47) + ".xml" }), "", "more than 50"},
		{deposer, good(func(b m) { b["nomFichier"] = "a/b.xml" }), "", "the character /"},
		{deposer, good(func(b m) { b["nomFichier"] = "ab" }), "", "no extension"},
		{deposer, []any{}, "", "not one JSON object"},
		{deposer, good(func(m) {}), "text/plain", "Content-Type"},
		{chercher, m{"rechercheFactureParFournisseur": m{"pageResultat": 1}}, "", "unknown field rechercheFactureParFournisseur.pageResultat"},
		{chercher, m{"rechercheFactureParFournisseur": m{"triSens": "Ascendant "}}, "", "not one of its values"},
		{chercher, m{"periodeDateDepotDu": "hier"}, "", "not a date"},
		{chercher, m{"statutCourant": "DEPOSEE"}, "", "statutCourant has the wrong type"},
		{"/cpro/structures/v1/consulter", m{"idStructure": 1}, "", "unknown field idStructure"},
		{"/cpro/factures/v1/consulter/cr", m{}, "", "undeclared route"},
	} {
		before := len(s.Violations())
		req := c.request(http.MethodPost, x.path, x.body)
		if x.header != "" {
			req.Header.Set("Content-Type", x.header)
		}
		r := c.do(req)
		all := s.Violations()[before:]
		text := ""
		for _, v := range all {
			text += v.Reason + "\n"
		}
		if !strings.Contains(text, x.want) || r.status == 200 && r.code() == "0" {
			t.Errorf("%s %v: %d %s; violations: %s", x.path, x.body, r.status, r.raw, text)
		}
	}
	req := c.request(http.MethodPost, chercher, m{})
	req.Header.Del("cpro-account")
	if r := c.do(req); r.status != 401 {
		t.Errorf("no cpro-account: %d", r.status)
	}
	if n := len(s.Deposits("")); n != 0 {
		t.Errorf("%d deposits of malformed requests", n)
	}
}

func TestRequestTooLarge(t *testing.T) {
	_, c := start(t, nil)
	req := c.request(http.MethodPost, "/cpro/factures/v1/deposer/flux", nil)
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(make([]byte, 45<<20+1))), 45<<20+1
	if r := c.do(req); r.status != 413 && r.err == nil { // the answer may meet a client that still sends
		t.Errorf("%d", r.status)
	}
}

// TestReasons: whoever is refused by the gateway can read why in a header that the portal has not.
func TestReasons(t *testing.T) {
	s, c := start(t, &chorustest.Config{TolerateViolations: true, Quota: -1})
	account := func(login string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("cpro-account", base64.StdEncoding.EncodeToString([]byte(login))) }
	}
	for name, x := range map[string]struct {
		change func(*http.Request)
		path   string
		want   string
		fine   int // violations; -1: some
	}{
		"not simulated": {path: "/cpro/transverses/v1/recuperer/etat/typedp", want: "not simulated"},
		"undeclared":    {path: "/cpro/factures/v1/consulter/facture", want: "undeclared route", fine: 1},
		"strange token": {path: "/cpro/factures/v1/completer", want: "token is unknown here", change: func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }},
		"method":        {path: "/cpro/transverses/v1/health-check", want: "this one takes GET", fine: 1},
		"no prefix":     {path: "/factures/v1/completer", want: "it is POST /cpro/factures/v1/completer", fine: 1},
		"account":       {path: "/cpro/factures/v1/completer", want: "technical account x: that of chorus-sim is TECH_SIM@cpro.fr", change: account("x:y")},
		"line break":    {path: "/cpro/factures/v1/completer", want: "a line break is encoded with it", change: account("TECH_SIM@cpro.fr:sim-password\n")},
		"password":      {path: "/cpro/factures/v1/completer", want: "the password of the technical account TECH_SIM@cpro.fr is wrong", change: account("TECH_SIM@cpro.fr:x")},
		"no colon":      {path: "/cpro/factures/v1/completer", want: "no colon", change: account("TECH_SIM@cpro.fr")},
		"plain":         {path: "/cpro/factures/v1/completer", want: "not base64", change: func(r *http.Request) { r.Header.Set("cpro-account", "TECH_SIM@cpro.fr:sim-password") }},
		"basic":         {path: "/cpro/factures/v1/completer", want: `begins with "Basic "`, change: func(r *http.Request) { r.Header.Set("cpro-account", "Basic eDp5") }},
		"media":         {path: "/cpro/factures/v1/completer", want: `Content-Type "text/plain" is not`, fine: 1, change: func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }},
		"field":         {path: "/cpro/factures/v1/completer", want: "missing field identifiantFactureCPP", fine: -1},
	} {
		before := len(s.Violations())
		req := c.request(http.MethodPost, x.path, m{"colour": "red"})
		if x.change != nil {
			x.change(req)
		}
		r := c.do(req)
		if got := r.header.Get("X-Chorus-Sim"); r.status < 400 || !strings.Contains(got, x.want) {
			t.Errorf("%s: %d %q", name, r.status, got)
		}
		if got := len(s.Violations()) - before; got != x.fine && (x.fine >= 0 || got == 0) {
			t.Errorf("%s: %d violations", name, got)
		}
	}
	r := c.post("/cpro/factures/v1/deposer/flux", m{"fichierFlux": "eA==", "nomFichier": "a.xml", "syntaxeFlux": "UBL"})
	if got := r.header.Get("X-Chorus-Sim"); !strings.Contains(got, `"UBL" is not one of its values, which are IN_DP_E1_UBL_INVOICE `) || !strings.HasSuffix(got, " IN_DP_E2_CII_FACTURX") || strings.Contains(string(r.raw), "IN_DP") {
		t.Errorf("%q %s", got, r.raw)
	}
	if status, answer := manage(t, s, "POST", "/invoices/F-1/statut", `{"statut":"PAYEE"}`); status != 400 || !strings.Contains(answer, "MISE_EN_PAIEMENT") {
		t.Errorf("%d %s", status, answer)
	}
}

// TestWhatWasSentInstead: a token that is written otherwise, and a body that is compressed or begins with a byte order mark, are told from none and from bad JSON.
func TestWhatWasSentInstead(t *testing.T) {
	s, c := start(t, &chorustest.Config{Quota: -1, TolerateViolations: true})
	for _, x := range []struct{ token, body, want string }{
		{"", "{}", "no token was sent"},
		{"Bearer ", "{}", "nothing follows Bearer"},
		{"bearer " + c.token, "{}", "written so"},
		{"Basic eDp5", "{}", "does not begin with Bearer"},
		{"Bearer " + c.token, "\x1f\x8b\x08\x00", "compressed"},
		{"Bearer " + c.token, "\ufeff{}", "byte order mark"},
		{"Bearer " + c.token, "x", "invalid character"},
	} {
		req, err := http.NewRequest(http.MethodPost, s.APIURL()+"/cpro/factures/v1/rechercher/fournisseur", strings.NewReader(x.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", x.token)
		req.Header.Set("cpro-account", base64.StdEncoding.EncodeToString([]byte(chorustest.DefaultAccount.Login+":"+chorustest.DefaultAccount.Password)))
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if why := res.Header.Get("X-Chorus-Sim"); res.StatusCode != http.StatusBadRequest || !strings.Contains(why, x.want) {
			t.Errorf("%.12q %q: %d %s", x.token, x.body, res.StatusCode, why)
		}
	}
}
