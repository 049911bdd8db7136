package console

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	secrets "github.com/choriste/choriste/secret"
)

// Signing in by a proxy: it asks who somebody is, and says so in a header. The header is believed from the proxy alone. Whatever is odd about it is refused, and never
// taken for "nobody".

// ProxySecretHeader is the header in which a proxy shows its secret.
const ProxySecretHeader = "Choriste-Proxy-Secret" //nolint:gosec // a header's name

// MostHeader is how many bytes a name has at most; mostGroups and mostGroupsHeader bound the groups.
const (
	MostHeader       = 80
	mostGroups       = 1000
	mostGroupsHeader = 16 << 10
)

// Header says in which header a proxy names who asks, and which proxy may.
type Header struct {
	Name   string
	Groups string // the header of groups, separated by commas; "" = there is none
	// From are the addresses of the proxies. Empty: any, with the secret.
	From []netip.Prefix
	// Secret is what the proxy shows in ProxySecretHeader. Nil: it shows none.
	Secret func() secrets.Text
}

// refusedHeader says why a request was refused, in both languages.
type refusedHeader word

func (e *refusedHeader) Error() string { return e.en }

var (
	errStranger = &refusedHeader{
		"This request says who you are, and does not come from the proxy that may say so: it is refused.",
		"Cette requête dit qui vous êtes, et ne vient pas du proxy qui peut le dire : elle est refusée.",
	}
	errLookalike = &refusedHeader{
		"This request has a header whose name looks like the one that says who you are: it is refused.",
		"Cette requête a un en-tête dont le nom ressemble à celui qui dit qui vous êtes : elle est refusée.",
	}
	errTwice = &refusedHeader{
		"This request says twice who you are: it is refused. The proxy must replace what the browser sent.",
		"Cette requête dit deux fois qui vous êtes : elle est refusée. Le proxy doit remplacer ce que le navigateur a envoyé.",
	}
	errNobody = &refusedHeader{
		"The proxy did not say who you are: it must sign you in first.",
		"Le proxy n'a pas dit qui vous êtes : il doit d'abord vous connecter.",
	}
	errName = &refusedHeader{
		"The proxy's name for you, or its list of groups, has a form that is not taken: too long, not UTF-8, or with a character that nobody sees; a name has no comma.",
		"Le nom que le proxy vous donne, ou sa liste de groupes, a une forme qui n'est pas admise : trop long, pas en UTF-8, ou avec un caractère invisible ; un nom n'a pas de virgule.",
	}
)

// read finds who a proxy says asks. said is false when nobody says anything: the request does not come from a proxy.
func (h *Header) read(r *http.Request) (i identity, said bool, err *refusedHeader) {
	ours := []string{h.Name, ProxySecretHeader}
	if h.Groups != "" {
		ours = append(ours, h.Groups)
	}
	claimed := false
	for name := range r.Header {
		for _, our := range ours {
			our = textproto.CanonicalMIMEHeaderKey(our)
			if name == our {
				claimed = true
			} else if strings.EqualFold(strings.ReplaceAll(name, "_", "-"), our) { // some programs take both for the same
				return identity{}, false, errLookalike
			}
		}
	}
	if !h.trusts(r) {
		if claimed {
			return identity{}, false, errStranger
		}
		return identity{}, false, nil
	}
	names := r.Header.Values(h.Name)
	var groups []string
	if h.Groups != "" {
		groups = r.Header.Values(h.Groups)
	}
	switch {
	case len(names) > 1, len(groups) > 1:
		return identity{}, false, errTwice
	case len(names) == 0 || strings.TrimSpace(names[0]) == "":
		return identity{}, false, errNobody
	}
	i = identity{by: byProxy, name: strings.TrimSpace(names[0])}
	if !CleanName(i.name) || len(i.name) > MostHeader || strings.Contains(i.name, ",") { // a comma: two of them in one line
		return identity{}, false, errName
	}
	if len(groups) == 1 {
		if len(groups[0]) > mostGroupsHeader || strings.Count(groups[0], ",") >= mostGroups {
			return identity{}, false, errName
		}
		for g := range strings.SplitSeq(groups[0], ",") {
			if g = strings.TrimSpace(g); g == "" {
				continue
			} else if !CleanName(g) {
				return identity{}, false, errName
			}
			i.groups = append(i.groups, g)
		}
	}
	return i, true, nil
}

// trusts tells that a request comes from the proxy: from its address, and with its secret, where they are set.
func (h *Header) trusts(r *http.Request) bool {
	if len(h.From) > 0 {
		at, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || !slices.ContainsFunc(h.From, func(p netip.Prefix) bool { return p.Contains(at.Addr().Unmap().WithZone("")) }) {
			return false
		}
	}
	if h.Secret != nil {
		shown := r.Header.Values(ProxySecretHeader)
		if len(shown) != 1 || !same(shown[0], h.Secret().Reveal()) {
			return false
		}
	}
	return len(h.From) > 0 || h.Secret != nil
}

// CleanName tells that a name is UTF-8, and that all of it is seen.
func CleanName(name string) bool {
	return utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
}

// formFor is what the forms of somebody carry who has no session here.
func (c *console) formFor(i identity) string {
	mac := hmac.New(sha256.New, []byte(c.own))
	_, _ = mac.Write([]byte(i.actor()))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// fromProxy lets in who a proxy names, and answers whom it refuses. answered or person: neither when the request does not come from a proxy.
func (c *console) fromProxy(w http.ResponseWriter, r *http.Request) (p person, named, answered bool) {
	i, said, err := c.header.read(r)
	v := view{r, languageOf(r)}
	switch {
	case err != nil:
		c.refusedToSignIn(r, byProxy, "", "HEADER")
		render(w, v, http.StatusForbidden, content{page: "error", title: v.t("This is not allowed", "Ce n'est pas permis"), at: "/", data: v.word(word(*err))})
		return person{}, false, true
	case !said:
		return person{}, false, false
	}
	rights := c.rightsOf(i)
	if !rights.may(Reader) {
		c.refusedToSignIn(r, i.by, i.actor(), "NO_ROLE")
		page := v.noRole(i, c.header.Groups)
		render(w, v, page.status, page)
		return person{}, false, true
	}
	if c.trail.arrives(i.actor(), time.Now()) {
		c.signedInAs(r, i)
	}
	return person{Name: i.name, rights: rights, Actor: i.actor(), Stays: true, who: i, form: c.formFor(i)}, true, false
}
