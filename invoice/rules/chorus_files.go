package rules

import (
	"path"
	"strings"
	"unicode"

	"github.com/choriste/choriste/invoice"
)

// attachmentTypes are the extensions that Chorus Pro takes (docs/chorus-pro.md §6.1).
var attachmentTypes = strings.Fields(`BMP BZ2 CSV DOC DOCX FAX GIF GZ GZIP HTM HTML JPEG JPG ODP ODS ODT P7S PDF PNG PPS PPT PPTX RTF SVG TGZ TIF TIFF TXT XHTML XLC XLM XLS
	XLSX XML ZIP`)

// maxFileName is the longest name of an attachment, with its extension.
const maxFileName = 50

func extension(name string) string {
	return strings.ToUpper(strings.TrimPrefix(path.Ext(name), "."))
}

// eachAttachment gives a hit for each attachment that is wrong.
func eachAttachment(wrong func(a invoice.Attachment) bool) func(*invoice.Document) []hit {
	return func(d *invoice.Document) (hits []hit) {
		for _, a := range d.Attachments {
			if wrong(a) {
				hits = append(hits, hit{value: a.File.Name, where: a.Where()})
			}
		}
		return hits
	}
}

var attachmentRules = []chorusRule{
	{
		Rule: Rule{
			Code: "CH-ATTACHMENT-NAME", Severity: Error, Term: "BT-125", Source: "docs/chorus-pro.md §6.1, OCA", Weight: "P",
			Text: "the name of an attachment has more than 50 characters, or no extension, or nothing before it", TextFR: "le nom d'une pièce jointe a plus de 50 caractères, ou pas d'extension, ou rien devant",
			Remedy: "Give it a name of 50 characters at most, that ends in .pdf or as its type demands.", RemedyFR: "Donnez-lui un nom de 50 caractères au plus, terminé par .pdf ou l'extension de son type.",
		},
		find: eachAttachment(func(a invoice.Attachment) bool {
			stem := strings.TrimSuffix(a.File.Name, path.Ext(a.File.Name))
			return longer(a.File.Name, maxFileName) || extension(a.File.Name) == "" || strings.TrimSpace(stem) == ""
		}),
	},
	{
		Rule: Rule{
			Code: "CH-ATTACHMENT-PATH", Severity: Warning, Term: "BT-125", Source: "AIFE specifications 1.1, §3.2.1.4.1: names of files, of another channel", Weight: "G",
			Text: "the name of an attachment is a path, or holds a line break or a sign such as $ & / \\ : # @", TextFR: "le nom d'une pièce jointe est un chemin, ou contient un saut de ligne ou un signe comme $ & / \\ : # @",
			Remedy: "Give it a plain name: letters, digits, - and _.", RemedyFR: "Donnez-lui un nom simple : lettres, chiffres, - et _.",
		},
		find: eachAttachment(func(a invoice.Attachment) bool {
			return strings.ContainsAny(a.File.Name, `%$!&/\:;«»#@`) || strings.ContainsFunc(a.File.Name, unicode.IsControl)
		}),
	},
	{
		Rule: Rule{
			Code: "CH-ATTACHMENT-TYPE", Severity: Error, Term: "BT-125", Source: "docs/chorus-pro.md §6.1, OCA", Weight: "P",
			Text: "an attachment is of a type that Chorus Pro does not take", TextFR: "une pièce jointe est d'un type que Chorus Pro n'accepte pas",
			Remedy: "Attach it as PDF.", RemedyFR: "Joignez-la en PDF.",
		},
		find: eachAttachment(func(a invoice.Attachment) bool {
			return extension(a.File.Name) != "" && !contains(attachmentTypes, extension(a.File.Name))
		}),
	},
	{
		Rule: Rule{
			Code: "CH-ATTACHMENT-EMPTY", Severity: Error, Term: "BT-125", Source: "docs/chorus-pro.md §6.1, OCA", Weight: "P",
			Text: "an attachment is empty or unreadable", TextFR: "une pièce jointe est vide ou illisible",
			Remedy: "Attach the file, or leave it out.", RemedyFR: "Joignez le fichier, ou supprimez-la.",
		},
		find: eachAttachment(func(a invoice.Attachment) bool { return a.File.Bytes == 0 }),
	},
}

// fx gives a hit when a Factur-X PDF is wrong.
func fx(wrong func(p *invoice.PDF, d *invoice.Document) (bool, string)) func(*invoice.Document) []hit {
	return func(d *invoice.Document) []hit {
		if d.PDF == nil {
			return nil
		}
		if bad, value := wrong(d.PDF, d); bad {
			return []hit{{value: value}}
		}
		return nil
	}
}

const facturXSource = "Factur-X 1.07, §6; Dolibarr #562 (a PDF that is not PDF/A-3 is refused after it was imported)"

// levels are Factur-X's names of its profiles in XMP, and how BT-24 ends for each.
var levels = map[string]string{
	"MINIMUM": ":minimum", "BASIC WL": ":basicwl", "BASIC": ":basic", "EN 16931": normID, "COMFORT": normID, "EXTENDED": ":extended", "XRECHNUNG": "",
}

// normID is how BT-24 ends where an invoice is of the whole norm.
const normID = "en16931:2017"

// fits tells whether a level of XMP is that of BT-24. What is of the whole norm may follow rules of its own besides, which are named behind #; those of Factur-X are not the whole norm.
func fits(level, id string) bool {
	id = strings.ToLower(strings.TrimSpace(id))
	end, known := levels[strings.ToUpper(strings.TrimSpace(level))]
	if !known {
		return false
	}
	own := strings.Contains(id, normID+"#") && !strings.Contains(id, "factur-x") && !strings.Contains(id, "zugferd")
	return strings.HasSuffix(id, end) || own && (end == normID || end == ":extended")
}

var facturXRules = []chorusRule{
	{
		Rule: Rule{
			Code: "CH-FACTURX-NAME", Severity: Warning, Source: facturXSource, Weight: "C",
			Text: "the XML in the PDF is not called factur-x.xml", TextFR: "le XML joint au PDF ne s'appelle pas factur-x.xml",
			Remedy: "Name it so.", RemedyFR: "Nommez-le ainsi.",
		},
		find: fx(func(p *invoice.PDF, _ *invoice.Document) (bool, string) { return p.Name != "factur-x.xml", p.Name }),
	},
	{
		Rule: Rule{
			Code: "CH-FACTURX-RELATIONSHIP", Severity: Warning, Source: facturXSource, Weight: "C",
			Text: "the XML in the PDF has no AFRelationship of Data, Source or Alternative", TextFR: "le XML joint au PDF n'a pas d'AFRelationship Data, Source ou Alternative",
			Remedy: "Write Data, or Alternative for the profiles from BASIC on.", RemedyFR: "Écrivez Data, ou Alternative à partir du profil BASIC.",
		},
		find: fx(func(p *invoice.PDF, _ *invoice.Document) (bool, string) {
			return !contains([]string{"Data", "Source", "Alternative"}, p.Relationship), p.Relationship
		}),
	},
	{
		Rule: Rule{
			Code: "CH-FACTURX-XMP", Severity: Warning, Source: facturXSource, Weight: "C",
			Text: "the PDF's metadata (XMP) do not say that it is Factur-X", TextFR: "les métadonnées (XMP) du PDF ne disent pas que c'est du Factur-X",
			Remedy: "Write fx:ConformanceLevel and fx:DocumentFileName.", RemedyFR: "Écrivez fx:ConformanceLevel et fx:DocumentFileName.",
		},
		find: fx(func(p *invoice.PDF, _ *invoice.Document) (bool, string) { return p.Level == "", "" }),
	},
	{
		Rule: Rule{
			Code: "CH-FACTURX-PROFILE", Severity: Warning, Term: "BT-24", Source: facturXSource, Weight: "C",
			Text:     "the profile in the PDF's metadata is none of Factur-X, or not that of the XML (BT-24)",
			TextFR:   "le profil des métadonnées du PDF n'est pas un profil de Factur-X, ou pas celui du XML (BT-24)",
			Remedy:   "Write the same profile in both; in the metadata MINIMUM, BASIC WL, BASIC, EN 16931 or EXTENDED.",
			RemedyFR: "Écrivez le même profil dans les deux ; dans les métadonnées MINIMUM, BASIC WL, BASIC, EN 16931 ou EXTENDED.",
		},
		find: fx(func(p *invoice.PDF, d *invoice.Document) (bool, string) {
			return p.Level != "" && d.Profil != "" && !fits(p.Level, d.Profil), p.Level + ", " + d.Profil[strings.LastIndex(d.Profil, "#")+1:] // its end tells the profile
		}),
	},
	{
		Rule: Rule{
			Code: "CH-FACTURX-PDFA", Severity: Warning, Source: facturXSource, Weight: "C",
			Text: "the PDF does not say that it is PDF/A-3", TextFR: "le PDF ne dit pas qu'il est en PDF/A-3",
			Remedy: "Write the PDF as PDF/A-3.", RemedyFR: "Produisez le PDF en PDF/A-3.",
		},
		find: fx(func(p *invoice.PDF, _ *invoice.Document) (bool, string) { return p.Part != "3", p.Part }),
	},
	{
		Rule: Rule{
			Code: "CH-FACTURX-SEVERAL", Severity: Warning, Source: facturXSource, Weight: "C",
			Text: "several invoices are attached to the PDF", TextFR: "plusieurs factures sont jointes au PDF",
			Remedy: "Attach one.", RemedyFR: "N'en joignez qu'une.",
		},
		find: fx(func(p *invoice.PDF, _ *invoice.Document) (bool, string) { return p.Invoices > 1, "" }),
	},
}
