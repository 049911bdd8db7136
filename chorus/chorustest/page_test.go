package chorustest_test

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/internal/lab/chromium"
)

// browserOf asks for the page as a browser does.
func browserOf(t *testing.T, s *chorustest.Sim, method, path, lang string, form url.Values) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.ManageURL()+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html,application/xhtml+xml")
	req.Header.Set("Accept-Language", lang)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return (&client{t: t, http: &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}).do(req)
}

// TestPageForms: every form does what its route does, without any script, and what goes wrong is said on the page.
func TestPageForms(t *testing.T) {
	s, c := start(t, &chorustest.Config{TolerateViolations: true, Quota: -1})
	c.integrated(c.accepted(facture("F-1")))
	c.integrated(c.accepted(facture("F/3 A")))
	long := facture("F-2")
	long.DestinataireNom, long.Engagement = "<script>alert(1)</script>", "<script>alert(2)</script>"
	c.integrated(c.accepted(long))
	c.search(m{"numeroFacture": "<script>alert(3)</script>"})
	c.post("/cpro/factures/v1/completer", m{"colour": "red"})
	for _, x := range []struct {
		form   string
		fields url.Values
		status int
		want   string // on the page afterwards
	}{
		{"statut", url.Values{"numero": {"F-1"}, "statut": {"SUSPENDUE"}, "commentaire": {"Bon manquant"}}, 303, "<strong>SUSPENDUE</strong><br>Bon manquant"},
		{"statut", url.Values{"numero": {"F-1"}, "statut": {"PAYEE"}}, 400, "is none of BROUILLON"},
		{"statut", url.Values{"numero": {"F-0"}, "statut": {"SUSPENDUE"}}, 400, "no invoice F-0"},
		{"clock", url.Values{"advance": {"36h"}}, 303, ""},
		{"clock", url.Values{"advance": {"x"}}, 400, "not a positive duration"},
		{"speed", url.Values{"speed": {"60"}}, 303, `value="60"`},
		{"speed", url.Values{"speed": {"0"}}, 400, "between 1 and 86400"},
		{"speed", url.Values{"speed": {"1"}}, 303, `value="1"`},
		{"fault", url.Values{"kind": {"hang"}, "op": {"token"}, "times": {"3"}}, 303, "hang · token · 3×"},
		{"fault", url.Values{"kind": {"hiccup"}, "times": {"1"}}, 400, "unknown fault kind"},
		{"fault", url.Values{"kind": {"hang"}, "times": {"0"}}, 400, "times:"},
		{"clear", nil, 303, "No fault waits."},
		{"profile", url.Values{"profile": {"hostile"}, "on": {"on"}}, 303, "profile hostile"},
		{"profile", url.Values{"profile": {"sunny"}}, 400, "calm, hostile, late"},
		{"profile", url.Values{"profile": {"calm"}}, 303, "profile calm (off)"},
		{"outage", url.Values{"scope": {"api"}, "on": {"on"}}, 303, "<strong>api 503</strong>"},
		{"outage", url.Values{"scope": {"api"}, "on": {"off"}}, 303, ""},
		{"structure", url.Values{"siret": {"21750001600019"}, "designation": {"MAIRIE"}, "publique": {"on"}, "service": {"on"}, "services": {"S-1 S-2"}}, 303, "S-1 S-2"},
		{"structure", url.Values{"siret": {"1"}}, 400, "not a SIRET"},
		{"reset", nil, 400, "not ticked"},
		{"no-such", nil, 404, ""},
	} {
		r := browserOf(t, s, "POST", "/do/"+x.form, "en", x.fields)
		page := string(r.raw)
		if r.status == 303 {
			page = string(browserOf(t, s, "GET", "/", "en", nil).raw)
		}
		if r.status != x.status || !strings.Contains(page, x.want) {
			t.Errorf("%s %v: %d, %q is not on the page", x.form, x.fields, r.status, x.want)
		}
	}
	page := browserOf(t, s, "GET", "/", "en", nil)
	for _, want := range []string{"F-1", `href="/invoices/F%2F3%20A"`, "IN_INTEGRE", "unknown field colour", "octets", "99999999700023"} {
		if !strings.Contains(string(page.raw), want) {
			t.Errorf("%s is not on the page", want)
		}
	}
	if strings.Contains(string(page.raw), "<script>alert") || strings.Contains(string(page.raw), c.token) || strings.Contains(string(page.raw), "sim-password") {
		t.Error("the page shows what it must not")
	}
	if !strings.Contains(page.header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
		t.Errorf("headers %v", page.header)
	}
	if r := browserOf(t, s, "POST", "/do/reset", "en", url.Values{"sure": {"on"}}); r.status != 303 || len(s.Deposits("F-1")) != 0 {
		t.Errorf("reset: %d", r.status)
	}
	if r := browserOf(t, s, "GET", "/?q=F-9", "de, fr;q=0.8", nil); !strings.Contains(string(r.raw), `lang="fr"`) || !strings.Contains(string(r.raw), "Aucune panne en attente.") ||
		!strings.Contains(string(r.raw), "commit_then_drop: exécuté, connexion fermée sans réponse") {
		t.Errorf("in French: %d", r.status)
	}
}

// TestPageWords: each word of the page has a French one, and none is left over.
func TestPageWords(t *testing.T) {
	page, err := os.ReadFile("page/page.html")
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, m := range regexp.MustCompile(`\{\{t "([^"]+)"\}\}`).FindAllStringSubmatch(string(page), -1) {
		used[m[1]] = true
		if chorustest.French(m[1]) == "" {
			t.Errorf("%q has no French", m[1])
		}
	}
	for _, word := range chorustest.Words() {
		if !used[word] {
			t.Errorf("%q is not on the page", word)
		}
	}
	french := chorustest.FrenchFaults()
	for kind := range chorustest.FaultKinds() {
		if french[kind] == "" {
			t.Errorf("the fault %s has no French", kind)
		}
	}
	if len(french) != len(chorustest.FaultKinds()) {
		t.Errorf("%d faults, %d in French", len(chorustest.FaultKinds()), len(french))
	}
}

// TestSpeed: the clock runs faster, forward only, also over a restart.
func TestSpeed(t *testing.T) {
	ledger := filepath.Join(t.TempDir(), "l.jsonl")
	s, _ := start(t, &chorustest.Config{Ledger: ledger})
	if _, answer := manage(t, s, "POST", "/clock", `{"speed":36000}`); !strings.Contains(answer, `"speed":36000`) {
		t.Fatal(answer)
	}
	began := s.Now()
	for deadline := time.Now().Add(time.Minute); s.Now().Sub(began) < time.Hour; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the clock does not run faster")
		}
	}
	reached := s.Now()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := chorustest.Start(chorustest.Config{Ledger: ledger})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	if again.Now().Before(reached.Add(-time.Second)) {
		t.Errorf("after a restart it is %s, and it was %s", again.Now(), reached)
	}
}

// TestPageInABrowser: a newcomer sees an invoice arrive, moves it to its payment, adds a fault, moves the clock, changes the language and resets, by mouse and keyboard alone.
func TestPageInABrowser(t *testing.T) {
	s, c := start(t, &chorustest.Config{TolerateViolations: true})
	b := chromium.Open(t, s.ManageURL())
	if b == nil {
		return
	}
	do := b.Do
	do(chromedp.Navigate(s.ManageURL() + "/"))
	c.integrated(c.accepted(facture("F-1"))) // it appears without a reload
	do(chromedp.WaitVisible(chromedp.CSS(`#invoices form[action="/do/statut"]`)))
	do(click(`#invoices button[value="MISE_EN_PAIEMENT"]`), waitFor(`document.querySelector('#invoices strong')?.textContent === 'MISE_EN_PAIEMENT'`))
	if got := s.Deposits("F-1"); len(got) != 1 || got[0].Statut != "MISE_EN_PAIEMENT" {
		t.Errorf("deposits %v", got)
	}
	do(click(`#invoices summary`), click(`#invoices details button[value="SERVICE_FAIT"]`),
		waitFor(`document.querySelector('#invoices strong')?.textContent === 'SERVICE_FAIT'`))
	before := s.Now()
	do(click(`#clock button[value="24h"]`), waitFor(`location.hash === '#clock'`))
	if s.Now().Sub(before) < 24*time.Hour {
		t.Error("the clock has not moved")
	}
	do(click(`#faults form[action="/do/fault"] button`), waitFor(`document.querySelectorAll('#faults li').length === 1`))
	do(click(`.lang`), waitFor(`document.documentElement.lang === 'fr' && document.querySelector('#h-invoices').textContent.startsWith('Factures')`))
	do(click(`#reset input`), click(`#reset button`), waitFor(`!document.querySelector('#invoices table') && document.documentElement.lang === 'fr'`))
	if len(s.Deposits("F-1")) != 0 {
		t.Error("nothing was reset")
	}
	if _, err := s.TypeIn(chorustest.Facts{Numero: strings.Repeat("<i>A", 200), Date: "2026-02-01", Fournisseur: "99999999800012", Destinataire: "99999999700023"}); err != nil {
		t.Fatal(err)
	}
	do(waitFor(`document.querySelector('#invoices td a')?.textContent.startsWith('<i>A<i>')`))
	do(waitFor(`document.querySelector('#invoices table').scrollWidth < 1600`)) // its buttons are not out of sight
	for _, w := range b.Complaints() {
		t.Error(w)
	}
}

// click clicks, and again when what was to be clicked has just been replaced.
func click(css string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		for {
			err := chromedp.Do(ctx, chromedp.Click(chromedp.CSS(css)))
			if err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), "node") {
				return err
			}
		}
	})
}

// waitFor asks the page until the expression is true. A page that is being replaced cannot answer, and is asked again.
func waitFor(expression string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		for {
			if is, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression)); err == nil && is {
				return nil
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
}
