package chorustest

import (
	"container/heap"
	"time"
	_ "time/tzdata" // the portal speaks Paris time, whatever machine the simulator runs on
)

// Paris is the zone of every date that Chorus Pro writes without a zone (docs/chorus-pro.md §4.1).
var Paris = mustZone("Europe/Paris")

func mustZone(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		panic(err) // time/tzdata is linked in
	}
	return z
}

// due is one thing that will happen by itself at a moment of the virtual clock.
type due struct {
	at      int64 // microseconds
	order   int64 // ties are broken by the order of planning
	n       int64 // the request of a landing, the number of a flux or document, the place of an entry of the timeline
	passage uint32
	what    dueKind
}

type dueKind uint8

const (
	dueLanding   dueKind = iota // a late deposit
	dueFlux                     // an integration
	dueStep                     // the next statut of an invoice, if passage is still its newest: nobody has moved it meanwhile
	dueHappening                // of a scenario's timeline
)

type agenda []due

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	if a[i].at == a[j].at {
		return a[i].order < a[j].order
	}
	return a[i].at < a[j].at
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(due)) }
func (a *agenda) Pop() any {
	old := *a
	d := old[len(old)-1]
	old[len(old)-1] = due{}
	*a = old[:len(old)-1]
	return d
}

// now is the virtual time. Its precision is the microsecond, so that it survives the ledger. It never goes back, not even when the machine's clock is set
// back. Callers hold the lock.
func (s *Sim) now() time.Time {
	now := time.Now().Add(s.offset).Round(0).Truncate(time.Microsecond).UTC()
	if behind := s.latest.Sub(now); behind > 0 {
		s.offset += behind
		now = s.latest
	}
	s.latest = now
	return now
}

// maxAhead is how far the virtual clock may be ahead of the machine's. A time.Duration holds 292 years.
const maxAhead = 100 * 366 * 24 * time.Hour

// ahead is the offset of the clock once it has been moved on.
func (s *Sim) ahead(d time.Duration) time.Duration {
	return s.offset + min(max(0, d), maxAhead-s.offset)
}

func (s *Sim) plan(d due) {
	s.planned++
	d.order = s.planned
	heap.Push(&s.agenda, d)
}

// catchUp lets everything happen whose moment has passed, in order, each at its own moment. It is called
// with the lock held before anything looks at the portal, so that nobody can see a state that is late.
func (s *Sim) catchUp() {
	now := s.now().UnixMicro()
	for len(s.agenda) > 0 && s.agenda[0].at <= now {
		d := heap.Pop(&s.agenda).(due)
		switch at := moment(d.at); d.what {
		case dueLanding:
			s.land(s.landings[d.n], at)
		case dueFlux:
			s.integrate(s.fluxAt(uint32(d.n)), at)
		case dueHappening:
			s.happen(s.timeline[d.n])
		case dueStep:
			if f := s.factureAt(uint32(d.n)); f.passage == d.passage {
				s.step(f, at)
			}
		}
	}
}

// forgetPast drops what is planned and has happened: lines of the ledger that were read again told of it. Without that, the plans of a million invoices would stand in memory at the
// end of a replay. Things happen in the order of their moments, so it is enough to look at the next one.
func (s *Sim) forgetPast() {
	for len(s.agenda) > 0 {
		d := s.agenda[0]
		switch d.what {
		case dueLanding:
			if s.landings[d.n] != nil {
				return
			}
		case dueFlux:
			if !s.fluxes.at(uint32(d.n)).done {
				return
			}
		case dueStep:
			if s.documents.at(uint32(d.n)).passage == d.passage {
				return
			}
		case dueHappening:
			return
		}
		heap.Pop(&s.agenda)
	}
}

// housekeeping writes into the ledger what becomes due while nobody asks: a late landing has to be there
// for whoever reads the file from outside.
func (s *Sim) housekeeping() {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-tick.C:
			s.mu.Lock()
			if now := time.Now(); now.Sub(s.hastened) >= 250*time.Millisecond {
				s.hasten(now)
			}
			s.catchUp()
			s.profile.everyMinute(s)
			s.mu.Unlock()
			_ = s.ledger.flush() // a failure is kept, and told by Broken
		}
	}
}

// Advance moves the virtual clock forward, to at most a hundred years ahead of the machine's. Tokens expire, invoices integrate and travel, late deposits
// land; the quota, which counts real seconds, is not touched.
func (s *Sim) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record(Entry{Type: "clock", OffsetMS: s.ahead(d).Milliseconds()})
	s.catchUp()
}

// Now is the simulator's virtual time.
func (s *Sim) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

// dateLayouts are the formats that clients are known to send or portals to answer (docs/chorus-pro.md §4.1).
var dateLayouts = []string{
	"2006-01-02T15:04:05.999Z07:00", "2006-01-02T15:04:05.999Z0700", "2006-01-02T15:04:05.999",
	"2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02",
}

// parseDate reads a date as the portal would; day is true when it holds no time of day.
func parseDate(text string) (t time.Time, day, ok bool) {
	if text == "" {
		return time.Time{}, false, false
	}
	for _, layout := range dateLayouts {
		if t, err := time.ParseInLocation(layout, text, Paris); err == nil {
			return t, layout == "2006-01-02", true
		}
	}
	return time.Time{}, false, false
}

func isoDate(t time.Time) string   { return t.In(Paris).Format("2006-01-02T15:04:05.000-07:00") }
func shortDate(t time.Time) string { return t.In(Paris).Format("2006-01-02 15:04") }
func dayOf(t time.Time) string     { return t.In(Paris).Format("2006-01-02") }
