package chorustest

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// wire is how an answer travels.
type wire int

const (
	wireNormal    wire = iota
	wireDrop           // close the connection, no byte
	wireReset          // close it with RST
	wireHang           // hold it open without a byte, then close it
	wireTruncated      // half of the body, then close
	wireLoris          // one byte at a time
	wireHuge           // a body of 50 MB
	wireBadGzip        // says gzip and is not
	wireBomb           // 64 MB of nothing in 64 KB of gzip
)

// answer is what leaves, or would leave.
type answer struct {
	status int
	header http.Header
	body   object // JSON, or
	text   string // as it is
	wire   wire
	flux   string // for the ledger
}

const throttle = `[{"window":1,"type":"throttle","remaining":0}]`

func ok(body object) answer {
	body["codeRetour"], body["libelle"] = 0, "TRA_MSG_00.000"
	return answer{status: http.StatusOK, body: body}
}

// refusal is the application's own "no": under HTTP 200.
func refusal(code int, libelle string) answer {
	return answer{status: http.StatusOK, body: object{"codeRetour": code, "libelle": libelle}}
}

func plain(status int) answer { return answer{status: status} }

func challenge(status int, wwwAuthenticate string) answer {
	return answer{status: status, header: http.Header{"Www-Authenticate": {wwwAuthenticate}}}
}

func html(status int, text string) answer {
	return answer{status: status, header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}, text: text}
}

func tooMany(retryAfter, rateLimit string) answer {
	a := answer{status: http.StatusTooManyRequests, header: http.Header{}}
	if retryAfter != "" {
		a.header.Set("Retry-After", retryAfter)
	}
	if rateLimit != "" {
		a.header.Set("X-Rate-Limit", rateLimit)
	}
	return a
}

// codeRetour is the answer's code as text, "" when it has none.
func (a answer) codeRetour() string {
	if a.body == nil || !a.body.has("codeRetour") {
		return ""
	}
	return fmt.Sprint(a.body["codeRetour"])
}

func (a answer) bytes() []byte {
	if a.body == nil {
		return []byte(a.text)
	}
	return appendObject(make([]byte, 0, 1024), a.body)
}

// send writes the answer into the ledger, waits for the disk, and only then lets it leave.
func (s *Sim) send(w http.ResponseWriter, r *http.Request, c *call, a answer) {
	fault := ""
	if c.fault != nil {
		fault = c.fault.Kind
	}
	complete := a.wire == wireNormal
	line := Entry{
		Type: "answer", Op: c.opName(), Client: c.client, Request: c.id, CodeRetour: a.codeRetour(), Flux: a.flux, Fault: fault,
		Sent: yes(complete), Correlation: c.correlated,
	}
	if a.wire != wireDrop && a.wire != wireReset && a.wire != wireHang {
		line.Status = a.status
	}
	s.mu.Lock()
	s.record(line)
	s.remember(c, a, line)
	s.mu.Unlock()
	if s.ledger.settle() != nil { // nothing may be promised any more
		a = answer{wire: wireDrop}
		complete = false
	}
	err := s.write(w, r, c, a)
	s.mu.Lock()
	delete(s.open, c.id)
	s.record(Entry{Type: "close", Request: c.id, Sent: yes(complete && err == nil)})
	s.mu.Unlock()
	if s.cfg.Log != nil {
		s.cfg.Log(c.line(line))
	}
}

func (s *Sim) write(w http.ResponseWriter, r *http.Request, c *call, a answer) error {
	h := w.Header()
	for name, values := range a.header {
		h[name] = values
	}
	h.Set("X-CorrelationID", c.correlated)
	if a.status >= http.StatusBadRequest && c.why == "" && c.fault != nil {
		c.why = "the fault " + c.fault.Kind
	}
	if c.why != "" {
		h.Set("X-Chorus-Sim", headerText(short(c.why)))
	}
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", jsonMedia)
	}
	body := a.bytes()
	switch a.wire {
	case wireNormal:
		h.Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(a.status)
		_, err := w.Write(body)
		return err
	case wireHang:
		d := s.cfg.HangFor
		if c.fault != nil && c.fault.DelayMS > 0 && c.fault.landing(s, c.id) == 0 {
			d = time.Duration(c.fault.DelayMS) * time.Millisecond
		}
		s.hold(r, d)
		return s.cutOff(w, false)
	case wireDrop, wireReset:
		return s.cutOff(w, a.wire == wireReset)
	case wireTruncated:
		h.Set("Content-Length", strconv.Itoa(max(len(body), 2)))
		w.WriteHeader(a.status)
		_, _ = w.Write(body[:len(body)/2])
		flush(w)
		return s.cutOff(w, false)
	case wireLoris:
		w.WriteHeader(a.status)
		for i := range body {
			if _, err := w.Write(body[i : i+1]); err != nil {
				return err
			}
			flush(w)
			if !s.hold(r, max(10*time.Millisecond, s.cfg.HangFor/100)) {
				return s.cutOff(w, false)
			}
		}
		return nil
	case wireHuge:
		w.WriteHeader(a.status)
		if _, err := w.Write(body[:len(body)-1]); err != nil {
			return err
		}
		filler := `,"remplissage":"` + strings.Repeat("x", 1<<20)
		for range 50 {
			if _, err := io.WriteString(w, filler); err != nil {
				return err
			}
			filler = strings.Repeat("x", 1<<20)
		}
		_, err := io.WriteString(w, `"}`)
		return err
	case wireBadGzip:
		h.Set("Content-Encoding", "gzip")
		w.WriteHeader(a.status)
		_, err := w.Write(append([]byte{0x1f, 0x8b, 8, 0}, body...))
		return err
	case wireBomb:
		h.Set("Content-Encoding", "gzip")
		w.WriteHeader(a.status)
		zip := gzip.NewWriter(w)
		zeros := make([]byte, 1<<20)
		for range 64 {
			if _, err := zip.Write(zeros); err != nil {
				return err
			}
		}
		return zip.Close()
	}
	return nil
}

// headerText is a text as a header may hold it: what is not printable ASCII is escaped.
func headerText(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r >= ' ' && r <= '~' {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
	}
	return b.String()
}

// hold waits in real time; false when the client has left or the simulator ends.
func (s *Sim) hold(r *http.Request, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
	case <-s.done:
	}
	return false
}

// cutOff ends the connection without another byte; with reset, by RST instead of FIN.
func (s *Sim) cutOff(w http.ResponseWriter, reset bool) error {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		panic(http.ErrAbortHandler)
	}
	conn, _, err := hijacker.Hijack()
	if err != nil {
		return err
	}
	if tcp, ok := conn.(interface{ SetLinger(sec int) error }); ok && reset {
		_ = tcp.SetLinger(0)
	}
	return errors.Join(conn.Close(), errCut)
}

var errCut = errors.New("the connection was cut on purpose")

func flush(w http.ResponseWriter) {
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
}

// quiet drops net/http's own messages: cut connections are what this server does.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
