package chorustest

import "strings"

// referenceLists are the answers of recuperer/…, each a list of code and libelle. Their keys are guessed [G]; the codes are the portal's where an enumeration of
// the official description has them.
var referenceLists = map[string][][2]string{
	"formatflux":                named("syntaxeFlux"),
	"modedepot":                 named("modeDepot"),
	"cadrefacturation":          named("codeCadreFacturation2"),
	"typedp":                    named("typeDemandePaiement"),
	"modereglements":            named("modePaiement"),
	"typeidentifiant/structure": named("typeIdentifiantStructure"),
	"devises":                   {{"EUR", "Euro"}, {"CHF", "Franc suisse"}, {"GBP", "Livre sterling"}, {"USD", "Dollar américain"}, {"XPF", "Franc Pacifique"}},
	"pays":                      {{"FR", "France"}, {"BE", "Belgique"}, {"CH", "Suisse"}, {"DE", "Allemagne"}, {"ES", "Espagne"}, {"IT", "Italie"}, {"LU", "Luxembourg"}},
	"tauxtva":                   {{"TVA1", "20"}, {"TVA2", "10"}, {"TVA3", "5.5"}, {"TVA4", "2.1"}, {"TVA5", "0"}},
	"motifs/exonerationtva":     {{"ART_261", "Article 261 du CGI"}, {"ART_293B", "Article 293 B du CGI"}, {"AUTOLIQUIDATION", "Autoliquidation"}},
	"typespj":                   {{"01", "Facture"}, {"02", "Bon de livraison"}, {"03", "Bon de commande"}, {"99", "Autre"}},
}

// named is a list of an enumeration's values.
func named(enumeration string) (list [][2]string) {
	for _, value := range enumerations[enumeration] {
		list = append(list, [2]string{value, strings.ToLower(strings.ReplaceAll(value, "_", " "))})
	}
	return list
}

func referenceList(list string) func(*Sim, *call) answer {
	return func(_ *Sim, c *call) answer {
		name := ""
		for field, f := range c.op.says {
			if f.kind == nested || f.elements == nested {
				name = field
			}
		}
		rows := make([]any, 0)
		for _, x := range referenceLists[list] {
			rows = append(rows, object{"code": x[0], "libelle": x[1]})
		}
		return ok(object{name: rows})
	}
}
