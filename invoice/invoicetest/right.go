package invoicetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Right makes documents of many kinds in which nothing is wrong: whoever stops one of them stops what the portal would have taken. Their numbers begin with prefix, 12 characters
// at most. Code is empty.
func Right(prefix string) (all []Broken) {
	add := func(name, form string, i Invoice, swaps ...string) {
		i.Numero = fmt.Sprintf("%s-%d", prefix, len(all)+1)
		var doc []byte
		switch form {
		case "UBL":
			doc = i.UBL()
		case "credit note":
			doc = i.CreditNote()
		case "CII":
			doc = i.CII()
		case "Factur-X":
			pdf, err := i.FacturX()
			if err != nil {
				panic(err) // the sample cannot fail
			}
			doc = pdf
		}
		text := string(doc)
		for k := 0; k < len(swaps); k += 2 {
			changed := strings.ReplaceAll(text, swaps[k], swaps[k+1])
			if changed == text {
				panic("invoicetest: " + name + ": nothing is replaced: " + swaps[k])
			}
			text = changed
		}
		all = append(all, Broken{Name: form + ", " + name, Document: []byte(text)})
	}
	for _, x := range rightFacts() {
		for _, form := range []string{"UBL", "CII", "Factur-X"} {
			add(x.name, form, x.Invoice)
		}
	}
	for _, x := range rightSwaps() {
		add(x.name, x.form, x.inv, x.swaps...)
	}
	return all
}

type rightFact struct {
	name string
	Invoice
}

func number(s string) decimal.NullDecimal {
	return decimal.NewNullDecimal(decimal.RequireFromString(s))
}

func priced(quantity, price, rate string) Ligne {
	return Ligne{Quantite: number(quantity), PrixUnitaire: number(price), TVA: number(rate)}
}

// rightFacts are good by their facts, and so in every syntax.
func rightFacts() []rightFact {
	all := []rightFact{
		{"plain", Invoice{}},
		{"service", Invoice{CodeService: "SERV_TECH"}},
		{"commitment", Invoice{Engagement: "EJ 2026/118-A"}},
		{"service and commitment", Invoice{CodeService: "SERV_EJ", Engagement: "1300012345"}},
		{"corrected invoice", Invoice{Type: "384", FactureOrigine: "F-2025-9"}},
		{"deposit", Invoice{Type: "386"}},
		{"self-billed", Invoice{Type: "389"}},
		{"French letters and signs", Invoice{FournisseurNom: "Été & Fils <S.A.R.L.>", DestinataireNom: "Commune de L'Haÿ-les-Roses"}},
		{"long names", Invoice{FournisseurNom: strings.Repeat("é", 99), DestinataireNom: strings.Repeat("W", 99)}},
		{"leap day", Invoice{Date: time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)}},
		{"three rates", Invoice{Lignes: []Ligne{priced("1", "100", "20"), priced("2", "50", "10"), priced("3", "10", "5.5")}}},
		{"the rate of medicines and zero", Invoice{Lignes: []Ligne{priced("4", "12.5", "2.1"), priced("1", "30", "0")}}},
		{"overseas rate", Invoice{Lignes: []Ligne{priced("1", "200", "8.5")}}},
		{"thirds that round", Invoice{Lignes: []Ligne{priced("0.333", "10.01", "20"), priced("3", "0.3333", "20"), priced("7", "1.005", "20")}}},
		{"a price of nothing", Invoice{Lignes: []Ligne{priced("1", "0", "20"), priced("1", "10", "20")}}},
		{"a line that takes back", Invoice{Lignes: []Ligne{priced("10", "10", "20"), priced("-1", "10", "20")}}},
		{"one cent", Invoice{Lignes: []Ligne{priced("1", "0.01", "20")}}},
		{"a hundred million", Invoice{Lignes: []Ligne{priced("1", "99999999.99", "20")}}},
		{"four hundred lines", Invoice{Lignes: many(400)}},
	}
	for _, cadre := range []string{"A9", "A12"} {
		all = append(all, rightFact{"cadre " + cadre, Invoice{Cadre: cadre}})
	}
	for _, code := range strings.Fields("01 10 20 31 42 48 49 58 59 97") {
		all = append(all, rightFact{"payment " + code, Invoice{Paiement: code}})
	}
	for _, devise := range []string{"USD", "CHF", "XPF"} {
		all = append(all, rightFact{"in " + devise, Invoice{Devise: devise}})
	}
	return all
}

func many(n int) (lines []Ligne) {
	for k := range n {
		lines = append(lines, priced(fmt.Sprint(k%7+1), fmt.Sprintf("%d.%02d", k, k%100), []string{"20", "10", "5.5"}[k%3]))
	}
	return lines
}

type rightSwap struct {
	name, form string
	inv        Invoice
	swaps      []string
}

// rightSwaps are good, with something in them that the sample does not have.
func rightSwaps() []rightSwap {
	var all []rightSwap
	add := func(name, form string, inv Invoice, swaps ...string) {
		all = append(all, rightSwap{name, form, inv, swaps})
	}
	credit := Invoice{Sans: []string{"BT-81"}, FactureOrigine: "F-2025-9"}
	add("as a whole", "credit note", credit)
	add("without the invoice", "credit note", Invoice{Sans: []string{"BT-81"}})
	credit.Type = "381"
	add("credit note", "CII", credit)
	add("credit note", "Factur-X", credit)

	for _, x := range []struct{ code, reason string }{{"E", "VATEX-EU-132"}, {"AE", "VATEX-EU-AE"}, {"G", "VATEX-EU-G"}} {
		add("category "+x.code, "UBL", Invoice{}, "<cbc:ID>S</cbc:ID>", "<cbc:ID>"+x.code+"</cbc:ID>", "<cbc:Percent>20", "<cbc:Percent>0", ">250.00", ">0.00", "1500.00", "1250.00",
			"<cbc:Percent>0</cbc:Percent>\n        <cac:TaxScheme>", "<cbc:Percent>0</cbc:Percent><cbc:TaxExemptionReasonCode>"+x.reason+"</cbc:TaxExemptionReasonCode><cac:TaxScheme>")
		add("category "+x.code, "CII", Invoice{}, "CategoryCode>S<", "CategoryCode>"+x.code+"<", "ApplicablePercent>20<", "ApplicablePercent>0<", ">250.00", ">0.00", "1500.00", "1250.00",
			"<ram:BasisAmount>1250.00</ram:BasisAmount>", "<ram:ExemptionReason>Exonération</ram:ExemptionReason><ram:BasisAmount>1250.00</ram:BasisAmount>")
	}

	// Goods that leave for another member state, and what is outside of VAT altogether.
	const ublTaxed, ublSchemed = "<cbc:Percent>20</cbc:Percent>", "<cbc:ID>VAT</cbc:ID>\n        </cac:TaxScheme>\n      </cac:PartyTaxScheme>"
	add("category K", "UBL", Invoice{}, "<cbc:ID>S</cbc:ID>", "<cbc:ID>K</cbc:ID>", "<cbc:Percent>20", "<cbc:Percent>0", ">250.00", ">0.00", "1500.00", "1250.00",
		"<cbc:Percent>0</cbc:Percent>\n        <cac:TaxScheme>", "<cbc:Percent>0</cbc:Percent><cbc:TaxExemptionReasonCode>VATEX-EU-IC</cbc:TaxExemptionReasonCode><cac:TaxScheme>",
		"</cac:PostalAddress>\n      <cac:PartyLegalEntity>", "</cac:PostalAddress><cac:PartyTaxScheme><cbc:CompanyID>DE123456789</cbc:CompanyID><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme><cac:PartyLegalEntity>",
		"<cac:PaymentMeans>", "<cac:Delivery><cbc:ActualDeliveryDate>2026-01-10</cbc:ActualDeliveryDate><cac:DeliveryLocation><cac:Address><cac:Country><cbc:IdentificationCode>DE</cbc:IdentificationCode></cac:Country></cac:Address></cac:DeliveryLocation></cac:Delivery><cac:PaymentMeans>")
	add("category O", "UBL", Invoice{}, "<cbc:ID>S</cbc:ID>", "<cbc:ID>O</cbc:ID>", ublTaxed, "<cbc:TaxExemptionReasonCode>VATEX-EU-O</cbc:TaxExemptionReasonCode>", ">250.00", ">0.00", "1500.00", "1250.00",
		ublSchemed, strings.Replace(ublSchemed, "VAT", "FC", 1))
	const ciiExempt = "<ram:ExemptionReason>Exonération</ram:ExemptionReason><ram:BasisAmount>1250.00</ram:BasisAmount>"
	add("category K", "CII", Invoice{}, "CategoryCode>S<", "CategoryCode>K<", "ApplicablePercent>20<", "ApplicablePercent>0<", ">250.00", ">0.00", "1500.00", "1250.00",
		"<ram:BasisAmount>1250.00</ram:BasisAmount>", ciiExempt, "</ram:BuyerTradeParty>", `<ram:SpecifiedTaxRegistration><ram:ID schemeID="VA">DE123456789</ram:ID></ram:SpecifiedTaxRegistration></ram:BuyerTradeParty>`,
		"<ram:ApplicableHeaderTradeDelivery/>", `<ram:ApplicableHeaderTradeDelivery><ram:ShipToTradeParty><ram:PostalTradeAddress><ram:CountryID>DE</ram:CountryID></ram:PostalTradeAddress></ram:ShipToTradeParty><ram:ActualDeliverySupplyChainEvent><ram:OccurrenceDateTime><udt:DateTimeString format="102">20260110</udt:DateTimeString></ram:OccurrenceDateTime></ram:ActualDeliverySupplyChainEvent></ram:ApplicableHeaderTradeDelivery>`)
	add("category O", "CII", Invoice{}, "CategoryCode>S<", "CategoryCode>O<", "<ram:RateApplicablePercent>20</ram:RateApplicablePercent>", "", ">250.00", ">0.00", "1500.00", "1250.00",
		"<ram:BasisAmount>1250.00</ram:BasisAmount>", ciiExempt, `schemeID="VA"`, `schemeID="FC"`)

	const ublLine, ciiTax = "<cac:TaxTotal>", "<ram:SpecifiedTradePaymentTerms>"
	charge := func(is, code, amount string) string {
		return `<cac:AllowanceCharge><cbc:ChargeIndicator>` + is + `</cbc:ChargeIndicator><cbc:AllowanceChargeReasonCode>` + code + `</cbc:AllowanceChargeReasonCode><cbc:Amount currencyID="EUR">` + amount +
			`</cbc:Amount><cac:TaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>20</cbc:Percent><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:TaxCategory></cac:AllowanceCharge>`
	}
	ciiCharge := func(is, code, amount string) string {
		return `<ram:SpecifiedTradeAllowanceCharge><ram:ChargeIndicator><udt:Indicator>` + is + `</udt:Indicator></ram:ChargeIndicator><ram:ActualAmount>` + amount + `</ram:ActualAmount><ram:ReasonCode>` + code +
			`</ram:ReasonCode><ram:CategoryTradeTax><ram:TypeCode>VAT</ram:TypeCode><ram:CategoryCode>S</ram:CategoryCode><ram:RateApplicablePercent>20</ram:RateApplicablePercent></ram:CategoryTradeTax></ram:SpecifiedTradeAllowanceCharge>`
	}
	// 1250 less 100 and 50 more is 1200, with VAT 1440.
	add("allowance and charge", "UBL", Invoice{}, ublLine, charge("false", "95", "100.00")+charge("true", "FC", "50.00")+ublLine,
		`TaxableAmount currencyID="EUR">1250.00`, `TaxableAmount currencyID="EUR">1200.00`, ">250.00", ">240.00", `TaxExclusiveAmount currencyID="EUR">1250.00`, `TaxExclusiveAmount currencyID="EUR">1200.00`,
		`<cbc:TaxInclusiveAmount currencyID="EUR">1500.00</cbc:TaxInclusiveAmount>`, `<cbc:TaxInclusiveAmount currencyID="EUR">1440.00</cbc:TaxInclusiveAmount><cbc:AllowanceTotalAmount currencyID="EUR">100.00</cbc:AllowanceTotalAmount><cbc:ChargeTotalAmount currencyID="EUR">50.00</cbc:ChargeTotalAmount>`,
		`PayableAmount currencyID="EUR">1500.00`, `PayableAmount currencyID="EUR">1440.00`)
	add("allowance and charge", "CII", Invoice{}, ciiTax, ciiCharge("false", "95", "100.00")+ciiCharge("true", "FC", "50.00")+ciiTax, "BasisAmount>1250.00", "BasisAmount>1200.00", ">250.00", ">240.00",
		"<ram:TaxBasisTotalAmount>1250.00", "<ram:ChargeTotalAmount>50.00</ram:ChargeTotalAmount><ram:AllowanceTotalAmount>100.00</ram:AllowanceTotalAmount><ram:TaxBasisTotalAmount>1200.00", ">1500.00", ">1440.00")

	for _, paid := range []struct{ name, cadre, paid, due string }{{"paid already", "A2", "1500.00", "0.00"}, {"paid in part", "A1", "450.55", "1049.45"}} {
		add(paid.name, "UBL", Invoice{Cadre: paid.cadre}, `<cbc:PayableAmount currencyID="EUR">1500.00`, `<cbc:PrepaidAmount currencyID="EUR">`+paid.paid+`</cbc:PrepaidAmount><cbc:PayableAmount currencyID="EUR">`+paid.due)
		add(paid.name, "CII", Invoice{Cadre: paid.cadre}, "<ram:DuePayableAmount>1500.00", "<ram:TotalPrepaidAmount>"+paid.paid+"</ram:TotalPrepaidAmount><ram:DuePayableAmount>"+paid.due)
	}
	add("rounded", "UBL", Invoice{}, `<cbc:PayableAmount currencyID="EUR">1500.00`, `<cbc:PayableRoundingAmount currencyID="EUR">-0.40</cbc:PayableRoundingAmount><cbc:PayableAmount currencyID="EUR">1499.60`)
	add("rounded", "CII", Invoice{}, "<ram:GrandTotalAmount>", "<ram:RoundingAmount>0.40</ram:RoundingAmount><ram:GrandTotalAmount>", "DuePayableAmount>1500.00", "DuePayableAmount>1500.40")
	add("VAT in another currency too", "CII", Invoice{}, "<ram:InvoiceCurrencyCode>", "<ram:TaxCurrencyCode>SEK</ram:TaxCurrencyCode><ram:InvoiceCurrencyCode>", `<ram:TaxTotalAmount currencyID="EUR">250.00</ram:TaxTotalAmount>`, `<ram:TaxTotalAmount currencyID="EUR">250.00</ram:TaxTotalAmount><ram:TaxTotalAmount currencyID="SEK">2750.00</ram:TaxTotalAmount>`)

	for _, file := range []string{"a.pdf", "bon de livraison.PDF", "releve.csv", "tableau.XLSX", "photo.jpeg"} {
		mime := map[string]string{"f": "application/pdf", "F": "application/pdf", "v": "text/csv", "X": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "g": "image/jpeg"}[file[len(file)-1:]]
		add("file "+file, "UBL", Invoice{}, ublRef, strings.NewReplacer("application/pdf", mime, "NAME", file, "DATA", "eHh4").Replace(ublFile))
	}
	add("note of 1024 characters", "UBL", Invoice{}, "<cbc:DocumentCurrencyCode>", "<cbc:Note>"+strings.Repeat("é", 1024)+"</cbc:Note><cbc:DocumentCurrencyCode>")
	add("contract of 50 characters", "UBL", Invoice{}, ublRef, "<cac:ContractDocumentReference><cbc:ID>"+strings.Repeat("1", 50)+"</cbc:ID></cac:ContractDocumentReference>"+ublRef)
	add("period", "UBL", Invoice{}, ublRef, "<cac:InvoicePeriod><cbc:StartDate>2025-12-01</cbc:StartDate><cbc:EndDate>2025-12-31</cbc:EndDate></cac:InvoicePeriod>"+ublRef)
	add("delivered in Belgium", "UBL", Invoice{}, "<cac:PaymentMeans>", "<cac:Delivery><cbc:ActualDeliveryDate>2026-01-10</cbc:ActualDeliveryDate><cac:DeliveryLocation><cac:Address><cbc:CityName>Bruxelles</cbc:CityName><cac:Country><cbc:IdentificationCode>BE</cbc:IdentificationCode></cac:Country></cac:Address></cac:DeliveryLocation></cac:Delivery><cac:PaymentMeans>")
	for _, country := range []string{"BE", "GP", "NC", "US"} {
		add("a buyer whose address is in "+country, "UBL", Invoice{}, "<cbc:StreetName>2 place de la Mairie</cbc:StreetName>\n        <cbc:CityName>EXEMPLE</cbc:CityName>\n        <cbc:PostalZone>00000</cbc:PostalZone>\n        <cac:Country>\n          <cbc:IdentificationCode>FR",
			"<cbc:CityName>AILLEURS</cbc:CityName><cac:Country><cbc:IdentificationCode>"+country)
	}
	add("SIRET under 0009", "CII", Invoice{}, `schemeID="0002"`, `schemeID="0009"`)
	add("SIRET without a scheme", "CII", Invoice{}, ` schemeID="0002"`, "")
	add("no cadre", "CII", Invoice{Sans: []string{"BT-23"}})
	add("a date with its zone", "UBL", Invoice{}, "2026-01-15<", "2026-01-15+01:00<")
	add("other prefixes", "CII", Invoice{}, "xmlns:ram", "xmlns:a", "ram:", "a:", "xmlns:rsm", "xmlns:b", "rsm:", "b:")
	add("a comment and an instruction", "UBL", Invoice{}, "<cbc:IssueDate>", "<!-- é --><?x y?><cbc:IssueDate>")
	add("CDATA", "UBL", Invoice{}, "ATELIER EXEMPLE SARL", "<![CDATA[ATELIER & EXEMPLE]]>")
	add("a byte order mark", "UBL", Invoice{}, "<?xml", "\uFEFF<?xml")
	return all
}
