package invoice

import (
	"bytes"
	"encoding/binary"
	"errors"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"
)

const (
	maxAttached  = MaxBytes // bytes that the attached XML may inflate to: it could not be larger by itself
	maxNameNodes = 10_000   // nodes of the tree of attached files
	maxFiles     = 100_000
)

// attachmentNames are the names in use for the XML of a Factur-X or ZUGFeRD PDF, lower case, the best first.
var attachmentNames = []string{"factur-x.xml", "zugferd-invoice.xml", "xrechnung.xml"}

// embeddedInvoice takes the invoice's XML out of a PDF. Nothing else of the PDF is looked at: neither its pages nor
// whether it is PDF/A-3.
func embeddedInvoice(b []byte) (x []byte, facts *PDF, p *Problem) {
	// A file cut short can often be repaired, which is exactly what must not happen to an invoice.
	if end := bytes.TrimRight(b, "\x00 \t\r\n"); !bytes.Contains(end[max(0, len(end)-1024):], []byte("%%EOF")) {
		return nil, nil, truncated()
	}
	defer func() {
		if r := recover(); r != nil {
			x, facts, p = nil, nil, badPDF() // errPDFWork, or a filter met something that it did not expect
		}
	}()
	f := openPDF(b)
	if f.trailer["Encrypt"] != nil {
		return nil, nil, problemf(CodePDFEncrypted, "the PDF is encrypted: Factur-X forbids it", "le PDF est chiffré : Factur-X l'interdit")
	}
	catalog := f.catalog()
	if catalog == nil {
		return nil, nil, badPDF()
	}
	facts = &PDF{}
	stream, seen := f.attachedXML(catalog, facts)
	if stream == nil {
		if seen == "" {
			return nil, nil, problemf(CodePDFWithoutInvoice, "the PDF has no attached file: Factur-X carries factur-x.xml",
				"le PDF n'a pas de fichier joint : Factur-X porte factur-x.xml")
		}
		return nil, nil, problemf(CodePDFWithoutInvoice, "no file attached to the PDF is called factur-x.xml, but %s",
			"aucun fichier joint au PDF ne s'appelle factur-x.xml, mais %s", quote(seen))
	}
	x, err := f.decode(stream, maxAttached)
	switch {
	case errors.Is(err, errInflated):
		return nil, nil, problemf(CodePDF, "the XML attached to the PDF inflates to more than 10 MB",
			"le XML joint au PDF dépasse 10 Mo une fois décompressé")
	case err != nil:
		return nil, nil, badPDF()
	}
	if len(bytes.TrimSpace(x)) == 0 {
		return nil, nil, problemf(CodePDFWithoutInvoice, "the XML attached to the PDF is empty", "le XML joint au PDF est vide")
	}
	f.readXMP(catalog, facts)
	return x, facts, nil
}

func badPDF() *Problem {
	return problemf(CodePDF, "the PDF is damaged or too complex to be an invoice: open it and save it again",
		"le PDF est abîmé, ou trop complexe pour une facture : ouvrez-le et enregistrez-le de nouveau")
}

// attachedXML finds the invoice among the attached files: in the name tree EmbeddedFiles, else in the catalog's AF. When it
// is not there, seen is another file's name. What is malformed is passed over: Chorus Pro may read the rest.
func (f *pdfFile) attachedXML(catalog pdfDict, facts *PDF) (found *pdfStream, seen string) {
	best, files := len(attachmentNames), 0
	invoices := map[int]bool{} // by where they stand
	consider := func(v any) {
		spec := f.dict(v)
		if files++; spec == nil || files > maxFiles {
			return
		}
		for _, name := range f.fileNames(spec) {
			rank := slices.Index(attachmentNames, strings.ToLower(name))
			if rank < 0 {
				seen = name
				continue
			}
			stream := f.fileStream(spec)
			if stream == nil {
				continue
			}
			invoices[stream.end] = true
			if rank < best {
				found, best = stream, rank
				relation, _ := f.resolve(spec["AFRelationship"]).(pdfName)
				facts.Name, facts.Relationship = name, string(relation)
			}
		}
	}
	been := map[pdfRef]bool{}
	nodes := []any{f.dict(catalog["Names"])["EmbeddedFiles"]}
	for visited := 0; len(nodes) > 0 && visited < maxNameNodes; visited++ {
		ref, is := nodes[0].(pdfRef)
		next := nodes[0]
		if nodes = nodes[1:]; is && been[ref] {
			continue
		}
		been[ref] = true
		node := f.dict(next)
		names, _ := f.resolve(node["Names"]).(pdfArray)
		for i := 1; i < len(names); i += 2 {
			consider(names[i])
		}
		kids, _ := f.resolve(node["Kids"]).(pdfArray)
		nodes = append(nodes, kids[:min(len(kids), maxNameNodes-min(len(nodes), maxNameNodes))]...)
	}
	files = 0
	related, _ := f.resolve(catalog["AF"]).(pdfArray)
	for _, v := range related {
		consider(v)
	}
	facts.Invoices = len(invoices)
	return found, seen
}

func (f *pdfFile) dict(v any) pdfDict {
	d, _ := f.resolve(v).(pdfDict)
	return d
}

// fileNames are the two that a file may have, the one that says more last: programs write the wanted name into either.
func (f *pdfFile) fileNames(spec pdfDict) (names []string) {
	for _, key := range []pdfName{"F", "UF"} {
		if name, is := f.resolve(spec[key]).(pdfString); is && name != "" {
			names = append(names, string(name.text()))
		}
	}
	return names
}

func (f *pdfFile) fileStream(spec pdfDict) *pdfStream {
	files := f.dict(spec["EF"])
	for _, key := range []pdfName{"F", "UF"} {
		if stream, is := f.resolve(files[key]).(*pdfStream); is {
			return stream
		}
	}
	return nil
}

// languageMark says in which language what follows is written: ESC, two letters or four, ESC (ISO 32000, 7.9.2.2).
var languageMark = regexp.MustCompile("\x1b[A-Za-z]{2}(?:[A-Za-z]{2})?\x1b")

// text reads the two Unicode forms of a string. In the third one letters are those of ASCII, and nothing else is looked for.
func (s pdfString) text() pdfString {
	if rest, is := strings.CutPrefix(string(s), "\xfe\xff"); is {
		units := make([]uint16, len(rest)/2)
		for i := range units {
			units[i] = binary.BigEndian.Uint16([]byte(rest[2*i:]))
		}
		return pdfString(languageMark.ReplaceAllString(string(utf16.Decode(units)), ""))
	}
	return pdfString(strings.TrimPrefix(string(s), "\xef\xbb\xbf"))
}
