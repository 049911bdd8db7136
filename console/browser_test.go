package console_test

import (
	"flag"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/choriste/choriste/internal/lab/chromium"
)

var screenshots = flag.Bool("screenshots", false, "write docs/screenshots anew")

// browser is a real Chromium with one tab.
type browser struct {
	testing.TB
	*chromium.Browser
	base string
}

func newBrowser(t testing.TB, d *desk) *browser {
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	b := chromium.Open(t, server.URL)
	if b == nil {
		return nil
	}
	return &browser{t, b, server.URL}
}

// ask returns what an expression is in the page.
func ask[T any](b *browser, expression string) T {
	b.Helper()
	return chromium.Ask[T](b.Browser, expression)
}

// speak has the browser ask for a language.
func (b *browser) speak(lang string) {
	b.Helper()
	b.Do(chromium.Command("Network.setExtraHTTPHeaders", map[string]any{"headers": map[string]string{"Accept-Language": lang}}))
}

// scripts has pages run theirs, or none.
func (b *browser) scripts(run bool) {
	b.Helper()
	b.Do(chromium.Command("Emulation.setScriptExecutionDisabled", map[string]any{"value": !run}))
}

// look changes the window and the colours.
func look(width, height int64, scheme string) chromium.Step {
	return chromedp.Steps(
		chromium.Command("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}),
		chromium.Command("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}),
	)
}

// examine is run in a page. It returns what is wrong with it: too wide, too pale, without a label, a name that is given twice.
const examine = `(() => {
	const wrong = [];
	const root = document.documentElement;
	if (root.scrollWidth > root.clientWidth) wrong.push('scrolls sideways: ' + root.scrollWidth + ' > ' + root.clientWidth);
	if (!document.title || document.title === 'owned') wrong.push('title ' + document.title);
	if (document.querySelectorAll('h1').length !== 1) wrong.push('not one h1');
	const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
	for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) wrong.push('id twice: ' + id);
	for (const e of document.querySelectorAll('input:not([type=hidden]), select, textarea')) if (!e.labels.length) wrong.push('no label: ' + e.name);
	for (const e of document.querySelectorAll('a, button')) if (!e.textContent.trim()) wrong.push('no text: ' + e.outerHTML.slice(0, 80));
	for (const e of document.querySelectorAll('a[href]')) if (new URL(e.href).origin !== location.origin) wrong.push('leads away: ' + e.href);
	const canvas = Object.assign(document.createElement('canvas'), {width: 1, height: 1}).getContext('2d', {willReadFrequently: true});
	const paint = (over, under) => {
		canvas.fillStyle = under; canvas.fillRect(0, 0, 1, 1); canvas.fillStyle = over; canvas.fillRect(0, 0, 1, 1);
		const [r, g, b] = canvas.getImageData(0, 0, 1, 1).data;
		return 'rgb(' + r + ',' + g + ',' + b + ')';
	};
	const back = e => e ? paint(getComputedStyle(e).backgroundColor, back(e.parentElement)) : 'white';
	const light = c => {
		const [r, g, b] = c.match(/[0-9]+/g).map(n => n / 255).map(n => n <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const seen = new Set();
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walk.nextNode()) {
		const e = walk.currentNode.parentElement;
		if (!walk.currentNode.data.trim() || !e.checkVisibility()) continue;
		const style = getComputedStyle(e), key = [e.tagName, e.className, e.parentElement.className, style.color].join();
		if (seen.has(key)) continue;
		seen.add(key);
		const under = back(e), a = light(paint(style.color, under)), b = light(under);
		const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (contrast < 4.5) wrong.push('contrast ' + contrast.toFixed(2) + ': ' + walk.currentNode.data.trim().slice(0, 40));
	}
	return wrong;
})()`

// everyPageInBothLanguages is set by the build tag long: to look at a page takes a second. Else the first is looked at in both, and of the others every second in one of them.
var everyPageInBothLanguages bool

// TestInABrowser walks every page: nothing is complained of, what others wrote does nothing, and it can be read on a telephone and in the dark.
func TestInABrowser(t *testing.T) {
	d := newDesk(t)
	d.everyday()
	b := newBrowser(t, d)
	if b == nil {
		return
	}
	d.traffic()
	if *screenshots {
		b.shoot()
	}
	d.hostility()
	began := time.Now()
	for l, lang := range []string{"fr", "en"} {
		b.speak(lang)
		for k, path := range append(slices.Clone(pages), "/invoices/7") {
			if k == 0 || k%2 == l || everyPageInBothLanguages {
				b.walk(lang, path)
			}
		}
	}
	t.Logf("walked in %s", time.Since(began).Round(time.Millisecond))
	b.keyboard()
}

// walk looks at one page: wide and light, then narrow and dark.
func (b *browser) walk(lang, path string) {
	b.Helper()
	b.Do(look(1280, 900, "light"), chromedp.Navigate(b.base+path))
	if shown := ask[string](b, `document.documentElement.lang`); shown != lang {
		b.Errorf("%s is in %q, not %s", path, shown, lang)
	}
	wide := append(ask[[]string](b, `for (const e of document.querySelectorAll('details')) e.open = true;`+examine), b.axe()...)
	b.Do(look(360, 740, "dark"))
	for _, w := range slices.Concat(b.Complaints(), wide, ask[[]string](b, examine), b.axe()) {
		b.Errorf("%s (%s): %s", path, lang, w)
	}
}

// keyboard goes where people go: to the content, into the search, and to the other language.
func (b *browser) keyboard() {
	b.Helper()
	b.Do(look(1280, 900, "light"), chromedp.Navigate(b.base+"/"), chromedp.KeyEvent(kb.Tab))
	if focus := ask[string](b, `document.activeElement.className`); focus != "skip" {
		b.Errorf("the first stop is %q, not the way to the content", focus)
	}
	b.Do(chromedp.KeyEvent(kb.Enter))
	if focus := ask[string](b, `document.activeElement.id`); focus != "main" {
		b.Errorf("the way to the content leads to %q", focus)
	}
	b.Do(chromedp.SendKeys(chromedp.CSS("#find"), "F-4"+kb.Enter), chromedp.WaitVisible(chromedp.CSS(".timeline")))
	if at := ask[string](b, `location.pathname`); at != "/invoices/4" {
		b.Errorf("the search leads to %s", at)
	}
	b.Do(chromedp.Click(chromedp.CSS(".lang")), chromedp.WaitVisible(chromedp.CSS(`html[lang="fr"]`)), chromedp.Navigate(b.base+"/accounts"))
	if lang := ask[string](b, `document.documentElement.lang`); lang != "fr" {
		b.Errorf("the choice of a language does not stay: %s", lang)
	}
	for _, c := range b.Complaints() {
		b.Error(c)
	}
}

// shoot makes the pictures of docs/console.md.
func (b *browser) shoot() {
	b.Helper()
	for _, s := range []struct {
		name, lang, path, scheme string
		width, height            int64
	}{
		{"overview", "en", "/", "light", 1280, 900},
		{"overview-fr-telephone", "fr", "/", "dark", 390, 844},
		{"invoices", "en", "/invoices?q=is:unpaid&sort=-amount", "light", 1280, 700},
		{"invoice-fr", "fr", "/invoices/3", "light", 1280, 1200},
		{"charts-fr", "fr", "/#states", "dark", 1280, 900},
		{"money", "en", "/money", "light", 1280, 1500},
		{"differences", "en", "/findings", "dark", 1280, 600},
	} {
		b.speak(s.lang)
		b.Do(look(s.width, s.height, s.scheme), chromedp.Navigate(b.base+s.path))
		b.picture(s.name)
	}
}

// picture makes one of what the window shows.
func (b *browser) picture(name string) {
	b.Helper()
	picture, err := chromedp.Run(b.Ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.Fatal(err)
	}
	dir := filepath.Join("..", "docs", "screenshots")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644); err != nil {
		b.Fatal(err)
	}
}
