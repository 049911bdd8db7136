package chorustest

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What the portal recognises, in its own words, and what a document may be declared as.
const (
	syntaxeUBL     = "IN_DP_E1_UBL_INVOICE"
	syntaxeCII     = "IN_DP_E1_CII_16B"
	syntaxeFacturX = "IN_DP_E2_CII_FACTURX"
)

var declarable = map[string][]string{
	syntaxeUBL:     {syntaxeUBL, "IN_DP_E2_UBL_INVOICE_MIN", "IN_DP_PDFARCHIVE_UBL_INVOICE_MUG"},
	syntaxeCII:     {syntaxeCII, "IN_DP_E2_CII_MIN_16B", "IN_DP_PDFARCHIVE_CII_MUG"},
	syntaxeFacturX: {syntaxeFacturX},
}

// paper is a document as the portal sees it.
type paper struct {
	root *node
	form *form

	// What this syntax keeps elsewhere or tells otherwise than by one path.
	fournisseur, destinataire, service string
	breakdown                          []vat
}

// vat is one group of the VAT breakdown.
type vat struct{ category, base, amount, rate, reason string }

// form is where a syntax keeps what the portal looks at. The paths of the portal's messages follow from them.
type form struct {
	prefix                                                               string // of the paths in messages
	numero, date, genre, devise, cadre, profil                           string
	engagement, marche, paiement, iban, compte                           string
	lignes, remises, charges, ht, tva, ttc, acomptes, arrondi, apayer    string
	ligne, ligneMontant                                                  string
	fournisseurNom, destinataireNom, fournisseurBalise, destinataireName string
	serviceBalise, notes, pieces                                         string
}

var ublForm = form{
	prefix: "FichierXml.Invoice.",
	numero: "ID", date: "IssueDate", genre: "InvoiceTypeCode", devise: "DocumentCurrencyCode", cadre: "ProfileID",
	engagement: "OrderReference/ID", marche: "ContractDocumentReference/ID", paiement: "PaymentMeans/PaymentMeansCode", iban: "PaymentMeans/PayeeFinancialAccount/ID", compte: "PaymentMeans/PayeeFinancialAccount/ID",
	lignes: "LegalMonetaryTotal/LineExtensionAmount", remises: "LegalMonetaryTotal/AllowanceTotalAmount", charges: "LegalMonetaryTotal/ChargeTotalAmount",
	ht: "LegalMonetaryTotal/TaxExclusiveAmount", tva: "TaxTotal/TaxAmount", ttc: "LegalMonetaryTotal/TaxInclusiveAmount",
	acomptes: "LegalMonetaryTotal/PrepaidAmount", arrondi: "LegalMonetaryTotal/PayableRoundingAmount", apayer: "LegalMonetaryTotal/PayableAmount",
	ligne: "InvoiceLine", ligneMontant: "LineExtensionAmount",
	fournisseurNom: "AccountingSupplierParty/Party/PartyLegalEntity/RegistrationName", destinataireNom: "AccountingCustomerParty/Party/PartyLegalEntity/RegistrationName",
	fournisseurBalise: "AccountingSupplierParty/Party/PartyIdentification/ID", destinataireName: "AccountingCustomerParty/Party/PartyIdentification/ID",
	serviceBalise: "BuyerReference", notes: "Note", pieces: "AdditionalDocumentReference/Attachment/EmbeddedDocumentBinaryObject",
}

const (
	agreement  = "SupplyChainTradeTransaction/ApplicableHeaderTradeAgreement/"
	settlement = "SupplyChainTradeTransaction/ApplicableHeaderTradeSettlement/"
	summation  = settlement + "SpecifiedTradeSettlementHeaderMonetarySummation/"
	means      = settlement + "SpecifiedTradeSettlementPaymentMeans/"
)

var ciiForm = form{
	prefix: "FichierXml.",
	numero: "ExchangedDocument/ID", date: "ExchangedDocument/IssueDateTime/DateTimeString", genre: "ExchangedDocument/TypeCode",
	devise: settlement + "InvoiceCurrencyCode", cadre: "ExchangedDocumentContext/BusinessProcessSpecifiedDocumentContextParameter/ID",
	profil:     "ExchangedDocumentContext/GuidelineSpecifiedDocumentContextParameter/ID",
	engagement: agreement + "BuyerOrderReferencedDocument/IssuerAssignedID", marche: agreement + "ContractReferencedDocument/IssuerAssignedID",
	paiement: means + "TypeCode", iban: means + "PayeePartyCreditorFinancialAccount/IBANID", compte: means + "PayeePartyCreditorFinancialAccount/ProprietaryID",
	lignes: summation + "LineTotalAmount", remises: summation + "AllowanceTotalAmount", charges: summation + "ChargeTotalAmount",
	ht: summation + "TaxBasisTotalAmount", tva: summation + "TaxTotalAmount", ttc: summation + "GrandTotalAmount",
	acomptes: summation + "TotalPrepaidAmount", arrondi: summation + "RoundingAmount", apayer: summation + "DuePayableAmount",
	ligne:          "SupplyChainTradeTransaction/IncludedSupplyChainTradeLineItem",
	ligneMontant:   "SpecifiedLineTradeSettlement/SpecifiedTradeSettlementLineMonetarySummation/LineTotalAmount",
	fournisseurNom: agreement + "SellerTradeParty/Name", destinataireNom: agreement + "BuyerTradeParty/Name",
	fournisseurBalise: agreement + "SellerTradeParty/SpecifiedLegalOrganization/ID", destinataireName: agreement + "BuyerTradeParty/SpecifiedLegalOrganization/ID",
	serviceBalise: agreement + "BuyerReference", notes: "ExchangedDocument/IncludedNote/Content",
	pieces: agreement + "AdditionalReferencedDocument/AttachmentBinaryObject",
}

// balise is a path as the portal writes it in its messages.
func (f *form) balise(path string) string {
	return f.prefix + strings.ReplaceAll(path, "/", ".") + ".value"
}

// tag is the end of a path, as the portal writes it in brackets.
func tag(path string) string {
	steps := strings.Split(path, "/")
	return strings.Join(steps[max(0, len(steps)-4):], ".") + ".value"
}

// readDocument takes the facts out of a document and notes what is wrong with the document itself. What
// depends on the portal's own knowledge (structures, numbers already taken) is judged later.
func readDocument(b []byte) *Facts {
	f := &Facts{SHA256: sum(b), Octets: int64(len(b))}
	inadmissible := func(reason string) *Facts {
		f.Defect, f.DefectKind = cut("IRRECEVABILITE: "+reason), refusedTechnical
		return f
	}
	within, xmlOf := "", b
	if bytes.Contains(b[:min(len(b), 1024)], []byte("%PDF-")) {
		attached, err := attachedInvoice(b)
		if err != nil {
			return inadmissible(err.Error())
		}
		within, xmlOf = syntaxeFacturX, attached
	}
	root, err := parseXML(xmlOf)
	if err != nil {
		return inadmissible(err.Error())
	}
	p := &paper{root: root}
	switch root.space + " " + root.name {
	case ubl + "Invoice-2 Invoice":
		p.form, f.Syntaxe = &ublForm, syntaxeUBL
	case ubl + "CreditNote-2 CreditNote":
		note := ublForm
		note.prefix, note.genre, note.ligne = "FichierXml.CreditNote.", "CreditNoteTypeCode", "CreditNoteLine"
		p.form, f.Syntaxe = &note, syntaxeUBL
	case cii + "CrossIndustryInvoice:100 CrossIndustryInvoice":
		p.form, f.Syntaxe = &ciiForm, syntaxeCII
	default:
		return inadmissible("cvc-elt.1: Cannot find the declaration of element '" + root.name + "'.")
	}
	if within != "" {
		if f.Syntaxe != syntaxeCII {
			return inadmissible(errNoInvoice.Error())
		}
		f.Syntaxe = within
	}
	if reason := p.xsd(); reason != "" {
		return inadmissible(reason)
	}
	p.identify()
	p.facts(f)
	messages, guessed := p.judge(f)
	if len(messages) > 0 {
		f.Defect, f.DefectKind = cut(strings.Join(messages, "|")), refusedRules
	}
	f.Guess = cut(strings.Join(guessed, "|"))
	return f
}

// facts are what the portal keeps of the document.
func (p *paper) facts(f *Facts) {
	v := func(path string) string { return cut(p.root.value(path)) }
	f.Numero = v(p.form.numero)
	f.Type = typeFacture(v(p.form.genre))
	if p.root.name == "CreditNote" {
		f.Type = "AVOIR"
	}
	f.Fournisseur, f.Destinataire = p.fournisseur, p.destinataire
	f.Siren = p.fournisseur[:min(9, len(p.fournisseur))]
	if day, ok := p.date(); ok {
		f.Date, f.Annee = day.Format("2006-01-02"), day.Year()
	}
	f.Service, f.Engagement, f.Cadre, f.Devise = cut(p.service), v(p.form.engagement), v(p.form.cadre), v(p.form.devise)
	for to, path := range map[*string]string{&f.HT: p.form.ht, &f.TTC: p.form.ttc, &f.APayer: p.form.apayer} {
		if a, ok := p.amount(path); ok {
			*to = a.StringFixed(2)
		}
	}
	if f.Cadre == "" {
		f.Cadre = "A1"
	}
}

// date is the day of issue: a calendar day in UBL, format 102 in CII.
func (p *paper) date() (time.Time, bool) {
	n := p.root.one(p.form.date)
	layout, text := "2006-01-02", n.trimmed()
	if p.form.profil != "" {
		layout = "20060102"
		if n.attr("format") != "102" {
			return time.Time{}, false
		}
	} else if len(text) > len(layout) { // a zone may follow, after the XML schema
		text = text[:len(layout)]
	}
	day, err := time.Parse(layout, text)
	return day, err == nil
}

// identify finds the parties, the service and the VAT breakdown, each where its syntax keeps it.
func (p *paper) identify() {
	if p.form.profil == "" {
		p.fournisseur = identity(p.root.one("AccountingSupplierParty/Party"), "PartyIdentification/ID", "PartyLegalEntity/CompanyID")
		customer := p.root.one("AccountingCustomerParty")
		p.destinataire = identity(customer.one("Party"), "PartyIdentification/ID", "PartyLegalEntity/CompanyID")
		p.service = firstOf(customer.value("AccountingContact/ID"), service(customer.all("Party/PartyIdentification/ID")), p.root.value("BuyerReference"))
		for _, n := range p.root.all("TaxTotal/TaxSubtotal") {
			p.breakdown = append(p.breakdown, vat{
				n.value("TaxCategory/ID"), n.value("TaxableAmount"), n.value("TaxAmount"), n.value("TaxCategory/Percent"),
				firstOf(n.value("TaxCategory/TaxExemptionReason"), n.value("TaxCategory/TaxExemptionReasonCode")),
			})
		}
		return
	}
	seller, buyer := p.root.one(agreement+"SellerTradeParty"), p.root.one(agreement+"BuyerTradeParty")
	p.fournisseur = identity(seller, "SpecifiedLegalOrganization/ID", "GlobalID", "ID")
	p.destinataire = identity(buyer, "SpecifiedLegalOrganization/ID", "GlobalID", "ID")
	p.service = firstOf(service(buyer.all("GlobalID")), p.root.value(agreement+"BuyerReference"))
	for _, n := range p.root.all(settlement + "ApplicableTradeTax") {
		p.breakdown = append(p.breakdown, vat{
			n.value("CategoryCode"), n.value("BasisAmount"), n.value("CalculatedAmount"), n.value("RateApplicablePercent"),
			firstOf(n.value("ExemptionReason"), n.value("ExemptionReasonCode")),
		})
	}
}

// identity is a party's SIRET. What is marked as one (0009, or schemeName 1 of Chorus Pro's UBL) comes before what has 14 digits under
// SIRENE's scheme (0002) and before what is marked as nothing; addresses for routing are no identity. What is found is not mended.
func identity(party *node, paths ...string) string {
	if party == nil {
		return ""
	}
	var all []*node
	for _, path := range paths {
		all = append(all, party.all(path)...)
	}
	solid := func(n *node) bool { return len(n.text) == 14 && allDigits(n.trimmed()) }
	for _, fits := range []func(n *node) bool{
		func(n *node) bool { return n.attr("schemeID") == "0009" || n.attr("schemeName") == "1" },
		func(n *node) bool { return n.attr("schemeID") == "0002" && solid(n) },
		func(n *node) bool { return n.attr("schemeID") == "" && solid(n) },
		func(n *node) bool { return n.attr("schemeID") == "0002" || n.attr("schemeID") == "" },
	} {
		if i := slices.IndexFunc(all, fits); i >= 0 {
			return cut(string(all[i].text))
		}
	}
	return ""
}

// service is a service code among a party's identifiers: scheme 0224 (XP Z12-012).
func service(all []*node) string {
	for _, n := range all {
		if n.attr("schemeID") == "0224" {
			return n.trimmed()
		}
	}
	return ""
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

func allDigits(text string) bool {
	_, err := strconv.ParseUint(text, 10, 64)
	return err == nil
}

// typeFacture translates BT-3 (UNTDID 1001) into the three kinds of the search.
func typeFacture(code string) string {
	switch code {
	case "81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "502", "503", "532":
		return "AVOIR"
	case "386", "500":
		return "ACOMPTE"
	}
	return "FACTURE"
}
