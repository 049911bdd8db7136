package chorustest

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strings"
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
	case a == nil:
		c.why = s.strangeAccount(c)
		return false
	case a.Locked:
		c.why = "the technical account " + a.Login + " is locked"
		return false
	case a.Password != c.password:
		c.why = "the password of the technical account " + a.Login + " is wrong"
		if c.password == "" {
			c.why = "no colon and password follow the technical account " + a.Login + " in the cpro-account header"
		} else if strings.TrimSpace(c.password) == a.Password {
			c.why += ": a blank or a line break is encoded with it (printf writes none, echo does)"
		}
		if a.failures++; a.failures >= maxFailures {
			a.Locked = true
		}
		return false
	case !s.now().Before(a.Expires):
		c.why = "the password of the technical account " + a.Login + " has expired at " + a.Expires.Format(time.RFC3339) + " of the virtual clock"
		return false
	}
	a.failures = 0
	c.account = a
	return true
}

// strangeAccount says what is wrong with a cpro-account header that names nobody.
func (s *Sim) strangeAccount(c *call) string {
	header := c.header.Get("cpro-account")
	decoded, err := base64.StdEncoding.DecodeString(header)
	switch {
	case strings.HasPrefix(strings.ToLower(header), "basic "):
		return `the cpro-account header begins with "Basic ": it is base64 of login:password alone`
	case err != nil:
		return "the cpro-account header is not base64 of login:password"
	case !bytes.ContainsRune(decoded, ':'):
		return "the cpro-account header is base64, but there is no colon between login and password in it"
	}
	return "nobody knows the technical account " + cut(c.login) + ": that of chorus-sim is " + DefaultAccount.Login + " unless -account says otherwise"
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
