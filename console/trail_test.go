package console_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/choriste/choriste/console"
	"github.com/choriste/choriste/operate"
)

// logged is a log that several may write at once, and that tells of each line.
type logged struct {
	mu    sync.Mutex
	text  bytes.Buffer
	lines chan string
}

func newLogged() *logged { return &logged{lines: make(chan string, 1000)} }

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.lines <- string(b):
	default: // nobody waits for them
	}
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// says waits for so many lines.
func (l *logged) says(t testing.TB, n int) (lines []string) {
	t.Helper()
	for range n {
		select {
		case line := <-l.lines:
			lines = append(lines, line)
		case <-time.After(10 * time.Second):
			t.Fatalf("the log says no more than\n%s", l)
		}
	}
	return lines
}

func (d *desk) logger() *slog.Logger { return slog.New(slog.NewTextHandler(d.log, nil)) }

func (d *desk) count(sql string, args ...any) (n int) {
	d.Helper()
	if err := d.owner.QueryRow(d.Context(), sql, args...).Scan(&n); err != nil {
		d.Fatal(err)
	}
	return n
}

// signIns are those of the audit trail, the first one first: who, from where and how, and why he was refused.
func (d *desk) signIns() (list []string) {
	d.Helper()
	acts, err := operate.Acts(d.Context(), d.store, operate.ActFilter{Kinds: []string{"sign-in", "sign-in-refused"}, Limit: 1000})
	if err != nil {
		d.Fatal(err)
	}
	for _, a := range acts {
		_, who, _ := strings.Cut(a.Actor, "/")
		list = append(list, strings.TrimSpace(who+" | "+*a.Object+" | "+a.Why("en")))
	}
	slices.Reverse(list)
	return list
}

// Whoever signs in is in the audit trail, with where he came from; whoever is refused, too, with the name that he gave where there is such a name. What else was written into that field, as a
// password, is nowhere.
func TestSignInsAreInTheAuditTrail(t *testing.T) {
	d := newDesk(t)
	users := []console.User{{Name: "claire", Role: console.Reader, Hash: hash(t, "a long password")}, {Name: "paul", Role: console.Reader}}
	d.Handler = console.Handler(console.Config{Store: d.store, Users: func() []console.User { return users }, Log: d.logger()})
	v := &visitor{desk: d}
	v.signIn("claire", "wrong")
	d.log.says(t, 1)
	v.signIn("a long password", "claire")
	d.log.says(t, 1)
	v.signIn("paul", "a long password")
	d.log.says(t, 1)
	v.signIn("claire", "a long password")
	v.send(http.MethodPost, "/signin", url.Values{"name": {"claire"}, "password": {"a long password"}}, "X-Forwarded-For", "10.1.2.3, 203.0.113.9")
	v.send(http.MethodPost, "/signin", url.Values{"name": {"claire"}, "password": {"a long password"}}, "X-Forwarded-For", "<script>")
	d.log.says(t, 3)
	want := []string{
		"console | claire 192.0.2.1 password | wrong password",
		"console | 192.0.2.1 password | no such name with a password",
		"console | 192.0.2.1 password ×2 | no such name with a password",
		"console:claire | 192.0.2.1 password |",
		"console:claire | 203.0.113.9 via 192.0.2.1 password ×2 |",
		"console:claire | 192.0.2.1 password ×3 |",
	}
	if got := d.signIns(); !slices.Equal(got, want) {
		t.Errorf("the trail:\n%s\nwanted\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, leak := range []string{"a long", "script"} {
		if n := d.count(`SELECT count(*) FROM chorus.events WHERE detail::text LIKE '%' || $1 || '%'`, leak); n > 0 || strings.Contains(d.log.String(), leak) {
			t.Errorf("%q is in the history or the log:\n%s", leak, d.log)
		}
	}
	page := v.send(http.MethodGet, "/audit", nil, "Accept-Language", "fr").Body.String()
	for _, want := range []string{"connexion à la console refusée", "mot de passe faux", "<b>claire</b>", "203.0.113.9 via 192.0.2.1"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s:\n%s", want, page)
		}
	}
	if csv := v.send(http.MethodGet, "/audit.csv?actor=claire&kind=sign-in", nil, "Accept-Language", "fr").Body.String(); strings.Count(csv, "connexion à la console;") != 3 {
		t.Errorf("CSV:\n%s", csv)
	}
}

// Who tries all day fills no database, and hides nobody: of each name the first five of an hour are written, then the 10th, the 100th and the 1000th.
func TestAFloodOfSignIns(t *testing.T) {
	d := newDesk(t)
	users := []console.User{{Name: "claire", Role: console.Reader, Hash: hash(t, "a long password")}, {Name: "paul", Role: console.Reader, Hash: hash(t, "another password")}}
	d.Handler = console.Handler(console.Config{Store: d.store, Users: func() []console.User { return users }, Log: d.logger()})
	v := &visitor{desk: d}
	for range 1005 {
		v.signIn("claire", "wrong") // five are tried, the others refused unlooked at
	}
	for k := range 60 {
		v.signIn(fmt.Sprint("nobody ", k), "wrong") // and when sixty a minute are, everybody
	}
	v.signIn("paul", "another password")
	// Wrong; too many, up to the 1000th; unknown, with the 10th; of all the rest, too many; paul's. They are written after the answers, in no order.
	wanted := []string{"claire 192.0.2.1 password ×5 | wrong password", "claire 192.0.2.1 password ×1000 | too many tries", "console | paul 192.0.2.1 password | too many tries"}
	missing := func() []string {
		list := strings.Join(d.signIns(), "\n")
		return slices.DeleteFunc(slices.Clone(wanted), func(want string) bool { return strings.Contains(list, want) })
	}
	for end := time.Now().Add(10 * time.Second); len(missing()) > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no line %q in\n%s", missing(), strings.Join(d.signIns(), "\n"))
		}
	}
	if total := d.count(`SELECT count(*) FROM chorus.events WHERE reason_code = 'SIGN_IN_REFUSED'`); total > 25 {
		t.Errorf("%d events of 1066 tries", total)
	}
}

// However many names are tried, a process writes a hundred refusals an hour at most, and remembers a bounded number of names; who signs in is always written.
func TestRefusalsAreBounded(t *testing.T) {
	now := time.Now()
	count := console.CountSignIns()
	written := 0
	for k := range 100000 {
		if count(operate.SignIn{By: "openid", Name: fmt.Sprint("openid:", k, ":x"), Why: "NO_ROLE"}, now) {
			written++
		}
	}
	if written != 100 {
		t.Errorf("%d are written", written)
	}
	if !count(operate.SignIn{By: "password", Person: "claire"}, now) {
		t.Error("somebody who signs in meanwhile is not written")
	}
	if !count(operate.SignIn{By: "password", Why: "WRONG_PASSWORD"}, now.Add(time.Hour)) {
		t.Error("in the next hour nothing is written")
	}
}

// Whom a proxy names has no session here: he is in the trail when he comes, and not at each page.
func TestWhoComesByAProxyIsInTheTrail(t *testing.T) {
	d := newDesk(t)
	say := proxied(d, &console.Header{Name: "X-Remote-User", Groups: "X-Remote-Groups", From: here})
	for range 3 {
		say("GET", "/", "", "X-Remote-User: claire", "X-Remote-Groups: ops", "X-Forwarded-For: 203.0.113.9")
	}
	say("GET", "/", "", "X-Remote-User: paul", "X-Remote-Groups: others", "X-Forwarded-For: 203.0.113.10")
	d.log.says(t, 2)
	say("GET", "/", "", "X-Remote-User: a", "X-Remote-User: b")
	d.log.says(t, 1)
	want := []string{
		"console:proxy:claire | 203.0.113.9 via 127.0.0.1 proxy |",
		"console | proxy:paul 203.0.113.10 via 127.0.0.1 proxy | no role here",
		"console | 127.0.0.1 proxy | who asks is not believed from there, or is said in a form that is not taken",
	}
	if got := d.signIns(); !slices.Equal(got, want) {
		t.Errorf("the trail:\n%s\nwanted\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
