package chorustest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// As much of the XML schemas as can be said in a page: whose elements may stand in a document, the order at the top, and the form of dates and amounts.

const (
	ubl       = "urn:oasis:names:specification:ubl:schema:xsd:"
	cii       = "urn:un:unece:uncefact:data:standard:"
	ublBasic  = ubl + "CommonBasicComponents-2"
	ublGroups = ubl + "CommonAggregateComponents-2"
	ublOther  = ubl + "CommonExtensionComponents-2"
)

var decimalForm = regexp.MustCompile(`^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)$`)

// tops are the elements at the top, in the order of the schema.
var tops = map[string][]string{
	"Invoice": strings.Fields(ublHead + ` DueDate InvoiceTypeCode Note TaxPointDate ` + ublCodes + ` InvoicePeriod OrderReference
		BillingReference DespatchDocumentReference ReceiptDocumentReference StatementDocumentReference OriginatorDocumentReference
		ContractDocumentReference AdditionalDocumentReference ProjectReference ` + ublParties + ` Delivery DeliveryTerms PaymentMeans PaymentTerms
		PrepaidPayment AllowanceCharge ` + ublRates + ` TaxTotal WithholdingTaxTotal LegalMonetaryTotal InvoiceLine`),
	"CreditNote": strings.Fields(ublHead + ` TaxPointDate CreditNoteTypeCode Note ` + ublCodes + ` InvoicePeriod DiscrepancyResponse OrderReference
		BillingReference DespatchDocumentReference ReceiptDocumentReference ContractDocumentReference AdditionalDocumentReference
		StatementDocumentReference OriginatorDocumentReference ` + ublParties + ` Delivery DeliveryTerms PaymentMeans PaymentTerms ` + ublRates + `
		AllowanceCharge TaxTotal LegalMonetaryTotal CreditNoteLine`),
	"CrossIndustryInvoice":        {"ExchangedDocumentContext", "ExchangedDocument", "SupplyChainTradeTransaction", "ValuationBreakdownStatement"},
	"SupplyChainTradeTransaction": {"IncludedSupplyChainTradeLineItem", "ApplicableHeaderTradeAgreement", "ApplicableHeaderTradeDelivery", "ApplicableHeaderTradeSettlement"},
}

const (
	ublHead    = `UBLExtensions UBLVersionID CustomizationID ProfileID ProfileExecutionID ID CopyIndicator UUID IssueDate IssueTime`
	ublCodes   = `DocumentCurrencyCode TaxCurrencyCode PricingCurrencyCode PaymentCurrencyCode PaymentAlternativeCurrencyCode AccountingCostCode AccountingCost LineCountNumeric BuyerReference`
	ublParties = `Signature AccountingSupplierParty AccountingCustomerParty PayeeParty BuyerCustomerParty SellerSupplierParty TaxRepresentativeParty`
	ublRates   = `TaxExchangeRate PricingExchangeRate PaymentExchangeRate PaymentAlternativeExchangeRate`
)

// xsd is the schema validator's message; "" when the document is valid as far as is looked.
func (p *paper) xsd() string { return validate(p.root, p.form.profil == "", true) }

func validate(n *node, isUBL, root bool) string {
	if known := tops[n.name]; known != nil && (root || n.name == "SupplyChainTradeTransaction") {
		last := 0
		for _, c := range n.children {
			i := slices.Index(known, c.name)
			if i < last {
				return unexpected(c)
			}
			last = i
		}
	}
	text := n.trimmed()
	if len(n.children) > 0 && text != "" {
		return fmt.Sprintf("cvc-complex-type.2.3: Element '%.60s' cannot have character [children], because the type's content type is element-only. - ligne: %d", n.name, n.line)
	}
	if n.space == ublBasic && len(n.children) > 0 {
		return fmt.Sprintf("cvc-type.3.1.2: Element '%.60s' is a simple type, so it must have no element information item [children]. - ligne: %d", n.name, n.line)
	}
	if len(n.children) == 0 {
		if kind := badValue(n, isUBL, text); kind != "" {
			return fmt.Sprintf("cvc-datatype-valid.1.2.1: '%.40s' is not a valid value for '%s'. - ligne: %d", text, kind, n.line)
		}
	}
	for _, c := range n.children {
		switch {
		case c.space == ublOther && isUBL: // an extension holds whatever its maker likes
			continue
		case isUBL && c.space != ublBasic && c.space != ublGroups, !isUBL && !strings.HasPrefix(c.space, cii):
			return unexpected(c)
		}
		if reason := validate(c, isUBL, false); reason != "" {
			return reason
		}
	}
	return ""
}

func unexpected(n *node) string {
	return fmt.Sprintf("cvc-complex-type.2.4.a: Invalid content was found starting with element '%.60s'. - ligne: %d", n.name, n.line)
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
	case strings.HasSuffix(n.name, "Amount"), strings.HasSuffix(n.name, "Quantity"), strings.HasSuffix(n.name, "Percent"):
		if len(text) > 40 || !decimalForm.MatchString(text) {
			return "decimal"
		}
	}
	return ""
}

var zoneForm = regexp.MustCompile(`^(Z|[+-][0-9]{2}:[0-9]{2})?$`)

func validZone(text string) bool { return zoneForm.MatchString(text) }
