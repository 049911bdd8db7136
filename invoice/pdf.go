package invoice

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pdfcpu/pdfcpu/pkg/filter"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
)

const (
	maxInflated      = 32 << 20 // bytes that any one PDF stream may inflate to
	maxPDFTime       = 10 * time.Second
	maxPDFRead       = 1 << 30 // bytes read in all: some 4 KiB an object, 200,000 objects; a seek counts for seekCost
	seekCost         = 1 << 10
	maxObjectStreams = 1000 // and maxObjects in all of them: only their tables of contents are read at first
	maxObjects       = 1_000_000
	maxNameNodes     = 1000 // nodes of the tree of attached files, and files in it
)

// attachmentNames are the names in use for the XML of a Factur-X or ZUGFeRD PDF, lower case, the best first.
var attachmentNames = []string{"factur-x.xml", "zugferd-invoice.xml", "xrechnung.xml"}

// objectStream finds the type name of an object stream, also where its letters are written as #4F.
var objectStream = regexp.MustCompile(`/(?:O|#4[Ff])(?:b|#62)(?:j|#6[Aa])(?:S|#53)(?:t|#74)(?:m|#6[Dd])`)

// embeddedInvoice takes the invoice's XML out of a PDF. Nothing else of the PDF is looked at: neither its pages nor
// whether it is PDF/A-3.
func embeddedInvoice(b []byte) (x []byte, p *Problem) {
	// A file cut short can often be repaired, which is exactly what must not happen to an invoice.
	if end := bytes.TrimRight(b, "\x00 \t\r\n"); !bytes.Contains(end[max(0, len(end)-1024):], []byte("%%EOF")) {
		return nil, truncated()
	}
	streams := len(objectStream.FindAllIndex(b, maxObjectStreams+1))
	if streams > maxObjectStreams {
		return nil, problemf(CodePDF, "", "the PDF has more than %d object streams", "le PDF a plus de %d flux d'objets", maxObjectStreams)
	}
	defer func() {
		if r := recover(); r != nil {
			x, p = nil, badPDF() // pdfcpu met something that it did not expect
		}
	}()

	ctx, cancel := context.WithTimeout(context.Background(), maxPDFTime)
	defer cancel()
	pdf, err := pdfcpu.ReadWithContext(ctx, &guardedReader{b: bytes.NewReader(b), ctx: ctx, left: maxPDFRead}, pdfConfiguration(streams))
	if ctx.Err() != nil {
		return nil, problemf(CodePDF, "", "the PDF cannot be read within %s: open it and save it again",
			"le PDF ne peut être lu en %s : ouvrez-le et enregistrez-le de nouveau", maxPDFTime)
	}
	if errors.Is(err, pdfcpu.ErrWrongPassword) || err == nil && pdf.Encrypt != nil {
		return nil, problemf(CodePDFEncrypted, "", "the PDF is encrypted: Factur-X forbids it", "le PDF est chiffré : Factur-X l'interdit")
	}
	if err != nil {
		return nil, badPDF()
	}
	catalog, err := pdf.Catalog()
	if err != nil || catalog == nil {
		return nil, badPDF()
	}
	stream, seen := attachedXML(pdf.XRefTable, catalog)
	if stream == nil {
		if seen == "" {
			return nil, problemf(CodePDFWithoutInvoice, "", "the PDF has no attached file: Factur-X carries factur-x.xml",
				"le PDF n'a pas de fichier joint : Factur-X porte factur-x.xml")
		}
		return nil, problemf(CodePDFWithoutInvoice, "", "no file attached to the PDF is called factur-x.xml, but %s",
			"aucun fichier joint au PDF ne s'appelle factur-x.xml, mais %s", quote(seen))
	}
	switch err := stream.DecodeWithLimit(maxInflated); {
	case errors.Is(err, filter.ErrDecodeLimitExceeded):
		return nil, problemf(CodePDF, "", "the XML attached to the PDF inflates to more than 32 MiB",
			"le XML joint au PDF dépasse 32 Mio une fois décompressé")
	case err != nil:
		return nil, badPDF()
	}
	if len(bytes.TrimSpace(stream.Content)) == 0 {
		return nil, problemf(CodePDFWithoutInvoice, "", "the XML attached to the PDF is empty", "le XML joint au PDF est vide")
	}
	return stream.Content, nil
}

// guardedReader ends a reading that leads nowhere. pdfcpu looks at its context between objects, but its repair of a damaged
// file may take a time that grows with the square of the size, always reading: 9 MB of "1 0 obj" would take minutes. So no
// goroutine is needed, and none is left behind.
type guardedReader struct {
	b    *bytes.Reader
	ctx  context.Context
	left int64 // bytes that may still be read
}

var errReadTooMuch = errors.New("invoice: the PDF is read over and over")

func (r *guardedReader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if r.left <= 0 {
		return 0, errReadTooMuch
	}
	n, err := r.b.Read(b)
	r.left -= int64(n)
	return n, err
}

func (r *guardedReader) Seek(offset int64, whence int) (int64, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	r.left -= seekCost
	return r.b.Seek(offset, whence)
}

func badPDF() *Problem {
	return problemf(CodePDF, "", "the PDF is damaged or too complex to be an invoice: open it and save it again",
		"le PDF est abîmé, ou trop complexe pour une facture : ouvrez-le et enregistrez-le de nouveau")
}

// pdfConfiguration bounds pdfcpu's memory. It is written out instead of taken from pdfcpu's defaults because those make a
// folder of settings in the user's home. Nothing here uses the network, and pdfcpu logs nothing unless told to.
func pdfConfiguration(streams int) *model.Configuration {
	return &model.Configuration{
		Cmd:            model.EXTRACTATTACHMENTS,
		Offline:        true,
		Reader15:       true, // object streams and cross-reference streams
		ValidationMode: model.ValidationRelaxed,
		Limits: model.ResourceLimits{
			MaxStreamBytes:       MaxBytes,
			MaxDecodeBytes:       maxInflated,
			MaxObjectCount:       maxObjects,
			MaxObjectStreamCount: min(50_000, maxObjects/max(1, streams)),
			MaxObjectStreamFirst: 1 << 20,
			MaxXRefEntries:       maxObjects,
			MaxRecursionDepth:    100,
		},
	}
}

// attachedXML finds the invoice among the attached files: in the name tree EmbeddedFiles, else in the catalog's AF. When it
// is not there, seen is another file's name.
func attachedXML(x *model.XRefTable, catalog types.Dict) (found *types.StreamDict, seen string) {
	best := len(attachmentNames)
	for _, spec := range fileSpecs(x, catalog) {
		name := fileName(x, spec)
		rank := slices.Index(attachmentNames, strings.ToLower(name))
		if rank < 0 {
			seen = name
			continue
		}
		if stream := fileStream(x, spec); stream != nil && rank < best {
			found, best = stream, rank
		}
	}
	return found, seen
}

// fileSpecs lists the attached files' dictionaries. What is malformed is passed over: Chorus Pro may read the rest.
func fileSpecs(x *model.XRefTable, catalog types.Dict) []types.Dict {
	var specs []types.Dict
	nodes := []types.Dict{dictIn(x, dictIn(x, catalog, "Names"), "EmbeddedFiles")}
	for visited := 0; len(nodes) > 0 && visited < maxNameNodes; visited++ {
		node := nodes[0]
		nodes = nodes[1:]
		names := arrayIn(x, node, "Names")
		for i := 1; i < len(names) && len(specs) < maxNameNodes; i += 2 {
			if d, err := x.DereferenceDict(names[i]); err == nil && d != nil {
				specs = append(specs, d)
			}
		}
		for _, kid := range arrayIn(x, node, "Kids") {
			if d, err := x.DereferenceDict(kid); err == nil && d != nil && len(nodes) < maxNameNodes {
				nodes = append(nodes, d)
			}
		}
	}
	for _, file := range arrayIn(x, catalog, "AF") {
		if d, err := x.DereferenceDict(file); err == nil && d != nil && len(specs) < 2*maxNameNodes {
			specs = append(specs, d)
		}
	}
	return specs
}

func dictIn(x *model.XRefTable, d types.Dict, key string) types.Dict {
	o, found := d.Find(key)
	if !found {
		return nil
	}
	in, err := x.DereferenceDict(o)
	if err != nil {
		return nil
	}
	return in
}

func arrayIn(x *model.XRefTable, d types.Dict, key string) types.Array {
	o, found := d.Find(key)
	if !found {
		return nil
	}
	in, err := x.DereferenceArray(o)
	if err != nil {
		return nil
	}
	return in
}

func fileName(x *model.XRefTable, spec types.Dict) string {
	for _, key := range []string{"UF", "F"} {
		if o, found := spec.Find(key); found {
			if name, err := x.DereferenceText(o); err == nil && name != "" {
				return name
			}
		}
	}
	return ""
}

func fileStream(x *model.XRefTable, spec types.Dict) *types.StreamDict {
	files := dictIn(x, spec, "EF")
	for _, key := range []string{"F", "UF"} {
		if o, found := files.Find(key); found {
			if stream, _, err := x.DereferenceStreamDict(o); err == nil && stream != nil {
				return stream
			}
		}
	}
	return nil
}
