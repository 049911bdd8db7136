package rules

import (
	"encoding/xml"
	"math/rand/v2"
	"strings"
)

// A mutant is a copy of a document with a few things changed: what a careless program would write.

// values are put in place of what stands in a leaf or an attribute.
var values = []string{
	"", " ", "XX", "S", "Z", "E", "AE", "K", "G", "O", "L", "M", "B", "EUR", "SEK", "FR", "IT", "SS", "AN", "380", "381", "384", "30", "58", "57", "SEPA", "0009", "VA", "FC",
	"VAT", "vat", "130", "916", "50", "102", "203", "C62", "QQQ", "AAI", "ABT", "STI", "0160", "FR12", "ZZ12", "text/csv", "text/html", "2026-01-31", "20260131",
	"35", "5", "72", "95", "FC", "VATEX-EU-132", "vatex-eu-ae", "A longer text with  spaces", "#AAI#x", "#ZZZ#x", "Seller SA", "Seller trading",
}

// numbers are put in place of amounts and rates.
var numbers = []string{"0", "0.00", "1", "-1", "10.005", "20", "20.0", "19", "95.01", "95.99", "96", "100.00", "170", "0.5", "-10.00", "24.00", "5.004", "1000000", "7.123"}

// extras are elements that a document may have too much.
var extras = map[string][]string{
	"u": {
		"<cbc:TaxPointDate>2026-01-31</cbc:TaxPointDate>", "<cbc:Note>#AAI#x</cbc:Note>", "<cac:Delivery/>", "<cac:InvoicePeriod/>",
		`<cac:PaymentMeans><cbc:PaymentMeansCode>58</cbc:PaymentMeansCode><cac:CardAccount><cbc:PrimaryAccountNumberID>1234</cbc:PrimaryAccountNumberID></cac:CardAccount></cac:PaymentMeans>`,
		`<cac:PaymentMeans><cbc:PaymentMeansCode name="x">49</cbc:PaymentMeansCode><cbc:PaymentDueDate>2026-03-01</cbc:PaymentDueDate><cbc:PaymentID>other</cbc:PaymentID><cac:CardAccount/><cac:PaymentMandate><cbc:ID>1</cbc:ID><cbc:ID>2</cbc:ID></cac:PaymentMandate></cac:PaymentMeans>`,
		`<cac:TaxCategory><cbc:ID>O</cbc:ID><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:TaxCategory>`, "<cbc:TaxExemptionReason>x</cbc:TaxExemptionReason>",
		`<cbc:BaseAmount currencyID="EUR">1.234</cbc:BaseAmount>`, "<cbc:DescriptionCode>432</cbc:DescriptionCode>", "<cbc:DocumentTypeCode>130</cbc:DocumentTypeCode>",
	},
	"c": {
		"<ram:TaxPointDate><udt:DateString format=\"102\">20260131</udt:DateString></ram:TaxPointDate>", "<ram:ExemptionReason>x</ram:ExemptionReason>", "<ram:CountryName>France</ram:CountryName>",
		"<ram:StreetName>x</ram:StreetName>", "<ram:Name>x</ram:Name>", "<ram:StatusCode>1</ram:StatusCode>", "<ram:Description>x</ram:Description>", "<ram:CopyIndicator/>",
		"<ram:DueDateTypeCode>72</ram:DueDateTypeCode>", "<ram:Information>x</ram:Information>", "<ram:ID>x</ram:ID>", "<ram:GlobalID>x</ram:GlobalID>", "<ram:LineFour>x</ram:LineFour>",
		"<ram:ApplicableTradeSettlementFinancialCard><ram:ID>12345678901</ram:ID></ram:ApplicableTradeSettlementFinancialCard>", "<ram:RateApplicablePercent>20</ram:RateApplicablePercent>",
		"<ram:TotalDiscountAmount>1</ram:TotalDiscountAmount>", "<ram:FormattedIssueDateTime/>", "<ram:BillingSpecifiedPeriod/>",
	},
}

var attributes = []string{"schemeID", "schemeName", "schemeAgencyID", "listID", "currencyID", "unitCode", "unitCodeListID", "mimeCode", "filename", "format", "name", "languageID", "schemeURI"}

// kindOf tells UBL ("u") from CII ("c").
func kindOf(t *tree) string {
	if strings.HasPrefix(t.root.name, "rsm:") {
		return "c"
	}
	return "u"
}

// elementsOf lists the elements below the document's own, in order.
func elementsOf(e *element) []*element {
	var all []*element
	for _, k := range e.kids {
		all = append(append(all, k), elementsOf(k)...)
	}
	return all
}

func isNumber(e *element) bool {
	_, ok := e.number()
	return ok && len(e.kids) == 0 && (strings.HasSuffix(e.name, "Amount") || strings.HasSuffix(e.name, "Percent") || strings.HasSuffix(e.name, "Quantity"))
}

func isBoolean(e *element) bool { return strings.HasSuffix(e.name, "Indicator") && len(e.kids) == 0 }

// isDate tells what the judge itself cannot read once it is broken.
func isDate(e *element) bool {
	return strings.HasSuffix(e.name, "Date") && len(e.kids) == 0
}

// mutate changes one thing in the document, somewhere.
func mutate(t *tree, chance *rand.Rand) {
	all := elementsOf(t.root)
	if len(all) == 0 {
		return
	}
	e := all[chance.IntN(len(all))]
	switch chance.IntN(12) {
	case 0, 1:
		remove(e)
	case 2:
		repeat(e)
	case 3, 4:
		leaf := all[chance.IntN(len(all))]
		for len(leaf.kids) > 0 {
			leaf = leaf.kids[chance.IntN(len(leaf.kids))]
		}
		switch {
		case isNumber(leaf):
			leaf.text = numbers[chance.IntN(len(numbers))]
		case isBoolean(leaf):
			leaf.text = []string{"true", "false", "1", "0"}[chance.IntN(4)]
		case isDate(leaf):
			leaf.text = []string{"2025-12-31", "2026-01-31", "2027-01-01"}[chance.IntN(3)]
		default:
			leaf.text = values[chance.IntN(len(values))]
		}
	case 5:
		setAttr(e, attributes[chance.IntN(len(attributes))], values[chance.IntN(len(values))])
	case 6:
		with := withAttrs(all)
		x := with[chance.IntN(len(with))]
		if k := chance.IntN(len(x.attrs)); chance.IntN(2) == 0 {
			x.attrs = append(x.attrs[:k:k], x.attrs[k+1:]...)
		} else {
			x.attrs[k].Value = values[chance.IntN(len(values))]
		}
	case 7, 8:
		swapCategory(t, all, chance)
	case 9:
		for _, x := range all {
			if isNumber(x) && chance.IntN(12) == 0 {
				x.text = numbers[chance.IntN(len(numbers))]
			}
		}
	case 10:
		add := extras[kindOf(t)]
		insert(e, add[chance.IntN(len(add))])
	case 11:
		// Everything of one name goes.
		for _, x := range all {
			if x.name == e.name {
				remove(x)
			}
		}
	}
}

func withAttrs(all []*element) []*element {
	var with []*element
	for _, e := range all {
		if len(e.attrs) > 0 {
			with = append(with, e)
		}
	}
	return with
}

// swapCategory makes one VAT category of another, everywhere or in one place in three, with its rates.
func swapCategory(t *tree, all []*element, chance *rand.Rand) {
	codes := []string{"S", "Z", "E", "AE", "K", "G", "O", "L", "M", "B"}
	from, to, often := []string{"S", "E"}[chance.IntN(2)], codes[chance.IntN(len(codes))], 1+2*chance.IntN(2)
	rate := []string{"", "0", "20", "-"}[chance.IntN(4)]
	for _, e := range all {
		if len(e.kids) > 0 || e.text != from || chance.IntN(often) > 0 || e.parent == nil {
			continue
		}
		if e.name != "ram:CategoryCode" && !(e.name == "cbc:ID" && strings.HasSuffix(e.parent.name, "TaxCategory")) {
			continue
		}
		e.text = to
		for _, k := range e.parent.kids {
			if strings.HasSuffix(k.name, "Percent") && rate != "" {
				k.text = rate
				if rate == "-" {
					remove(k)
				}
				break
			}
		}
	}
	if chance.IntN(3) == 0 { // nobody is registered
		for _, e := range all {
			if e.name == "ram:SpecifiedTaxRegistration" || e.name == "cac:PartyTaxScheme" {
				remove(e)
			}
		}
	}
}

func remove(e *element) {
	p := e.parent
	for i, k := range p.kids {
		if k == e {
			p.kids = append(p.kids[:i:i], p.kids[i+1:]...)
			return
		}
	}
}

func repeat(e *element) {
	p := e.parent
	for i, k := range p.kids {
		if k == e {
			p.kids = append(p.kids[:i+1:i+1], append([]*element{clone(e, p)}, p.kids[i+1:]...)...)
			return
		}
	}
}

func clone(e, parent *element) *element {
	c := *e
	c.parent, c.attrs, c.kids = parent, append([]xml.Attr{}, e.attrs...), nil
	for _, k := range e.kids {
		c.kids = append(c.kids, clone(k, &c))
	}
	return &c
}

func setAttr(e *element, name, value string) {
	for i := range e.attrs {
		if e.attrs[i].Name.Local == name {
			e.attrs[i].Value = value
			return
		}
	}
	e.attrs = append(e.attrs, xml.Attr{Name: xml.Name{Local: name}, Value: value})
}

func insert(e *element, text string) {
	head := "<x"
	for uri, prefix := range prefixes {
		head += ` xmlns:` + strings.TrimSuffix(prefix, ":") + `="` + uri + `"`
	}
	x, err := parse([]byte(head + ">" + text + "</x>"))
	if err != nil {
		panic(err)
	}
	k := x.root.kids[0]
	k.parent = e
	e.kids = append(e.kids, k)
}

// write gives the document back as XML.
func write(t *tree) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	writeElement(&b, t.root, true)
	return b.String()
}

func writeElement(b *strings.Builder, e *element, root bool) {
	b.WriteString("<" + e.name)
	if root {
		for uri, prefix := range prefixes {
			b.WriteString(` xmlns:` + strings.TrimSuffix(prefix, ":") + `="` + uri + `"`)
		}
	}
	for _, a := range e.attrs {
		if a.Name.Space == "xmlns" || a.Name.Local == "xmlns" || a.Name.Space != "" {
			continue
		}
		b.WriteString(" " + a.Name.Local + `="`)
		_ = xml.EscapeText(b, []byte(a.Value))
		b.WriteString(`"`)
	}
	b.WriteString(">")
	_ = xml.EscapeText(b, []byte(e.text))
	for _, k := range e.kids {
		b.WriteString("\n")
		writeElement(b, k, false)
	}
	b.WriteString("</" + e.name + ">")
}
