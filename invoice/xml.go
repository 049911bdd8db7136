package invoice

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

const (
	maxDepth    = 100
	maxElements = 200_000
	maxText     = 4096 // bytes kept of one element's text
	maxTag      = 64 << 10
	maxValues   = 100 // values kept of one repeated element
)

// value is one element of the document that was asked for.
type value struct {
	text   string // exactly as written
	scheme string // schemeID, else schemeName
	devise string // currencyID
}

// table holds what was found at each wanted path, in the document's order.
type table map[string][]value

// readXML reads UBL or CII in any of the accepted encodings.
func readXML(b []byte) (*Document, *Problem) {
	text, p := toUTF8(b)
	if p != nil {
		return nil, p
	}
	if i := bytes.IndexByte(text, 0); i >= 0 {
		return nil, problemf(CodeControlCharacters, "", "the document contains a NUL character: XML allows none",
			"le document contient un caractère NUL, que XML interdit")
	}
	if tagTooLong(text) {
		return nil, problemf(CodeXML, "", "the document has a tag of more than %d bytes: attributes are short in an invoice",
			"le document contient une balise de plus de %d octets : les attributs d'une facture sont courts", maxTag)
	}
	if trimmed := bytes.TrimLeft(text, " \t\r\n"); len(trimmed) < len(text) && bytes.HasPrefix(trimmed, []byte("<?xml")) {
		return nil, problemf(CodeXML, "", "there is white space before the XML declaration: remove it",
			"il y a un blanc avant la déclaration XML : supprimez-le")
	}
	s, t, p := walk(text)
	if p != nil {
		return nil, p
	}
	d := document(s, t)
	d.text = text
	return d, nil
}

// walk goes through the document once, checks its limits and that it is well formed, and keeps what the syntax wants.
func walk(text []byte) (*syntax, table, *Problem) {
	dec := xml.NewDecoder(bytes.NewReader(text))
	// toUTF8 has already honoured the declared encoding.
	dec.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }

	var (
		s        *syntax
		t        = table{}
		path     []string // the wanted path so far, one entry a level, each the whole path
		depth    int
		elements int
		ended    bool
		here     *value // the wanted element being read, nil outside
		content  strings.Builder
	)
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) && ended {
			return s, t, nil
		}
		if err != nil {
			return nil, nil, xmlProblem(err)
		}
		switch token := token.(type) {
		case xml.Comment, xml.ProcInst:
			if elements++; elements > maxElements {
				return nil, nil, tooMany()
			}
		case xml.Directive:
			return nil, nil, problemf(CodeDTD, "", "the document contains a DTD (<!…>), which is refused: no invoice needs one",
				"le document contient une DTD (<!…>), ce qui est refusé : aucune facture n'en a besoin")
		case xml.StartElement:
			if ended {
				return nil, nil, problemf(CodeXML, "", "there is a second document after the end of the first",
					"un second document suit la fin du premier")
			}
			if depth++; depth > maxDepth {
				return nil, nil, problemf(CodeTooDeep, "", "more than %d elements lie within one another",
					"plus de %d éléments sont imbriqués", maxDepth)
			}
			if elements++; elements > maxElements {
				return nil, nil, tooMany()
			}
			here = nil
			if depth == 1 {
				var p *Problem
				if s, p = recognise(token.Name); p != nil {
					return nil, nil, p
				}
				path = append(path, "")
				continue
			}
			// Only the elements below wanted ones matter: len(path) < depth-1 means we are inside another.
			if len(path) == depth-1 {
				next := join(path[depth-2], token.Name)
				if s.steps[next] {
					path = append(path, next)
				}
				if s.wanted[next] {
					here = newValue(token.Attr)
					content.Reset()
				}
			}
		case xml.CharData:
			if here != nil {
				if content.Len() <= maxText {
					content.Write(token)
				}
				continue
			}
			if depth == 0 && len(bytes.TrimSpace(token)) > 0 {
				return nil, nil, problemf(CodeXML, "", "there is text outside the document's element",
					"il y a du texte hors de l'élément du document")
			}
		case xml.EndElement:
			if len(path) == depth {
				if at := path[depth-1]; here != nil && len(t[at]) < maxValues {
					here.text = cut(content.String())
					t[at] = append(t[at], *here)
				}
				path = path[:depth-1]
			}
			here = nil
			depth--
			ended = depth == 0
		}
	}
}

func tooMany() *Problem {
	return problemf(CodeTooManyElements, "", "the document has more than %d elements, or comments",
		"le document a plus de %d éléments ou commentaires", maxElements)
}

// tagTooLong finds what the decoder would have to build whole before anything could be said of it: a name, or attributes, without end.
func tagTooLong(text []byte) bool {
	for {
		i := bytes.IndexByte(text, '<')
		if i < 0 || len(text)-i <= maxTag {
			return false
		}
		text = text[i+1:]
		if text[0] != '!' && text[0] != '?' && !bytes.ContainsAny(text[:maxTag], "<>") {
			return true
		}
	}
}

// join extends a path by one element; "" when no wanted path uses the element's namespace.
func join(path string, name xml.Name) string {
	prefix := prefixes[name.Space]
	if prefix == "" {
		return ""
	}
	step := prefix + ":" + name.Local
	if path == "" {
		return step
	}
	return path + "/" + step
}

func newValue(attrs []xml.Attr) *value {
	v := &value{}
	for _, a := range attrs {
		if a.Name.Space != "" {
			continue
		}
		switch a.Name.Local {
		case "schemeID":
			v.scheme = cut(a.Value)
		case "schemeName":
			if v.scheme == "" {
				v.scheme = cut(a.Value)
			}
		case "currencyID":
			v.devise = cut(a.Value)
		}
	}
	return v
}

// cut keeps the first maxText bytes of s, on a character's boundary.
func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.Clone(strings.ToValidUTF8(s[:maxText], "")) // not the rest of it, kept alive behind
}

// xmlProblem gives the decoder's word, cut: it may quote the document.
func xmlProblem(err error) *Problem {
	var syntaxErr *xml.SyntaxError
	if !errors.As(err, &syntaxErr) {
		if errors.Is(err, io.EOF) {
			return truncated()
		}
		return problemf(CodeXML, "", "the XML cannot be read: %s", "le XML est illisible : %s", quote(err.Error()))
	}
	if strings.HasPrefix(syntaxErr.Msg, "unexpected EOF") {
		return truncated()
	}
	return problemf(CodeXML, "", "the XML is not well formed at line %d: %s", "le XML est mal formé à la ligne %d : %s",
		syntaxErr.Line, quote(syntaxErr.Msg))
}

func truncated() *Problem {
	return problemf(CodeTruncated, "", "the document ends before its end: insert the whole file",
		"le document s'arrête avant sa fin : insérez le fichier entier")
}
