package console_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/choriste/choriste/console"
)

// TestOneReadingForAllWhoWatch: however many watch a page, in both languages, the database is asked for it once a second, and whoever loads it gets what is there now.
func TestOneReadingForAllWhoWatch(t *testing.T) {
	d := newDesk(t)
	d.everyday()
	v := &visitor{desk: d}
	for _, path := range []string{"/", "/invoices?q=number:F-*", "/invoices/3"} {
		watch := func(lang string) *string {
			rec := v.send(http.MethodGet, path, nil, "HX-Request", "true", "Accept-Language", lang)
			body := rec.Body.String()
			if rec.Code != http.StatusOK || !strings.Contains(body, "F-3") {
				t.Errorf("%s: %d %s", path, rec.Code, body)
			}
			return &body
		}
		asked := func() int64 { return d.store.Pool().Stat().AcquireCount() }
		before := asked()
		watch("en")
		once := asked() - before
		time.Sleep(1100 * time.Millisecond)
		before, began := asked(), time.Now()
		var all sync.WaitGroup
		var seen atomic.Int64
		for k := range 30 {
			all.Go(func() {
				for time.Since(began) < 2500*time.Millisecond {
					watch([]string{"en", "fr"}[k%2])
					seen.Add(1)
					time.Sleep(50 * time.Millisecond)
				}
			})
		}
		all.Wait()
		most := (int64(time.Since(began)/time.Second) + 1) * once
		if n := asked() - before; once == 0 || n > most || n < once {
			t.Errorf("%s: %d looks of 30 people took %d questions, one reading takes %d: at most %d", path, seen.Load(), n, once, most)
		}
	}
	d.sql(`UPDATE chorus.invoices SET numero_facture = 'F-NEW' WHERE id = 3`)
	d.see("en", "/invoices/3", "F-NEW")
}

// A page that is left open keeps no session alive.
func TestWatchingKeepsNoSessionAlive(t *testing.T) {
	if console.SessionOutlastsWatching(console.User{Name: "claire"}) {
		t.Error("a session lives by being watched with")
	}
}

// waitFor waits until an expression is true in the page.
func (b *browser) waitFor(what, expression string) {
	b.Helper()
	for until := time.Now().Add(20 * time.Second); !ask[bool](b, expression); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(until) {
			b.Fatalf("in vain: %s: %s", what, ask[string](b, `document.body.innerText.slice(0, 2000)`))
		}
	}
}

// TestKeptCurrent: what changes is replaced in place; the keyboard's place, an open act and a reason that is half written stay; nothing is asked for while nobody looks; the end of the session
// is said, and ends it.
func TestKeptCurrent(t *testing.T) {
	d := newDesk(t)
	d.everyday()
	d.acting(console.User{Name: "claire", Role: console.Operator, Hash: hash(t, "a long password")})
	var looks atomic.Int64
	pages := d.Handler
	d.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("HX-Request") != "" {
			looks.Add(1)
		}
		pages.ServeHTTP(w, r)
	})
	b := newBrowser(t, d)
	if b == nil {
		return
	}
	b.speak("en")
	b.Do(look(1280, 900, "light"), chromedp.Navigate(b.base+"/signin"), chromedp.SendKeys(chromedp.CSS(`[name=name]`), "claire"),
		chromedp.SendKeys(chromedp.CSS(`[name=password]`), "a long password"), chromedp.Click(chromedp.CSS(`main button`)), chromedp.WaitVisible(chromedp.CSS(`#states`)))

	// The overview.
	ask[bool](b, `window.same = true`)
	b.Do(chromedp.Focus(chromedp.CSS(`tr[id="t-parked-3"] a`)))
	id := d.invoice("F-77", "parked", `reason_code = 'SEVERAL'`)
	b.waitFor("a new line", fmt.Sprintf(`document.getElementById('t-parked-%d') !== null`, id))
	if !ask[bool](b, `window.same === true && document.activeElement.closest('tr')?.id === 't-parked-3'`) {
		t.Errorf("the page was loaded anew, or the keyboard has lost its place: %s", ask[string](b, `document.activeElement.outerHTML.slice(0, 200)`))
	}

	// One invoice, while somebody writes why.
	b.Do(chromedp.Navigate(b.base+"/invoices/3"), chromedp.Click(chromedp.CSS(`#doing details summary`)), chromedp.SendKeys(chromedp.CSS(`#doing details[open] textarea`), "half a rea"))
	d.sql(`UPDATE chorus.invoices SET reason = 'what changed', updated_at = clock_timestamp() WHERE id = 3`)
	b.waitFor("the change", `document.querySelector('.lead').textContent.includes('what changed')`)
	if !ask[bool](b, `document.activeElement.value === 'half a rea' && document.querySelector('#doing details').open && !document.getElementById('stale').hidden`) {
		t.Errorf("what was being written, or the word that it comes too late, is gone: %s", ask[string](b, `document.getElementById('doing').innerText`))
	}
	ask[bool](b, `document.activeElement.value = '', document.activeElement.blur(), document.querySelector('#doing details').open = false, true`)
	b.waitFor("the acts follow, when nobody writes", `document.getElementById('stale').hidden && document.getElementById('doing').dataset.at === document.getElementById('stale').dataset.at`)

	// The list, with one ticked.
	b.Do(chromedp.Navigate(b.base+"/invoices?q=state:rejected,invalid"), chromedp.Click(chromedp.CSS(`.tick input[value="4"]`)))
	d.sql(`UPDATE chorus.invoices SET statut_courant = 'REJETEE', updated_at = clock_timestamp() WHERE id = 4`)
	n := looks.Load()
	b.waitFor("another look", `document.getElementById('list').hasAttribute('data-held')`)
	if !ask[bool](b, `document.querySelector('.tick input[value="4"]').checked`) {
		t.Error("what was ticked is not")
	}
	b.Do(chromedp.Click(chromedp.CSS(`.tick input[value="4"]`)))
	ask[bool](b, `document.activeElement.blur(), true`)
	b.waitFor("the row", `document.getElementById('i4').textContent.includes('REJETEE')`)
	if looks.Load() == n {
		t.Error("nothing was asked for")
	}

	// Hidden, it asks nothing; held still, neither.
	hide := func(hidden bool) {
		ask[bool](b, fmt.Sprintf(`Object.defineProperty(document, 'hidden', {value: %t, configurable: true}), document.dispatchEvent(new Event('visibilitychange'))`, hidden))
	}
	hide(true)
	time.Sleep(time.Second) // what was under way
	n = looks.Load()
	time.Sleep(5 * time.Second)
	if more := looks.Load() - n; more != 0 {
		t.Errorf("a hidden page asked %d times", more)
	}
	b.Do(chromedp.Click(chromedp.CSS(`#pause`)))
	hide(false)
	time.Sleep(3 * time.Second)
	if more := looks.Load() - n; more != 0 {
		t.Errorf("a page that is held still asked %d times", more)
	}
	b.Do(chromedp.Click(chromedp.CSS(`#pause`)))
	b.waitFor("it goes on", `!document.getElementById('list').hasAttribute('data-held')`)
	for _, c := range b.Complaints() {
		t.Error(c)
	}

	// The session ends.
	d.users.Store(&[]console.User{})
	b.waitFor("the end of the session", `!document.getElementById('over').hidden && document.querySelector('#over a').getAttribute('href').startsWith('/signin?to=')`)
	n = looks.Load()
	time.Sleep(5 * time.Second)
	if more := looks.Load() - n; more != 0 || !ask[bool](b, `document.getElementById('i4') !== null`) {
		t.Errorf("asked %d times after the end", more)
	}
}
