package console_test

import (
	"html"
	"regexp"
	"strings"
	"testing"
)

// TestCauses: invoices that need somebody are counted and summed by state and reason, and each line leads to the list of just these.
func TestCauses(t *testing.T) {
	d := newDesk(t)
	d.see("en", "/causes", "No invoice needs a person.")
	d.everyday()
	d.invoice("F-SAME", "invalid", `reason_code = 'CH-IBAN', reason = 'BT-84 is wrong'`)
	d.see("fr", "/causes", "CH-IBAN", "2\u202f469\u202f135,00\u00a0EUR")
	page := d.see("en", "/causes", `<td class="n">2</td><td class="n">2,469,135.00`+"\u00a0EUR", "FLUX_REJECTED", "MISMATCH", "AMBIGUOUS")
	link := regexp.MustCompile(`href="([^"]+)">CH-IBAN`).FindStringSubmatch(page)
	if link == nil {
		t.Fatal(page)
	}
	list := d.see("en", html.UnescapeString(link[1]), "F-6", "F-SAME")
	if n := strings.Count(list, `<tr id="i`); n != 2 {
		t.Errorf("the list has %d", n)
	}
}
