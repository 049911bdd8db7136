package invoice

import "encoding/xml"

// place is where a term may stand: a path below the document's element.
type place struct {
	term string
	path string
}

// syntax says where one syntax keeps what choriste needs to know. Only these direct paths are looked at, so that no line or nested party is ever taken for the
// header. Of several places of one thing, the first that has a value counts.
type syntax struct {
	name          string
	terms         map[string][]string // by term of EN 16931, what stands in one place, or in several equal ones
	service       []place
	seller, buyer partyPaths
	payment       paymentPaths
	attachment    attachmentPaths
}

// partyPaths are where a party's facts stand.
type partyPaths struct {
	name        []string
	identifiers []place // the legal registration first, then other identifiers, then the electronic address, then what is no term of EN 16931
	country     string
}

// paymentPaths are where the means of payment stand: each group, and in it the code and the account.
type paymentPaths struct {
	group, code string
	accounts    []string
}

// attachmentPaths are where supporting documents stand.
type attachmentPaths struct {
	group, reference, binary string
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

// ubl and cii follow EN 16931-3-2 and EN 16931-3-3.
var (
	ubl = &syntax{
		name: SyntaxeUBL,
		terms: map[string][]string{
			"BT-1":   {"cbc:ID"},
			"BT-2":   {"cbc:IssueDate"},
			"BT-3":   {"cbc:InvoiceTypeCode", "cbc:CreditNoteTypeCode"},
			"BT-5":   {"cbc:DocumentCurrencyCode"},
			"BT-12":  {"cac:ContractDocumentReference/cbc:ID"},
			"BT-13":  {"cac:OrderReference/cbc:ID"},
			"BT-22":  {"cbc:Note"},
			"BT-23":  {"cbc:ProfileID"},
			"BT-24":  {"cbc:CustomizationID"},
			"BT-25":  {"cac:BillingReference/cac:InvoiceDocumentReference/cbc:ID", "cac:BillingReference/cac:CreditNoteDocumentReference/cbc:ID"},
			"BT-109": {ublTotals + "cbc:TaxExclusiveAmount"},
			"BT-110": {"cac:TaxTotal/cbc:TaxAmount"},
			"BT-112": {ublTotals + "cbc:TaxInclusiveAmount"},
			"BT-113": {ublTotals + "cbc:PrepaidAmount"},
			"BT-115": {ublTotals + "cbc:PayableAmount"},
		},
		// Where Chorus Pro's own UBL has the service (OCA l10n_fr_chorus_ubl, Gestimum) comes first: documents that follow EN 16931 have nothing there.
		service: []place{{"BT-10", "cac:AccountingCustomerParty/cac:AccountingContact/cbc:ID"}, {"BT-10", "cbc:BuyerReference"}},
		seller: partyPaths{
			name: []string{ublSeller + "cac:PartyLegalEntity/cbc:RegistrationName", ublSeller + "cac:PartyName/cbc:Name"},
			identifiers: []place{
				{"BT-30", ublSeller + "cac:PartyLegalEntity/cbc:CompanyID"},
				{"BT-29", ublSeller + "cac:PartyIdentification/cbc:ID"},
				{"BT-34", ublSeller + "cbc:EndpointID"},
				{"BT-29", "cac:AccountingSupplierParty/cbc:CustomerAssignedAccountID"},
			},
			country: ublSeller + "cac:PostalAddress/cac:Country/cbc:IdentificationCode",
		},
		buyer: partyPaths{
			name: []string{ublBuyer + "cac:PartyLegalEntity/cbc:RegistrationName", ublBuyer + "cac:PartyName/cbc:Name"},
			identifiers: []place{
				{"BT-47", ublBuyer + "cac:PartyLegalEntity/cbc:CompanyID"},
				{"BT-46", ublBuyer + "cac:PartyIdentification/cbc:ID"},
				{"BT-49", ublBuyer + "cbc:EndpointID"},
				{"BT-46", "cac:AccountingCustomerParty/cbc:CustomerAssignedAccountID"},
			},
			country: ublBuyer + "cac:PostalAddress/cac:Country/cbc:IdentificationCode",
		},
		payment:    paymentPaths{"cac:PaymentMeans", "cbc:PaymentMeansCode", []string{"cac:PayeeFinancialAccount/cbc:ID"}},
		attachment: attachmentPaths{"cac:AdditionalDocumentReference", "cbc:ID", "cac:Attachment/cbc:EmbeddedDocumentBinaryObject"},
	}

	cii = &syntax{
		name: SyntaxeCII,
		terms: map[string][]string{
			"BT-1":   {ciiDocument + "ram:ID"},
			"BT-2":   {ciiDocument + "ram:IssueDateTime/udt:DateTimeString"},
			"BT-3":   {ciiDocument + "ram:TypeCode"},
			"BT-5":   {ciiSettlement + "ram:InvoiceCurrencyCode"},
			"BT-12":  {ciiAgreement + "ram:ContractReferencedDocument/ram:IssuerAssignedID"},
			"BT-22":  {ciiDocument + "ram:IncludedNote/ram:Content"},
			"BT-13":  {ciiAgreement + "ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID"},
			"BT-23":  {ciiContext + "ram:BusinessProcessSpecifiedDocumentContextParameter/ram:ID"},
			"BT-24":  {ciiContext + "ram:GuidelineSpecifiedDocumentContextParameter/ram:ID"},
			"BT-25":  {ciiSettlement + "ram:InvoiceReferencedDocument/ram:IssuerAssignedID"},
			"BT-109": {ciiTotals + "ram:TaxBasisTotalAmount"},
			"BT-110": {ciiTotals + "ram:TaxTotalAmount"},
			"BT-112": {ciiTotals + "ram:GrandTotalAmount"},
			"BT-113": {ciiTotals + "ram:TotalPrepaidAmount"},
			"BT-115": {ciiTotals + "ram:DuePayableAmount"},
		},
		service: []place{{"BT-10", ciiAgreement + "ram:BuyerReference"}},
		seller:  ciiParty(ciiSeller, "BT-30", "BT-29", "BT-34"),
		buyer:   ciiParty(ciiBuyer, "BT-47", "BT-46", "BT-49"),
		payment: paymentPaths{
			ciiSettlement + "ram:SpecifiedTradeSettlementPaymentMeans", "ram:TypeCode",
			[]string{"ram:PayeePartyCreditorFinancialAccount/ram:IBANID", "ram:PayeePartyCreditorFinancialAccount/ram:ProprietaryID"},
		},
		attachment: attachmentPaths{ciiAgreement + "ram:AdditionalReferencedDocument", "ram:IssuerAssignedID", "ram:AttachmentBinaryObject"},
	}
)

func ciiParty(at, legal, other, address string) partyPaths {
	return partyPaths{
		name: []string{at + "ram:Name"},
		identifiers: []place{
			{legal, at + "ram:SpecifiedLegalOrganization/ram:ID"},
			{other, at + "ram:GlobalID"},
			{other, at + "ram:ID"},
			{address, at + "ram:URIUniversalCommunication/ram:URIID"},
		},
		country: at + "ram:PostalTradeAddress/ram:CountryID",
	}
}

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
		return nil, problemf(CodeVersion,
			"this is an older cross industry invoice (ZUGFeRD 1.0 or CII before D16B): write CII D16B",
			"ceci est une ancienne facture CII (ZUGFeRD 1.0 ou CII antérieur à D16B) : écrivez du CII D16B")
	}
	return nil, notAnInvoice("XML, " + quote(root.Local))
}
