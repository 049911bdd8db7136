package annuaire

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// frame is an element that is open.
type frame struct {
	name     string
	parent   bool // it has elements
	text     strings.Builder
	fields   map[string]string // of its elements that hold a text and nothing else, by their known names
	services []Service         // in it
}

// xml reads a file of elements: one that has an Identifiant in it is a recipient, one called Service that has a Code is a service of the recipient that it stands in.
func (r *reading) xml(m *metered) error {
	d := xml.NewDecoder(unmarked(m))
	d.CharsetReader = func(charset string, in io.Reader) (io.Reader, error) {
		if strings.HasPrefix(strings.ToLower(charset), "utf-16") { // unmarked has decoded it
			return in, nil
		}
		e, err := htmlindex.Get(charset)
		if err != nil {
			return nil, badXML
		}
		return e.NewDecoder().Reader(in), nil
	}
	var stack []*frame
	for {
		m.next()
		t, err := d.RawToken() // Token would remember the names of all open elements
		if errors.Is(err, io.EOF) && len(stack) == 0 {
			return nil
		}
		if err != nil {
			return badXML
		}
		switch t := t.(type) {
		case xml.StartElement:
			if len(stack) > 0 {
				stack[len(stack)-1].parent = true
			}
			if len(stack) == mostDepth {
				return tooDeep
			}
			stack = append(stack, &frame{name: plain(t.Name.Local)})
		case xml.CharData:
			if len(stack) > 0 && stack[len(stack)-1].text.Len() < 8*mostText {
				stack[len(stack)-1].text.Write(t)
			}
		case xml.EndElement:
			if len(stack) == 0 || stack[len(stack)-1].name != plain(t.Name.Local) {
				return badXML
			}
			closed := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if err := r.closed(closed, stack); err != nil {
				return err
			}
		}
	}
}

// closed takes in an element that has ended, within those that are open.
func (r *reading) closed(f *frame, open []*frame) error {
	var above *frame
	if len(open) > 0 {
		above = open[len(open)-1]
	}
	switch {
	case !f.parent:
		if above != nil && known[f.name] {
			if above.fields == nil {
				above.fields = map[string]string{}
			}
			above.fields[f.name] = short(f.text.String())
		}
		return nil
	case strings.Contains(f.name, "service") && f.fields["code"] != "":
		f.services = append(f.services, service(f.fields))
	}
	if f.fields["identifiant"] != "" {
		return r.entry(entry(f.fields, f.services))
	}
	if len(open) > 1 { // not into the root, which is no recipient
		if above.services = append(above.services, f.services...); len(above.services) > mostServices {
			return tooMany
		}
	}
	return nil
}

// unmarked gives UTF-8 where a byte-order mark says that it is UTF-16, and leaves the mark out.
func unmarked(r io.Reader) io.Reader {
	return transform.NewReader(r, unicode.BOMOverride(transform.Nop))
}
