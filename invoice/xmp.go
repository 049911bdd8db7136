package invoice

import "regexp"

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

// In XMP a property is an element or an attribute, under any prefix.
var (
	xmpPart  = regexp.MustCompile(`:part(?:\s*=\s*["']|>)\s*([0-9])\s*["'<]`)
	xmpLevel = regexp.MustCompile(`:ConformanceLevel(?:\s*=\s*["']|>)\s*([A-Za-z0-9 _-]{1,40})\s*["'<]`)
)

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
	if m := xmpPart.FindSubmatch(x); m != nil {
		facts.Part = string(m[1])
	}
	if m := xmpLevel.FindSubmatch(x); m != nil {
		facts.Level = string(m[1])
	}
}
