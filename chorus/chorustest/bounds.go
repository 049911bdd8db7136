package chorustest

import (
	"context"
	"net/http"
	"time"
)

// What nobody may exceed, so that a client that is broken, or hostile, costs a bounded amount. docs/simulator.md has them in a table.
const (
	slowest       = 10 * time.Minute // to send one request, or between two
	maxHeader     = 64 << 10
	maxBodies     = 256 << 20 // bytes of large requests at once
	largeBody     = 1 << 20   // and larger is large
	maxWaiting    = 30 * time.Second
	maxFaults     = 10_000
	maxStructures = 500_000
	maxViolations = 10_000 // remembered; all are counted
	maxTokens     = 10_000 // remembered after their end
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
