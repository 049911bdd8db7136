package console_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// In a browser, without a mouse: the page of what goes on is held still, and stopped.
func TestStopByTheKeyboard(t *testing.T) {
	d := newDesk(t)
	for k := range 3 {
		d.invoice(fmt.Sprintf("F-%d", k), "invalid", "reason_code = 'CH-IBAN'")
	}
	v := d.acting()
	b := newBrowser(t, d)
	if b == nil {
		return
	}
	page, _ := v.choose(url.Values{"all": {"dismiss"}})
	at, _, _ := v.confirm(page, "per_minute", "1")
	b.speak("en")
	b.walk("en", at)
	b.scripts(false)
	const waits = `document.querySelector('meta[http-equiv=refresh]')?.content`
	b.Do(look(1280, 900, "light"), chromedp.Navigate(b.base+at))
	if seconds := ask[string](b, waits); seconds != "10" {
		b.Errorf("it reloads after %s s", seconds)
	}
	b.Do(chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible(chromedp.CSS(`a[autofocus]:not([href*="still"])`)))
	if seconds := ask[bool](b, waits+` === undefined`); !seconds {
		b.Error("it is not held still")
	}
	b.Do(chromedp.KeyEvent(kb.Tab))
	if focus := ask[string](b, `document.activeElement.textContent`); focus != "Stop" {
		b.Errorf("the next stop is %q", focus)
	}
	b.Do(chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible(chromedp.CSS(`main a[href^="/acts?"]`)))
	if page := v.ended(at); !strings.Contains(page, "It was stopped.") {
		b.Errorf("stopped:\n%s", page)
	}
	for _, c := range b.Complaints() {
		b.Error(c)
	}
}

// In a browser: some are ticked, by the keyboard, confirmed and done; then all of a query, in French.
func TestActsOnSeveralInABrowser(t *testing.T) {
	d := newDesk(t)
	for k := range 4 {
		d.invoice(fmt.Sprintf("F-%d", k), "invalid", "reason_code = 'CH-IBAN'")
	}
	d.invoice("F-4", "in_doubt", `reason_code = 'AMBIGUOUS', in_doubt_since = clock_timestamp()`)
	d.acting()
	b := newBrowser(t, d)
	if b == nil {
		return
	}
	b.speak("en")
	b.walk("en", "/invoices?q=number:F-*")
	b.Do(look(1280, 900, "light"), chromedp.Focus(chromedp.CSS(`.tick input[value="2"]`)), chromedp.KeyEvent(" "), chromedp.Click(chromedp.CSS(`.tick input[value="3"]`)))
	if label := ask[string](b, `document.querySelector('.tick input[value="2"]').labels[0].textContent`); label != "Tick F-1" {
		b.Errorf("the label of a box is %q", label)
	}
	if n := ask[int](b, `document.querySelectorAll('.tick input:checked').length`); n != 2 {
		b.Errorf("%d are ticked", n)
	}
	b.Do(chromedp.Focus(chromedp.CSS(`button[name="chosen"][value="dismiss"]`)), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible(chromedp.CSS(`textarea[name="reason"]`)))
	b.confirmed("en", "Take off the list: 2 invoices", "2 of 2 done")
	want := []string{"F-1 because /console", "F-2 because /console"}
	if got := d.told("DISMISSED"); !slices.Equal(got, want) {
		b.Errorf("done: %v", got)
	}

	b.speak("fr")
	b.walk("fr", "/invoices?q=number:F-*")
	b.Do(look(1280, 900, "light"), chromedp.Click(chromedp.CSS(`button[name="all"][value="dismiss"]`)), chromedp.WaitVisible(chromedp.CSS(`textarea[name="reason"]`)))
	b.confirmed("fr", "Retirer de la liste : 2 factures", "2 sur 2 faites")
	if got := d.told("DISMISSED"); len(got) != 4 {
		b.Errorf("done: %v", got)
	}
	b.walk("fr", "/acts?act=dismiss&q=number:F-*")
}

// confirmed looks at the confirmation, fills it in, and waits for the end of what it begins.
func (b *browser) confirmed(lang, title, end string) {
	b.Helper()
	if h1 := ask[string](b, `document.querySelector('h1').textContent`); h1 != title {
		b.Errorf("the confirmation is of %q", h1)
	}
	for _, w := range slices.Concat(b.Complaints(), ask[[]string](b, examine)) {
		b.Errorf("the confirmation (%s): %s", lang, w)
	}
	ask[string](b, `document.querySelector('[name=per_minute]').value = '60'`) // so that the first page of the progress is not its last
	b.Do(chromedp.SendKeys(chromedp.CSS(`textarea[name="reason"]`), "because"), chromedp.Click(chromedp.CSS(`form[action="/acts/start"] button`)),
		chromedp.WaitVisible(chromedp.CSS(`main a[href^="/acts?"]`))) // it is reached by the page alone
	if said := ask[string](b, `document.querySelector('main [role=status]').textContent`); said != end {
		b.Errorf("the end: %q", said)
	}
	for _, w := range slices.Concat(b.Complaints(), ask[[]string](b, examine)) {
		b.Errorf("the result (%s): %s", lang, w)
	}
}
