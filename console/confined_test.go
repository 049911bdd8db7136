package console_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/console"
)

// twoAccounts fills the desk for two accounts: default, with an everyday morning, and nantes, whose every text has SECRET in it. It returns nantes's invoices by state.
func (d *desk) twoAccounts() map[string]int64 {
	d.Helper()
	d.everyday()
	d.sql(
		`INSERT INTO chorus.accounts (name, paused_at, pause_reason, behind) VALUES ('nantes', now(), 'SECRET pause', '{portal/2,application/2}')`,
		`UPDATE chorus.accounts SET behind = '{portal/1,application/1}' WHERE name = 'default'`,
		`INSERT INTO chorus.breakers (key, scope, name, state, since, fault, announced) VALUES ('portal/2', 'portal', 'SECRET.example', 'open', now() - interval '5 minutes', 'network', true)`,
		`INSERT INTO chorus.secrets (key, hash, name, since) VALUES ('2', 'h', 'SECRET-application', now() - interval '90 days')`,
		`INSERT INTO chorus.tokens (key, refreshed_at, expires_at, failures, failure) VALUES ('2', now(), now() + interval '50 minutes', 2, 'SECRET')`,
		`INSERT INTO chorus.recipients (siret, name, id_structure_cpp, active, checked_at) VALUES ('77777777700007', 'SECRET recipient', 77, true, now())`,
		`INSERT INTO chorus.webhooks (name, account, cursor, failing_since, failures, last_error) VALUES ('SECRET-hook', 'nantes', 0, now() - interval '1 hour', 3, 'SECRET'), ('SECRET-all', NULL, 0, now() - interval '1 hour', 3, 'SECRET')`,
		`INSERT INTO chorus.events (actor, reason_code, detail) VALUES ('SECRET', 'PAUSED', '{"account": "nantes"}'), ('SECRET', 'RESUBMIT_ALLOWED', '{"reason": "SECRET"}')`,
	)
	ids := map[string]int64{}
	for state, set := range map[string]string{
		"integrated": `statut_courant = 'SUSPENDUE', statut_courant_date = now() - interval '3 days', statut_commentaire = 'SECRET', identifiant_facture_cpp = 77, available_on = current_date - 80`,
		"parked":     `reason_code = 'SEVERAL', reason = 'SECRET', numero_flux_depot = 'SECRETFLUX', attempt_no = 1`, "rejected": `reason_code = 'FLUX_REJECTED', reason = 'SECRET'`,
		"invalid": `reason_code = 'SECRET-RULE', reason = 'SECRET', findings = 1`, "ready": "", "in_doubt": `reason_code = 'AMBIGUOUS', in_doubt_since = now(), attempt_no = 1`,
		"settled": `statut_courant = 'MISE_EN_PAIEMENT', statut_courant_date = now(), available_on = current_date - 50`,
	} {
		if set != "" {
			set = ", " + set
		}
		ids[state] = d.invoice("SECRET-"+state, state, `account = 'nantes', external_ref = 'SECRET-`+state+`', metadata = '{"k": "SECRET"}'`+set)
	}
	d.sql(`UPDATE chorus.invoices SET fournisseur_siret = '99999999700012', destinataire_siret = '77777777700007', montant_ttc = 7777777 WHERE account = 'nantes'`)
	d.sql(
		`INSERT INTO chorus.reconciliations (account, id_structure_cpp, siret, period, requested_by, state, finished_at) VALUES ('nantes', 2, '99999999700012', '[2026-11-01,2026-11-08)', 'SECRET', 'done', now())`,
		fmt.Sprintf(`INSERT INTO chorus.findings (reconciliation_id, last_reconciliation_id, code, account, id_structure_cpp, subject, invoice_id, numero_facture, deposit_day, text)
			VALUES (2, 2, 'STATUT', 'nantes', 2, 'i9', %d, 'SECRET', '2026-11-02', 'SECRET')`, ids["integrated"]),
	)
	d.sql(fmt.Sprintf(`INSERT INTO chorus.requests (invoice_id, action, override, reason, actor, person, console, seen, until)
		SELECT id, 'resubmit', false, 'SECRET', 'SECRET', '{x}', true, updated_at, now() + interval '1 day' FROM chorus.invoices WHERE id = %d`, ids["parked"]))
	return ids
}

// caller is somebody's, over real HTTP.
type caller struct {
	testing.TB
	*http.Client
	at, form string
}

func (d *desk) browse(server *httptest.Server, name, password string) *caller {
	d.Helper()
	v := &visitor{desk: d}
	if code := v.signIn(name, password); code != http.StatusSeeOther {
		d.Fatalf("%s: %d", name, code)
	}
	b := &caller{TB: d, at: server.URL, Client: &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	b.Transport = withCookie{v.cookie}
	_, page := b.ask("GET", "/recipients", nil)
	b.form = formText.FindStringSubmatch(page)[1]
	return b
}

type withCookie struct{ *http.Cookie }

func (c withCookie) RoundTrip(r *http.Request) (*http.Response, error) {
	r.AddCookie(c.Cookie)
	return http.DefaultTransport.RoundTrip(r)
}

// ask sends a request, with the form of the session where it is a POST, and returns all that comes back: status, address that is led to, and body.
func (b *caller) ask(method, path string, form url.Values, headers ...string) (status int, answer string) {
	b.Helper()
	if method == http.MethodPost {
		all := url.Values{"form": {b.form}, "reason": {"because"}}
		maps.Copy(all, form)
		form = all
	}
	r, err := http.NewRequestWithContext(b.Context(), method, b.at+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Accept-Language", "en")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", b.at)
	}
	for k := 0; k+1 < len(headers); k += 2 {
		r.Header.Set(headers[k], headers[k+1])
	}
	res, err := b.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.Fatal(err)
	}
	return res.StatusCode, res.Header.Get("Location") + "\n" + string(body)
}

// attempt is a request for what is nantes's, and the same one for what there is not: both must be answered alike. Of pages that are everybody's, none is given.
type attempt struct {
	method, path string
	form         url.Values
	instead      string // of the path, or of the form where the path is the same
	insteadForm  url.Values
	headers      []string
}

const noSuch = 999999

// attempts are what a confined person tries, by the pattern of the route. A route that is not here fails the test.
func attempts(ids map[string]int64, run string) map[string][]attempt {
	get := func(paths ...string) (list []attempt) {
		for _, p := range paths {
			list = append(list, attempt{method: "GET", path: p}, attempt{method: "GET", path: p, headers: []string{"HX-Request", "true"}})
		}
		return list
	}
	both := func(method, path, instead string, headers ...string) attempt {
		return attempt{method: method, path: path, instead: instead, headers: headers}
	}
	invoice := func(method, state, rest string, form url.Values) attempt {
		return attempt{method: method, path: fmt.Sprintf("/invoices/%d%s", ids[state], rest), instead: fmt.Sprintf("/invoices/%d%s", noSuch, rest), form: form, insteadForm: form}
	}
	q := func(text string) string { return url.QueryEscape(text) }
	all := map[string][]attempt{
		"GET /{$}":        get("/", "/?kind=parked", "/?kind=webhook", "/?kind=account", "/?kind=outage", "/?kind=finding", "/?kind=statut"),
		"GET /causes":     get("/causes"),
		"GET /findings":   append(get("/findings", "/findings?state=open", "/findings?after=99"), both("GET", "/findings?code=STATUT", "/findings?code=NOTHING")),
		"GET /recipients": append(get("/recipients"), both("GET", "/recipients?siret=77777777700007", "/recipients?siret=77777777700008")),
		"GET /money":      append(get("/money", "/money?since=2020-01-01"), both("GET", "/money?recipient=777777777", "/money?recipient=777777778")),
		"GET /accounts":   get("/accounts"),
		"GET /audit": append(get("/audit", "/audit?kind=pause", "/audit?actor=SECRE"), both("GET", "/audit?invoice=SECRET-parked", "/audit?invoice=NOSUCH-parked"),
			both("GET", fmt.Sprintf("/audit?invoice=%d", ids["parked"]), "/audit?invoice=999999"), both("GET", "/audit?actor=SECRE", "/audit?actor=NOSUC")),
		"GET /audit.csv": append(get("/audit.csv"), both("GET", "/audit.csv?invoice=SECRET-parked", "/audit.csv?invoice=NOSUCH-parked"), both("GET", "/audit.csv?actor=SECRE", "/audit.csv?actor=NOSUC")),
		"GET /webhooks":  get("/webhooks"),
		"GET /settings":  get("/settings"),
		"GET /invoices": append(get("/invoices", "/invoices?sum=1", "/invoices?q=state:parked&sum=1", "/invoices?q=is:listed&sum=1", "/invoices?q=amount:%3E7000000&sum=1"),
			both("GET", "/invoices?q=account:nantes", "/invoices?q=account:nowhere"), both("GET", "/invoices?q=number:SECRET-parked&sum=1", "/invoices?q=number:NOSUCH-parked&sum=1"),
			both("GET", "/invoices?q=ref:SECRET-parked", "/invoices?q=ref:NOSUCH-parked"), both("GET", "/invoices?q=flux:SECRETFLUX", "/invoices?q=flux:NOSUCHFLUX"),
			both("GET", fmt.Sprintf("/invoices?q=id:%d", ids["parked"]), "/invoices?q=id:999999")),
		"GET /invoices.csv": append(get("/invoices.csv", "/invoices.csv?q=state:parked"), both("GET", "/invoices.csv?q=account:nantes", "/invoices.csv?q=account:nowhere"),
			both("GET", "/invoices.csv?q=number:SECRET-*", "/invoices.csv?q=number:NOSUCH-*")),
		"GET /find": {
			both("GET", "/find?q=SECRET-parked", "/find?q=NOSUCH-parked"), both("GET", "/find?q=SECRETFLUX", "/find?q=NOSUCHFLUX"), both("GET", "/find?q=77", "/find?q=78"),
			both("GET", fmt.Sprintf("/find?q=%d", ids["parked"]), "/find?q=999999"),
		},
		"GET /acts": append(get("/acts"), both("GET", fmt.Sprintf("/acts?act=retry&q=id:%d", ids["rejected"]), "/acts?act=retry&q=id:999999"),
			both("GET", "/acts?act=retry&q="+q("number:SECRET-*"), "/acts?act=retry&q="+q("number:NOSUCH-*")), both("GET", "/acts?act=dismiss&q=account:nantes", "/acts?act=dismiss&q=account:nowhere")),
		"POST /acts": {
			{method: "POST", path: "/acts", form: url.Values{"chosen": {"retry"}, "id": {fmt.Sprint(ids["rejected"])}}, insteadForm: url.Values{"chosen": {"retry"}, "id": {"999999"}}},
		},
		"POST /acts/start": {
			{
				method: "POST", path: "/acts/start", form: url.Values{"act": {"retry"}, "q": {fmt.Sprintf("id:%d", ids["rejected"])}, "expect": {"1"}, "once": {"x"}},
				insteadForm: url.Values{"act": {"retry"}, "q": {"id:999999"}, "expect": {"1"}, "once": {"x"}},
			},
			{method: "POST", path: "/acts/start", form: url.Values{"act": {"dismiss"}, "q": {"number:SECRET-*"}, "expect": {"1"}}, insteadForm: url.Values{"act": {"dismiss"}, "q": {"number:NOSUCH-*"}, "expect": {"1"}}},
		},
		"GET /acts/{run}":       {both("GET", "/acts/"+run, "/acts/nothing"), both("GET", "/acts/"+run+"?act=retry&q=id:1", "/acts/nothing?act=retry&q=id:1"), both("GET", "/acts/"+run, "/acts/nothing", "HX-Request", "true")},
		"POST /views":           {{method: "POST", path: "/views", form: url.Values{"name": {"mine"}, "q": {"state:parked"}}}},
		"POST /views/delete":    {{method: "POST", path: "/views/delete", form: url.Values{"name": {"Old debts"}}}},
		"POST /requests/{id}":   {both("POST", "/requests/1", "/requests/999999")},
		"POST /acts/{run}/stop": {both("POST", "/acts/"+run+"/stop", "/acts/nothing/stop")},
	}
	for path, acts := range console.DeedNames() {
		theirs := map[string][2]string{"/accounts": {"nantes", "nowhere"}, "/webhooks": {"SECRET-hook", "NOSUCH-hook"}, "/findings": {"2", "999999"}}[path]
		for _, act := range acts {
			if act == "compare" || path == "/resubmission" { // of nobody's name
				all["POST "+path+"/{act}"] = append(all["POST "+path+"/{act}"], both("POST", path+"/nothing", path+"/nothing"))
				continue
			}
			all["POST "+path+"/{act}"] = append(all["POST "+path+"/{act}"], attempt{
				method: "POST", path: path + "/" + act, form: url.Values{"name": {theirs[0]}, "from": {"1"}, "reason": {"x"}}, insteadForm: url.Values{"name": {theirs[1]}, "from": {"1"}, "reason": {"x"}},
			})
		}
	}
	all["POST /webhooks/{act}"] = append(all["POST /webhooks/{act}"], attempt{
		method: "POST", path: "/webhooks/pause", form: url.Values{"name": {"SECRET-all"}, "reason": {"x"}}, insteadForm: url.Values{"name": {"NOSUCH-all"}, "reason": {"x"}},
	})
	all["POST /resubmission/{act}"] = append(all["POST /resubmission/{act}"], attempt{method: "POST", path: "/resubmission/allow", form: url.Values{"reason": {"x"}}})
	for state := range ids {
		all["GET /invoices/{id}"] = append(all["GET /invoices/{id}"], invoice("GET", state, "", nil), both("GET", fmt.Sprintf("/invoices/%d", ids[state]), "/invoices/999999", "HX-Request", "true"))
		for _, what := range []string{"evidence", "document", "file"} {
			pattern := "POST /invoices/{id}/" + what
			all[pattern] = append(all[pattern], invoice("POST", state, "/"+what, nil))
		}
		for _, remedy := range []string{"complete", "recycle", "replace"} {
			pattern := "POST /invoices/{id}/" + remedy
			all[pattern] = append(all[pattern], invoice("POST", state, "/"+remedy, url.Values{"comment": {"x"}, "service": {"x"}}))
		}
		for _, act := range []string{"retry", "dismiss", "restore", "cancel", "accept", "lookup", "resubmit", "abandon", "nothing"} {
			all["POST /invoices/{id}/{act}"] = append(all["POST /invoices/{id}/{act}"], invoice("POST", state, "/"+act, url.Values{"flux": {"SECRETFLUX"}}))
		}
	}
	return all
}

// open are routes that show no row of any account.
var ofNobody = regexp.MustCompile(`^(GET /allowed/|GET /charts/|GET /icon|GET /style|GET /live|GET /htmx|GET /assets|GET /signin|POST /signin$|POST /signout$|GET /$)`)

// when is what differs between two answers that say the same: the times of reading, and what the request itself named.
var when = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d( [+-]\d\d:\d\d)?|(datetime|title)="\d[^"]*"|value="[A-Za-z0-9_-]{20,}"|\d+ (ms|s)\b`)

// A person who may see one account is shown nothing of another, by no route and no act, and is answered about it as about what there is not.
func TestConfined(t *testing.T) {
	d := newDesk(t)
	ids := d.twoAccounts()
	v := d.acting(
		console.User{Name: "claire", Role: console.Operator, Accounts: []string{"default"}, Hash: hash(t, "a long password")},
		console.User{Name: "rene", Role: console.Reader, Accounts: []string{"default"}, Hash: hash(t, "another password")},
		console.User{Name: "admin", Role: console.Administrator, Accounts: []string{"default"}, Hash: hash(t, "a third password")},
		console.User{Name: "owner", Role: console.Administrator, Hash: hash(t, "the owner's password")},
	)
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	// Somebody of all accounts has begun something about nantes.
	v.signIn("owner", "the owner's password")
	page, _ := v.choose(url.Values{"chosen": {"dismiss"}, "id": {fmt.Sprint(ids["invalid"])}})
	to, status, body := v.confirm(page)
	if status != http.StatusSeeOther {
		t.Fatalf("%d %s", status, body)
	}
	v.ended(to)
	run, _, _ := strings.Cut(strings.TrimPrefix(to, "/acts/"), "?")
	all := attempts(ids, run)
	before := d.everything()
	n := 0
	for _, who := range [][2]string{{"claire", "a long password"}, {"rene", "another password"}, {"admin", "a third password"}} {
		b := d.browse(server, who[0], who[1])
		if _, page := b.ask("GET", "/", nil); !strings.Contains(page, "F-3") {
			t.Fatalf("%s does not see his own:\n%s", who[0], page)
		} else if strings.Contains(page, `href="/settings"`) {
			t.Errorf("%s is led to the settings, which he may not see", who[0])
		}
		for _, pattern := range console.Routes() {
			if ofNobody.MatchString(pattern) {
				continue
			}
			if len(all[pattern]) == 0 {
				t.Errorf("nobody tries %s: add what a confined person could ask it for", pattern)
			}
			for _, a := range all[pattern] {
				n++
				code, got := b.ask(a.method, a.path, a.form, a.headers...)
				if said := strings.NewReplacer("SECRET-parked", "", "SECRETFLUX", "", "SECRET-*", "", "SECRET-%2A", "").Replace(got); strings.Contains(said, "SECRET") || strings.Contains(got, "7,777,777") || strings.Contains(got, "recipient:77777777700007") {
					t.Errorf("%s: %s %s %v shows what is nantes's: %d\n%s", who[0], a.method, a.path, a.form, code, got)
				}
				if a.instead == "" && a.insteadForm == nil {
					if code != http.StatusOK && code != http.StatusForbidden {
						t.Errorf("%s: %s %s: %d\n%s", who[0], a.method, a.path, code, got)
					}
					continue
				}
				path := a.instead
				if path == "" {
					path = a.path
				}
				nothing, want := b.ask(a.method, path, a.insteadForm, a.headers...)
				if x, y := differ(alike(got, a.path, a.form), alike(want, path, a.insteadForm)); code != nothing || x != y {
					t.Errorf("%s: %s %s %v is answered with %d\n%s\nand what there is not with %d\n%s", who[0], a.method, a.path, a.form, code, x, nothing, y)
				}
			}
		}
	}
	t.Logf("%d attempts", n)
	if after := d.everything(); after != before {
		t.Errorf("something was done:\n%s\nbefore\n%s", after, before)
	}
}

// differ returns the first lines that differ.
func differ(a, b string) (x, y string) {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for k := range min(len(as), len(bs)) {
		if as[k] != bs[k] {
			return as[k], bs[k]
		}
	}
	return fmt.Sprint(len(as)), fmt.Sprint(len(bs))
}

// alike leaves out of an answer what its request named, and when it was given.
func alike(answer, path string, form url.Values) string {
	for _, named := range []string{url.QueryEscape(path), path, strings.ReplaceAll(path, "&", "&amp;")} {
		answer = strings.ReplaceAll(answer, named, "PATH")
	}
	answer = regexp.MustCompile(`(SECRET?|NOSUCH?)(-|%2A|FLUX|\*)?(parked)?\*?|nantes|nowhere|77777777700007|77777777700008|777777777|777777778|STATUT\b|NOTHING`).ReplaceAllString(answer, "NAME")
	answer = regexp.MustCompile(`id(%3[Aa]|:)\d+|/invoices/\d+|\b(invoice|facture) \d+|q=\d+|invoice=\d+|value="\d+"|Found: \d+|/acts/([\w-]{43}|nothing)`).ReplaceAllString(answer, "ID")
	return when.ReplaceAllString(answer, "WHEN")
}

// everything is the state of all of nantes's rows, and how many events they have.
func (d *desk) everything() (all string) {
	d.Helper()
	if err := d.owner.QueryRow(d.Context(), `
		SELECT string_agg(concat_ws(' ', i.id, i.state, i.updated_at, i.cancel_requested_at, (SELECT count(*) FROM chorus.events e WHERE e.invoice_id = i.id), (SELECT count(*) FROM chorus.dismissals x WHERE x.invoice_id = i.id)), E'\n' ORDER BY i.id)
		FROM chorus.invoices i WHERE account = 'nantes'`).Scan(&all); err != nil {
		d.Fatal(err)
	}
	return all
}
