package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/choriste/choriste/invoice"
)

// siretHit explains what stands where a SIRET should.
func siretHit(p invoice.Party, term, en, fr string) []hit {
	seen := p.ID.Text
	h := at(p.ID.Value)
	if h.term == "" {
		h.term = term
	}
	say := func(e, f string, args ...any) []hit {
		return saying(h, h.term+" ("+en+") "+fmt.Sprintf(e, args...), h.term+" ("+fr+") "+fmt.Sprintf(f, args...))
	}
	solid := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, seen)
	digits := seen != "" && strings.Trim(seen, "0123456789") == ""
	switch {
	case solid == "" && strings.Contains(p.Endpoint.Text, invoice.RoutingAddress):
		return say("is missing: the electronic address (BT-49) is the portal's own, which serves every public body", "est absent : l'adresse électronique (BT-49) est celle du portail, commune à toutes les entités publiques")
	case solid == "":
		return say("is missing: Chorus Pro requires it", "est absent : Chorus Pro l'exige")
	case invoice.OtherScheme(p.ID.Scheme) && (!digits || len(seen) != 14):
		return say("is missing: %s is of the scheme %s, which is not that of SIRETs", "est absent : %s est du référentiel %s, qui n'est pas celui des SIRET", quote(cut(seen)), quote(cut(p.ID.Scheme)))
	case len(solid) == 9 && strings.Trim(solid, "0123456789") == "":
		return say("is a SIREN, %s", "est un SIREN, %s", quote(cut(seen)))
	case solid != seen && strings.Trim(solid, "0123456789") == "":
		return say("has a space or a line break in it, %s", "contient une espace ou un saut de ligne, %s", quote(cut(seen)))
	case digits && len(seen) == 14:
		return say("is %s, under the scheme %s, which is not that of SIRETs", "vaut %s, sous le référentiel %s, qui n'est pas celui des SIRET", quote(seen), quote(cut(p.ID.Scheme)))
	case digits:
		return say("has %d digits instead of 14, %s", "a %d chiffres au lieu de 14, %s", len(seen), quote(cut(seen)))
	default:
		return say("is %s and not a SIRET", "vaut %s, qui n'est pas un SIRET", quote(cut(seen)))
	}
}

// frenchVAT is a French VAT number behind FR.
var frenchVAT = regexp.MustCompile(`^[0-9A-Z]{2}[0-9]{9}$`)

// withSIRET are the countries, and the French territories, whose companies have a SIRET.
var withSIRET = strings.Fields("FR GP MQ GF RE YT PM BL MF MC")

var partyRules = []chorusRule{
	{
		Rule: Rule{
			Code: "CH-SELLER-WITHOUT-SIRET", Severity: Error, Term: "BT-30", Source: "docs/documents.md", Weight: "S",
			Text:     "the supplier is identified by something else than a SIRET (typeIdentifiantStructure UE_HORS_FRANCE, HORS_UE, RIDET, TAHITI, PARTICULIER)",
			TextFR:   "le fournisseur est identifié par autre chose qu'un SIRET (typeIdentifiantStructure UE_HORS_FRANCE, HORS_UE, RIDET, TAHITI, PARTICULIER)",
			Remedy:   "choriste sends for suppliers with a SIRET only: deposit this invoice at the portal (docs/documents.md).",
			RemedyFR: "choriste n'émet que pour les fournisseurs qui ont un SIRET : déposez cette facture sur le portail (docs/documents.md).",
		},
		find: func(d *invoice.Document) []hit {
			kind := withoutSIRET(d)
			if kind == "" {
				return nil
			}
			h := at(d.Seller.ID.Value)
			if h.value == "" {
				return saying(h, "the supplier has no SIRET, and is of a country without ("+kind+", BT-40)", "le fournisseur n'a pas de SIRET, et son pays n'en a pas ("+kind+", BT-40)")
			}
			return saying(h, h.term+" (supplier's identifier) is "+quote(cut(h.value))+", of a supplier without a SIRET ("+kind+")",
				h.term+" (identifiant du fournisseur) vaut "+quote(cut(h.value))+", celui d'un fournisseur sans SIRET ("+kind+")")
		},
	},
	{
		Rule: Rule{
			Code: "CH-SELLER-SIRET", Severity: Error, Term: "BT-30", Source: "AIFE specifications, live rejections", Weight: "S",
			Text: "the supplier's SIRET is missing or not 14 digits", TextFR: "le SIRET du fournisseur manque ou n'a pas 14 chiffres",
			Remedy:   "Write the SIRET, 14 digits and nothing else, in BT-30 or BT-29 with the scheme 0009.",
			RemedyFR: "Écrivez le SIRET, 14 chiffres et rien d'autre, dans BT-30 ou BT-29 avec le référentiel 0009.",
		},
		find: func(d *invoice.Document) []hit {
			if d.FournisseurSIRET != "" || withoutSIRET(d) != "" {
				return nil
			}
			return siretHit(d.Seller, "BT-30", "supplier's SIRET", "SIRET du fournisseur")
		},
	},
	{
		Rule: Rule{
			Code: "CH-SELLER-ADDRESS", Severity: Error, Term: "BT-34", Source: "docs/documents.md", Weight: "S",
			Text:   "the supplier's SIRET stands in the electronic address (BT-34) only, where Chorus Pro does not look",
			TextFR: "le SIRET du fournisseur ne figure que dans l'adresse électronique (BT-34), que Chorus Pro ne lit pas",
			Remedy: "Write it in BT-30 or BT-29 too, with the scheme 0009.", RemedyFR: "Écrivez-le aussi dans BT-30 ou BT-29, avec le référentiel 0009.",
		},
		find: func(d *invoice.Document) []hit {
			return onlyIf(d.Seller.ID.Value, d.FournisseurSIRET != "" && d.Seller.ID.Term == "BT-34")
		},
	},
	{
		Rule: Rule{
			Code: "CH-BUYER-SIRET", Severity: Error, Term: "BT-47", Source: "AIFE specifications, live rejections", Weight: "S",
			Text: "the recipient's SIRET is missing or not 14 digits", TextFR: "le SIRET du destinataire manque ou n'a pas 14 chiffres",
			Remedy:   "Write the public body's SIRET, 14 digits and nothing else, in BT-47 or BT-46 with the scheme 0009.",
			RemedyFR: "Écrivez le SIRET de l'entité publique, 14 chiffres et rien d'autre, dans BT-47 ou BT-46 avec le référentiel 0009.",
		},
		find: func(d *invoice.Document) []hit {
			if d.DestinataireSIRET != "" {
				return nil
			}
			return siretHit(d.Buyer, "BT-47", "recipient's SIRET", "SIRET du destinataire")
		},
	},
	{
		Rule: Rule{
			Code: "CH-BUYER-ADDRESS", Severity: Error, Term: "BT-49", Source: "docs/documents.md", Weight: "S",
			Text:   "the recipient's SIRET stands in the electronic address (BT-49) only, where Chorus Pro does not look",
			TextFR: "le SIRET du destinataire ne figure que dans l'adresse électronique (BT-49), que Chorus Pro ne lit pas",
			Remedy: "Write it in BT-47 or BT-46 too, with the scheme 0009.", RemedyFR: "Écrivez-le aussi dans BT-47 ou BT-46, avec le référentiel 0009.",
		},
		find: func(d *invoice.Document) []hit {
			return onlyIf(d.Buyer.ID.Value, d.DestinataireSIRET != "" && d.Buyer.ID.Term == "BT-49")
		},
	},
	{
		Rule: Rule{
			Code: "CH-SAME-PARTY", Severity: Warning, Term: "BT-47", Source: "ours", Weight: "G",
			Text: "supplier and recipient are the same SIRET", TextFR: "le fournisseur et le destinataire ont le même SIRET",
			Remedy: "Write the recipient's own SIRET.", RemedyFR: "Écrivez le SIRET du destinataire.",
		},
		find: func(d *invoice.Document) []hit {
			return onlyIf(d.Buyer.ID.Value, d.DestinataireSIRET != "" && d.DestinataireSIRET == d.FournisseurSIRET)
		},
	},
	{
		Rule: Rule{
			Code: "CH-VAT-NUMBER", Severity: Warning, Term: "BT-31", Source: "ours; a French VAT number is FR, two characters and the SIREN", Weight: "G",
			Text:     "BT-31 (supplier's VAT identifier) begins with FR and is not FR, two characters and the SIREN of its SIRET",
			TextFR:   "BT-31 (identifiant de TVA du fournisseur) commence par FR et n'est pas FR, deux caractères et le SIREN de son SIRET",
			Remedy:   "Write it without spaces, as FR12345678901, with the supplier's own SIREN; a member of a VAT group has that of the group.",
			RemedyFR: "Écrivez-le sans espaces, comme FR12345678901, avec le SIREN du fournisseur ; un membre d'un assujetti unique a celui du groupe.",
		},
		find: func(d *invoice.Document) []hit {
			v := d.Seller.VATID
			rest, french := strings.CutPrefix(v.Trimmed(), "FR")
			if !french || d.Seller.Country == "MC" { // Monaco's numbers have no SIREN
				return nil
			}
			switch own := d.SIREN(); {
			case !frenchVAT.MatchString(rest):
				return onlyIf(v, true)
			case own != "" && rest[2:] != own:
				return saying(at(v), "BT-31 (supplier's VAT identifier) is that of the SIREN "+rest[2:]+", and the supplier's SIRET that of "+own,
					"BT-31 (identifiant de TVA du fournisseur) est celui du SIREN "+rest[2:]+", et le SIRET du fournisseur celui de "+own)
			}
			return nil
		},
	},
	{
		Rule: Rule{
			Code: "CH-SIRET-CHECK", Severity: Off, Term: "BT-30", Source: "INSEE; those of the qualification platform are wrong on purpose", Weight: "S",
			Text: "a SIRET's check digit is wrong", TextFR: "la clé d'un SIRET est fausse",
			Remedy: "Correct the SIRET.", RemedyFR: "Corrigez le SIRET.",
		},
		find: func(d *invoice.Document) (hits []hit) {
			for _, p := range []invoice.Party{d.Seller, d.Buyer} {
				if s := p.SIRET(); s != "" && !luhn(s) {
					hits = append(hits, at(p.ID.Value))
				}
			}
			return hits
		},
	},
	{
		Rule: Rule{
			Code: "CH-NAME-LENGTH", Severity: Warning, Term: "BT-27", Source: "EDI annex, raison sociale", Weight: "G",
			Text: "the name of a party (BT-27, BT-44) has more than 99 characters", TextFR: "le nom d'une partie (BT-27, BT-44) a plus de 99 caractères",
			Remedy: "Shorten it.", RemedyFR: "Raccourcissez-le.",
		},
		find: func(d *invoice.Document) (hits []hit) {
			for _, p := range []invoice.Party{d.Seller, d.Buyer} {
				hits = append(hits, onlyIf(p.NameAt, longer(p.Name, maxName))...)
			}
			return hits
		},
	},
}

// withoutSIRET says by what a supplier without a SIRET is identified, or of what country it is; "" for others.
func withoutSIRET(d *invoice.Document) string {
	p := d.Seller
	if p.Kind == "" && p.SIRET() == "" && p.Country != "" && !contains(withSIRET, p.Country) && !siretLike(p.ID.Value) {
		return p.Country
	}
	return p.Kind
}

// siretLike tells what was meant as a SIRET, whatever country the party is of.
func siretLike(v invoice.Value) bool {
	return contains([]string{"0009", "0002", "1"}, v.Scheme) || len(strings.Join(strings.Fields(v.Text), "")) == 14
}

// luhn tells whether the check digit is right; La Poste's SIRETs have another rule, the sum of the digits.
func luhn(siret string) bool {
	sum, plain := 0, 0
	digits := []byte(siret)
	slices.Reverse(digits)
	for i, c := range digits {
		n := int(c - '0')
		plain += n
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0 || strings.HasPrefix(siret, "356000000") && plain%5 == 0
}
