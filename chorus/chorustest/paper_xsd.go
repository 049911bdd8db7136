package chorustest

import (
	"bytes"
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// As much of the XML schemas as can be said in a page and a table: whose elements may stand in a document, their order and how often, their attributes, and the form of dates, amounts and the like.

const (
	ubl       = "urn:oasis:names:specification:ubl:schema:xsd:"
	cii       = "urn:un:unece:uncefact:data:standard:"
	ublBasic  = ubl + "CommonBasicComponents-2"
	ublGroups = ubl + "CommonAggregateComponents-2"
	ublOther  = ubl + "CommonExtensionComponents-2"
)

var decimalForm = regexp.MustCompile(`^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)$`)

// groupsText has the elements of groups.
//
//go:embed xsd.txt
var groupsText string

// group is what the table has of one type.
type group struct {
	names  map[string]place
	needed []string // those that must be there
	closed bool     // the table has them all
}

// place is that of an element in the schema's order.
type place struct {
	n    int
	many bool // it may be repeated
}

var groups, simple = readGroups()

// readGroups reads the table; simple are the elements of CII in it that hold none themselves.
func readGroups() (map[string]*group, map[string]bool) {
	all, simple := map[string]*group{}, map[string]bool{}
	for line := range strings.Lines(groupsText) {
		words := strings.Fields(line)
		split := slices.IndexFunc(words, func(w string) bool { return w == ":" || w == "=" })
		if split < 0 || words[0] == "#" {
			continue
		}
		g := &group{names: map[string]place{}, closed: words[split] == "="}
		for i, w := range words[split+1:] {
			name := strings.TrimRight(w, "*!+")
			if _, twice := g.names[name]; twice {
				panic("xsd.txt: " + name + " stands twice in a group")
			}
			g.names[name] = place{i, strings.Contains(w, "*")}
			if strings.HasSuffix(w, "!") {
				g.needed = append(g.needed, name)
			}
			simple[name] = strings.HasPrefix(name, "ram:") && !strings.HasSuffix(w, "+") && !endsIn(name, "DateTime", "Date", "Indicator")
		}
		for _, w := range words[:split] {
			all[w] = g
		}
	}
	for name := range all {
		delete(simple, name)
	}
	return all, simple
}

func endsIn(name string, ends ...string) bool {
	return slices.ContainsFunc(ends, func(end string) bool { return strings.HasSuffix(name, end) })
}

// spaces are the namespaces of both standards, as the table has them.
var spaces = map[string]string{
	ubl + "Invoice-2": "ubl:", ubl + "CreditNote-2": "cn:", ublBasic: "cbc:", ublGroups: "cac:", ublOther: "ext:", cii + "CrossIndustryInvoice:100": "rsm:",
	cii + "ReusableAggregateBusinessInformationEntity:100": "ram:", cii + "UnqualifiedDataType:100": "udt:", cii + "QualifiedDataType:100": "qdt:",
}

// element is what the tables say of an element.
type element struct {
	name  string // with its prefix
	group *group
	basic bool // it holds a value
	attrs attributes
}

// elementKinds are those of all elements in the table, by namespace and name.
var elementKinds = readKinds()

func readKinds() map[string]map[string]*element {
	all := map[string]map[string]*element{}
	for space, prefix := range spaces {
		all[space] = map[string]*element{}
		add := func(full string) {
			if name, is := strings.CutPrefix(full, prefix); is {
				all[space][name] = newKind(space, name)
			}
		}
		for name, g := range groups {
			add(name)
			for child := range g.names {
				add(child)
			}
		}
	}
	return all
}

func newKind(space, name string) *element {
	full := spaces[space] + name
	return &element{
		name: full, group: groups[full], attrs: attributesOf(name),
		basic: space == ublBasic || strings.HasPrefix(full, "udt:") || strings.HasPrefix(full, "qdt:") || simple[full],
	}
}

func (n *node) kind() *element {
	if k, known := elementKinds[n.space][n.name]; known {
		return k
	}
	return newKind(n.space, n.name)
}

// xsd is the schema validator's message; "" when the document is valid as far as is looked.
func (p *paper) xsd() string {
	attached := map[*node]bool{}
	for _, n := range p.root.all(p.form.pieces) {
		attached[n] = true
	}
	return validate(p.root, p.root.kind(), p.form.profil == "", true, attached)
}

// validate looks at an element of this kind and all that is in it. The files that are attached to the invoice are looked at later.
func validate(n *node, k *element, isUBL, root bool, attached map[*node]bool) string {
	var few [16]*element // most elements have no more children
	kinds := few[:0]
	for _, c := range n.children {
		kinds = append(kinds, c.kind())
	}
	g, basic, text := k.group, k.basic, bytes.TrimSpace(n.text)
	if g != nil {
		last := -1
		for i, c := range n.children {
			p, known := g.names[kinds[i].name]
			if !known && g.closed || known && p.n < last || known && p.n == last && !p.many {
				return unexpected(c)
			}
			if known {
				last = p.n
			}
		}
		for _, want := range g.needed {
			if !slices.ContainsFunc(kinds, func(k *element) bool { return k.name == want }) {
				return fmt.Sprintf("cvc-complex-type.2.4.b: The content of element '%.60s' is not complete. One of '{%s}' is expected. - ligne: %d", n.name, want, n.line)
			}
		}
	}
	if isUBL || basic || g != nil && !root {
		if reason := badAttributes(n, k, isUBL); reason != "" {
			return reason
		}
	}
	if len(text) > 0 && (len(n.children) > 0 || g != nil || n.space == ublGroups) {
		return fmt.Sprintf("cvc-complex-type.2.3: Element '%.60s' cannot have character [children], because the type's content type is element-only. - ligne: %d", n.name, n.line)
	}
	if len(n.children) > 0 && basic {
		return fmt.Sprintf("cvc-type.3.1.2: Element '%.60s' is a simple type, so it must have no element information item [children]. - ligne: %d", n.name, n.line)
	}
	if len(n.children) == 0 && !attached[n] {
		if kind := badValue(n, isUBL, string(text)); kind != "" {
			return fmt.Sprintf("cvc-datatype-valid.1.2.1: '%.40s' is not a valid value for '%s'. - ligne: %d", text, kind, n.line)
		}
	}
	for i, c := range n.children {
		prefix := spaces[c.space]
		switch {
		case prefix == "ext:" && root: // an extension holds whatever its maker likes
			continue
		case isUBL && prefix != "cbc:" && prefix != "cac:", !isUBL && !strings.HasPrefix(c.space, cii), prefix == "":
			return unexpected(c)
		}
		if reason := validate(c, kinds[i], isUBL, false, attached); reason != "" {
			return reason
		}
	}
	return ""
}

func unexpected(n *node) string {
	return fmt.Sprintf("cvc-complex-type.2.4.a: Invalid content was found starting with element '%.60s'. - ligne: %d", n.name, n.line)
}

// attributes are those of one of the schemas' types.
type attributes struct {
	of     string // the end of the element's name
	may    []string
	needed string // which must be there in UBL
}

var typeAttributes = readAttributes([][2]string{ // the one with ! must be there in UBL
	{"Amount", "currencyID! currencyCodeListVersionID"},
	{"Measure", "unitCode! unitCodeListVersionID"},
	{"Quantity", "unitCode unitCodeListID unitCodeListAgencyID unitCodeListAgencyName"},
	{"BinaryObject", "mimeCode! format encodingCode characterSetCode uri filename"},
	{"Code", "listID listAgencyID listAgencyName listName listVersionID name languageID listURI listSchemeURI"},
	{"ID", "schemeID schemeName schemeAgencyID schemeAgencyName schemeVersionID schemeDataURI schemeURI"},
	{"URI", "schemeID schemeName schemeAgencyID schemeAgencyName schemeVersionID schemeDataURI schemeURI"},
	{"Numeric", "format"},
	{"Percent", "format"},
	{"Rate", "format"},
	{"String", "format"},
	{"Indicator", ""},
	{"Date", ""},
	{"Time", ""},
	{"", "languageID languageLocaleID"},
})

func readAttributes(rows [][2]string) (all []attributes) {
	for _, row := range rows {
		a := attributes{of: row[0]}
		for _, word := range strings.Fields(row[1]) {
			name, needed := strings.CutSuffix(word, "!")
			if a.may = append(a.may, name); needed {
				a.needed = name
			}
		}
		all = append(all, a)
	}
	return all
}

// attributesOf are those that an element of this name may have, if it holds a value.
func attributesOf(name string) attributes {
	return typeAttributes[slices.IndexFunc(typeAttributes, func(a attributes) bool { return strings.HasSuffix(name, a.of) })]
}

// badAttributes looks at the attributes of an element; those that hold others have none.
func badAttributes(n *node, k *element, isUBL bool) string {
	may, needed := k.attrs.may, k.attrs.needed
	if !k.basic {
		may, needed = nil, ""
	}
	if needed != "" && isUBL && n.attr(needed) == "" {
		return fmt.Sprintf("cvc-complex-type.4: Attribute '%s' must appear on element '%.60s'. - ligne: %d", needed, n.name, n.line)
	}
	for _, a := range n.attrs {
		if a.Name.Space == "" && a.Name.Local != "xmlns" && !slices.Contains(may, a.Name.Local) {
			return fmt.Sprintf("cvc-complex-type.3.2.2: Attribute '%.60s' is not allowed to appear in element '%.60s'. - ligne: %d", a.Name.Local, n.name, n.line)
		}
	}
	return ""
}

// badValue names the type that a value is not of.
func badValue(n *node, isUBL bool, text string) string {
	switch {
	case isUBL && strings.HasSuffix(n.name, "Date"):
		if len(text) < 10 || !validZone(text[10:]) {
			return "date"
		}
		if _, err := time.Parse("2006-01-02", text[:10]); err != nil {
			return "date"
		}
	case endsIn(n.name, "Amount", "Quantity", "Percent", "Numeric", "Rate", "Measure"):
		if len(text) > 4096 || !plainDecimal(text) && !decimalForm.MatchString(text) {
			return "decimal"
		}
	case isUBL && strings.HasSuffix(n.name, "Indicator"), n.name == "Indicator":
		if !slices.Contains([]string{"true", "false", "1", "0"}, text) {
			return "boolean"
		}
	case isUBL && strings.HasSuffix(n.name, "Time"):
		if !timeForm.MatchString(text) {
			return "time"
		}
	case strings.HasSuffix(n.name, "BinaryObject"):
		if _, err := decodeFile(n.text); err != nil {
			return "base64Binary"
		}
	}
	return ""
}

// plainDecimal tells that a text is digits, with a point and digits or without, as almost every number is.
func plainDecimal(text string) bool {
	point := false
	for i := range len(text) {
		switch c := text[i]; {
		case c >= '0' && c <= '9':
		case c == '.' && !point && i > 0:
			point = true
		default:
			return false
		}
	}
	return text != ""
}

var timeForm = regexp.MustCompile(`^(([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?|24:00:00(\.0+)?)(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)?$`)

var zoneForm = regexp.MustCompile(`^(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)?$`)

func validZone(text string) bool { return zoneForm.MatchString(text) }
