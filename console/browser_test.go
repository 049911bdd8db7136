package console_test

import (
	"context"
	"flag"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

var screenshots = flag.Bool("screenshots", false, "write docs/screenshots anew")

// browser is a real Chromium with one tab, and what it complained of.
type browser struct {
	testing.TB
	ctx  context.Context
	base string

	mu    sync.Mutex
	wrong []string
}

// chromium is where the browser is, or "": .ci/run installs it, and says by CHORISTE_TEST_BROWSER=required that it must be there.
func chromium(t testing.TB) string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CHORISTE_TEST_BROWSER") == "required" {
		t.Fatal("Chromium is not installed")
	}
	t.Log("Chromium is not installed: the pages are not looked at in a browser")
	return ""
}

func newBrowser(t testing.TB, d *desk) *browser {
	path := chromium(t)
	if path == "" {
		return nil
	}
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.WSURLReadTimeout(time.Minute), chromedp.Flag("disable-dev-shm-usage", true))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 8*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	b := &browser{TB: t, base: server.URL}
	b.ctx, cancel = chromedp.NewContext(ctx, chromedp.WithListener(b.heard))
	t.Cleanup(func() {
		_ = chromedp.Cancel(b.ctx) // waits for the browser's end
		cancel()
	})
	b.do(command(log.Enable, cdp.Empty{}), command(network.Enable, network.EnableParams{}), command(runtime.Enable, cdp.Empty{}))
	return b
}

// command is an action that sends a command of the browser's protocol.
func command[P, R any](c cdp.Command[P, R], p P) step {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, p)
		return err
	})
}

type step = chromedp.Action[chromedp.Void]

// heard collects everything that should not happen: errors and warnings, policies that are violated, dialogs, failed and foreign requests.
func (b *browser) heard(event any) {
	said := ""
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		said = "the console says " + string(e.Type)
	case *runtime.EventExceptionThrown:
		said = "an exception: " + e.ExceptionDetails.Text
	case *log.EventEntryAdded:
		said = string(e.Entry.Source) + ": " + e.Entry.Text
	case *page.EventJavascriptDialogOpening:
		said = "a dialog: " + e.Message
	case *network.EventLoadingFailed:
		if !e.Canceled {
			said = "a request failed: " + e.ErrorText
		}
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, b.base+"/") && !strings.HasPrefix(e.Request.URL, "data:image/svg+xml") { // the browser's own symbol of a field of a date
			said = "a request to " + e.Request.URL
		}
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 {
			said = e.Response.StatusText + " for " + e.Response.URL
		}
	}
	if said != "" {
		b.mu.Lock()
		b.wrong = append(b.wrong, said)
		b.mu.Unlock()
	}
}

func (b *browser) do(steps ...step) {
	b.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.Fatal(err)
	}
}

// ask returns what an expression is in the page.
func ask[T any](b *browser, expression string) T {
	b.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.Fatal(err)
	}
	return v
}

// complaints returns what was heard since the last time.
func (b *browser) complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.wrong
	b.wrong = nil
	return list
}

// speak has the browser ask for a language.
func (b *browser) speak(lang string) {
	b.Helper()
	b.do(command(network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": lang}}))
}

// scripts has pages run theirs, or none.
func (b *browser) scripts(run bool) {
	b.Helper()
	b.do(command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !run}))
}

// look changes the window and the colours.
func look(width, height int64, scheme string) step {
	return chromedp.Steps(
		command(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 600}),
		command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}),
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

// TestInABrowser walks every page in both languages: nothing is complained of, what others wrote does nothing, and it can be read on a telephone and in the dark.
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
	for _, lang := range []string{"fr", "en"} {
		b.speak(lang)
		for _, path := range append(pages, "/invoices/7") {
			b.walk(lang, path)
		}
	}
	t.Logf("walked in %s", time.Since(began).Round(time.Millisecond))
	b.keyboard()
}

// walk looks at one page: wide and light, then narrow and dark.
func (b *browser) walk(lang, path string) {
	b.Helper()
	b.do(look(1280, 900, "light"), chromedp.Navigate(b.base+path))
	if shown := ask[string](b, `document.documentElement.lang`); shown != lang {
		b.Errorf("%s is in %q, not %s", path, shown, lang)
	}
	wide := append(ask[[]string](b, `for (const e of document.querySelectorAll('details')) e.open = true;`+examine), b.axe()...)
	b.do(look(360, 740, "dark"))
	for _, w := range slices.Concat(b.complaints(), wide, ask[[]string](b, examine), b.axe()) {
		b.Errorf("%s (%s): %s", path, lang, w)
	}
}

// keyboard goes where people go: to the content, into the search, and to the other language.
func (b *browser) keyboard() {
	b.Helper()
	b.do(look(1280, 900, "light"), chromedp.Navigate(b.base+"/"), chromedp.KeyEvent(kb.Tab))
	if focus := ask[string](b, `document.activeElement.className`); focus != "skip" {
		b.Errorf("the first stop is %q, not the way to the content", focus)
	}
	b.do(chromedp.KeyEvent(kb.Enter))
	if focus := ask[string](b, `document.activeElement.id`); focus != "main" {
		b.Errorf("the way to the content leads to %q", focus)
	}
	b.do(chromedp.SendKeys(chromedp.CSS("#find"), "F-4"+kb.Enter), chromedp.WaitVisible(chromedp.CSS(".timeline")))
	if at := ask[string](b, `location.pathname`); at != "/invoices/4" {
		b.Errorf("the search leads to %s", at)
	}
	b.do(chromedp.Click(chromedp.CSS(".lang")), chromedp.WaitVisible(chromedp.CSS(`html[lang="fr"]`)), chromedp.Navigate(b.base+"/accounts"))
	if lang := ask[string](b, `document.documentElement.lang`); lang != "fr" {
		b.Errorf("the choice of a language does not stay: %s", lang)
	}
	for _, c := range b.complaints() {
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
		b.do(look(s.width, s.height, s.scheme), chromedp.Navigate(b.base+s.path))
		b.picture(s.name)
	}
}

// picture makes one of what the window shows.
func (b *browser) picture(name string) {
	b.Helper()
	picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
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
