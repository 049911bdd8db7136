package openid

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

const (
	// mostValues is how many values of a claim are looked at, mostValue how many bytes one has at most. What is beyond gives no rights.
	mostValues, mostValue = 1000, 256
	// leastLeft is what an ID token must still last.
	leastLeft = 15 * time.Second
)

// Identity is who a provider says somebody is.
type Identity struct {
	Subject string    // which the provider gives to nobody else
	Name    string    // for people; the provider, or the person, may choose it
	Names   []string  // all that the token calls the person: preferred_username, email, name
	Values  []string  // of the claim
	Ends    time.Time // of the ID token
}

func (p *Provider) identity(t *oidc.IDToken, now time.Time) (Identity, error) {
	claims := map[string]json.RawMessage{}
	if t.Claims(&claims) != nil || t.Subject == "" || len(t.Subject) > 255 {
		return Identity{}, &Error{NotTrusted, "its ID token names nobody"}
	}
	var issuedTo string
	_ = json.Unmarshal(claims["azp"], &issuedTo) // one that is no text is not this client's name
	var notBefore float64
	_ = json.Unmarshal(claims["nbf"], &notBefore) // go-oidc has read it
	switch {
	case issuedTo != p.cfg.ClientID && (len(t.Audience) > 1 || len(claims["azp"]) > 0):
		return Identity{}, &Error{NotTrusted, "its ID token was issued to another client (azp)"}
	case t.IssuedAt.After(now.Add(skew)), notBefore > float64(now.Add(skew).Unix()):
		return Identity{}, &Error{NotTrusted, "its ID token is of the future: do the clocks agree?"}
	case t.Expiry.Before(now.Add(leastLeft)):
		return Identity{}, &Error{Expired, "its ID token ends in a moment: have it last longer, or set the clocks"}
	}
	id := Identity{Subject: t.Subject, Name: t.Subject, Ends: t.Expiry, Values: values(claims[p.cfg.Claim])}
	if p.cfg.Claim == "email" && !verified(claims["email_verified"]) {
		id.Values = nil // anybody may have written it
	}
	for _, claim := range []string{"preferred_username", "email", "name"} {
		var name string
		if json.Unmarshal(claims[claim], &name) == nil && name != "" {
			id.Names = append(id.Names, name)
		}
	}
	if len(id.Names) > 0 {
		id.Name = id.Names[0]
	}
	return id, nil
}

// values are those of a claim that is a text or a list of texts; of any other there are none.
func values(claim json.RawMessage) []string {
	var list []string
	var one string
	if json.Unmarshal(claim, &one) == nil {
		list = []string{one}
	} else if json.Unmarshal(claim, &list) != nil {
		return nil
	}
	list = list[:min(len(list), mostValues)]
	return slices.DeleteFunc(list, func(v string) bool { return v == "" || len(v) > mostValue })
}

func verified(claim json.RawMessage) bool {
	return string(claim) == "true" || string(claim) == `"true"`
}
