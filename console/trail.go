package console

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

// Sign-ins are in the audit trail, refused ones too. Whoever tries all day fills no database: of one person or name, for one cause, the first firstOfHour of an hour are written, then the 10th,
// the 100th, the 1000th, each with its number; of refused ones at most refusedAnHour by this process.

const (
	firstOfHour   = 5
	refusedAnHour = 100
	// mostTold is how many are told apart in an hour.
	mostTold = 2000
	// noteWithin is how long writing one may take.
	noteWithin = 5 * time.Second
)

// trail says which sign-ins are written.
type trail struct {
	mu      sync.Mutex
	hour    time.Time
	times   map[string]int
	refused int
	arrived map[string]time.Time // whom a proxy named last when: there is no session that begins
}

func newTrail() *trail { return &trail{times: map[string]int{}, arrived: map[string]time.Time{}} }

// count counts a sign-in, and tells whether it is written.
func (l *trail) count(s operate.SignIn, now time.Time) (times int, written bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.hour) >= time.Hour {
		l.hour, l.refused = now, 0
		clear(l.times)
	}
	key := s.Why + "\x00" + s.By + "\x00" + s.Person + "\x00" + s.Name
	if _, known := l.times[key]; !known && s.Why != "" && len(l.times) >= mostTold {
		key = "" // together; who signs in is somebody, and there are not so many
	}
	l.times[key]++
	times = l.times[key]
	if written = times <= firstOfHour || powerOfTen(times); written && s.Why != "" {
		l.refused++
		written = l.refused <= refusedAnHour
	}
	return times, written
}

func powerOfTen(n int) bool {
	for n > 1 && n%10 == 0 {
		n /= 10
	}
	return n == 1
}

// arrives tells that a proxy names somebody who has asked for nothing as long as a session lasts without a request.
func (l *trail) arrives(who string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	last, known := l.arrived[who]
	if !known && len(l.arrived) >= mostSessions {
		for name, at := range l.arrived {
			if now.Sub(at) > sessionIdle {
				delete(l.arrived, name)
			}
		}
		if len(l.arrived) >= mostSessions {
			clear(l.arrived)
		}
	}
	l.arrived[who] = now
	return !known || now.Sub(last) > sessionIdle
}

// signedInAs writes that somebody signed in. When it cannot be written, the log has it, and he goes on: he reads nothing that needs no database.
func (c *console) signedInAs(r *http.Request, i identity) {
	c.note(r.Context(), r, operate.SignIn{Person: i.actor(), By: string(i.by)})
}

// refusedToSignIn writes that somebody was refused, after he was answered: how long an answer takes says nothing of which names there are.
func (c *console) refusedToSignIn(r *http.Request, by source, name, why string) {
	s := operate.SignIn{By: string(by), Name: name, Why: why}
	go c.note(context.WithoutCancel(r.Context()), r, s)
}

// note writes a sign-in, if it is to be, and tells the log.
func (c *console) note(ctx context.Context, r *http.Request, s operate.SignIn) {
	var written bool
	if s.Times, written = c.trail.count(s, time.Now()); !written {
		return
	}
	s.From, s.Via = cameFrom(r)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteWithin)
	defer cancel()
	err := operate.NoteSignIn(ctx, c.store, s)
	level, what := slog.LevelInfo, "somebody signed in to the console"
	if s.Why != "" {
		level, what = slog.LevelWarn, "a sign-in to the console was refused"
	}
	said := []any{"who", s.Person, "name", s.Name, "by", s.By, "from", s.From, "via", s.Via, "why", s.Why, "times", s.Times}
	if err != nil {
		level, said = slog.LevelError, append(said, "not_in_the_audit_trail", store.Message(err))
	}
	c.log.Log(ctx, level, what, said...)
}

// cameFrom is the address that a request came from. Behind a proxy it is the one that the proxy says, by X-Forwarded-For, and via is the proxy: whoever comes without one and writes the header
// himself shows there.
func cameFrom(r *http.Request) (from, via string) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	list := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	said, err := netip.ParseAddr(strings.TrimSpace(list[len(list)-1]))
	if err != nil || said.Zone() != "" {
		return host, ""
	}
	return said.String(), host
}
