package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"mime/quotedprintable"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	gomail "github.com/wneessen/go-mail"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store/storetest"
)

// A shell is told which commands, flags and values may come next; without a database.
func TestCompletion(t *testing.T) {
	for shell, want := range map[string]string{"bash": "complete -o default", "zsh": "bashcompinit", "fish": "complete -f -c choriste"} {
		said(t, "", 0, want, "completion", shell)
	}
	said(t, "", 2, "must be one of", "completion", "tcsh")
	for line, want := range map[string][]string{
		"choriste ev":                 {"events", "evidence"},
		"choriste list --sta":         {"--state", "--statut"},
		"choriste list --state re":    {"ready", "received", "rejected"},
		"choriste webhooks re":        {"replay", "resume"},
		"choriste list --output ":     {"csv", "json", "table", "wide"},
		"choriste completion ":        {"bash", "fish", "zsh"},
		"choriste todo --nothing-as-": nil,
	} {
		t.Setenv("COMP_LINE", line)
		status, out, errOut := command(t, map[string]string{"COMP_LINE": line})
		got := strings.Fields(out)
		slices.Sort(got)
		if status != 0 || !slices.Equal(got, want) {
			t.Errorf("%q: status %d, %v, wanted %v\n%s", line, status, got, want, errOut)
		}
	}
}

// untilText is an output that interrupts the program once it holds a text.
type untilText struct {
	mu   sync.Mutex
	got  bytes.Buffer
	want []string // one after the other
	stop func()
	hook func(n int) // called when the nth was seen
	seen int
}

func (u *untilText) Write(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.got.Write(p)
	for u.seen < len(u.want) && strings.Contains(u.got.String(), u.want[u.seen]) {
		u.seen++
		if u.hook != nil {
			u.hook(u.seen)
		}
		if u.seen == len(u.want) {
			u.stop()
		}
	}
	return len(p), nil
}

// runUntil runs a command until its output holds all of these, one after the other, and then interrupts it.
func runUntil(t *testing.T, url string, hook func(n int), want []string, args ...string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	out := &untilText{want: want, stop: stop, hook: hook}
	var errOut bytes.Buffer
	status := run(ctx, args, func(name string) string { return map[string]string{"DATABASE_URL": url}[name] }, out, &errOut)
	if status != 0 || out.seen != len(want) || errOut.Len() > 0 {
		t.Errorf("choriste %v: status %d, %d of %q were seen\n%s%s", args, status, out.seen, want, out.got.String(), errOut.String())
	}
}

// watch and events --follow go on by themselves until they are interrupted, which is no error.
func TestWatchAndFollow(t *testing.T) {
	db := storetest.New(t)
	submit := func(ref string) {
		said(t, db.OperatorURL, 0, "is invoice", "submit", "--no-check", "--ref", ref, document(t, "i.xml", invoicetest.Invoice{Numero: ref}.CII()))
	}
	submit("F-1")
	script(t, db, `SELECT chorus.number_events(1000)`)
	more := func(n int) {
		if n == 1 {
			submit("F-2")
			script(t, db, `SELECT chorus.number_events(1000)`)
		}
	}
	runUntil(t, db.ReaderURL, more, []string{"received  1", "received  2"}, "watch", "--every", "1s")
	runUntil(t, db.ReaderURL, nil, []string{`"state":"received"`, "\n"}, "watch", "--every", "1s", "--json")
	runUntil(t, db.ReaderURL, nil, []string{"received"}, "events", "F-1", "--follow")
	more = func(n int) {
		if n == 1 {
			said(t, db.OperatorURL, 0, "", "cancel", "F-1")
			script(t, db, `SELECT chorus.number_events(1000)`)
		}
	}
	runUntil(t, db.ReaderURL, more, []string{"received", "received → cancelled"}, "events", "F-1", "-f")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { // something happens again and again, for nobody sees when the command has begun to look
		defer close(ended)
		happen(ctx, t, db.URL)
	}()
	runUntil(t, db.ReaderURL, nil, []string{`"reason_code":"PAUSED"`}, "events", "--follow", "--json")
	stop()
	<-ended
	said(t, db.ReaderURL, 2, "the events of which invoice?", "events")
	said(t, db.ReaderURL, 2, "--every must be from 1s to 1h", "watch", "--every", "1ms")
}

// mailbox is a mail server on this machine, without TLS, that takes one mail.
func mailbox(t *testing.T) (address string, mail <-chan string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	taken := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		in := bufio.NewReader(conn)
		answer := func(text string) { _, _ = io.WriteString(conn, text+"\r\n") }
		answer("220 here")
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			switch verb := strings.ToUpper(line[:min(4, len(line))]); verb {
			case "EHLO":
				answer("250 here")
			case "DATA":
				answer("354 go on")
				var text strings.Builder
				for line != ".\r\n" {
					if line, err = in.ReadString('\n'); err != nil {
						return
					}
					text.WriteString(line)
				}
				taken <- text.String()
				answer("250 taken")
			case "QUIT":
				answer("221 bye")
				return
			default:
				answer("250 well")
			}
		}
	}()
	return l.Addr().String(), taken
}

func TestDigest(t *testing.T) {
	db := storetest.New(t)
	script(t, db, owed("F-1", "1200.00", "22000002200022", "", 45)+owed("F-2", "10.00", "22000002200022", `
		UPDATE chorus.invoices SET statut_courant = 'SUSPENDUE', statut_courant_date = clock_timestamp(), statut_commentaire = '<b>bon</b> absent' WHERE external_ref = 'F-2';`, 3)+
		`INSERT INTO chorus.heartbeats (worker) VALUES ('w')`)
	for lang, want := range map[string][]string{
		"en": {"From 20", "received    2", "integrated  2", "What needs somebody", "1  statut       needs somebody, 10.00 EUR", "choriste complete 2", "1 to 30 days late", "5.01 EUR + 40 EUR"},
		"fr": {"Du 20", "Ce qui attend quelqu'un", "1  statut       attend quelqu'un", "1 à 30 jours de retard"},
	} {
		out := said(t, db.ReaderURL, 0, "", "digest", "--lang", lang)
		status, page, errOut := command(t, map[string]string{"DATABASE_URL": db.ReaderURL}, "digest", "--html", "--lang", lang)
		if status != 0 || !strings.Contains(page, `<html lang="`+lang+`">`) {
			t.Errorf("status %d: %s%s", status, page, errOut)
		}
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("the digest (%s) does not say %q:\n%s", lang, w, out)
			}
		}
		if !strings.Contains(page, "&lt;b&gt;bon") || strings.Contains(page, "<b>bon") {
			t.Errorf("what others wrote is not escaped:\n%s", page)
		}
	}
	if out := said(t, db.ReaderURL, 0, "", "digest", "--account", "default"); !strings.Contains(out, "received    2") {
		t.Errorf("of one account: %s", out)
	}
	said(t, db.ReaderURL, 0, `{"from":"`, "digest", "--json")
	said(t, db.ReaderURL, 2, "is not an age", "digest", "--past", "x")
	said(t, db.ReaderURL, 1, "there is no account nobody", "digest", "--account", "nobody")
	said(t, db.ReaderURL, 1, "CHORISTE_SMTP_URL is not set", "digest", "--mail")

	address, mail := mailbox(t)
	env := map[string]string{"DATABASE_URL": db.ReaderURL, "CHORISTE_SMTP_URL": "smtp://" + address, "CHORISTE_DIGEST_FROM": "choriste@example.org", "CHORISTE_DIGEST_TO": "Anna <anna@example.org>, rene@example.org"}
	status, out, errOut := command(t, env, "digest", "--mail", "--lang", "fr")
	if status != 0 || !strings.HasPrefix(out, "envoyé à ") {
		t.Fatalf("status %d\n%s%s", status, out, errOut)
	}
	got := <-mail
	plain, _ := io.ReadAll(quotedprintable.NewReader(strings.NewReader(got)))
	for _, want := range []string{"multipart/alternative", "Auto-Submitted: auto-generated", "anna@example.org", "Ce qui attend quelqu'un", `<html lang="fr">`} {
		if !strings.Contains(got, want) && !bytes.Contains(plain, []byte(want)) {
			t.Errorf("the mail does not hold %q:\n%s", want, got)
		}
	}
	// Where the server is another machine, nothing is sent without TLS.
	for host, refused := range map[string]bool{"127.0.0.1": false, "localhost": false, "mail.example.org": true, "192.0.2.1": true} {
		s := settings{SMTP: &url.URL{Scheme: "smtp", Host: host}}
		if got := tlsDemanded(&s); got != refused {
			t.Errorf("%s: TLS is demanded: %v", host, got)
		}
	}
	for _, bad := range []map[string]string{
		{"CHORISTE_SMTP_URL": "smtp://user:geheim@mail.example.org"}, {"CHORISTE_SMTP_URL": "http://mail.example.org"}, {"CHORISTE_SMTP_URL": "smtp://:25"}, {"CHORISTE_DIGEST_TO": "nobody"},
	} {
		for name, value := range bad {
			if _, err := load(func(n string) string { return bad[n] }, name); err == nil || strings.Contains(err.Error(), "geheim") {
				t.Errorf("%s=%s: %v", name, value, err)
			}
		}
	}
}

// tlsDemanded tells whether the client gives up on a server that offers no TLS.
func tlsDemanded(s *settings) bool {
	client, err := gomail.NewClient(s.SMTP.Hostname(), s.smtpOptions()...)
	return err == nil && client.TLSPolicy() == gomail.TLSMandatory.String()
}

// happen writes and numbers events until it is stopped.
func happen(ctx context.Context, t *testing.T, url string) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for err == nil {
		_, err = conn.Exec(ctx, `SELECT chorus.pause('default', 'x'); UPDATE chorus.accounts SET paused_at = NULL, pause_reason = NULL; SELECT * FROM chorus.number_events(1000); SELECT pg_sleep(0.2)`, pgx.QueryExecModeSimpleProtocol)
	}
	if ctx.Err() == nil {
		t.Error(err)
	}
}
