package console_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/choriste/choriste/console"
)

// deeds are the addresses of the deeds that a page offers.
func (v *visitor) deeds(path string) (list []string) {
	v.Helper()
	for _, part := range strings.Split(v.send(http.MethodGet, path, nil).Body.String(), `<form method="post" action="`)[1:] {
		if at, _, _ := strings.Cut(part, `"`); at != "/signout" {
			list = append(list, at)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Each page offers to each person what he may do there, and what helps; what is done is in the trail under his name; and what a form of one account says of another's is not there.
func TestDeedsArePossibleWhereTheyAreOffered(t *testing.T) {
	d := newDesk(t)
	password := hash(t, "a long password")
	boss, hand := console.User{Name: "boss", Role: console.Administrator, Hash: password}, console.User{Name: "hand", Role: console.Operator, Hash: password}
	away := console.User{Name: "away", Role: console.Administrator, Hash: password, Accounts: []string{"nantes"}}
	owner := d.acting(boss, hand, away)
	d.sql(`INSERT INTO chorus.accounts (name) VALUES ('nantes')`, `INSERT INTO chorus.configured (kind, key) VALUES ('account', 'default'), ('account', 'nantes')`)
	d.things()
	d.sql(`INSERT INTO chorus.webhooks (name, account, cursor) VALUES ('nantes', 'nantes', 0)`)
	operator, elsewhere := &visitor{desk: d}, &visitor{desk: d}
	for who, v := range map[string]*visitor{"boss": owner, "hand": operator, "away": elsewhere} {
		if code := v.signIn(who, "a long password"); code != http.StatusSeeOther {
			t.Fatal(who, code)
		}
	}
	for _, c := range []struct {
		who  *visitor
		path string
		want string
	}{
		{owner, "/accounts", "/accounts/pause /resubmission/allow"},
		{owner, "/webhooks", "/webhooks/forget /webhooks/pause /webhooks/replay /webhooks/resume /webhooks/skip /webhooks/test"},
		{owner, "/findings", "/findings/accept /findings/compare"},
		{operator, "/accounts", ""},
		{operator, "/webhooks", ""},
		{operator, "/findings", "/findings/accept /findings/compare"},
		{elsewhere, "/accounts", "/accounts/pause"},
		{elsewhere, "/webhooks", "/webhooks/forget /webhooks/pause /webhooks/test"},
		{elsewhere, "/findings", "/findings/compare"},
	} {
		if got := strings.Join(c.who.deeds(c.path), " "); got != c.want {
			t.Errorf("%s offers %s, wanted %s", c.path, got, c.want)
		}
	}
	// What a form of one's own says of another's account.
	form := fieldsIn(elsewhere.send(http.MethodGet, "/accounts", nil).Body.String(), "/accounts/pause")
	for _, c := range []struct {
		at, name string
		want     int
	}{{"/accounts/pause", "default", 404}, {"/accounts/resume", "default", 404}, {"/webhooks/pause", "erp", 404}, {"/webhooks/forget", "erp", 404}, {"/resubmission/allow", "", 403}, {"/findings/accept", "999", 404}} {
		form.Set("name", c.name)
		form.Set("reason", "x")
		if rec := elsewhere.send(http.MethodPost, c.at, form); rec.Code != c.want {
			t.Errorf("%s of another account: %d\n%s", c.at, rec.Code, rec.Body)
		}
	}
	// Each is done by the form as the page has it.
	for _, c := range []struct{ page, at, act, check string }{
		{"/accounts", "/accounts/pause", "pause", `SELECT count(*) FROM chorus.accounts WHERE name = 'default' AND pause_reason = 'because'`},
		{"/accounts", "/accounts/resume", "resume", `SELECT count(*) FROM chorus.accounts WHERE name = 'default' AND paused_at IS NULL`},
		{"/accounts", "/resubmission/allow", "resubmission", `SELECT count(*) FROM chorus.installation WHERE assumption_broken_at IS NULL`},
		{"/webhooks", "/webhooks/pause", "webhook-pause", `SELECT count(*) FROM chorus.webhooks WHERE name = 'erp' AND pause_reason = 'because'`},
		{"/webhooks", "/webhooks/resume", "webhook-resume", `SELECT count(*) FROM chorus.webhooks WHERE name = 'erp' AND paused_at IS NULL`},
		{"/webhooks", "/webhooks/skip", "webhook-skip", `SELECT count(*) FROM chorus.webhooks WHERE name = 'erp' AND cursor = 6 AND stuck IS NULL`},
		{"/webhooks", "/webhooks/replay", "webhook-replay", `SELECT count(*) FROM chorus.webhooks WHERE name = 'erp' AND cursor = 2`},
		{"/webhooks", "/webhooks/test", "webhook-test", `SELECT 1`},
		{"/findings", "/findings/accept", "finding", `SELECT count(*) FROM chorus.findings WHERE id = 999 AND state = 'accepted' AND resolution = 'because' AND resolved_by LIKE '%/console:boss'`},
		{"/findings", "/findings/reopen", "finding-reopen", `SELECT count(*) FROM chorus.findings WHERE id = 999 AND state = 'open' AND resolved_by IS NULL`},
		{"/findings", "/findings/compare", "reconcile", `SELECT count(*) FROM chorus.reconciliations WHERE state = 'requested' AND account = 'default'`},
	} {
		page := owner.send(http.MethodGet, c.page, nil).Body.String()
		form := fieldsIn(page, c.at)
		if form.Get("form") == "" {
			t.Errorf("%s is not offered:\n%s", c.at, page)
			continue
		}
		if strings.Contains(strings.SplitN(strings.SplitN(page, `action="`+c.at+`"`, 2)[1], "</form>", 2)[0], `name="reason"`) {
			if rec := owner.send(http.MethodPost, c.at, form); rec.Code != http.StatusBadRequest {
				t.Errorf("%s without a reason: %d", c.at, rec.Code)
			}
		}
		form.Set("reason", "because")
		form.Set("from", "3")
		rec := owner.send(http.MethodPost, c.at, form, "Referer", "https://console.example"+c.page)
		if rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != c.page {
			t.Errorf("%s: %d %s\n%s", c.at, rec.Code, rec.Header().Get("Location"), rec.Body)
		}
		if d.count(c.check) != 1 {
			t.Errorf("%s: it is not done", c.at)
		}
		if page := owner.send(http.MethodGet, "/audit?kind="+c.act, nil).Body.String(); !strings.Contains(page, "<b>boss</b>") {
			t.Errorf("%s is not in the trail:\n%s", c.at, page)
		}
	}
	if rec := owner.send(http.MethodPost, "/webhooks/replay", url.Values{"form": {fieldsIn(owner.send(http.MethodGet, "/webhooks", nil).Body.String(), "/webhooks/test").Get("form")}, "name": {"erp"}, "from": {"999"}}); rec.Code != http.StatusBadRequest || !strings.Contains(rec.Body.String(), "a replay begins at an event from 1 to") {
		t.Errorf("a replay of what is to come: %d\n%s", rec.Code, rec.Body)
	}
}

// That resubmission goes on is asked for by one administrator, and agreed to by another person, on the page of accounts.
func TestResubmissionByTwo(t *testing.T) {
	d := newDesk(t)
	password := hash(t, "a long password")
	one, two := console.User{Name: "one", Role: console.Administrator, Hash: password}, console.User{Name: "two", Role: console.Operator, Hash: password}
	asks := d.acting(one, two)
	agrees := &visitor{desk: d}
	asks.signIn("one", "a long password")
	agrees.signIn("two", "a long password")
	d.secondPerson()
	d.sql(`UPDATE chorus.installation SET assumption_broken_at = now()`)
	form := fieldsIn(asks.send(http.MethodGet, "/accounts", nil).Body.String(), "/resubmission/allow")
	form.Set("reason", "the delays are right")
	if rec := asks.send(http.MethodPost, "/resubmission/allow", form); rec.Code != http.StatusSeeOther {
		t.Fatalf("%d\n%s", rec.Code, rec.Body)
	}
	if todo := agrees.send(http.MethodGet, "/", nil).Body.String(); !strings.Contains(todo, `href="/accounts#resubmission"`) {
		t.Errorf("the overview leads nowhere:\n%s", todo)
	}
	page := agrees.send(http.MethodGet, "/accounts", nil, "Accept-Language", "fr").Body.String()
	if !strings.Contains(page, "que les renvois reprennent. Motif : the delays are right") {
		t.Fatalf("the request is not shown:\n%s", page)
	}
	at := strings.SplitN(strings.SplitN(page, `action="/requests/`, 2)[1], `"`, 2)[0]
	form = fieldsIn(page, "/requests/"+at)
	form.Set("reason", "right")
	form.Set("answer", "agree")
	if rec := agrees.send(http.MethodPost, "/requests/"+at, form); rec.Code != http.StatusSeeOther || d.count(`SELECT count(*) FROM chorus.installation WHERE assumption_broken_at IS NULL`) != 1 {
		t.Errorf("agreed: %d\n%s", rec.Code, rec.Body)
	}
}
