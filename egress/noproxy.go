package egress

import (
	"fmt"
	"iter"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
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
// What cannot be read is a name that no host has; ReadNoProxy refuses it.
func readExceptions(text string) (list []exception) {
	for entry := range entries(text) {
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

func entries(text string) iter.Seq[string] {
	return strings.FieldsFuncSeq(strings.ToLower(text), func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}

// ReadNoProxy says which entry of NO_PROXY no host can be meant by: it would be passed over, and what it was to keep from the proxy would go there.
func ReadNoProxy(text string) error {
	n := 0
	for entry := range entries(text) {
		n++
		e := readExceptions(entry)[0]
		if e.all || e.prefix.IsValid() && portNumber(e.port) || portNumber(e.port) && hostName(e.name) {
			continue
		}
		return fmt.Errorf("has an entry, number %d, that is no name (example.net, .example.net), no address and no network (10.0.0.0/8), each with a port or without", n)
	}
	return nil
}

func portNumber(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return text == "" || err == nil && n > 0
}

// hostName tells names of hosts from addresses with a star, half addresses, and the addresses of pages. The last label of a name is no number.
func hostName(name string) bool {
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool {
			return r != '-' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
		}) {
			return false
		}
	}
	return len(name) <= 253 && strings.ContainsFunc(labels[len(labels)-1], func(r rune) bool { return !unicode.IsDigit(r) })
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
