package chorustest_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
)

// TestLargeRequestsTakeTurns: large bodies that are in memory at once are bounded, others wait for their turn, and small ones pass by.
func TestLargeRequestsTakeTurns(t *testing.T) {
	s, c := start(t, &chorustest.Config{Quota: -1, TolerateViolations: true})
	const large = 44 << 20
	var holding []net.Conn
	for range 5 { // of the six that there is no room for
		conn, err := net.DialTimeout("tcp", strings.TrimPrefix(s.APIURL(), "http://"), 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		holding = append(holding, conn)
		if _, err := fmt.Fprintf(conn, "POST /cpro/factures/v1/deposer/flux HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n{", large); err != nil {
			t.Fatal(err)
		}
	}
	opened := func(n int) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); s.Stats().Open != n; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d requests are open, not %d", s.Stats().Open, n)
			}
		}
	}
	opened(5)
	answered := make(chan int, 1)
	go func() {
		req := c.request(http.MethodPost, "/cpro/factures/v1/deposer/flux", nil)
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader("{"+strings.Repeat(" ", large-2)+"}")), large
		answered <- c.do(req).status
	}()
	opened(6)
	c.integrated(c.accepted(facture("F-1")))
	select {
	case status := <-answered:
		t.Errorf("it did not wait: %d", status)
	default:
	}
	for _, conn := range holding {
		_ = conn.Close()
	}
	if status := <-answered; status != http.StatusBadRequest {
		t.Errorf("%d", status)
	}
}

// TestBounds: what a client could make grow has an end.
func TestBounds(t *testing.T) {
	s, c := start(t, &chorustest.Config{Quota: -1, TolerateViolations: true})
	many := "[" + strings.TrimSuffix(strings.Repeat(`{"kind":"hang","op":"token"},`, 10_001), ",") + "]"
	if status, answer := manage(t, s, "POST", "/faults", many); status != 400 || !strings.Contains(answer, "takes 10000") {
		t.Errorf("%d %.200s", status, answer)
	}
	if status, answer := manage(t, s, "POST", "/invoices/F-1/script", "["+strings.Repeat(" ", 9<<20)+"]"); status != 400 || !strings.Contains(answer, "too large") {
		t.Errorf("%d %.200s", status, answer)
	}
	req := c.request(http.MethodPost, "/cpro/factures/v1/completer", m{})
	req.Header.Set("X-Long", strings.Repeat("x", 100<<10))
	if r := c.do(req); r.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a header of 100 KB: %d %v", r.status, r.err)
	}
	for _, body := range []string{strings.Repeat("[", 200_000), strings.Repeat(`{"a":`, 200_000), `{"a":1e999999999}`, "\x00", `{"a":"\ud800"}`, "\xff\xfe"} {
		req := c.request(http.MethodPost, "/cpro/factures/v1/completer", nil)
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		if r := c.do(req); r.status != http.StatusBadRequest {
			t.Errorf("%.20q: %d %v", body, r.status, r.err)
		}
	}
	before := len(s.Ledger())
	var keys strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&keys, `"k%d":[0],`, i)
	}
	many = "{" + keys.String()
	for what, body := range map[string]string{
		"many values":   strings.TrimSuffix(many+many[1:], ",") + "}",
		"many keys":     strings.TrimSuffix(strings.ReplaceAll(many, "[0]", "0"), ",") + "}",
		"a long key":    `{"` + strings.Repeat("x", 10<<20) + `":1}`,
		"a long number": `{"commentaire":"x","identifiantFactureCPP":1,"numeroFluxDepot":"` + strings.Repeat("y", 10<<20) + `"}`,
	} {
		req := c.request(http.MethodPost, "/cpro/factures/v1/completer", nil)
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		if r := c.do(req); r.status != http.StatusBadRequest || len(r.raw) > 10_000 {
			t.Errorf("%s: %d, %d bytes, %v", what, r.status, len(r.raw), r.err)
		}
	}
	all := s.Ledger()[before:]
	if len(all) > 60 {
		t.Errorf("%d lines of the ledger for four requests", len(all))
	}
	for _, e := range all {
		if n := len(e.Reason) + len(e.Flux); n > 2000 {
			t.Errorf("%d bytes in a line of type %s", n, e.Type)
		}
	}
	if r := c.search(m{"numeroFacture": "none"}); r.status != 200 { // it still serves
		t.Errorf("%d", r.status)
	}
}

// TestHalfRequests: clients that send a part and leave, or nothing at all, hold nobody up and are not carried out.
func TestHalfRequests(t *testing.T) {
	s, c := start(t, &chorustest.Config{Quota: -1, TolerateViolations: true})
	address := strings.TrimPrefix(s.APIURL(), "http://")
	var open []net.Conn
	for i := range 100 {
		conn, err := net.DialTimeout("tcp", address, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, conn)
		text := []string{"", "POST /cpro/factures/v1/depo", "POST /cpro/factures/v1/deposer/flux HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{\"fich"}[i%3]
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
	}
	c.integrated(c.accepted(facture("F-1")))
	for _, conn := range open {
		_ = conn.Close()
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if s.Stats().Open == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(fmt.Sprint(s.Stats().Open, " requests are still open"))
		}
	}
	if n := s.Stats().Accepted; n != 1 {
		t.Errorf("%d accepted", n)
	}
}

// TestFullDisk: when the ledger cannot be written, no answer leaves any more, not even when there is room again, and whoever started the simulator is told. The file can be read.
func TestFullDisk(t *testing.T) {
	cfg := chorustest.Config{Quota: -1, Ledger: t.TempDir() + "/ledger"}
	s, err := chorustest.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, s.APIURL(), s.TokenURL())
	c.accepted(facture("F-1"))
	free, err := s.FillDisk()
	if err != nil {
		t.Log("there is no /dev/full here: nothing was tried")
		_ = s.Close()
		return
	}
	if r := c.search(m{"numeroFacture": "F-1"}); r.err == nil {
		t.Errorf("answered %d", r.status)
	}
	select {
	case <-s.Broken():
	case <-time.After(time.Minute):
		t.Error("nobody is told")
	}
	free()
	if r := c.search(m{"numeroFacture": "F-1"}); r.err == nil {
		t.Errorf("there is room again, and what was lost in between is forgotten: %d", r.status)
	}
	if err := s.Close(); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("the end says %v", err)
	}
	again, err := chorustest.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	if n := len(again.Deposits("F-1")); n != 1 {
		t.Errorf("%d deposits", n)
	}
}

// TestIdleConnectionsAreBounded: those that say nothing hold a place each, and one that is given back is used.
func TestIdleConnectionsAreBounded(t *testing.T) {
	s := chorustest.New(t, nil)
	address := strings.TrimPrefix(s.ManageURL(), "http://")
	var idle []net.Conn
	for range 200 {
		conn, err := net.DialTimeout("tcp", address, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		idle = append(idle, conn)
	}
	ask := func(within time.Duration) error {
		res, err := (&http.Client{Timeout: within, Transport: &http.Transport{}}).Get(s.ManageURL() + "/clock")
		if err == nil {
			_ = res.Body.Close()
		}
		return err
	}
	if ask(300*time.Millisecond) == nil {
		t.Error("there is room for more than 200")
	}
	for _, conn := range idle {
		_ = conn.Close()
	}
	if err := ask(time.Minute); err != nil {
		t.Errorf("there is no room although all are gone: %v", err)
	}
}

// TestExtremes: whatever numbers, texts and lists a request of the right types has, there is an answer.
func TestExtremes(t *testing.T) {
	s, c := start(t, &chorustest.Config{Quota: -1, TolerateViolations: true, Tolerant: true})
	c.integrated(c.accepted(facture("F-1")))
	asked := 0
	chorustest.EachExtreme(func(method, path, what string, body map[string]any) {
		asked++
		var in any
		if method != http.MethodGet {
			in = body
		}
		if r := c.do(c.request(method, path, in)); r.err != nil || r.status == 0 || r.status >= 500 {
			t.Errorf("%s %s: %d %v", path, what, r.status, r.err)
		}
	})
	if open := s.Stats().Open; asked < 400 || open != 0 {
		t.Errorf("%d requests, %d are open still", asked, open)
	}
}
