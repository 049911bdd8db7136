package chorustest

import (
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
	names  []string        // in the schema's order
	many   map[string]bool // those that may be repeated
	needed []string        // those that must be there
	closed bool            // the table has them all
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
		g := &group{many: map[string]bool{}, closed: words[split] == "="}
		for _, w := range words[split+1:] {
			name := strings.TrimRight(w, "*!+")
			g.names, g.many[name] = append(g.names, name), strings.Contains(w, "*")
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

// xsd is the schema validator's message; "" when the document is valid as far as is looked.
func (p *paper) xsd() string {
	attached := map[*node]bool{}
	for _, n := range p.root.all(p.form.pieces) {
		attached[n] = true
	}
	return validate(p.root, p.form.profil == "", true, attached)
}

// validate looks at an element and all that is in it. The files that are attached to the invoice are looked at later.
func validate(n *node, isUBL, root bool, attached map[*node]bool) string {
	name := spaces[n.space] + n.name
	g, text := groups[name], n.trimmed()
	if g != nil {
		last := -1
		for _, c := range n.children {
			child := spaces[c.space] + c.name
			i := slices.Index(g.names, child)
			if i < 0 && g.closed || i >= 0 && i < last || i == last && i >= 0 && !g.many[child] {
				return unexpected(c)
			}
			last = max(i, last)
		}
		for _, want := range g.needed {
			if !slices.ContainsFunc(n.children, func(c *node) bool { return spaces[c.space]+c.name == want }) {
				return fmt.Sprintf("cvc-complex-type.2.4.b: The content of element '%.60s' is not complete. One of '{%s}' is expected. - ligne: %d", n.name, want, n.line)
			}
		}
	}
	basic := n.space == ublBasic || strings.HasPrefix(name, "udt:") || strings.HasPrefix(name, "qdt:") || simple[name]
	if isUBL || basic || g != nil && !root {
		if reason := badAttributes(n, isUBL, basic); reason != "" {
			return reason
		}
	}
	if text != "" && (len(n.children) > 0 || g != nil || n.space == ublGroups) {
		return fmt.Sprintf("cvc-complex-type.2.3: Element '%.60s' cannot have character [children], because the type's content type is element-only. - ligne: %d", n.name, n.line)
	}
	if len(n.children) > 0 && basic {
		return fmt.Sprintf("cvc-type.3.1.2: Element '%.60s' is a simple type, so it must have no element information item [children]. - ligne: %d", n.name, n.line)
	}
	if len(n.children) == 0 && !attached[n] {
		if kind := badValue(n, isUBL, text); kind != "" {
			return fmt.Sprintf("cvc-datatype-valid.1.2.1: '%.40s' is not a valid value for '%s'. - ligne: %d", text, kind, n.line)
		}
	}
	for _, c := range n.children {
		prefix := spaces[c.space]
		switch {
		case prefix == "ext:" && root: // an extension holds whatever its maker likes
			continue
		case isUBL && prefix != "cbc:" && prefix != "cac:", !isUBL && !strings.HasPrefix(c.space, cii), prefix == "":
			return unexpected(c)
		}
		if reason := validate(c, isUBL, false, attached); reason != "" {
			return reason
		}
	}
	return ""
}

func unexpected(n *node) string {
	return fmt.Sprintf("cvc-complex-type.2.4.a: Invalid content was found starting with element '%.60s'. - ligne: %d", n.name, n.line)
}

// typeAttributes are the attributes of the schemas' types, by the end of the element's name; the one with ! must be there in UBL.
var typeAttributes = [][2]string{
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
}

// badAttributes looks at the attributes of an element; those that hold others have none.
func badAttributes(n *node, isUBL, basic bool) string {
	var may []string
	if basic {
		i := slices.IndexFunc(typeAttributes, func(row [2]string) bool { return strings.HasSuffix(n.name, row[0]) })
		may = strings.Fields(typeAttributes[i][1])
	}
	for k, want := range may {
		if name, needed := strings.CutSuffix(want, "!"); needed {
			may[k] = name
			if isUBL && n.attr(name) == "" {
				return fmt.Sprintf("cvc-complex-type.4: Attribute '%s' must appear on element '%.60s'. - ligne: %d", name, n.name, n.line)
			}
		}
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
		if len(text) > 4096 || !decimalForm.MatchString(text) {
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

var timeForm = regexp.MustCompile(`^(([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?|24:00:00(\.0+)?)(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)?$`)

var zoneForm = regexp.MustCompile(`^(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)?$`)

func validZone(text string) bool { return zoneForm.MatchString(text) }
