package chorustest

import (
	"cmp"
	"encoding/json"
	"slices"
)

// object is a JSON object, asked or answered. Numbers are json.Number: money never becomes a float.
type object map[string]any

func (o object) text(name string) string {
	t, _ := o[name].(string)
	return t
}

func (o object) object(name string) object {
	m, _ := asObject(o[name])
	return m
}

func (o object) list(name string) []any {
	l, _ := o[name].([]any)
	return l
}

func (o object) integer(name string) int64 {
	n, _ := o[name].(json.Number)
	v, _ := n.Int64()
	return v
}

// number is "" when the field is absent.
func (o object) number(name string) string {
	n, _ := o[name].(json.Number)
	return n.String()
}

func (o object) boolean(name string) (value, given bool) {
	value, given = o[name].(bool)
	return value, given
}

func (o object) has(name string) bool { return o[name] != nil }

// orNil turns an absent text into JSON's null, as the portal does.
func orNil(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// amount is a decimal as a JSON number, or null.
func amount(text string) any {
	if text == "" {
		return nil
	}
	return json.Number(text)
}

// paging is what was asked, after what is granted.
type paging struct{ page, size int }

const defaultPage = 10 // OCA lost every invoice beyond the tenth by it (docs/chorus-pro.md §5.1)

func (s *Sim) paging(in object, pageField, sizeField string) paging {
	p := paging{page: int(in.integer(pageField)), size: int(in.integer(sizeField))}
	if p.page < 1 {
		p.page = 1
	}
	if p.size < 1 {
		p.size = defaultPage
	}
	p.size = min(p.size, s.cfg.MaxPage)
	return p
}

func (p paging) pages(total int) int { return (total + p.size - 1) / p.size }

// page cuts the rows of one page out of all rows; a page beyond the last is empty.
func page[T any](p paging, all []T) []T {
	if p.page > p.pages(len(all)) { // their product may be beyond every number
		return nil
	}
	from := (p.page - 1) * p.size
	return all[from:min(from+p.size, len(all))]
}

// list answers one page in the newer style, with its counters in parametresRetour.
func (s *Sim) list(c *call, name string, rows []any, p paging, total int) answer {
	if total == 0 && s.empty20000(c) {
		return refusal(20000, noResult)
	}
	body := object{
		name: rows,
		"parametresRetour": object{
			"pageCourante": p.page, "pages": p.pages(total), "nbResultatsParPage": p.size, "total": total,
		},
	}
	if total == 0 {
		body[name] = nil
	}
	return ok(body)
}

const noResult = "TRA_MSG_00.015 - La recherche n'a retourné aucun résultat."

// empty20000 picks one of the two ways to say "nothing found" (docs/chorus-pro.md §5.1).
func (s *Sim) empty20000(c *call) bool {
	switch s.cfg.Empty {
	case "0":
		return false
	case "turns":
		return c.id%2 == 0
	}
	return true
}

func sortBy[T any, K cmp.Ordered](all []T, key func(T) K) {
	slices.SortStableFunc(all, func(a, b T) int { return cmp.Compare(key(a), key(b)) })
}

// objectOf is an element of a list as an object; an empty one when it is none.
func objectOf(x any) object {
	o, _ := asObject(x)
	return o
}
