package console_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/console"
	"github.com/choriste/choriste/secret"
	"github.com/choriste/choriste/store"
)

// proxied serves a console that a proxy signs people in to, over HTTP, and returns how to send it a request with these lines of header.
func proxied(d *desk, h *console.Header, users ...console.User) (say func(method, path, body string, lines ...string) answer) {
	d.Helper()
	acting, err := store.ConnectActing(d.Context(), d.operatorURL, "console", 2)
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(acting.Close)
	d.Handler = console.Handler(console.Config{
		Store: d.store, Operator: store.New(acting), Header: h, Log: d.logger(), Users: func() []console.User { return users },
		Groups: func() []console.Group {
			return []console.Group{{Name: "ops", Role: console.Operator}, {Name: "all", Role: console.Reader}}
		},
	})
	server := httptest.NewServer(d)
	d.Cleanup(server.Close)
	return func(method, path, body string, lines ...string) answer {
		d.Helper()
		conn, err := (&net.Dialer{Timeout: time.Minute}).DialContext(d.Context(), "tcp", server.Listener.Addr().String())
		if err != nil {
			d.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		lines = append([]string{method + " " + path + " HTTP/1.1", "Host: console.example", "Connection: close", fmt.Sprint("Content-Length: ", len(body))}, lines...)
		if body != "" {
			lines = append(lines, "Content-Type: application/x-www-form-urlencoded", "Origin: https://console.example")
		}
		if _, err := io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n\r\n"+body); err != nil {
			d.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			d.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		b, _ := io.ReadAll(resp.Body)
		return answer{resp, string(b)}
	}
}

var here = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// Whom the proxy names is let in with the role of the file, of his name or of his groups; his acts are in the history under that name.
func TestAProxyNamesWhoAsks(t *testing.T) {
	d := newDesk(t)
	id := d.invoice("F-1", "invalid", "")
	say := proxied(d, &console.Header{Name: "X-Remote-User", Groups: "X-Remote-Groups", From: here}, console.User{Name: "rené@example.net", Role: console.Reader})
	page := fmt.Sprintf("/invoices/%d", id)
	for _, row := range []struct {
		lines []string
		acts  bool
	}{
		{[]string{"X-Remote-User: rené@example.net"}, false},
		{[]string{"x-rEMOTE-uSER:   rené@example.net  "}, false},
		{[]string{"X-Remote-User: rené@example.net", "X-Remote-Groups: others, ops"}, true},
		{[]string{"X-Remote-User: claire", "X-Remote-Groups: all,ops,,"}, true},
		{[]string{"X-Remote-User: claire", "X-Remote-Groups: all"}, false},
	} {
		a := say("GET", page, "", row.lines...)
		if a.StatusCode != http.StatusOK || strings.Contains(a.text, page+"/retry") != row.acts || strings.Contains(a.text, "Sign out") || len(a.Cookies()) > 0 {
			t.Errorf("%q: %d\n%s", row.lines, a.StatusCode, a.text)
		}
	}
	ops := []string{"X-Remote-User: claire", "X-Remote-Groups: ops"}
	form := fieldsIn(say("GET", page, "", ops...).text, page+"/retry")
	form.Set("reason", "it was corrected")
	if a := say("POST", page+"/retry", form.Encode(), "X-Remote-User: marc", "X-Remote-Groups: ops"); a.StatusCode != http.StatusForbidden {
		t.Errorf("with the form of somebody else: %d", a.StatusCode)
	}
	if a := say("POST", page+"/retry", form.Encode(), append(ops, "Sec-Fetch-Site: cross-site")...); a.StatusCode != http.StatusForbidden {
		t.Errorf("from another site's page: %d", a.StatusCode)
	}
	if a := say("POST", page+"/retry", form.Encode(), ops...); a.StatusCode != http.StatusSeeOther {
		t.Errorf("%d\n%s", a.StatusCode, a.text)
	}
	var actor string
	if err := d.owner.QueryRow(t.Context(), `SELECT actor FROM chorus.events WHERE invoice_id = $1 ORDER BY id DESC LIMIT 1`, id).Scan(&actor); err != nil || !strings.HasSuffix(actor, "/console:proxy:claire") {
		t.Errorf("history has %s %v", actor, err)
	}
	for _, lines := range [][]string{{"X-Remote-User: mallory"}, {"X-Remote-User: mallory", "X-Remote-Groups: Ops, \"ops\""}, {"X-Remote-User: René@example.net"}, {"X-Remote-User: rene\u0301@example.net"}} {
		if a := say("GET", "/", "", lines...); a.StatusCode != http.StatusForbidden || !strings.Contains(a.text, "You have no role here") || !strings.Contains(a.text, "X-Remote-Groups") {
			t.Errorf("%q: %d\n%s", lines, a.StatusCode, a.text)
		}
	}
}

// A header that is odd in any way, or of somebody else, lets nobody in.
func TestAttacksByHeader(t *testing.T) {
	d := newDesk(t)
	const user = "X-Remote-User: rene"
	reader := []console.User{{Name: "rene", Role: console.Reader}, claire(t)}
	say := proxied(d, &console.Header{Name: "X-Remote-User", Groups: "X-Remote-Groups", From: here}, reader...)
	for name, lines := range map[string][]string{
		"nothing":             nil,
		"empty":               {"X-Remote-User:  "},
		"twice":               {user, user},
		"twice, other case":   {user, "x-remote-user: claire"},
		"two in a line":       {"X-Remote-User: rene, claire"},
		"an underscore":       {user, "X_Remote_User: claire"},
		"an underscore alone": {"X_Remote-User: claire"},
		"groups, underscore":  {user, "x_remote_groups: ops"},
		"groups twice":        {user, "X-Remote-Groups: all", "X-Remote-Groups: ops"},
		"too long":            {"X-Remote-User: " + strings.Repeat("x", 81)},
		"too many groups":     {user, "X-Remote-Groups: " + strings.Repeat("a,", 1000)},
		"groups too long":     {user, "X-Remote-Groups: " + strings.Repeat("a", 17<<10)},
		"no UTF-8":            {"X-Remote-User: ren\xe9"},
		"nobody sees it":      {"X-Remote-User: rene\u200b"},
		"right to left":       {"X-Remote-User: \u202erene"},
		"a group nobody sees": {user, "X-Remote-Groups: ops\u200b"},
	} {
		for _, path := range []string{"/", "/invoices.csv", "/signin", "/nowhere"} {
			if a := say("GET", path, "", lines...); a.StatusCode != http.StatusForbidden {
				t.Errorf("%s: %s: %d\n%s", name, path, a.StatusCode, a.text)
			}
		}
	}
	for name, lines := range map[string][]string{"a blank before the colon": {"X-Remote-User : rene"}, "a fold": {"X-Other: a\r\n X-Remote-User: rene"}, "a line feed": {"X-Other: a\rX-Remote-User: rene"}} {
		if a := say("GET", "/", "", lines...); a.StatusCode != http.StatusBadRequest && a.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
	}
	if a := say("GET", "/signin", "", user); a.StatusCode != http.StatusSeeOther || a.to() != "/" {
		t.Errorf("who is named is asked for a password: %d", a.StatusCode)
	}
	if a := say("GET", "/style.css", ""); a.StatusCode != http.StatusOK {
		t.Errorf("the stylesheet: %d", a.StatusCode)
	}
	// A password is not taken through the proxy.
	if a := say("POST", "/signin", url.Values{"name": {"claire"}, "password": {"a long password"}}.Encode()); a.StatusCode != http.StatusForbidden || len(a.Cookies()) > 0 {
		t.Errorf("a password: %d", a.StatusCode)
	}

	elsewhere := proxied(d, &console.Header{Name: "X-Remote-User", From: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, reader...)
	for _, lines := range [][]string{{user}, {"x-remote-user:"}, {"X_Remote_User: rene"}, {user, "X-Forwarded-For: 10.0.0.1", "Forwarded: for=10.0.0.1"}, {console.ProxySecretHeader + ": x"}} {
		if a := elsewhere("GET", "/", "", lines...); a.StatusCode != http.StatusForbidden {
			t.Errorf("from elsewhere, %q: %d", lines, a.StatusCode)
		}
	}
	if a := elsewhere("GET", "/", ""); a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.to(), "/signin") {
		t.Errorf("without a header: %d", a.StatusCode)
	}
	if a := elsewhere("GET", "/signin", ""); !strings.Contains(a.text, "A proxy signs people in") || !strings.Contains(a.text, `type="password"`) {
		t.Errorf("the page to sign in:\n%s", a.text)
	}
	for name, want := range map[string]int{"claire": http.StatusSeeOther, "rene": http.StatusUnauthorized} { // rene has no password
		if a := elsewhere("POST", "/signin", url.Values{"name": {name}, "password": {"a long password"}}.Encode()); a.StatusCode != want {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
	}

	const shown = "a secret of the proxy"
	hidden := func() secret.Text { return shown }
	for _, from := range [][]netip.Prefix{nil, here} {
		both := proxied(d, &console.Header{Name: "X-Remote-User", From: from, Secret: hidden}, reader...)
		with := console.ProxySecretHeader + ": "
		if a := both("GET", "/", "", user, with+shown); a.StatusCode != http.StatusOK {
			t.Errorf("with the secret: %d", a.StatusCode)
		}
		for _, lines := range [][]string{{user}, {user, with}, {user, with + "another"}, {user, with + shown, with + shown}, {user, with + shown + "x"}, {user, "Choriste_Proxy_Secret: " + shown}, {with + shown}, {with + "guess"}} {
			if a := both("GET", "/", "", lines...); a.StatusCode != http.StatusForbidden || strings.Contains(a.text, shown) {
				t.Errorf("%v, %q: %d", from, lines, a.StatusCode)
			}
		}
	}
	far := proxied(d, &console.Header{Name: "X-Remote-User", From: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Secret: hidden}, reader...)
	if a := far("GET", "/", "", user, console.ProxySecretHeader+": "+shown); a.StatusCode != http.StatusForbidden {
		t.Errorf("with the secret, from elsewhere: %d", a.StatusCode)
	}
	none := proxied(d, &console.Header{Name: "X-Remote-User"}, reader...)
	if a := none("GET", "/", "", user); a.StatusCode != http.StatusForbidden {
		t.Errorf("a proxy that nothing tells apart: %d", a.StatusCode)
	}
}
