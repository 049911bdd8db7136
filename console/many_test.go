package console_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/console"
	"github.com/choriste/choriste/store"
)

var hidden = regexp.MustCompile(`<input type="hidden" name="([a-z]+)" value="([^"]*)">`)

// fieldsIn are the hidden fields of a form of a page.
func fieldsIn(page, action string) url.Values {
	_, form, _ := strings.Cut(page, `action="`+action+`"`)
	form, _, _ = strings.Cut(form, "</form>")
	f := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(form, -1) {
		f.Set(m[1], html.UnescapeString(m[2]))
	}
	return f
}

// choose sends the list's form and follows it to the confirmation.
func (v *visitor) choose(form url.Values) (page string, status int) {
	v.Helper()
	list := v.send(http.MethodGet, "/invoices?q=number:F-*", nil).Body.String()
	all := fieldsIn(list, "/acts")
	for name, values := range form {
		all[name] = values
	}
	rec := v.send(http.MethodPost, "/acts", all)
	if rec.Code != http.StatusSeeOther {
		return rec.Body.String(), rec.Code
	}
	rec = v.send(http.MethodGet, rec.Header().Get("Location"), nil)
	return rec.Body.String(), rec.Code
}

// confirm sends the confirmation's form, with a reason and what else is given.
func (v *visitor) confirm(page string, more ...string) (to string, status int, body string) {
	v.Helper()
	f := fieldsIn(page, "/acts/start")
	f.Set("reason", "because")
	for k := 0; k < len(more); k += 2 {
		f.Set(more[k], more[k+1])
	}
	rec := v.send(http.MethodPost, "/acts/start", f)
	return rec.Header().Get("Location"), rec.Code, rec.Body.String()
}

// ended waits for the end of a run, and returns its page.
func (v *visitor) ended(at string) string {
	v.Helper()
	for range 600 {
		rec := v.send(http.MethodGet, at, nil)
		if rec.Code != http.StatusOK {
			v.Fatalf("%s: %d %s", at, rec.Code, rec.Body)
		}
		if !strings.Contains(rec.Body.String(), `http-equiv="refresh"`) {
			return rec.Body.String()
		}
		time.Sleep(100 * time.Millisecond)
	}
	v.Fatal("it does not end")
	return ""
}

// told lists "number reason actor" of the events with a reason code, in their order.
func (d *desk) told(code string) (list []string) {
	d.Helper()
	rows, err := d.owner.Query(d.Context(), `
		SELECT i.numero_facture || ' ' || coalesce(e.detail ->> 'reason', '') || ' ' || substring(e.actor FROM '/.*')
		FROM chorus.events e JOIN chorus.invoices i ON i.id = e.invoice_id WHERE e.reason_code = $1 ORDER BY e.id`, code)
	if err != nil {
		d.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			d.Fatal(err)
		}
		list = append(list, s)
	}
	if rows.Err() != nil {
		d.Fatal(rows.Err())
	}
	return list
}

func claire(t testing.TB) console.User {
	return console.User{Name: "claire", Role: console.Operator, Hash: hash(t, "a long password")}
}

// Whatever is ticked or matches, an act on several does it to what the act is for and to nothing else, once, after it was counted, with a reason and under a name.
func TestActsOnSeveral(t *testing.T) {
	d := newDesk(t)
	ids, before := map[store.State]int64{}, map[store.State]string{}
	for _, s := range store.States {
		set := "attempt_no = 1"
		switch s {
		case store.Rejected:
			set += ", reason_code = 'FLUX_REJECTED'"
		case store.InDoubt:
			set += ", in_doubt_since = clock_timestamp()"
		}
		ids[s] = d.invoice("F-"+string(s), string(s), set)
		before[s] = d.state(ids[s])
	}
	v := d.acting(claire(t))
	if code := v.signIn("claire", "a long password"); code != http.StatusSeeOther {
		t.Fatal(code)
	}
	list := v.send(http.MethodGet, "/invoices?q=number:F-*", nil).Body.String()
	if n := strings.Count(list, `<input type="checkbox" name="id"`); n != 2 {
		t.Errorf("%d invoices can be ticked, not the invalid and the rejected one", n)
	}
	var every []string
	for _, id := range ids {
		every = append(every, fmt.Sprint(id))
	}
	for _, form := range []url.Values{{"all": {"dismiss"}}, {"chosen": {"dismiss"}, "id": every}} {
		page, code := v.choose(form)
		if code != http.StatusOK || !strings.Contains(page, "2 invoices") || !strings.Contains(page, "2,469,135.00\u00a0EUR") || strings.Contains(page, "F-in_doubt") {
			t.Fatalf("%v: %d %s", form, code, page)
		}
	}
	if got := d.told("DISMISSED"); len(got) > 0 {
		t.Fatalf("before it was confirmed: %v", got)
	}
	page, _ := v.choose(url.Values{"all": {"dismiss"}})
	for _, more := range [][]string{{"expect", "3"}, {"expect", ""}, {"seen", "x"}} {
		if _, code, body := v.confirm(page, more...); code != http.StatusConflict || !strings.Contains(body, "Nothing was done") || !strings.Contains(body, ">because</textarea>") {
			t.Errorf("%v: %d %s", more, code, body)
		}
	}
	for _, more := range [][]string{{"reason", " "}, {"reason", strings.Repeat("x", 1001)}, {"per_minute", "-1"}, {"per_minute", "100001"}, {"limit", "0"}, {"limit", "50001"}, {"q", ""}, {"q", "state:x"}} {
		if _, code, _ := v.confirm(page, more...); code != http.StatusBadRequest {
			t.Errorf("%v: %d", more, code)
		}
	}
	for _, form := range []url.Values{{"chosen": {"dismiss"}}, {"chosen": {"dismiss"}, "id": {"x"}}, {"chosen": {"dismiss"}, "id": slices.Repeat([]string{"1"}, 51)}, {"all": {"dismiss"}, "q": {" "}}} {
		if _, code := v.choose(form); code != http.StatusBadRequest {
			t.Errorf("%v: %d", form, code)
		}
	}
	for _, name := range []string{"cancel", "abandon", "resubmit", "x", ""} {
		if _, code := v.choose(url.Values{"all": {name}, "chosen": {name}, "id": {"1"}}); code != http.StatusNotFound {
			t.Errorf("%q on several: %d", name, code)
		}
	}
	if _, code := v.choose(url.Values{"all": {"dismiss"}, "more": {strings.Repeat("x", 20_000)}}); code != http.StatusForbidden {
		t.Errorf("a form that is too large: %d", code)
	}
	if got := d.told("DISMISSED"); len(got) > 0 {
		t.Fatalf("what was refused was done: %v", got)
	}

	// Another one comes to match between the pages: nothing is done.
	d.sql(fmt.Sprintf(`UPDATE chorus.invoices SET state = 'invalid' WHERE id = %d`, ids[store.Abandoned]))
	if _, code, _ := v.confirm(page); code != http.StatusConflict || len(d.told("DISMISSED")) > 0 {
		t.Errorf("another one matched: %d", code)
	}
	d.sql(fmt.Sprintf(`UPDATE chorus.invoices SET state = 'abandoned' WHERE id = %d`, ids[store.Abandoned]))

	// One of them changes: nothing is done, though the ids are the same.
	d.sql(fmt.Sprintf(`UPDATE chorus.invoices SET reason_code = 'REFUSED', updated_at = clock_timestamp() WHERE id = %d`, ids[store.Rejected]))
	if _, code, _ := v.confirm(page); code != http.StatusConflict || len(d.told("DISMISSED")) > 0 {
		t.Errorf("one of them changed: %d", code)
	}
	page, _ = v.choose(url.Values{"all": {"dismiss"}})

	at, code, body := v.confirm(page)
	if code != http.StatusSeeOther {
		t.Fatalf("%d %s", code, body)
	}
	if page := v.ended(at); !strings.Contains(page, "<b>2</b> of 2 done") {
		t.Errorf("the end:\n%s", page)
	}
	want := []string{"F-rejected because /console:claire", "F-invalid because /console:claire"} // in the order of their insertion
	// The same confirmation again, as by a double click, begins nothing and leads to what it began.
	if again, code, body := v.confirm(page); code != http.StatusSeeOther || again != at {
		t.Errorf("sent twice: %d, to %s and not %s: %s", code, again, at, body)
	}
	if got := d.told("DISMISSED"); !slices.Equal(got, want) {
		t.Errorf("done: %v", got)
	}
	if page, code := v.choose(url.Values{"all": {"dismiss"}}); code != http.StatusOK || !strings.Contains(page, "There is nothing to be done.") {
		t.Errorf("it is selected again: %d %s", code, page)
	}

	// What is off the list is not retried; it is put back, and then it is.
	if page, code := v.choose(url.Values{"all": {"retry"}}); code != http.StatusOK || !strings.Contains(page, "There is nothing to be done.") {
		t.Errorf("what was taken off the list can be retried: %d %s", code, page)
	}
	page, _ = v.choose(url.Values{"all": {"restore"}})
	at, _, _ = v.confirm(page)
	v.ended(at)
	if got := d.told("UNDISMISSED"); !slices.Equal(got, want) {
		t.Errorf("put back: %v", got)
	}

	// A cap, and what is left afterwards.
	page = v.send(http.MethodGet, "/acts?act=retry&q=number:F-*&limit=1", nil).Body.String()
	if !strings.Contains(page, "1 invoice<") || !strings.Contains(page, "The cap is reached") {
		t.Errorf("a cap:\n%s", page)
	}
	at, _, _ = v.confirm(page)
	page = v.ended(at)
	if d.state(ids[store.Rejected]) != "in_doubt" || d.state(ids[store.Invalid]) != "invalid" {
		t.Errorf("the cap was not kept: %s, %s", d.state(ids[store.Invalid]), d.state(ids[store.Rejected]))
	}
	at, _, _ = v.confirm(v.click("en", page, "What is left"))
	v.ended(at)
	if d.state(ids[store.Invalid]) != "received" {
		t.Errorf("what was left is %s", d.state(ids[store.Invalid]))
	}
	for _, s := range store.States {
		if s != store.Invalid && s != store.Rejected && d.state(ids[s]) != before[s] {
			t.Errorf("%s became %s", s, d.state(ids[s]))
		}
	}
}

// A run that is spread over time shows how far it is, is stopped by its button or by the end of the person's role, and goes on by a new confirmation; also when the process that knew it is gone.
func TestActsOnSeveralStopAndGoOn(t *testing.T) {
	d := newDesk(t)
	for k := range 4 {
		d.invoice(fmt.Sprintf("F-%d", k), "invalid", "")
	}
	v := d.acting()
	page, _ := v.choose(url.Values{"all": {"dismiss"}})
	at, code, _ := v.confirm(page, "per_minute", "1")
	if code != http.StatusSeeOther {
		t.Fatal(code)
	}
	waitFor(t, func() bool { return len(d.told("DISMISSED")) == 1 })
	page = v.send(http.MethodGet, at, nil).Body.String()
	if !strings.Contains(page, `http-equiv="refresh"`) || !strings.Contains(page, "of 4 done") {
		t.Errorf("on its way:\n%s", page)
	}
	other, _ := v.choose(url.Values{"all": {"retry"}})
	if _, code, body := v.confirm(other); code != http.StatusBadRequest || !strings.Contains(body, "What you began before goes on") {
		t.Errorf("a second one beside it: %d %s", code, body)
	}
	// Whose tab was closed finds it again from every page.
	if page := v.click("en", v.send(http.MethodGet, "/money", nil).Body.String(), "Acts on several invoices that go on: 1"); !strings.Contains(v.click("en", page, "Take off the list: 1 of 4"), "of 4 done") {
		t.Errorf("it is not found again:\n%s", page)
	}
	path, _, _ := strings.Cut(at, "?")
	if rec := v.send(http.MethodPost, path+"/stop", url.Values{"form": {"x"}}); rec.Code != http.StatusForbidden {
		t.Errorf("stopped by a form of nobody: %d", rec.Code)
	}
	action := regexp.MustCompile(`action="(/acts/[^"]+/stop[^"]*)"`).FindStringSubmatch(page)
	if action == nil {
		t.Fatalf("no way to stop it:\n%s", page)
	}
	if rec := v.send(http.MethodPost, html.UnescapeString(action[1]), fieldsIn(page, action[1])); rec.Code != http.StatusSeeOther {
		t.Errorf("stopping: %d", rec.Code)
	}
	if page := v.ended(at); !strings.Contains(page, "<b>1</b> of 4 done") || !strings.Contains(page, "It was stopped.") {
		t.Errorf("stopped:\n%s", page)
	}

	if page := v.send(http.MethodGet, "/acts", nil).Body.String(); !strings.Contains(page, "It was stopped.") || strings.Contains(v.send(http.MethodGet, "/", nil).Body.String(), "that go on") {
		t.Errorf("a stopped one:\n%s", page)
	}

	// The process is another one: its page leads to what is left.
	v = d.acting()
	page = v.send(http.MethodGet, at, nil).Body.String()
	if !strings.Contains(page, "The program was started anew") {
		t.Fatalf("after a restart:\n%s", page)
	}
	page = v.click("en", page, "What is left")
	if !strings.Contains(page, "3 invoices") {
		t.Fatalf("what is left:\n%s", page)
	}
	at, _, _ = v.confirm(page)
	v.ended(at)
	if got := d.told("DISMISSED"); len(got) != 4 {
		t.Errorf("done in the end: %v", got)
	}
	if rec := v.send(http.MethodGet, "/acts/x", nil); rec.Code != http.StatusNotFound {
		t.Errorf("a run that never was: %d", rec.Code)
	}
}

// Another operator stops it, under his name; another password of who began it ends it, too.
func TestARunIsEndedByOthers(t *testing.T) {
	d := newDesk(t)
	for k := range 3 {
		d.invoice(fmt.Sprintf("F-%d", k), "invalid", "")
	}
	users := []console.User{claire(t), {Name: "marc", Role: console.Operator, Hash: hash(t, "another password")}}
	v := d.acting(users...)
	marc := &visitor{desk: d}
	if a, b := v.signIn("claire", "a long password"), marc.signIn("marc", "another password"); a != http.StatusSeeOther || b != http.StatusSeeOther {
		t.Fatal(a, b)
	}
	page, _ := v.choose(url.Values{"all": {"dismiss"}})
	at, _, _ := v.confirm(page, "per_minute", "1")
	page = marc.click("en", marc.send(http.MethodGet, "/acts", nil).Body.String(), "Take off the list: ")
	action := regexp.MustCompile(`action="(/acts/[^"]+/stop[^"]*)"`).FindStringSubmatch(page)
	if action == nil {
		t.Fatalf("no way to stop it:\n%s", page)
	}
	if rec := marc.send(http.MethodPost, html.UnescapeString(action[1]), fieldsIn(page, action[1])); rec.Code != http.StatusSeeOther {
		t.Errorf("stopping: %d", rec.Code)
	}
	if page := v.ended(at); !strings.Contains(page, "It was stopped by marc.") {
		t.Errorf("stopped:\n%s", page)
	}
	page, _ = v.choose(url.Values{"all": {"dismiss"}})
	at, _, _ = v.confirm(page, "per_minute", "60")
	d.users.Store(&[]console.User{{Name: "claire", Role: console.Operator, Hash: hash(t, "a new password")}, users[1]})
	if page := marc.ended(at); !strings.Contains(page, "may not act any more") {
		t.Errorf("after another password:\n%s", page)
	}
}

// What only asks for a second person is not counted as done.
func TestActsOnSeveralThatAsk(t *testing.T) {
	d := newDesk(t)
	v := d.acting(claire(t))
	v.signIn("claire", "a long password")
	d.secondPerson()
	d.invoice("F-1", "invalid", "reason_code = 'CH-IBAN'")
	d.invoice("F-2", "rejected", "reason_code = 'FLUX_REJECTED', attempt_no = 1")
	d.invoice("F-3", "rejected", "reason_code = 'FLUX_REJECTED', attempt_no = 1")
	page, _ := v.choose(url.Values{"all": {"retry"}, "q": {"number:F-*"}})
	to, code, body := v.confirm(page)
	if code != http.StatusSeeOther {
		t.Fatalf("%d %s", code, body)
	}
	if page := v.ended(to); !strings.Contains(page, "<b>1</b> of 3 done · asked of a second person, not done yet: 2</p>") {
		t.Errorf("the end:\n%s", page)
	}
	// What is left are those that nobody was asked about; what somebody refused is left again.
	_, selection, _ := strings.Cut(to, "?")
	left := func() string {
		page := v.send(http.MethodGet, "/acts?"+selection, nil).Body.String()
		return regexp.MustCompile(`<p class="lead"><b>(.*?)</b>`).FindStringSubmatch(page)[1]
	}
	if n := left(); n != "0 invoices" {
		t.Errorf("left are %s", n)
	}
	d.sql(`UPDATE chorus.requests SET until = now() - interval '1 second' WHERE id = (SELECT min(id) FROM chorus.requests)`)
	if n := left(); n != "1 invoice" {
		t.Errorf("when one has lapsed, left are %s", n)
	}
	if page := v.send(http.MethodGet, "/acts", nil, "Accept-Language", "fr").Body.String(); !strings.Contains(page, "1 sur 3</a> · demandées : 2") {
		t.Errorf("the list:\n%s", page)
	}
	if got := d.told("REQUESTED"); len(got) != 2 {
		t.Errorf("asked: %v", got)
	}
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for range 600 {
		if done() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("it does not come")
}

// A reader sees no box and is refused everywhere; so is a form of another site, or of another session. The login of one account touches nothing of another's, although the page lists it.
func TestActsOnSeveralAreNotForEverybody(t *testing.T) {
	d := newDesk(t)
	mine := d.invoice("F-mine", "invalid", "")
	d.sql(`INSERT INTO chorus.accounts (name) VALUES ('other')`)
	theirs := d.invoice("F-theirs", "invalid", "account = 'other'")
	v := d.acting(claire(t), console.User{Name: "rene", Role: console.Reader, Hash: hash(t, "another password")})
	if code := v.signIn("claire", "a long password"); code != http.StatusSeeOther {
		t.Fatal(code)
	}
	page, _ := v.choose(url.Values{"all": {"dismiss"}})
	good := fieldsIn(page, "/acts/start")
	good.Set("reason", "because")
	for _, path := range []string{"/acts", "/acts/start", "/acts/x/stop"} {
		for _, headers := range [][]string{{"Origin", ""}, {"Origin", "null"}, {"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}} {
			if rec := v.send(http.MethodPost, path, good, headers...); rec.Code != http.StatusForbidden {
				t.Errorf("%s, %v: %d", path, headers, rec.Code)
			}
		}
		bad := url.Values{"form": {"another's"}, "act": {"dismiss"}, "q": {"number:F-*"}, "reason": {"x"}, "expect": good["expect"], "seen": good["seen"], "all": {"dismiss"}}
		if rec := v.send(http.MethodPost, path, bad); rec.Code != http.StatusForbidden {
			t.Errorf("%s with another session's text: %d", path, rec.Code)
		}
	}
	if rec := v.send(http.MethodGet, "/acts/start", good); rec.Code == http.StatusSeeOther {
		t.Errorf("started by GET: %d", rec.Code)
	}
	r := &visitor{desk: d}
	if code := r.signIn("rene", "another password"); code != http.StatusSeeOther {
		t.Fatal(code)
	}
	list := r.send(http.MethodGet, "/invoices?q=number:F-*", nil).Body.String()
	if strings.Contains(list, `name="id"`) || strings.Contains(list, `action="/acts"`) {
		t.Errorf("a reader is offered acts:\n%s", list)
	}
	form := url.Values{"form": {formText.FindStringSubmatch(list)[1]}, "act": {"dismiss"}, "all": {"dismiss"}, "q": {"number:F-*"}, "reason": {"x"}, "expect": good["expect"], "seen": good["seen"]}
	for _, path := range []string{"/acts", "/acts/start", "/acts/x/stop"} {
		if rec := r.send(http.MethodPost, path, form); rec.Code != http.StatusForbidden {
			t.Errorf("a reader at %s: %d", path, rec.Code)
		}
	}
	for _, path := range []string{"/acts?act=dismiss&q=number:F-*", "/acts/x?act=dismiss&q=number:F-*"} {
		if rec := r.send(http.MethodGet, path, nil); rec.Code != http.StatusForbidden {
			t.Errorf("a reader at %s: %d", path, rec.Code)
		}
	}
	if got := d.told("DISMISSED"); len(got) > 0 {
		t.Fatalf("what was refused was done: %v", got)
	}

	// The console's login is mapped to one account.
	at, err := url.Parse(d.operatorURL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.owner.Exec(t.Context(), `INSERT INTO chorus.logins (login, account) VALUES ($1, 'default')`, at.User.Username()); err != nil {
		t.Fatal(err)
	}
	ticked := url.Values{"chosen": {"dismiss"}, "id": {fmt.Sprint(mine), fmt.Sprint(theirs)}}
	page, _ = v.choose(ticked)
	if !strings.Contains(page, "1 invoice<") || strings.Contains(page, "F-theirs") {
		t.Errorf("what the login does not see is counted:\n%s", page)
	}
	if rec := v.send(http.MethodPost, "/acts/start", good); rec.Code != http.StatusConflict {
		t.Errorf("what was shown before, both: %d", rec.Code)
	}
	run, code, body := v.confirm(page)
	if code != http.StatusSeeOther {
		t.Fatalf("%d %s", code, body)
	}
	v.ended(run)
	if got := d.told("DISMISSED"); !slices.Equal(got, []string{"F-mine because /console:claire"}) {
		t.Errorf("done: %v", got)
	}
}
