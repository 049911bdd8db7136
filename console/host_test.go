package console_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/choriste/choriste/console"
)

func TestOnlyKnownHostsAreServed(t *testing.T) {
	h := console.CheckHost([]string{"choriste.example.net"}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for host, good := range map[string]bool{
		"127.0.0.1": true, "127.0.0.1:8080": true, "10.1.2.3:8080": true, "[::1]:8080": true, "[::1]": true, "[fe80::1%25eth0]:80": true, "localhost": true, "LOCALHOST:1": true,
		"choriste.example.net": true, "Choriste.example.net.:8080": true, "a.localhost": true, "": true,
		"evil.example": false, "evil.example:8080": false, "127.0.0.1.evil.example": false, "localhost.evil.example": false, "evil.choriste.example.net": false,
		"[::1].evil.example": false, "notlocalhost": false, "127.0.0.1@evil.example": false, "127.1": false, "2130706433": false,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
		r.Host = host
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		if (rec.Code == http.StatusOK) != good {
			t.Errorf("%q: %d", host, rec.Code)
		}
		if !good && (rec.Code != http.StatusMisdirectedRequest || !strings.Contains(rec.Body.String(), "CHORISTE_HOSTS")) {
			t.Errorf("%q: %d %s", host, rec.Code, rec.Body)
		}
	}
}
