package chorus

import "slices"

// Actor is who has to do something next.
type Actor string

// The actors.
const (
	ActorSupplier   Actor = "supplier"
	ActorValidator  Actor = "validator"  // main contractor or co-contractor (A9, A12)
	ActorMOE        Actor = "moe"        // maîtrise d'œuvre, works contracts
	ActorMOA        Actor = "moa"        // maîtrise d'ouvrage, works contracts
	ActorPortal     Actor = "portal"     // Chorus Pro itself
	ActorRecipient  Actor = "recipient"  // the public body
	ActorAccountant Actor = "accountant" // the public accountant
	ActorNone       Actor = "none"       // nobody: it is over
	ActorUnknown    Actor = "unknown"    // ask a person
)

// Puts is where a status puts a row of ours; the words are those of the rows' states.
type Puts string

// A status that nobody knows puts a row to integrated: the portal holds the invoice, and that is all that is said.
const (
	PutsIntegrated Puts = "integrated"
	PutsRejected   Puts = "rejected"
	PutsSettled    Puts = "settled"
)

// Statut is what is known of a status (docs/chorus-pro.md §8). No order among statuses is imposed: any may follow any, and even a terminal one has been
// left again. So Terminal means only that no change is to be expected, Successors are the usual ones only, and a Stage that is lower than the one before
// tells a person that something unusual has happened, and nothing else.
//
// The same table is in the database as chorus.statuts, for applications to join; a migration put it there, because triggers rely on it and because an
// application may read it before any worker has run. A test compares the two: whoever changes this one adds a migration.
type Statut struct {
	Code          string
	Next          Actor
	Puts          Puts
	Stage         int  // how far on its way an ordinary invoice is; 0 is beside the way, or not known, and compares with nothing
	AwaitsPayment bool // nothing but the payment is missing
	NeedsReason   bool // useless to the supplier without the words of whoever set it
	Successors    []string
	EN, FR        string
	Mark          string // S: meaning official; G: our reading of the name, works contracts mostly
}

// Terminal tells that no further change is to be expected.
func (s Statut) Terminal() bool { return s.Puts != PutsIntegrated }

// Statuts lists the 56 statuses of the official description, in its order.
func Statuts() []Statut { return slices.Clone(statuts) }

// StatutInfo explains a status. For one that is not in the official list, known is false and Next is ActorUnknown: keep it
// as text, keep asking, tell a person.
func StatutInfo(statut string) (s Statut, known bool) {
	for _, s := range statuts {
		if s.Code == statut {
			return s, true
		}
	}
	return Statut{Code: statut, Next: ActorUnknown, Puts: PutsIntegrated, EN: "not in the official list", FR: "absent de la liste officielle"}, false
}

// statuts are the 56 values of the official description, in its order.
var statuts = []Statut{
	{
		Code: "BROUILLON", Next: ActorSupplier, Puts: PutsIntegrated, Stage: 1, Mark: "S",
		Successors: []string{"DEPOSEE", "A_VALIDER_1", "SUPPRIMEE"},
		EN:         "draft, not submitted", FR: "brouillon, pas encore soumise",
	},
	{
		Code: "A_VALIDER_1", Next: ActorValidator, Puts: PutsIntegrated, Stage: 2, Mark: "S",
		Successors: []string{"VALIDEE_1", "REFUSEE_1", "ABSENCE_VALIDATION_1_HORS_DELAI", "ERREUR_FOURNISSEUR_SUR_VALIDEUR"},
		EN:         "waits for the first validator (sub- or co-contracting)", FR: "en attente du premier valideur (sous-traitance, cotraitance)",
	},
	{
		Code: "ERREUR_FOURNISSEUR_SUR_VALIDEUR", Next: ActorSupplier, Puts: PutsIntegrated, Stage: 2, NeedsReason: true, Mark: "S",
		Successors: []string{"A_VALIDER_1"},
		EN:         "the supplier named the wrong validator", FR: "erreur du fournisseur sur le valideur",
	},
	{
		Code: "REFUSEE_1", Next: ActorSupplier, Puts: PutsIntegrated, Stage: 2, NeedsReason: true, Mark: "S",
		Successors: []string{"DUPLIQUE_APRES_REFUS", "ABANDONNEE"},
		EN:         "refused by the first validator", FR: "refusée par le premier valideur",
	},
	{
		Code: "VALIDEE_1", Next: ActorPortal, Puts: PutsIntegrated, Stage: 2, Mark: "S",
		Successors: []string{"A_VALIDER_2", "DEPOSEE", "EN_COURS_ACHEMINEMENT", "MISE_A_DISPOSITION"},
		EN:         "approved by the first validator", FR: "validée par le premier valideur",
	},
	{
		Code: "ABSENCE_VALIDATION_1_HORS_DELAI", Next: ActorPortal, Puts: PutsIntegrated, Stage: 2, Mark: "S",
		Successors: []string{"A_VALIDER_2", "DEPOSEE", "EN_COURS_ACHEMINEMENT", "MISE_A_DISPOSITION"},
		EN:         "the first validator did not answer in time", FR: "pas de réponse du premier valideur dans le délai",
	},
	{
		Code: "A_VALIDER_2", Next: ActorValidator, Puts: PutsIntegrated, Stage: 2, Mark: "S",
		Successors: []string{"VALIDEE_2", "REFUSEE_2", "ABSENCE_VALIDATION_2_HORS_DELAI", "ERREUR_COTRAITANT_SUR_VALIDEUR"},
		EN:         "waits for the second validator", FR: "en attente du second valideur",
	},
	{
		Code: "ERREUR_COTRAITANT_SUR_VALIDEUR", Next: ActorSupplier, Puts: PutsIntegrated, Stage: 2, NeedsReason: true, Mark: "S",
		Successors: []string{"A_VALIDER_2"},
		EN:         "the co-contractor named the wrong validator", FR: "erreur du cotraitant sur le valideur",
	},
	{
		Code: "REFUSEE_2", Next: ActorSupplier, Puts: PutsIntegrated, Stage: 2, NeedsReason: true, Mark: "S",
		Successors: []string{"DUPLIQUE_APRES_REFUS", "ABANDONNEE"},
		EN:         "refused by the second validator", FR: "refusée par le second valideur",
	},
	{
		Code: "VALIDEE_2", Next: ActorPortal, Puts: PutsIntegrated, Stage: 2, Mark: "S",
		Successors: []string{"DEPOSEE", "EN_COURS_ACHEMINEMENT", "MISE_A_DISPOSITION"},
		EN:         "approved by the second validator", FR: "validée par le second valideur",
	},
	{
		Code: "ABSENCE_VALIDATION_2_HORS_DELAI", Next: ActorPortal, Puts: PutsIntegrated, Stage: 2, Mark: "S",
		Successors: []string{"DEPOSEE", "EN_COURS_ACHEMINEMENT", "MISE_A_DISPOSITION"},
		EN:         "the second validator did not answer in time", FR: "pas de réponse du second valideur dans le délai",
	},
	{
		Code: "DEPOSEE", Next: ActorPortal, Puts: PutsIntegrated, Stage: 2, Mark: "S",
		Successors: []string{"EN_COURS_ACHEMINEMENT", "MISE_A_DISPOSITION", "A_VALIDER_1"},
		EN:         "received and valid", FR: "déposée",
	},
	{
		Code: "ERREUR_FOURNISSEUR_SUR_MOE", Next: ActorSupplier, Puts: PutsIntegrated, NeedsReason: true, Mark: "G",
		Successors: []string{"A_VALIDER_MOE"},
		EN:         "the supplier named the wrong project manager (works)", FR: "erreur du fournisseur sur la maîtrise d'œuvre",
	},
	{
		Code: "EN_COURS_ACHEMINEMENT", Next: ActorPortal, Puts: PutsIntegrated, Stage: 3, Mark: "S",
		Successors: []string{"MISE_A_DISPOSITION"},
		EN:         "on its way to the recipient's system", FR: "en cours d'acheminement vers le destinataire",
	},
	{
		Code: "MISE_A_DISPOSITION", Next: ActorRecipient, Puts: PutsIntegrated, Stage: 4, Mark: "S",
		Successors: []string{"PRISE_EN_COMPTE_DESTINATAIRE", "SERVICE_FAIT", "MANDATEE", "SUSPENDUE", "A_RECYCLER", "REJETEE"},
		EN:         "the recipient has been told", FR: "mise à disposition du destinataire",
	},
	{
		Code: "A_RECYCLER", Next: ActorSupplier, Puts: PutsIntegrated, NeedsReason: true, Mark: "S",
		Successors: []string{"DEPOSEE", "EN_COURS_ACHEMINEMENT", "MISE_A_DISPOSITION", "ABANDONNEE"},
		EN:         "wrong recipient, service or commitment: send back corrected under the same number (being withdrawn)", FR: "à recycler : destinataire, service ou engagement erroné, même numéro (en voie de retrait)",
	},
	{
		Code: "SUSPENDUE", Next: ActorSupplier, Puts: PutsIntegrated, NeedsReason: true, Mark: "S",
		Successors: []string{"COMPLETEE", "REJETEE", "ABANDONNEE"},
		EN:         "supporting documents are missing: complete it", FR: "suspendue : pièces justificatives à compléter",
	},
	{
		Code: "REJETEE", Next: ActorSupplier, Puts: PutsRejected, Stage: 10, NeedsReason: true, Mark: "S",
		Successors: []string{"DUPLIQUE_APRES_REFUS"},
		EN:         "refused by the recipient: cancel it and issue a new number", FR: "rejetée par le destinataire : annuler et émettre un nouveau numéro",
	},
	{
		Code: "MANDATEE", Next: ActorAccountant, Puts: PutsIntegrated, Stage: 7, AwaitsPayment: true, Mark: "S",
		Successors: []string{"MISE_A_DISPOSITION_COMPTABLE", "COMPTABILISEE", "MISE_EN_PAIEMENT", "SUSPENDUE", "REJETEE"},
		EN:         "payment order made", FR: "mandatée",
	},
	{
		Code: "MISE_EN_PAIEMENT", Next: ActorNone, Puts: PutsSettled, Stage: 10, Mark: "S",
		EN: "transfer sent to the bank", FR: "mise en paiement",
	},
	{
		Code: "COMPTABILISEE", Next: ActorAccountant, Puts: PutsIntegrated, Stage: 9, AwaitsPayment: true, Mark: "S",
		Successors: []string{"MISE_EN_PAIEMENT"},
		EN:         "booked", FR: "comptabilisée",
	},
	{
		Code: "MISE_A_DISPOSITION_COMPTABLE", Next: ActorAccountant, Puts: PutsIntegrated, Stage: 8, AwaitsPayment: true, Mark: "S",
		Successors: []string{"COMPTABILISEE", "MISE_EN_PAIEMENT", "SUSPENDUE", "REJETEE"},
		EN:         "at the public accountant's", FR: "mise à disposition du comptable",
	},
	{
		Code: "ABANDONNEE", Next: ActorNone, Puts: PutsSettled, Stage: 10, Mark: "S",
		EN: "dropped", FR: "abandonnée",
	},
	{
		Code: "SUPPRIMEE", Next: ActorNone, Puts: PutsSettled, Stage: 10, Mark: "S",
		EN: "deleted", FR: "supprimée",
	},
	{
		Code: "ASSOCIEE", Next: ActorPortal, Puts: PutsIntegrated, Mark: "G",
		EN: "attached to another document (works)", FR: "associée à une autre pièce",
	},
	{
		Code: "EN_COURS_TRAITEMENT_PIVOT_S", Next: ActorPortal, Puts: PutsIntegrated, Mark: "G",
		EN: "being processed by the portal", FR: "en cours de traitement par le portail",
	},
	{
		Code: "A_VALIDER_MOE", Next: ActorMOE, Puts: PutsIntegrated, Mark: "G",
		Successors: []string{"TRANSMISE_MOA", "REFUSEE_MOE"},
		EN:         "waits for the project manager (works)", FR: "à valider par la maîtrise d'œuvre",
	},
	{
		Code: "REFUSEE_MOE", Next: ActorSupplier, Puts: PutsIntegrated, NeedsReason: true, Mark: "G",
		EN: "refused by the project manager", FR: "refusée par la maîtrise d'œuvre",
	},
	{
		Code: "EN_ATTENTE_RECYCLAGE_FOURNISSEUR", Next: ActorSupplier, Puts: PutsIntegrated, NeedsReason: true, Mark: "G",
		Successors: []string{"DEPOSEE"},
		EN:         "waits for the supplier to send it back corrected", FR: "en attente de recyclage par le fournisseur",
	},
	{
		Code: "ERREUR_MOE_SUR_FOURNISSEUR", Next: ActorMOE, Puts: PutsIntegrated, Mark: "G",
		EN: "the project manager named the wrong supplier", FR: "erreur de la maîtrise d'œuvre sur le fournisseur",
	},
	{
		Code: "ERREUR_MOA_SUR_FOURNISSEUR", Next: ActorMOA, Puts: PutsIntegrated, Mark: "G",
		EN: "the contracting authority named the wrong supplier", FR: "erreur de la maîtrise d'ouvrage sur le fournisseur",
	},
	{
		Code: "INTERPRETEE_OCR", Next: ActorSupplier, Puts: PutsIntegrated, Stage: 1, Mark: "G",
		Successors: []string{"DEPOSEE", "A_VALIDER_1", "SUPPRIMEE"},
		EN:         "read by OCR, waits to be checked and submitted", FR: "interprétée par OCR, à vérifier et soumettre",
	},
	{
		Code: "COMPLETEE", Next: ActorRecipient, Puts: PutsIntegrated, Mark: "S",
		Successors: []string{"MISE_A_DISPOSITION", "PRISE_EN_COMPTE_DESTINATAIRE", "SERVICE_FAIT", "MANDATEE", "SUSPENDUE", "REJETEE"},
		EN:         "the supplier has completed it", FR: "complétée par le fournisseur",
	},
	{
		Code: "ERREUR_FOURNISSEUR_SUR_MOA", Next: ActorSupplier, Puts: PutsIntegrated, NeedsReason: true, Mark: "G",
		Successors: []string{"TRANSMISE_MOA"},
		EN:         "the supplier named the wrong contracting authority (works)", FR: "erreur du fournisseur sur la maîtrise d'ouvrage",
	},
	{
		Code: "ERREUR_MOE_SUR_MOA", Next: ActorMOE, Puts: PutsIntegrated, Mark: "G",
		EN: "the project manager named the wrong contracting authority", FR: "erreur de la maîtrise d'œuvre sur la maîtrise d'ouvrage",
	},
	{
		Code: "ERREUR_DESTINATAIRE_PD", Next: ActorSupplier, Puts: PutsIntegrated, NeedsReason: true, Mark: "G",
		EN: "wrong recipient of a draft statement (works)", FR: "erreur de destinataire du projet de décompte",
	},
	{
		Code: "ERREUR_DESTINATAIRE_EA", Next: ActorSupplier, Puts: PutsIntegrated, NeedsReason: true, Mark: "G",
		EN: "wrong recipient of a statement of account (works)", FR: "erreur de destinataire de l'état d'acompte",
	},
	{
		Code: "SERVICE_FAIT", Next: ActorRecipient, Puts: PutsIntegrated, Stage: 6, Mark: "S",
		Successors: []string{"MANDATEE", "SUSPENDUE", "REJETEE"},
		EN:         "delivery certified", FR: "service fait",
	},
	{
		Code: "NON_CONFORME", Next: ActorSupplier, Puts: PutsIntegrated, NeedsReason: true, Mark: "G",
		EN: "does not conform", FR: "non conforme",
	},
	{
		Code: "A_ASSOCIER_MOE", Next: ActorMOE, Puts: PutsIntegrated, Mark: "G",
		Successors: []string{"ASSOCIEE"},
		EN:         "to be attached by the project manager", FR: "à associer par la maîtrise d'œuvre",
	},
	{
		Code: "ERREUR_DE_MOE", Next: ActorSupplier, Puts: PutsIntegrated, NeedsReason: true, Mark: "G",
		EN: "wrong project manager", FR: "erreur de maîtrise d'œuvre",
	},
	{
		Code: "MISE_A_DISPOSITION_MOE", Next: ActorMOE, Puts: PutsIntegrated, Mark: "G",
		Successors: []string{"PRISE_EN_COMPTE_MOE"},
		EN:         "the project manager has been told", FR: "mise à disposition de la maîtrise d'œuvre",
	},
	{
		Code: "PRISE_EN_COMPTE_MOE", Next: ActorMOE, Puts: PutsIntegrated, Mark: "G",
		Successors: []string{"TRANSMISE_MOA", "REFUSEE_MOE"},
		EN:         "taken by the project manager", FR: "prise en compte par la maîtrise d'œuvre",
	},
	{
		Code: "A_ASSOCIER_MOA", Next: ActorMOA, Puts: PutsIntegrated, Mark: "G",
		Successors: []string{"ASSOCIEE"},
		EN:         "to be attached by the contracting authority", FR: "à associer par la maîtrise d'ouvrage",
	},
	{
		Code: "ERREUR_DE_MOA", Next: ActorSupplier, Puts: PutsIntegrated, NeedsReason: true, Mark: "G",
		EN: "wrong contracting authority", FR: "erreur de maîtrise d'ouvrage",
	},
	{
		Code: "REFUSEE_MOA", Next: ActorSupplier, Puts: PutsIntegrated, NeedsReason: true, Mark: "G",
		EN: "refused by the contracting authority", FR: "refusée par la maîtrise d'ouvrage",
	},
	{
		Code: "A_ASSOCIER_FOURNISSEUR", Next: ActorSupplier, Puts: PutsIntegrated, Mark: "G",
		Successors: []string{"ASSOCIEE"},
		EN:         "to be attached by the supplier", FR: "à associer par le fournisseur",
	},
	{
		Code: "REFUSEE_FOURNISSEUR", Next: ActorSupplier, Puts: PutsIntegrated, Mark: "G",
		EN: "refused by the supplier (works)", FR: "refusée par le fournisseur",
	},
	{
		Code: "A_COMPLETER", Next: ActorSupplier, Puts: PutsIntegrated, NeedsReason: true, Mark: "G",
		Successors: []string{"COMPLETEE"},
		EN:         "to be completed", FR: "à compléter",
	},
	{
		Code: "TRANSMISE_MOA", Next: ActorMOA, Puts: PutsIntegrated, Mark: "G",
		Successors: []string{"MISE_A_DISPOSITION_MOA"},
		EN:         "passed to the contracting authority", FR: "transmise à la maîtrise d'ouvrage",
	},
	{
		Code: "PRISE_EN_COMPTE_DESTINATAIRE", Next: ActorRecipient, Puts: PutsIntegrated, Stage: 5, Mark: "S",
		Successors: []string{"SERVICE_FAIT", "MANDATEE", "SUSPENDUE", "A_RECYCLER", "REJETEE"},
		EN:         "taken by the recipient", FR: "prise en compte par le destinataire",
	},
	{
		Code: "REMPLACEE_PAR_A22", Next: ActorNone, Puts: PutsSettled, Stage: 10, Mark: "G",
		EN: "replaced by another document (works)", FR: "remplacée par un document A22",
	},
	{
		Code: "DUPLIQUE_APRES_REFUS", Next: ActorNone, Puts: PutsSettled, Stage: 10, Mark: "G",
		EN: "copied into a new one after a refusal", FR: "dupliquée après refus",
	},
	{
		Code: "MISE_A_DISPOSITION_MOA", Next: ActorMOA, Puts: PutsIntegrated, Mark: "G",
		Successors: []string{"PRISE_EN_COMPTE_MOA"},
		EN:         "the contracting authority has been told", FR: "mise à disposition de la maîtrise d'ouvrage",
	},
	{
		Code: "PRISE_EN_COMPTE_MOA", Next: ActorMOA, Puts: PutsIntegrated, Mark: "G",
		Successors: []string{"REFUSEE_MOA"},
		EN:         "taken by the contracting authority", FR: "prise en compte par la maîtrise d'ouvrage",
	},
	{
		Code: "TECHNIQUE_INCONNU", Next: ActorUnknown, Puts: PutsIntegrated, Mark: "S",
		EN: "unknown to the portal itself", FR: "statut technique inconnu",
	},
}
