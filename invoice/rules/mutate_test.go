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

// testPrefixes are the namespaces of what is written, as invoice/tree names them.
var testPrefixes = map[string]string{
	"urn:oasis:names:specification:ubl:schema:xsd:Invoice-2":                             "ubl:",
	"urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2":                          "cn:",
	"urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2":               "cbc:",
	"urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2":           "cac:",
	"urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100":                       "rsm:",
	"urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100": "ram:",
	"urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100":                        "udt:",
	"urn:un:unece:uncefact:data:standard:QualifiedDataType:100":                          "qdt:",
}

var attributes = []string{"schemeID", "schemeName", "schemeAgencyID", "listID", "currencyID", "unitCode", "unitCodeListID", "mimeCode", "filename", "format", "name", "languageID", "schemeURI"}

// kindOf tells UBL ("u") from CII ("c").
func kindOf(t *document) string {
	if strings.HasPrefix(t.Root.Name, "rsm:") {
		return "c"
	}
	return "u"
}

// elementsOf lists the elements below the document's own, in order.
func elementsOf(e *element) []*element {
	var all []*element
	for _, k := range e.Kids {
		all = append(append(all, k), elementsOf(k)...)
	}
	return all
}

func isNumber(e *element) bool {
	_, ok := e.Number()
	return ok && len(e.Kids) == 0 && (strings.HasSuffix(e.Name, "Amount") || strings.HasSuffix(e.Name, "Percent") || strings.HasSuffix(e.Name, "Quantity"))
}

func isBoolean(e *element) bool { return strings.HasSuffix(e.Name, "Indicator") && len(e.Kids) == 0 }

// isDate tells what the judge itself cannot read once it is broken.
func isDate(e *element) bool {
	return strings.HasSuffix(e.Name, "Date") && len(e.Kids) == 0
}

// mutate changes one thing in the document, somewhere.
func mutate(t *document, chance *rand.Rand) {
	all := elementsOf(t.Root)
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
		for len(leaf.Kids) > 0 {
			leaf = leaf.Kids[chance.IntN(len(leaf.Kids))]
		}
		switch {
		case isNumber(leaf):
			leaf.Text = numbers[chance.IntN(len(numbers))]
		case isBoolean(leaf):
			leaf.Text = []string{"true", "false", "1", "0"}[chance.IntN(4)]
		case isDate(leaf):
			leaf.Text = []string{"2025-12-31", "2026-01-31", "2027-01-01"}[chance.IntN(3)]
		default:
			leaf.Text = values[chance.IntN(len(values))]
		}
	case 5:
		setAttr(e, attributes[chance.IntN(len(attributes))], values[chance.IntN(len(values))])
	case 6:
		with := withAttrs(all)
		x := with[chance.IntN(len(with))]
		if k := chance.IntN(len(x.Attrs)); chance.IntN(2) == 0 {
			x.Attrs = append(x.Attrs[:k:k], x.Attrs[k+1:]...)
		} else {
			x.Attrs[k].Value = values[chance.IntN(len(values))]
		}
	case 7, 8:
		swapCategory(t, all, chance)
	case 9:
		for _, x := range all {
			if isNumber(x) && chance.IntN(12) == 0 {
				x.Text = numbers[chance.IntN(len(numbers))]
			}
		}
	case 10:
		add := extras[kindOf(t)]
		insert(e, add[chance.IntN(len(add))])
	case 11:
		// Everything of one name goes.
		for _, x := range all {
			if x.Name == e.Name {
				remove(x)
			}
		}
	}
}

func withAttrs(all []*element) []*element {
	var with []*element
	for _, e := range all {
		if len(e.Attrs) > 0 {
			with = append(with, e)
		}
	}
	return with
}

// swapCategory makes one VAT category of another, everywhere or in one place in three, with its rates.
func swapCategory(t *document, all []*element, chance *rand.Rand) {
	codes := []string{"S", "Z", "E", "AE", "K", "G", "O", "L", "M", "B"}
	from, to, often := []string{"S", "E"}[chance.IntN(2)], codes[chance.IntN(len(codes))], 1+2*chance.IntN(2)
	rate := []string{"", "0", "20", "-"}[chance.IntN(4)]
	for _, e := range all {
		if len(e.Kids) > 0 || e.Text != from || chance.IntN(often) > 0 || e.Parent == nil {
			continue
		}
		if e.Name != "ram:CategoryCode" && !(e.Name == "cbc:ID" && strings.HasSuffix(e.Parent.Name, "TaxCategory")) {
			continue
		}
		e.Text = to
		for _, k := range e.Parent.Kids {
			if strings.HasSuffix(k.Name, "Percent") && rate != "" {
				k.Text = rate
				if rate == "-" {
					remove(k)
				}
				break
			}
		}
	}
	if chance.IntN(3) == 0 { // nobody is registered
		for _, e := range all {
			if e.Name == "ram:SpecifiedTaxRegistration" || e.Name == "cac:PartyTaxScheme" {
				remove(e)
			}
		}
	}
}

func remove(e *element) {
	p := e.Parent
	for i, k := range p.Kids {
		if k == e {
			p.Kids = append(p.Kids[:i:i], p.Kids[i+1:]...)
			return
		}
	}
}

func repeat(e *element) {
	p := e.Parent
	for i, k := range p.Kids {
		if k == e {
			p.Kids = append(p.Kids[:i+1:i+1], append([]*element{clone(e, p)}, p.Kids[i+1:]...)...)
			return
		}
	}
}

func clone(e, parent *element) *element {
	c := *e
	c.Parent, c.Attrs, c.Kids = parent, append([]xml.Attr{}, e.Attrs...), nil
	for _, k := range e.Kids {
		c.Kids = append(c.Kids, clone(k, &c))
	}
	return &c
}

func setAttr(e *element, name, value string) {
	for i := range e.Attrs {
		if e.Attrs[i].Name.Local == name {
			e.Attrs[i].Value = value
			return
		}
	}
	e.Attrs = append(e.Attrs, xml.Attr{Name: xml.Name{Local: name}, Value: value})
}

func insert(e *element, text string) {
	head := "<x"
	for uri, prefix := range testPrefixes {
		head += ` xmlns:` + strings.TrimSuffix(prefix, ":") + `="` + uri + `"`
	}
	x, err := parseTest([]byte(head + ">" + text + "</x>"))
	if err != nil {
		panic(err)
	}
	k := x.Root.Kids[0]
	k.Parent = e
	e.Kids = append(e.Kids, k)
}

// write gives the document back as XML.
func write(t *document) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	writeElement(&b, t.Root, true)
	return b.String()
}

func writeElement(b *strings.Builder, e *element, root bool) {
	b.WriteString("<" + e.Name)
	if root {
		for uri, prefix := range testPrefixes {
			b.WriteString(` xmlns:` + strings.TrimSuffix(prefix, ":") + `="` + uri + `"`)
		}
	}
	for _, a := range e.Attrs {
		if a.Name.Space == "xmlns" || a.Name.Local == "xmlns" || a.Name.Space != "" {
			continue
		}
		b.WriteString(" " + a.Name.Local + `="`)
		_ = xml.EscapeText(b, []byte(a.Value))
		b.WriteString(`"`)
	}
	b.WriteString(">")
	_ = xml.EscapeText(b, []byte(e.Text))
	for _, k := range e.Kids {
		b.WriteString("\n")
		writeElement(b, k, false)
	}
	b.WriteString("</" + e.Name + ">")
}
