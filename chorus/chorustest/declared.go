package chorustest

import (
	"slices"
	"strings"
)

// notSimulated are routes that the portal has and the simulator has not: the official Swaggers', and those of Transverses that clients use.
var notSimulated = strings.Fields(`
	factures/v1/consulter/fournisseur factures/v1/consulter/recipiendaire factures/v1/consulter/valideur factures/v1/corriger/valideur/facture
	factures/v1/rechercher/aTraiter/valideur factures/v1/rechercher/atraiter/fournisseur factures/v1/rechercher/atraiter/recipiendaire
	factures/v1/rechercher/demandePaiement factures/v1/rechercher/recipiendaire factures/v1/rechercher/valideur
	factures/v1/recuperer/statutsFactureVisibles/valideur factures/v1/telecharger/groupe factures/v1/traiter/factureAValider factures/v1/traiter/recue
	factures/v1/traiterRejet structures/v1/lister/rattachementsutilisateur structures/v1/rechercher/espaces transverses/v1/consulterCR
	transverses/v1/recuperer/coordbanc/valides transverses/v1/rechercher/destinataire transverses/v1/rechercher/serviceexecutant
	transverses/v1/telecharger/pieceJointe transverses/v1/detacherPieceJointe
`)

// declaredOnly tells that a request is for a route of the portal that is not simulated.
func (c *call) declaredOnly() bool {
	route, own := strings.CutPrefix(c.path, "/cpro/")
	return own && c.method == "POST" && slices.Contains(notSimulated, route)
}

// statuts are the official values of statutCourantCode.
var statuts = strings.Fields(`
	BROUILLON A_VALIDER_1 ERREUR_FOURNISSEUR_SUR_VALIDEUR REFUSEE_1 VALIDEE_1 ABSENCE_VALIDATION_1_HORS_DELAI A_VALIDER_2 ERREUR_COTRAITANT_SUR_VALIDEUR
	REFUSEE_2 VALIDEE_2 ABSENCE_VALIDATION_2_HORS_DELAI DEPOSEE ERREUR_FOURNISSEUR_SUR_MOE EN_COURS_ACHEMINEMENT MISE_A_DISPOSITION A_RECYCLER SUSPENDUE
	REJETEE MANDATEE MISE_EN_PAIEMENT COMPTABILISEE MISE_A_DISPOSITION_COMPTABLE ABANDONNEE SUPPRIMEE ASSOCIEE EN_COURS_TRAITEMENT_PIVOT_S A_VALIDER_MOE
	REFUSEE_MOE EN_ATTENTE_RECYCLAGE_FOURNISSEUR ERREUR_MOE_SUR_FOURNISSEUR ERREUR_MOA_SUR_FOURNISSEUR INTERPRETEE_OCR COMPLETEE
	ERREUR_FOURNISSEUR_SUR_MOA ERREUR_MOE_SUR_MOA ERREUR_DESTINATAIRE_PD ERREUR_DESTINATAIRE_EA SERVICE_FAIT NON_CONFORME A_ASSOCIER_MOE ERREUR_DE_MOE
	MISE_A_DISPOSITION_MOE PRISE_EN_COMPTE_MOE A_ASSOCIER_MOA ERREUR_DE_MOA REFUSEE_MOA A_ASSOCIER_FOURNISSEUR REFUSEE_FOURNISSEUR A_COMPLETER
	TRANSMISE_MOA PRISE_EN_COMPTE_DESTINATAIRE REMPLACEE_PAR_A22 DUPLIQUE_APRES_REFUS MISE_A_DISPOSITION_MOA PRISE_EN_COMPTE_MOA TECHNIQUE_INCONNU
`)
