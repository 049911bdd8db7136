package visible

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
)

const hostile = "a\x1b[31m\x1b]0;t\x07\x00\r\n\t\x7f\u009b31m\u202e\u2066\u200b\u2028\ufeff\U000e0041\xff\xc3é€😀"

func TestText(t *testing.T) {
	const want = `a\x1b[31m\x1b]0;t\x07\x00\x0d\x0a\x09\x7f\u009b31m\u202e\u2066\u200b\u2028\ufeff\ue0041\xff\xc3é€😀`
	if got := Text(hostile); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	for _, plain := range []string{"", "Été à l'œuvre — 100 % 😀", "a\\x1b"} {
		if Text(plain) != plain {
			t.Errorf("%q became %q", plain, Text(plain))
		}
	}
	type state string
	if got := Sprintf("%s|%v|%d|%s|%v\n", "a\nb", state("\x1b"), 7, time.Second, nil); got != "a\\x0ab|\\x1b|7|1s|<nil>\n" {
		t.Errorf("%q", got)
	}
}

// TestWriter: cut anywhere, nothing hidden passes, and JSON stays what it is.
func TestWriter(t *testing.T) {
	object, err := json.Marshal(map[string]any{"text": strings.ToValidUTF8(hostile, "?"), "raw": json.RawMessage("\"\u009b\u202e\U000e0041\"")})
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(object) {
		var b bytes.Buffer
		w := &Writer{Out: &b, JSON: true}
		for _, part := range [][]byte{object[:cut], object[cut:], []byte("\n")} {
			if n, err := w.Write(part); n != len(part) || err != nil {
				t.Fatal(n, err)
			}
		}
		var back, want map[string]string
		if json.Unmarshal(object, &want) != nil || json.Unmarshal(b.Bytes(), &back) != nil || back["text"] != want["text"] || back["raw"] != want["raw"] {
			t.Fatalf("cut at %d: %s", cut, b.String())
		}
		if i := strings.IndexFunc(b.String(), func(r rune) bool { return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) }); i >= 0 {
			t.Fatalf("cut at %d: %q", cut, b.String())
		}
	}
	var b bytes.Buffer
	table := NewTable(&Writer{Out: &b})
	table.Printf("%s\t%s\n", "a\tb\nc", "\x1b[2J")
	table.Printf("%s\t%s\n", "x", "y")
	if err := table.Flush(); err != nil || b.String() != "a\\x09b\\x0ac  \\x1b[2J\nx            y\n" {
		t.Errorf("%q %v", b.String(), err)
	}
}
