package main

import (
	"errors"
	"fmt"
	"net/netip"
	"net/textproto"
	"regexp"
	"slices"
	"strings"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/console"
	"github.com/choriste/choriste/openid"
)

// Signing in by OpenID Connect, or by a proxy that names who asks (docs/console.md#sign-in-elsewhere).

// openIDSettings are those of CHORISTE_OPENID_….
type openIDSettings struct {
	Issuer   string // "" = there is no provider
	ClientID string
	Secret   chorus.Secret
	Address  string
	Claim    string
	Scopes   string
}

// headerSettings are those of CHORISTE_SIGNIN_….
type headerSettings struct {
	Name    string // "" = no proxy names anybody
	Groups  string
	Proxies []netip.Prefix
	Secret  chorus.Secret
}

// leastProxySecret is how many bytes the secret of a proxy has at least: nothing bounds how often it is tried.
const leastProxySecret = 20

// openIDScopes reads scopes, one of which makes it OpenID Connect.
func openIDScopes(v string) error {
	if err := scopes(v); err != nil {
		return err
	}
	if !slices.Contains(strings.Fields(v), "openid") {
		return errors.New("must have openid among its scopes, as openid profile")
	}
	return nil
}

// claimName is the form of a claim's name.
func claimName(v string) error {
	if len(v) > 200 || !console.CleanName(v) || strings.Contains(v, " ") {
		return errors.New("must be the name of one claim of the ID token, as groups")
	}
	return nil
}

var headerForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,63}$`)

// headerName is the form of a header that a proxy sets. An underscore is refused: some proxies take it for a dash, and let the browser's header through.
func headerName(v string) error {
	if !headerForm.MatchString(v) || strings.HasSuffix(v, "-") {
		return errors.New("must be the name of a header, of letters, digits and dashes, as X-Remote-User")
	}
	name := textproto.CanonicalMIMEHeaderKey(v)
	others := []string{"Authorization", "Connection", "Cookie", "Forwarded", "Host", "Origin", "Range", "Referer", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", console.ProxySecretHeader}
	if slices.Contains(others, name) || slices.ContainsFunc([]string{"Accept", "Access-Control-", "Content-", "If-", "Proxy-", "Sec-"}, func(p string) bool { return strings.HasPrefix(name, p) }) {
		return errors.New("is a header that has another meaning: take one that the proxy alone sets, as X-Remote-User")
	}
	return nil
}

const proxiesForm = "must be addresses or networks, as 10.0.0.5,10.1.0.0/24, several separated by commas"

// mostProxies is how many are taken.
const mostProxies = 100

// proxies reads from where a proxy may come.
func proxies(s *settings, v string) error {
	s.Header.Proxies = nil
	for text := range strings.SplitSeq(v, ",") {
		text = strings.TrimSpace(text)
		p, err := netip.ParsePrefix(text)
		if ip, single := netip.ParseAddr(text); single == nil && ip.Zone() == "" {
			ip = ip.Unmap()
			p, err = netip.PrefixFrom(ip, ip.BitLen()), nil
		}
		switch {
		case err != nil || p.Addr().Is4In6() || len(s.Header.Proxies) >= mostProxies:
			return errors.New(proxiesForm)
		case p.Bits() == 0:
			return errors.New("has a network of everybody: " + proxiesForm)
		}
		s.Header.Proxies = append(s.Header.Proxies, p.Masked())
	}
	return nil
}

// configureSignIn checks what the settings of signing in elsewhere say together.
func (s *settings) configureSignIn(getenv func(string) string) (problems []error) {
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	set := func(name string) bool { return getenv(name) != "" || getenv(name+"_FILE") != "" }
	needs := func(first string, others ...string) {
		for _, name := range others {
			if set(first) && !set(name) {
				wrong("%s is set, and %s is not", first, name)
			}
		}
	}
	const issuer, header, users = "CHORISTE_OPENID_ISSUER", "CHORISTE_SIGNIN_HEADER", "CHORISTE_USERS_FILE"
	needs(issuer, "CHORISTE_OPENID_CLIENT_ID", "CHORISTE_OPENID_CLIENT_SECRET", "CHORISTE_OPENID_ADDRESS")
	for _, name := range []string{"CHORISTE_OPENID_CLIENT_ID", "CHORISTE_OPENID_CLIENT_SECRET", "CHORISTE_OPENID_ADDRESS", "CHORISTE_OPENID_CLAIM", "CHORISTE_OPENID_SCOPES"} {
		needs(name, issuer)
	}
	for _, name := range []string{"CHORISTE_SIGNIN_GROUPS", "CHORISTE_SIGNIN_PROXIES", "CHORISTE_SIGNIN_SECRET"} {
		needs(name, header)
	}
	for _, name := range []string{issuer, header} {
		if set(name) && !set(users) {
			wrong("%s is set, and %s is not: it says who may do what", name, users)
		}
	}
	if set(header) && !set("CHORISTE_SIGNIN_PROXIES") && !set("CHORISTE_SIGNIN_SECRET") {
		wrong("%s is set, and neither CHORISTE_SIGNIN_PROXIES nor CHORISTE_SIGNIN_SECRET is: everybody could say who he is", header)
	}
	if set(issuer) && set(header) {
		wrong("%s and %s are both set: keep one", issuer, header)
	}
	if s.Header.Groups != "" && strings.EqualFold(s.Header.Name, s.Header.Groups) {
		wrong("%s and CHORISTE_SIGNIN_GROUPS name the same header", header)
	}
	if n := len(s.Header.Secret.Reveal()); n > 0 && n < leastProxySecret {
		wrong("CHORISTE_SIGNIN_SECRET has less than %d characters", leastProxySecret)
	}
	for _, name := range []string{"CHORISTE_OPENID_CLIENT_SECRET_FILE", "CHORISTE_SIGNIN_SECRET_FILE"} {
		if v := getenv(name); v != "" {
			s.files = append(s.files, watch(v))
		}
	}
	return problems
}

// provider is who signs people in by OpenID Connect, or nil. Nothing is asked of it yet.
func (w *web) provider(s settings) *openid.Provider {
	if s.OpenID.Issuer == "" {
		return nil
	}
	p, err := openid.New(openid.Config{
		Issuer: s.OpenID.Issuer, ClientID: s.OpenID.ClientID, Address: s.OpenID.Address, Claim: s.OpenID.Claim, Scopes: strings.Fields(s.OpenID.Scopes), Way: s.Way,
		Secret: func() chorus.Secret { return w.settings.Load().OpenID.Secret },
	})
	if err != nil {
		panic(err) // load has refused what New refuses
	}
	return p
}

// header is how a proxy signs people in, or nil.
func (w *web) header(s settings) *console.Header {
	if s.Header.Name == "" {
		return nil
	}
	h := &console.Header{Name: s.Header.Name, Groups: s.Header.Groups, From: s.Header.Proxies}
	if s.Header.Secret != "" {
		h.Secret = func() chorus.Secret { return w.settings.Load().Header.Secret }
	}
	return h
}
