package chorustest

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/choriste/choriste/invoice/invoicetest"
)

// plainSeeds are documents, and pieces of them, whose reading has to be the same with and without encoding/xml.
var plainSeeds = []string{
	`<a/>`, `<a></a>`, `<a b="1" c='2'>x<b:c xmlns:b="urn:b" b:d="3"/>y</a>`, "\ufeff<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a>\n<b\n c=\"d\ne\"\n/>\n<c/></a>\n<!-- end -->\n",
	`<a>&amp;&lt;&gt;&quot;&apos;&&</a>`, `<a>&amp;b&#65;</a>`, `<a>x &amp; y<!-- - -->z</a>`, `<a><!----></a>`, `<a><!--->--></a>`, `<a><!-- -- --></a>`, `<a>]]></a>`, `<a b="]]>"/>`, `<a b="<"/>`, `<a b="&amp;"/>`,
	`<a b="1" b="2"/>`, `<a b="1"c="2"/>`, `<a b = "1"/>`, `<a ></a >`, `<a></b>`, `<a>`, `</a>`, `<a/><b/>`, `<a/>x`, `x<a/>`, ``, ` `, `<a>é€😀</a>`, "<a>\x01</a>", "<a>\x7f</a>", "<a>\ufffe</a>", "<a>\xff</a>",
	"<a>x\r\ny</a>", `<a:b/>`, `<xmlns:a/>`, `<a xmlns:b=""/>`, `<a xmlns:xmlns="x"/>`, `<a xmlns:xml="http://www.w3.org/XML/1998/namespace"/>`, `<a xmlns="" xml:lang="fr"/>`, `<a xmlns="u"><b xmlns=""/></a>`,
	`<a-b/>`, `<é/>`, `<a><![CDATA[<b>]]></a>`, `<!DOCTYPE a><a/>`, `<?pi x?><a/>`, `<a><?xml version="1.0"?></a>`, ` <?xml version="1.0"?><a/>`, `<?xml version="1.1"?><a/>`, `<a b/>`, `<a b=1/>`, `<a b="1/>`, `<1a/>`, `<a 1b="x"/>`,
	`<a><b:c xmlns:b="u"></b:c><c></c></a>`, `<a><b:c xmlns:b="u"></c></a>`, `<a></a:a>`, `<a:b xmlns:a="u"></ab>`, `<a`, `<a b="1"`, `<`, `<a><`, `<a></`, `<!--`, `<!-- -`, `<a:/>`, `<:a/>`, `<a:b:c/>`, `<a/ >`, `<a b="x"/ >`,
	`<a>&#39;&#x27;&#233;&#x1F600;&#10FFFF;</a>`, `<a>&#13;</a>`, `<a>&#9;</a>`, `<a>&#0;</a>`, `<a>&#xD800;</a>`, `<a>&#xFFFE;</a>`, `<a>&#x110000;</a>`, `<a>&#;</a>`, `<a>&#x;</a>`, `<a>&#X41;</a>`, `<a>&#+65;</a>`, `<a>&#6_5;</a>`, `<a>&#000065;</a>`,
	`<a>&#65</a>`, `<a>&#127;&#x80;</a>`, `<a>]&#93;></a>`,
	`<a b:c="1" xmlns:b="u" d:c="2" xmlns:d="u"/>`,
}

// samePlain reads a document both ways.
func samePlain(document []byte) (plain bool, err error) {
	fast, plain := readPlain(document)
	if !plain {
		return false, nil
	}
	bound := bind(fast, map[string]string{"xml": xmlSpace})
	slow, wrong := parseAnyXML(document)
	if fmt.Sprint(bound) != fmt.Sprint(wrong) {
		return true, fmt.Errorf("%w, and not %w", bound, wrong)
	}
	if wrong == nil && !sameNode(fast, slow) {
		return true, fmt.Errorf("another tree")
	}
	return true, nil
}

func sameNode(a, b *node) bool {
	if a.space != b.space || a.name != b.name || a.line != b.line || string(a.text) != string(b.text) || len(a.attrs) != len(b.attrs) || len(a.attrs) > 0 && !reflect.DeepEqual(a.attrs, b.attrs) || len(a.children) != len(b.children) {
		return false
	}
	for i := range a.children {
		if !sameNode(a.children[i], b.children[i]) {
			return false
		}
	}
	return true
}

// TestPlain: what is read without encoding/xml is read as with it, and the samples are.
func TestPlain(t *testing.T) {
	known := 0
	for _, text := range plainSeeds {
		plain, err := samePlain([]byte(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if plain {
			known++
		}
	}
	if known < 20 {
		t.Errorf("%d of %d are plain", known, len(plainSeeds))
	}
}

// TestInvoicesArePlain: what programs write is read without encoding/xml; else a deposit costs twice as much.
func TestInvoicesArePlain(t *testing.T) {
	invoice := invoicetest.Invoice{Numero: "F-1", Date: time.Now(), CodeService: "S & T", Engagement: "l'été <1>"}
	for name, document := range map[string][]byte{"UBL": invoice.UBL(), "CII": invoice.CII()} {
		if plain, err := samePlain(document); !plain || err != nil {
			t.Errorf("%s: plain %v, %v", name, plain, err)
		}
	}
}

func FuzzPlain(f *testing.F) {
	for _, text := range plainSeeds {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		if _, err := samePlain(document); err != nil {
			t.Error(err)
		}
	})
}
