package answers

import "strings"

// element is where a syntax keeps a term. The portal writes paths with dots and without prefixes, as
// FichierXml.SupplyChainTradeTransaction.ApplicableHeaderTradeAgreement.BuyerReference.value, at times cut at either end.
type element struct {
	path   string // as much of its end as makes it certain
	term   string
	column string // of chorus.invoices, where the term stands in one
}

// elements are CII's paths, then UBL's (EN 16931-3-3 and -3-2).
var elements = []element{
	{"ExchangedDocument.ID", "BT-1", "numero_facture"},
	{"ExchangedDocument.TypeCode", "BT-3", "type_facture"},
	{"ExchangedDocument.IssueDateTime", "BT-2", "date_facture"},
	{"ExchangedDocument.IssueDateTime.DateTimeString", "BT-2", "date_facture"},
	{"ExchangedDocument.IncludedNote", "BG-1", ""},
	{"ExchangedDocument.IncludedNote.Content", "BT-22", ""},
	{"BusinessProcessSpecifiedDocumentContextParameter.ID", "BT-23", "cadre_facturation"},
	{"BusinessProcessSpecifiedDocumentContextParameter", "BT-23", "cadre_facturation"},
	{"GuidelineSpecifiedDocumentContextParameter.ID", "BT-24", ""},
	{"ApplicableHeaderTradeAgreement.BuyerReference", "BT-10", "code_service"},
	{"BuyerOrderReferencedDocument.IssuerAssignedID", "BT-13", "numero_engagement"},
	{"ContractReferencedDocument.IssuerAssignedID", "BT-12", ""},
	{"SpecifiedProcuringProject.ID", "BT-11", ""},
	{"AdditionalReferencedDocument.IssuerAssignedID", "BT-122", ""},
	{"AdditionalReferencedDocument.AttachmentBinaryObject", "BT-125", ""},
	{"SellerTradeParty.Name", "BT-27", "fournisseur_nom"},
	{"SellerTradeParty.ID", "BT-29", "fournisseur_siret"},
	{"SellerTradeParty.GlobalID", "BT-29", "fournisseur_siret"},
	{"SellerTradeParty.SpecifiedLegalOrganization.ID", "BT-30", "fournisseur_siret"},
	{"SellerTradeParty.SpecifiedTaxRegistration.ID", "BT-31", ""},
	{"SellerTradeParty.PostalTradeAddress", "BG-5", ""},
	{"SellerTradeParty.PostalTradeAddress.CountryID", "BT-40", ""},
	{"BuyerTradeParty.Name", "BT-44", "destinataire_nom"},
	{"BuyerTradeParty.ID", "BT-46", "destinataire_siret"},
	{"BuyerTradeParty.GlobalID", "BT-46", "destinataire_siret"},
	{"BuyerTradeParty.SpecifiedLegalOrganization.ID", "BT-47", "destinataire_siret"},
	{"BuyerTradeParty.SpecifiedTaxRegistration.ID", "BT-48", ""},
	{"BuyerTradeParty.PostalTradeAddress", "BG-8", ""},
	{"BuyerTradeParty.PostalTradeAddress.CountryID", "BT-55", ""},
	{"PayeeTradeParty.Name", "BT-59", ""},
	{"ApplicableHeaderTradeDelivery.ActualDeliverySupplyChainEvent.OccurrenceDateTime", "BT-72", ""},
	{"ApplicableHeaderTradeSettlement.InvoiceCurrencyCode", "BT-5", "devise"},
	{"SpecifiedTradeSettlementPaymentMeans.TypeCode", "BT-81", ""},
	{"SpecifiedTradeSettlementPaymentMeans.Information", "BT-82", ""},
	{"PayeePartyCreditorFinancialAccount.IBANID", "BT-84", ""},
	{"PayeePartyCreditorFinancialAccount.ProprietaryID", "BT-84", ""},
	{"PayeeSpecifiedCreditorFinancialInstitution.BICID", "BT-86", ""},
	{"ApplicableHeaderTradeSettlement.ApplicableTradeTax", "BG-23", ""},
	{"ApplicableHeaderTradeSettlement.ApplicableTradeTax.BasisAmount", "BT-116", ""},
	{"ApplicableHeaderTradeSettlement.ApplicableTradeTax.CalculatedAmount", "BT-117", ""},
	{"ApplicableHeaderTradeSettlement.ApplicableTradeTax.CategoryCode", "BT-118", ""},
	{"ApplicableHeaderTradeSettlement.ApplicableTradeTax.RateApplicablePercent", "BT-119", ""},
	{"ApplicableHeaderTradeSettlement.ApplicableTradeTax.ExemptionReason", "BT-120", ""},
	{"ApplicableHeaderTradeSettlement.ApplicableTradeTax.ExemptionReasonCode", "BT-121", ""},
	{"ApplicableTradeTax.ExemptionReason", "BT-120", ""},
	{"ApplicableTradeTax.ExemptionReasonCode", "BT-121", ""},
	{"SpecifiedTradePaymentTerms.DueDateDateTime", "BT-9", ""},
	{"SpecifiedTradePaymentTerms.Description", "BT-20", ""},
	{"SpecifiedTradeAllowanceCharge.ActualAmount", "BT-92", ""},
	{"SpecifiedTradeAllowanceCharge.Reason", "BT-97", ""},
	{"SpecifiedTradeSettlementHeaderMonetarySummation", "BG-22", ""},
	{"SpecifiedTradeSettlementHeaderMonetarySummation.LineTotalAmount", "BT-106", ""},
	{"SpecifiedTradeSettlementHeaderMonetarySummation.AllowanceTotalAmount", "BT-107", ""},
	{"SpecifiedTradeSettlementHeaderMonetarySummation.ChargeTotalAmount", "BT-108", ""},
	{"SpecifiedTradeSettlementHeaderMonetarySummation.TaxBasisTotalAmount", "BT-109", "montant_ht"},
	{"SpecifiedTradeSettlementHeaderMonetarySummation.TaxTotalAmount", "BT-110", "montant_tva"},
	{"SpecifiedTradeSettlementHeaderMonetarySummation.GrandTotalAmount", "BT-112", "montant_ttc"},
	{"SpecifiedTradeSettlementHeaderMonetarySummation.TotalPrepaidAmount", "BT-113", ""},
	{"SpecifiedTradeSettlementHeaderMonetarySummation.DuePayableAmount", "BT-115", "montant_a_payer"},
	{"InvoiceReferencedDocument.IssuerAssignedID", "BT-25", ""},
	{"IncludedSupplyChainTradeLineItem.AssociatedDocumentLineDocument.LineID", "BT-126", ""},
	{"AssociatedDocumentLineDocument.LineID", "BT-126", ""},
	{"SpecifiedTradeProduct.Name", "BT-153", ""},
	{"GrossPriceProductTradePrice.ChargeAmount", "BT-148", ""},
	{"GrossPriceProductTradePrice", "BT-148", ""},
	{"AppliedTradeAllowanceCharge.ActualAmount", "BT-147", ""},
	{"NetPriceProductTradePrice.ChargeAmount", "BT-146", ""},
	{"SpecifiedLineTradeDelivery.BilledQuantity", "BT-129", ""},
	{"SpecifiedLineTradeSettlement.ApplicableTradeTax.CategoryCode", "BT-151", ""},
	{"SpecifiedLineTradeSettlement.ApplicableTradeTax.RateApplicablePercent", "BT-152", ""},
	{"SpecifiedTradeSettlementLineMonetarySummation.LineTotalAmount", "BT-131", ""},

	{"Invoice.ID", "BT-1", "numero_facture"},
	{"CreditNote.ID", "BT-1", "numero_facture"},
	{"Invoice.IssueDate", "BT-2", "date_facture"},
	{"CreditNote.IssueDate", "BT-2", "date_facture"},
	{"Invoice.InvoiceTypeCode", "BT-3", "type_facture"},
	{"CreditNote.CreditNoteTypeCode", "BT-3", "type_facture"},
	{"Invoice.DocumentCurrencyCode", "BT-5", "devise"},
	{"CreditNote.DocumentCurrencyCode", "BT-5", "devise"},
	{"Invoice.DueDate", "BT-9", ""},
	{"Invoice.BuyerReference", "BT-10", "code_service"},
	{"CreditNote.BuyerReference", "BT-10", "code_service"},
	{"Invoice.ProfileID", "BT-23", "cadre_facturation"},
	{"CreditNote.ProfileID", "BT-23", "cadre_facturation"},
	{"Invoice.CustomizationID", "BT-24", ""},
	{"CreditNote.CustomizationID", "BT-24", ""},
	{"OrderReference.ID", "BT-13", "numero_engagement"},
	{"ContractDocumentReference.ID", "BT-12", ""},
	{"ProjectReference.ID", "BT-11", ""},
	{"BillingReference.InvoiceDocumentReference.ID", "BT-25", ""},
	{"AdditionalDocumentReference.ID", "BT-122", ""},
	{"Attachment.EmbeddedDocumentBinaryObject", "BT-125", ""},
	{"AccountingSupplierParty.Party.EndpointID", "BT-34", ""},
	{"AccountingSupplierParty.Party.PartyIdentification.ID", "BT-29", "fournisseur_siret"},
	{"AccountingSupplierParty.Party.PartyName.Name", "BT-28", "fournisseur_nom"},
	{"AccountingSupplierParty.Party.PartyLegalEntity.RegistrationName", "BT-27", "fournisseur_nom"},
	{"AccountingSupplierParty.Party.PartyLegalEntity.CompanyID", "BT-30", "fournisseur_siret"},
	{"AccountingSupplierParty.Party.PartyTaxScheme.CompanyID", "BT-31", ""},
	{"AccountingSupplierParty.Party.PostalAddress.Country.IdentificationCode", "BT-40", ""},
	{"AccountingSupplierParty.Party.PostalAddress", "BG-5", ""},
	{"AccountingCustomerParty.Party.EndpointID", "BT-49", ""},
	{"AccountingCustomerParty.Party.PartyIdentification.ID", "BT-46", "destinataire_siret"},
	{"AccountingCustomerParty.Party.PartyName.Name", "BT-45", "destinataire_nom"},
	{"AccountingCustomerParty.Party.PartyLegalEntity.RegistrationName", "BT-44", "destinataire_nom"},
	{"AccountingCustomerParty.Party.PartyLegalEntity.CompanyID", "BT-47", "destinataire_siret"},
	{"AccountingCustomerParty.Party.PostalAddress.Country.IdentificationCode", "BT-55", ""},
	{"AccountingCustomerParty.Party.PostalAddress", "BG-8", ""},
	{"AccountingCustomerParty.AccountingContact.ID", "BT-10", "code_service"},
	{"PaymentMeans.PaymentMeansCode", "BT-81", ""},
	{"PaymentMeans.PaymentID", "BT-83", ""},
	{"PaymentMeans.PayeeFinancialAccount.ID", "BT-84", ""},
	{"PayeeFinancialAccount.ID", "BT-84", ""},
	{"PayeeFinancialAccount.FinancialInstitutionBranch.ID", "BT-86", ""},
	{"PaymentTerms.Note", "BT-20", ""},
	{"Invoice.TaxTotal.TaxAmount", "BT-110", "montant_tva"},
	{"TaxTotal.TaxAmount", "BT-110", "montant_tva"},
	{"TaxTotal.TaxSubtotal", "BG-23", ""},
	{"TaxSubtotal.TaxableAmount", "BT-116", ""},
	{"TaxSubtotal.TaxAmount", "BT-117", ""},
	{"TaxSubtotal.TaxCategory.ID", "BT-118", ""},
	{"TaxSubtotal.TaxCategory.Percent", "BT-119", ""},
	{"TaxCategory.TaxExemptionReason", "BT-120", ""},
	{"TaxCategory.TaxExemptionReasonCode", "BT-121", ""},
	{"LegalMonetaryTotal", "BG-22", ""},
	{"LegalMonetaryTotal.LineExtensionAmount", "BT-106", ""},
	{"LegalMonetaryTotal.AllowanceTotalAmount", "BT-107", ""},
	{"LegalMonetaryTotal.ChargeTotalAmount", "BT-108", ""},
	{"LegalMonetaryTotal.TaxExclusiveAmount", "BT-109", "montant_ht"},
	{"LegalMonetaryTotal.TaxInclusiveAmount", "BT-112", "montant_ttc"},
	{"LegalMonetaryTotal.PrepaidAmount", "BT-113", ""},
	{"LegalMonetaryTotal.PayableAmount", "BT-115", "montant_a_payer"},
	{"InvoiceLine.ID", "BT-126", ""},
	{"CreditNoteLine.ID", "BT-126", ""},
	{"InvoiceLine.InvoicedQuantity", "BT-129", ""},
	{"CreditNoteLine.CreditedQuantity", "BT-129", ""},
	{"InvoiceLine.LineExtensionAmount", "BT-131", ""},
	{"CreditNoteLine.LineExtensionAmount", "BT-131", ""},
	{"Item.Name", "BT-153", ""},
	{"Item.ClassifiedTaxCategory.ID", "BT-151", ""},
	{"Item.ClassifiedTaxCategory.Percent", "BT-152", ""},
	{"Price.PriceAmount", "BT-146", ""},
	{"Price.AllowanceCharge.Amount", "BT-147", ""},
}

// byPath is elements by their path in lower case: case is compared as little as in patterns.
var byPath = func() map[string]element {
	m := map[string]element{}
	for _, e := range elements {
		m[strings.ToLower(e.path)] = e
	}
	return m
}()

// mostSteps bounds how much of a path is looked at.
const mostSteps = 20

// Element finds the term that an element of CII or UBL holds, by its path as the portal writes it: FichierXml before it and .value behind it do not count,
// nor do prefixes. The longest known end of the path decides. A path that is cut at its end is known by what goes before, if that is enough.
func Element(path string) (term, column string) {
	path = strings.TrimPrefix(strings.ToLower(path), "fichierxml")
	steps := strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '/' || r == '…' })
	for k, s := range steps {
		if _, local, ok := strings.Cut(s, ":"); ok {
			steps[k] = local
		}
	}
	if n := len(steps); n > 0 && steps[n-1] == "value" {
		steps = steps[:n-1]
	}
	steps = steps[max(0, len(steps)-mostSteps):]
	for drop := range min(2, len(steps)) { // the last step may be a piece of a name
		whole := steps[:len(steps)-drop]
		for from := range whole {
			if e, ok := byPath[strings.Join(whole[from:], ".")]; ok {
				return e.term, e.column
			}
		}
	}
	return "", ""
}
