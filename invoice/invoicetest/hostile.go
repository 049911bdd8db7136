package invoicetest

import (
	"bytes"
	"fmt"
	"strings"
)

// Broken is a document that cannot be read, and the code of the reason.
type Broken struct {
	Name     string
	Code     string
	Document []byte
}

// Hostile makes documents that are broken, or made to harm who reads them: cut, spoilt, bloated, disguised. The same ones each time.
func Hostile() []Broken {
	var all []Broken
	add := func(code, doc, name string, args ...any) {
		all = append(all, Broken{fmt.Sprintf(name, args...), code, []byte(doc)})
	}
	i := Invoice{FournisseurNom: "Été"}
	for kind, doc := range map[string]string{"UBL": string(i.UBL()), "credit note": string(i.CreditNote()), "CII": string(i.CII())} {
		spoilXML(kind, doc, add)
	}
	if pdf, err := i.FacturX(); err == nil {
		spoilPDF(string(pdf), add)
	}
	disguises(add)
	return all
}

type adder func(code, doc, name string, args ...any)

const xmlHead = `<?xml version="1.0" encoding="UTF-8"?>`

func spoilXML(kind, doc string, add adder) {
	const number = "F-2026-0001"
	within := func(s string) string { return strings.Replace(doc, number, s, 1) }
	last := strings.LastIndex(doc, "</")
	before := func(s string) string { return doc[:last] + s + doc[last:] }
	after := func(s string) string { return strings.Replace(doc, xmlHead, xmlHead+s, 1) }
	body := strings.TrimPrefix(doc, xmlHead)

	for n := range 20 {
		at := len(xmlHead) + 2 + n*(last-len(xmlHead)-2)/20
		add("CH-TRUNCATED", doc[:at], "%s cut at %d", kind, at)
	}
	for _, c := range []rune{1, 8, 0xb, 0xc, 0x1b, 0x1f, 0xfffe, 0xffff} {
		add("CH-XML", within("F"+string(c)), "%s with U+%04X", kind, c)
		add("CH-XML", within(fmt.Sprintf("F&#%d;", c)), "%s with U+%04X by its number", kind, c)
	}
	add("CH-CONTROL-CHARACTERS", within("F\x00"), "%s with NUL", kind)
	for name, text := range map[string]string{
		"a bare &": "A & B", "an unknown entity": "&eacute;", "an entity without end": "&amp", "a bare <": "a < b", "]]>": "]]>", "a wrong end tag": "</x>", "an open tag": "<a>",
		"an attribute without value": "<a b/>", "an attribute without quotes": "<a b=c/>", "an attribute twice": `<a b="1" b="2"/>`, "< in an attribute": `<a b="<"/>`,
		"an undeclared prefix": "<zz:a/>", "an undeclared prefix of an attribute": `<a zz:b="1"/>`, "-- in a comment": "<!-- a -- b -->", "a wrong <!": "<!-x", "a nameless instruction": "<? ?>",
		"a name with a digit first": "<1a/>", "a number of no character": "&#xD800;", "a number too large": "&#x110000;", "two colons": "<a:b:c/>",
		"a declaration within": xmlHead, "a control character in a comment": "<!-- \x01 -->", "no character in a comment": "<!-- \ufffe -->", "a control character in an instruction": "<?a \x1b?>",
		"an instruction called XML": "<?XML a?>", "an instruction without a blank": `<?a"b"?>`, "an instruction with a colon": "<?a:b c?>", "attributes without a blank": `<a b="1"c="2"/>`,
		"attributes without a blank, apostrophes": `<a b='"'c='2'/>`, "half a surrogate in an attribute": `<a b="&#xDFFF;"/>`, "half a surrogate by its decimal number": "&#55296;",
		"a colon first": "<:a/>", "a colon last": "<a:/>", "a digit after the colon": `<cbc:1 xmlns:cbc="urn:a"/>`, "an attribute with a digit after the colon": `<a xmlns:b="urn:b" b:1=""/>`,
		"a prefix taken back": `<a xmlns:b=""/>`, "the prefix xml elsewhere": `<a xmlns:xml="urn:a"/>`, "another prefix of xml": `<a xmlns:b="http://www.w3.org/XML/1998/namespace"/>`,
		"the prefix xmlns": "<xmlns:a/>", "xmlns declared": `<a xmlns:xmlns="urn:a"/>`, "a prefix out of its scope": `<a xmlns:b="urn:b"/><b:c/>`,
		"a prefix that is a namespace": `<a xmlns:b="zz"><zz:c/></a>`, "an attribute's prefix that is a namespace": `<a xmlns:b="zz"><c zz:d="1"/></a>`,
	} {
		add("CH-XML", within(text), "%s with %s", kind, name)
	}
	add("CH-XML", doc+body, "%s twice", kind)
	add("CH-XML", doc+".", "%s with text after it", kind)
	add("CH-XML", xmlHead+"."+body, "%s with text before it", kind)
	add("CH-XML", "\n"+doc, "%s after a blank", kind)
	add("CH-XML", strings.Replace(doc, `"1.0"`, `"1.1"`, 1), "%s of XML 1.1", kind)
	for name, head := range map[string]string{
		"a comment before the declaration": "<!-- a -->" + xmlHead, "an instruction before the declaration": "<?a?>" + xmlHead, "two declarations": xmlHead + xmlHead, "no version": `<?xml encoding="UTF-8"?>`,
		"the encoding first": `<?xml encoding="UTF-8" version="1.0"?>`, "a declaration of nothing": "<?xml?>", "standalone first": `<?xml version="1.0" standalone="yes" encoding="UTF-8"?>`,
		"another standalone": `<?xml version="1.0" encoding="UTF-8" standalone="maybe"?>`, "an unknown part": `<?xml version="1.0" encoding="UTF-8" a="b"?>`, "two versions": `<?xml version="1.0" version="1.0"?>`,
		"no blank within": `<?xml version="1.0"encoding="UTF-8"?>`, "XML in capitals": `<?XML version="1.0" encoding="UTF-8"?>`, "CDATA before": xmlHead + "<![CDATA[ ]]>", "a reference before": xmlHead + "&#32;",
		"a no-break space before": xmlHead + "\u00a0",
	} {
		add("CH-XML", head+body, "%s with %s", kind, name)
	}
	add("CH-XML", doc+"<![CDATA[]]>", "%s with CDATA after it", kind)
	add("CH-XML", doc+"&#10;", "%s with a reference after it", kind)
	for _, dtd := range []string{
		`<!DOCTYPE a>`, `<!DOCTYPE a SYSTEM "http://192.0.2.1/x.dtd">`, `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>`,
		`<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;"><!ENTITY c "&b;&b;">]>`, `<!DOCTYPE a [<!ENTITY % x SYSTEM "http://192.0.2.1/"> %x;]>`,
	} {
		add("CH-DTD", after(dtd), "%s with %s", kind, dtd)
	}
	for _, label := range []string{"", "UTF-7", "UTF-32", "UTF-8-W/O-BOM", "EBCDIC-CP-FR", "UTF-16", "US-ASCII", "x"} {
		add("CH-ENCODING", strings.Replace(doc, "UTF-8", label, 1), "%s said to be %q", kind, label)
	}
	add("CH-ENCODING", within("\xe9"), "%s with Latin-1 in UTF-8", kind)
	add("CH-ENCODING", within("\xed\xa0\x80"), "%s with half a surrogate", kind)
	add("CH-TOO-DEEP", before(strings.Repeat("<a>", 100)), "%s, 101 deep", kind)
	add("CH-TOO-DEEP", before(strings.Repeat("<a>", 1_000_000)), "%s, a million deep", kind)
	add("CH-TOO-MANY-ELEMENTS", before(strings.Repeat("<a/>", 250_000)), "%s, 250,000 elements", kind)
	add("CH-TOO-MANY-ELEMENTS", before(strings.Repeat("<!---->", 250_000)), "%s, 250,000 comments", kind)
	add("CH-XML", before("<"+strings.Repeat("a", 100_000)+"/>"), "%s with a long name", kind)
	add("CH-XML", before("<a "+strings.Repeat("b='' ", 20_000)+"/>"), "%s with a long tag", kind)
	add("CH-TOO-LARGE", doc+strings.Repeat(" ", 10<<20), "%s of more than 10 MB", kind)
	if kind == "CII" {
		add("CH-VERSION", strings.ReplaceAll(doc, "CrossIndustryInvoice:100", "CrossIndustryInvoice:1"), "CII before D16B")
		add("CH-VERSION", `<a:CrossIndustryDocument xmlns:a="urn:ferd:CrossIndustryDocument:invoice:1p0"/>`, "ZUGFeRD 1.0")
	}
}

func spoilPDF(pdf string, add adder) {
	for n := 1; n <= 30; n++ {
		add("CH-TRUNCATED", pdf[:n*(len(pdf)-10)/31], "PDF cut at %d of 31", n)
	}
	add("CH-PDF-WITHOUT-INVOICE", strings.NewReplacer("/EmbeddedFiles", "/EmbeddedFilez", "/AF ", "/Af ").Replace(pdf), "PDF without attachments")
	add("CH-PDF-WITHOUT-INVOICE", strings.ReplaceAll(pdf, "(factur-x.xml)", "(rapport1.pdf)"), "PDF with another attachment")
	add("CH-PDF-ENCRYPTED", strings.Replace(pdf, "trailer\n<<", "trailer\n<</Encrypt 1 0 R ", 1), "PDF that says that it is encrypted")
	add("CH-PDF", "%PDF-1.7\n%%EOF\n", "PDF of nothing")
	for _, part := range []string{"1 0 obj\n", "1 0 obj<<", "1 0 obj[", "(", "<", "<<", "[", "/A", "%", "stream\n", "xref\n0 1\n", "trailer<<", "9999999999 0 obj ", "1 0 R ", "\x00"} {
		add("CH-PDF", "%PDF-1.7\n"+strings.Repeat(part, (1<<20)/len(part))+"\n%%EOF\n", "PDF of %q", part)
	}
}

func disguises(add adder) {
	for name, begin := range map[string]string{
		"zip": "PK\x03\x04", "empty zip": "PK\x05\x06", "gzip": "\x1f\x8b", "bzip2": "BZh9", "xz": "\xfd7zXZ\x00", "zstd": "\x28\xb5\x2f\xfd", "7z": "7z\xbc\xaf\x27\x1c", "rar": "Rar!\x1a\x07",
	} {
		add("CH-ARCHIVE", begin+strings.Repeat("x", 1000), name)
	}
	for name, text := range map[string]string{
		"PNG": "\x89PNG\r\n\x1a\n", "JPEG": "\xff\xd8\xff\xe0", "TIFF": "II*\x00", "Word": "\xd0\xcf\x11\xe0", "RTF": "{\\rtf1", "EDIFACT": "UNA:+.? '", "JSON": `{"a":1}`, "a list": "[1]",
		"HTML": "<!DOCTYPE html><html>", "HTML without type": "<html><body>", "text": "Bonjour", "a mark alone": "\ufeff", "noise": "\x00\x01\x02", "an order": `<Order xmlns="urn:oasis:names:specification:ubl:schema:xsd:Order-2"/>`,
		"an invoice of no namespace": "<Invoice><ID>1</ID></Invoice>", "SVG": `<svg xmlns="http://www.w3.org/2000/svg"/>`, "SOAP": `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"/>`,
	} {
		add("CH-NOT-AN-INVOICE", text, name)
	}
	add("CH-EMPTY", "", "nothing")
	add("CH-EMPTY", " \r\n\t", "blanks")
	add("CH-TOO-LARGE", string(bytes.Repeat([]byte("x"), 31<<20)), "31 MB")
}

// Unusual are good invoices, written as XML allows and hardly anybody does.
func Unusual() [][]byte {
	body := strings.TrimPrefix(string(Invoice{}.UBL()), xmlHead)
	within := func(s string) string {
		const e = "urn:oasis:names:specification:ubl:schema:xsd:CommonExtensionComponents-2"
		return strings.Replace(body, "<cbc:CustomizationID>", `<e:UBLExtensions xmlns:e="`+e+`"><e:UBLExtension><e:ExtensionContent>`+s+`</e:ExtensionContent></e:UBLExtension></e:UBLExtensions><cbc:CustomizationID>`, 1)
	}
	var all [][]byte
	for _, doc := range []string{
		body, "\ufeff" + xmlHead + body, "<!-- \u0085 é --><?a?><?a b:c?><?xml-stylesheet href='a'?>" + body, xmlHead + "\r\n\t <!---->" + body + "\n<?a\tb?><!-- c -->\n",
		"<?xml version='1.0'?>" + body, "<?xml\nversion = \"1.0\"\tencoding = 'utf-8'  standalone\n=\n\"no\" ?>" + body, `<?xml version="1.0" standalone='yes'?>` + body,
		within(`<x xmlns="" a="1"` + "\n" + `b='"2"' c=">"/>`), within(`<x xmlns="zz"/>`), within(`<b:x xmlns:b="zz" b:c="1" d="2"/>`), within(`<zz:x xmlns:zz="zz" zz:c="1"/>`),
		within("<x><![CDATA[\ufffd &#xD800; ]]></x>"), within("<x>\ufffd &#56; &#553;</x>"), within(`<é xml:lang="fr" xml:space="preserve" é.-1="&lt;&#10;&#x1F600;"/>`), within("<x>]] &gt; ]]&gt; ></x>"),
		within(`<a xmlns:b="urn:b"><b:c/></a><a xmlns:b="urn:d"><b:c/></a>`), within(`<x xmlns:xml="http://www.w3.org/XML/1998/namespace"/>`), within("<?a x=\"1\"y=\"2\"?>"),
	} {
		all = append(all, []byte(doc))
	}
	return all
}
