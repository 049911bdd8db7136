package chorustest

import (
	"maps"
	"time"
)

// rate measures one client's requests in every sliding second of real time: half open, so that two requests
// exactly one second apart are not in the same one.
type rate struct {
	recent []time.Time // all requests of the last second
	max    int         // most requests ever in one second
	passed []time.Time // those of the last second that were within the quota
}

// count notes a request and says whether it is beyond the quota. A request that is refused does not use
// the quota up [G]. Callers hold the lock.
func (s *Sim) count(client string, now time.Time) (overrun bool) {
	r := s.rates[client]
	if r == nil {
		r = &rate{}
		s.rates[client] = r
	}
	r.recent = append(lastSecond(r.recent, now), now)
	r.max = max(r.max, len(r.recent))
	r.passed = lastSecond(r.passed, now)
	if s.cfg.Quota > 0 && len(r.passed) >= s.cfg.Quota {
		return true
	}
	r.passed = append(r.passed, now)
	return false
}

func lastSecond(times []time.Time, now time.Time) []time.Time {
	for len(times) > 0 && now.Sub(times[0]) >= time.Second {
		times = times[1:]
	}
	return times
}

// MaxRate is the largest number of API requests that any one client sent within any sliding second.
func (s *Sim) MaxRate() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	most := 0
	for _, r := range s.rates {
		most = max(most, r.max)
	}
	return most
}

// openRequest is a request that has no complete answer yet.
type openRequest struct {
	call  *call
	since time.Time
}

// stats counts what the ledger says. They survive a restart as the ledger does; MaxRate does not.
type stats struct {
	Requests   map[string]int            `json:"requests"` // by operation
	Statuses   map[string]map[string]int `json:"statuses"` // by operation and HTTP status, "none" when nothing was sent
	Faults     map[string]int            `json:"faults"`
	Accepted   int                       `json:"accepted"` // documents
	Refused    int                       `json:"refused_later"`
	Integrated int                       `json:"integrated"`
	Rejected   int                       `json:"rejected"`
	Violations int                       `json:"violations"`
}

func newStats() *stats {
	return &stats{Requests: map[string]int{}, Statuses: map[string]map[string]int{}, Faults: map[string]int{}}
}

func (st *stats) count(e *Entry) {
	switch e.Type {
	case "request":
		st.Requests[e.Op]++
	case "answer":
		status := "none"
		if e.Status != 0 {
			status = itoa(e.Status)
		}
		if st.Statuses[e.Op] == nil {
			st.Statuses[e.Op] = map[string]int{}
		}
		st.Statuses[e.Op][status]++
		if e.Fault != "" {
			st.Faults[e.Fault]++
		}
	case "accepted":
		st.Accepted++
		if e.RefusedLater {
			st.Refused++
		}
	case "integrated":
		st.Integrated++
	case "rejected":
		st.Rejected++
	case "violation":
		st.Violations++
	}
}

// copy is safe to read without the lock.
func (st *stats) copy() stats {
	c := *st
	c.Requests, c.Faults = maps.Clone(st.Requests), maps.Clone(st.Faults)
	c.Statuses = map[string]map[string]int{}
	for op, statuses := range st.Statuses {
		c.Statuses[op] = maps.Clone(statuses)
	}
	return c
}
