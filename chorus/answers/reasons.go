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
	{"CH-EMPTY", Supplier, Never, "", "document", "the document holds nothing but blanks", "le document est vide", "Insert the file.", "Insérer le fichier."},
	{"CH-TOO-LARGE", Supplier, Never, "", "document", "the document is larger than Chorus Pro takes", "le document dépasse ce que Chorus Pro accepte", "Make its attachments smaller.", "Réduire ses pièces jointes."},
	{"CH-NOT-AN-INVOICE", Supplier, Never, "", "document", "the document is neither UBL 2.1, nor CII D16B, nor a Factur-X PDF", "le document n'est ni UBL 2.1, ni CII D16B, ni un PDF Factur-X", "Insert the right file; a scanned PDF cannot be sent this way.", "Insérer le bon fichier ; un PDF numérisé ne peut être envoyé ainsi."},
	{"CH-ARCHIVE", Supplier, Never, "", "document", "the document is a zip or another archive, which is never unpacked", "le document est une archive (zip…), jamais ouverte", "Insert the invoice file itself.", "Insérer le fichier de facture lui-même."},
	{"CH-VERSION", Supplier, Never, "BT-24", "document", "the document follows an older standard: ZUGFeRD 1.0, CII before D16B", "le document suit une norme ancienne : ZUGFeRD 1.0, CII antérieur à D16B", "Produce Factur-X 1.0 or CII D16B.", "Produire du Factur-X 1.0 ou du CII D16B."},
	{"CH-TRUNCATED", Supplier, Never, "", "document", "the document ends before its end", "le document s'arrête avant sa fin", "Insert the whole file.", "Insérer le fichier entier."},
	{"CH-XML", Supplier, Never, "", "document", "the document is not well-formed XML; the reason names the line", "le XML est mal formé ; le motif donne la ligne", "Correct the program that writes it.", "Corriger le logiciel qui l'écrit."},
	{"CH-DTD", Supplier, Never, "", "document", "the document contains a DTD (<!DOCTYPE …>), which is refused", "le document contient une DTD (<!DOCTYPE …>), ce qui est refusé", "Leave the DTD out; no invoice needs one.", "Retirer la DTD ; aucune facture n'en a besoin."},
	{"CH-TOO-DEEP", Supplier, Never, "", "document", "elements are nested deeper than any invoice needs", "des éléments sont imbriqués trop profondément", "Insert an invoice.", "Insérer une facture."},
	{"CH-TOO-MANY-ELEMENTS", Supplier, Never, "", "document", "the document has more XML elements than are read", "le document compte trop d'éléments XML", "Split the invoice.", "Diviser la facture."},
	{"CH-ENCODING", Supplier, Never, "", "document", "the declared encoding is not the true one, or is unknown", "l'encodage déclaré n'est pas le vrai, ou est inconnu", "Write UTF-8 and say so.", "Écrire en UTF-8 et le déclarer."},
	{"CH-PDF", Supplier, Never, "", "document", "the PDF is damaged or too complex", "le PDF est abîmé ou trop complexe", "Open it and save it again.", "L'ouvrir et l'enregistrer de nouveau."},
	{"CH-PDF-ENCRYPTED", Supplier, Never, "", "document", "the PDF is encrypted; Factur-X forbids it", "le PDF est chiffré, ce que Factur-X interdit", "Save it without a password.", "L'enregistrer sans mot de passe."},
	{"CH-PDF-WITHOUT-INVOICE", Supplier, Never, "", "document", "the PDF carries no factur-x.xml", "le PDF ne porte pas de factur-x.xml", "Make a true Factur-X: an ordinary PDF is not one.", "Produire un vrai Factur-X : un PDF ordinaire n'en est pas un."},
	{"CH-MISSING", Supplier, Never, "", "document", "a term that Chorus Pro requires is not there", "une donnée exigée par Chorus Pro est absente", "Fill in the term that the reason names.", "Remplir la donnée que nomme le motif."},
	{"CH-SEVERAL", Supplier, Never, "", "document", "a term is there twice, with different values", "une donnée figure deux fois, avec des valeurs différentes", "Keep one value.", "N'en garder qu'une."},
	{"CH-NUMBER-TOO-LONG", Supplier, Never, "BT-1", "numero_facture", "the invoice number has more than 20 characters", "le numéro de facture dépasse 20 caractères", "Shorten the number.", "Raccourcir le numéro."},
	{"CH-NUMBER-CHARACTERS", Supplier, Never, "BT-1", "numero_facture", "the invoice number has a character that Chorus Pro does not take", "le numéro de facture contient un caractère refusé", "Use letters without accents, digits, inner spaces and - + _ / only.", "Lettres sans accent, chiffres, espaces à l'intérieur et - + _ / seulement."},
	{"CH-DATE", Supplier, Never, "BT-2", "date_facture", "the issue date is no date, or its year is impossible", "la date d'émission n'est pas une date, ou son année est impossible", "Write 2026-01-31 in UBL, 20260131 in CII.", "Écrire 2026-01-31 en UBL, 20260131 en CII."},
	{"CH-TYPE", Supplier, Never, "BT-3", "type_facture", "the type is no invoice or credit note of UNTDID 1001", "le type n'est ni une facture ni un avoir (UNTDID 1001)", "380 is an invoice, 381 a credit note.", "380 est une facture, 381 un avoir."},
	{"CH-SIRET", Supplier, Never, "BT-30", "fournisseur_siret", "a SIRET (BT-30 supplier, BT-47 recipient) is not 14 digits and nothing else: often a space in it, or a SIREN", "un SIRET (BT-30 fournisseur, BT-47 destinataire) n'a pas 14 chiffres exactement : souvent une espace, ou un SIREN", "Write the 14 digits; the reason names the term.", "Écrire les 14 chiffres ; le motif nomme la donnée."},
	{"CH-AMOUNT", Supplier, Never, "BG-22", "montant_ttc", "an amount cannot be read", "un montant est illisible", "Write 1250.00.", "Écrire 1250.00."},
	{"CH-CURRENCY", Supplier, Never, "BT-5", "devise", "the currency is not three capital letters", "la devise n'est pas trois capitales", "Write EUR.", "Écrire EUR."},
	{"CH-CADRE", Supplier, Never, "BT-23", "cadre_facturation", "the cadre de facturation is not A1 to A25: the codes B1, S1, M1 of the 2026 reform are refused on this channel", "le cadre de facturation n'est pas A1 à A25 : les codes B1, S1, M1 de la réforme 2026 sont refusés ici", "Write A1 for an ordinary supplier invoice.", "Écrire A1 pour une facture ordinaire."},
	{"CH-TOO-LONG", Supplier, Never, "BT-10", "code_service", "the service code has more than 100 characters, or the commitment (BT-13) more than 50", "le code service dépasse 100 caractères, ou l'engagement (BT-13) 50", "Shorten it.", "Le raccourcir."},
	{"CH-CONTROL-CHARACTERS", Supplier, Never, "", "document", "a term, or the document, holds a line break, a tabulation or a NUL", "une donnée contient un saut de ligne, une tabulation ou un caractère NUL", "Clean the data.", "Nettoyer les données."},
	{"CH-SUPPLIER", Supplier, AfterChange, "BT-30", "account", "the account may not send for the supplier in BT-30", "le compte ne peut pas émettre pour le fournisseur (BT-30)", "Insert it under the supplier's own account, or have the SIRET added to this one, then choriste retry ID.", "L'insérer sous le compte du fournisseur, ou ajouter le SIRET à celui-ci, puis choriste retry ID."},
	{"CH-FIELDS", Supplier, Never, "", "fields", "the column fields is not what a PDF without XML needs, or the document needs none; the reason names it", "la colonne fields ne convient pas à un PDF sans XML, ou le document n'en veut pas ; le motif le précise", "Write the fields as documented, or leave the column null.", "Écrire les champs comme documenté, ou laisser la colonne vide."},
	{"CH-SYNTAXE", Supplier, Never, "", "syntaxe_flux", "syntaxe_flux says something else than the document is", "syntaxe_flux contredit le document", "Leave the column null.", "Laisser la colonne vide."},
	{"UNREADABLE", Operator, AfterChange, "", "document", "the document could not be read, and nobody knows why", "le document n'a pu être lu", reportEN, reportFR},
	{"DUPLICATE_NUMBER", Supplier, Never, "BT-1", "numero_facture", "another invoice of this database has the same number, supplier SIREN and year", "une autre facture de cette base a le même numéro, pour le même SIREN et la même année", "Find the other one (the reason gives its id); if it is another invoice, change the number.", "Retrouver l'autre (le motif donne son id) ; s'il s'agit d'une autre facture, changer le numéro."},
	{"CH-SAME-NUMBER", Supplier, Never, "BT-1", "numero_facture", "it replaces a refused invoice and has its number", "elle remplace une facture rejetée et porte le même numéro", "Give it a new number.", "Lui donner un nouveau numéro."},
	{"POISON", Operator, AfterChange, "", "document", "the worker broke three times on this document, or cannot make a request of it", "le traitement a échoué trois fois sur ce document", reportEN, reportFR},

	{"ABSENT", Operator, LookUp, "", "", "proven absent at Chorus Pro, and not sent again by itself (settings, refusal as duplicate, or no right to search)", "absence prouvée sur Chorus Pro, sans renvoi automatique (réglages, refus pour doublon, ou recherche non autorisée)", "Look at the portal. Not there: choriste resolve ID resubmit. There: choriste resolve ID accept.", "Regarder le portail. Absente : choriste resolve ID resubmit. Présente : choriste resolve ID accept."},
	{"SEVERAL", Operator, LookUp, "BT-1", "numero_facture", "the portal holds more than one invoice of this number", "le portail en détient plusieurs de ce numéro", "Compare date, amount and recipient at the portal, then choriste resolve ID accept for the right one.", "Comparer date, montant et destinataire sur le portail, puis choriste resolve ID accept pour la bonne."},
	{"MISMATCH", Operator, LookUp, "BT-1", "numero_facture", "the portal holds one of this number whose date, amount, supplier or recipient differs", "le portail en détient une de ce numéro dont la date, le montant, le fournisseur ou le destinataire diffère", "Find out who sent that one; abandon this row (choriste resolve ID abandon) and send the invoice under another number.", "Chercher qui l'a envoyée ; abandonner cette ligne (choriste resolve ID abandon) et envoyer la facture sous un autre numéro."},
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
