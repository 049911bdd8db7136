package rules

import (
	"strings"

	"github.com/choriste/choriste/invoice"
)

// Some of EN 16931's rules look at many terms at once: every date, every amount, every party. Which one is wrong, its place says.

// datePlaces are the terms of dates, by the element that holds them and the one around it; "" for any.
var datePlaces = map[[2]string]string{
	{"cbc:IssueDate", "cac:InvoiceDocumentReference"}: "BT-26",
	{"cbc:DueDate", ""}:                                             "BT-9",
	{"cbc:PaymentDueDate", ""}:                                      "BT-9",
	{"cbc:TaxPointDate", ""}:                                        "BT-7",
	{"cbc:ActualDeliveryDate", ""}:                                  "BT-72",
	{"cbc:StartDate", ""}:                                           "BT-73",
	{"cbc:EndDate", ""}:                                             "BT-74",
	{"ram:IssueDateTime", "rsm:ExchangedDocument"}:                  "BT-2",
	{"ram:FormattedIssueDateTime", "ram:InvoiceReferencedDocument"}: "BT-26",
	{"ram:DueDateDateTime", ""}:                                     "BT-9",
	{"ram:TaxPointDate", ""}:                                        "BT-7",
	{"ram:OccurrenceDateTime", ""}:                                  "BT-72",
	{"ram:StartDateTime", ""}:                                       "BT-73",
	{"ram:EndDateTime", ""}:                                         "BT-74",
}

// ofLine are the terms that a line has in the place of the invoice's.
var ofLine = map[string]string{"BT-73": "BT-134", "BT-74": "BT-135", "BT-106": "BT-131"}

// dateTerm is the term of a date: an element of UBL, or what holds one in CII; "" where EN 16931 has none.
func dateTerm(e *element) string {
	if strings.HasPrefix(e.Name, "udt:") || strings.HasPrefix(e.Name, "qdt:") {
		e = e.Parent
	}
	if e == nil || e.Parent == nil {
		return ""
	}
	term := datePlaces[[2]string{e.Name, e.Parent.Name}]
	if term == "" {
		term = datePlaces[[2]string{e.Name, ""}]
	}
	return inLine(term, e)
}

func inLine(term string, e *element) string {
	if t := ofLine[term]; t != "" && (e.Within("cac:InvoiceLine") || e.Within("cac:CreditNoteLine") || e.Within("ram:IncludedSupplyChainTradeLineItem")) {
		return t
	}
	return term
}

// ownTerm are rules whose own term is right wherever they look.
var ownTerm = set("BR-52", "BR-53", "BR-CL-08", "BR-DEC-13", "BR-DEC-15")

// lookWithin says for rules that look at a group of several terms which of its elements they speak of.
var lookWithin = map[string]string{
	"UBL-SR-30": "cbc:AllowanceChargeReason", "UBL-SR-31": "cbc:AllowanceChargeReason", "CII-SR-471": "ram:CategoryTradeTax/ram:RateApplicablePercent",
	"CII-SR-472": "ram:CategoryTradeTax/ram:CategoryCode", "CII-SR-473": "ram:ActualAmount",
}

// ofAnyParty are rules about every party, also of one that has no term for what they find.
var ofAnyParty = set("BR-CL-10", "BR-CL-11", "BR-CL-14", "BR-CL-25", "BR-CO-09")

// termAt is the term of which a rule speaks at its place; "" where its own is right.
func termAt(d *invoice.Document, f Finding) string {
	switch {
	case f.Code == "CII-DT-097":
		return dateTerm(f.at)
	case ownTerm[f.Code], !strings.HasPrefix(f.Term, "BT-") && f.Code != "UBL-DT-01":
		return ""
	case lookWithin[f.Code] != "":
		return d.TermOf(f.at.One(lookWithin[f.Code]), "")
	}
	term := d.TermOf(f.at, f.attr)
	if term == "" && f.attr != "" {
		term = d.TermOf(f.at, "")
	}
	if term == "BT-10" { // an identifier of scheme 0224 is the service code, and its scheme is that of an identifier
		term = "BT-46"
	}
	return term
}

// withTerms gives each finding the term that stands at its place.
func withTerms(d *invoice.Document, found []Finding) []Finding {
	cii := d.Syntaxe != invoice.SyntaxeUBL
	for k, f := range found {
		if cii {
			f = f.ofCII()
		}
		term := termAt(d, f)
		if term == "" && ofAnyParty[f.Code] && !f.at.Within("cac:AccountingSupplierParty") && !f.at.Within("ram:SellerTradeParty") {
			f = f.placed(f.at.Name)
			f.Term = ""
		}
		found[k] = f.placed(term)
	}
	return found
}

// ofCII mends what is said of CII, where a rule differs from that of UBL: which VAT total is wrong, and that the rate of IGIC is above 0.
func (f Finding) ofCII() Finding {
	switch f.Code {
	case "BR-DEC-13", "BR-DEC-15":
		for _, x := range f.at.Parent.All("ram:TaxTotalAmount") {
			if !twoDecimals(x.Value()) {
				f.at, f.Value, f.Where = x, cut(strings.TrimSpace(x.Text)), x.Place()
			}
		}
	case "BR-AF-05", "BR-AF-06", "BR-AF-07":
		f.Message, f.MessageFR = strings.Replace(f.Message, "a rate of 0 or above", "a rate above 0", 1), strings.Replace(f.MessageFR, "un taux de 0 ou plus", "un taux supérieur à 0", 1)
	}
	return f
}

// placed puts the term of its place into a finding, and into its words.
func (f Finding) placed(term string) Finding {
	if term == "" || term == f.Term {
		return f
	}
	f.Message, f.MessageFR = strings.Replace(f.Message, f.Term+" (", term+" (", 1), strings.Replace(f.MessageFR, f.Term+" (", term+" (", 1)
	f.Term = term
	return f
}
