package chorustest

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

// The operations' fields stand in interface/*.txt, each file in this notation:
//
//	factures/v1/consulter/historique        the route, below /cpro/
//	  asks idFacture!:i libre …             fields of the request
//	  says codeRetour:i …                   fields of the answer
//	name = A B C                            an enumeration
//
// A field is its name, ! when the request is refused without it, and after a colon its type: i integer, n number, b boolean, d date, s text (the
// default), o an object of which nothing is said, e(A|B) or @name one of these values, {…} an object, […] a list, […]? a list or one element of it.

//go:embed interface/*.txt
var interfaceFiles embed.FS

// described is what one operation is asked and says.
type described struct{ asks, says fields }

// descriptions are all of them, by route; enumerations the named lists of values.
var descriptions, enumerations = readInterface()

func readInterface() (map[string]described, map[string][]string) {
	var lines []string
	names, err := fs.Glob(interfaceFiles, "interface/*.txt")
	if err != nil {
		panic(err)
	}
	for _, name := range names {
		text, err := interfaceFiles.ReadFile(name)
		if err != nil {
			panic(err)
		}
		for line := range strings.Lines(string(text)) {
			line = strings.TrimRight(line, "\n")
			switch {
			case line == "" || strings.HasPrefix(line, "#"):
			case strings.HasPrefix(line, "     "): // goes on
				lines[len(lines)-1] += " " + strings.TrimSpace(line)
			default:
				lines = append(lines, line)
			}
		}
	}
	values := map[string][]string{}
	for _, line := range lines {
		if name, list, is := strings.Cut(line, " = "); is {
			values[name] = strings.Fields(list)
		}
	}
	all, route := map[string]described{}, ""
	for _, line := range lines {
		d := all[route]
		if text, is := strings.CutPrefix(line, "  asks "); is {
			d.asks = parseFields(text, values)
		} else if text, is := strings.CutPrefix(line, "  says "); is {
			d.says = parseFields(text, values)
		} else {
			route = line
			continue
		}
		all[route] = d
	}
	return all, values
}

// notation reads fields. The files are our own: what is wrong in them panics at the start.
type notation struct {
	text   string
	values map[string][]string
}

func parseFields(text string, values map[string][]string) fields {
	n := &notation{text + "}", values}
	return n.object()
}

func (n *notation) object() fields {
	fs := fields{}
	for {
		n.text = strings.TrimLeft(n.text, " ")
		if n.take("}") {
			return fs
		}
		name := n.until(" !:}")
		f := field{required: n.take("!")}
		if n.take(":") {
			required := f.required
			f = n.value()
			f.required = required
		}
		fs[name] = f
	}
}

func (n *notation) value() field {
	switch {
	case n.take("{"):
		return field{kind: nested, fields: n.object()}
	case n.take("["):
		element := n.value()
		if !n.take("]") {
			panic(fmt.Sprintf("notation: a list without end at %.40q", n.text))
		}
		return field{kind: list, elements: element.kind, fields: element.fields, enum: element.enum, single: n.take("?")}
	case n.take("e("):
		values := strings.Split(n.until(")"), "|")
		n.text = n.text[1:]
		return field{enum: values}
	case n.take("@"):
		name := n.until(" ]}")
		if n.values[name] == nil {
			panic("notation: no enumeration " + name)
		}
		return field{enum: n.values[name]}
	}
	letter := n.until(" ]}")
	k, known := map[string]kind{"i": integer, "n": number, "b": boolean, "d": date, "s": text, "o": anything}[letter]
	if !known {
		panic(fmt.Sprintf("notation: no type %q", letter))
	}
	return field{kind: k}
}

func (n *notation) take(prefix string) bool {
	rest, is := strings.CutPrefix(n.text, prefix)
	if is {
		n.text = rest
	}
	return is
}

func (n *notation) until(ends string) string {
	i := strings.IndexAny(n.text, ends)
	if i < 1 {
		panic(fmt.Sprintf("notation: nothing where a name should be: %.40q", n.text))
	}
	word := n.text[:i]
	n.text = n.text[i:]
	return word
}

// complete adds to an answer, as null, what the description has and it has not: the portal leaves no key away (docs/chorus-pro.md §4).
func (fs fields) complete(o object) {
	for name, f := range fs {
		value, there := o[name]
		if !there {
			o[name] = nil
			continue
		}
		switch f.kind {
		case nested:
			if within, is := asObject(value); is {
				f.fields.complete(within)
			}
		case list:
			if all, is := value.([]any); is && f.elements == nested {
				for _, x := range all {
					if within, is := asObject(x); is {
						f.fields.complete(within)
					}
				}
			}
		}
	}
}
