package chorustest

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// What nobody may exceed, so that a client that is broken, or hostile, costs a bounded amount. docs/simulator.md has them in a table.
const (
	slowest        = 10 * time.Minute // to send one request, or between two
	maxHeader      = 64 << 10
	maxBodies      = 256 << 20 // bytes of large requests at once
	largeBody      = 256 << 10 // and larger is large
	maxConnections = 1024      // of the API door; others wait to be accepted
	maxManaging    = 128       // of the management door
	maxWaiting     = 30 * time.Second
	maxFaults      = 10_000
	maxStructures  = 500_000
	maxViolations  = 10_000  // remembered; all are counted
	maxTokens      = 10_000  // remembered after their end
	maxValues      = 100_000 // of a request's JSON
	maxFaulty      = 20      // reasons that are given for one request
	maxShort       = 1024    // bytes of a client's text in a line of the ledger
)

// room waits until the body of a large request may be read. What is asked of it ends with release.
func (s *Sim) room(r *http.Request) (release func(), room bool) {
	n := r.ContentLength
	if n < 0 || n > maxRequest {
		n = maxRequest
	}
	if n <= largeBody {
		return func() {}, true
	}
	ctx, cancel := context.WithTimeout(r.Context(), maxWaiting)
	defer cancel()
	if s.bodies.Acquire(ctx, n) != nil {
		return func() {}, false
	}
	return func() { s.bodies.Release(n) }, true
}

// bounded keeps the newest.
func bounded(all []Violation) []Violation {
	if len(all) <= 2*maxViolations {
		return all
	}
	return append([]Violation{}, all[len(all)-maxViolations:]...)
}

// short bounds a client's text.
func short(text string) string {
	if len(text) <= maxShort {
		return text
	}
	return strings.ToValidUTF8(text[:maxShort], "") + "…"
}

// forgetTokens forgets ended tokens when there are many: they are answered as unknown then. Callers hold the lock.
func (s *Sim) forgetTokens(now time.Time) {
	if len(s.tokens) < maxTokens {
		return
	}
	for hash, t := range s.tokens {
		if !now.Before(t.end) {
			delete(s.tokens, hash)
		}
	}
}

// limited is a listener with so many connections at once.
type limited struct {
	net.Listener
	slots chan struct{}
	done  chan struct{}
	once  sync.Once
}

func limit(l net.Listener, most int) net.Listener {
	return &limited{Listener: l, slots: make(chan struct{}, most), done: make(chan struct{})}
}

func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	tcp, is := conn.(*net.TCPConn)
	if err != nil || !is {
		<-l.slots
		return conn, err
	}
	return &slotted{TCPConn: tcp, free: sync.OnceFunc(func() { <-l.slots })}, nil
}

func (l *limited) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}

// slotted gives its place back when it is closed.
type slotted struct {
	*net.TCPConn
	free func()
}

func (c *slotted) Close() error {
	defer c.free()
	return c.TCPConn.Close()
}
