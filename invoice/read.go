package invoice

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/invoice/tree"
)

// group is an element that holds several terms.
type group struct{ at *tree.Element }

// Where is its path and line; "" when it was not read from a document.
func (g group) Where() string {
	if g.at == nil {
		return ""
	}
	return g.at.Place()
}

func (g *group) stands(e *tree.Element) { g.at = e }

// plan is how one type of Content is read from one syntax.
type plan struct{ fields []field }

type field struct {
	index int
	name  string
	term  string
	at    []location // none: the group's own element, of a struct
	of    *plan      // of a struct, or of those that a list holds
	most  int        // of a list
	other bool       // an amount in the second currency
}

// newPlan reads the tags of a type. as says which of several terms a field is.
func newPlan(t reflect.Type, key string, as int, aliases map[string]string) *plan {
	f := &plan{}
	for i := range t.NumField() {
		g := t.Field(i)
		text := g.Tag.Get(key)
		inner := g.Type
		if inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		nested := inner.Kind() == reflect.Struct && inner.PkgPath() == t.PkgPath() && !isLeaf(inner)
		if !g.IsExported() || text == "" && !(nested && g.Tag.Get("json") != "-") {
			continue
		}
		x := field{index: i, name: g.Name, at: locations(text, aliases), most: maxValues, other: g.Tag.Get("in") != ""}
		if terms := strings.Split(g.Tag.Get("bt"), ","); as < len(terms) {
			x.term = terms[as]
		}
		if n, err := strconv.Atoi(g.Tag.Get("most")); err == nil {
			x.most = n
		}
		if nested {
			which := as
			if n, err := strconv.Atoi(g.Tag.Get("as")); err == nil {
				which = n
			}
			x.of = newPlan(inner, key, which, aliases)
		}
		f.fields = append(f.fields, x)
	}
	return f
}

// isLeaf tells a type that is read from one element.
func isLeaf(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[Value](), reflect.TypeFor[ID](), reflect.TypeFor[Date](), reflect.TypeFor[File]():
		return true
	}
	return false
}

// addTerms says where each term stands below the document's element.
func (f *plan) addTerms(terms map[string][]location, above []location) {
	for _, x := range f.fields {
		at := above
		if len(x.at) > 0 {
			at = below(above, x.at)
		}
		if x.term != "" {
			terms[x.term] = append(terms[x.term], at...)
		}
		if x.of != nil {
			x.of.addTerms(terms, at)
		}
	}
}

// reader reads what Content holds.
type reader struct{ currency, other string }

// read fills a struct, to which to points, from an element.
func (r reader) read(s *syntax, f *plan, e *tree.Element, to reflect.Value) {
	if g, is := to.Addr().Interface().(interface{ stands(e *tree.Element) }); is {
		g.stands(e)
	}
	for i := range f.fields {
		r.field(s, &f.fields[i], e, to.Field(f.fields[i].index))
	}
}

func (r reader) field(s *syntax, x *field, e *tree.Element, to reflect.Value) {
	switch v := to.Addr().Interface().(type) {
	case *string:
		*v = x.first(e).Trimmed()
	case *Value:
		*v = x.first(e)
	case *ID:
		v.Value = x.first(e)
		if v.at != nil && v.Scheme == "" { // of CII, where the scheme of a reference is an element
			v.Scheme = v.at.Parent.One("ram:ReferenceTypeCode").Norm()
		}
	case *Date:
		v.Time, _ = s.date(x.first(e))
	case *bool:
		*v, _ = x.first(e).at.Boolean()
	case *decimal.NullDecimal:
		r.amount(x, e, v)
	case *File:
		x.each(e, func(at *tree.Element, _ string) bool {
			*v = newFile(at)
			return false
		})
	case *[]ID:
		x.each(e, func(at *tree.Element, text string) bool {
			if strings.Trim(text, blanks) != "" {
				*v = append(*v, ID{newValue(at, x.term)})
			}
			return len(*v) < x.most
		})
	default:
		if to.Kind() == reflect.Slice {
			x.each(e, func(at *tree.Element, _ string) bool {
				one := reflect.New(to.Type().Elem()).Elem()
				r.read(s, x.of, at, one)
				to.Set(reflect.Append(to, one))
				return to.Len() < x.most
			})
			return
		}
		x.each(e, func(at *tree.Element, _ string) bool {
			r.read(s, x.of, at, to)
			return false
		})
	}
}

// each calls do for the elements of a field, and their texts, until do returns false.
func (x *field) each(e *tree.Element, do func(e *tree.Element, text string) bool) {
	if len(x.at) == 0 {
		do(e, e.Text)
	}
	for _, l := range x.at {
		if !l.each(e, func(at *tree.Element) bool { return do(at, l.text(at)) }) {
			return
		}
	}
}

// first is the first value that is filled, else the first.
func (x *field) first(e *tree.Element) (found Value) {
	x.each(e, func(at *tree.Element, text string) bool {
		full := strings.Trim(text, blanks) != ""
		if full || found.at == nil {
			found = newValue(at, x.term)
			found.Text = text
		}
		return !full
	})
	return found
}

// amount reads the first number in the currency that is asked for. What names no currency, as a quantity, is in the invoice's.
func (r reader) amount(x *field, e *tree.Element, to *decimal.NullDecimal) {
	x.each(e, func(at *tree.Element, text string) bool {
		currency, named := at.Attr("currencyID")
		switch {
		case x.other:
			if r.other == "" || currency != r.other || r.other == r.currency {
				return true
			}
		case named && currency != "" && r.currency != "" && currency != r.currency:
			return true
		}
		to.Decimal, to.Valid = tree.Decimal(text)
		return !to.Valid
	})
}
