package rules

import "strings"

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

// amountPlaces are the terms of amounts, by element.
var amountPlaces = map[string]string{
	"cbc:LineExtensionAmount": "BT-106", "cbc:AllowanceTotalAmount": "BT-107", "cbc:ChargeTotalAmount": "BT-108", "cbc:TaxExclusiveAmount": "BT-109",
	"cbc:TaxInclusiveAmount": "BT-112", "cbc:PrepaidAmount": "BT-113", "cbc:PayableRoundingAmount": "BT-114", "cbc:PayableAmount": "BT-115",
	"cbc:TaxableAmount": "BT-116", "cbc:PriceAmount": "BT-146",
	"ram:LineTotalAmount": "BT-106", "ram:TaxBasisTotalAmount": "BT-109", "ram:TaxTotalAmount": "BT-110", "ram:GrandTotalAmount": "BT-112",
	"ram:TotalPrepaidAmount": "BT-113", "ram:DuePayableAmount": "BT-115", "ram:CalculatedAmount": "BT-117",
}

func amountTerm(e *element) string {
	switch {
	case e.Name == "cbc:TaxAmount" && e.Parent != nil && e.Parent.Name == "cac:TaxSubtotal":
		return "BT-117"
	case e.Name == "cbc:TaxAmount":
		return "BT-110"
	}
	return inLine(amountPlaces[e.Name], e)
}

// partyPlaces are the terms of other parties in the place of the seller's.
var partyPlaces = []struct {
	within []string
	terms  map[string]string
}{
	{[]string{"cac:AccountingCustomerParty", "ram:BuyerTradeParty"}, map[string]string{"BT-29": "BT-46", "BT-30": "BT-47", "BT-34": "BT-49"}},
	{[]string{"cac:PayeeParty", "ram:PayeeTradeParty"}, map[string]string{"BT-29": "BT-60", "BT-30": "BT-61"}},
}

// placeTerm is the term that a rule speaks of at an element; "" where its own is right.
func placeTerm(id string, e *element) string {
	switch id {
	case "CII-DT-097":
		return dateTerm(e)
	case "BR-CL-03":
		return amountTerm(e)
	case "BR-CL-10", "BR-CL-11", "BR-CL-25":
		for _, p := range partyPlaces {
			for _, name := range p.within {
				if e.Within(name) {
					return p.terms[texts[id].term]
				}
			}
		}
	}
	return ""
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
