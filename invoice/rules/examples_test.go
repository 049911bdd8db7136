package rules

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// tried counts, for each official rule in each syntax, the places where documents break it, and where they keep it.
type tried struct{ broken, kept map[string]int }

func (x tried) judge(doc *document) {
	groups := ublGroups
	if kindOf(doc) == "c" {
		groups = ciiGroups
	}
	for _, g := range groups {
		for _, name := range g.on {
			for _, e := range doc.elements(name) {
				if g.when != nil && !g.when(e) {
					continue
				}
				for _, r := range g.rules {
					key := kindOf(doc) + " " + r.id
					if r.ok(doc, e) {
						x.kept[key]++
					} else {
						x.broken[key]++
					}
				}
			}
		}
	}
}

// byHand are changes, each a document of its own, for the rules that no change of one element breaks, or lets hold: what is replaced, by what, more than once.
var byHand = map[string][][]string{
	"rich-ubl": {
		{`<cbc:AllowanceChargeReasonCode>95</cbc:AllowanceChargeReasonCode><cbc:AllowanceChargeReason>Discount</cbc:AllowanceChargeReason>`, ""},
		{`<cbc:AllowanceChargeReasonCode>FC</cbc:AllowanceChargeReasonCode><cbc:AllowanceChargeReason>Freight</cbc:AllowanceChargeReason>`, ""},
		{`#AAI#`, "#Q0Q#"},
		{`<cac:InvoicePeriod><cbc:StartDate>2026-01-01</cbc:StartDate><cbc:EndDate>2026-01-31</cbc:EndDate></cac:InvoicePeriod>`, "<cac:InvoicePeriod/>"},
		{`(<cbc:Amount currencyID="EUR">5.00</cbc:Amount>)(</cac:AllowanceCharge>)`, `$1<cbc:BaseAmount currencyID="EUR">1.234</cbc:BaseAmount>$2`},
		{`(50.00</cbc:BaseAmount><cac:TaxCategory><cbc:ID>)S(</cbc:ID><cbc:Percent>)20`, "${1}G${2}0"},
		{`(<cbc:DocumentTypeCode>130</cbc:DocumentTypeCode>)(</cac:AdditionalDocumentReference>)`, "$1<cbc:DocumentDescription>x</cbc:DocumentDescription><cac:Attachment/>$2"},
		{`<cac:PaymentTerms>`, strings.Repeat("<cac:PaymentMeans><cbc:PaymentMeansCode>30</cbc:PaymentMeansCode><cbc:PaymentDueDate>2026-03-01</cbc:PaymentDueDate><cac:CardAccount/><cac:PaymentMandate/></cac:PaymentMeans>", 2) + "<cac:PaymentTerms>"},
	},
	"rich-cii": {
		{`<ram:ReasonCode>95</ram:ReasonCode><ram:Reason>Discount</ram:Reason>`, ""},
		{`<ram:PayeePartyCreditorFinancialAccount>`, "<ram:ApplicableTradeSettlementFinancialCard><ram:ID>1234</ram:ID></ram:ApplicableTradeSettlementFinancialCard>$0"},
		{`(?s)<ram:BillingSpecifiedPeriod>.*?</ram:BillingSpecifiedPeriod>`, "<ram:BillingSpecifiedPeriod/>"},
		{`(?s)<ram:SellerTradeParty>.*?</ram:SellerTradeParty>`, "<ram:SellerTradeParty><ram:Name>x</ram:Name></ram:SellerTradeParty>"},
		{`<ram:TaxTotalAmount currencyID="SEK">260.00</ram:TaxTotalAmount>`, "", `currencyID="EUR">24.00`, `currencyID="EUR">24.001`},
		{`<ram:ActualAmount>5.00</ram:ActualAmount><ram:ReasonCode>FC`, "<ram:BasisAmount>1.234</ram:BasisAmount>$0"},
		{`<ram:CategoryCode>S<`, "<ram:CategoryCode>K<", `(?s)<ram:ApplicableHeaderTradeDelivery>.*</ram:ApplicableHeaderTradeDelivery>`, "<ram:ApplicableHeaderTradeDelivery/>", `(?s)<ram:BillingSpecifiedPeriod>.*?</ram:BillingSpecifiedPeriod>`, ""},
		{`<ram:CategoryCode>[SE]<`, "<ram:CategoryCode>O<", `<ram:RateApplicablePercent>[0-9]+</ram:RateApplicablePercent>`, ""},
		{`<ram:DueDateTypeCode>5</ram:DueDateTypeCode>`, strings.Repeat(`<ram:TaxPointDate><udt:DateString format="102">20260131</udt:DateString></ram:TaxPointDate>`, 2)},
		{`(<ram:BasisAmount>50.00</ram:BasisAmount><ram:CategoryCode>S</ram:CategoryCode>)`, "$1<ram:DueDateTypeCode>72</ram:DueDateTypeCode>"},
		{`<ram:ApplicableTradeTax><ram:CalculatedAmount>19.00`, "<ram:SpecifiedTradeSettlementPaymentMeans><ram:TypeCode>58</ram:TypeCode><ram:Information>x</ram:Information></ram:SpecifiedTradeSettlementPaymentMeans>$0"},
		{`<ram:Reason>Discount</ram:Reason>`, "$0" + strings.Repeat("<ram:RateApplicablePercent>20</ram:RateApplicablePercent>", 2)},
	},
}

// unbreakable are the rules that no document breaks: for the categories L and M of CII, the official ones look for the rate where none can be.
var unbreakable = []string{"c BR-AF-08", "c BR-AF-09", "c BR-AG-08", "c BR-AG-09"}

// TestEveryOfficialRuleIsTried: each of EN 16931's rules, in each syntax, has a document that breaks it and one that it looks at and that keeps it.
func TestEveryOfficialRuleIsTried(t *testing.T) {
	t.Parallel()
	x := tried{map[string]int{}, map[string]int{}}
	chance := rand.New(rand.NewPCG(7, 0))
	for _, base := range []string{"rich-ubl", "rich-cii", "plain-ubl-creditnote"} {
		text, err := os.ReadFile(filepath.Join("testdata", base+".xml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, made := range systematic(t, text) {
			if doc, err := parseTest([]byte(made)); err == nil { // what is made by chance need not be XML
				x.judge(doc)
			}
		}
		for _, changes := range byHand[base] {
			made := string(text)
			for k := 0; k < len(changes); k += 2 {
				changed := regexp.MustCompile(changes[k]).ReplaceAllString(made, changes[k+1])
				if changed == made {
					t.Errorf("%s: nothing is replaced: %s", base, changes[k])
				}
				made = changed
			}
			x.judge(mustParse(t, []byte(made)))
		}
		for n := range 900 {
			doc := mustParse(t, text)
			if n%3 == 0 {
				swapCategory(doc, elementsOf(doc.Root), chance)
			} else {
				mutate(doc, chance)
			}
			x.judge(mustParse(t, []byte(write(doc))))
		}
	}
	var untried []string
	for kind, groups := range map[string][]group{"u": ublGroups, "c": ciiGroups} {
		for _, g := range groups {
			for _, r := range g.rules {
				key := kind + " " + r.id
				if slices.Contains(unbreakable, key) != (x.broken[key] == 0) || x.kept[key] == 0 {
					untried = append(untried, fmt.Sprintf("%s: broken %d times, kept %d times", key, x.broken[key], x.kept[key]))
				}
			}
		}
	}
	slices.Sort(untried)
	for _, u := range slices.Compact(untried) {
		t.Error(u)
	}
}

// TestEveryRecipientRuleIsTried: each demand of a recipient speaks of an invoice that lacks what is demanded, and not of one that comes near.
func TestEveryRecipientRuleIsTried(t *testing.T) {
	t.Parallel()
	good := Recipient{SIRET: "99999999700023", Known: true, Active: true, ServicesListed: true, Service: "S", ServiceKnown: true, ServiceActive: true, Engagement: "E"}
	with := func(change func(r *Recipient)) Recipient {
		r := good
		change(&r)
		return r
	}
	examples := map[string]struct{ breaks, near Recipient }{
		"CH-RECIPIENT-UNKNOWN":  {with(func(r *Recipient) { r.Known, r.Active = false, false }), good},
		"CH-RECIPIENT-INACTIVE": {with(func(r *Recipient) { r.Active = false }), good},
		"CH-SERVICE-REQUIRED": {
			with(func(r *Recipient) {
				r.ServiceRequired, r.Service, r.ServiceFiller, r.ServiceKnown = true, "NA", true, false
			}),
			with(func(r *Recipient) { r.ServiceRequired, r.Service, r.ServiceFiller = true, "000", true }),
		},
		"CH-SERVICE-UNKNOWN": {
			with(func(r *Recipient) { r.ServiceKnown = false }), with(func(r *Recipient) { r.ServiceKnown, r.ServicesListed = false, false }),
		},
		"CH-SERVICE-INACTIVE":      {with(func(r *Recipient) { r.ServiceActive = false }), with(func(r *Recipient) { r.Service, r.ServiceActive = "", false })},
		"CH-ENGAGEMENT-REQUIRED":   {with(func(r *Recipient) { r.EngagementRequired, r.Engagement = true, "" }), with(func(r *Recipient) { r.EngagementRequired = true })},
		"CH-SERVICE-ENGAGEMENT":    {with(func(r *Recipient) { r.ServiceEngagement, r.Engagement = true, "" }), with(func(r *Recipient) { r.ServiceEngagement = true })},
		"CH-SERVICE-OR-ENGAGEMENT": {with(func(r *Recipient) { r.EitherRequired, r.Service, r.Engagement = true, "", "" }), with(func(r *Recipient) { r.EitherRequired, r.Service = true, "" })},
		"CH-ENGAGEMENT-UNKNOWN":    {with(func(r *Recipient) { r.EngagementUnknown = true }), good},
	}
	for _, r := range recipientRules {
		x, there := examples[r.Code]
		speaks := func(of Recipient) bool {
			return slices.ContainsFunc(JudgeRecipient(of, nil), func(f Finding) bool { return f.Code == r.Code })
		}
		if !there || !speaks(x.breaks) || speaks(x.near) {
			t.Errorf("%s: there are examples: %v; speaks of what breaks it: %v, of what comes near: %v", r.Code, there, speaks(x.breaks), speaks(x.near))
		}
	}
}
