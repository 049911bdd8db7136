package invoice_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/invoice/invoicetest"
)

// A file that was changed by appending: what the last change took away is not read, whoever still points to it.
func TestReadChangedPDF(t *testing.T) {
	t.Parallel()
	bare := strings.NewReplacer("/EmbeddedFiles", "/EmbeddedFilez", "/AF ", "/Af ").Replace(string(mustFacturX(t, invoicetest.Invoice{})))
	var b bytes.Buffer
	b.WriteString(bare)
	place := map[int]int{}
	object := func(n int, body string) {
		place[n] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", n, body)
	}
	// factur-x.xml in UTF-16, with the language that it is written in.
	name := "\xfe\xff\x00\x1b\x00f\x00r\x00F\x00R\x00\x1b"
	for _, c := range "factur-x.xml" {
		name += "\x00" + string(c)
	}
	file := func(n int, numero string) {
		x := invoicetest.Invoice{Numero: numero}.CII()
		object(n, fmt.Sprintf("<< /F (f) /UF <%X> /EF << /F %d 0 R >> >>", name, n+1))
		object(n+1, fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(x), x))
	}
	change := func(previous string, freed ...int) (at string) {
		at = fmt.Sprint(b.Len())
		b.WriteString("xref\n0 1\n0000000000 65535 f \n")
		for _, n := range freed {
			fmt.Fprintf(&b, "%d 1\n0000000000 00001 f \n", n)
		}
		for n, at := range place {
			fmt.Fprintf(&b, "%d 1\n%010d 00000 n \n", n, at)
		}
		clear(place)
		fmt.Fprintf(&b, "trailer\n<< /Size 99 /Root 90 0 R /Prev %s >>\nstartxref\n%s\n%%%%EOF\n", previous, at)
		return at
	}
	object(90, "<< /Type /Catalog /Names << /EmbeddedFiles << /Names [(a) 91 0 R (b) 93 0 R] >> >> >>")
	file(91, "OLD")
	first := change(strings.Fields(bare[strings.LastIndex(bare, "startxref"):])[1])
	if d := mustRead(t, b.Bytes()); d.Numero != "OLD" || d.Syntaxe != invoice.SyntaxeFacturX {
		t.Errorf("before the change: %s, a %s", d.Numero, d.Syntaxe)
	}
	file(93, "NEW")
	change(first, 91, 92)
	if d := mustRead(t, b.Bytes()); d.Numero != "NEW" {
		t.Errorf("after the change: %s", d.Numero)
	}
}
