package answers

// statutRow says what a statut of an invoice means. Where it leads and what may follow stands in chorus/statuts.go.
type statutRow struct {
	code        string
	who         Who
	mark        string // S: official; G: our reading of the name, works contracts mostly
	means, sens string
	do, aFaire  string // empty: nothing is to be done
}

// statutRows are the 56 values of the official description, in its order (docs/chorus-pro.md §8).
var statutRows = []statutRow{
	{
		"BROUILLON", Supplier, "S", "draft, not submitted", "brouillon, pas encore soumise",
		"Submit it at the portal, or delete it there.", "La soumettre sur le portail, ou l'y supprimer.",
	},
	{"A_VALIDER_1", Recipient, "S", "waits for the first validator (sub- or co-contracting)", "en attente du premier valideur (sous-traitance, cotraitance)", "", ""},
	{
		"ERREUR_FOURNISSEUR_SUR_VALIDEUR", Supplier, "S", "the supplier named the wrong validator", "erreur du fournisseur sur le valideur",
		"Name the right one at the portal.", "Désigner le bon sur le portail.",
	},
	{
		"REFUSEE_1", Supplier, "S", "refused by the first validator", "refusée par le premier valideur",
		"Read the reason, agree with the validator, issue a new invoice with a new number.", "Lire le motif, s'accorder avec le valideur, émettre une nouvelle facture sous un nouveau numéro.",
	},
	{"VALIDEE_1", Portal, "S", "approved by the first validator", "validée par le premier valideur", "", ""},
	{"ABSENCE_VALIDATION_1_HORS_DELAI", Portal, "S", "the first validator did not answer in time", "pas de réponse du premier valideur dans le délai", "", ""},
	{"A_VALIDER_2", Recipient, "S", "waits for the second validator", "en attente du second valideur", "", ""},
	{
		"ERREUR_COTRAITANT_SUR_VALIDEUR", Supplier, "S", "the co-contractor named the wrong validator", "erreur du cotraitant sur le valideur",
		"Name the right one at the portal.", "Désigner le bon sur le portail.",
	},
	{
		"REFUSEE_2", Supplier, "S", "refused by the second validator", "refusée par le second valideur",
		"Read the reason, agree with the validator, issue a new invoice with a new number.", "Lire le motif, s'accorder avec le valideur, émettre une nouvelle facture sous un nouveau numéro.",
	},
	{"VALIDEE_2", Portal, "S", "approved by the second validator", "validée par le second valideur", "", ""},
	{"ABSENCE_VALIDATION_2_HORS_DELAI", Portal, "S", "the second validator did not answer in time", "pas de réponse du second valideur dans le délai", "", ""},
	{"DEPOSEE", Portal, "S", "received and valid", "déposée", "", ""},
	{
		"ERREUR_FOURNISSEUR_SUR_MOE", Supplier, "G", "the supplier named the wrong project manager (works)", "erreur du fournisseur sur la maîtrise d'œuvre",
		"Name the right one at the portal.", "Désigner le bon sur le portail.",
	},
	{"EN_COURS_ACHEMINEMENT", Portal, "S", "on its way to the recipient's system", "en cours d'acheminement vers le destinataire", "", ""},
	{"MISE_A_DISPOSITION", Recipient, "S", "the recipient has been told", "mise à disposition du destinataire", "", ""},
	{
		"A_RECYCLER", Supplier, "S", "wrong recipient, service or commitment: send back corrected under the same number (being withdrawn)", "à recycler : destinataire, service ou engagement erroné, même numéro (en voie de retrait)",
		"Route it anew with the right recipient, service or commitment: choriste recycle ID; same number.", "La réadresser au bon destinataire, service ou engagement : choriste recycle ID ; même numéro.",
	},
	{
		"SUSPENDUE", Supplier, "S", "supporting documents are missing: complete it", "suspendue : pièces justificatives à compléter",
		"Send the documents that `statut_commentaire` asks for: choriste complete ID --file FILE --comment TEXT.", "Envoyer les pièces demandées dans `statut_commentaire` : choriste complete ID --file FICHIER --comment TEXTE.",
	},
	{
		"REJETEE", Supplier, "S", "refused by the recipient: cancel it and issue a new number", "rejetée par le destinataire : annuler et émettre un nouveau numéro",
		"Read the motive; cancel the invoice in your books and issue a new one with a new number: choriste replace ID FILE.", "Lire le motif ; annuler la facture en comptabilité et en émettre une nouvelle, sous un nouveau numéro : choriste replace ID FICHIER.",
	},
	{"MANDATEE", Recipient, "S", "payment order made", "mandatée", "", ""},
	{
		"MISE_EN_PAIEMENT", Nobody, "S", "transfer sent to the bank", "mise en paiement",
		"Nothing: expect the transfer.", "Rien : attendre le virement.",
	},
	{"COMPTABILISEE", Recipient, "S", "booked", "comptabilisée", "", ""},
	{"MISE_A_DISPOSITION_COMPTABLE", Recipient, "S", "at the public accountant's", "mise à disposition du comptable", "", ""},
	{"ABANDONNEE", Nobody, "S", "dropped", "abandonnée", "", ""},
	{"SUPPRIMEE", Nobody, "S", "deleted", "supprimée", "", ""},
	{"ASSOCIEE", Portal, "G", "attached to another document (works)", "associée à une autre pièce", "", ""},
	{"EN_COURS_TRAITEMENT_PIVOT_S", Portal, "G", "being processed by the portal", "en cours de traitement par le portail", "", ""},
	{"A_VALIDER_MOE", Recipient, "G", "waits for the project manager (works)", "à valider par la maîtrise d'œuvre", "", ""},
	{
		"REFUSEE_MOE", Supplier, "G", "refused by the project manager", "refusée par la maîtrise d'œuvre",
		"Read the reason and settle it with the project manager.", "Lire le motif et le régler avec la maîtrise d'œuvre.",
	},
	{
		"EN_ATTENTE_RECYCLAGE_FOURNISSEUR", Supplier, "G", "waits for the supplier to send it back corrected", "en attente de recyclage par le fournisseur",
		"Route it anew with the right recipient, service or commitment: choriste recycle ID; same number.", "La réadresser au bon destinataire, service ou engagement : choriste recycle ID ; même numéro.",
	},
	{"ERREUR_MOE_SUR_FOURNISSEUR", Recipient, "G", "the project manager named the wrong supplier", "erreur de la maîtrise d'œuvre sur le fournisseur", "", ""},
	{"ERREUR_MOA_SUR_FOURNISSEUR", Recipient, "G", "the contracting authority named the wrong supplier", "erreur de la maîtrise d'ouvrage sur le fournisseur", "", ""},
	{
		"INTERPRETEE_OCR", Supplier, "G", "read by OCR, waits to be checked and submitted", "interprétée par OCR, à vérifier et soumettre",
		"Check it at the portal and submit it.", "La vérifier sur le portail et la soumettre.",
	},
	{"COMPLETEE", Recipient, "S", "the supplier has completed it", "complétée par le fournisseur", "", ""},
	{
		"ERREUR_FOURNISSEUR_SUR_MOA", Supplier, "G", "the supplier named the wrong contracting authority (works)", "erreur du fournisseur sur la maîtrise d'ouvrage",
		"Name the right one at the portal.", "Désigner le bon sur le portail.",
	},
	{"ERREUR_MOE_SUR_MOA", Recipient, "G", "the project manager named the wrong contracting authority", "erreur de la maîtrise d'œuvre sur la maîtrise d'ouvrage", "", ""},
	{
		"ERREUR_DESTINATAIRE_PD", Supplier, "G", "wrong recipient of a draft statement (works)", "erreur de destinataire du projet de décompte",
		"Name the right one at the portal.", "Désigner le bon sur le portail.",
	},
	{
		"ERREUR_DESTINATAIRE_EA", Supplier, "G", "wrong recipient of a statement of account (works)", "erreur de destinataire de l'état d'acompte",
		"Name the right one at the portal.", "Désigner le bon sur le portail.",
	},
	{"SERVICE_FAIT", Recipient, "S", "delivery certified", "service fait", "", ""},
	{
		"NON_CONFORME", Supplier, "G", "does not conform", "non conforme",
		"Read the comment, correct the document at the portal or issue a new one.", "Lire le commentaire, corriger le document sur le portail ou en émettre un nouveau.",
	},
	{"A_ASSOCIER_MOE", Recipient, "G", "to be attached by the project manager", "à associer par la maîtrise d'œuvre", "", ""},
	{
		"ERREUR_DE_MOE", Supplier, "G", "wrong project manager", "erreur de maîtrise d'œuvre",
		"Name the right one at the portal.", "Désigner le bon sur le portail.",
	},
	{"MISE_A_DISPOSITION_MOE", Recipient, "G", "the project manager has been told", "mise à disposition de la maîtrise d'œuvre", "", ""},
	{"PRISE_EN_COMPTE_MOE", Recipient, "G", "taken by the project manager", "prise en compte par la maîtrise d'œuvre", "", ""},
	{"A_ASSOCIER_MOA", Recipient, "G", "to be attached by the contracting authority", "à associer par la maîtrise d'ouvrage", "", ""},
	{
		"ERREUR_DE_MOA", Supplier, "G", "wrong contracting authority", "erreur de maîtrise d'ouvrage",
		"Name the right one at the portal.", "Désigner le bon sur le portail.",
	},
	{
		"REFUSEE_MOA", Supplier, "G", "refused by the contracting authority", "refusée par la maîtrise d'ouvrage",
		"Read the reason and settle it with the contracting authority.", "Lire le motif et le régler avec la maîtrise d'ouvrage.",
	},
	{
		"A_ASSOCIER_FOURNISSEUR", Supplier, "G", "to be attached by the supplier", "à associer par le fournisseur",
		"Attach it to its document at the portal.", "L'associer à sa pièce sur le portail.",
	},
	{
		"REFUSEE_FOURNISSEUR", Supplier, "G", "refused by the supplier (works)", "refusée par le fournisseur",
		"Nothing at Chorus Pro: you refused it yourself; issue the right one.", "Rien sur Chorus Pro : le refus est le vôtre ; émettre la bonne pièce.",
	},
	{
		"A_COMPLETER", Supplier, "G", "to be completed", "à compléter",
		"Complete it at the portal; `statut_commentaire` says with what.", "La compléter sur le portail ; `statut_commentaire` dit avec quoi.",
	},
	{"TRANSMISE_MOA", Recipient, "G", "passed to the contracting authority", "transmise à la maîtrise d'ouvrage", "", ""},
	{"PRISE_EN_COMPTE_DESTINATAIRE", Recipient, "S", "taken by the recipient", "prise en compte par le destinataire", "", ""},
	{"REMPLACEE_PAR_A22", Nobody, "G", "replaced by another document (works)", "remplacée par un document A22", "", ""},
	{"DUPLIQUE_APRES_REFUS", Nobody, "G", "copied into a new one after a refusal", "dupliquée après refus", "", ""},
	{"MISE_A_DISPOSITION_MOA", Recipient, "G", "the contracting authority has been told", "mise à disposition de la maîtrise d'ouvrage", "", ""},
	{"PRISE_EN_COMPTE_MOA", Recipient, "G", "taken by the contracting authority", "prise en compte par la maîtrise d'ouvrage", "", ""},
	{
		"TECHNIQUE_INCONNU", Operator, "S", "unknown to the portal itself", "statut technique inconnu",
		"Look at the invoice at the portal.", "Regarder la facture sur le portail.",
	},
}

func statuts() []Entry {
	var list []Entry
	for _, r := range statutRows {
		retry, source := None, "Swagger of Factures"
		if r.mark == "S" {
			source += "; AIFE specifications 2026 §4.2"
		}
		switch {
		case r.code == "REJETEE", r.code == "REFUSEE_1", r.code == "REFUSEE_2":
			retry = Never
		case r.who == Operator:
			retry = Unclassified
		}
		if r.do == "" {
			r.do, r.aFaire = "Nothing.", "Rien."
		}
		list = append(list, Entry{Code: r.code, Who: r.who, Retry: retry, Mark: r.mark, Source: source, EN: Words{upper(r.means) + ".", r.do}, FR: Words{upper(r.sens) + ".", r.aFaire}})
	}
	return list
}

// StatutWords are what a statut means, as a part of a sentence; empty when it is not in the official list.
func StatutWords(code string) (english, french string) {
	for _, r := range statutRows {
		if r.code == code {
			return r.means, r.sens
		}
	}
	return "", ""
}
