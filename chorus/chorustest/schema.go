package chorustest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// operation is one route of the API.
type operation struct {
	name   string                   // in the ledger, in faults, in statistics
	api    string                   // what has to be ticked in PISTE
	fields fields                   // of the request
	says   fields                   // of the answer
	run    func(*Sim, *call) answer // called with the lock held
}

// kind is the type of a field in a request.
type kind int

const (
	text kind = iota
	integer
	number
	boolean
	date
	nested
	list
	anything // an object that nothing is said of
)

// field describes one field of a request. Required means in practice: the Swagger requires nothing.
type field struct {
	kind     kind
	required bool
	enum     []string
	fields   fields // of a nested object, or of the elements of a list of objects
	elements kind   // of a list
	single   bool   // one element without its list is taken, too
}

type fields map[string]field

// theseAre stands before the values that there are.
const theseAre = ", which are "

// check lists what is wrong with an object, in a stable order.
func (fs fields) check(at string, in object) []string {
	var wrong []string
	for name, value := range in {
		f, known := fs[name]
		if !known {
			wrong = append(wrong, "unknown field "+at+cut(name))
			continue
		}
		if value != nil {
			wrong = append(wrong, f.check(at+name, value)...)
		}
	}
	for name, f := range fs {
		if f.required && !in.has(name) {
			wrong = append(wrong, "missing field "+at+name)
		}
	}
	slices.Sort(wrong)
	return wrong
}

func (f field) check(at string, value any) []string {
	fits := false
	switch f.kind {
	case text:
		var t string
		t, fits = value.(string)
		if fits && f.enum != nil && !slices.Contains(f.enum, t) {
			return []string{fmt.Sprintf("%s: %.60q is not one of its values%s%s", at, t, theseAre, strings.Join(f.enum, " "))}
		}
	case date:
		var t string
		t, fits = value.(string)
		if _, _, ok := parseDate(t); fits && !ok {
			return []string{fmt.Sprintf("%s: %.60q is not a date", at, t)}
		}
	case integer:
		n, isNumber := value.(json.Number)
		_, err := n.Int64()
		fits = isNumber && err == nil
	case number:
		_, fits = value.(json.Number)
	case boolean:
		_, fits = value.(bool)
	case nested:
		var o map[string]any
		if o, fits = value.(map[string]any); fits {
			return f.fields.check(at+".", o)
		}
	case anything:
		_, fits = value.(map[string]any)
	case list:
		all, isList := value.([]any)
		if one, single := value.(map[string]any); single && f.single {
			all, isList = []any{one}, true
		}
		fits = isList
		var wrong []string
		for i, x := range all {
			element := field{kind: f.elements, fields: f.fields, enum: f.enum}
			wrong = append(wrong, element.check(fmt.Sprintf("%s[%d]", at, i), x)...)
		}
		if fits {
			return wrong
		}
	}
	if !fits {
		return []string{at + " has the wrong type"}
	}
	return nil
}

// operations are all that is served, by method and path.
var operations = makeOperations()

func makeOperations() map[string]*operation {
	all := map[string]*operation{"GET /cpro/transverses/v1/health-check": {name: "health-check", api: "transverses", run: (*Sim).healthCheck}}
	add := func(route, name string, run func(*Sim, *call) answer) {
		d, described := descriptions[route]
		if !described {
			panic("interface/: nothing is said of " + route)
		}
		api, _, _ := strings.Cut(route, "/")
		all["POST /cpro/"+route] = &operation{name: name, api: api, fields: d.asks, says: d.says, run: run}
	}
	for _, x := range []struct {
		route, name string
		run         func(*Sim, *call) answer
	}{
		{"factures/v1/deposer/flux", "deposer/flux", (*Sim).deposerFlux},
		{"factures/v1/deposer/pdf", "deposer/pdf", (*Sim).deposerPDF},
		{"factures/v1/soumettre", "soumettre", (*Sim).soumettre},
		{"factures/v1/rechercher/fournisseur", "rechercher/fournisseur", (*Sim).rechercherFournisseur},
		{"factures/v1/consulter/historique", "consulter/historique", (*Sim).consulterHistorique},
		{"factures/v1/completer", "completer", (*Sim).completer},
		{"factures/v1/recycler", "recycler", (*Sim).recycler},
		{"factures/v1/consulter/fournisseur", "consulter/fournisseur", (*Sim).consulterFournisseur},
		{"factures/v1/telecharger/groupe", "telecharger/groupe", (*Sim).telechargerGroupe},
		{"factures/v1/traiterRejet", "traiterRejet", (*Sim).traiterRejet},
		{"factures/v1/rechercher/atraiter/fournisseur", "rechercher/atraiter/fournisseur", (*Sim).aTraiterFournisseur},
		{"factures/v1/rechercher/demandePaiement", "rechercher/demandePaiement", (*Sim).rechercherDemandePaiement},
		{"factures/v1/corriger/valideur/facture", "corriger/valideur/facture", (*Sim).corrigerValideur},
		{"factures/v1/rechercher/recipiendaire", "rechercher/recipiendaire", (*Sim).rechercherRecipiendaire},
		{"factures/v1/rechercher/atraiter/recipiendaire", "rechercher/atraiter/recipiendaire", (*Sim).aTraiterRecipiendaire},
		{"factures/v1/consulter/recipiendaire", "consulter/recipiendaire", (*Sim).consulterRecipiendaire},
		{"factures/v1/traiter/recue", "traiter/recue", (*Sim).traiterRecue},
		{"factures/v1/rechercher/valideur", "rechercher/valideur", (*Sim).rechercherValideur},
		{"factures/v1/rechercher/aTraiter/valideur", "rechercher/aTraiter/valideur", (*Sim).aTraiterValideur},
		{"factures/v1/consulter/valideur", "consulter/valideur", (*Sim).consulterValideur},
		{"factures/v1/traiter/factureAValider", "traiter/factureAValider", (*Sim).traiterFactureAValider},
		{"factures/v1/recuperer/statutsFactureVisibles/valideur", "recuperer/statutsFactureVisibles/valideur", (*Sim).statutsVisibles},
		{"structures/v1/rechercher", "structures/rechercher", (*Sim).rechercherStructures},
		{"structures/v1/consulter", "structures/consulter", (*Sim).consulterStructure},
		{"structures/v1/rechercher/services", "structures/rechercher/services", (*Sim).rechercherServices},
		{"structures/v1/consulter/service", "structures/consulter/service", (*Sim).consulterService},
		{"structures/v1/lister/rattachementsutilisateur", "structures/lister/rattachementsutilisateur", (*Sim).listerRattachements},
		{"structures/v1/rechercher/espaces", "structures/rechercher/espaces", (*Sim).rechercherEspaces},
		{"transverses/v1/consulterCRDetaille", "consulterCRDetaille", (*Sim).consulterCRDetaille},
		{"transverses/v1/consulterCR", "consulterCR", (*Sim).consulterCR},
		{"transverses/v1/ajouter/fichier", "ajouter/fichier", (*Sim).ajouterFichier},
		{"transverses/v1/detacherPieceJointe", "detacherPieceJointe", (*Sim).detacherPieceJointe},
		{"transverses/v1/telecharger/pieceJointe", "telecharger/pieceJointe", (*Sim).telechargerPieceJointe},
		{"transverses/v1/recuperer/structures/actives/fournisseur", "recuperer/structures/actives/fournisseur", (*Sim).structuresActives},
		{"transverses/v1/recuperer/structuresPourUtilisateur", "recuperer/structuresPourUtilisateur", (*Sim).structuresActives},
		{"transverses/v1/recuperer/coordbanc/valides", "recuperer/coordbanc/valides", (*Sim).coordonneesBancaires},
		{"transverses/v1/rechercher/destinataire", "rechercher/destinataire", (*Sim).rechercherDestinataire},
		{"transverses/v1/rechercher/serviceexecutant", "rechercher/serviceexecutant", (*Sim).rechercherServiceExecutant},
		{"transverses/v1/telecharger/annuaire/destinataire", "telecharger/annuaire/destinataire", (*Sim).telechargerAnnuaire},
		{"utilisateurs/v1/monCompte/recuperer/rattachements", "rattachements", (*Sim).rattachements},
		{"engagementsJuridiques/v1/rechercher", "engagementsJuridiques/rechercher", (*Sim).rechercherEngagements},
	} {
		add(x.route, x.name, x.run)
	}
	for list := range referenceLists {
		add("transverses/v1/recuperer/"+list, "recuperer/"+list, referenceList(list))
	}
	return all
}
