package console_test

import (
	_ "embed"

	"github.com/chromedp/chromedp"
)

// axe-core is Deque's, under the MPL 2.0 (testdata/axe/LICENSE); only tests use it.
//
//go:embed testdata/axe/axe-4.14.1.min.js
var axeCore string

// judged is what axe-core says of the page: what is serious or critical, with the elements.
const judged = `axe.run(document, {resultTypes: ['violations'], iframes: false}).then(r => r.violations
	.filter(v => v.impact === 'serious' || v.impact === 'critical')
	.map(v => 'axe: ' + v.impact + ' ' + v.id + ': ' + v.help + ': ' + v.nodes.slice(0, 3).map(n => n.html.slice(0, 200)).join(' | ')))`

// axe has axe-core look at the page as it is shown now.
func (b *browser) axe() []string {
	b.Helper()
	if !ask[bool](b, `typeof axe !== 'undefined'`) {
		b.Do(chromedp.Evaluate[chromedp.Void](axeCore))
	}
	list, err := chromedp.Run(b.Ctx, chromedp.Evaluate[[]string](judged, chromedp.EvalAwaitPromise))
	if err != nil {
		b.Fatal(err)
	}
	return list
}
