package chromium

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestComplaints: a page that does everything that it should not, is complained of for each.
func TestComplaints(t *testing.T) {
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			w.Header().Set("Content-Security-Policy", "style-src 'none'")
			_, _ = w.Write([]byte(`<!doctype html><link rel=icon href=data:,><body style="color: red"><script>console.log('hello'); setTimeout(() => nothing());</script>`))
		default:
			http.Error(w, "no", http.StatusNotFound)
		}
	}))
	defer page.Close()
	b := Open(t, page.URL)
	if b == nil {
		return
	}
	b.Do(chromedp.Navigate(page.URL + "/"))
	const fetched = `Promise.allSettled([fetch('/missing'), fetch('http://127.0.0.1:1/')]).then(() => true)`
	if _, err := chromedp.Run(b.Ctx, chromedp.Evaluate[bool](fetched, chromedp.EvalAwaitPromise)); err != nil {
		t.Fatal(err)
	}
	heard := b.Complaints()
	for _, want := range []string{"the console says log", "an exception: Uncaught", "security: ", "Not Found for ", "a request failed: net::ERR_", "a request to http://127.0.0.1:1/"} {
		if !slices.ContainsFunc(heard, func(c string) bool { return strings.Contains(c, want) }) {
			t.Errorf("nothing was heard of %q: %q", want, heard)
		}
	}
	b.Do(chromedp.Navigate("data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>"))
	if again := b.Complaints(); len(again) != 0 {
		t.Errorf("complained of twice, or of nothing: %q", again)
	}
}
