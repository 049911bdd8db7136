package chorustest

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const tokenPath = "/api/oauth/token"

// token is a live access token, known by its hash alone.
type token struct {
	client string
	end    time.Time
}

// serveToken answers the OAuth door: client_credentials in a form. The scope is not checked [G].
func (s *Sim) serveToken(c *call) answer {
	if c.method != http.MethodPost {
		c.why = "the token endpoint takes POST"
		return plain(http.StatusMethodNotAllowed)
	}
	form, err := url.ParseQuery(string(c.raw))
	if err != nil || !strings.HasPrefix(c.contentType, "application/x-www-form-urlencoded") {
		s.violate(c, "the token request is not a form")
		return tokenError("invalid_request")
	}
	if form.Get("grant_type") != "client_credentials" {
		s.violate(c, "grant_type is not client_credentials")
		return tokenError("unsupported_grant_type")
	}
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if id == "" && c.basicUser != "" { // RFC 6749 §2.3.1 allows it; whether PISTE does is not known [G]
		id, secret = c.basicUser, c.basicPassword
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	client := s.clients[id]
	if client == nil || subtle.ConstantTimeCompare([]byte(client.Secret), []byte(secret)) != 1 {
		c.why = "client_id or client_secret is wrong: the application of chorus-sim is sim with sim-secret unless -client says otherwise"
		return tokenError("invalid_client")
	}
	c.client = client.ID
	if c.fault != nil && c.fault.Kind == "revoke_all" {
		s.record(Entry{Type: "revoke"})
	}
	text := newToken()
	end := s.now().Add(s.cfg.TokenLife)
	s.record(Entry{Type: "token", Client: client.ID, Token: sum([]byte(text)), Due: &end})
	return answer{status: http.StatusOK, body: object{
		"access_token": text, "token_type": "Bearer", "expires_in": int(s.cfg.TokenLife / time.Second), "scope": "openid",
	}}
}

// tokenError is byte for byte the same for an unknown client and a wrong secret (docs/chorus-pro.md §3.2).
func tokenError(code string) answer {
	return answer{status: http.StatusBadRequest, body: object{"error": code}}
}

// newToken is opaque and 54 characters long, as measured on the sandbox.
func newToken() string {
	b := make([]byte, 42)
	_, _ = rand.Read(b)
	text := base64.RawURLEncoding.EncodeToString(b)
	return strings.NewReplacer("-", "x", "_", "y").Replace(text)[:54]
}

// bearer finds the token of a request, which may have ended. sent is false when there is none at all.
func (s *Sim) bearer(header string) (t *token, hash string, sent bool) {
	text, ok := strings.CutPrefix(header, "Bearer ")
	if !ok || text == "" {
		return nil, "", false
	}
	hash = sum([]byte(text))
	return s.tokens[hash], hash, true
}

// Revoke ends all live tokens of a client, or of every client when it is "".
func (s *Sim) Revoke(client string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record(Entry{Type: "revoke", Client: client})
}
