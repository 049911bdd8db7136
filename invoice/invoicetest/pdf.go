package invoicetest

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"text/template"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
)

//go:embed xmp.xml.tmpl
var xmpText string

var xmpForm = template.Must(template.New("xmp").Funcs(functions).Parse(xmpText))

// The objects of the PDF, by number. 1 is the catalog.
const (
	objCatalog = 1 + iota
	objPages
	objPage
	objContent
	objFont
	objFontDescriptor
	objFontFile
	objFileSpec
	objFile
	objMetadata
	objEnd
)

// writePDF writes one page with the invoice's facts and attaches x as factur-x.xml, and under other names again. It uses no device colours and embeds
// its only font, as PDF/A wants.
func writePDF(f facts, x []byte, again ...string) ([]byte, error) {
	var xmp bytes.Buffer
	err := xmpForm.Execute(&xmp, map[string]any{
		"BOM": "\uFEFF", "Title": "Facture " + f.Numero,
		"Properties": []string{"DocumentFileName", "DocumentType", "Version", "ConformanceLevel"},
	})
	if err != nil {
		return nil, err
	}
	stamp := f.Date.UTC().Format("D:20060102150405+00'00'")

	objects := map[int]string{
		objCatalog: fmt.Sprintf("<< /Type /Catalog /Pages %d 0 R /Metadata %d 0 R /AF [%d 0 R] /Names << /EmbeddedFiles << /Names [(factur-x.xml) %d 0 R] >> >> /Lang (fr-FR) >>",
			objPages, objMetadata, objFileSpec, objFileSpec),
		objPages: fmt.Sprintf("<< /Type /Pages /Kids [%d 0 R] /Count 1 >>", objPage),
		objPage: fmt.Sprintf("<< /Type /Page /Parent %d 0 R /MediaBox [0 0 595 842] /Contents %d 0 R /Resources << /Font << /F1 %d 0 R >> /ColorSpace << /Ink [/CalGray << /WhitePoint [0.9505 1 1.089] >>] >> >> >>",
			objPages, objContent, objFont),
		objContent: stream("", page(f)),
		objFont: fmt.Sprintf("<< /Type /Font /Subtype /TrueType /BaseFont /GoRegular /Encoding /WinAnsiEncoding /FirstChar 32 /LastChar 255 /Widths [%s] /FontDescriptor %d 0 R >>",
			fontWidths, objFontDescriptor),
		objFontDescriptor: fmt.Sprintf("<< /Type /FontDescriptor /FontName /GoRegular /Flags 32 /FontBBox [%s] /ItalicAngle 0 /Ascent 945 /Descent -211 /CapHeight 722 /StemV 80 /FontFile2 %d 0 R >>",
			fontBox, objFontFile),
		objFontFile: fontFile(),
		objFileSpec: fmt.Sprintf("<< /Type /Filespec /F (factur-x.xml) /UF (factur-x.xml) /Desc (Factur-X) /AFRelationship /Data /EF << /F %d 0 R /UF %d 0 R >> >>",
			objFile, objFile),
		objFile: stream(fmt.Sprintf("/Type /EmbeddedFile /Subtype /text#2Fxml /Params << /Size %d /ModDate (%s) >>", len(x), stamp), x),
		// PDF/A wants the metadata readable without a decoder.
		objMetadata: fmt.Sprintf("<< /Type /Metadata /Subtype /XML /Length %d >>\nstream\n%s\nendstream", xmp.Len(), xmp.Bytes()),
	}

	end := objEnd
	for _, name := range again {
		objects[objCatalog] = strings.Replace(objects[objCatalog], "] >> >>", fmt.Sprintf(" (%s) %d 0 R] >> >>", name, end), 1)
		objects[end] = strings.NewReplacer("factur-x.xml", name, fmt.Sprintf("%d 0 R", objFile), fmt.Sprintf("%d 0 R", end+1)).Replace(objects[objFileSpec])
		objects[end+1] = objects[objFile]
		end += 2
	}

	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	xref := "0000000000 65535 f \n"
	for n := objCatalog; n < end; n++ {
		xref += fmt.Sprintf("%010d 00000 n \n", b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", n, objects[n])
	}
	id := sha256.Sum256(b.Bytes())
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n%strailer\n<< /Size %d /Root %d 0 R /ID [<%x> <%x>] >>\nstartxref\n%d\n%%%%EOF\n",
		end, xref, end, objCatalog, id[:16], id[:16], start)
	return b.Bytes(), nil
}

// page draws the facts, a line each.
func page(f facts) []byte {
	title := "FACTURE "
	if f.Type == "381" {
		title = "AVOIR "
	}
	lines := []string{
		title + f.Numero, "", "Date : " + f.Date.Format("02/01/2006"),
		"Fournisseur : " + f.FournisseurNom + ", SIRET " + f.FournisseurSIRET,
		"Destinataire : " + f.DestinataireNom + ", SIRET " + f.DestinataireSIRET,
		"Code service : " + f.CodeService, "Engagement : " + f.Engagement, "Cadre de facturation : " + f.Cadre, "",
	}
	for _, l := range f.Lines {
		lines = append(lines, fmt.Sprintf("%d. %s : %s × %s = %s %s HT, TVA %s %%", l.N, l.Designation, l.Quantite, l.Prix, l.Net, f.Devise, l.TVA))
	}
	lines = append(lines, "", "Total HT : "+f.HT()+" "+f.Devise, "TVA : "+f.VAT()+" "+f.Devise, "Total TTC : "+f.TTC()+" "+f.Devise, "IBAN : "+f.IBAN)

	var b bytes.Buffer
	b.WriteString("BT /Ink cs 0 sc /F1 11 Tf 16 TL 50 780 Td\n")
	// What Windows-1252 cannot write becomes a question mark.
	ansi := encoding.ReplaceUnsupported(charmap.Windows1252.NewEncoder())
	for _, line := range lines {
		text, err := ansi.String(line)
		if err != nil {
			text = "?"
		}
		fmt.Fprintf(&b, "(%s) Tj T*\n", strings.NewReplacer(`\`, `\\`, `(`, `\(`, `)`, `\)`, "\r", " ", "\n", " ", "\x1a", "?").Replace(text))
	}
	b.WriteString("ET\n")
	return b.Bytes()
}

// stream is a compressed stream object with the given further entries.
func stream(entries string, content []byte) string {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, _ = z.Write(content) // a bytes.Buffer does not fail
	_ = z.Close()
	return fmt.Sprintf("<< %s /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream", entries, b.Len(), b.Bytes())
}

// goRegular is the Go font (https://go.dev/blog/go-fonts), and what a PDF must say of it, in thousandths of the font's size: how wide each character of Windows-1252 is, from the blank to ÿ, and the box
// that holds them all.
//
//go:embed goregular.ttf
var goRegular []byte

const (
	fontWidths = `278 278 355 556 556 889 667 191 333 333 584 584 316 584 316 278 556 556 556 556 556 556 556 556 556 556 306 306 584 584 584 556
		1015 667 667 722 722 667 611 778 722 399 496 667 556 833 722 778 667 778 722 667 611 722 667 944 667 667 611 278 278 278 469 556
		333 556 556 500 556 556 278 556 556 247 253 500 268 833 556 556 556 556 333 500 283 556 500 722 500 500 500 334 260 334 584 750
		556 1000 222 556 417 1000 556 556 333 1000 667 333 1000 1000 611 1000 1000 222 222 417 417 350 500 1000 333 1000 500 333 944 1000 500 667
		278 333 556 556 556 556 260 556 333 737 370 556 584 333 737 556 400 584 456 456 333 556 537 267 333 456 365 556 834 834 834 611
		667 667 667 667 667 667 1000 722 667 667 667 667 399 399 399 399 727 722 778 778 778 778 778 584 778 722 722 722 722 667 667 611
		556 556 556 556 556 556 889 500 556 556 556 556 247 247 247 247 556 556 556 556 556 556 556 584 611 556 556 556 556 500 556 500`
	fontBox = "-215 -266 1055 1119"
)

var fontFile = sync.OnceValue(func() string { return stream(fmt.Sprintf("/Length1 %d", len(goRegular)), goRegular) })

// PDF is the invoice as people see it, without an XML that counts: nothing leads to the file in it. What is changed keeps its length, and so every offset.
func (i Invoice) PDF() ([]byte, error) {
	b, err := i.FacturX()
	return []byte(strings.NewReplacer("/EmbeddedFiles", "/EmbeddedFilez", "/AF ", "/Af ").Replace(string(b))), err
}

// Fields is what an application inserts beside PDF, as JSON.
func (i Invoice) Fields() []byte {
	f := i.facts("", "380")
	b, err := json.Marshal(map[string]string{
		"numero_facture": f.Numero, "date_facture": f.Day(), "fournisseur_siret": f.FournisseurSIRET, "destinataire_siret": f.DestinataireSIRET,
		"code_service": f.CodeService, "numero_engagement": f.Engagement, "montant_ht": f.HT(), "montant_tva": f.VAT(), "montant_ttc": f.TTC(),
	})
	if err != nil {
		panic(err) // texts cannot fail
	}
	return b
}
