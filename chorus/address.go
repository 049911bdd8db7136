package chorus

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// The hosts of the two environments, docs/chorus-pro.md §2.
const (
	sandboxAPI      = "https://sandbox-api.piste.gouv.fr"
	sandboxToken    = "https://sandbox-oauth.piste.gouv.fr/api/oauth/token" //nolint:gosec // an address, not a credential
	productionAPI   = "https://api.piste.gouv.fr"
	productionToken = "https://oauth.piste.gouv.fr/api/oauth/token" //nolint:gosec // an address, not a credential
)

// URLs gives the API's root and the token endpoint of an environment, "sandbox" or "production".
func URLs(env string) (api, token string, err error) {
	switch env {
	case "sandbox":
		return sandboxAPI, sandboxToken, nil
	case "production":
		return productionAPI, productionToken, nil
	}
	return "", "", fmt.Errorf("environment is %q, want sandbox or production", env)
}

// Hosts is a pair of addresses, each written in the one way in which two spellings of an address are equal.
type Hosts struct {
	API, Token string

	api, token host
}

// host is what an address says of where it leads.
type host struct {
	name  string // in lower case, without port
	env   string // sandbox or production; "" = not PISTE's
	plain bool   // http
}

// AddressError says what is wrong with an address, or with the pair.
type AddressError struct {
	Which string // "API" or "token"; "" = the two together
	Text  string // without the address, which may hold a password
}

func (e *AddressError) Error() string {
	if e.Which == "" {
		return e.Text
	}
	return "the " + e.Which + " address " + e.Text
}

// ReadHosts reads the API's root and the token endpoint. It refuses a pair that cannot be meant: one of the sandbox and one of production, one of PISTE and
// one of somebody else, a state host without TLS, or something that is not an address. All that is wrong is said at once.
func ReadHosts(api, token string) (Hosts, error) {
	var h Hosts
	var problems []error
	add := func(which, text string) {
		if text != "" {
			problems = append(problems, &AddressError{which, text})
		}
	}
	var text string
	h.API, h.api, text = readAddress(api)
	h.API = strings.TrimRight(h.API, "/")
	if u, err := url.Parse(h.API); text == "" && err == nil && u.Path != "" {
		text = "has a path: give the root, without /cpro, as " + sandboxAPI
	}
	add("API", text)
	h.Token, h.token, text = readAddress(token)
	add("token", text)
	if len(problems) > 0 {
		return h, errors.Join(problems...)
	}
	switch a, t := h.api.env, h.token.env; {
	case a == t:
	case a == "":
		add("", "the token address is PISTE's and the API address is not: the two go together")
	case t == "":
		add("", "the API address is PISTE's and the token address is not: PISTE's secrets would go to "+h.token.name)
	default:
		add("", fmt.Sprintf("the API address is of %s and the token address of %s", a, t))
	}
	return h, errors.Join(problems...)
}

// Foreign names the hosts that are not PISTE's; each once.
func (h Hosts) Foreign() []string {
	var names []string
	for _, x := range []host{h.api, h.token} {
		if x.env == "" && (len(names) == 0 || names[0] != x.name) {
			names = append(names, x.name)
		}
	}
	return names
}

// Suit says whether the pair may be used for an environment. Hosts that are not PISTE's get PISTE's secrets and real invoices in production, so they must be
// allowed there; and without TLS anybody on the way reads them, so http is for the same machine, or allowed outside production.
func (h Hosts) Suit(env string, foreign bool) error {
	if h.api.env != "" && h.api.env != env {
		return &AddressError{"", fmt.Sprintf("the API address is of %s and CHORUS_ENV says %s", h.api.env, env)}
	}
	for _, x := range []struct {
		which string
		host
	}{{"API", h.api}, {"token", h.token}} {
		switch {
		case x.env != "":
		case env == "production" && x.plain:
			return &AddressError{x.which, "must be https in production"}
		case env == "production" && !foreign:
			return &AddressError{x.which, "leads to " + x.name + ", which is not PISTE's: " + allowForeign}
		case x.plain && !foreign && !loopback(x.name):
			return &AddressError{x.which, "leads to " + x.name + " without TLS: use https, or, for a simulator, " + allowForeign}
		}
	}
	return nil
}

const allowForeign = "CHORISTE_FOREIGN_HOSTS=allow says that this is meant"

// Check refuses a pair of addresses that cannot be meant; see [ReadHosts].
func Check(api, token string) error {
	_, err := ReadHosts(api, token)
	return err
}

// readAddress reads an http(s) address and writes it anew: scheme and host in lower case, no default port. text says what is wrong.
func readAddress(address string) (written string, h host, text string) {
	const form = "is not an address as https://host or https://host:port, with /path for the token endpoint"
	for _, r := range address {
		if r <= ' ' || r >= 0x7f {
			return "", h, "has a blank, a control character or a character outside ASCII: write a name of other letters in its xn-- form, and other characters as %XX"
		}
	}
	u, err := url.Parse(address)
	switch {
	case err != nil && strings.Contains(address, "%"):
		return "", h, form + "; a % must be followed by two hexadecimal digits"
	case err != nil || u.Opaque != "" || u.Hostname() == "":
		return "", h, form
	case u.Scheme != "https" && u.Scheme != "http":
		return "", h, form
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(address, "#"):
		return "", h, "must have no user, query or fragment"
	}
	h = host{name: strings.ToLower(u.Hostname()), plain: u.Scheme == "http"}
	if text := h.wrong(); text != "" {
		return "", h, text
	}
	port := u.Port()
	if strings.HasSuffix(u.Host, ":") {
		return "", h, "has a colon and no port"
	}
	if port != "" {
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 || n > 65535 {
			return "", h, "has a port that is none of 1 to 65535"
		}
		if port = strconv.Itoa(n); n == 443 && !h.plain || n == 80 && h.plain {
			port = ""
		}
	}
	if isState(h.name) {
		h.env = "production"
		if strings.HasPrefix(h.name, "sandbox") {
			h.env = "sandbox"
		}
		if h.plain {
			return "", h, "must be https"
		}
	}
	u.Host = h.name
	switch {
	case port != "":
		u.Host = net.JoinHostPort(h.name, port)
	case strings.Contains(h.name, ":"):
		u.Host = "[" + h.name + "]"
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath(), h, ""
}

// wrong says what keeps a name from being a host's.
func (h host) wrong() string {
	if net.ParseIP(h.name) != nil {
		return ""
	}
	if strings.HasSuffix(h.name, ".") {
		return "has a host that ends with a dot: write it without"
	}
	for label := range strings.SplitSeq(h.name, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return "has a host that is no name: letters, digits and hyphens between dots"
		}
	}
	return ""
}

// loopback tells whether a host is this machine, whatever its name servers say.
func loopback(name string) bool {
	ip := net.ParseIP(name)
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || ip != nil && ip.IsLoopback()
}

// isState recognises PISTE's public hosts.
func isState(host string) bool {
	return host == "piste.gouv.fr" || strings.HasSuffix(host, ".piste.gouv.fr")
}

// IsProduction tells whether an address leads to the state's hosts and not to the sandbox: what is done there counts.
func IsProduction(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return true // nobody knows
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	return strings.HasSuffix(host, ".gouv.fr") && !strings.HasPrefix(host, "sandbox-")
}
