package invoice

import (
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/invoice/tree"
)

// Content is all that EN 16931 knows of an invoice, the same from UBL, CII and Factur-X. Texts are without white space around them and cut at 4 KiB. Amounts are in
// Currency; one that is no number, or in another currency, is not Valid. A date that is not written in the form of its syntax is zero. What is there once in EN 16931 and
// several times in the document is the first that is filled.
//
// The tags say which term a field is (bt) and where it stands in each syntax; places.go says how they are read. A field of several terms lists them: of the seller, the
// buyer, the tax representative, the place of delivery, the payee; or of an allowance and a charge of the document, then of a line.
type Content struct {
	Number              string             `bt:"BT-1" ubl:"cbc:ID" cii:"document/ram:ID" json:"number,omitzero"`
	IssueDate           Date               `bt:"BT-2" ubl:"cbc:IssueDate" cii:"document/ram:IssueDateTime/udt:DateTimeString" json:"issue_date,omitzero"`
	Type                string             `bt:"BT-3" ubl:"cbc:InvoiceTypeCode|cbc:CreditNoteTypeCode" cii:"document/ram:TypeCode" json:"type,omitzero"` // UNTDID 1001
	Currency            string             `bt:"BT-5" ubl:"cbc:DocumentCurrencyCode" cii:"settlement/ram:InvoiceCurrencyCode" json:"currency,omitzero"`  // ISO 4217
	TaxCurrency         string             `bt:"BT-6" ubl:"cbc:TaxCurrencyCode" cii:"settlement/ram:TaxCurrencyCode" json:"tax_currency,omitzero"`
	TaxPointDate        Date               `bt:"BT-7" ubl:"cbc:TaxPointDate" cii:"settlement/ram:ApplicableTradeTax/ram:TaxPointDate/udt:DateString" json:"tax_point_date,omitzero"`
	TaxPointCode        string             `bt:"BT-8" ubl:"cac:InvoicePeriod/cbc:DescriptionCode" cii:"settlement/ram:ApplicableTradeTax/ram:DueDateTypeCode" json:"tax_point_code,omitzero"` // UNTDID 2005: 3, 35, 432
	DueDate             Date               `bt:"BT-9" ubl:"cbc:DueDate|cac:PaymentMeans/cbc:PaymentDueDate" cii:"settlement/ram:SpecifiedTradePaymentTerms/ram:DueDateDateTime/udt:DateTimeString" json:"due_date,omitzero"`
	BuyerReference      string             `bt:"BT-10" ubl:"cac:AccountingCustomerParty/cac:AccountingContact/cbc:ID|cac:AccountingCustomerParty/cac:Party/cac:PartyIdentification/cbc:ID[@schemeID=0224]|cbc:BuyerReference" cii:"agreement/ram:BuyerTradeParty/ram:GlobalID[@schemeID=0224]|agreement/ram:BuyerReference" json:"buyer_reference,omitzero"` // Chorus Pro's own UBL has the service in the first place, XP Z12-012 in the second
	Project             string             `bt:"BT-11" ubl:"cac:ProjectReference/cbc:ID|cac:AdditionalDocumentReference[cbc:DocumentTypeCode=50]/cbc:ID" cii:"agreement/ram:SpecifiedProcuringProject/ram:ID" json:"project,omitzero"`
	Contract            string             `bt:"BT-12" ubl:"cac:ContractDocumentReference/cbc:ID" cii:"agreement/ram:ContractReferencedDocument/ram:IssuerAssignedID" json:"contract,omitzero"`
	Order               string             `bt:"BT-13" ubl:"cac:OrderReference/cbc:ID" cii:"agreement/ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID" json:"order,omitzero"`
	SalesOrder          string             `bt:"BT-14" ubl:"cac:OrderReference/cbc:SalesOrderID" cii:"agreement/ram:SellerOrderReferencedDocument/ram:IssuerAssignedID" json:"sales_order,omitzero"`
	ReceivingAdvice     string             `bt:"BT-15" ubl:"cac:ReceiptDocumentReference/cbc:ID" cii:"delivery/ram:ReceivingAdviceReferencedDocument/ram:IssuerAssignedID" json:"receiving_advice,omitzero"`
	DespatchAdvice      string             `bt:"BT-16" ubl:"cac:DespatchDocumentReference/cbc:ID" cii:"delivery/ram:DespatchAdviceReferencedDocument/ram:IssuerAssignedID" json:"despatch_advice,omitzero"`
	Tender              string             `bt:"BT-17" ubl:"cac:OriginatorDocumentReference/cbc:ID" cii:"agreement/ram:AdditionalReferencedDocument[ram:TypeCode=50]/ram:IssuerAssignedID" json:"tender,omitzero"`
	Object              ID                 `bt:"BT-18" ubl:"cac:AdditionalDocumentReference[cbc:DocumentTypeCode=130]/cbc:ID" cii:"agreement/ram:AdditionalReferencedDocument[ram:TypeCode=130]/ram:IssuerAssignedID" json:"object,omitzero"`
	AccountingReference string             `bt:"BT-19" ubl:"cbc:AccountingCost" cii:"settlement/ram:ReceivableSpecifiedTradeAccountingAccount/ram:ID" json:"accounting_reference,omitzero"`
	Terms               string             `bt:"BT-20" ubl:"cac:PaymentTerms/cbc:Note" cii:"settlement/ram:SpecifiedTradePaymentTerms/ram:Description" json:"payment_terms,omitzero"`
	Notes               []Note             `ubl:"cbc:Note" cii:"document/ram:IncludedNote" json:"notes,omitzero"`                                                             // BG-1
	Process             string             `bt:"BT-23" ubl:"cbc:ProfileID" cii:"context/ram:BusinessProcessSpecifiedDocumentContextParameter/ram:ID" json:"process,omitzero"` // Chorus Pro's cadre de facturation
	Specification       string             `bt:"BT-24" ubl:"cbc:CustomizationID" cii:"context/ram:GuidelineSpecifiedDocumentContextParameter/ram:ID" json:"specification,omitzero"`
	Preceding           []PrecedingInvoice `ubl:"cac:BillingReference/cac:InvoiceDocumentReference|cac:BillingReference/cac:CreditNoteDocumentReference" cii:"settlement/ram:InvoiceReferencedDocument" json:"preceding,omitzero"` // BG-3
	Seller              Party              `as:"0" ubl:"cac:AccountingSupplierParty/cac:Party" cii:"agreement/ram:SellerTradeParty" json:"seller"`                                                                                 // BG-4
	Buyer               Party              `as:"1" ubl:"cac:AccountingCustomerParty/cac:Party" cii:"agreement/ram:BuyerTradeParty" json:"buyer"`                                                                                   // BG-7
	Payee               Party              `as:"4" ubl:"cac:PayeeParty" cii:"settlement/ram:PayeeTradeParty" json:"payee,omitzero"`                                                                                                // BG-10, where it is not the seller
	TaxRepresentative   Party              `as:"2" ubl:"cac:TaxRepresentativeParty" cii:"agreement/ram:SellerTaxRepresentativeTradeParty" json:"tax_representative,omitzero"`                                                      // BG-11
	Delivery            Delivery           `ubl:"cac:Delivery" cii:"delivery" json:"delivery,omitzero"`                                                                                                                            // BG-13
	PeriodStart         Date               `bt:"BT-73" ubl:"cac:InvoicePeriod/cbc:StartDate" cii:"settlement/ram:BillingSpecifiedPeriod/ram:StartDateTime/udt:DateTimeString" json:"period_start,omitzero"`
	PeriodEnd           Date               `bt:"BT-74" ubl:"cac:InvoicePeriod/cbc:EndDate" cii:"settlement/ram:BillingSpecifiedPeriod/ram:EndDateTime/udt:DateTimeString" json:"period_end,omitzero"`
	Payments            []Payment          `most:"20000" ubl:"cac:PaymentMeans" cii:"settlement/ram:SpecifiedTradeSettlementPaymentMeans" json:"payments,omitzero"` // BG-16
	Remittance          string             `bt:"BT-83" ubl:"cac:PaymentMeans/cbc:PaymentID" cii:"settlement/ram:PaymentReference" json:"remittance,omitzero"`
	Mandate             string             `bt:"BT-89" ubl:"cac:PaymentMeans/cac:PaymentMandate/cbc:ID" cii:"settlement/ram:SpecifiedTradePaymentTerms/ram:DirectDebitMandateID" json:"mandate,omitzero"`
	Creditor            string             `bt:"BT-90" ubl:"cac:AccountingSupplierParty/cac:Party/cac:PartyIdentification/cbc:ID[@schemeID=SEPA]|cac:PayeeParty/cac:PartyIdentification/cbc:ID[@schemeID=SEPA]" cii:"settlement/ram:CreditorReferenceID" json:"creditor,omitzero"`
	Charges             []Charge           `most:"1000" ubl:"cac:AllowanceCharge" cii:"settlement/ram:SpecifiedTradeAllowanceCharge" json:"charges,omitzero"` // BG-20 and BG-21
	Totals              Totals             `json:"totals"`                                                                                                    // BG-22
	VAT                 []VAT              `most:"1000" ubl:"cac:TaxTotal/cac:TaxSubtotal" cii:"settlement/ram:ApplicableTradeTax" json:"vat,omitzero"`
	Attachments         []Attachment       `most:"20000" ubl:"cac:AdditionalDocumentReference" cii:"agreement/ram:AdditionalReferencedDocument" json:"attachments,omitzero"` // BG-24
	Lines               []Line             `most:"20000" ubl:"cac:InvoiceLine|cac:CreditNoteLine" cii:"rsm:SupplyChainTradeTransaction/ram:IncludedSupplyChainTradeLineItem" json:"lines,omitzero"`
}

// Note is what is said in words (BG-1).
type Note struct {
	Subject string `bt:"BT-21" cii:"ram:SubjectCode" json:"subject,omitzero"` // UNTDID 4451; in UBL it stands as #AAI# before the text
	Text    string `bt:"BT-22" ubl:"." cii:"ram:Content" json:"text"`
}

// PrecedingInvoice is one that this one corrects, or that was paid in part before it (BG-3).
type PrecedingInvoice struct {
	Number string `bt:"BT-25" ubl:"cbc:ID" cii:"ram:IssuerAssignedID" json:"number"`
	Date   Date   `bt:"BT-26" ubl:"cbc:IssueDate" cii:"ram:FormattedIssueDateTime/qdt:DateTimeString" json:"date,omitzero"`
}

// Address is a postal address (BG-5, BG-8, BG-12, BG-15).
type Address struct {
	Line1    string `bt:"BT-35,BT-50,BT-64,BT-75" ubl:"cbc:StreetName" cii:"ram:LineOne" json:"line1,omitzero"`
	Line2    string `bt:"BT-36,BT-51,BT-65,BT-76" ubl:"cbc:AdditionalStreetName" cii:"ram:LineTwo" json:"line2,omitzero"`
	Line3    string `bt:"BT-162,BT-163,BT-164,BT-165" ubl:"cac:AddressLine/cbc:Line" cii:"ram:LineThree" json:"line3,omitzero"`
	City     string `bt:"BT-37,BT-52,BT-66,BT-77" ubl:"cbc:CityName" cii:"ram:CityName" json:"city,omitzero"`
	Postcode string `bt:"BT-38,BT-53,BT-67,BT-78" ubl:"cbc:PostalZone" cii:"ram:PostcodeCode" json:"postcode,omitzero"`
	Region   string `bt:"BT-39,BT-54,BT-68,BT-79" ubl:"cbc:CountrySubentity" cii:"ram:CountrySubDivisionName" json:"region,omitzero"`
	Country  string `bt:"BT-40,BT-55,BT-69,BT-80" ubl:"cac:Country/cbc:IdentificationCode" cii:"ram:CountryID" json:"country,omitzero"` // ISO 3166-1
}

// Contact is whom to ask (BG-6, BG-9).
type Contact struct {
	Name  string `bt:"BT-41,BT-56" ubl:"cbc:Name" cii:"ram:PersonName|ram:DepartmentName" json:"name,omitzero"`
	Phone string `bt:"BT-42,BT-57" ubl:"cbc:Telephone" cii:"ram:TelephoneUniversalCommunication/ram:CompleteNumber" json:"phone,omitzero"`
	Email string `bt:"BT-43,BT-58" ubl:"cbc:ElectronicMail" cii:"ram:EmailURIUniversalCommunication/ram:URIID" json:"email,omitzero"`
}

// Delivery is where and when it was delivered (BG-13).
type Delivery struct {
	Name    string  `bt:"BT-70" ubl:"cac:DeliveryParty/cac:PartyName/cbc:Name" cii:"ram:ShipToTradeParty/ram:Name" json:"name,omitzero"`
	ID      ID      `bt:"BT-71" ubl:"cac:DeliveryLocation/cbc:ID" cii:"ram:ShipToTradeParty/ram:GlobalID|ram:ShipToTradeParty/ram:ID" json:"id,omitzero"`
	Date    Date    `bt:"BT-72" ubl:"cbc:ActualDeliveryDate" cii:"ram:ActualDeliverySupplyChainEvent/ram:OccurrenceDateTime/udt:DateTimeString" json:"date,omitzero"`
	Address Address `as:"3" ubl:"cac:DeliveryLocation/cac:Address" cii:"ram:ShipToTradeParty/ram:PostalTradeAddress" json:"address,omitzero"`
}

// Payment is a means of payment (BG-16).
type Payment struct {
	group
	Code    Value  `bt:"BT-81" ubl:"cbc:PaymentMeansCode" cii:"ram:TypeCode" json:"code"` // UNTDID 4461
	Text    string `bt:"BT-82" ubl:"cbc:PaymentMeansCode/@name" cii:"ram:Information" json:"text,omitzero"`
	Account Value  `bt:"BT-84" ubl:"cac:PayeeFinancialAccount/cbc:ID" cii:"ram:PayeePartyCreditorFinancialAccount/ram:IBANID|ram:PayeePartyCreditorFinancialAccount/ram:ProprietaryID" json:"account,omitzero"`
	Name    string `bt:"BT-85" ubl:"cac:PayeeFinancialAccount/cbc:Name" cii:"ram:PayeePartyCreditorFinancialAccount/ram:AccountName" json:"account_name,omitzero"`
	Bank    Value  `bt:"BT-86" ubl:"cac:PayeeFinancialAccount/cac:FinancialInstitutionBranch/cbc:ID" cii:"ram:PayeeSpecifiedCreditorFinancialInstitution/ram:BICID" json:"bank,omitzero"`
	Card    string `bt:"BT-87" ubl:"cac:CardAccount/cbc:PrimaryAccountNumberID" cii:"ram:ApplicableTradeSettlementFinancialCard/ram:ID" json:"card,omitzero"`
	Holder  string `bt:"BT-88" ubl:"cac:CardAccount/cbc:HolderName" cii:"ram:ApplicableTradeSettlementFinancialCard/ram:CardholderName" json:"card_holder,omitzero"`
	Debited string `bt:"BT-91" ubl:"cac:PaymentMandate/cac:PayerFinancialAccount/cbc:ID" cii:"ram:PayerPartyDebtorFinancialAccount/ram:IBANID" json:"debited,omitzero"`
}

// Charge is an allowance or a charge: of the document (BG-20, BG-21), or of a line, which has no VAT of its own (BG-27, BG-28).
type Charge struct {
	group
	Charge     bool                `ubl:"cbc:ChargeIndicator" cii:"ram:ChargeIndicator/udt:Indicator" json:"charge"` // false: an allowance
	Amount     decimal.NullDecimal `bt:"BT-92,BT-99,BT-136,BT-141" ubl:"cbc:Amount" cii:"ram:ActualAmount" json:"amount"`
	Base       decimal.NullDecimal `bt:"BT-93,BT-100,BT-137,BT-142" ubl:"cbc:BaseAmount" cii:"ram:BasisAmount" json:"base,omitzero"`
	Percent    decimal.NullDecimal `bt:"BT-94,BT-101,BT-138,BT-143" ubl:"cbc:MultiplierFactorNumeric" cii:"ram:CalculationPercent" json:"percent,omitzero"`
	Category   string              `bt:"BT-95,BT-102" ubl:"cac:TaxCategory/cbc:ID" cii:"ram:CategoryTradeTax/ram:CategoryCode" json:"vat_category,omitzero"`
	Rate       decimal.NullDecimal `bt:"BT-96,BT-103" ubl:"cac:TaxCategory/cbc:Percent" cii:"ram:CategoryTradeTax/ram:RateApplicablePercent" json:"vat_rate,omitzero"`
	Reason     string              `bt:"BT-97,BT-104,BT-139,BT-144" ubl:"cbc:AllowanceChargeReason" cii:"ram:Reason" json:"reason,omitzero"`
	ReasonCode string              `bt:"BT-98,BT-105,BT-140,BT-145" ubl:"cbc:AllowanceChargeReasonCode" cii:"ram:ReasonCode" json:"reason_code,omitzero"`
}

// Totals are what the invoice comes to (BG-22).
type Totals struct {
	Lines         decimal.NullDecimal `bt:"BT-106" ubl:"totals/cbc:LineExtensionAmount" cii:"totals/ram:LineTotalAmount" json:"lines,omitzero"`
	Allowances    decimal.NullDecimal `bt:"BT-107" ubl:"totals/cbc:AllowanceTotalAmount" cii:"totals/ram:AllowanceTotalAmount" json:"allowances,omitzero"`
	Charges       decimal.NullDecimal `bt:"BT-108" ubl:"totals/cbc:ChargeTotalAmount" cii:"totals/ram:ChargeTotalAmount" json:"charges,omitzero"`
	WithoutVAT    decimal.NullDecimal `bt:"BT-109" ubl:"totals/cbc:TaxExclusiveAmount" cii:"totals/ram:TaxBasisTotalAmount" json:"without_vat,omitzero"`
	VAT           decimal.NullDecimal `bt:"BT-110" ubl:"cac:TaxTotal/cbc:TaxAmount" cii:"totals/ram:TaxTotalAmount" json:"vat,omitzero"`
	VATAccounting decimal.NullDecimal `bt:"BT-111" in:"BT-6" ubl:"cac:TaxTotal/cbc:TaxAmount" cii:"totals/ram:TaxTotalAmount" json:"vat_accounting,omitzero"` // in TaxCurrency
	WithVAT       decimal.NullDecimal `bt:"BT-112" ubl:"totals/cbc:TaxInclusiveAmount" cii:"totals/ram:GrandTotalAmount" json:"with_vat,omitzero"`
	Paid          decimal.NullDecimal `bt:"BT-113" ubl:"totals/cbc:PrepaidAmount" cii:"totals/ram:TotalPrepaidAmount" json:"paid,omitzero"`
	Rounding      decimal.NullDecimal `bt:"BT-114" ubl:"totals/cbc:PayableRoundingAmount" cii:"totals/ram:RoundingAmount" json:"rounding,omitzero"`
	Due           decimal.NullDecimal `bt:"BT-115" ubl:"totals/cbc:PayableAmount" cii:"totals/ram:DuePayableAmount" json:"due,omitzero"`
}

// VAT is the tax of one category and rate (BG-23).
type VAT struct {
	group
	Base       decimal.NullDecimal `bt:"BT-116" ubl:"cbc:TaxableAmount" cii:"ram:BasisAmount" json:"base"`
	Tax        decimal.NullDecimal `bt:"BT-117" ubl:"cbc:TaxAmount" cii:"ram:CalculatedAmount" json:"tax"`
	Category   string              `bt:"BT-118" ubl:"cac:TaxCategory/cbc:ID" cii:"ram:CategoryCode" json:"category,omitzero"` // UNTDID 5305
	Rate       decimal.NullDecimal `bt:"BT-119" ubl:"cac:TaxCategory/cbc:Percent" cii:"ram:RateApplicablePercent" json:"rate,omitzero"`
	Reason     string              `bt:"BT-120" ubl:"cac:TaxCategory/cbc:TaxExemptionReason" cii:"ram:ExemptionReason" json:"reason,omitzero"`
	ReasonCode string              `bt:"BT-121" ubl:"cac:TaxCategory/cbc:TaxExemptionReasonCode" cii:"ram:ExemptionReasonCode" json:"reason_code,omitzero"`
}

// Attachment is a supporting document, within the invoice or elsewhere (BG-24).
type Attachment struct {
	group
	Kind        string `ubl:"cbc:DocumentTypeCode" cii:"ram:TypeCode" json:"-"` // UNTDID 1001: 130 and 50 are references of another kind
	Reference   string `bt:"BT-122" ubl:"cbc:ID" cii:"ram:IssuerAssignedID" json:"reference,omitzero"`
	Description string `bt:"BT-123" ubl:"cbc:DocumentDescription" cii:"ram:Name" json:"description,omitzero"`
	URI         string `bt:"BT-124" ubl:"cac:Attachment/cac:ExternalReference/cbc:URI" cii:"ram:URIID" json:"uri,omitzero"`
	File        File   `bt:"BT-125" ubl:"cac:Attachment/cbc:EmbeddedDocumentBinaryObject" cii:"ram:AttachmentBinaryObject" json:"file,omitzero"`
}

// Where is the path and line of its file, or of the group where there is none.
func (a Attachment) Where() string {
	if a.File.at != nil {
		return a.File.at.Place()
	}
	return a.group.Where()
}

// File is one that is within the invoice.
type File struct {
	Name  string `json:"name,omitzero"`
	MIME  string `json:"mime,omitzero"`
	Bytes int    `json:"bytes"` // about: three for each four characters of base64; 0: it is empty, or no base64
	at    *tree.Element
}

// Line is one line (BG-25).
type Line struct {
	group
	ID                  string              `bt:"BT-126" ubl:"cbc:ID" cii:"ram:AssociatedDocumentLineDocument/ram:LineID" json:"id,omitzero"`
	Note                string              `bt:"BT-127" ubl:"cbc:Note" cii:"ram:AssociatedDocumentLineDocument/ram:IncludedNote/ram:Content" json:"note,omitzero"`
	Object              ID                  `bt:"BT-128" ubl:"cac:DocumentReference[cbc:DocumentTypeCode=130]/cbc:ID" cii:"ram:SpecifiedLineTradeSettlement/ram:AdditionalReferencedDocument[ram:TypeCode=130]/ram:IssuerAssignedID" json:"object,omitzero"`
	Quantity            decimal.NullDecimal `bt:"BT-129" ubl:"cbc:InvoicedQuantity|cbc:CreditedQuantity" cii:"ram:SpecifiedLineTradeDelivery/ram:BilledQuantity" json:"quantity,omitzero"`
	Unit                string              `bt:"BT-130" ubl:"cbc:InvoicedQuantity/@unitCode|cbc:CreditedQuantity/@unitCode" cii:"ram:SpecifiedLineTradeDelivery/ram:BilledQuantity/@unitCode" json:"unit,omitzero"` // UN/ECE Rec 20, 21
	Net                 decimal.NullDecimal `bt:"BT-131" ubl:"cbc:LineExtensionAmount" cii:"ram:SpecifiedLineTradeSettlement/ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount" json:"net"`
	OrderLine           string              `bt:"BT-132" ubl:"cac:OrderLineReference/cbc:LineID" cii:"ram:SpecifiedLineTradeAgreement/ram:BuyerOrderReferencedDocument/ram:LineID" json:"order_line,omitzero"`
	AccountingReference string              `bt:"BT-133" ubl:"cbc:AccountingCost" cii:"ram:SpecifiedLineTradeSettlement/ram:ReceivableSpecifiedTradeAccountingAccount/ram:ID" json:"accounting_reference,omitzero"`
	PeriodStart         Date                `bt:"BT-134" ubl:"cac:InvoicePeriod/cbc:StartDate" cii:"ram:SpecifiedLineTradeSettlement/ram:BillingSpecifiedPeriod/ram:StartDateTime/udt:DateTimeString" json:"period_start,omitzero"`
	PeriodEnd           Date                `bt:"BT-135" ubl:"cac:InvoicePeriod/cbc:EndDate" cii:"ram:SpecifiedLineTradeSettlement/ram:BillingSpecifiedPeriod/ram:EndDateTime/udt:DateTimeString" json:"period_end,omitzero"`
	Charges             []Charge            `as:"2" ubl:"cac:AllowanceCharge" cii:"ram:SpecifiedLineTradeSettlement/ram:SpecifiedTradeAllowanceCharge" json:"charges,omitzero"` // BG-27 and BG-28
	Price               Price               `json:"price,omitzero"`                                                                                                             // BG-29
	Category            string              `bt:"BT-151" ubl:"cac:Item/cac:ClassifiedTaxCategory/cbc:ID" cii:"ram:SpecifiedLineTradeSettlement/ram:ApplicableTradeTax/ram:CategoryCode" json:"vat_category,omitzero"`
	Rate                decimal.NullDecimal `bt:"BT-152" ubl:"cac:Item/cac:ClassifiedTaxCategory/cbc:Percent" cii:"ram:SpecifiedLineTradeSettlement/ram:ApplicableTradeTax/ram:RateApplicablePercent" json:"vat_rate,omitzero"`
	Item                Item                `ubl:"cac:Item" cii:"ram:SpecifiedTradeProduct" json:"item"` // BG-31
}

// Price is what one item costs, or as many as Quantity says (BG-29). Amounts are without VAT.
type Price struct {
	Net      decimal.NullDecimal `bt:"BT-146" ubl:"cac:Price/cbc:PriceAmount" cii:"ram:SpecifiedLineTradeAgreement/ram:NetPriceProductTradePrice/ram:ChargeAmount" json:"net,omitzero"`
	Discount decimal.NullDecimal `bt:"BT-147" ubl:"cac:Price/cac:AllowanceCharge/cbc:Amount" cii:"ram:SpecifiedLineTradeAgreement/ram:GrossPriceProductTradePrice/ram:AppliedTradeAllowanceCharge/ram:ActualAmount" json:"discount,omitzero"`
	Gross    decimal.NullDecimal `bt:"BT-148" ubl:"cac:Price/cac:AllowanceCharge/cbc:BaseAmount" cii:"ram:SpecifiedLineTradeAgreement/ram:GrossPriceProductTradePrice/ram:ChargeAmount" json:"gross,omitzero"`
	Quantity decimal.NullDecimal `bt:"BT-149" ubl:"cac:Price/cbc:BaseQuantity" cii:"ram:SpecifiedLineTradeAgreement/ram:NetPriceProductTradePrice/ram:BasisQuantity|ram:SpecifiedLineTradeAgreement/ram:GrossPriceProductTradePrice/ram:BasisQuantity" json:"quantity,omitzero"`
	Unit     string              `bt:"BT-150" ubl:"cac:Price/cbc:BaseQuantity/@unitCode" cii:"ram:SpecifiedLineTradeAgreement/ram:NetPriceProductTradePrice/ram:BasisQuantity/@unitCode|ram:SpecifiedLineTradeAgreement/ram:GrossPriceProductTradePrice/ram:BasisQuantity/@unitCode" json:"unit,omitzero"`
}

// Item is what was sold (BG-31).
type Item struct {
	Name            string           `bt:"BT-153" ubl:"cbc:Name" cii:"ram:Name" json:"name,omitzero"`
	Description     string           `bt:"BT-154" ubl:"cbc:Description" cii:"ram:Description" json:"description,omitzero"`
	SellerID        string           `bt:"BT-155" ubl:"cac:SellersItemIdentification/cbc:ID" cii:"ram:SellerAssignedID" json:"seller_id,omitzero"`
	BuyerID         string           `bt:"BT-156" ubl:"cac:BuyersItemIdentification/cbc:ID" cii:"ram:BuyerAssignedID" json:"buyer_id,omitzero"`
	StandardID      ID               `bt:"BT-157" ubl:"cac:StandardItemIdentification/cbc:ID" cii:"ram:GlobalID" json:"standard_id,omitzero"`
	Classifications []Classification `ubl:"cac:CommodityClassification/cbc:ItemClassificationCode" cii:"ram:DesignatedProductClassification/ram:ClassCode" json:"classifications,omitzero"`
	Origin          string           `bt:"BT-159" ubl:"cac:OriginCountry/cbc:IdentificationCode" cii:"ram:OriginTradeCountry/ram:ID" json:"origin,omitzero"`
	Attributes      []Attribute      `ubl:"cac:AdditionalItemProperty" cii:"ram:ApplicableProductCharacteristic" json:"attributes,omitzero"` // BG-32
}

// Classification says by a list of UNTDID 7143 what kind of thing an item is.
type Classification struct {
	Code    string `bt:"BT-158" ubl:"." cii:"." json:"code"`
	List    string `ubl:"@listID" cii:"@listID" json:"list,omitzero"`
	Version string `ubl:"@listVersionID" cii:"@listVersionID" json:"version,omitzero"`
}

// Attribute is something that an item has (BG-32).
type Attribute struct {
	Name  string `bt:"BT-160" ubl:"cbc:Name" cii:"ram:Description" json:"name"`
	Value string `bt:"BT-161" ubl:"cbc:Value" cii:"ram:Value" json:"value"`
}

// noteSubject is how UBL writes BT-21, before BT-22.
var noteSubject = regexp.MustCompile(`^#([A-Z]{3})#`)

// taxPointCodes are the codes of CII (UNTDID 2475) in the words of EN 16931 (UNTDID 2005).
var taxPointCodes = map[string]string{"5": "3", "29": "35", "72": "432"}

// Content reads all of the invoice. At most 20,000 lines, means of payment and attachments are read, and 100 or 1,000 of what else there may be several of. It reads anew each time.
func (d *Document) Content() *Content {
	c := &Content{}
	if d.Fields != nil {
		d.fieldsContent(c)
		return c
	}
	r := reader{currency: d.Devise, other: filled(d.syntax.values(d.tree, "BT-6")).Trimmed()}
	r.read(d.syntax, d.syntax.content, d.tree.Root, reflect.ValueOf(c).Elem())
	c.Seller, c.Buyer = d.Seller, d.Buyer
	for _, p := range []*Party{&c.Seller, &c.Buyer, &c.Payee, &c.TaxRepresentative} {
		if p.TradingName == p.Name {
			p.TradingName = ""
		}
	}
	for i, n := range c.Notes {
		if m := noteSubject.FindStringSubmatch(n.Text); m != nil && d.syntax == ubl {
			c.Notes[i] = Note{m[1], strings.Trim(n.Text[len(m[0]):], blanks)}
		}
	}
	if code, is := taxPointCodes[c.TaxPointCode]; is && d.syntax == cii {
		c.TaxPointCode = code
	}
	c.Attachments = slices.DeleteFunc(c.Attachments, func(a Attachment) bool { return a.File.at == nil && (a.Kind == "130" || a.Kind == "50") })
	return c
}
