package tree

import (
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// anyRoot wants every document.
func anyRoot(xml.Name) error { return nil }

// samples are documents as programs write them.
func samples(t testing.TB) map[string]string {
	all := map[string]string{}
	for _, pattern := range []string{"../testdata/*.xml", "../rules/testdata/*.xml", "../rules/testdata/cases/*.xml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no documents at %s: %v", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all[filepath.Base(file)] = string(text)
		}
	}
	return all
}

// asBoth reads a document both ways and says where they part; plain tells whether the plain way took it.
func asBoth(text string) (plain bool, difference string) {
	if lookAhead([]byte(text)) != nil {
		return false, ""
	}
	got, done, err := parsePlain([]byte(text), anyRoot)
	if !done {
		return false, ""
	}
	want, wantErr := parseAny([]byte(text), anyRoot)
	if err != nil || wantErr != nil {
		return true, fmt.Sprintf("the decoder says %v, the plain way %v", wantErr, err)
	}
	if a, b := written(got.Root), written(want.Root); a != b {
		return true, "the trees differ:\n" + a + "\n" + b
	}
	if len(got.ByName) != len(want.ByName) {
		return true, "the names differ"
	}
	for name, all := range want.ByName {
		if fmt.Sprint(places(all)) != fmt.Sprint(places(got.ByName[name])) {
			return true, "the lists of " + name + " differ"
		}
	}
	return true, ""
}

func places(all []*Element) (places []string) {
	for _, e := range all {
		places = append(places, e.Place())
	}
	return places
}

// written is all that is known of an element.
func written(e *Element) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %q %d %v %q %d\n", e.Name, e.Text, e.Size, e.Base64, e.Attrs, e.Line)
	for _, k := range e.Kids {
		if k.Parent != e {
			b.WriteString("not its parent\n")
		}
		b.WriteString(written(k))
	}
	return b.String()
}

// oddities are put into documents: each is near to what is plain, or not plain at all.
var oddities = []string{
	"&amp;", "&apos;", "&lt;&gt;&quot;", "&amp", "&;", "& ", "&nbsp;", "&#233;", "&#xE9;", "&#XE9;", "&#13;\n", "\r&#10;", "&#xD800;", "&#xfffd;", "&#xffff;", "&#0;", "&#1;", "&#x10ffff;", "&#x110000;", "&#00000000065;", "&#+65;", "&#6_5;", "&#;", "&#x;", "]]&gt;", "]&#93;>", "\r\n", "\r", "\t", "\n\n", "]]>", "]]", "<![CDATA[a<b]]>", "<![CDATA[]]>", "<![CDATA[a\r\nb]]>", "<![CDATA[\x01]]>", "<![CDATA[]]]]>", "<![CDATA[ \u00e9&#xD800;]]>", "<![CDATA[", "<!-- x -->", "<!---->", "<!-->", "<!--->", "<!-- - -->", "<!-- -- -->", "<!-- --->", "<!--\x01-->", "<!--\r-->", "<!--<a>&\n-->", "<!--", "<?pi x?>", "<!DOCTYPE x>",
	"<x/>", "<x />", "</x>", "<x:y/>", "<x a='1' b=\"2\"/>", "<x a='1' a='2'/>", "<x a='1'b='2'/>", "<x a = '1'/>", "<x xmlns='urn:x:y'><z/></x>", "<x xmlns=''/>", "<x xmlns:q='urn:q:q'><q:z q:a='1' a='2'/></x><q:w/>", "<q:z xmlns:q='urn:q:q' q:a='1'/><q:z xmlns:q='urn:q:r' q:a='1'/>", "<q:z xmlns:q='urn:q:q' q:a='1'/><q:z/>",
	"<x xmlns:q='urn:q:q' xmlns:r='urn:q:q' q:a='1' r:a='1'/>",
	"<x xmlns:q='urn:q:q' xmlns:q='urn:q:r'/>", "<x xmlns:q='odd'><q:z/></x>", "<x xml:lang='fr'/>", "<x a:xmlns='1'/>", "<x a='&amp;\r\n]]>é'/>", "<é/>", "<1/>", "<a:1/>", "<a:b:c/>", "<:a/>", "<a:/>", "<x", ">", "<", "/", "\"", "'", "=",
	"\u00e9", "\u00a0", "\ufffd", "\ufffe", "\x01", "\x7f", "\xff", ":", " xmlns:r='urn:r:r'", " xmlns='urn:r:r'", " a='1'", " a='1' a='1'", " cbc:a='1'",
	"<q:BinaryObject xmlns:q='urn:q:q'>QUJD</q:BinaryObject>", "<xBinaryObject>QUJ\r\nD</xBinaryObject>", "<xBinaryObject>QU&amp;</xBinaryObject>",
}

func TestPlainIsTheSame(t *testing.T) {
	t.Parallel()
	chance := rand.New(rand.NewPCG(1, 2))
	var tried, plain int
	try := func(name, text string) {
		tried++
		is, difference := asBoth(text)
		if is {
			plain++
		}
		if difference != "" {
			t.Errorf("%s: %s\n%s", name, difference, text)
		}
	}
	for name, text := range samples(t) {
		if plain, _ := asBoth(text); !plain {
			t.Errorf("%s is not read the plain way", name)
		}
		try(name, text)
		for n := range 200 {
			changed := text
			for range 1 + n%2 {
				at := chance.IntN(len(changed))
				if n%3 > 0 { // where a tag ends, so that it stands in a text
					at += 1 + strings.IndexByte(changed[at:], '>')
				}
				cut := min(len(changed), at+chance.IntN(3)*(n%5/4))
				changed = changed[:at] + oddities[chance.IntN(len(oddities))] + changed[cut:]
			}
			try(name, changed)
		}
	}
	t.Logf("%d of %d documents were plain", plain, tried)
	if plain < tried/8 {
		t.Errorf("only %d of %d documents were read the plain way", plain, tried)
	}
}

func TestPlainRoot(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"<a", "<a b='1' b='1'/>", "<x:a/>", "<a/>", "<a/><b/>", "", " ", "x", "</a>", "<a></b>", "<a>", "<a/>x"} {
		refused := fmt.Errorf("not wanted")
		refuse := func(xml.Name) error { return refused }
		_, got := Parse([]byte(text), refuse)
		_, want := parseAny([]byte(text), refuse)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, the decoder says %v", text, got, want)
		}
		if _, difference := asBoth(text); difference != "" {
			t.Errorf("%s: %s", text, difference)
		}
	}
}

func TestPlainTooMany(t *testing.T) {
	t.Parallel()
	const declared = `<?xml version="1.0" encoding="UTF-8"?>`
	for _, text := range []string{declared + "<a>" + strings.Repeat("<b/>", MaxElements) + "</a>", declared + "<a>" + strings.Repeat("<b/>", MaxElements-1) + "</a>", "<a>\n" + strings.Repeat("<b/>\n", MaxElements) + "</a>", "<a>" + strings.Repeat("<b/>", MaxElements-1) + "\n<!-- x --></a>"} {
		_, got := Parse([]byte(text), anyRoot)
		_, want := parseAny([]byte(text), anyRoot)
		if want == nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%v, the decoder says %v", got, want)
		}
	}
}

func FuzzPlain(f *testing.F) {
	for _, text := range samples(f) {
		f.Add(text)
	}
	for _, text := range oddities {
		f.Add("<x>" + text + "</x>")
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, difference := asBoth(text); difference != "" {
			t.Error(difference)
		}
	})
}
