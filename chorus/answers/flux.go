package answers

// fluxStates are the values of etatCourantDepotFlux; no official list exists (docs/chorus-pro.md §7).
var fluxStates = []Entry{
	flux("IN_DEPOT_PORTAIL_EN_ATTENTE_TRAITEMENT_SE_CPP", Nobody, Automatic, "L", "invoicerr (live)", "just deposited, waits for the exchange system", "vient d'être déposé, attend le système d'échange", wait, attendre),
	flux("IN_RECU", Nobody, Automatic, "P", "OCA, Tryton", "received", "reçu", wait, attendre),
	flux("IN_TRAITE_SE_CPP", Nobody, Automatic, "P", "OCA, Tryton", "has passed the exchange system", "traité par le système d'échange", wait, attendre),
	flux("IN_EN_ATTENTE_TRAITEMENT_CPP", Nobody, Automatic, "P", "OCA", "queued", "en attente de traitement", wait, attendre),
	flux("IN_EN_COURS_TRAITEMENT_CPP", Nobody, Automatic, "P", "OCA", "being processed", "en cours de traitement", wait, attendre),
	flux("IN_EN_ATTENTE_RETRAITEMENT_CPP", Portal, Automatic, "P", "OCA", "stuck: waits for somebody at AIFE", "bloqué : attend une action manuelle de l'AIFE",
		"Nothing; after a working day, ask AIFE's support with the flux number.", "Rien ; au bout d'un jour ouvré, interroger le support de l'AIFE avec le numéro de flux."),
	flux("IN_INTEGRE", Nobody, None, "P L", "OCA, invoicerr (live)", "everything is integrated", "tout est intégré", "Nothing: the invoice is followed from now on.", "Rien : la facture est désormais suivie."),
	flux("IN_INTEGRE_PARTIEL", Nobody, None, "P L", "OCA", "only the correct invoices of the flux are integrated; with one invoice a flux it should not occur", "seules les factures correctes du flux sont intégrées ; avec une facture par flux, cela ne devrait pas arriver",
		"Nothing: the invoice is looked for, and is rejected if the report refuses it.", "Rien : la facture est recherchée, et rejetée si le compte rendu la refuse."),
	flux("IN_REJETE", Supplier, Never, "P L", "OCA, invoicerr (live)", "rejected: nothing is integrated, the number is free", "rejeté : rien n'est intégré, le numéro reste libre",
		"Read the texts of the report (`reason`), correct the document, insert it again; same number.", "Lire les messages du compte rendu (`reason`), corriger le document, l'insérer de nouveau ; même numéro."),
	flux("IN_INCIDENTE", Operator, LookUp, "P", "OCA, Partiduo", "an incident at the portal: not processed, the whole flux must be sent again", "incident sur le portail : non traité, le flux entier est à renvoyer", resend, renvoyer),
	flux("IN_A_RELANCER", Operator, LookUp, "C", "demat4dolibarr", "to be sent again after an internal error", "à relancer après une erreur interne", resend, renvoyer),
	flux("IN_ERREUR_INTERNE", Operator, LookUp, "C", "demat4dolibarr", "an internal error of the portal", "erreur interne du portail", resend, renvoyer),
	flux("QP_IRRECEVABLE", Supplier, Never, "C", "public clients", "inadmissible: the file is malformed", "irrecevable : le fichier est mal formé",
		"Validate the document against the schema of its syntax, correct it, insert it again; same number.", "Valider le document avec le schéma de sa syntaxe, le corriger, l'insérer de nouveau ; même numéro."),
	flux("QP_RECEVABLE", Nobody, Automatic, "C", "public clients", "admissible", "recevable", wait, attendre),
	flux("QP_RECEVABLE_AVEC_ERREUR", Operator, Unclassified, "C", "public clients", "admissible with errors; nobody says what follows", "recevable avec erreur ; la suite n'est documentée nulle part",
		"Look at the flux at the portal. It is asked about again; nothing is sent.", "Regarder le flux sur le portail. La question est reposée ; rien n'est renvoyé."),
}

const (
	wait     = "Nothing: it is asked again."
	attendre = "Rien : la question est reposée."
	resend   = "Look at the portal whether the number is there; if not: choriste resolve ID resubmit."
	renvoyer = "Vérifier sur le portail si le numéro s'y trouve ; sinon : choriste resolve ID resubmit."
)

func flux(code string, who Who, retry Retry, mark, source, means, sens, do, faire string) Entry {
	return Entry{Code: code, Who: who, Retry: retry, Mark: mark, Source: source, EN: Words{upper(means) + ".", do}, FR: Words{upper(sens) + ".", faire}}
}
