package answers

import (
	"unicode"
	"unicode/utf8"
)

// reasonRow is a reason_code of ours.
type reasonRow struct {
	code        string
	who         Who
	retry       Retry
	term        string
	column      string
	means, sens string
	do, aFaire  string
}

const (
	reportEN = "Report it to the makers of choriste; after an update: choriste retry ID."
	reportFR = "Le signaler aux auteurs de choriste ; après mise à jour : choriste retry ID."
	nothing  = "Nothing: it goes on by itself."
	rien     = "Rien : la suite est automatique."
)

// reasonRows are in the order of docs/states.md: invalid, parked, others.
var reasonRows = []reasonRow{
	{"UNREADABLE", Operator, AfterChange, "", "document", "the document could not be read, and nobody knows why", "le document n'a pu être lu", reportEN, reportFR},
	{"DUPLICATE_NUMBER", Supplier, Never, "BT-1", "numero_facture", "another invoice of this database has the same number, supplier SIREN and year", "une autre facture de cette base a le même numéro, pour le même SIREN et la même année", "Find the other one (the reason gives its id); if it is another invoice, change the number.", "Retrouver l'autre (le motif donne son id) ; s'il s'agit d'une autre facture, changer le numéro."},
	{"POISON", Operator, AfterChange, "", "document", "the worker broke three times on this document, or cannot make a request of it", "le traitement a échoué trois fois sur ce document", reportEN, reportFR},

	{"ABSENT", Operator, LookUp, "", "", "proven absent at Chorus Pro, and not sent again by itself (settings, refusal as duplicate, or no right to search)", "absence prouvée sur Chorus Pro, sans renvoi automatique (réglages, refus pour doublon, ou recherche non autorisée)", "Look at the portal. Not there: choriste resolve ID resubmit. There: choriste resolve ID accept.", "Regarder le portail. Absente : choriste resolve ID resubmit. Présente : choriste resolve ID accept."},
	{"SEVERAL", Operator, LookUp, "BT-1", "numero_facture", "the portal holds more than one invoice of this number", "le portail en détient plusieurs de ce numéro", "Compare date, amount and recipient at the portal, then choriste resolve ID accept for the right one.", "Comparer date, montant et destinataire sur le portail, puis choriste resolve ID accept pour la bonne."},
	{"MISMATCH", Operator, LookUp, "BT-1", "numero_facture", "the portal holds one that may be this one: number, date, amount, supplier or recipient is not the same there, or not said", "le portail en détient une qui peut être celle-ci : numéro, date, montant, fournisseur ou destinataire n'y est pas le même, ou n'y est pas dit", "Look at the portal whether it is this invoice. If it is, and is not deleted there: choriste resolve ID abandon, and send nothing; the invoice lives on there. Only if it is another one: abandon this row, and insert the invoice under a number of its own.", "Regarder sur le portail si c'est cette facture. Si oui, et si elle n'y est pas supprimée : choriste resolve ID abandon, et ne rien renvoyer ; la facture y suit son cours. Seulement si c'en est une autre : abandonner cette ligne, et insérer la facture sous un numéro à elle."},
	{"CONTRADICTION", Operator, LookUp, "", "", "two answers cannot both be true, or the portal shows two invoices of this number", "deux réponses se contredisent, ou le portail montre deux factures de ce numéro", "Compare both flux numbers at the portal; is it there twice? Have the surplus one rejected by the recipient, then choriste resolve ID.", "Comparer les deux numéros de flux sur le portail ; y est-elle deux fois ? Faire rejeter celle en trop par le destinataire, puis choriste resolve ID."},
	{"BUDGET", Operator, LookUp, "", "", "proven absent again after it was sent a second time", "absence prouvée une seconde fois, après un second envoi", "Find out why the portal loses it; then choriste resolve ID resubmit.", "Chercher pourquoi le portail la perd ; puis choriste resolve ID resubmit."},
	{"TOO_OLD", Operator, LookUp, "", "", "could not be settled in time", "n'a pu être tranchée à temps", "Is the number at the portal? There: choriste resolve ID accept. Not there: look again, then resubmit.", "Le numéro est-il sur le portail ? Oui : choriste resolve ID accept. Non : rechercher, puis resubmit."},
	{"CONFIGURATION", Operator, AfterChange, "", "", "the gateway refuses the request itself, twice", "la passerelle refuse deux fois la requête elle-même", "Check the addresses in the settings, and for a newer choriste; then choriste resolve ID resubmit.", "Vérifier les adresses des réglages et la version de choriste ; puis choriste resolve ID resubmit."},
	{"INCIDENT", Operator, LookUp, "", "", "an incident at Chorus Pro: this flux is not processed and must be sent again", "incident sur Chorus Pro : ce flux n'est pas traité et doit être renvoyé", "Is the number at the portal? If not: choriste resolve ID resubmit.", "Le numéro est-il sur le portail ? Sinon : choriste resolve ID resubmit."},

	{"LISTING", Nobody, Automatic, "", "", "a PDF without XML is taken from the structures only that the technical account is attached to: they have not been listed yet", "un PDF sans XML n'est accepté que des structures auxquelles le compte technique est rattaché : elles n'ont pas encore été listées", "It goes on by itself when they are. After a minute: choriste doctor says why the portal does not list them.", "La suite est automatique dès qu'elles le sont. Au-delà d'une minute : « choriste doctor » dit pourquoi le portail ne les donne pas."},
	{"OWNER_LOST", Nobody, LookUp, "", "", "the worker that sent it died or was cut off: it is looked for at Chorus Pro", "le service qui l'envoyait s'est arrêté : elle est recherchée sur Chorus Pro", nothing, rien},
	{"AMBIGUOUS", Nobody, LookUp, "", "", "the request may have arrived: it is looked for at Chorus Pro", "la requête est peut-être arrivée : elle est recherchée sur Chorus Pro", nothing + " Do not send it by another way.", rien + " Ne pas la déposer autrement."},
	{"DUPLICATE", Nobody, LookUp, "BT-1", "numero_facture", "Chorus Pro says that it has this invoice already: the original is looked for and taken over. This is not a rejection", "Chorus Pro dit détenir déjà cette facture : l'original est recherché et repris. Ce n'est pas un rejet", nothing, rien},
	{"QUARANTINE", Nobody, LookUp, "", "", "the database may have forgotten a deposit, so it is looked up first", "la base a pu oublier un dépôt : elle est d'abord recherchée", nothing, rien},
	{"RESUBMIT", Nobody, Automatic, "", "", "proven absent at Chorus Pro: sent once more", "absence prouvée sur Chorus Pro : renvoyée une fois", nothing, rien},
	{"RETRY", Nobody, Automatic, "", "", "an operator has it read or sent again", "relance demandée par l'exploitation", nothing, rien},
	{"RESUBMIT_WANTED", Nobody, LookUp, "", "", "an operator wants it sent again: it is, once it is proven absent", "renvoi demandé par l'exploitation, dès que l'absence sera prouvée", nothing, rien},
	{"RESUBMIT_OVERRIDE", Nobody, LookUp, "", "", "an operator wants it sent again as soon as one complete search does not find it", "renvoi demandé par l'exploitation, dès qu'une recherche complète ne la trouve pas", nothing, rien},
	{"OPERATOR", Nobody, None, "", "", "an operator has decided; the reason is what was typed", "décision de l'exploitation ; le motif est le texte saisi", "Nothing.", "Rien."},
	{"FLUX_REJECTED", Supplier, Never, "", "", "Chorus Pro refused it at integration; the reason is the portal's own text. The number is free again", "Chorus Pro l'a refusée à l'intégration ; le motif est le texte du portail. Le numéro est libre", "Correct the document and insert it as a new row; same number.", "Corriger le document et l'insérer dans une nouvelle ligne ; même numéro."},
	{"REFUSED", Supplier, Never, "", "document", "refused at the deposit, as too large. The number is free", "refusée au dépôt, car trop volumineuse. Le numéro est libre", "Make the attachments smaller and insert it again; same number.", "Réduire les pièces jointes et l'insérer de nouveau ; même numéro."},
	{"RECIPIENT", Supplier, Never, "", "", "the recipient refused it; the reason is the recipient's comment", "le destinataire l'a refusée ; le motif est son commentaire", "Replace it by a new invoice with a new number: choriste replace ID FILE.", "La remplacer par une nouvelle facture, sous un nouveau numéro : choriste replace ID FICHIER."},
	{"QUIET", Nobody, None, "", "", "nothing more was reported for the quiet period; this does not say that the money came", "plus rien n'a été signalé pendant la période de silence ; cela ne prouve pas le paiement", "Look at your bank account.", "Consulter votre compte bancaire."},
}

func reasons() []Entry {
	var list []Entry
	for _, r := range reasonRows {
		list = append(list, Entry{
			Code: r.code, Who: r.who, Retry: r.retry, Term: r.term, Column: r.column, Mark: "own", Source: "choriste, docs/states.md",
			EN: Words{upper(r.means) + ".", r.do}, FR: Words{upper(r.sens) + ".", r.aFaire},
		})
	}
	return list
}

// upper begins a sentence.
func upper(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}
