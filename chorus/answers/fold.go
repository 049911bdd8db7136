package answers

import (
	"html"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// Letters that are compared as others, and marks that count for nothing. PostgreSQL does the same with translate (chorus.folded); the two share the texts.
const (
	foldFrom = "àâäáãåçèéêëìíîïñòóôöõùúûüýÿÀÂÄÁÃÅÇÈÉÊËÌÍÎÏÑÒÓÔÖÕÙÚÛÜÝŸ’‘ʼ«»“”\u00a0\u202f\u2009\t\n\r\u0300\u0301\u0302\u0303\u0308\u030a\u0327"
	foldTo   = "aaaaaaceeeeiiiinooooouuuuyyAAAAAACEEEEIIIINOOOOOUUUUYY'''\"\"\"\"      "
)

// folds maps a letter to the one it is compared as; 0 leaves it out.
var folds = func() map[rune]rune {
	m, to := map[rune]rune{}, []rune(foldTo)
	for k, r := range []rune(foldFrom) {
		if k < len(to) {
			m[r] = to[k]
		} else {
			m[r] = -1
		}
	}
	return m
}()

// Fold makes a message comparable: without accents, with plain quotes, and with single spaces. Case stays: values are shown as they came.
func Fold(s string) string {
	s = strings.Map(func(r rune) rune {
		if to, ok := folds[r]; ok {
			return to
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	var b strings.Builder
	space := true
	for _, r := range s {
		if r == ' ' && space {
			continue
		}
		space = r == ' '
		b.WriteRune(r)
	}
	return strings.TrimRight(b.String(), " ")
}

// plain undoes what a text suffers on its way through pages and mails: HTML's entities, and UTF-8 that was read as Windows-1252.
func plain(s string) string {
	s = html.UnescapeString(s)
	if !strings.ContainsAny(s, "Ãâ") {
		return s
	}
	read := make([]byte, 0, len(s))
	for _, r := range strings.ReplaceAll(s, "Ã ", "Ã\u00a0") { // an à, whose second half is a space to some
		b, ok := charmap.Windows1252.EncodeRune(r)
		if !ok {
			return s
		}
		read = append(read, b)
	}
	if !utf8.Valid(read) {
		return s
	}
	return string(read)
}

// Messages takes a text of the portal apart: it joins several by "|", and we join what several errors say by "; ".
func Messages(text string) []string {
	var list []string
	for part := range strings.SplitSeq(strings.ReplaceAll(cut(text), "; ", "|"), "|") {
		if part = strings.TrimSpace(part); part != "" && len(list) < mostParts {
			list = append(list, part)
		}
	}
	return list
}

// duplicateWords mark a text as "already there". The portal's real words are unknown (docs/chorus-pro.md §10), all of these are guesses [G]; one too many
// costs a look-up, one too few calls an accepted invoice rejected.
var duplicateWords = []string{
	"existe deja", "deja ete", "deja exist", "deja presente", "deja depose", "deja integre", "deja recu", "deja transmis",
	"deja utilise", "deja enregistre", "deja connu", "deja attribue", "doublon", "double_fact", "dupliqu", "unicite",
	"rej_uni", "duplicate", "already",
}

// Duplicate tells whether a text says that the portal has the invoice already, as far as words can tell.
func Duplicate(text string) bool {
	text = strings.ToLower(Fold(plain(text)))
	for _, w := range duplicateWords {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// Folds gives what Fold compares as what, letter by letter, for PostgreSQL's translate; letters without a counterpart are left out.
func Folds() (from, to string) { return foldFrom, foldTo }
