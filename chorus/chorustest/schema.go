package chorustest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// operation is one route of the API.
type operation struct {
	name   string // in the ledger, in faults, in statistics
	api    string // what has to be ticked in PISTE
	fields fields
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

// check lists what is wrong with an object, in a stable order.
func (fs fields) check(at string, in object) []string {
	var wrong []string
	for name, value := range in {
		f, known := fs[name]
		if !known {
			wrong = append(wrong, "unknown field "+at+name)
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
			return []string{fmt.Sprintf("%s: %.60q is not one of its values", at, t)}
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

var sens = field{enum: []string{"Descendant", "Ascendant"}}

// genericPaging are fields that the official description declares in every paging object beside its own. What they do is not said: here they change nothing.
var genericPaging = fields{
	"champsDeTri": {kind: anything}, "ordreTriGenerique": sens, "taillePageGenerique": {kind: integer}, "indexPageGenerique": {kind: integer},
}

// and is both descriptions in one.
func (fs fields) and(more fields) fields {
	both := maps.Clone(fs)
	maps.Copy(both, more)
	return both
}

// user is the optional field that every Factures and Transverses operation declares.
var user = field{kind: integer}

var operations = map[string]*operation{
	"POST /cpro/factures/v1/deposer/flux": {name: "deposer/flux", api: "factures", run: (*Sim).deposerFlux, fields: fields{
		"fichierFlux": {required: true}, "nomFichier": {required: true}, "syntaxeFlux": {required: true, enum: syntaxes},
		"avecSignature": {kind: boolean}, "idUtilisateurCourant": user,
	}},
	"POST /cpro/factures/v1/deposer/pdf": {name: "deposer/pdf", api: "factures", run: (*Sim).deposerPDF, fields: pdfFields},
	"POST /cpro/factures/v1/soumettre":   {name: "soumettre", api: "factures", run: (*Sim).soumettre, fields: soumettreFields},
	"POST /cpro/factures/v1/rechercher/fournisseur": {
		name: "rechercher/fournisseur", api: "factures", run: (*Sim).rechercherFournisseur, fields: searchFields,
	},
	"POST /cpro/factures/v1/consulter/historique": {
		name: "consulter/historique", api: "factures", run: (*Sim).consulterHistorique, fields: historyFields,
	},
	"POST /cpro/factures/v1/completer": {name: "completer", api: "factures", run: (*Sim).completer, fields: fields{
		"identifiantFactureCPP": {kind: integer, required: true}, "commentaire": {}, "idUtilisateurCourant": user,
		"pieceJointeComplementaire": {kind: list, elements: nested, fields: fields{
			"pieceJointeComplementaireId": {kind: integer, required: true}, "pieceJointeComplementaireDesignation": {},
			"pieceJointeComplementaireType": {}, "pieceJointeComplementaireNumeroLigneFacture": {kind: integer},
		}},
	}},
	"POST /cpro/factures/v1/recycler": {name: "recycler", api: "factures", run: (*Sim).recycler, fields: fields{
		"identifiantFactureCPP": {kind: integer, required: true}, "commentaire": {}, "idUtilisateurCourant": user,
		"destinataire": {kind: nested, fields: fields{"codeDestinataire": {}, "codeServiceExecutant": {}}},
		"reference": {kind: nested, fields: fields{
			"deviseFacture": {}, "typeFacture": {enum: []string{"AVOIR", "FACTURE"}},
			"typeTva":             {enum: []string{"TVA_SUR_DEBIT", "TVA_SUR_ENCAISSEMENT", "EXONERATION", "SANS_TVA"}},
			"motifExonerationTva": {}, "numeroMarche": {}, "numeroBonCommande": {}, "numeroFactureOrigine": {},
			"modePaiement": {enum: []string{"CHEQUE", "PRELEVEMENT", "VIREMENT", "ESPECE", "AUTRE", "REPORT"}},
		}},
	}},
	"POST /cpro/transverses/v1/consulterCRDetaille": {
		name: "consulterCRDetaille", api: "transverses", run: (*Sim).consulterCRDetaille,
		fields: fields{"numeroFluxDepot": {required: true}, "syntaxeFlux": {enum: syntaxes}, "idUtilisateurCourant": user},
	},
	"POST /cpro/transverses/v1/ajouter/fichier": {name: "ajouter/fichier", api: "transverses", run: (*Sim).ajouterFichier, fields: fields{
		"pieceJointeFichier": {required: true}, "pieceJointeNom": {required: true}, "pieceJointeTypeMime": {required: true},
		"pieceJointeExtension": {required: true}, "idUtilisateurCourant": user,
	}},
	"POST /cpro/transverses/v1/recuperer/structures/actives/fournisseur": {
		name: "recuperer/structures/actives/fournisseur", api: "transverses", run: (*Sim).structuresActives,
		fields: fields{"idUtilisateurCourant": user},
	},
	"GET /cpro/transverses/v1/health-check": {name: "health-check", api: "transverses", run: (*Sim).healthCheck},
	"POST /cpro/utilisateurs/v1/monCompte/recuperer/rattachements": {
		name: "rattachements", api: "utilisateurs", run: (*Sim).rattachements, fields: fields{
			"parametresRecherche": {kind: nested, fields: fields{"nbResultatsParPage": user, "pageResultatDemandee": user}},
		},
	},
	"POST /cpro/transverses/v1/telecharger/annuaire/destinataire": {
		name: "telecharger/annuaire/destinataire", api: "transverses", run: (*Sim).telechargerAnnuaire, fields: fields{"idUtilisateurCourant": user},
	},
	"POST /cpro/engagementsJuridiques/v1/rechercher": {
		name: "engagementsJuridiques/rechercher", api: "engagementsJuridiques", run: (*Sim).rechercherEngagements, fields: fields{
			"structureReceptriceEngagementJuridique": {required: true}, "numeroEngagementJuridique": {required: true}, "etatCourantEngagementJuridique": {},
		},
	},
	"POST /cpro/structures/v1/rechercher": {name: "structures/rechercher", api: "structures", run: (*Sim).rechercherStructures, fields: fields{
		"restreindreStructuresPrivees": {kind: boolean},
		"parametres": {kind: nested, fields: fields{
			"nbResultatsParPage": user, "pageResultatDemandee": user, "triSens": sens,
			"triColonne": {enum: []string{"IdentifiantStructure", "DesignationStructure", "TypeIdentifiantStructure", "Statut"}},
		}},
		"structure": {kind: nested, fields: fields{
			"adresseCodePays": {}, "adresseCodePostal": {}, "adresseVille": {}, "estMOA": {kind: boolean}, "estMOAUniquement": {kind: boolean},
			"identifiantStructure": {}, "libelleStructure": {}, "nomStructure": {}, "prenomStructure": {}, "raisonSocialeStructure": {},
			"statutStructure":          {enum: []string{"ACTIF", "INACTIF"}},
			"typeIdentifiantStructure": {enum: []string{"SIRET", "UE_HORS_FRANCE", "HORS_UE", "RIDET", "TAHITI", "AUTRE", "PARTICULIER"}},
			"typeStructure":            {enum: []string{"PRIVEE", "PUBLIQUE"}},
		}},
	}},
	"POST /cpro/structures/v1/consulter": {
		name: "structures/consulter", api: "structures", run: (*Sim).consulterStructure,
		fields: fields{"idStructureCPP": {kind: integer, required: true}, "codeLangue": {}},
	},
	"POST /cpro/structures/v1/rechercher/services": {
		name: "structures/rechercher/services", api: "structures", run: (*Sim).rechercherServices, fields: fields{
			"idStructure": {kind: integer, required: true},
			"parametresRechercherServicesStructure": {kind: nested, fields: fields{
				"nbResultatsParPage": user, "pageResultatDemandee": user, "triSens": sens,
				"triColonne": {enum: []string{"CodeService", "LibelleService", "DateDbtService", "DateFinService", "EstActif"}},
			}},
		},
	},
	"POST /cpro/structures/v1/consulter/service": {
		name: "structures/consulter/service", api: "structures", run: (*Sim).consulterService,
		fields: fields{"idStructure": {kind: integer, required: true}, "idService": {kind: integer, required: true}, "codeLangue": {}},
	},
}

// syntaxes are the 13 official values (docs/chorus-pro.md §6).
var syntaxes = []string{
	"IN_DP_E1_UBL_INVOICE", "IN_DP_E1_CII", "IN_DP_E1_PES_FACTURE", "IN_DP_E1_XCBL", "IN_DP_E1_CII_16B", "IN_DP_E2_UBL_INVOICE_MIN",
	"IN_DP_E2_CII_MIN", "IN_DP_E2_CII_MIN_16B", "IN_DP_E2_PES_FACTURE_MIN", "IN_DP_E2_CPP_FACTURE_MIN", "IN_DP_E2_CII_FACTURX",
	"IN_DP_PDFARCHIVE_UBL_INVOICE_MUG", "IN_DP_PDFARCHIVE_CII_MUG",
}

var searchFields = fields{
	"numeroFacture": {}, "numeroFluxDepot": {}, "idFournisseur": {kind: integer}, "idServiceFournisseur": {kind: integer},
	"listeDestinataire": {kind: list, elements: nested, fields: fields{
		"idDestinataire": {kind: integer}, "listeIdServiceExecutant": {kind: list, elements: integer}, "raisonSocialeStuctDmd": {},
	}},
	"rechercheSirenDestinataire": {kind: boolean}, "statutCourant": {kind: list},
	"typeFacture": {enum: []string{"FACTURE", "AVOIR", "ACOMPTE"}}, "cadreFacturation": {enum: cadres}, "modeDepot": {enum: modes},
	"periodeDateDepotDu": {kind: date}, "periodeDateDepotAu": {kind: date}, "periodeDateFactureDu": {kind: date},
	"periodeDateFactureAu": {kind: date}, "periodeDateHeureEtatCourantDu": {kind: date}, "periodeDateHeureEtatCourantAu": {kind: date},
	"montantHTMin": {kind: number}, "montantHTMax": {kind: number}, "montantTTCMin": {kind: number}, "montantTTCMax": {kind: number},
	"montantApayerMin": {kind: number}, "montantApayerMax": {kind: number}, "numeroMarche": {}, "numeroBonCommande": {},
	"numeroFactureOrigine": {}, "idStructureValideur": {kind: integer}, "coordonneeBancaire": {kind: integer},
	"idUtilisateurCreateur": {kind: list, elements: integer}, "rejetTraite": {kind: boolean}, "recupererTaille": {kind: boolean},
	"idUtilisateurCourant": user,
	"rechercheFactureParFournisseur": {kind: nested, fields: fields{
		"nbResultatsMaximum": user, "pageResultatDemandee": user, "nbResultatsParPage": user, "triSens": sens, "triColonne": {enum: columns},
	}.and(genericPaging)},
}

var historyFields = fields{
	"idFacture": {kind: integer, required: true}, "idEspace": {kind: integer}, "nbResultatsMaximum": {kind: integer}, "idUtilisateurCourant": user,
	"paramRechercheHistoStatuts": {kind: nested, fields: fields{
		"pageResultatDemandeeListeHistoStatut": user, "nbResultatsParPageListeHistoStatut": user, "triSensListeHistoStatut": sens,
		"triColonneListeHistoStatut": {enum: []string{
			"HistoStatutCode", "HistoStatutDatePassage", "HistoStatutCommentaire", "HistoStatutUtilisateurPrenom", "HistoStatutUtilisateurNom",
			"HistoStatutUtilisateurEmail", "HistoStatutUtilisateurTelephone",
		}},
	}.and(genericPaging)},
	"paramRechercheHistoEvenementsComplementaires": {kind: nested, fields: fields{
		"pageResultatDemandeeListeHistoEvenement": user, "nbResultatsParPageListeHistoEvenement": user, "triSensListeHistoEvenement": sens,
		"triColonneListeHistoEvenement": {enum: []string{"EvenementLibelle", "EvenementQui", "EvenementDateHeure"}},
	}.and(genericPaging)},
	"paramRechercheHistoActionsUtilisateurs": {kind: nested, fields: fields{
		"pageResultatDemandeeListeHistoAction": user, "nbResultatsParPageListeHistoAction": user, "triSensListeHistoAction": sens,
		"triColonneListeHistoAction": {enum: []string{
			"HistoActionDateHeure", "HistoActionCode", "HistoAction", "HistoActionUtilisateurPrenom", "HistoActionUtilisateurNom",
			"HistoActionUtilisateurEmail", "HistoActionUtilisateurTelephone",
		}},
	}.and(genericPaging)},
}

var modes = []string{
	"SAISIE_WEB", "PORTAIL_PDF", "EDI_XML_STRUCT", "EDI_MIXTE", "EDI_PDF_ARCHIVE", "SAISIE_PORTAIL", "SAISIE_API", "DEPOT_PDF_PORTAIL",
	"DEPOT_PDF_SIGNE_PORTAIL", "DEPOT_PDF_API", "DEPOT_PDF_SIGNE_API", "EDI", "UPLOAD_PORTAIL", "UPLOAD_API", "EDI_NUMERISATION",
}

// columns are the official triColonne values of a search. Those that mean nothing here are accepted and change nothing.
var columns = []string{
	"TypeDemandePaiement", "CodeFournisseur", "TypeIdentifiantFournisseur", "DesignationFournisseur", "CodeServiceFournisseur",
	"NomServiceFournisseur", "CodeDestinataire", "DesignationDestinataire", "CodeServiceExecutant", "NomServiceExecutant", "TypeFacture",
	"NumeroFacture", "DateFacture", "DateDepot", "MontantHT", "MontantTTC", "MontantAPayer", "Devise", "Statut", "NumeroMarche",
	"NumeroBonCommande", "NumeroFluxDepot", "TypeIdentifiantValideur1", "CodeValideur1", "RaisonSocialeValideur1", "NomValideur1",
	"PrenomValideur1", "DateValidation1", "TypeIdentifiantValideur2", "CodeValideur2", "RaisonSocialeValideur2", "NomValideur2",
	"PrenomValideur2", "DateValidation2", "NumeroFactureOrigine", "ModeDepot", "CoordBancairesFournisseurCleIban",
	"CoordBancairesFournisseurCleRib", "CoordBancairesFournisseurCodeBanque", "CoordBancairesFournisseurCodePays",
	"CoordBancairesFournisseurCompteBancaire", "CoordBancairesFournisseurNomCb", "AffactureurCode", "AffactureurTypeIdentifiant",
	"AffactureurRaisonSociale", "NomPrenomUtilisateurCreateur",
}

// cadres are the official values of cadreFacturation in a search; documents carry the part before the underscore.
var cadres = []string{
	"A1_FACTURE_FOURNISSEUR", "A2_FACTURE_FOURNISSEUR_DEJA_PAYEE", "A3_MEMOIRE_JUSTICE", "A4_PROJET_DECOMPTE_MENSUEL_FOURNISSEUR",
	"A5_ETAT_ACOMPTE_FOURNISSEUR", "A6_ETAT_ACOMPTE_VALIDE_FOURNISSEUR", "A7_PROJET_DECOMPTE_FINAL_FOURNISSEUR",
	"A8_DECOMPTE_GENERAL_DEFINITIF_FOURNISSEUR", "A9_FACTURE_SOUSTRAITANT", "A10_PROJET_DECOMPTE_MENSUEL_SOUSTRAITANT",
	"A11_PROJET_DECOMPTE_FINAL_SOUSTRAITANT", "A12_FACTURE_COTRAITANT", "A13_PROJET_DECOMPTE_MENSUEL_COTRAITANT",
	"A14_PROJET_DECOMPTE_FINAL_COTRAITANT", "A15_ETAT_ACOMPTE_MOE", "A16_ETAT_ACOMPTE_VALIDE_MOE", "A17_PROJET_DECOMPTE_GENERAL_MOE",
	"A18_DECOMPTE_GENERAL_MOE", "A19_ETAT_ACOMPTE_VALIDE_MOA", "A20_DECOMPTE_GENERAL_MOA", "A21_DEMANDE_REMBOURSEMENT_TIC",
	"A22_PROJET_DECOMPTE_GENERAL_FOURNISSEUR_PROCEDURE_TACITE", "A23_DECOMPTE_GENERAL_DEFINITIF_TACITE_FOURNISSEUR",
	"A24_DECOMPTE_GENERAL_DEFINITIF_TACITE_MOE", "A25_DECOMPTE_GENERAL_DEFINITIF_MOE_PROCEDURE_TACITE",
}
