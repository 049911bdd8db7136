package invoice_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"golang.org/x/text/encoding/unicode"

	"github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/invoice/invoicetest"
)

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	i := invoicetest.Invoice{FournisseurNom: "Été"}
	ubl, cii, pdf := string(i.UBL()), string(i.CII()), string(mustFacturX(t, i))
	after := func(s, mark, insert string) string { return strings.Replace(s, mark, mark+insert, 1) }
	const head = `<?xml version="1.0" encoding="UTF-8"?>`
	utf16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(cii)
	if err != nil {
		t.Fatal(err)
	}

	for _, test := range []struct{ name, want, doc string }{
		{"nothing", invoice.CodeEmpty, ""},
		{"blanks", invoice.CodeEmpty, " \r\n\t"},
		{"31 MB", invoice.CodeTooLarge, strings.Repeat("x", 31_000_000)},
		{"one byte too many", invoice.CodeTooLarge, ubl + strings.Repeat(" ", invoice.MaxBytes+1-len(ubl))},

		{"text", invoice.CodeNotAnInvoice, "Bonjour, voici ma facture."},
		{"only a mark", invoice.CodeNotAnInvoice, "\uFEFF"},
		{"html", invoice.CodeNotAnInvoice, "<!DOCTYPE html><html><body>503</body></html>"},
		{"html without type", invoice.CodeNotAnInvoice, "\n<HTML><p>"},
		{"png", invoice.CodeNotAnInvoice, "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"},
		{"jpeg", invoice.CodeNotAnInvoice, "\xff\xd8\xff\xe0"},
		{"json", invoice.CodeNotAnInvoice, `{"numero":"F-1"}`},
		{"noise", invoice.CodeNotAnInvoice, "\x00\x01\x02\x03\x04\x05"},
		{"another XML", invoice.CodeNotAnInvoice, head + `<Order xmlns="urn:oasis:names:specification:ubl:schema:xsd:Order-2"/>`},
		{"an Invoice of no namespace", invoice.CodeNotAnInvoice, head + `<Invoice><ID>1</ID></Invoice>`},
		{"ZUGFeRD 1.0", invoice.CodeVersion, head + `<rsm:CrossIndustryDocument xmlns:rsm="urn:ferd:CrossIndustryDocument:invoice:1p0"/>`},
		{"CII before D16B", invoice.CodeVersion, strings.ReplaceAll(cii, "CrossIndustryInvoice:100", "CrossIndustryInvoice:1")},

		{"zip", invoice.CodeArchive, zipped(t, ubl)},
		{"gzip", invoice.CodeArchive, gzipped(t, ubl)},
		{"tar", invoice.CodeArchive, tarred(t, ubl)},
		{"7z", invoice.CodeArchive, "7z\xbc\xaf\x27\x1c\x00\x04"},

		{"entity bomb", invoice.CodeDTD, after(ubl, head, `<!DOCTYPE Invoice [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]>`)},
		{"external entity", invoice.CodeDTD, after(ubl, head, `<!DOCTYPE Invoice [<!ENTITY a SYSTEM "file:///etc/passwd">]>`)},
		{"external DTD", invoice.CodeDTD, after(ubl, head, `<!DOCTYPE Invoice SYSTEM "http://192.0.2.1/x.dtd">`)},
		{"DTD in the middle", invoice.CodeDTD, after(ubl, "<cac:Party>", `<!DOCTYPE a>`)},
		{"unknown entity", invoice.CodeXML, strings.Replace(ubl, "F-2026-0001", "F&eacute;", 1)},
		{"a million deep", invoice.CodeTooDeep, ubl[:strings.Index(ubl, "<cbc:")] + strings.Repeat("<a>", 1_000_000)},
		{"101 deep", invoice.CodeTooDeep, ubl[:strings.Index(ubl, "<cbc:")] + strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100) + "</Invoice>"},
		{"many elements", invoice.CodeTooManyElements, strings.Replace(ubl, "</Invoice>", strings.Repeat("<a/>", 200_000)+"</Invoice>", 1)},
		{"wrong end tag", invoice.CodeXML, strings.Replace(ubl, "</cbc:ID>", "</cbc:Id>", 1)},
		{"bare ampersand", invoice.CodeXML, strings.Replace(ubl, "Été", "A & B", 1)},
		{"two documents", invoice.CodeXML, ubl + ubl[strings.Index(ubl, "<Invoice"):]},
		{"text after the end", invoice.CodeXML, ubl + "."},
		{"blank before the declaration", invoice.CodeXML, "\n" + ubl},
		{"XML 1.1", invoice.CodeXML, strings.Replace(ubl, "1.0", "1.1", 1)},
		{"NUL in text", invoice.CodeControlCharacters, strings.Replace(ubl, "F-2026-0001", "F-2026\x00-0001", 1)},
		{"NUL by number", invoice.CodeXML, strings.Replace(ubl, "F-2026-0001", "F-2026&#0;-0001", 1)},
		{"escape in text", invoice.CodeXML, strings.Replace(ubl, "F-2026-0001", "F-2026\x1b-0001", 1)},

		{"unknown encoding", invoice.CodeEncoding, strings.Replace(ubl, "UTF-8", "UTF-8-W/O-BOM", 1)},
		{"no encoding", invoice.CodeEncoding, strings.Replace(ubl, "UTF-8", "", 1)},
		{"Latin-1 said to be UTF-8", invoice.CodeEncoding, strings.Replace(ubl, "Été", "\xc9t\xe9", 1)},
		{"UTF-8 said to be ASCII", invoice.CodeEncoding, strings.Replace(ubl, "UTF-8", "US-ASCII", 1)},
		{"UTF-8 said to be UTF-16", invoice.CodeEncoding, strings.Replace(ubl, "UTF-8", "UTF-16", 1)},
		{"UTF-16 said to be UTF-8", invoice.CodeEncoding, utf16},
		{"marked UTF-8 said to be Latin-1", invoice.CodeEncoding, "\uFEFF" + strings.Replace(ubl, "UTF-8", "ISO-8859-1", 1)},
		{"half a surrogate", invoice.CodeEncoding, "\xff\xfe<\x00a\x00\x00\xd8>\x00"},

		{"PDF without attachment", invoice.CodePDFWithoutInvoice, strings.NewReplacer("/EmbeddedFiles", "/EmbeddedFilez", "/AF ", "/Af ").Replace(pdf)},
		{"PDF with another attachment", invoice.CodePDFWithoutInvoice, strings.ReplaceAll(pdf, "(factur-x.xml)", "(rapport1.pdf)")},
		{"PDF with an empty attachment", invoice.CodePDFWithoutInvoice, string(attached(t, " "))},
		{"PDF with UBL in it", invoice.CodePDFWithoutInvoice, string(attached(t, ubl))},
		{"PDF with half an invoice in it", invoice.CodeTruncated, string(attached(t, cii[:len(cii)/2]))},
		{"PDF with a bomb in it", invoice.CodePDF, string(attached(t, strings.Repeat(" ", 33<<20)))},
		{"PDF with broken deflate", invoice.CodePDF, breakAttachment(pdf)},
		{"PDF of nothing", invoice.CodePDF, "%PDF-1.7\n%%EOF\n"},
		{"PDF to be repaired at length", invoice.CodePDF, "%PDF-1.7\n" + strings.Repeat("1 0 obj\n", 10_000) + "%%EOF"},
		{"PDF of deep arrays", invoice.CodePDF, strings.Replace(pdf, "/Lang (fr-FR)", "/Lang "+strings.Repeat("[", 1_000_000), 1)},
		{"PDF encrypted", invoice.CodePDFEncrypted, encrypted(t, pdf, "secret")},
		{"PDF encrypted, open to all", invoice.CodePDFEncrypted, encrypted(t, pdf, "")},
	} {
		var err error
		took := invoicetest.Work(func() { _, err = invoice.Read([]byte(test.doc)) })
		var p *invoice.Problem
		if !errors.As(err, &p) || p.Code != test.want {
			t.Errorf("%s: %v, want %s", test.name, err, test.want)
			continue
		}
		if p.Message == "" || p.MessageFR == "" || p.Message == p.MessageFR || len([]rune(p.Error())) > 250 {
			t.Errorf("%s: message %q, %q", test.name, p.Message, p.MessageFR)
		}
		if took > 2*time.Second {
			t.Errorf("%s: took %s", test.name, took)
		}
	}
}

func TestReadTruncated(t *testing.T) {
	t.Parallel()
	i := invoicetest.Invoice{DestinataireNom: "Préfecture de l'Hérault"}
	utf16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().Bytes(bytes.Replace(i.CII(), []byte("UTF-8"), []byte("UTF-16"), 1))
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"UBL": i.UBL(), "CII": i.CII(), "FacturX": mustFacturX(t, i), "UTF-16": utf16} {
		step := 97
		if name != "FacturX" {
			step = 7 // small documents: look harder
		}
		for n := step; n < len(b)-2; n += step {
			if got := code(b[:n]); got != invoice.CodeTruncated {
				t.Errorf("%s cut at %d of %d: %q, want TRUNCATED", name, n, len(b), got)
			}
		}
	}
}

// Files that other programs wrote: object streams and cross-reference streams.
func TestReadRewrittenPDF(t *testing.T) {
	t.Parallel()
	pdf := mustFacturX(t, invoicetest.Invoice{})
	var b bytes.Buffer
	if err := api.Optimize(bytes.NewReader(pdf), &b, configuration()); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b.Bytes(), []byte("/ObjStm")) {
		t.Fatal("the rewritten PDF has no object stream: this test tests nothing")
	}
	if got, want := facts(mustRead(t, b.Bytes())), facts(mustRead(t, pdf)); got != want {
		t.Errorf("facts %s, want %s", got, want)
	}
	for _, name := range []string{"FACTUR-X.XML", "ZUGFeRD-inv.xml"} {
		renamed := strings.ReplaceAll(string(pdf), "(factur-x.xml)", "("+name+")")
		if got, want := code([]byte(renamed)) == "", strings.EqualFold(name, "factur-x.xml"); got != want {
			t.Errorf("attachment %s: read %v, want %v", name, got, want)
		}
	}
	// Only the catalog's AF, no name tree; other names, escaped.
	for _, change := range []*strings.Replacer{
		strings.NewReplacer("/EmbeddedFiles", "/EmbeddedFilez"),
		strings.NewReplacer("(factur-x.xml)", `(ZUGFeRD\055invoice.xml)`),
		strings.NewReplacer("(factur-x.xml)", "(xrechnung.xml)"),
	} {
		if d := mustRead(t, []byte(change.Replace(string(pdf)))); d.Syntaxe != invoice.SyntaxeFacturX {
			t.Errorf("read as %s", d.Syntaxe)
		}
	}
}

// configuration is pdfcpu's own, for making documents; it must leave the user's home alone.
var configuration = func() func() *model.Configuration {
	api.DisableConfigDir()
	return model.NewDefaultConfiguration
}()

// attached is a PDF with content as its factur-x.xml.
func attached(t *testing.T, content string) []byte {
	t.Helper()
	bare := strings.NewReplacer("/EmbeddedFiles", "/EmbeddedFilez", "/AF ", "/Af ").Replace(string(mustFacturX(t, invoicetest.Invoice{})))
	pdf, err := api.ReadContext(strings.NewReader(bare), configuration())
	if err != nil {
		t.Fatal(err)
	}
	if err := pdf.AddAttachment(model.Attachment{Reader: strings.NewReader(content), ID: "factur-x.xml"}, false); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := api.WriteContext(pdf, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func encrypted(t *testing.T, pdf, user string) string {
	t.Helper()
	conf := configuration()
	conf.UserPW, conf.OwnerPW = user, "owner"
	var b bytes.Buffer
	if err := api.Encrypt(strings.NewReader(pdf), &b, conf); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// breakAttachment spoils the compressed invoice and leaves the rest.
func breakAttachment(pdf string) string {
	at := strings.Index(pdf, "/EmbeddedFile /")
	at += strings.Index(pdf[at:], "stream\n") + len("stream\n") + 40
	return pdf[:at] + strings.Repeat("\xff", 60) + pdf[at+60:]
}

func zipped(t *testing.T, doc string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("facture.xml")
	return written(t, &b, w, doc, err, z.Close)
}

func gzipped(t *testing.T, doc string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	return written(t, &b, z, doc, nil, z.Close)
}

func tarred(t *testing.T, doc string) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	err := w.WriteHeader(&tar.Header{Name: "facture.xml", Mode: 0o600, Size: int64(len(doc)), Format: tar.FormatUSTAR})
	return written(t, &b, w, doc, err, w.Close)
}

func written(t *testing.T, b *bytes.Buffer, w io.Writer, doc string, err error, finish func() error) string {
	t.Helper()
	if err == nil {
		_, err = fmt.Fprint(w, doc)
	}
	if err == nil {
		err = finish()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
