package console

import (
	"maps"
	"slices"
	"time"

	"github.com/choriste/choriste/operate"
)

// Routes are the patterns of everything that is served.
func Routes() []string { return slices.Sorted(maps.Keys((&console{}).routes())) }

// CutCSV has a CSV be cut after so many lines, until it is put back.
func CutCSV(n int) (back func()) {
	was := mostCSV
	mostCSV = n
	return func() { mostCSV = was }
}

// SessionOutlastsWatching tells whether a session that is only watched with, for 40 minutes, lives on.
func SessionOutlastsWatching(u User) bool {
	s, began := newSessions(), time.Now()
	token := s.begin(identity{by: byPassword, name: u.Name, hash: u.Hash}, time.Time{}, began)
	for at := 0; at < 40; at++ {
		s.find(token, began.Add(time.Duration(at)*time.Minute), true)
	}
	return s.find(token, began.Add(40*time.Minute), false) != nil
}

// SessionOver tells whether a session has ended, of which the token ends then.
func SessionOver(used, created, ends, now time.Time) bool {
	return (&session{used: used, created: created, ends: ends}).over(now)
}

// ActNames are the acts on one invoice, and those that may be done to several.
func ActNames() (one, several []string) {
	for _, a := range acts {
		one = append(one, a.Name)
	}
	for _, a := range severalActs() {
		several = append(several, a.Name)
	}
	return one, several
}

// CountSignIns counts them as one process does, and tells which are written.
func CountSignIns() func(operate.SignIn, time.Time) bool {
	l := newTrail()
	return func(s operate.SignIn, now time.Time) bool {
		_, written := l.count(s, now)
		return written
	}
}

// DeedNames are the deeds, by the path that they are under.
func DeedNames() map[string][]string {
	names := map[string][]string{}
	for path, list := range map[string][]deed{"/accounts": accountDeeds, "/webhooks": webhookDeeds, "/findings": findingDeeds, "/resubmission": resubmissionDeeds} {
		for _, d := range list {
			names[path] = append(names[path], d.Name)
		}
	}
	return names
}
