package worker

import (
	"log/slog"
	"sync"
	"time"

	"github.com/choriste/choriste/store"
)

// trouble is what is wrong with the database as a whole, and so met by every loop; it is said once for all of them.
type troubleText struct{ key, text, over, ready string }

const (
	readOnly = "read-only"
	away     = "away"
)

var troubles = []troubleText{
	{
		readOnly, "PostgreSQL is read-only: nothing can be sent until it takes writes. It is a standby, or default_transaction_read_only is on: let DATABASE_URL lead to the primary, or turn it off",
		"PostgreSQL takes writes again",
		"PostgreSQL is read-only: let DATABASE_URL lead to the primary, or turn default_transaction_read_only off",
	},
	{away, "PostgreSQL does not answer: the worker waits for it", "PostgreSQL answers again", "PostgreSQL does not answer"},
}

// trouble is the key of what is wrong with the database when an error is about that.
func trouble(err error) string {
	switch {
	case err == nil:
		return ""
	case store.ReadOnly(err):
		return readOnly
	case store.Away(err):
		return away
	}
	return ""
}

// gaps are the times between two lines about the same trouble; the last one stays.
var gaps = []time.Duration{10 * time.Second, time.Minute, 10 * time.Minute}

// complaints says what is wrong when it begins, ever more rarely while it lasts, and that it is over. It is safe for concurrent use.
type complaints struct {
	log *slog.Logger

	mu   sync.Mutex
	open map[string]*complaint // by what is wrong
}

type complaint struct {
	from  map[string]bool // who complains of it
	since time.Time
	next  time.Time // when it may be said again
	said  int
	times int
}

func newComplaints(log *slog.Logger) *complaints {
	return &complaints{log: log, open: map[string]*complaint{}}
}

// say complains of key in the name of who.
func (c *complaints) say(key, who, text string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	k := c.open[key]
	if k == nil {
		k = &complaint{from: map[string]bool{}, since: now}
		c.open[key] = k
	}
	k.from[who] = true
	k.times++
	if now.Before(k.next) {
		return
	}
	if k.said > 0 {
		args = append(args, "times", k.times, "for", now.Sub(k.since).Round(time.Second))
	}
	k.next = now.Add(gaps[min(k.said, len(gaps)-1)])
	k.said++
	c.log.Warn(text, args...)
}

// over takes back who's complaint of key; when nobody is left who complains, text says so, unless it is "".
func (c *complaints) over(key, who, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.open[key]
	if k == nil || !k.from[who] {
		return
	}
	delete(k.from, who)
	if len(k.from) > 0 {
		return
	}
	delete(c.open, key)
	if text != "" {
		c.log.Info(text, "after", time.Since(k.since).Round(time.Millisecond))
	}
}

// trouble is what is wrong with the database as a whole at present, as /readyz says it, or "". That one round fails tells nothing of the whole: one connection was lost, and the round
// after it finds another.
func (c *complaints) trouble() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range troubles {
		if k := c.open[t.key]; k != nil && (t.key != away || k.times > 1) {
			return t.ready
		}
	}
	return ""
}

// allows tells whether a line that comes from elsewhere, and is about key, is news: not while there is trouble with the database, which is said already, and
// not more often than a complaint.
func (c *complaints) allows(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range troubles {
		if c.open[t.key] != nil {
			return false
		}
	}
	now := time.Now()
	k := c.open[key]
	if k == nil || now.Sub(k.next) > forgotten {
		k = &complaint{since: now}
		c.open[key] = k
	}
	if now.Before(k.next) {
		return false
	}
	k.next = now.Add(gaps[min(k.said, len(gaps)-1)])
	k.said++
	return true
}

// forgotten is how long after the time for another line a complaint is taken for a new one.
const forgotten = 10 * time.Minute
