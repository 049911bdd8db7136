package console_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// A real browser goes to a provider of another site and comes back, signed in, to the page that it wanted; its cookies are Strict and Lax. Then it signs out.
func TestSigningInAtAProviderInABrowser(t *testing.T) {
	var b *browser
	l := newLobby(t, true, func(h http.Handler) string {
		d, _ := h.(*desk)
		if b = newBrowser(t, d); b == nil {
			return "http://127.0.0.1"
		}
		return b.base
	})
	if b == nil {
		return
	}
	b.speak("en")
	click := func(selector, want string) {
		t.Helper()
		b.Do(chromedp.Click(selector))
		b.Do(chromedp.WaitVisible(want))
	}
	b.Do(chromedp.Navigate(b.base + "/money"))
	click(`a[href^="/signin/openid"]`, `#yes`)
	if at := ask[string](b, `location.href`); !strings.HasPrefix(at, l.provider.Issuer+"/auth?") {
		t.Fatalf("at %s", at)
	}
	click(`#yes`, `form.out`)
	if at, who := ask[string](b, `location.pathname`), ask[string](b, `document.querySelector("form.out span").textContent`); at != "/money" || who != "claire" {
		t.Errorf("at %s as %s", at, who)
	}
	if seen := ask[string](b, `document.cookie`); seen != "" {
		t.Errorf("scripts see %s", seen)
	}
	click(`form.out button`, `a[href^="/signin/openid"]`)
	if at := ask[string](b, `location.pathname`); at != "/signin" {
		t.Errorf("after signing out: at %s", at)
	}
	for _, said := range b.Complaints() {
		if !strings.HasPrefix(said, "a request to "+l.provider.Issuer+"/auth?") {
			t.Error(said)
		}
	}
}
