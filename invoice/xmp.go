package invoice

import (
	"bytes"
	"regexp"
	"slices"
)

// PDF is what a Factur-X PDF says of itself. Nothing of it decides what the invoice is.
type PDF struct {
	Name         string // of the attached XML
	Relationship string // its AFRelationship: Data, Source, Alternative
	Invoices     int    // how many invoices are attached, by their names
	Part         string // pdfaid:part, 3 for PDF/A-3
	Level        string // fx:ConformanceLevel, as EN 16931
}

// maxXMP is the most that metadata may inflate to; what is larger is not read.
const maxXMP = 1 << 20

// The namespaces of what is read. In XMP a property is an element or an attribute, under the prefix that is declared for its namespace: PDF/UA has a part, too.
var (
	pdfaSpace = regexp.MustCompile(`xmlns:([A-Za-z_][\w.-]*)\s*=\s*["']http://www\.aiim\.org/pdfa/ns/id/["']`)
	fxSpace   = regexp.MustCompile(`xmlns:([A-Za-z_][\w.-]*)\s*=\s*["']urn:[\w.-]+:pdfa:CrossIndustryDocument:invoice:\w+#["']`)
)

// What follows the name of a property, with its value.
var (
	partForm  = regexp.MustCompile(`^(?:\s*=\s*["']|\s*>)\s*([0-9])\s*["'<]`)
	levelForm = regexp.MustCompile(`^(?:\s*=\s*["']|\s*>)\s*([A-Za-z0-9 _-]{1,40}?)\s*["'<]`)
)

// property is the first value of a property in a namespace; where the namespace is not declared, under its usual prefix.
func property(x []byte, space *regexp.Regexp, usual, name string, form *regexp.Regexp) string {
	prefixes := []string{}
	for _, m := range space.FindAllSubmatch(x, maxPrefixes) {
		if p := string(m[1]); !slices.Contains(prefixes, p) {
			prefixes = append(prefixes, p)
		}
	}
	if len(prefixes) == 0 {
		prefixes = []string{usual}
	}
	for at, end := 0, []byte(":"+name); ; {
		i := bytes.Index(x[at:], end)
		if i < 0 {
			return ""
		}
		before := x[:at+i]
		at += i + len(end)
		for _, prefix := range prefixes {
			outside, is := bytes.CutSuffix(before, []byte(prefix))
			if !is || len(outside) > 0 && !bytes.ContainsAny(outside[len(outside)-1:], " \t\n\f\r<") {
				continue
			}
			if m := form.FindSubmatch(x[at:]); m != nil {
				return string(m[1])
			}
		}
	}
}

// maxPrefixes is how many declarations of a namespace are looked at.
const maxPrefixes = 20

// readXMP takes what the metadata say. Those that cannot be read say nothing.
func (f *pdfFile) readXMP(catalog pdfDict, facts *PDF) {
	defer func() { _ = recover() }() // what is too much work here leaves the invoice as it is
	stream, is := f.resolve(catalog["Metadata"]).(*pdfStream)
	if !is {
		return
	}
	x, err := f.decode(stream, maxXMP)
	if err != nil {
		return
	}
	facts.Part = property(x, pdfaSpace, "pdfaid", "part", partForm)
	facts.Level = property(x, fxSpace, "fx", "ConformanceLevel", levelForm)
}
