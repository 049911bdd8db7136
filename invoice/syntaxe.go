package invoice

import "bytes"

// What Read recognises, in Chorus Pro's words (syntaxeFlux, docs/chorus-pro.md §6).
const (
	SyntaxeUBL     = "IN_DP_E1_UBL_INVOICE"
	SyntaxeCII     = "IN_DP_E1_CII_16B"
	SyntaxeFacturX = "IN_DP_E2_CII_FACTURX"
)

// Syntaxes are the 13 official values of syntaxeFlux (docs/chorus-pro.md §6). Do not change it.
var Syntaxes = []string{
	"IN_DP_E1_UBL_INVOICE", "IN_DP_E1_CII", "IN_DP_E1_PES_FACTURE", "IN_DP_E1_XCBL", "IN_DP_E1_CII_16B",
	"IN_DP_E2_UBL_INVOICE_MIN", "IN_DP_E2_CII_MIN", "IN_DP_E2_CII_MIN_16B", "IN_DP_E2_PES_FACTURE_MIN",
	"IN_DP_E2_CPP_FACTURE_MIN", "IN_DP_E2_CII_FACTURX", "IN_DP_PDFARCHIVE_UBL_INVOICE_MUG", "IN_DP_PDFARCHIVE_CII_MUG",
}

// Compatible tells whether a document that Read recognised as one syntax may be declared as another: an UBL document may
// be IN_DP_E2_UBL_INVOICE_MIN, a PDF may only be Factur-X. The older IN_DP_E1_CII and IN_DP_E2_CII_MIN are not D16B, so
// nothing that Read recognises is one; the same holds of PES, XCBL and CPP.
func Compatible(declared, recognised string) bool {
	switch declared {
	case SyntaxeUBL, "IN_DP_E2_UBL_INVOICE_MIN", "IN_DP_PDFARCHIVE_UBL_INVOICE_MUG":
		return recognised == SyntaxeUBL
	case SyntaxeCII, "IN_DP_E2_CII_MIN_16B", "IN_DP_PDFARCHIVE_CII_MUG":
		return recognised == SyntaxeCII
	case SyntaxeFacturX:
		return recognised == SyntaxeFacturX
	}
	return false
}

// form is what the first bytes promise.
type form int

const (
	formOther form = iota
	formXML
	formPDF
	formArchive
)

// magics are the beginnings worth a name in a message.
var magics = []struct {
	form  form
	what  string
	begin string
}{
	{formArchive, "zip", "PK\x03\x04"},
	{formArchive, "zip", "PK\x05\x06"},
	{formArchive, "gzip", "\x1f\x8b"},
	{formArchive, "bzip2", "BZh"},
	{formArchive, "xz", "\xfd7zXZ\x00"},
	{formArchive, "zstd", "\x28\xb5\x2f\xfd"},
	{formArchive, "7z", "7z\xbc\xaf\x27\x1c"},
	{formArchive, "rar", "Rar!\x1a\x07"},
	{formOther, "PNG", "\x89PNG"},
	{formOther, "JPEG", "\xff\xd8\xff"},
	{formOther, "TIFF", "II*\x00"},
	{formOther, "TIFF", "MM\x00*"},
	{formOther, "Microsoft Office", "\xd0\xcf\x11\xe0"},
	{formOther, "RTF", "{\\rtf"},
	{formOther, "EDIFACT", "UNA"},
	{formOther, "EDIFACT", "UNB+"},
	{formOther, "JSON", "{"},
	{formOther, "JSON", "["},
}

// sniff goes by the first bytes only: names and declared types are the sender's word.
func sniff(b []byte) (form, string) {
	if enc, _ := byteOrder(b); enc != "" && enc != "utf-8" {
		return formXML, ""
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), " \t\r\n")
	head := bytes.ToLower(text[:min(len(text), 20)])
	if bytes.HasPrefix(head, []byte("<!doctype html")) || bytes.HasPrefix(head, []byte("<html")) {
		return formOther, "HTML"
	}
	if bytes.HasPrefix(text, []byte("<")) {
		return formXML, ""
	}
	for _, m := range magics {
		if bytes.HasPrefix(text, []byte(m.begin)) {
			return m.form, m.what
		}
	}
	if len(b) >= 262 && string(b[257:262]) == "ustar" {
		return formArchive, "tar"
	}
	for _, begin := range []string{"PD94", "PEludm", "PHJzbT", "JVBERi", "77u/PD"} { // of <?x, <Inv, <rsm, %PDF- and a byte-order mark, by programs that forgot to decode it
		if bytes.HasPrefix(text, []byte(begin)) {
			return formOther, "base64"
		}
	}
	if bytes.HasPrefix(head, []byte(`\x3c`)) || bytes.HasPrefix(head, []byte(`\x25504446`)) {
		return formOther, "hexadecimal"
	}
	// The PDF header may come after up to 1024 bytes of something else (PDF 1.7, implementation note 13).
	if bytes.Contains(b[:min(len(b), 1024)], []byte("%PDF-")) {
		return formPDF, ""
	}
	return formOther, ""
}
