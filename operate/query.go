package operate

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/choriste/choriste/internal/visible"
)

// Query selects invoices. It is the language of --query and of the console's addresses, as in
//
//	state:rejected siret:21750001600019 number:F-2026* older:30d amount:>1000 -reason:BR-*
//
// A term is KEY:VALUE. Terms narrow each other down; values that are separated by commas widen a term; a minus turns a term around. A word without a key means an
// invoice by any of its names. A star stands for any text; quotes take what is in them as it is. The keys are those of QueryKeys. The zero value selects all.
type Query struct{ terms []term }

// The bounds of a query.
const (
	MaxQuery  = 1000 // bytes
	MaxTerms  = 20
	MaxValues = 50 // in one term
	maxStars  = 4  // in one value
)

type term struct {
	not    bool
	key    *queryKey
	values []value
}

// value is a text with stars in it: the parts between them. One part is the text itself.
type value struct {
	parts []string
	test  any // what the kind of the key has read it as
}

func (v value) text() string  { return strings.Join(v.parts, "*") }
func (v value) pattern() bool { return len(v.parts) > 1 }

// QueryError says what is wrong with a query, and what would be right.
type QueryError struct{ En, Fr string }

func (e *QueryError) Error() string { return e.En }

// Text is the error in a language, en or fr.
func (e *QueryError) Text(lang string) string {
	if lang == "fr" {
		return e.Fr
	}
	return e.En
}

func (e *QueryError) and(en, fr string) *QueryError { return &QueryError{e.En + en, e.Fr + fr} }

func queryErrorf(en, fr string, args ...any) *QueryError {
	return &QueryError{En: fmt.Sprintf(en, args...), Fr: fmt.Sprintf(fr, args...)}
}

// ParseQuery reads a query. The error is a *QueryError. What only the database knows, Check compares.
func ParseQuery(text string) (Query, error) {
	var q Query
	if len(text) > MaxQuery {
		return q, queryErrorf("a query has at most %d bytes", "une requête a au plus %d octets", MaxQuery)
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) }) {
		return q, queryErrorf("a query is text in UTF-8, without controls", "une requête est un texte UTF-8, sans caractère de contrôle")
	}
	words, err := splitQuery(text)
	if err != nil {
		return q, err
	}
	for _, word := range words {
		t, err := parseTerm(word)
		if err != nil {
			return Query{}, err
		}
		q.terms = append(q.terms, t)
	}
	if len(q.terms) > MaxTerms {
		return Query{}, queryErrorf("a query has at most %d terms", "une requête a au plus %d termes", MaxTerms)
	}
	return q, nil
}

// letter is a character of a query; a quoted one means nothing but itself.
type letter struct {
	rune
	quoted bool
}

// splitQuery cuts a text at its spaces, outside quotes.
func splitQuery(text string) (words [][]letter, err error) {
	var word []letter
	quoted, escaped, open := false, false, false
	for _, r := range text {
		switch {
		case escaped:
			word, escaped = append(word, letter{r, true}), false
		case quoted && r == '\\':
			escaped = true
		case r == '"':
			quoted, open = !quoted, true
		case !quoted && unicode.IsSpace(r):
			if len(word) > 0 || open {
				words = append(words, word)
			}
			word, open = nil, false
		default:
			word = append(word, letter{r, quoted})
		}
	}
	if quoted {
		return nil, queryErrorf(`a quote " is not closed`, `un guillemet " n'est pas refermé`)
	}
	if len(word) > 0 || open {
		words = append(words, word)
	}
	return words, nil
}

func parseTerm(word []letter) (term, error) {
	t := term{key: anyName}
	if len(word) > 0 && word[0] == (letter{'-', false}) {
		t.not, word = true, word[1:]
	}
	if colon := slices.Index(word, letter{':', false}); colon >= 0 {
		name := textOf(word[:colon])
		t.key = keyNamed(name)
		if t.key == nil {
			return t, noKey(name)
		}
		word = word[colon+1:]
	}
	for more := true; more; {
		part := word
		if comma := slices.Index(word, letter{',', false}); comma >= 0 && t.key.kind != kindAmount { // 1000,50
			part, word = word[:comma], word[comma+1:]
		} else {
			more = false
		}
		v, err := parseValue(t.key, part)
		if err != nil {
			return t, err
		}
		t.values = append(t.values, v)
	}
	if len(t.values) > MaxValues {
		return t, queryErrorf("%s has at most %d values", "%s a au plus %d valeurs", t.key.name, MaxValues)
	}
	return t, nil
}

func noKey(name string) *QueryError {
	return queryErrorf("a query has no key %s: there are %s; quote what holds a colon",
		"une requête n'a pas de clé %s : il y a %s ; mettez entre guillemets ce qui contient deux-points", visible.Short(name), strings.Join(keyNames(), ", "))
}

func parseValue(key *queryKey, letters []letter) (value, error) {
	var v value
	for {
		star := slices.Index(letters, letter{'*', false})
		if star < 0 {
			break
		}
		v.parts = append(v.parts, textOf(letters[:star]))
		letters = letters[star+1:]
	}
	v.parts = append(v.parts, textOf(letters))
	if len(v.parts) > maxStars+1 {
		return v, queryErrorf("%s: at most %d stars", "%s : au plus %d étoiles", key.name, maxStars)
	}
	return key.read(v)
}

func textOf(letters []letter) string {
	var b strings.Builder
	for _, l := range letters {
		b.WriteRune(l.rune)
	}
	return b.String()
}

// Empty tells that the query selects everything.
func (q Query) Empty() bool { return len(q.terms) == 0 }

// String is the query in its one form, which ParseQuery reads as the same query.
func (q Query) String() string {
	var words []string
	for _, t := range q.terms {
		var values []string
		for _, v := range t.values {
			values = append(values, v.quote(t.key))
		}
		word := strings.Join(values, ",")
		if t.key != anyName {
			word = t.key.name + ":" + word
		}
		if t.not {
			word = "-" + word
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

// plain are the characters that stand in a value without quotes, beside letters and digits.
const plain = "_-./+<>=@#&%€$!?;'()[]{}|~^"

func (v value) quote(key *queryKey) string {
	var parts []string
	for i, p := range v.parts {
		bare := !strings.ContainsFunc(p, func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(plain, r) && !(key.kind == kindAmount && r == ',')
		})
		if !bare || key == anyName && i == 0 && strings.HasPrefix(p, "-") {
			p = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(p) + `"`
		}
		parts = append(parts, p)
	}
	return strings.Join(parts, "*")
}

// Set returns the query with one value for a key instead of those that it had; an empty value takes the key away. It is for links and buttons.
func (q Query) Set(name, text string) (Query, error) {
	key := keyNamed(name)
	if key == nil {
		return q, noKey(name)
	}
	out := Query{terms: slices.DeleteFunc(slices.Clone(q.terms), func(t term) bool { return t.key == key })}
	if text == "" {
		return out, nil
	}
	return out.Add(name, text)
}

// Add returns the query narrowed down by a key that has one of these values, in which nothing stands for anything else. It is for flags and forms.
func (q Query) Add(name string, texts ...string) (Query, error) {
	t := term{key: keyNamed(name)}
	if t.key == nil {
		return q, noKey(name)
	}
	for _, text := range texts {
		v, err := t.key.read(value{parts: []string{text}})
		if err != nil {
			return q, err
		}
		t.values = append(t.values, v)
	}
	return Query{terms: append(slices.Clone(q.terms), t)}, nil
}

// And returns the query narrowed down by another one.
func (q Query) And(other Query) Query { return Query{terms: slices.Concat(q.terms, other.terms)} }

// Values are the texts of a key's values, turned-around terms aside.
func (q Query) Values(name string) []string {
	var texts []string
	for _, t := range q.terms {
		if t.key == keyNamed(name) && !t.not {
			for _, v := range t.values {
				texts = append(texts, v.text())
			}
		}
	}
	return texts
}
