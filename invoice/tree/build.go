package tree

import (
	"bytes"
	"encoding/xml"
)

// kind is all elements of one name.
type kind struct {
	name string
	file bool // they hold files
	all  []*Element
}

// open is an element that has begun and not ended.
type open struct {
	*Element
	kind *kind
	text []byte // its first bytes
	size int    // of the whole text, white space left out
	kids int    // where its children begin in the builder's list
}

// builder makes a tree, element by element.
type builder struct {
	first *Element // the document's
	at    *open    // the innermost that is open
	opens []open   // of each depth so far, for their buffers
	depth int
	kinds map[string]*kind
	kids  []*Element // the children so far of all elements that are open
	file  base64Form // of the file that is being read

	// Where the next elements and lists of children come from: many are allocated at once.
	elements []Element
	lists    []*Element
}

func newBuilder() builder { return builder{kinds: make(map[string]*kind, 64)} }

// kindOf is the kind of a name, under a prefix of our own.
func (b *builder) kindOf(name xml.Name) *kind {
	prefix, ours := prefixes[name.Space]
	if !ours {
		prefix = "?:"
	}
	full := prefix + name.Local
	k := b.kinds[full]
	if k == nil {
		k = &kind{name: full, file: holdsFile(full)}
		b.kinds[full] = k
	}
	return k
}

// begin opens an element within the one that is open.
func (b *builder) begin(k *kind, attrs []xml.Attr, line int) {
	if len(b.elements) == 0 {
		b.elements = make([]Element, 64)
	}
	e := &b.elements[0]
	b.elements = b.elements[1:]
	*e = Element{Name: k.name, Attrs: attrs, Line: line}
	if b.at == nil {
		b.first = e
	} else {
		e.Parent = b.at.Element
		b.kids = append(b.kids, e)
	}
	k.all = append(k.all, e)
	if k.file {
		b.file = base64Form{}
	}
	if b.depth == len(b.opens) {
		b.opens = append(b.opens, open{})
	}
	b.at = &b.opens[b.depth]
	b.at.Element, b.at.kind, b.at.text, b.at.size, b.at.kids = e, k, b.at.text[:0], 0, len(b.kids)
	b.depth++
}

// write adds to the text of the element that is open.
func (b *builder) write(text []byte) {
	o := b.at
	if room := MaxText + 4 - len(o.text); room > 0 { // so that end can cut on a character's boundary
		o.text = append(o.text, text[:min(room, len(text))]...)
	}
	for _, c := range text {
		if c > ' ' {
			o.size++
		}
	}
	if o.kind.file {
		b.file.add(text)
	}
}

// end closes the element that is open.
func (b *builder) end() {
	o, e := b.at, b.at.Element
	if n := len(b.kids) - o.kids; n > 0 {
		if n > len(b.lists) {
			b.lists = make([]*Element, max(n, 128))
		}
		e.Kids, b.lists = b.lists[:n:n], b.lists[n:]
		copy(e.Kids, b.kids[o.kids:])
		b.kids = b.kids[:o.kids]
	}
	if c := o.text; len(e.Kids) == 0 || len(bytes.TrimSpace(c)) > 0 {
		if len(c) > MaxText {
			c = bytes.ToValidUTF8(c[:MaxText], nil)
		}
		e.Text = string(c)
	}
	e.Size = o.size
	e.Base64 = len(e.Kids) == 0 && o.kind.file && b.file.right()
	b.depth--
	b.at = nil
	if b.depth > 0 {
		b.at = &b.opens[b.depth-1]
	}
}

// tree is what was built.
func (b *builder) tree() *Tree {
	t := &Tree{Root: b.first, ByName: make(map[string][]*Element, len(b.kinds))}
	for name, k := range b.kinds {
		t.ByName[name] = k.all
	}
	return t
}
