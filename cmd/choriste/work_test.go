package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/choriste/choriste/store/storetest"
)

// printed is what a command that still runs has written.
type printed struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (s *printed) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.Write(b)
}

func (s *printed) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.String()
}

// running is `choriste work` in this process, with the clinic's settings.
type running struct {
	*testing.T
	address string
	log     *printed
	stop    func()
}

func (c *clinic) work(also map[string]string) *running {
	c.Helper()
	env := maps.Clone(c.env)
	for name, value := range map[string]string{
		"CHORISTE_LISTEN": "127.0.0.1:0", "CHORISTE_LOG": "json:debug", "CHORISTE_HTTP_TIMEOUT": "2s", "CHORISTE_SEND_WITHIN": "2s", "CHORISTE_LANDING_DELAY": "1s",
		"CHORISTE_VISIBILITY_DELAY": "1s", "CHORISTE_REPORT_AFTER": "500ms", "CHORISTE_RESOLVE_AFTER": "200ms", "CHORISTE_SYNC_EVERY": "300ms",
	} {
		env[name] = value
	}
	maps.Copy(env, also)
	r := &running{T: c.T, log: &printed{}}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"work"}, func(name string) string { return env[name] }, r.log, r.log)
	}()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if status := <-ended; status != 0 {
			c.Errorf("the worker ends with status %d\n%s", status, r.log)
		}
	})
	c.Cleanup(r.stop)
	r.until("the worker listens and is ready", func() bool {
		for line := range strings.Lines(r.log.String()) {
			var l struct{ Msg, Address string }
			if json.Unmarshal([]byte(line), &l) == nil && l.Msg == "listening" {
				r.address = l.Address
			}
		}
		if r.address == "" {
			return false
		}
		status, _ := r.get("/readyz", "")
		return status == http.StatusOK
	})
	return r
}

func (r *running) until(what string, is func() bool) {
	r.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			r.Fatalf("not within a minute: %s\n%s", what, r.log)
		}
	}
}

// get asks the worker for a path, under another name than its address if host is not "".
func (r *running) get(path, host string) (status int, body string) {
	r.Helper()
	req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, "http://"+r.address+path, nil)
	if err != nil {
		r.Fatal(err)
	}
	req.Host = host
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		r.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// A worker serves nothing under names that are not its own: a page of somebody else's may have its name resolve to this machine.
func TestAWorkerIsServedUnderItsOwnNames(t *testing.T) {
	r := newClinic(t, storetest.New(t), nil).work(map[string]string{"CHORISTE_HOSTS": "choriste.example.net"})
	for _, path := range []string{"/", "/metrics", "/readyz", "/invoices/1"} {
		for _, host := range []string{"evil.example", "evil.example:8080", "choriste.example.net.evil.example"} {
			status, body := r.get(path, host)
			if status != http.StatusMisdirectedRequest && status != http.StatusForbidden || strings.Contains(body, "choriste_") {
				t.Errorf("%s as %s: %d %.100s", path, host, status, body)
			}
		}
		for _, host := range []string{"", "localhost", "choriste.example.net"} {
			if status, body := r.get(path, host); status != http.StatusOK && !strings.HasPrefix(path, "/invoices/") {
				t.Errorf("%s as %q: %d %.100s", path, host, status, body)
			}
		}
	}
}

// SIGHUP has the files read at once; what cannot be used is said, naming the file's variable and not its text, and changes nothing.
func TestHangUpReadsTheFilesAgain(t *testing.T) {
	c := newClinic(t, storetest.New(t), nil)
	r := c.work(map[string]string{"CHORISTE_LOG": "json:info"})
	hangUp := func(says string) {
		t.Helper()
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		r.until(says, func() bool { return strings.Contains(r.log.String(), says) })
	}
	hangUp(`"msg":"accounts reloaded","accounts":1`)
	const bad = " begins-with-a-blank"
	c.secret("CHORUS_PASSWORD", bad)
	hangUp("the ones from before stay")
	if log := r.log.String(); !strings.Contains(log, "CHORUS_PASSWORD_FILE") || strings.Contains(log, strings.TrimSpace(bad)) {
		t.Errorf("the variable is not named, or its text is:\n%s", log)
	}
	if status, body := r.get("/readyz", ""); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
}
