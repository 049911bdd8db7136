package console

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"sync"
	"time"
)

const (
	// sessionIdle is how long a session lasts without a request, sessionWhole how long it lasts at all.
	sessionIdle, sessionWhole = 30 * time.Minute, 8 * time.Hour
	// mostSessions is how many people are signed in at once; who signs in then ends the session that was used longest ago.
	mostSessions = 1000
	// mostTries is how often in a minute a name, and triesOfAll how often everybody together, may try a password.
	mostTries, triesOfAll = 5, 60
)

// session is somebody who signed in. A session is this process's: another worker, or this one after a restart, asks again.
type session struct {
	who     identity
	ends    time.Time // what proved who he is; zero: it has no end
	form    string    // what every form of his carries, so that nobody else's page can send one
	created time.Time
	used    time.Time
}

// sessions are known by the hash of what the cookie holds.
type sessions struct {
	mu    sync.Mutex
	list  map[[sha256.Size]byte]*session
	tries map[string][]time.Time
}

func newSessions() *sessions {
	return &sessions{list: map[[sha256.Size]byte]*session{}, tries: map[string][]time.Time{}}
}

// secret is a text that nobody guesses.
func secret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails: it ends the program instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// begin makes a session, and returns what the cookie holds.
func (s *sessions) begin(who identity, ends, now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var oldest [sha256.Size]byte
	for key, one := range s.list {
		if one.over(now) {
			delete(s.list, key)
		} else if o, known := s.list[oldest]; !known || one.used.Before(o.used) {
			oldest = key
		}
	}
	if len(s.list) >= mostSessions {
		delete(s.list, oldest)
	}
	token := secret()
	s.list[sha256.Sum256([]byte(token))] = &session{who: who, ends: ends, form: secret(), created: now, used: now}
	return token
}

func (s *session) over(now time.Time) bool {
	return now.Sub(s.used) > sessionIdle || now.Sub(s.created) > sessionWhole || !s.ends.IsZero() && !now.Before(s.ends)
}

// find returns the session of a cookie, or nil. It is used now, unless it only watches: a page that is left open does not keep a session alive.
func (s *sessions) find(token string, now time.Time, watching bool) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := sha256.Sum256([]byte(token))
	one := s.list[key]
	if one == nil {
		return nil
	}
	if one.over(now) {
		delete(s.list, key)
		return nil
	}
	if !watching {
		one.used = now
	}
	copied := *one
	return &copied
}

func (s *sessions) end(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.list, sha256.Sum256([]byte(token)))
}

// may tells whether a password may be tried for this name, and counts it.
func (s *sessions) may(name string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := 0
	for n, list := range s.tries {
		for len(list) > 0 && now.Sub(list[0]) > time.Minute {
			list = list[1:]
		}
		if len(list) == 0 {
			delete(s.tries, n)
			continue
		}
		s.tries[n] = list
		all += len(list)
	}
	if all >= triesOfAll || len(s.tries[name]) >= mostTries {
		return false
	}
	s.tries[name] = append(s.tries[name], now)
	return true
}

// same compares in constant time.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
