package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/choriste/choriste/console"
)

// hostileValues are what nobody means.
var hostileValues = []string{
	"\x00", "a\x00b", "\xff\xfe", "é\xc3", strings.Repeat("9", 400), "-1", "9223372036854775807", "9223372036854775808", "99999999999999999999999", "1e308", "NaN", "' OR 1=1 --", `"`, `\`, "%", "_%", "$1", "{{.}}", hostile,
	"state:", "state:x", "number:", "amount:>", "amount:>1e400", "amount:NaN", "older:", "older:-1d", "older:999999999999999d", "issued:0000-00-00", "issued:2026-02-30", "inserted:9999-12-31..0001-01-01", "id:9999999999999999999", "id:-1",
	"number:" + strings.Repeat("*", 200), strings.Repeat("number:a ", 500), "is:nothing", "reason:\u202e", "0001-01-01", "9999-12-31", "10000-01-01", "2026-11-31", "-0001-01-01", "2026-11-01\x00", "\u2028", "../../etc/passwd", "//evil.example", "javascript:alert(1)",
}

// Whatever is written into an address or a form, the answer is a page or a refusal in words: never a failure of ours, nothing of it runs, and nothing leads away.
func TestHostileInput(t *testing.T) {
	d := newDesk(t)
	d.everyday()
	v := d.acting(console.User{Name: "owner", Role: console.Administrator, Hash: hash(t, "a long password")})
	if code := v.signIn("owner", "a long password"); code != http.StatusSeeOther {
		t.Fatal(code)
	}
	form := formText.FindStringSubmatch(v.send(http.MethodGet, "/", nil).Body.String())[1]
	tried := 0
	check := func(method, at, value string, rec int, body, to string) {
		tried++
		if strings.Contains(at, ".csv") { // which no browser reads as a page
			body = ""
		}
		if rec >= 500 || strings.Contains(body, "<script>document") || strings.Contains(body, "SQLSTATE") {
			t.Errorf("%s %s with %.60q: %d\n%.1500s", method, at, value, rec, body[max(0, strings.Index(body, "<h1>")):])
		}
		if u, err := url.Parse(to); err != nil || u.Host != "" || strings.HasPrefix(to, "//") {
			t.Errorf("%s %s with %.60q leads to %s", method, at, value, to)
		}
	}
	for _, c := range []string{
		"/?kind", "/invoices?q", "/invoices?sort", "/invoices?after", "/invoices?sum", "/invoices?view", "/invoices?state", "/invoices?number", "/invoices?recipient", "/invoices?supplier", "/invoices?statut", "/invoices?reason", "/invoices?account",
		"/invoices?older", "/invoices?from", "/invoices?to", "/invoices?columns", "/invoices.csv?q", "/invoices.csv?sort", "/find?q", "/findings?code", "/findings?state", "/findings?after", "/money?recipient", "/money?since", "/money?until", "/recipients?siret", "/recipients?after",
		"/audit?actor", "/audit?kind", "/audit?invoice", "/audit?since", "/audit?until", "/audit?after", "/audit.csv?actor", "/audit.csv?invoice", "/audit.csv?since", "/acts?act", "/acts?act=retry&q", "/acts?act=retry&q=state:invalid&limit", "/charts/flow.svg?a", "/charts/open.svg?a", "/charts/delays.svg?of",
		"/signin?to", "/causes?q", "/invoices/1?lang", "/webhooks?name", "/?lang",
	} {
		for _, value := range hostileValues {
			at := c + "=" + url.QueryEscape(value)
			if strings.HasPrefix(c, "/invoices?") && strings.Contains("state number recipient supplier statut reason account older from to", c[len("/invoices?"):]) {
				at += "&fields=1"
			}
			rec := v.send(http.MethodGet, at, nil)
			check(http.MethodGet, c, value, rec.Code, rec.Body.String(), rec.Header().Get("Location"))
		}
	}
	for _, value := range hostileValues {
		for _, at := range []string{"/invoices/%s", "/acts/%s"} {
			path := fmt.Sprintf(at, url.PathEscape(value))
			rec := v.send(http.MethodGet, path, nil)
			check(http.MethodGet, at, value, rec.Code, rec.Body.String(), rec.Header().Get("Location"))
		}
	}
	for at, fields := range map[string][]string{
		"/invoices/6/retry": {"reason"}, "/invoices/3/accept": {"reason", "flux"}, "/invoices/1/complete": {"comment"}, "/invoices/1/recycle": {"to", "service", "engagement"}, "/accounts/pause": {"name", "reason"}, "/webhooks/replay": {"name", "from"}, "/findings/accept": {"name", "reason"},
		"/views": {"name", "q", "reason"}, "/views/delete": {"name", "reason"}, "/requests/1": {"answer", "reason"}, "/acts": {"chosen", "all", "q", "id"}, "/acts/start": {"act", "q", "expect", "once", "seen", "limit", "per_minute", "reason"}, "/signin": {"name", "password", "to"}, "/acts/x/stop": {"reason"},
	} {
		for _, field := range fields {
			for _, value := range hostileValues {
				f := url.Values{"form": {form}, "reason": {"because"}, "q": {"state:invalid"}, "act": {"dismiss"}, "answer": {"agree"}, "name": {"erp"}, "expect": {"999"}, "from": {"1"}}
				if strings.HasPrefix(at, "/invoices/") {
					f.Set("at", fmt.Sprint(d.updated(int64(at[len("/invoices/")]-'0'))))
				}
				f.Set(field, value)
				rec := v.send(http.MethodPost, at, f)
				if at == "/signin" && rec.Code == http.StatusTooManyRequests {
					rec.Code = http.StatusUnauthorized
				}
				check(http.MethodPost, at+" "+field, value, rec.Code, rec.Body.String(), rec.Header().Get("Location"))
			}
		}
	}
	t.Logf("%d attempts", tried)
}
