package chorustest_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
)

// seen is what a client sees of a deposit that a fault struck.
type seen struct {
	status    int    // 0 = no answer
	contains  string // in the body
	cut       bool   // the body cannot be read to its end
	committed int    // deposits at once
}

func TestEveryDepositFaultOnTheWire(t *testing.T) {
	cases := map[string]struct {
		fault chorustest.Fault
		want  seen
	}{
		"commit_then_drop":       {want: seen{committed: 1}},
		"commit_then_500":        {want: seen{status: 500, committed: 1}},
		"commit_then_502_html":   {want: seen{status: 502, contains: "<html>", committed: 1}},
		"commit_then_truncated":  {want: seen{status: 200, cut: true, committed: 1}},
		"commit_then_empty_json": {want: seen{status: 200, contains: "{}", committed: 1}},
		"commit_then_null":       {want: seen{status: 200, contains: "null", committed: 1}},
		"hang_after_commit":      {want: seen{committed: 1}},
		"commit_late":            {want: seen{}},
		"late_after_D":           {want: seen{}},
		"commit_then_reject":     {want: seen{status: 200, contains: "CPP001", committed: 1}},
		"commit_then_incident":   {want: seen{status: 200, contains: "CPP001", committed: 1}},
		"commit_then_vanish":     {want: seen{status: 200, contains: "CPP001", committed: 1}},
		"commit_then_forget":     {want: seen{status: 200, contains: "CPP001", committed: 1}},
		"no_flux_number":         {want: seen{status: 200, contains: `"numeroFluxDepot":null`, committed: 1}},
		"string_code":            {want: seen{status: 200, contains: `"codeRetour":"0"`, committed: 1}},
		"drop_before_commit":     {want: seen{}},
		"hang":                   {want: seen{}},
		"500":                    {want: seen{status: 500}},
		"503":                    {want: seen{status: 503, contains: "indisponible"}},
		"504":                    {want: seen{status: 504}},
		"429":                    {want: seen{status: 429}},
		"429_bare":               {want: seen{status: 429}},
		"429_date":               {want: seen{status: 429}},
		"429_zero":               {want: seen{status: 429}},
		"429_absurd":             {want: seen{status: 429}},
		"429_daily":              {want: seen{status: 429}},
		"401_token":              {want: seen{status: 401}},
		"401_account":            {want: seen{status: 401}},
		"401_unclear":            {want: seen{status: 401}},
		"403":                    {want: seen{status: 403}},
		"413":                    {want: seen{status: 413}},
		"validation":             {want: seen{status: 400, contains: "20002"}},
		"duplicate":              {want: seen{status: 200, contains: "existe déjà"}},
		"unknown_code":           {want: seen{status: 200, contains: "29999"}},
		"not_entitled":           {want: seen{status: 200, contains: "GDP_MSG_11.005"}},
		"redirect":               {chorustest.Fault{Commit: true, Status: 307}, seen{status: 307, committed: 1}},
		"huge_body":              {chorustest.Fault{Commit: true}, seen{status: 200, contains: "remplissage", committed: 1}},
		"slow_loris":             {want: seen{status: 200, contains: `"codeRetour":0`}},
		"bad_gzip":               {chorustest.Fault{Commit: true}, seen{status: 200, cut: true, committed: 1}},
		"gzip_bomb":              {want: seen{status: 200, contains: "\x00\x00"}},
		"html_200":               {want: seen{status: 200, contains: "<html>"}},
		"reset":                  {chorustest.Fault{Commit: true}, seen{committed: 1}},
		"many_rows":              {want: seen{status: 200, contains: "{},{},{}"}},
		"deep_json":              {want: seen{status: 200, contains: "[[[["}},
		"long_texts":             {chorustest.Fault{Commit: true}, seen{status: 200, contains: "éééé", committed: 1}},
		"hostile_texts":          {chorustest.Fault{Commit: true}, seen{status: 200, contains: "\xff\xfe", committed: 1}},
		"echo_token":             {chorustest.Fault{Commit: true}, seen{status: 500, contains: "QXV0aG9yaXphdGlvbjogQmVhcmVy", committed: 1}},

		// Kinds that concern other operations leave a deposit as it is; their own tests follow.
		"short_page": {want: seen{status: 200, committed: 1}}, "repeated_page": {want: seen{status: 200, committed: 1}},
		"blank":           {want: seen{status: 200, committed: 1}},
		"missing_invoice": {want: seen{status: 200, committed: 1}}, "mixed_dates": {want: seen{status: 200, committed: 1}},
		"unknown_statut": {want: seen{status: 200, committed: 1}}, "statut_backwards": {want: seen{status: 200, committed: 1}},
		"statut_missing": {want: seen{status: 200, committed: 1}}, "unknown_state": {want: seen{status: 200, committed: 1}},
		"comment_missing": {want: seen{status: 200, committed: 1}},
		"another":         {want: seen{status: 200, committed: 1}},
		"list_as_object":  {want: seen{status: 200, committed: 1}}, "no_detail": {want: seen{status: 200, committed: 1}},
		"no_expires_in": {want: seen{status: 200, committed: 1}}, "expires_string": {want: seen{status: 200, committed: 1}},
		"revoke_all": {want: seen{status: 200, committed: 1}}, "invalid_scope": {want: seen{status: 400, contains: "invalid_scope"}},
	}
	for kind := range chorustest.FaultKinds() {
		x, tested := cases[kind]
		if !tested {
			t.Errorf("fault %s is not tested", kind)
			continue
		}
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s, c := start(t, &chorustest.Config{HangFor: 50 * time.Millisecond})
			x.fault.Kind = kind
			s.Faults(x.fault)
			r := c.deposit(facture("F-1"))
			if r.status != x.want.status || (x.want.status == 0) != (r.status == 0 && r.err != nil) {
				t.Errorf("status %d, %v", r.status, r.err)
			}
			if x.want.status != 0 && x.want.cut != (r.err != nil) {
				t.Errorf("body read with %v", r.err)
			}
			if !strings.Contains(string(r.raw), x.want.contains) {
				t.Errorf("body %.200q lacks %q", r.raw, x.want.contains)
			}
			if n := len(s.Deposits("F-1")); n != x.want.committed {
				t.Errorf("%d deposits, not %d", n, x.want.committed)
			}
			if n := s.Stats().Faults[kind]; n != 1 {
				t.Errorf("counted %d times", n)
			}
		})
	}
}

func TestHowConnectionsEnd(t *testing.T) {
	s, c := start(t, nil)
	s.Faults(chorustest.Fault{Kind: "reset"}, chorustest.Fault{Kind: "drop_before_commit"})
	if r := c.deposit(facture("F-1")); !errors.Is(r.err, syscall.ECONNRESET) {
		t.Errorf("reset: %v", r.err)
	}
	if r := c.deposit(facture("F-1")); !errors.Is(r.err, io.EOF) {
		t.Errorf("drop: %v", r.err)
	}
}

func TestRetryAfter(t *testing.T) {
	s, c := start(t, nil)
	for kind, want := range map[string]string{"429": "1", "429_bare": "", "429_zero": "0", "429_absurd": "315360000", "429_daily": "23410", "429_date": "GMT"} {
		s.Faults(chorustest.Fault{Kind: kind})
		if got := c.deposit(facture("F-1")).header.Get("Retry-After"); got != want && (want != "GMT" || !strings.HasSuffix(got, want)) {
			t.Errorf("%s: Retry-After %q", kind, got)
		}
	}
}

func TestLateLandings(t *testing.T) {
	s, c := start(t, &chorustest.Config{HangFor: time.Millisecond, Late: time.Minute, LateAfterD: time.Hour})
	s.Faults(chorustest.Fault{Kind: "commit_late"}, chorustest.Fault{Kind: "late_after_D"})
	c.deposit(facture("F-1"))
	c.deposit(facture("F-2"))
	for _, x := range []struct {
		after  time.Duration
		f1, f2 int
	}{{29 * time.Second, 0, 0}, {32 * time.Second, 1, 0}, {time.Hour, 1, 1}} {
		s.Advance(x.after)
		if n, m := len(s.Deposits("F-1")), len(s.Deposits("F-2")); n != x.f1 || m != x.f2 {
			t.Errorf("after %v: %d and %d deposits", x.after, n, m)
		}
	}
	received := map[int64]time.Time{}
	for _, e := range s.Ledger() {
		switch e.Type {
		case "request":
			received[e.Request] = e.At
		case "accepted":
			if late := e.At.Sub(received[e.Request]); late < 30*time.Second || late > time.Hour+time.Second {
				t.Errorf("%s landed after %v", e.Numero, late)
			}
		}
	}
}

func TestFaultsFindTheirRequests(t *testing.T) {
	s, c := start(t, nil)
	s.Faults(chorustest.Fault{Kind: "500", Numero: "F-2", Times: 2}, chorustest.Fault{Kind: "503", Op: "consulterCRDetaille", Numero: "F-1"})
	flux := c.accepted(facture("F-1"))
	for i, want := range []int{500, 500, 200} {
		if r := c.deposit(facture("F-2")); r.status != want {
			t.Errorf("call %d: %d", i, r.status)
		}
	}
	if r := c.report(flux); r.status != 503 {
		t.Errorf("report: %d", r.status)
	}
	s.Faults(chorustest.Fault{Kind: "403", Op: "*", Times: -1})
	for range 3 {
		if r := c.report(flux); r.status != 403 {
			t.Errorf("for ever: %d", r.status)
		}
	}
	s.ClearFaults()
	if r := c.report(flux); r.status != 200 {
		t.Errorf("cleared: %d", r.status)
	}
}

func TestSearchFaults(t *testing.T) {
	s, c := start(t, &chorustest.Config{Quota: -1, Empty: "0"})
	for i := range 4 {
		c.integrated(c.accepted(facture(fmt.Sprintf("F-%d", i))))
	}
	if err := s.Statut("F-0", "MANDATEE", ""); err != nil {
		t.Fatal(err)
	}
	pageOf := func(n int) m {
		return m{"rechercheFactureParFournisseur": m{"nbResultatsParPage": 2, "pageResultatDemandee": n, "triColonne": "NumeroFacture", "triSens": "Ascendant"}}
	}
	numbers := func(r reply) string {
		var all []string
		for _, row := range r.found() {
			all = append(all, fmt.Sprint(row["numeroFacture"], "=", row["statut"]))
		}
		return strings.Join(all, " ") + fmt.Sprint(" of ", r.body["parametresRetour"].(m)["total"])
	}
	for kind, x := range map[string]struct {
		page int
		want string
	}{
		"short_page":       {1, "F-0=MANDATEE of 4"},
		"repeated_page":    {2, "F-0=MANDATEE F-1=DEPOSEE of 4"},
		"blank":            {1, " of 0"},
		"missing_invoice":  {1, "F-1=DEPOSEE of 3"},
		"unknown_statut":   {1, "F-0=STATUT_FUTUR F-1=DEPOSEE of 4"},
		"statut_backwards": {1, "F-0=DEPOSEE F-1=DEPOSEE of 4"},
		"statut_missing":   {1, "F-0=<nil> F-1=DEPOSEE of 4"},
	} {
		s.Faults(chorustest.Fault{Kind: kind, Op: "rechercher/fournisseur"})
		if got := numbers(c.search(pageOf(x.page))); got != x.want {
			t.Errorf("%s: %s", kind, got)
		}
		if got := numbers(c.search(pageOf(2))); got != "F-2=DEPOSEE F-3=DEPOSEE of 4" {
			t.Errorf("after %s: %s", kind, got)
		}
	}
	s.Faults(chorustest.Fault{Kind: "mixed_dates", Op: "rechercher/fournisseur"})
	if got := fmt.Sprint(c.search(pageOf(1)).found()[0]["dateHeureEtatCourant"]); len(got) != len("2026-11-20 11:08") {
		t.Errorf("mixed dates: %q", got)
	}
}

func TestTokenFaults(t *testing.T) {
	s, c := start(t, nil)
	for kind, test := range map[string]func(reply) bool{
		"500":            func(r reply) bool { return r.status == 500 },
		"html_200":       func(r reply) bool { return r.status == 200 && r.body == nil },
		"no_expires_in":  func(r reply) bool { return r.body["expires_in"] == nil && r.text("access_token") != "" },
		"expires_string": func(r reply) bool { return r.text("expires_in") == "3600" },
		"revoke_all": func(r reply) bool {
			return r.text("access_token") != "" && c.report("x").status == http.StatusUnauthorized
		},
	} {
		s.Faults(chorustest.Fault{Kind: kind, Op: "token"})
		if r := c.askToken("sim", "sim-secret"); !test(r) {
			t.Errorf("%s: %d %s", kind, r.status, r.raw)
		}
		c.login()
	}
}

func TestOutage(t *testing.T) {
	s, c := start(t, nil)
	if err := s.Outage(true, "deposits", "500"); err != nil {
		t.Fatal(err)
	}
	health := func() int { return c.do(c.request(http.MethodGet, "/cpro/transverses/v1/health-check", nil)).status }
	if d, h := c.deposit(facture("F-1")).status, health(); d != 500 || h != 200 {
		t.Errorf("deposits only: %d, health %d", d, h)
	}
	if err := s.Outage(true, "all", ""); err != nil {
		t.Fatal(err)
	}
	if h, k := health(), c.askToken("sim", "sim-secret").status; h != 503 || k != 503 {
		t.Errorf("all: health %d, token %d", h, k)
	}
	for _, scope := range []string{"all", "deposits"} {
		if err := s.Outage(false, scope, ""); err != nil {
			t.Fatal(err)
		}
	}
	if r := c.deposit(facture("F-1")); r.status != 200 {
		t.Errorf("over: %d", r.status)
	}
}

func TestLateProfileOnlyLandsLate(t *testing.T) {
	struck := map[string]int{}
	for seed := range uint64(3) {
		s, c := start(t, &chorustest.Config{Profile: "late", Seed: seed, Quota: -1, HangFor: time.Millisecond})
		for i := range 60 {
			c.deposit(facture(fmt.Sprintf("F-%d", i)))
		}
		for kind, n := range s.Stats().Faults {
			struck[kind] += n
		}
	}
	if len(struck) != 2 || struck["commit_late"] == 0 || struck["late_after_D"] == 0 {
		t.Errorf("%v", struck)
	}
}

func TestOneSeedOneWeather(t *testing.T) {
	weather := func(seed uint64) string {
		s, c := start(t, &chorustest.Config{Profile: "hostile", Seed: seed, Quota: -1, HangFor: time.Millisecond})
		for i := range 50 {
			for c.deposit(facture(fmt.Sprintf("F-%d", i))).status == 401 {
				c.token = c.askToken("sim", "sim-secret").text("access_token")
			}
		}
		return fmt.Sprint(s.Stats().Faults)
	}
	if a, b := weather(7), weather(7); a != b {
		t.Errorf("one seed, two weathers:\n%s\n%s", a, b)
	}
	if a, b := weather(7), weather(8); a == b {
		t.Errorf("two seeds, one weather: %s", a)
	}
}

// A flux that is said to be integrated and whose invoice nobody shows, and one that the portal forgets.
func TestInvoicesThatAreNotHeardOfAgain(t *testing.T) {
	s, c := start(t, &chorustest.Config{Quota: -1})
	s.Faults(chorustest.Fault{Kind: "commit_then_vanish", Numero: "F-1"}, chorustest.Fault{Kind: "commit_then_forget", Numero: "F-2"})
	vanished, forgotten := c.accepted(facture("F-1")), c.accepted(facture("F-2"))
	s.Advance(time.Minute)
	if r := c.report(vanished); r.text("etatCourantDepotFlux") != "IN_INTEGRE" || len(r.found()) != 0 {
		t.Errorf("vanished: %s", r.raw)
	}
	if r := c.report(forgotten); !strings.Contains(string(r.raw), "Flux introuvable") {
		t.Errorf("forgotten: %s", r.raw)
	}
	for _, numero := range []string{"F-1", "F-2"} {
		if found := c.search(m{"numeroFacture": numero}).found(); len(found) != 0 {
			t.Errorf("%s is shown: %v", numero, found)
		}
	}
}
