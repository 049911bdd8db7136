package webhook_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/choriste/choriste/egress"
	"github.com/choriste/choriste/internal/lab/httpproxy"
	"github.com/choriste/choriste/webhook"
)

// TestByWayOfAProxy: an event goes through a tunnel, and where none is made, that is said.
func TestByWayOfAProxy(t *testing.T) {
	authority := httpproxy.NewAuthority(t)
	var got string
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got = string(b)
	}))
	defer receiver.Close()
	p := httpproxy.New(t)
	url := strings.Replace(p.Host("receiver.test", receiver.URL), "http://", "https://", 1)
	p.Do(httpproxy.Intercept(authority.Pair(t, "receiver.test"), nil)) // the receiver's TLS, in the proxy: it is not what is tried here
	way := egress.Way{Proxy: p.URL(), Roots: authority.PEM}
	s, err := webhook.New(url, []string{newSecret}, false, way)
	if err != nil {
		t.Fatal(err)
	}
	if r := send(t, s, "{}"); r.Code != "" || r.Status != 200 || got != "{}" {
		t.Errorf("%+v, %q", r, got)
	}
	for _, request := range p.Requests() {
		if request.Method != http.MethodConnect {
			t.Errorf("the proxy was shown %s %s", request.Method, request.URL)
		}
	}
	for name, b := range map[string]httpproxy.Behaviour{"407": httpproxy.Challenge("Basic"), "502": httpproxy.Answer(502), "closed": httpproxy.HangUp} {
		p.Do(b)
		if r := send(t, s, "{}"); r.Code != webhook.CodeProxy || r.Status != 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if _, err := webhook.New("https://10.1.2.3/", []string{newSecret}, false, way); err == nil {
		t.Error("a private address in digits goes through")
	}
	if _, err := webhook.New("http://receiver.test/", []string{newSecret}, true, way); err == nil {
		t.Error("plain http goes through the proxy")
	}
	if _, err := webhook.New(receiver.URL, []string{newSecret}, true, way); err != nil {
		t.Errorf("this machine: %v", err)
	}
}
