package tree

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Kind says what is wrong with a document as XML.
type Kind int

// What may be wrong.
const (
	Malformed Kind = iota // in another way than those below
	Truncated
	DTD
	TooDeep
	TooMany
	NUL
	LongTag
	Blank   // before the XML declaration
	Second  // a second document
	Outside // text outside the document's element
	Prefix  // a prefix that nobody declared
	Twice   // an attribute
	NoChar  // a reference to a character that does not exist
	Declaration
	Instruction
	Control // a character that is none of XML, where the decoder lets it pass
	Apart   // attributes without white space between them
	Name    // one that no namespace allows
	Binding // a prefix that cannot be bound so
)

// Error says what is wrong, where, in English and French. It shows no more than 40 characters of the document.
type Error struct {
	Kind      Kind
	Line, Col int // counted from 1, in characters; 0: everywhere
	EN, FR    string
}

func (e *Error) Error() string { return e.EN }

// words are the texts of each kind; %s is a word of the document.
var words = map[Kind][2]string{
	Truncated: {"the document ends before its end: insert the whole file", "le document s'arrête avant sa fin : insérez le fichier entier"},
	DTD: {
		"the document contains a DTD (<!…>), which is refused: no invoice needs one",
		"le document contient une DTD (<!…>), ce qui est refusé : aucune facture n'en a besoin",
	},
	TooDeep: {
		"more than " + strconv.Itoa(MaxDepth) + " elements lie within one another",
		"plus de " + strconv.Itoa(MaxDepth) + " éléments sont imbriqués",
	},
	TooMany: {
		"the document has more than " + strconv.Itoa(MaxElements) + " elements or comments",
		"le document a plus de " + strconv.Itoa(MaxElements) + " éléments ou commentaires",
	},
	NUL: {"the document contains a NUL character: XML allows none", "le document contient un caractère NUL, que XML interdit"},
	LongTag: {
		"a tag has more than " + strconv.Itoa(MaxTag) + " bytes: attributes are short in an invoice",
		"une balise a plus de " + strconv.Itoa(MaxTag) + " octets : les attributs d'une facture sont courts",
	},
	Blank:   {"there is white space before the XML declaration: remove it", "il y a un blanc avant la déclaration XML : supprimez-le"},
	Second:  {"a second document follows the end of the first: insert each invoice by itself", "un second document suit la fin du premier : insérez chaque facture séparément"},
	Outside: {"there is text outside the document's element: remove it", "il y a du texte hors de l'élément du document : supprimez-le"},
	Prefix:  {"the prefix %s is used without being declared (xmlns:…)", "le préfixe %s est employé sans être déclaré (xmlns:…)"},
	NoChar:  {"&#…; stands for a character that does not exist: write the character itself", "&#…; désigne un caractère qui n'existe pas : écrivez le caractère lui-même"},
	Declaration: {
		`the XML declaration is not the first thing, or not in its form <?xml version="1.0" encoding="UTF-8"?>: correct it`,
		`la déclaration XML n'est pas en tête, ou pas dans sa forme <?xml version="1.0" encoding="UTF-8"?> : corrigez-la`,
	},
	Instruction: {"the processing instruction %s has a colon in its name, or no white space after it", "l'instruction de traitement %s a un deux-points dans son nom, ou aucun blanc après lui"},
	Control:     {"the character %s is not allowed in XML: remove it", "le caractère %s est interdit en XML : supprimez-le"},
	Apart:       {"there is no white space between two attributes of a tag: write one", "il n'y a pas de blanc entre deux attributs d'une balise : ajoutez-en un"},
	Name:        {"%s is not a name that XML allows", "%s n'est pas un nom permis en XML"},
	Binding:     {"the prefix %s cannot be bound to this namespace (xmlns:…)", "le préfixe %s ne peut pas être lié à cet espace de noms (xmlns:…)"},
	Twice:       {"the attribute %s stands twice in one tag", "l'attribut %s figure deux fois dans une balise"},
}

// decoderWords translate the decoder's words. Each begins with its own; what is bracketed there is %s here. The last one is for what is not known.
var decoderWords = []struct {
	form   *regexp.Regexp
	en, fr string
}{
	{regexp.MustCompile(`^element <(.*)> (?:in space .* )?closed by </`), "the element %s is not closed by its own end tag", "l'élément %s n'est pas fermé par sa balise de fin"},
	{regexp.MustCompile(`^unexpected end element </(.*)>`), "the end tag %s closes an element that is not open", "la balise de fin %s ferme un élément qui n'est pas ouvert"},
	{regexp.MustCompile(`^invalid character entity (&[^;]*);`), "the entity %s is unknown in XML: write the character itself", "l'entité %s est inconnue en XML : écrivez le caractère lui-même"},
	{regexp.MustCompile(`^invalid character entity`), "an & stands alone: write &amp;", "un & est isolé : écrivez &amp;"},
	{regexp.MustCompile(`^illegal character code (.*)`), "the character %s is not allowed in XML: remove it", "le caractère %s est interdit en XML : supprimez-le"},
	{regexp.MustCompile(`^invalid XML name: (.*)`), "%s is not a name that XML allows", "%s n'est pas un nom permis en XML"},
	{regexp.MustCompile(`^expected element name`), "a < stands alone, or a tag has no name: write &lt;", "un < est isolé, ou une balise n'a pas de nom : écrivez &lt;"},
	{regexp.MustCompile(`^invalid characters between </(.*) and >`), "the end tag %s is not closed by >", "la balise de fin %s n'est pas fermée par >"},
	{regexp.MustCompile(`^(?:expected /> in|expected attribute name)`), "a tag is not closed by >", "une balise n'est pas fermée par >"},
	{regexp.MustCompile(`^(?:attribute name without =|unquoted or missing)`), "an attribute has no value between quotes", "un attribut n'a pas de valeur entre guillemets"},
	{regexp.MustCompile(`^unescaped < inside`), "a < stands in an attribute, or a quotation mark is missing", "un < figure dans un attribut, ou un guillemet manque"},
	{regexp.MustCompile(`^unescaped \]\]>`), "]]> stands in a text: write ]]&gt;", "]]> figure dans un texte : écrivez ]]&gt;"},
	{regexp.MustCompile(`^invalid sequence "--"`), "-- stands in a comment", "-- figure dans un commentaire"},
	{regexp.MustCompile(`^(?:invalid sequence <!-|invalid <!\[|expected target name)`), "a tag begins with <! or <? and is none of XML", "une balise commence par <! ou <? sans être du XML"},
	{regexp.MustCompile(`^unsupported version "?([^";]*)`), "the XML declaration says version %s: only 1.0 is read", "la déclaration XML annonce la version %s : seule la 1.0 est lue"},
	{regexp.MustCompile(``), "the XML is not well formed", "le XML est mal formé"},
}

// notWellFormed turns the decoder's error into ours.
func (p *parser) notWellFormed(err error) *Error {
	msg := err.Error()
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		msg = syntax.Msg
	}
	if errors.Is(err, io.EOF) || strings.HasPrefix(msg, "unexpected EOF") {
		return p.problem(Truncated, int64(len(p.text)))
	}
	msg = strings.TrimPrefix(msg, "xml: ")
	for _, w := range decoderWords {
		m := w.form.FindStringSubmatch(msg)
		if m == nil {
			continue
		}
		e := &Error{Kind: Malformed, EN: w.en, FR: w.fr}
		if len(m) > 1 {
			e.EN, e.FR = fmt.Sprintf(w.en, quote(m[1])), fmt.Sprintf(w.fr, quote(m[1]))
		}
		return e.at(p.text, p.dec.InputOffset())
	}
	return nil // the last form fits everything
}

func (p *parser) problem(kind Kind, offset int64, word ...string) *Error {
	return problem(kind, p.text, offset, word...)
}

func problem(kind Kind, text []byte, offset int64, word ...string) *Error {
	w := words[kind]
	e := &Error{Kind: kind, EN: w[0], FR: w[1]}
	if len(word) > 0 {
		e.EN, e.FR = fmt.Sprintf(w[0], quote(word[0])), fmt.Sprintf(w[1], quote(word[0]))
	}
	return e.at(text, offset)
}

// at adds the place to both texts.
func (e *Error) at(text []byte, offset int64) *Error {
	before := text[:min(max(offset, 0), int64(len(text)))]
	e.Line = 1 + bytes.Count(before, []byte{'\n'})
	e.Col = 1 + utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
	e.EN = fmt.Sprintf("line %d, column %d: %s", e.Line, e.Col, e.EN)
	e.FR = fmt.Sprintf("ligne %d, colonne %d : %s", e.Line, e.Col, e.FR)
	return e
}

// quote shows a word of the document: cut, with control and invisible characters escaped.
func quote(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if r := []rune(s); len(r) > 40 {
		return strconv.Quote(string(r[:40])) + "…"
	}
	return strconv.Quote(s)
}

// lookAhead finds what the decoder must not meet.
func lookAhead(text []byte) error {
	if i := bytes.IndexByte(text, 0); i >= 0 {
		return problem(NUL, text, int64(i))
	}
	if i := longTag(text); i >= 0 {
		return problem(LongTag, text, int64(i))
	}
	if trimmed := bytes.TrimLeft(text, " \t\r\n"); len(trimmed) < len(text) && bytes.HasPrefix(trimmed, []byte("<?xml")) {
		return problem(Blank, text, 0)
	}
	return nil
}

// longTag finds what the decoder would have to build whole before anything could be said of it: a name, or attributes, without end; -1 when there is none.
func longTag(text []byte) int {
	for at := 0; ; {
		i := bytes.IndexByte(text[at:], '<')
		if i < 0 || len(text)-at-i <= MaxTag {
			return -1
		}
		at += i + 1
		if text[at] != '!' && text[at] != '?' && !bytes.ContainsAny(text[at:at+MaxTag], "<>") {
			return at - 1
		}
	}
}
