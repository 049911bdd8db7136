// Package visible makes texts that others wrote fit for a terminal: references, names of people, words of the portal may hold escape sequences that move
// the cursor, change colours or the window's title, or turn the order of the letters around. They are shown as \x1b and the like.
package visible

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"
)

// Text shows every control, invisible and direction-changing character of s as an escape, line breaks and tabs too.
func Text(s string) string { return escape(s, `\x%02x`, `\u%04x`, "") }

// MostShort is how much Short leaves, in characters.
const MostShort = 60

// Short is Text, cut so that it fits into a line that says something else.
func Short(s string) string {
	if len(s) > 4*MostShort { // bytes; no more is needed
		s = s[:4*MostShort]
		for len(s) > 0 && !utf8.RuneStart(s[len(s)-1]) {
			s = s[:len(s)-1]
		}
	}
	r := []rune(Text(s))
	if len(r) <= MostShort {
		return string(r)
	}
	return string(r[:MostShort-1]) + "…"
}

func escape(s, short, long, kept string) string {
	clean := true
	for i, r := range s {
		if hidden(r) && !strings.ContainsRune(kept, r) || r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD") {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			_, _ = fmt.Fprintf(&b, short, s[i])
		case !hidden(r) || strings.ContainsRune(kept, r):
			b.WriteString(s[i : i+n])
		case r < 0x80:
			_, _ = fmt.Fprintf(&b, short, r)
		case r > 0xffff && short == long: // JSON
			_, _ = fmt.Fprintf(&b, long, 0xd800+(r-0x10000)>>10)
			_, _ = fmt.Fprintf(&b, long, 0xdc00+(r-0x10000)&0x3ff)
		default:
			_, _ = fmt.Fprintf(&b, long, r)
		}
		i += n
	}
	return b.String()
}

func hidden(r rune) bool {
	return r < ' ' || r >= 0x7f && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs)
}

// Sprintf is fmt.Sprintf whose arguments are shown as Text does.
func Sprintf(format string, args ...any) string {
	shown := make([]any, len(args))
	for i, a := range args {
		shown[i] = arg(a)
	}
	return fmt.Sprintf(format, shown...)
}

func arg(a any) any {
	switch a := a.(type) {
	case nil:
		return a
	case string:
		return Text(a)
	case json.RawMessage:
		return Text(string(a))
	case error:
		return Text(a.Error())
	case fmt.Stringer:
		v := reflect.ValueOf(a)
		if v.CanInt() || v.CanUint() || v.Kind() == reflect.Pointer && v.IsNil() {
			return a // perhaps for %d
		}
		return Text(a.String())
	}
	if v := reflect.ValueOf(a); v.Kind() == reflect.String {
		return Text(v.String())
	}
	return a
}

// Writer passes lines of text on and shows in them what Text shows, but for line breaks and tabs: it catches what no Sprintf has seen. With JSON, the
// escapes are those of JSON, so that an object stays what it is.
type Writer struct {
	Out  io.Writer
	JSON bool
	rest string // the beginning of a character
}

// Write implements io.Writer.
func (w *Writer) Write(b []byte) (int, error) {
	s := w.rest + string(b)
	w.rest = ""
	for n := 1; n < utf8.UTFMax && n <= len(s); n++ {
		if tail := s[len(s)-n:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRuneInString(tail) {
				s, w.rest = s[:len(s)-n], tail
			}
			break
		}
	}
	short, long := `\x%02x`, `\u%04x`
	if w.JSON {
		short = long
	}
	if _, err := io.WriteString(w.Out, escape(s, short, long, "\n\t")); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Table aligns columns that tabs separate.
type Table struct {
	out   io.Writer
	lines bytes.Buffer
	w     *tabwriter.Writer
	width int
	paint func(line string) string
}

// NewTable writes to out when it is flushed.
func NewTable(out io.Writer) *Table {
	t := &Table{out: out}
	t.w = tabwriter.NewWriter(&t.lines, 0, 0, 2, ' ', 0)
	return t
}

// Fit cuts every line to a width in characters, and has paint colour it afterwards. 0 and nil leave the lines as they are.
func (t *Table) Fit(width int, paint func(line string) string) *Table {
	t.width, t.paint = width, paint
	return t
}

// Printf adds a line, or a part of one; the tabs and line breaks of format alone count.
func (t *Table) Printf(format string, args ...any) {
	_, _ = io.WriteString(t.w, Sprintf(format, args...))
}

// Flush writes the table.
func (t *Table) Flush() error {
	if err := t.w.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(t.lines.String()) {
		line = strings.TrimSuffix(line, "\n")
		if r := []rune(line); t.width > 0 && len(r) > t.width {
			line = string(r[:t.width-1]) + "…"
		}
		if t.paint != nil {
			line = t.paint(line)
		}
		if _, err := io.WriteString(t.out, line+"\n"); err != nil {
			return err
		}
	}
	t.lines.Reset()
	return nil
}
