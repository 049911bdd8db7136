package chorus

import (
	"slices"

	"github.com/choriste/choriste/chorus/answers"
)

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

// statuts are the 56 values of the official description, in its order. Their words are the dictionary's.
var statuts = worded([]Statut{
	{
		Code: "BROUILLON", Next: ActorSupplier, Puts: PutsIntegrated, Stage: 1, Mark: "S",
		Successors: []string{"DEPOSEE", "A_VALIDER_1", "SUPPRIMEE"},
	},
	{
		Code: "A_VALIDER_1", Next: ActorValidator, Puts: PutsIntegrated, Stage: 2, Mark: "S",
		Successors: []string{"VALIDEE_1", "REFUSEE_1", "ABSENCE_VALIDATION_1_HORS_DELAI", "ERREUR_FOURNISSEUR_SUR_VALIDEUR"},
	},
	{
		Code: "ERREUR_FOURNISSEUR_SUR_VALIDEUR", Next: ActorSupplier, Puts: PutsIntegrated, Stage: 2, NeedsReason: true, Mark: "S",
		Successors: []string{"A_VALIDER_1"},
	},
	{
		Code: "REFUSEE_1", Next: ActorSupplier, Puts: PutsIntegrated, Stage: 2, NeedsReason: true, Mark: "S",
		Successors: []string{"DUPLIQUE_APRES_REFUS", "ABANDONNEE"},
	},
	{
		Code: "VALIDEE_1", Next: ActorPortal, Puts: PutsIntegrated, Stage: 2, Mark: "S",
		Successors: []string{"A_VALIDER_2", "DEPOSEE", "EN_COURS_ACHEMINEMENT", "MISE_A_DISPOSITION"},
	},
	{
		Code: "ABSENCE_VALIDATION_1_HORS_DELAI", Next: ActorPortal, Puts: PutsIntegrated, Stage: 2, Mark: "S",
		Successors: []string{"A_VALIDER_2", "DEPOSEE", "EN_COURS_ACHEMINEMENT", "MISE_A_DISPOSITION"},
	},
	{
		Code: "A_VALIDER_2", Next: ActorValidator, Puts: PutsIntegrated, Stage: 2, Mark: "S",
		Successors: []string{"VALIDEE_2", "REFUSEE_2", "ABSENCE_VALIDATION_2_HORS_DELAI", "ERREUR_COTRAITANT_SUR_VALIDEUR"},
	},
	{
		Code: "ERREUR_COTRAITANT_SUR_VALIDEUR", Next: ActorSupplier, Puts: PutsIntegrated, Stage: 2, NeedsReason: true, Mark: "S",
		Successors: []string{"A_VALIDER_2"},
	},
	{
		Code: "REFUSEE_2", Next: ActorSupplier, Puts: PutsIntegrated, Stage: 2, NeedsReason: true, Mark: "S",
		Successors: []string{"DUPLIQUE_APRES_REFUS", "ABANDONNEE"},
	},
	{
		Code: "VALIDEE_2", Next: ActorPortal, Puts: PutsIntegrated, Stage: 2, Mark: "S",
		Successors: []string{"DEPOSEE", "EN_COURS_ACHEMINEMENT", "MISE_A_DISPOSITION"},
	},
	{
		Code: "ABSENCE_VALIDATION_2_HORS_DELAI", Next: ActorPortal, Puts: PutsIntegrated, Stage: 2, Mark: "S",
		Successors: []string{"DEPOSEE", "EN_COURS_ACHEMINEMENT", "MISE_A_DISPOSITION"},
	},
	{
		Code: "DEPOSEE", Next: ActorPortal, Puts: PutsIntegrated, Stage: 2, Mark: "S",
		Successors: []string{"EN_COURS_ACHEMINEMENT", "MISE_A_DISPOSITION", "A_VALIDER_1"},
	},
	{
		Code: "ERREUR_FOURNISSEUR_SUR_MOE", Next: ActorSupplier, Puts: PutsIntegrated, NeedsReason: true, Mark: "G",
		Successors: []string{"A_VALIDER_MOE"},
	},
	{
		Code: "EN_COURS_ACHEMINEMENT", Next: ActorPortal, Puts: PutsIntegrated, Stage: 3, Mark: "S",
		Successors: []string{"MISE_A_DISPOSITION"},
	},
	{
		Code: "MISE_A_DISPOSITION", Next: ActorRecipient, Puts: PutsIntegrated, Stage: 4, Mark: "S",
		Successors: []string{"PRISE_EN_COMPTE_DESTINATAIRE", "SERVICE_FAIT", "MANDATEE", "SUSPENDUE", "A_RECYCLER", "REJETEE"},
	},
	{
		Code: "A_RECYCLER", Next: ActorSupplier, Puts: PutsIntegrated, NeedsReason: true, Mark: "S",
		Successors: []string{"DEPOSEE", "EN_COURS_ACHEMINEMENT", "MISE_A_DISPOSITION", "ABANDONNEE"},
	},
	{
		Code: "SUSPENDUE", Next: ActorSupplier, Puts: PutsIntegrated, NeedsReason: true, Mark: "S",
		Successors: []string{"COMPLETEE", "REJETEE", "ABANDONNEE"},
	},
	{
		Code: "REJETEE", Next: ActorSupplier, Puts: PutsRejected, Stage: 10, NeedsReason: true, Mark: "S",
		Successors: []string{"DUPLIQUE_APRES_REFUS"},
	},
	{
		Code: "MANDATEE", Next: ActorAccountant, Puts: PutsIntegrated, Stage: 7, AwaitsPayment: true, Mark: "S",
		Successors: []string{"MISE_A_DISPOSITION_COMPTABLE", "COMPTABILISEE", "MISE_EN_PAIEMENT", "SUSPENDUE", "REJETEE"},
	},
	{
		Code: "MISE_EN_PAIEMENT", Next: ActorNone, Puts: PutsSettled, Stage: 10, Mark: "S",
	},
	{
		Code: "COMPTABILISEE", Next: ActorAccountant, Puts: PutsIntegrated, Stage: 9, AwaitsPayment: true, Mark: "S",
		Successors: []string{"MISE_EN_PAIEMENT"},
	},
	{
		Code: "MISE_A_DISPOSITION_COMPTABLE", Next: ActorAccountant, Puts: PutsIntegrated, Stage: 8, AwaitsPayment: true, Mark: "S",
		Successors: []string{"COMPTABILISEE", "MISE_EN_PAIEMENT", "SUSPENDUE", "REJETEE"},
	},
	{
		Code: "ABANDONNEE", Next: ActorNone, Puts: PutsSettled, Stage: 10, Mark: "S",
	},
	{
		Code: "SUPPRIMEE", Next: ActorNone, Puts: PutsSettled, Stage: 10, Mark: "S",
	},
	{
		Code: "ASSOCIEE", Next: ActorPortal, Puts: PutsIntegrated, Mark: "G",
	},
	{
		Code: "EN_COURS_TRAITEMENT_PIVOT_S", Next: ActorPortal, Puts: PutsIntegrated, Mark: "G",
	},
	{
		Code: "A_VALIDER_MOE", Next: ActorMOE, Puts: PutsIntegrated, Mark: "G",
		Successors: []string{"TRANSMISE_MOA", "REFUSEE_MOE"},
	},
	{
		Code: "REFUSEE_MOE", Next: ActorSupplier, Puts: PutsIntegrated, NeedsReason: true, Mark: "G",
	},
	{
		Code: "EN_ATTENTE_RECYCLAGE_FOURNISSEUR", Next: ActorSupplier, Puts: PutsIntegrated, NeedsReason: true, Mark: "G",
		Successors: []string{"DEPOSEE"},
	},
	{
		Code: "ERREUR_MOE_SUR_FOURNISSEUR", Next: ActorMOE, Puts: PutsIntegrated, Mark: "G",
	},
	{
		Code: "ERREUR_MOA_SUR_FOURNISSEUR", Next: ActorMOA, Puts: PutsIntegrated, Mark: "G",
	},
	{
		Code: "INTERPRETEE_OCR", Next: ActorSupplier, Puts: PutsIntegrated, Stage: 1, Mark: "G",
		Successors: []string{"DEPOSEE", "A_VALIDER_1", "SUPPRIMEE"},
	},
	{
		Code: "COMPLETEE", Next: ActorRecipient, Puts: PutsIntegrated, Mark: "S",
		Successors: []string{"MISE_A_DISPOSITION", "PRISE_EN_COMPTE_DESTINATAIRE", "SERVICE_FAIT", "MANDATEE", "SUSPENDUE", "REJETEE"},
	},
	{
		Code: "ERREUR_FOURNISSEUR_SUR_MOA", Next: ActorSupplier, Puts: PutsIntegrated, NeedsReason: true, Mark: "G",
		Successors: []string{"TRANSMISE_MOA"},
	},
	{
		Code: "ERREUR_MOE_SUR_MOA", Next: ActorMOE, Puts: PutsIntegrated, Mark: "G",
	},
	{
		Code: "ERREUR_DESTINATAIRE_PD", Next: ActorSupplier, Puts: PutsIntegrated, NeedsReason: true, Mark: "G",
	},
	{
		Code: "ERREUR_DESTINATAIRE_EA", Next: ActorSupplier, Puts: PutsIntegrated, NeedsReason: true, Mark: "G",
	},
	{
		Code: "SERVICE_FAIT", Next: ActorRecipient, Puts: PutsIntegrated, Stage: 6, Mark: "S",
		Successors: []string{"MANDATEE", "SUSPENDUE", "REJETEE"},
	},
	{
		Code: "NON_CONFORME", Next: ActorSupplier, Puts: PutsIntegrated, NeedsReason: true, Mark: "G",
	},
	{
		Code: "A_ASSOCIER_MOE", Next: ActorMOE, Puts: PutsIntegrated, Mark: "G",
		Successors: []string{"ASSOCIEE"},
	},
	{
		Code: "ERREUR_DE_MOE", Next: ActorSupplier, Puts: PutsIntegrated, NeedsReason: true, Mark: "G",
	},
	{
		Code: "MISE_A_DISPOSITION_MOE", Next: ActorMOE, Puts: PutsIntegrated, Mark: "G",
		Successors: []string{"PRISE_EN_COMPTE_MOE"},
	},
	{
		Code: "PRISE_EN_COMPTE_MOE", Next: ActorMOE, Puts: PutsIntegrated, Mark: "G",
		Successors: []string{"TRANSMISE_MOA", "REFUSEE_MOE"},
	},
	{
		Code: "A_ASSOCIER_MOA", Next: ActorMOA, Puts: PutsIntegrated, Mark: "G",
		Successors: []string{"ASSOCIEE"},
	},
	{
		Code: "ERREUR_DE_MOA", Next: ActorSupplier, Puts: PutsIntegrated, NeedsReason: true, Mark: "G",
	},
	{
		Code: "REFUSEE_MOA", Next: ActorSupplier, Puts: PutsIntegrated, NeedsReason: true, Mark: "G",
	},
	{
		Code: "A_ASSOCIER_FOURNISSEUR", Next: ActorSupplier, Puts: PutsIntegrated, Mark: "G",
		Successors: []string{"ASSOCIEE"},
	},
	{
		Code: "REFUSEE_FOURNISSEUR", Next: ActorSupplier, Puts: PutsIntegrated, Mark: "G",
	},
	{
		Code: "A_COMPLETER", Next: ActorSupplier, Puts: PutsIntegrated, NeedsReason: true, Mark: "G",
		Successors: []string{"COMPLETEE"},
	},
	{
		Code: "TRANSMISE_MOA", Next: ActorMOA, Puts: PutsIntegrated, Mark: "G",
		Successors: []string{"MISE_A_DISPOSITION_MOA"},
	},
	{
		Code: "PRISE_EN_COMPTE_DESTINATAIRE", Next: ActorRecipient, Puts: PutsIntegrated, Stage: 5, Mark: "S",
		Successors: []string{"SERVICE_FAIT", "MANDATEE", "SUSPENDUE", "A_RECYCLER", "REJETEE"},
	},
	{
		Code: "REMPLACEE_PAR_A22", Next: ActorNone, Puts: PutsSettled, Stage: 10, Mark: "G",
	},
	{
		Code: "DUPLIQUE_APRES_REFUS", Next: ActorNone, Puts: PutsSettled, Stage: 10, Mark: "G",
	},
	{
		Code: "MISE_A_DISPOSITION_MOA", Next: ActorMOA, Puts: PutsIntegrated, Mark: "G",
		Successors: []string{"PRISE_EN_COMPTE_MOA"},
	},
	{
		Code: "PRISE_EN_COMPTE_MOA", Next: ActorMOA, Puts: PutsIntegrated, Mark: "G",
		Successors: []string{"REFUSEE_MOA"},
	},
	{
		Code: "TECHNIQUE_INCONNU", Next: ActorUnknown, Puts: PutsIntegrated, Mark: "S",
	},
})

func worded(list []Statut) []Statut {
	for k := range list {
		list[k].EN, list[k].FR = answers.StatutWords(list[k].Code)
	}
	return list
}
