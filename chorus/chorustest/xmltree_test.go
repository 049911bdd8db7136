package chorustest

import (
	"strings"
	"testing"
)

// TestNamesAndTags: what is decided without the regular expressions is decided as they do.
func TestNamesAndTags(t *testing.T) {
	for _, name := range []string{"a", "Z9", "Invoice", "_a", "é", "a-b", "a.b", "9a", "", " ", "a b", "[", "`", "a[", "{", "@", "a@", "a\x00", "A:b", "·", "a·"} {
		if got, want := isName(name), nameForm.MatchString(name); got != want {
			t.Errorf("%q: %v, and not %v", name, got, want)
		}
	}
	for _, x := range []struct {
		tag  string
		fine bool
	}{
		{"<a>", true},
		{"<b:a>", true},
		{"<a/>", true},
		{"<b:a />", true},
		{"<b:é>", true},
		{`<a x="1" y='2'>`, true},
		{"<:a>", false},
		{"<a:>", false},
		{"<a:b:c>", false},
		{"<1a>", false},
		{`<a x="1"y="2">`, false},
		{"<a&b>", false},
	} {
		_, err := parseXML([]byte(`<r xmlns:b="urn:b">` + x.tag + closing(x.tag) + `</r>`))
		if (err == nil) != x.fine {
			t.Errorf("%s: %v", x.tag, err)
		}
	}
}

// closing is the end tag that a start tag wants.
func closing(tag string) string {
	if strings.HasSuffix(tag, "/>") {
		return ""
	}
	name, _, _ := strings.Cut(strings.Trim(tag, "<>"), " ")
	return "</" + name + ">"
}
