// Package chromium starts a real Chromium for a test, and hears what it complains of. Commands and events of the browser's protocol are named as
// https://chromedevtools.github.io/devtools-protocol has them: a test needs a handful of them, for which it does not pay to depend on a module with the types of all.
package chromium

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// Step is what a browser is told to do.
type Step = chromedp.Action[chromedp.Void]

// Browser is a Chromium with one tab.
type Browser struct {
	Ctx context.Context // of the tab, for chromedp

	t     testing.TB
	base  string
	mu    sync.Mutex
	wrong []string
}

// Open starts a browser that ends with the test, and complains of each request that does not go to base. nil: Chromium is not installed; .ci/run installs it, and says by
// CHORISTE_TEST_BROWSER=required that it must be there.
func Open(t testing.TB, base string) *Browser {
	t.Helper()
	path := installed()
	if path == "" {
		if os.Getenv("CHORISTE_TEST_BROWSER") == "required" {
			t.Fatal("Chromium is not installed")
		}
		t.Log("Chromium is not installed: nothing is looked at in a browser")
		return nil
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.WSURLReadTimeout(2*time.Minute), chromedp.Flag("disable-dev-shm-usage", true))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 8*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	b := &Browser{t: t, base: strings.TrimSuffix(base, "/") + "/"}
	b.Ctx, cancel = chromedp.NewContext(ctx, chromedp.WithListener(b.hear))
	t.Cleanup(func() {
		_ = chromedp.Cancel(b.Ctx) // waits for the browser's end
		cancel()
	})
	b.Do(Command("Log.enable", nil), Command("Network.enable", nil), Command("Runtime.enable", nil))
	return b
}

func installed() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// Command is a step that sends a command of the protocol, with its parameters.
func Command(method string, params map[string]any) Step {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error { return t.Call(ctx, method, params, nil) })
}

// Do goes through steps, or ends the test.
func (b *Browser) Do(steps ...Step) {
	b.t.Helper()
	if err := chromedp.Do(b.Ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// Ask returns what an expression is in the page.
func Ask[T any](b *Browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.Ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

// Complaints returns what was heard since the last time: what the console says, exceptions, policies that were violated, dialogs, failed and foreign requests.
func (b *Browser) Complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.wrong
	b.wrong = nil
	return list
}

// event has of each event what makes a complaint.
type event struct {
	Type             string
	Message          string
	ErrorText        string
	Canceled         bool
	ExceptionDetails struct{ Text string }
	Entry            struct{ Source, Text string }
	Request          struct{ URL string }
	Response         struct {
		Status          int
		StatusText, URL string
	}
}

func (b *Browser) hear(e any) {
	kind := strings.TrimPrefix(fmt.Sprintf("%T", e), "*")
	say, heard := complaints[kind]
	if !heard {
		return
	}
	var one event
	said := ""
	if text, err := json.Marshal(e); err != nil {
		said = kind + ": " + err.Error()
	} else if err := json.Unmarshal(text, &one); err != nil {
		said = kind + ": " + err.Error()
	} else {
		said = say(b, one)
	}
	if said != "" {
		b.mu.Lock()
		b.wrong = append(b.wrong, said)
		b.mu.Unlock()
	}
}

// complaints are the events that are heard, by the names of their types.
var complaints = map[string]func(*Browser, event) string{
	"runtime.EventConsoleAPICalled":     func(_ *Browser, e event) string { return "the console says " + e.Type },
	"runtime.EventExceptionThrown":      func(_ *Browser, e event) string { return "an exception: " + e.ExceptionDetails.Text },
	"log.EventEntryAdded":               func(_ *Browser, e event) string { return e.Entry.Source + ": " + e.Entry.Text },
	"page.EventJavascriptDialogOpening": func(_ *Browser, e event) string { return "a dialog: " + e.Message },
	"network.EventLoadingFailed": func(_ *Browser, e event) string {
		if e.Canceled {
			return ""
		}
		return "a request failed: " + e.ErrorText
	},
	"network.EventRequestWillBeSent": func(b *Browser, e event) string {
		if strings.HasPrefix(e.Request.URL, b.base) || strings.HasPrefix(e.Request.URL, "data:image/svg+xml") { // the browser's own symbol of a field of a date
			return ""
		}
		return "a request to " + e.Request.URL
	},
	"network.EventResponseReceived": func(_ *Browser, e event) string {
		if e.Response.Status < 400 {
			return ""
		}
		return e.Response.StatusText + " for " + e.Response.URL
	},
}
