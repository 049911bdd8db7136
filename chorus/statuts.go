package chorus

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

// Statut is what is known of a status. No order among statuses is imposed: any may follow any, and even a terminal one has
// been left again, so Terminal means only that no change is to be expected (docs/chorus-pro.md §8).
type Statut struct {
	Code     string
	Next     Actor
	Terminal bool
	EN, FR   string
	Mark     string // S: meaning official; G: our reading of the name, works contracts mostly
}

// StatutInfo explains a status. For one that is not in the official list, known is false and Next is ActorUnknown: keep it
// as text, keep asking, tell a person.
func StatutInfo(statut string) (s Statut, known bool) {
	for _, s := range statuts {
		if s.Code == statut {
			return s, true
		}
	}
	return Statut{Code: statut, Next: ActorUnknown, EN: "not in the official list", FR: "absent de la liste officielle"}, false
}

// statuts are the 56 values of the official description, in its order.
var statuts = []Statut{
	{"BROUILLON", ActorSupplier, false, "draft, not submitted", "brouillon, pas encore soumise", "S"},
	{"A_VALIDER_1", ActorValidator, false, "waits for the first validator (sub- or co-contracting)", "en attente du premier valideur (sous-traitance, cotraitance)", "S"},
	{"ERREUR_FOURNISSEUR_SUR_VALIDEUR", ActorSupplier, false, "the supplier named the wrong validator", "erreur du fournisseur sur le valideur", "S"},
	{"REFUSEE_1", ActorSupplier, false, "refused by the first validator", "refusée par le premier valideur", "S"},
	{"VALIDEE_1", ActorPortal, false, "approved by the first validator", "validée par le premier valideur", "S"},
	{"ABSENCE_VALIDATION_1_HORS_DELAI", ActorPortal, false, "the first validator did not answer in time", "pas de réponse du premier valideur dans le délai", "S"},
	{"A_VALIDER_2", ActorValidator, false, "waits for the second validator", "en attente du second valideur", "S"},
	{"ERREUR_COTRAITANT_SUR_VALIDEUR", ActorSupplier, false, "the co-contractor named the wrong validator", "erreur du cotraitant sur le valideur", "S"},
	{"REFUSEE_2", ActorSupplier, false, "refused by the second validator", "refusée par le second valideur", "S"},
	{"VALIDEE_2", ActorPortal, false, "approved by the second validator", "validée par le second valideur", "S"},
	{"ABSENCE_VALIDATION_2_HORS_DELAI", ActorPortal, false, "the second validator did not answer in time", "pas de réponse du second valideur dans le délai", "S"},
	{"DEPOSEE", ActorPortal, false, "received and valid", "déposée", "S"},
	{"ERREUR_FOURNISSEUR_SUR_MOE", ActorSupplier, false, "the supplier named the wrong project manager (works)", "erreur du fournisseur sur la maîtrise d'œuvre", "G"},
	{"EN_COURS_ACHEMINEMENT", ActorPortal, false, "on its way to the recipient's system", "en cours d'acheminement vers le destinataire", "S"},
	{"MISE_A_DISPOSITION", ActorRecipient, false, "the recipient has been told", "mise à disposition du destinataire", "S"},
	{"A_RECYCLER", ActorSupplier, false, "wrong recipient, service or commitment: send back corrected under the same number (being withdrawn)", "à recycler : destinataire, service ou engagement erroné, même numéro (en voie de retrait)", "S"},
	{"SUSPENDUE", ActorSupplier, false, "supporting documents are missing: complete it", "suspendue : pièces justificatives à compléter", "S"},
	{"REJETEE", ActorSupplier, true, "refused by the recipient: cancel it and issue a new number", "rejetée par le destinataire : annuler et émettre un nouveau numéro", "S"},
	{"MANDATEE", ActorAccountant, false, "payment order made", "mandatée", "S"},
	{"MISE_EN_PAIEMENT", ActorNone, true, "transfer sent to the bank", "mise en paiement", "S"},
	{"COMPTABILISEE", ActorAccountant, false, "booked", "comptabilisée", "S"},
	{"MISE_A_DISPOSITION_COMPTABLE", ActorAccountant, false, "at the public accountant's", "mise à disposition du comptable", "S"},
	{"ABANDONNEE", ActorNone, true, "dropped", "abandonnée", "S"},
	{"SUPPRIMEE", ActorNone, true, "deleted", "supprimée", "S"},
	{"ASSOCIEE", ActorPortal, false, "attached to another document (works)", "associée à une autre pièce", "G"},
	{"EN_COURS_TRAITEMENT_PIVOT_S", ActorPortal, false, "being processed by the portal", "en cours de traitement par le portail", "G"},
	{"A_VALIDER_MOE", ActorMOE, false, "waits for the project manager (works)", "à valider par la maîtrise d'œuvre", "G"},
	{"REFUSEE_MOE", ActorSupplier, false, "refused by the project manager", "refusée par la maîtrise d'œuvre", "G"},
	{"EN_ATTENTE_RECYCLAGE_FOURNISSEUR", ActorSupplier, false, "waits for the supplier to send it back corrected", "en attente de recyclage par le fournisseur", "G"},
	{"ERREUR_MOE_SUR_FOURNISSEUR", ActorMOE, false, "the project manager named the wrong supplier", "erreur de la maîtrise d'œuvre sur le fournisseur", "G"},
	{"ERREUR_MOA_SUR_FOURNISSEUR", ActorMOA, false, "the contracting authority named the wrong supplier", "erreur de la maîtrise d'ouvrage sur le fournisseur", "G"},
	{"INTERPRETEE_OCR", ActorSupplier, false, "read by OCR, waits to be checked and submitted", "interprétée par OCR, à vérifier et soumettre", "G"},
	{"COMPLETEE", ActorRecipient, false, "the supplier has completed it", "complétée par le fournisseur", "S"},
	{"ERREUR_FOURNISSEUR_SUR_MOA", ActorSupplier, false, "the supplier named the wrong contracting authority (works)", "erreur du fournisseur sur la maîtrise d'ouvrage", "G"},
	{"ERREUR_MOE_SUR_MOA", ActorMOE, false, "the project manager named the wrong contracting authority", "erreur de la maîtrise d'œuvre sur la maîtrise d'ouvrage", "G"},
	{"ERREUR_DESTINATAIRE_PD", ActorSupplier, false, "wrong recipient of a draft statement (works)", "erreur de destinataire du projet de décompte", "G"},
	{"ERREUR_DESTINATAIRE_EA", ActorSupplier, false, "wrong recipient of a statement of account (works)", "erreur de destinataire de l'état d'acompte", "G"},
	{"SERVICE_FAIT", ActorRecipient, false, "delivery certified", "service fait", "S"},
	{"NON_CONFORME", ActorSupplier, false, "does not conform", "non conforme", "G"},
	{"A_ASSOCIER_MOE", ActorMOE, false, "to be attached by the project manager", "à associer par la maîtrise d'œuvre", "G"},
	{"ERREUR_DE_MOE", ActorSupplier, false, "wrong project manager", "erreur de maîtrise d'œuvre", "G"},
	{"MISE_A_DISPOSITION_MOE", ActorMOE, false, "the project manager has been told", "mise à disposition de la maîtrise d'œuvre", "G"},
	{"PRISE_EN_COMPTE_MOE", ActorMOE, false, "taken by the project manager", "prise en compte par la maîtrise d'œuvre", "G"},
	{"A_ASSOCIER_MOA", ActorMOA, false, "to be attached by the contracting authority", "à associer par la maîtrise d'ouvrage", "G"},
	{"ERREUR_DE_MOA", ActorSupplier, false, "wrong contracting authority", "erreur de maîtrise d'ouvrage", "G"},
	{"REFUSEE_MOA", ActorSupplier, false, "refused by the contracting authority", "refusée par la maîtrise d'ouvrage", "G"},
	{"A_ASSOCIER_FOURNISSEUR", ActorSupplier, false, "to be attached by the supplier", "à associer par le fournisseur", "G"},
	{"REFUSEE_FOURNISSEUR", ActorSupplier, false, "refused by the supplier (works)", "refusée par le fournisseur", "G"},
	{"A_COMPLETER", ActorSupplier, false, "to be completed", "à compléter", "G"},
	{"TRANSMISE_MOA", ActorMOA, false, "passed to the contracting authority", "transmise à la maîtrise d'ouvrage", "G"},
	{"PRISE_EN_COMPTE_DESTINATAIRE", ActorRecipient, false, "taken by the recipient", "prise en compte par le destinataire", "S"},
	{"REMPLACEE_PAR_A22", ActorNone, true, "replaced by another document (works)", "remplacée par un document A22", "G"},
	{"DUPLIQUE_APRES_REFUS", ActorNone, true, "copied into a new one after a refusal", "dupliquée après refus", "G"},
	{"MISE_A_DISPOSITION_MOA", ActorMOA, false, "the contracting authority has been told", "mise à disposition de la maîtrise d'ouvrage", "G"},
	{"PRISE_EN_COMPTE_MOA", ActorMOA, false, "taken by the contracting authority", "prise en compte par la maîtrise d'ouvrage", "G"},
	{"TECHNIQUE_INCONNU", ActorUnknown, false, "unknown to the portal itself", "statut technique inconnu", "S"},
}
