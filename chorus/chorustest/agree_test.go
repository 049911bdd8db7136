package chorustest_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/invoice/rules"
)

// TestWhatCheckPassesIsTaken: the portal, which reads and judges with eyes of its own, refuses no document that the product's rules let pass, whatever one value of it becomes.
func TestWhatCheckPassesIsTaken(t *testing.T) {
	t.Parallel()
	leaf := regexp.MustCompile(`<([a-z]+:[A-Za-z]+)([^<>]*)>([^<>]*)</[a-z]+:[A-Za-z]+>`)
	names := []string{"UBL, allowance and charge", "CII, allowance and charge", "UBL, service and commitment", "CII, service and commitment", "credit note, as a whole", "UBL, category E", "CII, category E", "UBL, paid in part", "CII, rounded", "UBL, period"}
	tried := 0
	for _, b := range invoicetest.Right("R") {
		if !slices.Contains(names, b.Name) {
			continue
		}
		doc := string(b.Document)
		for _, m := range leaf.FindAllStringSubmatchIndex(doc, -1) {
			whole, name, attrs, value := doc[m[0]:m[1]], doc[m[2]:m[3]], doc[m[4]:m[5]], doc[m[6]:m[7]]
			for _, made := range []string{
				"", whole + whole, "<" + name + attrs + "/>", "<" + name + attrs + ">\n " + value + "\n</" + name + ">", "<" + name + ">" + value + "</" + name + ">",
				"<" + name + attrs + ">" + strings.Replace(value, ".", ",", 1) + "</" + name + ">", "<" + name + attrs + ">" + value + "x</" + name + ">", "<" + name + attrs + ">ZZ</" + name + ">",
				whole + "hello", "<" + name + ` schemeID="0009 " currencyID="USD" format="203">` + value + "</" + name + ">", `<x:a xmlns:x="urn:x"/>` + whole, "<" + name + attrs + "><" + name + "/></" + name + ">",
			} {
				changed := []byte(doc[:m[0]] + made + doc[m[1]:])
				tried++
				if f := chorustest.ReadDocument(changed); f.Defect != "" && rules.Judge(changed, rules.Options{}).OK() {
					t.Errorf("%s: %s instead of %s: %s", b.Name, made, whole, f.Defect)
				}
			}
		}
	}
	if tried < 1000 {
		t.Errorf("only %d documents", tried)
	}
}
