package invoice_test

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/invoice/invoicetest"
)

// pdfWriter writes PDFs that no program would write.
type pdfWriter struct {
	bytes.Buffer
	at []int
}

func newPDF() *pdfWriter {
	w := &pdfWriter{}
	w.WriteString("%PDF-1.7\n")
	return w
}

// object writes the next object and returns its number.
func (w *pdfWriter) object(body string) int {
	w.at = append(w.at, w.Len())
	_, _ = fmt.Fprintf(w, "%d 0 obj\n%s\nendobj\n", len(w.at), body)
	return len(w.at)
}

func (w *pdfWriter) stream(dict, data string) int {
	return w.object(fmt.Sprintf("<<%s/Length %d>>\nstream\n%s\nendstream", dict, len(data), data))
}

// end writes the cross-reference; extra goes into the trailer.
func (w *pdfWriter) end(extra string) []byte {
	x := w.Len()
	_, _ = fmt.Fprintf(w, "xref\n0 %d\n0000000000 65535 f \n", len(w.at)+1)
	for _, at := range w.at {
		_, _ = fmt.Fprintf(w, "%010d 00000 n \n", at)
	}
	_, _ = fmt.Fprintf(w, "trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n", len(w.at)+1, extra, x)
	return w.Bytes()
}

func deflated(s string) string {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return b.String()
}

// attachments is a PDF with n attached files, the last of them called last.
func attachments(n int, last, content string) []byte {
	w := newPDF()
	w.object("<</Type/Catalog/Names<</EmbeddedFiles<</Names 2 0 R>>>>>>")
	var names strings.Builder
	for i := range n {
		_, _ = fmt.Fprintf(&names, "(f%d)%d 0 R ", i, 3+2*i)
	}
	w.object("[" + names.String() + "]")
	for i := range n {
		name, text := fmt.Sprintf("f%d.txt", i), "x"
		if i == n-1 {
			name, text = last, content
		}
		w.object(fmt.Sprintf("<</Type/Filespec/F(%s)/EF<</F %d 0 R>>>>", name, 4+2*i))
		w.stream("", text)
	}
	return w.end("")
}

// hostileDocuments are made to cost as much as a document of ten megabytes can.
func hostileDocuments() map[string]func() []byte {
	i := invoicetest.Invoice{}
	ubl := string(i.UBL())
	repeated := func(head, part, tail string) func() []byte {
		return func() []byte { return []byte(head + strings.Repeat(part, (9<<20)/len(part)) + tail) }
	}
	within := func(part string) func() []byte {
		return func() []byte {
			return []byte(strings.Replace(ubl, "</Invoice>", strings.Repeat(part, (9<<20)/len(part))+"</Invoice>", 1))
		}
	}
	docs := map[string]func() []byte{
		"33,000 attachments": func() []byte { return attachments(33_000, "z.txt", "x") },
		"50,000 attachments": func() []byte { return attachments(50_000, "z.txt", "x") },
		"a bomb attached": func() []byte {
			w := newPDF()
			w.object("<</Type/Catalog/AF[2 0 R]>>")
			w.object("<</F(factur-x.xml)/EF<</F 3 0 R>>>>")
			w.stream("/Filter/FlateDecode", deflated(strings.Repeat(" ", 200<<20)))
			return w.end("")
		},
		"a bomb in a bomb": func() []byte {
			w := newPDF()
			w.object("<</Type/Catalog/AF[2 0 R]>>")
			w.object("<</F(factur-x.xml)/EF<</F 3 0 R>>>>")
			w.stream("/Filter[/FlateDecode/FlateDecode/FlateDecode]", deflated(deflated(deflated(strings.Repeat(" ", 200<<20)))))
			return w.end("")
		},
		"a thousand object streams": func() []byte {
			w := newPDF()
			w.object("<</Type/Catalog/AF[2 0 R]>>")
			bomb := deflated(strings.Repeat("9 0 ", 2<<20))
			for range 900 {
				w.stream("/Type/ObjStm/N 100000/First 8000000/Filter/FlateDecode", bomb)
			}
			return append(w.end(""), "\nstartxref\n1\n%%EOF"...)
		},
		"object streams within themselves": func() []byte {
			w := newPDF()
			w.object("<</Type/Catalog/AF[2 0 R]>>")
			var x strings.Builder
			for n := range 60_000 {
				_, _ = fmt.Fprintf(&x, "\x02%c%c%c\x00", 0, (n+1)>>8&0xff, (n+1)&0xff)
			}
			at := w.Len()
			w.stream(fmt.Sprintf("/Type/XRef/W[1 3 1]/Root 1 0 R/Size %d", 60_000), x.String())
			return append(w.Bytes(), fmt.Sprintf("startxref\n%d\n%%%%EOF", at)...)
		},
		"a reference to itself": func() []byte {
			w := newPDF()
			w.object("2 0 R")
			w.object("1 0 R")
			return w.end("")
		},
		"a length that is its own stream": func() []byte {
			w := newPDF()
			w.object("<</Type/Catalog/AF[2 0 R]>>")
			w.object("<</Length 2 0 R>>\nstream\nx\nendstream")
			return w.end("")
		},
		"a tree without end": func() []byte {
			w := newPDF()
			w.object("<</Type/Catalog/Names<</EmbeddedFiles 2 0 R>>>>")
			w.object("<</Kids[" + strings.Repeat("2 0 R ", 150_000) + "]>>")
			return w.end("")
		},
		"cross-references in a circle": func() []byte {
			w := newPDF()
			w.object("<</Type/Catalog>>")
			return w.end(fmt.Sprintf("/Prev %d", w.Len()))
		},
		"a cross-reference of everything": func() []byte {
			var b bytes.Buffer
			b.WriteString("%PDF-1.7\nxref\n0 9999999999\n")
			for n := range 450_000 {
				_, _ = fmt.Fprintf(&b, "%010d 00000 n \n", n)
			}
			b.WriteString("trailer<</Root 1 0 R>>\nstartxref\n9\n%%EOF")
			return b.Bytes()
		},
		"an inflated cross-reference": func() []byte {
			w := newPDF()
			at := w.Len()
			w.stream("/Type/XRef/W[1 3 1]/Root 1 0 R/Size 99999999/Filter/FlateDecode", deflated(strings.Repeat("\x01abcd", 20<<20)))
			return append(w.Bytes(), fmt.Sprintf("startxref\n%d\n%%%%EOF", at)...)
		},
		"200,000 attributes": func() []byte {
			var b strings.Builder
			for n := range 600_000 {
				_, _ = fmt.Fprintf(&b, " a%d=''", n)
			}
			return []byte(strings.Replace(ubl, "<cbc:ID", "<cbc:ID"+b.String(), 1))
		},
		"200,000 namespaces": func() []byte {
			var b strings.Builder
			for n := range 400_000 {
				_, _ = fmt.Fprintf(&b, " xmlns:a%d='u'", n)
			}
			return []byte(strings.Replace(ubl, "<cbc:ID", "<cbc:ID"+b.String(), 1))
		},
		"one attribute": func() []byte {
			return []byte(strings.Replace(ubl, "<cbc:ID", "<cbc:ID a='"+strings.Repeat("x", 9<<20)+"'", 1))
		},
		"one name": func() []byte {
			return []byte(strings.Replace(ubl, "</Invoice>", "<"+strings.Repeat("x", 9<<20)+"/></Invoice>", 1))
		},
		"one comment":        within("<!--" + strings.Repeat("x", 4<<20) + "-->"),
		"comments":           within("<!--x-->"),
		"instructions":       within("<?x y?>"),
		"CDATA":              within("<![CDATA[x]]>"),
		"references":         within("&#120;"),
		"entities":           within("&amp;"),
		"one text":           within("x"),
		"elements":           within("<a/>"),
		"elements with text": within("<a>x</a>"),
		"a declaration":      func() []byte { return []byte(`<?xml version="1.0" ` + strings.Repeat(" ", 9<<20) + `?>` + ubl) },
		"UTF-16": func() []byte {
			return append([]byte("\xff\xfe"), bytes.Repeat([]byte("<\x00\x00\x4e"), 2<<20)...)
		},
		"Latin-1": func() []byte {
			return []byte(strings.Replace(strings.Replace(ubl, "UTF-8", "ISO-8859-1", 1), "</Invoice>", strings.Repeat("\xe9", 9<<20)+"</Invoice>", 1))
		},
		"9 MB of objects":      repeated("%PDF-1.7\n", "1 0 obj\n", "\n%%EOF\n"),
		"9 MB of dictionaries": repeated("%PDF-1.7\n", "1 0 obj<</A 1>>endobj\n", "\n%%EOF\n"),
		"9 MB of streams":      repeated("%PDF-1.7\n", "stream\n", "\n%%EOF\n"),
		"9 MB of different objects": func() []byte {
			var b bytes.Buffer
			b.WriteString("%PDF-1.7\n")
			for n := 0; b.Len() < 9<<20; n++ {
				_, _ = fmt.Fprintf(&b, "%d 0 obj 1\n", n)
			}
			b.WriteString("%%EOF")
			return b.Bytes()
		},
		"white space": repeated("", " ", ubl),
		"an XML of 10 MB attached": func() []byte {
			return attachments(1, "factur-x.xml", strings.Replace(string(i.CII()), "</rsm:CrossIndustryInvoice>", strings.Repeat("<a>x</a>", 1_100_000)+"</rsm:CrossIndustryInvoice>", 1))
		},
	}
	// Whatever a parser of PDFs looks for, over and over, in a file without a usable cross-reference.
	for _, part := range []string{
		"1 0 obj\n", "1 0 obj<</A 1>>endobj\n", "1 0 obj<<", "1 0 obj[", "1 0 obj(", "1 0 obj<", "1 0 obj<</Length 9>>stream\n", "stream\n", "endstream ", "xref\n0 1\n",
		"trailer<</Root 1 0 R>>\n", "trailer<<", "trailer ", "startxref\n9\n", "%%EOF\n", "[", "<<", "(", "((\\", "<", "/", "/A", "%", "%\n", "obj", " obj", "0 obj", "1 0 R ", "1 ",
		"<</Type/ObjStm/N 9/First 9>>stream\nendstream ", "1 0 obj<</Type/ObjStm/N 9/First 9>>stream\nendstream ", "1 0 obj<</Type/XRef>>stream\nendstream ",
		"/Type/Catalog ", "1 0 obj<</Type/Catalog/AF[1 0 R]>>", "\n", "\x00", "9999999999 0 obj ", "1 0 obj 2 0 R ", "#20", "/#", ">>", "]", ")", "\\",
	} {
		many := func(head, part, tail string) func() []byte {
			return func() []byte { return []byte(head + strings.Repeat(part, (2<<20)/len(part)) + tail) }
		}
		docs["PDF of "+part] = many("%PDF-1.7\n", part, "\n%%EOF\n")
		docs["PDF of "+part+", referred to"] = many("%PDF-1.7\n", part, "\ntrailer<</Root 1 0 R>>\nstartxref\n9\n%%EOF\n")
	}
	random := rand.New(rand.NewPCG(1, 2))
	facturX, _ := i.FacturX()
	for n := range 40 {
		docs[fmt.Sprint("a spoiled PDF ", n)] = func() []byte {
			b := bytes.Clone(facturX)
			for range 1 + random.IntN(20) {
				b[random.IntN(len(b)-10)] = byte(random.IntN(256))
			}
			return b
		}
	}
	return docs
}

// TestHostileDocumentsCostLittle: no document takes more than a second of work, or more memory than some times the largest one has.
func TestHostileDocumentsCostLittle(t *testing.T) {
	docs := hostileDocuments()
	if len(docs) < 100 {
		t.Fatalf("only %d documents", len(docs))
	}
	for name, make := range docs {
		doc := make()
		name = fmt.Sprintf("%.60q", name)
		if len(doc) > invoice.MaxBytes {
			t.Errorf("%s has %d bytes: it is refused for its size", name, len(doc))
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var err error
		took := invoicetest.Work(func() { _, err = invoice.Read(doc) })
		runtime.ReadMemStats(&after)
		var p *invoice.Problem
		if err != nil && !errors.As(err, &p) {
			t.Errorf("%s: %v", name, err)
		}
		if spent := (after.TotalAlloc - before.TotalAlloc) >> 20; spent > 192 {
			t.Errorf("%s: %d MiB allocated", name, spent)
		}
		if took > 2*time.Second { // a second, on a machine that has nothing else to do
			t.Errorf("%s: %s", name, took)
		}
		if testing.Verbose() {
			t.Logf("%s: %d MiB, %s, %.80v", name, (after.TotalAlloc-before.TotalAlloc)>>20, took.Round(time.Millisecond), err)
		}
	}
}

// TestManyAttachments: the invoice is found among tens of thousands of files.
func TestManyAttachments(t *testing.T) {
	t.Parallel()
	i := invoicetest.Invoice{}
	d, err := invoice.Read(attachments(33_000, "factur-x.xml", string(i.CII())))
	if err != nil || d.Syntaxe != invoice.SyntaxeFacturX {
		t.Fatal(err)
	}
}
