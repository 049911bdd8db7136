package invoice

import (
	"encoding/xml"
	"strings"
)

// prefixes are the namespaces that wanted elements live in, under names of our own: a document may use any prefixes.
var prefixes = map[string]string{
	"urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2":               "cbc",
	"urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2":           "cac",
	"urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100":                       "rsm",
	"urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100": "ram",
	"urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100":                        "udt",
}

// syntax says where one syntax keeps each EN 16931 term: paths from the root's children on, the first that has a value
// wins. Only these direct paths are looked at, so that no line or nested party is ever taken for the header.
type syntax struct {
	name   string
	terms  map[string][]string
	wanted map[string]bool // the paths in terms
	steps  map[string]bool // the same, and the paths that lead to them
}

func newSyntax(name string, terms map[string][]string) *syntax {
	s := &syntax{name: name, terms: terms, wanted: map[string]bool{}, steps: map[string]bool{}}
	for _, paths := range terms {
		for _, path := range paths {
			s.wanted[path] = true
			for i, c := range path {
				if c == '/' {
					s.steps[path[:i]] = true
				}
			}
			s.steps[path] = true
		}
	}
	return s
}

const (
	ublSeller = "cac:AccountingSupplierParty/cac:Party/"
	ublBuyer  = "cac:AccountingCustomerParty/cac:Party/"
	ublTotals = "cac:LegalMonetaryTotal/"

	ciiContext    = "rsm:ExchangedDocumentContext/"
	ciiDocument   = "rsm:ExchangedDocument/"
	ciiAgreement  = "rsm:SupplyChainTradeTransaction/ram:ApplicableHeaderTradeAgreement/"
	ciiSeller     = ciiAgreement + "ram:SellerTradeParty/"
	ciiBuyer      = ciiAgreement + "ram:BuyerTradeParty/"
	ciiSettlement = "rsm:SupplyChainTradeTransaction/ram:ApplicableHeaderTradeSettlement/"
	ciiTotals     = ciiSettlement + "ram:SpecifiedTradeSettlementHeaderMonetarySummation/"
)

// ubl and cii follow EN 16931-3-2 and EN 16931-3-3. BT-30 and BT-47 list every place where French suppliers put a SIRET.
var (
	ubl = newSyntax(SyntaxeUBL, map[string][]string{
		"BT-1":   {"cbc:ID"},
		"BT-2":   {"cbc:IssueDate"},
		"BT-3":   {"cbc:InvoiceTypeCode", "cbc:CreditNoteTypeCode"},
		"BT-5":   {"cbc:DocumentCurrencyCode"},
		"BT-10":  {"cbc:BuyerReference"},
		"BT-13":  {"cac:OrderReference/cbc:ID"},
		"BT-23":  {"cbc:ProfileID"},
		"BT-24":  {"cbc:CustomizationID"},
		"BT-25":  {"cac:BillingReference/cac:InvoiceDocumentReference/cbc:ID"},
		"BT-27":  {ublSeller + "cac:PartyLegalEntity/cbc:RegistrationName", ublSeller + "cac:PartyName/cbc:Name"},
		"BT-30":  {ublSeller + "cac:PartyLegalEntity/cbc:CompanyID", ublSeller + "cac:PartyIdentification/cbc:ID", ublSeller + "cbc:EndpointID"},
		"BT-44":  {ublBuyer + "cac:PartyLegalEntity/cbc:RegistrationName", ublBuyer + "cac:PartyName/cbc:Name"},
		"BT-47":  {ublBuyer + "cac:PartyLegalEntity/cbc:CompanyID", ublBuyer + "cac:PartyIdentification/cbc:ID", ublBuyer + "cbc:EndpointID"},
		"BT-81":  {"cac:PaymentMeans/cbc:PaymentMeansCode"},
		"BT-109": {ublTotals + "cbc:TaxExclusiveAmount"},
		"BT-110": {"cac:TaxTotal/cbc:TaxAmount"},
		"BT-112": {ublTotals + "cbc:TaxInclusiveAmount"},
		"BT-115": {ublTotals + "cbc:PayableAmount"},
	})
	cii = newSyntax(SyntaxeCII, map[string][]string{
		"BT-1":   {ciiDocument + "ram:ID"},
		"BT-2":   {ciiDocument + "ram:IssueDateTime/udt:DateTimeString", ciiDocument + "ram:IssueDateTime/udt:DateTime"},
		"BT-3":   {ciiDocument + "ram:TypeCode"},
		"BT-5":   {ciiSettlement + "ram:InvoiceCurrencyCode"},
		"BT-10":  {ciiAgreement + "ram:BuyerReference"},
		"BT-13":  {ciiAgreement + "ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID"},
		"BT-23":  {ciiContext + "ram:BusinessProcessSpecifiedDocumentContextParameter/ram:ID"},
		"BT-24":  {ciiContext + "ram:GuidelineSpecifiedDocumentContextParameter/ram:ID"},
		"BT-25":  {ciiSettlement + "ram:InvoiceReferencedDocument/ram:IssuerAssignedID"},
		"BT-27":  {ciiSeller + "ram:Name"},
		"BT-30":  {ciiSeller + "ram:SpecifiedLegalOrganization/ram:ID", ciiSeller + "ram:GlobalID", ciiSeller + "ram:ID", ciiSeller + "ram:URIUniversalCommunication/ram:URIID"},
		"BT-44":  {ciiBuyer + "ram:Name"},
		"BT-47":  {ciiBuyer + "ram:SpecifiedLegalOrganization/ram:ID", ciiBuyer + "ram:GlobalID", ciiBuyer + "ram:ID", ciiBuyer + "ram:URIUniversalCommunication/ram:URIID"},
		"BT-81":  {ciiSettlement + "ram:SpecifiedTradeSettlementPaymentMeans/ram:TypeCode"},
		"BT-109": {ciiTotals + "ram:TaxBasisTotalAmount"},
		"BT-110": {ciiTotals + "ram:TaxTotalAmount"},
		"BT-112": {ciiTotals + "ram:GrandTotalAmount"},
		"BT-115": {ciiTotals + "ram:DuePayableAmount"},
	})
)

// recognise goes by the root element.
func recognise(root xml.Name) (*syntax, *Problem) {
	switch root {
	case xml.Name{Space: "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2", Local: "Invoice"},
		xml.Name{Space: "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2", Local: "CreditNote"}:
		return ubl, nil
	case xml.Name{Space: "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100", Local: "CrossIndustryInvoice"}:
		return cii, nil
	}
	if root.Local == "CrossIndustryDocument" || root.Local == "CrossIndustryInvoice" {
		return nil, problemf(CodeVersion, "",
			"this is an older cross industry invoice (ZUGFeRD 1.0 or CII before D16B): write CII D16B",
			"ceci est une ancienne facture CII (ZUGFeRD 1.0 ou CII antérieur à D16B) : écrivez du CII D16B")
	}
	return nil, notAnInvoice("XML, " + quote(root.Local))
}

// termNames are the words of messages, English and French.
var termNames = map[string][2]string{
	"BT-1":   {"invoice number", "numéro de facture"},
	"BT-2":   {"issue date", "date d'émission"},
	"BT-3":   {"document type", "type de document"},
	"BT-5":   {"currency", "devise"},
	"BT-8":   {"VAT regime", "régime de TVA"},
	"BT-10":  {"service code", "code service"},
	"BT-12":  {"contract", "marché"},
	"BT-13":  {"commitment number", "numéro d'engagement"},
	"BT-22":  {"comment", "commentaire"},
	"BT-23":  {"cadre de facturation", "cadre de facturation"},
	"BT-24":  {"profile", "profil"},
	"BT-25":  {"preceding invoice", "facture d'origine"},
	"BT-27":  {"supplier's name", "nom du fournisseur"},
	"BT-30":  {"supplier's SIRET", "SIRET du fournisseur"},
	"BT-44":  {"recipient's name", "nom du destinataire"},
	"BT-47":  {"recipient's SIRET", "SIRET du destinataire"},
	"BT-81":  {"payment means", "moyen de paiement"},
	"BT-109": {"total without VAT", "total HT"},
	"BT-110": {"total VAT", "total TVA"},
	"BT-112": {"total with VAT", "total TTC"},
	"BT-115": {"amount due", "net à payer"},
	"BT-117": {"VAT of a rate", "TVA d'un taux"},
	"BT-120": {"reason of exemption", "motif d'exonération"},
}

// values are all the values of a term, in order of preference and then of the document.
func (s *syntax) values(t table, term string) []value {
	var all []value
	for _, path := range s.terms[term] {
		for _, v := range t[path] {
			// An electronic address (BT-34, BT-49) is a SIRET only when it says so.
			if (strings.HasSuffix(path, ":EndpointID") || strings.HasSuffix(path, ":URIID")) && v.scheme != "0009" {
				continue
			}
			all = append(all, v)
		}
	}
	return all
}
