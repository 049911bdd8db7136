package console

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// CheckHost refuses requests that ask for another host than this one. A page of somebody else's can have its own name resolve to this machine, and then read
// what is served here as if it were its own (DNS rebinding): the browser sends that name as Host. So a request must ask by address, for localhost, or by one
// of names. Probes ask by address, as the kubelet does by itself, or, as HTTP/1.0 has it,
// without a host, which no browser does.
func CheckHost(names []string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := hostOnly(r.Host)
		_, err := netip.ParseAddr(name)
		if err != nil && r.Host != "" && name != "localhost" && !strings.HasSuffix(name, ".localhost") && !slices.Contains(names, name) {
			w.Header().Set("Cache-Control", "no-store")
			http.Error(w, "This host name is not served here. Ask by address, or name it in CHORISTE_HOSTS.", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hostOnly takes the port, the brackets of an address and the dot at the end of a name away.
func hostOnly(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
