package egress

import (
	"net"
	"net/netip"
	"strings"
)

// exception is one entry of NO_PROXY.
type exception struct {
	all    bool
	prefix netip.Prefix // of addresses; not valid = a name
	name   string       // in lower case
	below  bool         // only what is below the name, as .example.net and *.example.net have it
	port   string       // "" = any
}

// readExceptions reads NO_PROXY as curl and Go do: names with all that is below them, addresses, networks in CIDR, each with a port or without; * is everything.
// What cannot be read is a name that no host has.
func readExceptions(text string) (list []exception) {
	for entry := range strings.FieldsFuncSeq(strings.ToLower(text), func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		e := exception{all: entry == "*"}
		if prefix, err := netip.ParsePrefix(entry); err == nil {
			e.prefix = prefix.Masked()
			list = append(list, e)
			continue
		}
		host := entry
		if h, port, err := net.SplitHostPort(entry); err == nil {
			host, e.port = h, port
		}
		if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
			ip = ip.Unmap()
			e.prefix = netip.PrefixFrom(ip, ip.BitLen())
			list = append(list, e)
			continue
		}
		host = strings.TrimPrefix(host, "*")
		e.name, e.below = strings.CutPrefix(host, ".")
		e.name = strings.TrimSuffix(e.name, ".")
		list = append(list, e)
	}
	return list
}

// excepted tells whether a host is reached without the proxy. This machine always is.
func excepted(list []exception, host, port string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	ip, err := netip.ParseAddr(host)
	ip = ip.Unmap()
	if host == "localhost" || err == nil && ip.IsLoopback() {
		return true
	}
	for _, e := range list {
		switch {
		case e.all:
			return true
		case e.port != "" && e.port != port:
		case e.prefix.IsValid():
			if err == nil && e.prefix.Contains(ip) {
				return true
			}
		case e.name == "":
		case !e.below && host == e.name, strings.HasSuffix(host, "."+e.name):
			return true
		}
	}
	return false
}
