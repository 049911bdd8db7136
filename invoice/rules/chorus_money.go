package rules

import (
	"regexp"
	"slices"
	"strings"

	"github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/invoice/tree"
)

var (
	// paymentCodes are the values of BT-81 that Chorus Pro takes; 1 is how EN 16931 writes 01.
	paymentCodes = strings.Fields("01 1 10 20 30 31 42 48 49 58 59 97")
	// transferCodes are those that need an IBAN.
	transferCodes = strings.Fields("30 31 42")
	ibanForm      = regexp.MustCompile(`^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$`)
)

var paymentRules = []chorusRule{
	{
		Rule: Rule{
			Code: "CH-PAYMENT-MISSING", Severity: Error, Term: "BT-81", Source: "OCA l10n_fr_chorus_account; OCA/l10n-france #414, #612", Weight: "P",
			Text: "BT-81 (means of payment) is missing: Chorus Pro requires it of an invoice", TextFR: "BT-81 (moyen de paiement) est absent : Chorus Pro l'exige d'une facture",
			Remedy: "Write 30 for a transfer, with its IBAN (BT-84).", RemedyFR: "Écrivez 30 pour un virement, avec son IBAN (BT-84).",
		},
		unless: []string{"BR-49"},
		find: func(d *invoice.Document) []hit {
			if isCredit(d) || isMinimum(d) || d.Paiement != "" {
				return nil
			}
			return []hit{{}}
		},
	},
	{
		Rule: Rule{
			Code: "CH-PAYMENT-CODE", Severity: Error, Term: "BT-81", Source: "OCA l10n_fr_chorus_account", Weight: "P",
			Text:     "BT-81 (means of payment) is none of those that Chorus Pro takes",
			TextFR:   "BT-81 (moyen de paiement) n'est pas de ceux que Chorus Pro accepte",
			Remedy:   "Write one of 01 10 20 30 31 42 48 49 58 59 97.",
			RemedyFR: "Écrivez l'un de 01 10 20 30 31 42 48 49 58 59 97.",
		},
		instead: []string{"BR-CL-16"},
		find: func(d *invoice.Document) (hits []hit) {
			for _, p := range d.Payments {
				if c := p.Code.Trimmed(); c != "" && !isCredit(d) && !contains(paymentCodes, c) {
					hits = append(hits, at(p.Code))
				}
			}
			return hits
		},
	},
	{
		Rule: Rule{
			Code: "CH-PAYMENT-CREDIT", Severity: Error, Term: "BT-81", Source: "OCA l10n_fr_chorus_account", Weight: "P",
			Text: "BT-81 (means of payment) stands in a credit note, which must have none", TextFR: "BT-81 (moyen de paiement) figure dans un avoir, qui ne doit pas en avoir",
			Remedy: "Leave the means of payment (BG-16) out.", RemedyFR: "Supprimez le moyen de paiement (BG-16).",
		},
		instead: []string{"BR-49", "BR-CL-16", "UBL-SR-47", "CII-SR-467"}, // which would have the code written, or mended
		find: func(d *invoice.Document) []hit {
			if !isCredit(d) || len(d.Payments) == 0 {
				return nil
			}
			if i := slices.IndexFunc(d.Payments, func(p invoice.Payment) bool { return p.Code.Trimmed() != "" }); i >= 0 {
				return []hit{at(d.Payments[i].Code)}
			}
			return []hit{{where: d.Payments[0].Where()}}
		},
	},
	{
		Rule: Rule{
			Code: "CH-IBAN-MISSING", Severity: Error, Term: "BT-84", Source: "OCA l10n_fr_chorus_account", Weight: "P",
			Text: "BT-84 (account to pay to) is missing, which a transfer (BT-81 is 30, 31 or 42) needs", TextFR: "BT-84 (compte à créditer) est absent, alors qu'un virement (BT-81 vaut 30, 31 ou 42) le demande",
			Remedy: "Write the IBAN.", RemedyFR: "Écrivez l'IBAN.",
		},
		unless: []string{"BR-50", "BR-61", "CII-SR-470"},
		find: func(d *invoice.Document) (hits []hit) {
			for _, p := range d.Payments {
				if !isCredit(d) && contains(transferCodes, p.Code.Trimmed()) && p.Account.Trimmed() == "" {
					hits = append(hits, hit{where: p.Where()})
				}
			}
			return hits
		},
	},
	{
		Rule: Rule{
			Code: "CH-IBAN", Severity: Warning, Term: "BT-84", Source: "OCA l10n_fr_chorus_account; EDI annex G1.16 to G1.19", Weight: "P",
			Text: "BT-84 (account to pay to) is not an IBAN, or its check digits are wrong", TextFR: "BT-84 (compte à créditer) n'est pas un IBAN, ou sa clé est fausse",
			Remedy: "Write the IBAN without spaces.", RemedyFR: "Écrivez l'IBAN sans espaces.",
		},
		find: func(d *invoice.Document) (hits []hit) {
			for _, p := range d.Payments {
				code := p.Code.Trimmed()
				if a := p.Account.Trimmed(); a != "" && (code == "58" || contains(transferCodes, code)) && !isIBAN(a) { // 58 is a transfer within SEPA
					h := at(p.Account)
					h.value = "" // an account is not shown
					hits = append(hits, h)
				}
			}
			return hits
		},
	},
	{
		Rule: Rule{
			Code: "CH-BIC", Severity: Warning, Term: "BT-86", Source: "ISO 9362", Weight: "G",
			Text: "BT-86 (bank of the account) is not a BIC of 8 or 11 characters, beside an IBAN", TextFR: "BT-86 (banque du compte) n'est pas un BIC de 8 ou 11 caractères, à côté d'un IBAN",
			Remedy: "Write the BIC without spaces, or leave it out: within SEPA the IBAN is enough.", RemedyFR: "Écrivez le BIC sans espaces, ou supprimez-le : dans l'espace SEPA, l'IBAN suffit.",
		},
		find: func(d *invoice.Document) (hits []hit) {
			for _, p := range d.Payments {
				hits = append(hits, onlyIf(p.Bank, p.Bank.Trimmed() != "" && isIBAN(p.Account.Trimmed()) && !bicForm.MatchString(p.Bank.Trimmed()))...)
			}
			return hits
		},
	},
}

// bicForm is a BIC (ISO 9362): an institution, a country, a place, and perhaps a branch.
var bicForm = regexp.MustCompile(`^[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?$`)

var totalRules = []chorusRule{
	{
		Rule: Rule{
			Code: "CH-AMOUNT", Severity: Error, Source: "the schemas of UBL 2.1 and CII D16B", Weight: "S",
			Text: "a total is no amount", TextFR: "un total n'est pas un montant",
			Remedy: "Write it as 1250.00: no spaces, no comma, no exponent.", RemedyFR: "Écrivez-le comme 1250.00 : ni espace, ni virgule, ni exposant.",
		},
		find: wrongAmounts,
	},
	{
		Rule: Rule{
			Code: "CH-TOTAL-CURRENCY", Severity: Error, Source: "EN 16931, BT-5", Weight: "S",
			Text: "a total is in another currency than the invoice (BT-5)", TextFR: "un total est dans une autre devise que la facture (BT-5)",
			Remedy: "Correct BT-5, or the currency of the totals.", RemedyFR: "Corrigez BT-5, ou la devise des totaux.",
		},
		find: foreignTotals,
	},
	{
		Rule: Rule{
			Code: "CH-AMOUNT-CURRENCY", Severity: Error, Source: "EN 16931, BT-5", Weight: "S",
			Text: "an amount of a line, a charge or the VAT breakdown is in another currency than the invoice (BT-5)", TextFR: "un montant d'une ligne, de frais ou de la ventilation de TVA est dans une autre devise que la facture (BT-5)",
			Remedy: "Write all amounts in the invoice's currency; only BT-111 is in that of BT-6.", RemedyFR: "Écrivez tous les montants dans la devise de la facture ; seul BT-111 est dans celle de BT-6.",
		},
		find: foreignAmounts,
	},
	{
		Rule: Rule{
			Code: "CH-EXEMPTION", Severity: Error, Term: "BT-120", Source: "docs/chorus-pro.md §6.3; EN 16931, BR-E-10 and the like, which take an empty element", Weight: "S",
			Text: "the reason of an exemption (BT-120, BT-121) is empty", TextFR: "le motif d'une exonération (BT-120, BT-121) est vide",
			Remedy: "Write the reason (BT-120) or its code (BT-121).", RemedyFR: "Écrivez le motif (BT-120) ou son code (BT-121).",
		},
		unless: []string{"BR-CL-22"},
		find:   emptyExemptions,
	},
	{
		Rule: Rule{
			Code: "CH-AMOUNT-SIGN", Severity: Warning, Term: "BT-112", Source: "EN 16931, BT-3: what is given back is a credit note", Weight: "G",
			Text: "BT-112 (total with VAT) is negative", TextFR: "BT-112 (total TTC) est négatif",
			Remedy: "Write a credit note (381, in fields AVOIR) with amounts above zero.", RemedyFR: "Émettez un avoir (381, dans fields AVOIR) aux montants positifs.",
		},
		find: func(d *invoice.Document) []hit {
			switch v := d.Amount("BT-112"); {
			case !d.MontantTTC.Valid || !d.MontantTTC.Decimal.IsNegative():
				return nil
			case !isCredit(d):
				return []hit{at(v)}
			case d.Fields != nil: // how the route of submission counts an AVOIR is not documented
				return nil
			default:
				h := saying(at(v), "BT-112 (total with VAT) of a credit note is negative, which gives back less than nothing: "+quote(cut(v.Trimmed())),
					"BT-112 (total TTC) d'un avoir est négatif, ce qui revient à facturer : "+quote(cut(v.Trimmed())))
				h[0].remedy, h[0].remedyFR = "Write the amounts of a credit note above zero, or an invoice (380).", "Écrivez les montants d'un avoir en positif, ou émettez une facture (380)."
				return h
			}
		},
	},
}

// foreignTotals are the totals in another currency than the invoice.
func foreignTotals(d *invoice.Document) (hits []hit) {
	for _, term := range totals {
		if v := d.Amount(term); v.Trimmed() != "" && d.ForeignCurrency(v) {
			hits = append(hits, inCurrency(d, at(v), v.Currency)...)
		}
	}
	return hits
}

// inCurrency is a hit at an amount in this currency.
func inCurrency(d *invoice.Document, h hit, currency string) []hit {
	c, own := quote(cut(currency)), quote(cut(d.Devise))
	return saying(h, h.term+" is in "+c+" and the invoice (BT-5) in "+own, h.term+" est en "+c+" et la facture (BT-5) en "+own)
}

// foreignAmounts are the other amounts in another currency, where the totals are in that of the invoice. A price may be in a currency of its own in UBL, and the VAT in that of BT-6.
func foreignAmounts(d *invoice.Document) (hits []hit) {
	t := d.Tree()
	if d.Devise == "" || len(foreignTotals(d)) > 0 {
		return nil
	}
	accounting, pricing := d.At("BT-6").Trimmed(), t.Root.One("cbc:PricingCurrencyCode").Norm()
	for _, name := range namesThat(t, func(name string) bool { return strings.HasSuffix(name, "Amount") }) {
		for _, e := range t.ByName[name] {
			c, named := e.Attr("currencyID")
			if c = tree.Normalize(c); !named || c == "" || c == d.Devise || c == accounting || pricing != "" && c == pricing {
				continue
			}
			if term := d.TermOf(e, ""); term != "" && !contains(totals, term) && len(hits) < maxPlaces {
				hits = append(hits, inCurrency(d, hit{term: term, value: e.Text, where: e.Place()}, c)...)
			}
		}
	}
	return hits
}

// emptyExemptions are the entries of the VAT breakdown that need a reason and have one that says nothing.
func emptyExemptions(d *invoice.Document) (hits []hit) {
	t := d.Tree()
	look := func(entries []*element, category, reason, code string) {
		for _, e := range entries {
			given := e.One(reason)
			if given == nil {
				given = e.One(code)
			}
			needed := (e.Under("cac:TaxSubtotal") || inSettlement(e)) && slices.ContainsFunc(families, func(f family) bool { return f.reason && f.code == e.One(category).Norm() })
			if needed && given != nil && !e.Filled(reason) && !e.Filled(code) && len(hits) < maxPlaces {
				hits = append(hits, hit{where: given.Place()})
			}
		}
	}
	look(t.ByName["cac:TaxCategory"], "cbc:ID", "cbc:TaxExemptionReason", "cbc:TaxExemptionReasonCode")
	look(t.ByName["ram:ApplicableTradeTax"], "ram:CategoryCode", "ram:ExemptionReason", "ram:ExemptionReasonCode")
	return hits
}

// totals are the terms of the document's totals.
var totals = []string{"BT-106", "BT-107", "BT-108", "BT-109", "BT-110", "BT-112", "BT-113", "BT-114", "BT-115"}

// wrongAmounts are the totals that are no amounts.
func wrongAmounts(d *invoice.Document) (hits []hit) {
	for _, term := range totals {
		if v := d.Amount(term); v.Trimmed() != "" && !d.ForeignCurrency(v) && !invoice.IsAmount(v.Text) {
			hits = append(hits, saying(at(v), term+" is "+quote(cut(v.Text))+", which is no amount", term+" vaut "+quote(cut(v.Text))+", qui n'est pas un montant")...)
		}
	}
	return hits
}

// isIBAN checks form and check digits (ISO 13616).
func isIBAN(s string) bool {
	if !ibanForm.MatchString(s) {
		return false
	}
	rest := 0
	for _, c := range s[4:] + s[:4] {
		if c >= 'A' {
			rest = (rest*100 + int(c-'A') + 10) % 97
		} else {
			rest = (rest*10 + int(c-'0')) % 97
		}
	}
	return rest == 1
}
