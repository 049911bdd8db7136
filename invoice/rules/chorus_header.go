package rules

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/choriste/choriste/invoice"
)

// The limits of Chorus Pro, in characters.
const (
	maxNumber     = 20
	maxService    = 100
	maxEngagement = 50
	maxName       = 99
	maxContract   = 50
	maxNote       = 1024
)

var (
	cadreForm  = regexp.MustCompile(`^A([1-9]|1[0-9]|2[0-5])$`)
	reformForm = regexp.MustCompile(`^[BSM][1-9]$`)
)

// numberSigns are what a number may hold.
const numberSigns = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 +_/-"

// submissionCadres are those of private suppliers, and all that the route of a PDF without XML takes.
var submissionCadres = strings.Fields("A1 A2 A9 A12")

// reformCadres say which cadre of this channel comes nearest to a code of the reform, by its digit: already paid, sub-contractor, co-contractor.
var reformCadres = map[string]string{"2": "A2", "5": "A9", "6": "A12"}

func longer(text string, limit int) bool { return utf8.RuneCountInString(text) > limit }

// controlRule is of reading too: a NUL makes XML unreadable.
var controlRule = Rule{
	Code: "CH-CONTROL-CHARACTERS", Severity: Error, Source: "others' clients", Weight: "C",
	Text:   "this term contains a control character (a line break, a tabulation…)",
	TextFR: "ce terme contient un caractère de contrôle (saut de ligne, tabulation…)",
	Remedy: "Remove it.", RemedyFR: "Supprimez-le.",
}

// place is where a value stands, without the line, and whichever of its kind it is.
func place(v invoice.Value) string { return countForm.ReplaceAllString(fullPlace(v), "") }

// fullPlace is where a value stands, without the line.
func fullPlace(v invoice.Value) string {
	path, _, _ := strings.Cut(v.Where(), " ")
	return path
}

// severalTerms are those that must not be there with two values.
var severalTerms = []string{"BT-1", "BT-2", "BT-3", "BT-5", "BT-10", "BT-13"}

var countForm = regexp.MustCompile(`\[[0-9]+\]`)

// severalHits are the terms that are there with two values.
func severalHits(d *invoice.Document) (hits []hit) {
	for _, term := range severalTerms {
		all := d.All(term)
		if term == "BT-10" || term == "BT-13" { // stand in several places, and only in one of them it may be once
			all = slices.DeleteFunc(slices.Clone(all), func(v invoice.Value) bool { return place(v) != place(all[0]) })
		}
		if i := slices.IndexFunc(all, func(v invoice.Value) bool { return v.Text != all[0].Text }); i > 0 {
			hits = append(hits, saying(at(all[i]), term+" is there twice, as "+quote(all[0].Text)+" and "+quote(all[i].Text),
				term+" y est deux fois : "+quote(all[0].Text)+" et "+quote(all[i].Text))...)
		}
	}
	return hits
}

var headerRules = []chorusRule{
	{
		Rule: Rule{
			Code: "CH-NUMBER-LENGTH", Severity: Error, Term: "BT-1", Source: "EDI annex G1.05", Weight: "S",
			Text: "BT-1 (invoice number) has more than 20 characters", TextFR: "BT-1 (numéro de facture) a plus de 20 caractères",
			Remedy: "Shorten the number to 20 characters.", RemedyFR: "Ramenez le numéro à 20 caractères.",
		},
		find: func(d *invoice.Document) []hit { return onlyIf(d.At("BT-1"), longer(d.Numero, maxNumber)) },
	},
	{
		Rule: Rule{
			Code: "CH-NUMBER-CHARACTERS", Severity: Error, Term: "BT-1", Source: "EDI annex G1.05", Weight: "S",
			Text:   "BT-1 (invoice number) holds something else than letters without accents, digits, space and - + _ /, or a space at an end",
			TextFR: "BT-1 (numéro de facture) contient autre chose que des lettres sans accent, des chiffres, l'espace et - + _ /, ou une espace à un bout",
			Remedy: "Write the number without the other characters.", RemedyFR: "Écrivez le numéro sans les autres caractères.",
		},
		find: func(d *invoice.Document) []hit {
			trimmed, v := strings.TrimSpace(d.Numero), d.At("BT-1")
			wrong := strings.IndexFunc(trimmed, func(r rune) bool { return !strings.ContainsRune(numberSigns, r) })
			switch {
			case trimmed == "" || trimmed == d.Numero && wrong < 0:
				return nil
			case wrong < 0:
				return saying(at(v), "BT-1 (invoice number) begins or ends with a space or a line break: "+quote(cut(d.Numero)),
					"BT-1 (numéro de facture) commence ou finit par une espace ou un saut de ligne : "+quote(cut(d.Numero)))
			}
			c, _ := utf8.DecodeRuneInString(trimmed[wrong:])
			return saying(at(v), "BT-1 (invoice number) holds "+quote(string(c))+"; Chorus Pro takes letters without accents, digits, space and - + _ / only: "+quote(cut(d.Numero)),
				"BT-1 (numéro de facture) contient "+quote(string(c))+" ; Chorus Pro n'accepte que des lettres sans accent, des chiffres, l'espace et - + _ / : "+quote(cut(d.Numero)))
		},
	},
	{
		Rule: Rule{
			Code: "CH-SEVERAL", Severity: Error, Source: "the schemas of UBL 2.1 and CII D16B", Weight: "S",
			Text: "this term is in the document several times, with different values", TextFR: "ce terme figure plusieurs fois dans le document, avec des valeurs différentes",
			Remedy: "Keep one; each invoice is inserted by itself.", RemedyFR: "N'en gardez qu'un ; chaque facture est insérée séparément.",
		},
		find: severalHits,
	},
	{
		Rule: Rule{
			Code: "CH-DATE", Severity: Error, Term: "BT-2", Source: "the schemas of UBL 2.1 and CII D16B", Weight: "S",
			Text: "BT-2 (issue date) is not a date in the form of its syntax", TextFR: "BT-2 (date d'émission) n'est pas une date dans la forme de sa syntaxe",
			Remedy:   "Write 2026-01-31 in UBL; in CII 20260131, with format=\"102\".",
			RemedyFR: "Écrivez 2026-01-31 en UBL ; en CII 20260131, avec format=\"102\".",
		},
		instead: []string{"BR-03", "CII-DT-097"},
		find: func(d *invoice.Document) []hit {
			if h := dateElsewhere(d); h != nil {
				return h
			}
			return wrongDate(d)
		},
	},
	{
		Rule: Rule{
			Code: "CH-DATE-OTHER", Severity: Error, Source: "the schemas of UBL 2.1", Weight: "S",
			Text: "a date of a UBL invoice is none of xs:date", TextFR: "une date d'une facture UBL n'est pas de la forme xs:date",
			Remedy: "Write it as 2026-01-31, or leave the element out.", RemedyFR: "Écrivez-la comme 2026-01-31, ou supprimez l'élément.",
		},
		find: ublDates,
	},
	{
		Rule: Rule{
			Code: "CH-DATE-FORMAT", Severity: Warning, Source: "EN 16931-3-3", Weight: "S",
			Text: "a date of a CII invoice is not of format 102, or no day of the calendar", TextFR: "une date d'une facture CII n'est pas au format 102, ou n'existe pas au calendrier",
			Remedy: "Write 20260131, with format=\"102\".", RemedyFR: "Écrivez 20260131, avec format=\"102\".",
		},
		find: ciiDates,
	},
	{
		Rule: Rule{
			Code: "CH-DATE-YEAR", Severity: Error, Term: "BT-2", Source: "EDI annex G1.07", Weight: "C",
			Text: "BT-2 (issue date) lies before 1990 or after 2100", TextFR: "BT-2 (date d'émission) est antérieure à 1990 ou postérieure à 2100",
			Remedy: "Correct the year.", RemedyFR: "Corrigez l'année.",
		},
		find: func(d *invoice.Document) []hit {
			return onlyIf(d.At("BT-2"), !d.Date.IsZero() && (d.Date.Year() < 1990 || d.Date.Year() > 2100))
		},
	},
	{
		Rule: Rule{
			Code: "CH-CADRE", Severity: Error, Term: "BT-23", Source: "invoicerr, Tempolia (live)", Weight: "L",
			Text: "BT-23 (cadre de facturation) is none of A1 to A25", TextFR: "BT-23 (cadre de facturation) n'est pas compris entre A1 et A25",
			Remedy:   "Write A1 for an ordinary supplier invoice, A2 when it is already paid, A9 for a sub-contractor, A12 for a co-contractor; or leave it out.",
			RemedyFR: "Écrivez A1 pour une facture ordinaire de fournisseur, A2 si elle est déjà payée, A9 pour un sous-traitant, A12 pour un cotraitant ; ou supprimez-le.",
		},
		find: func(d *invoice.Document) []hit {
			if !reformForm.MatchString(d.Cadre) {
				return onlyIf(d.At("BT-23"), d.Cadre != "" && !cadreForm.MatchString(d.Cadre))
			}
			nearest := reformCadres[d.Cadre[1:]]
			if nearest == "" {
				nearest = "A1"
			}
			return saying(at(d.At("BT-23")), "BT-23 (cadre de facturation) is "+d.Cadre+", a code of the 2026 reform that this channel refuses; here it is "+nearest,
				"BT-23 (cadre de facturation) vaut "+d.Cadre+", un code de la réforme 2026 que ce canal refuse ; ici, c'est "+nearest)
		},
	},
	{
		Rule: Rule{
			Code: "CH-CADRE-SUPPLIER", Severity: Warning, Term: "BT-23", Source: "others' clients", Weight: "G",
			Text:   "BT-23 (cadre de facturation) is not one of those of private suppliers",
			TextFR: "BT-23 (cadre de facturation) n'est pas de ceux des fournisseurs privés",
			Remedy: "Write A1, A2, A9 or A12, unless this is an invoice of works or of justice costs.", RemedyFR: "Écrivez A1, A2, A9 ou A12, sauf pour une facture de travaux ou de frais de justice.",
		},
		find: func(d *invoice.Document) []hit {
			return onlyIf(d.At("BT-23"), d.Fields == nil && cadreForm.MatchString(d.Cadre) && !contains(submissionCadres, d.Cadre))
		},
	},
	{
		Rule: Rule{
			Code: "CH-CADRE-PAID", Severity: Warning, Term: "BT-23", Source: "others' clients", Weight: "G",
			Text:   "BT-23 (cadre de facturation) is A2, already paid, and something is left to pay (BT-115)",
			TextFR: "BT-23 (cadre de facturation) vaut A2, déjà payée, et il reste à payer (BT-115)",
			Remedy: "Write A1, or BT-113 and BT-115 as they are.", RemedyFR: "Écrivez A1, ou corrigez BT-113 et BT-115.",
		},
		find: func(d *invoice.Document) []hit {
			return onlyIf(d.At("BT-23"), d.Cadre == "A2" && d.MontantAPayer.Valid && d.MontantAPayer.Decimal.IsPositive())
		},
	},
	{
		Rule: Rule{
			Code: "CH-SERVICE-LENGTH", Severity: Error, Term: "BT-10", Source: "AIFE specifications, live rejections", Weight: "S",
			Text: "BT-10 (service code) has more than 100 characters", TextFR: "BT-10 (code service) a plus de 100 caractères",
			Remedy: "Write the code of the service, not its name.", RemedyFR: "Écrivez le code du service, non son nom.",
		},
		find: func(d *invoice.Document) []hit { return onlyIf(d.At("BT-10"), longer(d.CodeService, maxService)) },
	},
	{
		Rule: Rule{
			Code: "CH-SERVICE-PUBLIC", Severity: Error, Term: "BT-10", Source: "OCA l10n_fr_chorus_account", Weight: "P",
			Text:   "BT-10 (service code) is FACTURES_PUBLIQUES, a service for invoices between public bodies that private suppliers may not use",
			TextFR: "BT-10 (code service) vaut FACTURES_PUBLIQUES, service des factures entre entités publiques, fermé aux fournisseurs privés",
			Remedy: "Write the service code that the order names.", RemedyFR: "Renseignez le code service indiqué par la commande.",
		},
		find: func(d *invoice.Document) []hit {
			return onlyIf(d.At("BT-10"), strings.EqualFold(d.CodeService, "FACTURES_PUBLIQUES"))
		},
	},
	{
		Rule: Rule{
			Code: "CH-SERVICE-NONE", Severity: Warning, Term: "BT-10", Source: "fillers of Peppol and of ERPs; docs/documents.md", Weight: "G",
			Text: "BT-10 (service code) holds a word that says that there is none: the portal looks for a service of that name", TextFR: "BT-10 (code service) contient un mot qui dit qu'il n'y en a pas : le portail cherche un service de ce nom",
			Remedy: "Leave it out, or write the service code.", RemedyFR: "Supprimez-le, ou écrivez le code service.",
		},
		find: func(d *invoice.Document) []hit {
			return onlyIf(d.At("BT-10"), d.CodeService == "" && d.At("BT-10").Trimmed() != "")
		},
	},
	{
		Rule: Rule{
			Code: "CH-ENGAGEMENT-LENGTH", Severity: Error, Term: "BT-13", Source: "invoicerr, Tempolia (live)", Weight: "L",
			Text: "BT-13 (commitment number) has more than 50 characters", TextFR: "BT-13 (numéro d'engagement) a plus de 50 caractères",
			Remedy: "Write the number alone.", RemedyFR: "Écrivez le numéro seul.",
		},
		find: func(d *invoice.Document) []hit {
			return onlyIf(d.At("BT-13"), longer(d.Engagement, maxEngagement))
		},
	},
	{
		Rule: Rule{
			Code: "CH-ENGAGEMENT-NONE", Severity: Warning, Term: "BT-13", Source: "Peppol BIS Billing, NA in OrderReference", Weight: "G",
			Text:   "BT-13 (commitment number) holds a word that says that there is none",
			TextFR: "BT-13 (numéro d'engagement) contient un mot qui dit qu'il n'y en a pas",
			Remedy: "Leave it out, or write the commitment number.", RemedyFR: "Supprimez-le, ou écrivez le numéro d'engagement.",
		},
		find: func(d *invoice.Document) []hit {
			return onlyIf(d.At("BT-13"), d.Engagement == "" && d.At("BT-13").Trimmed() != "")
		},
	},
	{
		Rule: Rule{
			Code: "CH-CONTRACT-LENGTH", Severity: Warning, Term: "BT-12", Source: "XP Z12-012, length of BT-12", Weight: "G",
			Text: "BT-12 (contract) has more than 50 characters", TextFR: "BT-12 (marché) a plus de 50 caractères",
			Remedy: "Write the number of the contract alone.", RemedyFR: "Écrivez le numéro du marché seul.",
		},
		find: func(d *invoice.Document) []hit {
			return onlyIf(d.At("BT-12"), longer(d.At("BT-12").Trimmed(), maxContract))
		},
	},
	{
		Rule: Rule{
			Code: "CH-NOTE-LENGTH", Severity: Warning, Term: "BT-22", Source: "XP Z12-012, length of BT-22", Weight: "G",
			Text: "BT-22 (a note) has more than 1024 characters", TextFR: "BT-22 (une note) a plus de 1024 caractères",
			Remedy: "Shorten it, or write several notes.", RemedyFR: "Raccourcissez-la, ou écrivez plusieurs notes.",
		},
		find: func(d *invoice.Document) (hits []hit) {
			for _, v := range d.All("BT-22") {
				hits = append(hits, onlyIf(v, longer(v.Trimmed(), maxNote))...)
			}
			return hits
		},
	},
	{
		Rule: controlRule,
		find: func(d *invoice.Document) (hits []hit) {
			for _, term := range []string{"BT-1", "BT-3", "BT-5", "BT-10", "BT-13", "BT-23", "BT-24", "BT-25"} {
				text := d.At(term).Trimmed()
				if term == "BT-1" {
					text = d.Numero
				}
				if strings.ContainsFunc(text, unicode.IsControl) {
					hits = append(hits, saying(at(d.At(term)), term+" contains a control character: "+quote(cut(text)), term+" contient un caractère de contrôle : "+quote(cut(text)))...)
				}
			}
			for _, p := range []invoice.Party{d.Seller, d.Buyer} {
				if v := p.NameAt; strings.ContainsFunc(p.Name, unicode.IsControl) {
					hits = append(hits, saying(at(v), v.Term+" contains a control character: "+quote(cut(p.Name)), v.Term+" contient un caractère de contrôle : "+quote(cut(p.Name)))...)
				}
			}
			return hits
		},
	},
}
