package chorustest

import (
	"net/http"
	"time"
)

// login checks the technical account. Five wrong passwords in a row lock it; a good one forgives.
func (s *Sim) login(c *call) bool {
	if c.header.Get("cpro-account") == "" {
		s.violateLocked(c, "no cpro-account header")
		return false
	}
	a := s.accounts[c.login]
	switch {
	case a == nil || a.Locked:
		return false
	case a.Password != c.password:
		if a.failures++; a.failures >= maxFailures {
			a.Locked = true
		}
		return false
	case !s.now().Before(a.Expires):
		return false
	}
	a.failures = 0
	c.account = a
	return true
}

// deadToken answers in one of Axway's two texts. An ended token is remembered as ended; a revoked one as nothing.
func (s *Sim) deadToken(c *call) answer {
	if c.ended.IsZero() {
		c.why = "the token is unknown here: revoked, given before a reset, or by another simulator"
		return challenge(http.StatusUnauthorized, strangeToken)
	}
	c.why = "the token has expired at " + c.ended.Format(time.RFC3339) + " of the virtual clock, which stands at " + c.at.Format(time.RFC3339) + ": ask for a new one"
	return challenge(http.StatusUnauthorized, badToken)
}
