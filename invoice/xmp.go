package invoice

import (
	"regexp"
	"slices"
	"strings"
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

// property is the first value of a property in a namespace; where the namespace is not declared, under its usual prefix.
func property(x []byte, space *regexp.Regexp, usual, name, form string) string {
	prefixes := []string{}
	for _, m := range space.FindAllSubmatch(x, maxPrefixes) {
		if p := regexp.QuoteMeta(string(m[1])); !slices.Contains(prefixes, p) {
			prefixes = append(prefixes, p)
		}
	}
	if len(prefixes) == 0 {
		prefixes = []string{usual}
	}
	of := regexp.MustCompile(`(?:^|[\s<])(?:` + strings.Join(prefixes, "|") + `):` + name + `(?:\s*=\s*["']|\s*>)\s*(` + form + `)\s*["'<]`)
	if m := of.FindSubmatch(x); m != nil {
		return string(m[1])
	}
	return ""
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
	facts.Part = property(x, pdfaSpace, "pdfaid", "part", `[0-9]`)
	facts.Level = property(x, fxSpace, "fx", "ConformanceLevel", `[A-Za-z0-9 _-]{1,40}?`)
}
