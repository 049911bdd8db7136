package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Who somebody proved to be, and how; and what he may do. The file of users says the latter, and is asked at each request: whoever is taken out of it, or gets another role,
// has no right of before.

// source is how somebody proved who he is.
type source string

const (
	byPassword source = "password"
	byOpenID   source = "openid"
	byProxy    source = "proxy"
)

// identity is who somebody proved to be.
type identity struct {
	by     source
	name   string   // as pages show it
	hash   string   // of the password that was given: another one ends the session
	id     string   // of OpenID Connect: the subject, which the provider gives to nobody else
	names  []string // of OpenID Connect: what else it calls the person
	groups []string // of the provider's claim, or of the proxy's header
}

// Group is a value of a provider's claim, or of a proxy's header, and what it lets somebody do: a role, for these accounts; nil: for all.
type Group struct {
	Name     string
	Role     Role
	Accounts []string
}

// rightsOf is what somebody may do by the file as it is now.
func (c *console) rightsOf(i identity) (r rights) {
	if i.by == byPassword || i.by == byProxy {
		if u, known := c.user(i.name); known && (i.by == byProxy || same(u.Hash, i.hash)) {
			r = append(r, grant{u.Role, u.Accounts})
		}
	}
	if i.by != byPassword && c.groups != nil {
		for _, g := range c.groups() {
			if slices.Contains(i.groups, g.Name) {
				r = append(r, grant{g.Role, g.Accounts})
			}
		}
	}
	return r
}

// plainSubject is a subject that history shows as it is. Others are hashed.
var plainSubject = regexp.MustCompile(`^[A-Za-z0-9._|@-]{1,48}$`)

// actor is how history names somebody. The name of a provider may be chosen by the person, so the subject stands before it; no name of the file of users has a colon.
// The database keeps 100 characters with "console:" before them.
func (i identity) actor() string {
	switch i.by {
	case byOpenID:
		id := i.id
		if !plainSubject.MatchString(id) {
			sum := sha256.Sum256([]byte(id))
			id = hex.EncodeToString(sum[:16])
		}
		return string(byOpenID) + ":" + id + ":" + cutAt(plain(i.name), 36)
	case byProxy:
		return string(byProxy) + ":" + plain(i.name)
	}
	return i.name
}

// plain replaces what nobody sees.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// person is who asks for a page; the zero value is somebody who was not asked who he is.
type person struct {
	Name   string
	Actor  string // in history
	Stays  bool   // there is no session here that he could end
	who    identity
	rights rights
	form   string
}

type personKey struct{}

// personOf is who asks.
func personOf(r *http.Request) person {
	p, _ := r.Context().Value(personKey{}).(person)
	return p
}

// with is the request of somebody. Whatever is read for it is of the accounts that he may see.
func (p person) with(r *http.Request) *http.Request {
	return r.WithContext(p.rights.confine(context.WithValue(r.Context(), personKey{}, p), Reader))
}

// noRole is what somebody is shown who proved who he is and may see nothing.
type noRole struct {
	Name   string
	Claim  string
	Values []string
	More   int // values that are not shown
	Out    bool
}

// mostSeen is how many values of a claim are shown.
const mostSeen = 20

func (v view) noRole(i identity, claim string) content {
	return content{
		page: "norole", status: http.StatusForbidden, title: v.t("You have no role here", "Vous n'avez pas de rôle ici"), at: "/signin",
		data: noRole{Name: i.name, Claim: claim, Values: i.groups[:min(len(i.groups), mostSeen)], More: max(0, len(i.groups)-mostSeen), Out: i.by == byOpenID},
	}
}
