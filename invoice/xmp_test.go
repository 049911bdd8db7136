package invoice

import "testing"

// TestXMP: a property is that of its namespace, whatever its prefix, as an element or an attribute.
func TestXMP(t *testing.T) {
	t.Parallel()
	const a, ua = ` xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"`, ` xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/"`
	for x, want := range map[string]string{
		`<r` + a + ua + `><pdfuaid:part>1</pdfuaid:part><pdfaid:part>3</pdfaid:part></r>`: "3",
		`<r` + ua + `><pdfuaid:part>3</pdfuaid:part></r>`:                                 "",
		`<r` + a + ua + `><pdfuaid:part>3</pdfuaid:part></r>`:                             "",
		`<r xmlns:a = 'http://www.aiim.org/pdfa/ns/id/' a:part = "3"/>`:                   "3",
		`<r xmlns:part="http://www.aiim.org/pdfa/ns/id/"><part:part> 2 </part:part></r>`:  "2",
		`<r><pdfaid:part>3</pdfaid:part></r>`:                                             "3",
		`<r` + a + `><xpdfaid:part>3</xpdfaid:part></r>`:                                  "",
		`<r` + a + ` xmlns:b="http://www.aiim.org/pdfa/ns/id/"><b:part>3</b:part></r>`:    "3",
	} {
		if got := property([]byte(x), pdfaSpace, "pdfaid", "part", partForm); got != want {
			t.Errorf("%s: %q, want %q", x, got, want)
		}
	}
}
