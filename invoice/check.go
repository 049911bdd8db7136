package invoice

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The limits of Chorus Pro, in characters (docs/chorus-pro.md §11).
const (
	maxNumero      = 20
	maxCodeService = 100
	maxEngagement  = 50
)

// typeCodes are the invoices and credit notes of UNTDID 1001 that EN 16931 admits. Chorus Pro knows fewer; which of them a
// recipient takes is not documented, so only codes that are none of these are refused here.
var typeCodes = strings.Fields(`
	71 80 81 82 83 84 102 130 202 203 204 211 218 219 261 262 295 296 308 325 326 331 380 381 382 383 384 385 386 387 388
	389 390 393 394 395 396 420 456 457 458 471 472 473 500 501 502 503 527 532 553 575 623 633 751 780 817 870 875 876
	877 935`)

var (
	numeroForm = regexp.MustCompile(`^[A-Za-z0-9 +_/-]*$`)
	deviseForm = regexp.MustCompile(`^[A-Z]{3}$`)
	cadreForm  = regexp.MustCompile(`^A([1-9]|1[0-9]|2[0-5])$`)
)

// Check lists what Chorus Pro would refuse for certain (docs/chorus-pro.md §11), in the order of the terms; empty when
// there is nothing against sending. What depends on the recipient (service code, commitment) or on the portal's directory
// is not judged here, nor are check digits of SIRETs: those of the qualification platform are wrong on purpose.
func (d *Document) Check() []Problem {
	c := &checker{}
	d.unusable(c)

	if c.present("BT-1", strings.Trim(d.Numero, blanks) != "") {
		d.checkNumero(c)
	}
	if c.present("BT-2", !d.Date.IsZero()) && (d.Date.Year() < 1990 || d.Date.Year() > 2100) {
		c.refuse(CodeDate, "BT-2", "is in the year %d", "est en l'an %d", d.Date.Year())
	}
	if c.present("BT-3", d.Type != "") && !slices.Contains(typeCodes, d.Type) {
		c.refuse(CodeType, "BT-3", "is %s, which is no invoice or credit note of UNTDID 1001: 380 is an invoice, 381 a credit note",
			"vaut %s, qui n'est ni une facture ni un avoir d'UNTDID 1001 : 380 est une facture, 381 un avoir", quote(d.Type))
	}
	if c.present("BT-5", d.Devise != "") && !deviseForm.MatchString(d.Devise) {
		c.refuse(CodeCurrency, "BT-5", "is %s: write three capital letters, as EUR", "vaut %s : écrivez trois capitales, comme EUR", quote(d.Devise))
	}
	c.length("BT-10", d.CodeService, maxCodeService)
	c.length("BT-13", d.Engagement, maxEngagement)
	if d.Cadre != "" && !cadreForm.MatchString(d.Cadre) {
		c.refuse(CodeCadre, "BT-23",
			"is %s and this channel takes A1 to A25 only (A1 is an ordinary supplier invoice): the codes B1, S1, M1 of the 2026 reform are refused here",
			"vaut %s et ce canal n'accepte que A1 à A25 (A1 est une facture ordinaire de fournisseur) : les codes B1, S1, M1 de la réforme 2026 y sont refusés",
			quote(d.Cadre))
	}
	c.siret("BT-30", d.FournisseurSIRET, d.Seller.ID.Text)
	c.siret("BT-47", d.DestinataireSIRET, d.Buyer.ID.Text)
	c.present("BT-112", d.MontantTTC.Valid)
	for _, t := range []struct{ term, text string }{
		{"BT-1", d.Numero},
		{"BT-3", d.Type},
		{"BT-5", d.Devise},
		{"BT-10", d.CodeService},
		{"BT-13", d.Engagement},
		{"BT-23", d.Cadre},
		{"BT-24", d.Profil},
		{"BT-25", d.FactureOrigine},
		{"BT-27", d.FournisseurNom},
		{"BT-44", d.DestinataireNom},
		{"BT-81", d.Paiement},
	} {
		c.controls(t.term, t.text)
	}

	slices.SortStableFunc(c.found, func(a, b Problem) int { return order(a.Term) - order(b.Term) })
	return c.found
}

// checkNumero applies rule G1.05 of the EDI annex.
func (d *Document) checkNumero(c *checker) {
	if n := utf8.RuneCountInString(d.Numero); n > maxNumero {
		c.refuse(CodeNumberTooLong, "BT-1", "has %d characters and Chorus Pro takes %d at most: %s",
			"a %d caractères et Chorus Pro en accepte %d au plus : %s", n, maxNumero, quote(d.Numero))
	}
	switch trimmed := strings.Trim(d.Numero, blanks); {
	case trimmed != d.Numero:
		c.refuse(CodeNumberCharacters, "BT-1", "starts or ends with a space or a line break: %s",
			"commence ou finit par une espace ou un saut de ligne : %s", quote(d.Numero))
	case !numeroForm.MatchString(d.Numero):
		c.refuse(CodeNumberCharacters, "BT-1", "may hold only letters without accents, digits, space and - + _ /: %s",
			"ne peut contenir que des lettres sans accent, des chiffres, l'espace et - + _ / : %s", quote(d.Numero))
	}
}

// checker gathers problems.
type checker struct{ found []Problem }

func (c *checker) refuse(code, term, english, french string, args ...any) {
	c.found = append(c.found, *termProblem(code, term, english, french, args...))
}

// unusable reports what is in the document and could not be used.
func (d *Document) unusable(c *checker) {
	for _, term := range []string{"BT-1", "BT-2", "BT-3", "BT-5"} {
		all := d.header[term]
		if i := slices.IndexFunc(all, func(v Value) bool { return v.Text != all[0].Text }); i > 0 {
			c.refuse(CodeSeveral, term, "is there twice, as %s and %s", "y est deux fois : %s et %s", quote(all[0].Text), quote(all[i].Text))
		}
	}
	if v := d.At("BT-2"); v.Trimmed() != "" && d.Date.IsZero() {
		c.refuse(CodeDate, "BT-2", "is %s, which is no date of this syntax: write 2026-01-31 in UBL, 20260131 with format 102 in CII",
			"vaut %s, qui n'est pas une date de cette syntaxe : écrivez 2026-01-31 en UBL, 20260131 au format 102 en CII", quote(v.Trimmed()))
	}
	for _, term := range []string{"BT-109", "BT-110", "BT-112", "BT-115"} {
		v := d.Amount(term)
		if v.Trimmed() == "" || d.amount(term).Valid {
			continue
		}
		if d.ForeignCurrency(v) {
			c.refuse(CodeAmount, term, "is in %s and the invoice in %s (BT-5)", "est en %s et la facture en %s (BT-5)", quote(v.Currency), quote(d.Devise))
			continue
		}
		c.refuse(CodeAmount, term, "is %s, which is no amount: write it as 1250.00", "vaut %s, qui n'est pas un montant : écrivez-le comme 1250.00", quote(v.Text))
	}
}

// termProblem starts both texts with the term's name: english and french go on from "BT-1 (invoice number) ".
func termProblem(code, term, english, french string, args ...any) *Problem {
	name := termNames[term]
	return problemf(code, term, term+" ("+name[0]+") "+english, term+" ("+name[1]+") "+french, args...)
}

// present reports a missing term, unless Read has already said what is wrong with it.
func (c *checker) present(term string, present bool) bool {
	if !present && !slices.ContainsFunc(c.found, func(p Problem) bool { return p.Term == term }) {
		c.refuse(CodeMissing, term, "is missing: Chorus Pro requires it", "est absent : Chorus Pro l'exige")
	}
	return present
}

func (c *checker) length(term, text string, limit int) {
	if n := utf8.RuneCountInString(text); n > limit {
		c.refuse(CodeTooLong, term, "has %d characters and Chorus Pro takes %d at most", "a %d caractères et Chorus Pro en accepte %d au plus", n, limit)
	}
}

// siret explains what stands where a SIRET should. The two cases worth a text of their own: a blank, which Chorus Pro
// rejects without a word, and a SIREN alone.
func (c *checker) siret(term, siret, seen string) {
	if isSIRET(siret) {
		return
	}
	if siret != "" {
		seen = siret
	}
	solid := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, seen)
	digits := seen != "" && strings.Trim(seen, "0123456789") == ""
	switch {
	case solid == "":
		c.present(term, false)
	case solid != seen:
		c.refuse(CodeSIRET, term, "has a space or a line break in it, %s: write 14 digits and nothing else",
			"contient une espace ou un saut de ligne, %s : écrivez 14 chiffres et rien d'autre", quote(seen))
	case digits && len(seen) == 9:
		c.refuse(CodeSIRET, term, "is a SIREN, %s: Chorus Pro needs the SIRET, 14 digits", "est un SIREN, %s : Chorus Pro veut le SIRET, 14 chiffres", quote(seen))
	case digits:
		c.refuse(CodeSIRET, term, "has %d digits instead of 14: %s", "a %d chiffres au lieu de 14 : %s", len(seen), quote(seen))
	default:
		c.refuse(CodeSIRET, term, "is %s and not a SIRET: write 14 digits", "vaut %s, qui n'est pas un SIRET : écrivez 14 chiffres", quote(seen))
	}
}

func (c *checker) controls(term, text string) {
	if strings.ContainsFunc(text, unicode.IsControl) {
		c.refuse(CodeControlCharacters, term, "contains a control character (a line break, a tabulation…): %s",
			"contient un caractère de contrôle (saut de ligne, tabulation…) : %s", quote(text))
	}
}

// order sorts terms by their number.
func order(term string) int {
	n := 0
	for _, c := range strings.TrimPrefix(term, "BT-") {
		n = n*10 + int(c-'0')
	}
	return n
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
