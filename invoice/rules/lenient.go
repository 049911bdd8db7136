package rules

import (
	"slices"
	"strings"

	"github.com/choriste/choriste/invoice"
)

// Some of EN 16931's rules only warn. Chorus Pro takes invoices that break them: its own minimal flux has neither addresses nor lines, UBL as OCA has written it for years
// names parties otherwise and has no BT-24, and FNFE-MPE's Factur-X samples name the currency of every amount. An account may raise any of them.

// notDemanded are the parts of an invoice that EN 16931 demands and Chorus Pro does not, and the lists of schemes and the single identifier that it does not insist on.
var notDemanded = set("BR-01", "BR-08", "BR-09", "BR-10", "BR-11", "BR-16", "BR-CO-18", "BR-62", "BR-63", "BR-CL-10", "BR-CL-11", "BR-CL-25", "UBL-SR-16")

// needlessParts are rules against elements and attributes that EN 16931 does not use and that change nothing.
func needlessPart(id string) bool {
	switch id {
	case "CII-DT-018", "CII-DT-037", "CII-DT-097":
		return false
	}
	return strings.HasPrefix(id, "CII-DT-") || needlessRules[id]
}

var needlessRules = func() map[string]bool {
	all := map[string]bool{}
	for _, r := range textRows {
		if r.kind == needless {
			all[r.id] = true
		}
	}
	return all
}()

// severityOf is an official rule's own level.
func severityOf(id string) Severity {
	if notDemanded[id] || needlessPart(id) {
		return Warning
	}
	return Error
}

// lenient gives the findings of EN 16931 their level. Where there are no lines, nothing is asked of what adds them up; where there is no VAT breakdown, of its sum and of its entries.
func lenient(d *invoice.Document, found []Finding) []Finding {
	t := d.Tree()
	noLines := len(t.ByName["ram:IncludedSupplyChainTradeLineItem"])+len(t.ByName["cac:InvoiceLine"])+len(t.ByName["cac:CreditNoteLine"]) == 0
	noBreakdown := len(t.ByName["cac:TaxSubtotal"]) == 0 && !slices.ContainsFunc(t.ByName["ram:ApplicableTradeTax"], inSettlement)
	for i, f := range found {
		found[i].Severity = severityOf(f.Code)
		named := f.Code == "BR-06" && d.FournisseurNom != "" || f.Code == "BR-07" && d.DestinataireNom != "" // elsewhere in the party
		taken := f.Code == "BR-CL-16" && contains(paymentCodes, f.Value)                                     // 01, which is in Chorus Pro's list and not in UNTDID's
		if f.Code == "BR-01" && d.Syntaxe != invoice.SyntaxeUBL {                                            // Chorus Pro asks CII for BT-24, and nothing else tells a profile without lines
			found[i].Severity = Error
		}
		if named || taken || noLines && notInBasicWL[f.Code] || noBreakdown && (f.Code == "BR-CO-14" || familyRules[f.Code] && strings.HasSuffix(f.Code, "-01")) {
			found[i].Severity = Warning
		}
	}
	return found
}
