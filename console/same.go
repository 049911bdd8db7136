package console

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Who is the same person: for what one person asks for and another must agree to. In doubt two are the same.

// keysOf are texts of which somebody shares at least one with himself, however he signed in and however his name is written.
func (c *console) keysOf(i identity) (keys []string) {
	add := func(names ...string) {
		for _, name := range names {
			before, _, _ := strings.Cut(name, "@") // the mail address of a name
			for _, n := range []string{name, before} {
				if k := folded(n); k != "" && !slices.Contains(keys, k) {
					keys = append(keys, k)
				}
			}
		}
	}
	add(i.name, i.id)
	add(i.names...)
	for _, u := range c.users() {
		all := append([]string{u.Name}, u.KnownAs...)
		if slices.ContainsFunc(all, func(name string) bool { return slices.Contains(keys, folded(name)) }) {
			add(all...)
		}
	}
	return keys
}

// folded is a name without case, accents, spaces and signs.
func folded(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKD.String(name))
}
