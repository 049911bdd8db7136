package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/choriste/choriste/egress"
	"github.com/choriste/choriste/webhook"
)

var (
	oldSecret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("the old secret has 24 bytes, or more"))
	newSecret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("the new secret has 24 bytes, or more"))
)

func sender(t *testing.T, url string, secrets ...string) *webhook.Sender {
	t.Helper()
	if secrets == nil {
		secrets = []string{newSecret}
	}
	s, err := webhook.New(url, secrets, true, egress.Way{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func send(t *testing.T, s *webhook.Sender, body string) webhook.Result {
	t.Helper()
	r, err := s.Send(t.Context(), "evt_1", []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// verify is the specification read anew, with nothing of what signs.
func verify(secret string, h http.Header, body []byte) bool {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", h.Get("webhook-id"), h.Get("webhook-timestamp"), body)
	for _, signature := range strings.Fields(h.Get("webhook-signature")) {
		given, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(signature, "v1,"))
		if err == nil && strings.HasPrefix(signature, "v1,") && hmac.Equal(given, mac.Sum(nil)) {
			return true
		}
	}
	return false
}

func TestSignature(t *testing.T) {
	type request struct {
		header http.Header
		body   []byte
	}
	got := make(chan request, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- request{r.Header, body}
	}))
	defer receiver.Close()
	body := `{"type":"invoice.settled","data":{"libellé":"é\u0000 <&>"}}`
	if r := send(t, sender(t, receiver.URL, newSecret, oldSecret), body); r.Code != "" || r.Status != 200 {
		t.Fatalf("%+v", r)
	}
	r := <-got
	if string(r.body) != body || r.header.Get("webhook-id") != "evt_1" || r.header.Get("Content-Type") != "application/json" {
		t.Errorf("%s %v", r.body, r.header)
	}
	at, err := strconv.ParseInt(r.header.Get("webhook-timestamp"), 10, 64)
	if err != nil || time.Since(time.Unix(at, 0)).Abs() > time.Minute {
		t.Errorf("timestamp %q", r.header.Get("webhook-timestamp"))
	}
	// During a rotation, a receiver may have either secret.
	if !verify(newSecret, r.header, r.body) || !verify(oldSecret, r.header, r.body) {
		t.Error("the signature does not verify")
	}
	for name, spoil := range map[string]func(http.Header, []byte) []byte{
		"id":        func(h http.Header, b []byte) []byte { h.Set("webhook-id", "evt_2"); return b },
		"timestamp": func(h http.Header, b []byte) []byte { h.Set("webhook-timestamp", "1"); return b },
		"body":      func(_ http.Header, b []byte) []byte { return append(b, ' ') },
	} {
		h := r.header.Clone()
		if b := spoil(h, append([]byte(nil), r.body...)); verify(newSecret, h, b) {
			t.Errorf("another %s verifies", name)
		}
	}
	if verify("whsec_"+base64.StdEncoding.EncodeToString(make([]byte, 32)), r.header, r.body) {
		t.Error("another secret verifies")
	}
}

// The vector of the specification's own tests, as its libraries in all languages have it.
func TestVectorOfTheSpecification(t *testing.T) {
	h := http.Header{}
	h.Set("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
	h.Set("webhook-timestamp", "1614265330")
	h.Set("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
	if !verify("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", h, []byte(`{"test": 2432232314}`)) {
		t.Error("the tests' own verification is wrong")
	}
}

// What docs/webhooks.md tells receivers to do, done as it stands there: in Go, and in Python and PHP where they are installed.
func TestManualVerifies(t *testing.T) {
	type request struct{ ID, Timestamp, Signature, Body, Secret string }
	got := make(chan request, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- request{r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp"), r.Header.Get("webhook-signature"), string(body), newSecret}
	}))
	defer receiver.Close()
	send(t, sender(t, receiver.URL, oldSecret, newSecret), `{"libellé":"€"}`)
	good := <-got
	spoiled, late := good, good
	spoiled.Body += " "
	late.Timestamp = strconv.FormatInt(time.Now().Add(-time.Hour).Unix(), 10)
	manual, err := os.ReadFile("../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, c := range []struct {
		language, before, after string
		command                 []string
	}{
		{"python", "", `
import json, sys
r = json.load(sys.stdin.buffer)
headers = {"webhook-id": r["ID"], "webhook-timestamp": r["Timestamp"], "webhook-signature": r["Signature"]}
print(verify(r["Secret"], headers, r["Body"].encode()))`, []string{"python3", "verify.python"}},
		{"go", `package main

import ("crypto/hmac"; "crypto/sha256"; "encoding/base64"; "encoding/json"; "fmt"; "net/http"; "os"; "strconv"; "strings"; "time")
`, `
func main() {
	var r struct{ ID, Timestamp, Signature, Body, Secret string }
	if err := json.NewDecoder(os.Stdin).Decode(&r); err != nil { panic(err) }
	h := http.Header{}
	h.Set("webhook-id", r.ID); h.Set("webhook-timestamp", r.Timestamp); h.Set("webhook-signature", r.Signature)
	fmt.Println(verify(r.Secret, h, []byte(r.Body)))
}`, []string{"go", "run", "verify.go"}},
		{"php", "<?php\n", `
$r = json_decode(file_get_contents('php://stdin'), true);
$headers = ['webhook-id' => $r['ID'], 'webhook-timestamp' => $r['Timestamp'], 'webhook-signature' => $r['Signature']];
echo verify($r['Secret'], $headers, $r['Body']) ? "true\n" : "false\n";`, []string{"php", "verify.php"}},
	} {
		if _, err := exec.LookPath(c.command[0]); err != nil && c.language != "go" {
			continue
		}
		_, program, found := strings.Cut(string(manual), "```"+c.language+"\n")
		program, _, ended := strings.Cut(program, "\n```")
		if !found || !ended {
			t.Fatalf("the manual has no %s any more", c.language)
		}
		if err := os.WriteFile(filepath.Join(dir, "verify."+c.language), []byte(c.before+program+c.after), 0o600); err != nil {
			t.Fatal(err)
		}
		for what, one := range map[string]request{"true": good, "false": spoiled, "false, late": late} {
			in, err := json.Marshal(one)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), c.command[0], c.command[1:]...)
			cmd.Dir, cmd.Stdin = dir, strings.NewReader(string(in))
			out, err := cmd.CombinedOutput()
			if want, _, _ := strings.Cut(what, ","); err != nil || strings.ToLower(strings.TrimSpace(string(out))) != want {
				t.Errorf("%s says %s of what is %s: %v", c.language, out, what, err)
			}
		}
	}
}

// Every kind of answer, and what is made of it.
func TestHostileReceivers(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	status := func(code int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
			_, _ = w.Write([]byte("whatever it says"))
		}
	}
	cut := func(answer string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			_, _ = conn.Write([]byte(answer))
			_ = conn.Close()
		}
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   webhook.Result
	}{
		"204":                     {status(204), webhook.Result{Status: 204}},
		"299":                     {status(299), webhook.Result{Status: 299}},
		"a 200 that breaks off":   {cut("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly"), webhook.Result{Status: 200}},
		"a huge answer":           {func(w http.ResponseWriter, _ *http.Request) { huge(w) }, webhook.Result{Status: 200}},
		"400":                     {status(400), webhook.Result{Code: webhook.CodeStatus, Status: 400}},
		"410":                     {status(410), webhook.Result{Code: webhook.CodeGone, Status: 410}},
		"429, in 7 s":             {status(429, "Retry-After", "7"), webhook.Result{Code: webhook.CodeStatus, Status: 429, RetryAfter: 7 * time.Second}},
		"429, in a million years": {status(429, "Retry-After", "31557600000000"), webhook.Result{Code: webhook.CodeStatus, Status: 429, RetryAfter: 365 * 24 * time.Hour}},
		"429, long ago":           {status(429, "Retry-After", "Thu, 01 Jan 1970 00:00:00 GMT"), webhook.Result{Code: webhook.CodeStatus, Status: 429}},
		"429, nonsense":           {status(429, "Retry-After", "soon"), webhook.Result{Code: webhook.CodeStatus, Status: 429}},
		"500":                     {status(500), webhook.Result{Code: webhook.CodeStatus, Status: 500}},
		"301 to another host":     {status(301, "Location", other.URL), webhook.Result{Code: webhook.CodeMoved, Status: 301}},
		"307 to another host":     {status(307, "Location", other.URL), webhook.Result{Code: webhook.CodeMoved, Status: 307}},
		"308 to the metadata":     {status(308, "Location", "http://169.254.169.254/"), webhook.Result{Code: webhook.CodeMoved, Status: 308}},
		"nothing":                 {cut(""), webhook.Result{Code: webhook.CodeCut}},
		"half a header":           {cut("HTTP/1.1 200 OK\r\nContent-"), webhook.Result{Code: webhook.CodeCut}},
		"noise":                   {cut("220 mail.example ESMTP\r\n"), webhook.Result{Code: webhook.CodeCut}},
		"a header of a megabyte":  {cut("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n"), webhook.Result{Code: webhook.CodeCut}},
	} {
		t.Run(name, func(t *testing.T) {
			receiver := httptest.NewServer(c.answer)
			defer receiver.Close()
			if got := send(t, sender(t, receiver.URL), "{}"); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// huge answers without end, for as long as somebody reads.
func huge(w http.ResponseWriter) {
	for chunk := make([]byte, 64<<10); ; {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

func TestNoReceiver(t *testing.T) {
	tls := httptest.NewTLSServer(http.NotFoundHandler()) // whose certificate nobody knows
	defer tls.Close()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	for url, want := range map[string]string{
		tls.URL:                                webhook.CodeTLS,
		closed.URL:                             webhook.CodeConnect,
		"https" + plain.URL[len("http"):]:      webhook.CodeTLS,
		"https://receiver.invalid/hook?key=k1": webhook.CodeDNS,
	} {
		if got := send(t, sender(t, url), "{}"); got.Code != want || got.Status != 0 {
			t.Errorf("%s: %+v, want %s", url, got, want)
		}
	}
}

// A delivery is given up after Timeout, and at once when the caller gives up.
func TestSlowReceiver(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	s := sender(t, "http://"+listener.Addr().String())
	ended := make(chan error, 1)
	go func() {
		_, err := s.Send(ctx, "evt_1", nil)
		ended <- err
	}()
	time.AfterFunc(50*time.Millisecond, cancel)
	select {
	case err := <-ended:
		if err == nil {
			t.Error("a delivery that was given up is no result")
		}
	case <-time.After(5 * time.Second):
		t.Error("a delivery went on after its caller had given up")
	}
	begun := time.Now()
	if got := send(t, s, "{}"); got.Code != webhook.CodeTimeout || time.Since(begun) > webhook.Timeout+5*time.Second {
		t.Errorf("%+v after %s", got, time.Since(begun))
	}
}

func TestAddressesAndSecrets(t *testing.T) {
	for _, c := range []struct {
		url     string
		private bool
		secret  string
		good    bool
	}{
		{"https://receiver.example/hook?token=x", false, newSecret, true},
		{"https://receiver.example:8443", true, newSecret, true},
		{"http://receiver.example/hook", false, newSecret, false},
		{"http://127.0.0.1:8080/", true, newSecret, true},
		{"http://127.0.0.1:8080/", false, newSecret, false},
		{"http://10.0.0.1/", true, newSecret, false}, // plain, and not this machine
		{"https://10.0.0.1/", true, newSecret, true},
		{"https://10.0.0.1/", false, newSecret, false},
		{"https://[::1]/", false, newSecret, false},
		{"https://[::ffff:127.0.0.1]/", false, newSecret, false},
		{"https://[64:ff9b::a00:1]/", false, newSecret, false},
		{"https://169.254.169.254/latest", true, newSecret, false},
		{"https://0.0.0.0/", true, newSecret, false},
		{"https://100.64.0.1/", false, newSecret, false},
		{"https://[fd00::1]/", false, newSecret, false},
		{"https://192.0.2.1/", false, newSecret, false},
		{"https://9.9.9.9/", false, newSecret, true},
		{"https://user:password@receiver.example/", false, newSecret, false},
		{"https://receiver.example/#part", false, newSecret, false},
		{"ftp://receiver.example/", false, newSecret, false},
		{"receiver.example", false, newSecret, false},
		{"https://receiver.example/%zz", false, newSecret, false},
		{"https://receiver.example/", false, strings.TrimPrefix(newSecret, "whsec_"), false},
		{"https://receiver.example/", false, "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 23)), false},
		{"https://receiver.example/", false, "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 65)), false},
		{"https://receiver.example/", false, newSecret + " ", false},
		{"https://receiver.example/", false, "whsec_not base64 at all, although long enough", false},
	} {
		s, err := webhook.New(c.url, []string{c.secret}, c.private, egress.Way{})
		if (err == nil) != c.good {
			t.Errorf("%s, private %v, secret of %d: %v", c.url, c.private, len(c.secret), err)
		}
		told := fmt.Sprintf("%v %+v", err, s)
		for _, hidden := range []string{c.secret, "token=x", "password", "zz"} {
			if strings.Contains(told, hidden) {
				t.Errorf("%s shows %s", told, hidden)
			}
		}
	}
	if _, err := webhook.New("https://receiver.example/", nil, false, egress.Way{}); err == nil {
		t.Error("no secret is needed")
	}
}

// A name that leads to this machine is refused when it is dialled, whatever it looked like.
func TestNamesThatLeadInside(t *testing.T) {
	var reached atomic.Int32
	receiver := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer receiver.Close()
	_, port, err := net.SplitHostPort(receiver.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := webhook.New("https://localhost:"+port+"/", []string{newSecret}, false, egress.Way{})
	if err != nil {
		t.Fatal(err)
	}
	if got := send(t, s, "{}"); got.Code != webhook.CodeAddress {
		t.Errorf("%+v, want %s", got, webhook.CodeAddress)
	}
	if reached.Load() != 0 {
		t.Error("the receiver was reached")
	}
}
