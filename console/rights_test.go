package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/choriste/choriste/console"
)

// those are the people who try everything: one who has not signed in, one of each role, and an operator and a reader of another account.
var those = []string{"nobody", "reader", "operator", "administrator", "elsewhere", "lookson"}

// What each of them is answered.
type answers [6]int

var (
	signed     = answers{303, 200, 200, 200, 200, 200} // everybody who signed in; nobody is led to the sign-in
	everybody  = answers{200, 200, 200, 200, 200, 200}
	ofAccount  = answers{303, 200, 200, 200, 404, 404} // what belongs to an account
	acting     = answers{403, 403, 303, 303, 404, 403} // done, and led back
	reading    = answers{403, 403, 200, 200, 404, 403} // documents and evidence
	operating  = answers{303, 403, 200, 200, 200, 403} // pages of who acts
	ofAll      = answers{403, 403, 303, 303, 403, 403} // what is everybody's is changed by who sees all accounts
	notThere   = answers{303, 404, 404, 404, 404, 404}
	ledOn      = answers{303, 303, 303, 303, 303, 303}
	ledToOne   = answers{303, 303, 303, 303, 200, 200}
	allButSome = answers{303, 200, 200, 200, 403, 403}
	ruling     = answers{403, 403, 403, 303, 403, 403} // an administrator alone
)

// try is a request that each of them makes, and what they are answered. {STATE} in the path stands for an invoice of the account default in that state, a new one for each; before makes
// what else the request is about.
type try struct {
	path   string
	form   url.Values
	want   answers
	before func(d *desk)
}

// rightsTable is what is right, for every route.
func rightsTable() map[string][]try {
	get := func(want answers, paths ...string) (list []try) {
		for _, p := range paths {
			list = append(list, try{path: p, want: want})
		}
		return list
	}
	t := map[string][]try{
		"GET /{$}":                     get(signed, "/", "/?kind=parked"),
		"GET /":                        get(notThere, "/nothing", "/invoices/1/nothing", "/views"),
		"GET /invoices":                get(signed, "/invoices", "/invoices?q=state:parked&sum=1"),
		"GET /invoices.csv":            get(signed, "/invoices.csv"),
		"GET /invoices/{id}":           append(get(ofAccount, "/invoices/{parked}", "/invoices/{settled}"), get(notThere, "/invoices/999999", "/invoices/x")...),
		"GET /find":                    append(get(ledToOne, "/find?q={parked}"), get(signed, "/find?q=nothing")...),
		"GET /causes":                  get(signed, "/causes"),
		"GET /findings":                get(signed, "/findings"),
		"GET /recipients":              get(signed, "/recipients"),
		"GET /money":                   get(signed, "/money"),
		"GET /accounts":                get(signed, "/accounts"),
		"GET /webhooks":                get(signed, "/webhooks"),
		"GET /audit":                   get(signed, "/audit"),
		"GET /audit.csv":               get(signed, "/audit.csv"),
		"GET /settings":                get(allButSome, "/settings"),
		"GET /acts":                    get(operating, "/acts", "/acts?act=retry&q=state:invalid"),
		"GET /acts/{run}":              get(answers{303, 403, 200, 200, 404, 403}, "/acts/{run}"),
		"POST /acts/{run}/stop":        {{path: "/acts/{run}/stop", want: acting}},
		"GET /charts/{chart}":          get(signed, "/charts/flow.svg?a=1,2&b=3,4&from=1700000000"),
		"GET /htmx-4.0.1.min.js":       get(signed, "/htmx-4.0.1.min.js"),
		"GET /live.js":                 get(signed, "/live.js"),
		"GET /style.css":               get(everybody, "/style.css"),
		"GET /icon.svg":                get(everybody, "/icon.svg"),
		"GET /allowed/operator":        get(answers{303, 403, 204, 204, 403, 403}, "/allowed/operator"),
		"GET /signin":                  get(everybody, "/signin"),
		"GET /signin/openid":           get(ledOn, "/signin/openid"), // there is no provider
		"GET /signin/callback":         get(ledOn, "/signin/callback?code=x&state=y"),
		"POST /signin":                 {{path: "/signin", form: url.Values{"name": {"somebody"}, "password": {"whatever it is"}}, want: answers{401, 401, 401, 401, 401, 429}}}, // five a minute
		"POST /signout":                {{path: "/signout", want: answers{403, 303, 303, 303, 303, 303}}},
		"POST /views":                  {{path: "/views", form: url.Values{"name": {"mine"}, "q": {"state:parked"}}, want: ofAll, before: (*desk).noView}},
		"POST /views/delete":           {{path: "/views/delete", form: url.Values{"name": {"theirs"}}, want: ofAll, before: (*desk).aView}},
		"POST /invoices/{id}/file":     {{path: "/invoices/{parked}/file", want: reading}},
		"POST /invoices/{id}/evidence": {{path: "/invoices/{settled}/evidence", want: answers{403, 403, 503, 503, 404, 403}}}, // no worker numbers the events here, so it cannot be made
		"POST /invoices/{id}/document": {{path: "/invoices/{parked}/document", want: reading}},
		"POST /invoices/{id}/complete": {{path: "/invoices/{suspended}/complete", form: url.Values{"comment": {"x"}}, want: acting}},
		"POST /invoices/{id}/recycle":  {{path: "/invoices/{misrouted}/recycle", form: url.Values{"service": {"x"}}, want: acting}},
		"POST /invoices/{id}/replace":  {{path: "/invoices/{refused}/replace", want: answers{403, 403, 400, 400, 404, 403}}}, // without a file
		"POST /requests/{id}": {
			{path: "/requests/{request}", form: url.Values{"answer": {"refuse"}}, want: acting},
			{path: "/requests/{request}", form: url.Values{"answer": {"agree"}}, want: acting, before: (*desk).secondPerson},
			{path: "/requests/999999", form: url.Values{"answer": {"refuse"}}, want: answers{403, 403, 404, 404, 404, 403}},
		},
		"POST /invoices/{id}/{act}": {{path: "/invoices/{parked}/nothing", want: answers{403, 403, 404, 404, 404, 403}}},
	}
	for _, c := range []struct{ act, state string }{
		{"retry", "invalid"}, {"retry", "rejected"}, {"dismiss", "invalid"}, {"restore", "dismissed"}, {"cancel", "ready"}, {"accept", "parked"}, {"lookup", "parked"}, {"resubmit", "parked"}, {"abandon", "parked"},
	} {
		t["POST /invoices/{id}/{act}"] = append(t["POST /invoices/{id}/{act}"], try{path: "/invoices/{" + c.state + "}/" + c.act, form: url.Values{"flux": {""}}, want: acting})
	}
	for path, acts := range console.DeedNames() {
		for _, act := range acts {
			try := try{path: path + "/" + act, form: url.Values{"name": {"default"}}, want: ruling, before: (*desk).things}
			switch path {
			case "/webhooks":
				try.form = url.Values{"name": {"erp"}, "from": {"3"}}
			case "/findings":
				try.form, try.want = url.Values{"name": {"999"}}, acting
				if act == "compare" {
					try.want = answers{403, 403, 303, 303, 400, 403} // of an account that has deposited nothing
				} else if act == "reopen" {
					try.before = func(d *desk) {
						d.things()
						d.sql(`UPDATE chorus.findings SET state = 'accepted' WHERE id = 999`)
					}
				}
			}
			t["POST "+path+"/{act}"] = append(t["POST "+path+"/{act}"], try)
		}
		t["POST "+path+"/{act}"] = append(t["POST "+path+"/{act}"], try{path: path + "/nothing", want: answers{403, 403, map[bool]int{true: 404, false: 403}[path == "/findings"], 404, map[bool]int{true: 404, false: 403}[path == "/findings"], 403}})
	}
	_, several := console.ActNames()
	for _, act := range several {
		t["POST /acts"] = append(t["POST /acts"], try{path: "/acts", form: url.Values{"chosen": {act}, "id": {"1"}}, want: answers{403, 403, 303, 303, 303, 403}}) // to the confirmation
		state := "invalid"
		if act == "restore" {
			state = "dismissed"
		}
		// What somebody of another account confirms is not there for him: other invoices are selected than were shown.
		t["POST /acts/start"] = append(t["POST /acts/start"], try{path: "/acts/start?" + act + "={" + state + "}", want: answers{403, 403, 303, 303, 409, 403}})
	}
	return t
}

// things are an account, a webhook, a difference and a doubt about resubmission to which every deed can be done.
func (d *desk) things() {
	d.sql(
		`DELETE FROM chorus.webhooks`, `INSERT INTO chorus.webhooks (name, cursor, stuck, failing_since) VALUES ('erp', 5, 6, now())`,
		`UPDATE chorus.accounts SET paused_at = NULL, pause_reason = NULL`,
		`UPDATE chorus.installation SET assumption_broken_at = now()`,
		`INSERT INTO chorus.structures (account, id_structure_cpp, identifiant) VALUES ('default', 1, '99999999800012') ON CONFLICT DO NOTHING`,
		`INSERT INTO chorus.reconciliations (id, account, id_structure_cpp, siret, period, requested_by, state, finished_at) OVERRIDING SYSTEM VALUE
		 VALUES (999, 'default', 1, '99999999800012', '[2020-11-01,2020-11-08)', 'nightly', 'done', now()) ON CONFLICT DO NOTHING`,
		`DELETE FROM chorus.findings`,
		`INSERT INTO chorus.findings (id, reconciliation_id, last_reconciliation_id, code, account, id_structure_cpp, subject, deposit_day, text) OVERRIDING SYSTEM VALUE
		 VALUES (999, 999, 999, 'AMOUNT', 'default', 1, 'x', '2020-11-02', 'the amounts differ')`,
	)
	if d.count(`SELECT count(*) FROM chorus.invoices WHERE numero_facture = 'F-sent'`) == 0 {
		d.invoice("F-sent", "integrated", "deposited_at = now()")
	}
}

func (d *desk) noView() { d.sql(`DELETE FROM chorus.saved_views`) }

func (d *desk) aView() {
	d.sql(`INSERT INTO chorus.saved_views (name, query, saved_by) VALUES ('theirs', 'state:parked', 'x') ON CONFLICT DO NOTHING`)
}

// events is how many there are: whatever is done leaves one. A sign-in that is refused is written in its own time.
func (d *desk) events() (n int) {
	d.Helper()
	if err := d.owner.QueryRow(d.Context(), `SELECT count(*) FROM chorus.events WHERE reason_code IS DISTINCT FROM 'SIGN_IN_REFUSED'`).Scan(&n); err != nil {
		d.Fatal(err)
	}
	return n
}

var stateIn = regexp.MustCompile(`\{([a-z_]+)\}`)

// Every route and every act is tried by everybody, and answered as the table says. Who is refused has done nothing. A route or an act that is not in the table fails.
func TestRights(t *testing.T) {
	d := newDesk(t)
	d.sql(`INSERT INTO chorus.accounts (name) VALUES ('nantes')`)
	password := hash(t, "a long password")
	users := []console.User{{Name: "owner", Role: console.Administrator, Hash: password}}
	for _, name := range those[1:] {
		u := console.User{Name: name, Role: console.Role(name), Hash: password}
		switch name {
		case "elsewhere":
			u.Role, u.Accounts = console.Operator, []string{"nantes"}
		case "lookson":
			u.Role, u.Accounts = console.Reader, []string{"nantes"}
		}
		users = append(users, u)
	}
	owner := d.acting(users...)
	owner.signIn("owner", "a long password")
	people := map[string]*visitor{"nobody": {desk: d}}
	forms := map[string]string{"nobody": "none"}
	enter := func(name string) {
		people[name] = &visitor{desk: d}
		if code := people[name].signIn(name, "a long password"); code != http.StatusSeeOther {
			t.Fatalf("%s: %d", name, code)
		}
		forms[name] = formText.FindStringSubmatch(people[name].send(http.MethodGet, "/recipients", nil).Body.String())[1]
	}
	for _, name := range those[1:] {
		enter(name)
	}
	// A run of somebody who sees all accounts.
	d.invoice("F-run", "invalid", "reason_code = 'CH-IBAN'")
	shown, _ := owner.choose(url.Values{"all": {"dismiss"}, "q": {"number:F-run"}})
	run, code, body := owner.confirm(shown)
	if code != http.StatusSeeOther {
		t.Fatalf("%d %s", code, body)
	}
	owner.ended(run)
	run, _, _ = strings.Cut(strings.TrimPrefix(run, "/acts/"), "?")

	made := 0
	invoiceIn := func(state string) string {
		made++
		set := "attempt_no = 1"
		switch state {
		case "parked":
			set += ", numero_flux_depot = 'CPP" + fmt.Sprint(made) + "'"
		case "suspended":
			state, set = "integrated", set+fmt.Sprintf(", statut_courant = 'SUSPENDUE', statut_courant_date = now(), identifiant_facture_cpp = %d", made)
		case "misrouted":
			state, set = "integrated", set+fmt.Sprintf(", statut_courant = 'A_RECYCLER', statut_courant_date = now(), identifiant_facture_cpp = %d", made)
		case "refused":
			state, set = "rejected", set+fmt.Sprintf(", statut_courant = 'REJETEE', statut_courant_date = now(), identifiant_facture_cpp = %d", made)
		case "dismissed":
			state = "invalid"
			defer func() {
				d.sql(fmt.Sprintf(`INSERT INTO chorus.dismissals (invoice_id, actor, reason) SELECT id, 'x', 'x' FROM chorus.invoices WHERE numero_facture = 'F-%d'`, made))
			}()
		}
		return fmt.Sprint(d.invoice(fmt.Sprintf("F-%d", made), state, set))
	}
	requestOn := func() (id string) {
		d.sql(fmt.Sprintf(`INSERT INTO chorus.requests (invoice_id, action, override, reason, actor, person, console, seen, until)
			SELECT id, 'resubmit', false, 'x', 'x', '{x}', true, updated_at, now() + interval '1 day' FROM chorus.invoices WHERE id = %s`, invoiceIn("parked")))
		if err := d.owner.QueryRow(t.Context(), `SELECT max(id)::text FROM chorus.requests`).Scan(&id); err != nil {
			t.Fatal(err)
		}
		return id
	}
	table, tried := rightsTable(), 0
	for _, pattern := range console.Routes() {
		if len(table[pattern]) == 0 {
			t.Errorf("%s is not in the table: say who may", pattern)
		}
		method, _, _ := strings.Cut(pattern, " ")
		for _, c := range table[pattern] {
			for k, name := range those {
				if c.before != nil {
					c.before(d)
				}
				id := ""
				path := stateIn.ReplaceAllStringFunc(c.path, func(m string) string {
					switch m {
					case "{run}":
						return run
					case "{request}":
						return requestOn()
					}
					id = invoiceIn(strings.Trim(m, "{}"))
					return id
				})
				form := url.Values{}
				for field, values := range c.form {
					form[field] = values
				}
				if method == http.MethodPost && id != "" {
					var n int64
					_, _ = fmt.Sscan(id, &n)
					form.Set("at", fmt.Sprint(d.updated(n)))
				}
				if before, of, confirmed := strings.Cut(path, "?"); confirmed && pattern == "POST /acts/start" { // as the confirmation that somebody of all accounts is shown
					act, id, _ := strings.Cut(of, "=")
					path, form = before, fieldsIn(owner.send(http.MethodGet, "/acts?act="+act+"&q=id:"+id, nil).Body.String(), "/acts/start")
				}
				if method == http.MethodPost && form.Get("reason") == "" {
					form.Set("reason", "because")
				}
				form.Set("form", forms[name])
				who, before := people[name], d.events()
				if method == http.MethodPost && name != "nobody" && pattern != "POST /signin" { // first as another site's page, and with another session's form
					for what, rec := range map[string]int{
						"another site's": who.send(method, path, form, "Origin", "https://evil.example").Code,
						"a foreign":      who.send(method, path, url.Values{"form": {"x"}, "reason": {"because"}}).Code,
					} {
						if rec != http.StatusForbidden {
							t.Errorf("%s: %s form of %s is answered with %d", pattern, what, name, rec)
						}
					}
				}
				rec := who.send(method, path, form)
				tried++
				if rec.Code != c.want[k] {
					t.Errorf("%s (%s, %v): %s is answered with %d, not %d\n%s", pattern, path, c.form, name, rec.Code, c.want[k], rec.Body)
				}
				if to := rec.Header().Get("Location"); name == "nobody" && rec.Code == http.StatusSeeOther && !strings.HasPrefix(to, "/signin") {
					t.Errorf("%s: nobody is led to %s", pattern, to)
				}
				if pattern == "POST /acts/start" && rec.Code == http.StatusSeeOther {
					who.ended(rec.Header().Get("Location"))
				}
				done := d.events() - before
				if refused := rec.Code >= 400 && rec.Code < 500 || name == "nobody"; refused && done != 0 {
					t.Errorf("%s: %s is refused, and %d events are written", pattern, name, done)
				} else if does := method == http.MethodPost && c.want[k] < 400 && !slices.Contains([]string{"POST /acts", "POST /acts/{run}/stop", "POST /signout"}, pattern); does && done == 0 {
					t.Errorf("%s (%s): %s may, and no event is written", pattern, path, name)
				}
				if method == http.MethodGet && name == "nobody" { // a page that is kept current, whose session is over
					if rec := who.send(method, path, nil, "HX-Request", "true"); rec.Code != http.StatusUnauthorized && c.want[0] != http.StatusOK && !strings.HasPrefix(path, "/signin") {
						t.Errorf("%s: nobody watches, and is answered with %d", pattern, rec.Code)
					}
				}
				if pattern == "POST /signout" && name != "nobody" {
					enter(name)
				}
			}
			if c.before != nil {
				if err := d.store.SetSecondPerson(t.Context(), 0, ""); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	t.Logf("%d attempts", tried)
	for pattern := range table {
		if !slices.Contains(console.Routes(), pattern) {
			t.Errorf("the table has %s, which is not served", pattern)
		}
	}
	one, _ := console.ActNames()
	for _, act := range one {
		if !slices.ContainsFunc(table["POST /invoices/{id}/{act}"], func(c try) bool { return strings.HasSuffix(c.path, "/"+act) }) {
			t.Errorf("nobody tries the act %s", act)
		}
	}
}
