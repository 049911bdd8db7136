package rules

// What is said of an invoice by more than its document: the account, the other invoices, the program that reads. Who says it fills in the value and the place.

var outsideRules = []Rule{
	{
		Code: "CH-SUPPLIER", Severity: Error, Term: "BT-30", Source: "docs/settings.md, several accounts", Weight: "S",
		Text: "the account may not send for this supplier", TextFR: "le compte ne peut pas émettre pour ce fournisseur",
		Remedy:   "Insert it under the supplier's own account, or have the SIRET added to the suppliers of this one; then choriste retry.",
		RemedyFR: "Insérez-la sous le compte de ce fournisseur, ou faites ajouter son SIRET à ce compte ; puis choriste retry.",
	},
	{
		Code: "CH-SUPPLIER-DETACHED", Severity: Error, Term: "BT-30", Source: "docs/chorus-pro.md §5.2a", Weight: "S",
		Text:     "the technical account is not attached to the supplier's structure: a PDF without XML is taken from those only who are",
		TextFR:   "le compte technique n'est pas rattaché à la structure du fournisseur : un PDF sans XML n'est accepté que de qui l'est",
		Remedy:   "Have it attached at the portal, then choriste retry.",
		RemedyFR: "Faites-le rattacher sur le portail, puis choriste retry.",
	},
	{
		Code: "CH-SAME-NUMBER", Severity: Error, Term: "BT-1", Source: "docs/chorus-pro.md §10", Weight: "S",
		Text:   "BT-1 (invoice number) is that of the refused invoice which this one replaces: Chorus Pro keeps it",
		TextFR: "BT-1 (numéro de facture) est celui de la facture rejetée que celle-ci remplace : Chorus Pro le conserve",
		Remedy: "Give the new invoice another number.", RemedyFR: "Donnez à la nouvelle facture un autre numéro.",
	},
	{
		Code: "CH-POISON", Severity: Error, Source: "ours", Weight: "S",
		Text: "reading this document breaks the program that reads it", TextFR: "la lecture de ce document fait échouer le programme qui le lit",
		Remedy: "Report it to the makers of choriste; ask again after an update.", RemedyFR: "Signalez-le aux auteurs de choriste ; redemandez après une mise à jour.",
	},
}

// Outside is the finding of such a rule: with the value and the place, and words of its own where they say more.
func Outside(code, value, where string) Finding {
	return ruleOf(code).finding(hit{value: value, where: where})
}

// ruleOf finds a rule that no document alone breaks, or that makes one unreadable.
func ruleOf(code string) chorusRule {
	for _, list := range [][]Rule{outsideRules, readingRules, {controlRule}} {
		for _, r := range list {
			if r.Code == code {
				return chorusRule{Rule: r}
			}
		}
	}
	panic("rules: no such rule: " + code)
}
