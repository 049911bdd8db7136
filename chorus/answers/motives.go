package answers

// motiveRow is a motive that a recipient gives. It comes as text, in the comment of a statut.
type motiveRow struct {
	code        string
	lists       string // aife: AIFE-1.1 tables 3 and 4; xp: XP Z12-012 and -014, DGFiP's annex 7
	who         Who
	term        string
	means, sens string
	do, aFaire  string
}

const (
	aife = "AIFE specifications 2026, tables 3 and 4"
	xp   = "XP Z12-012/-014 (codes of MDT-113), DGFiP annex 7"
	both = aife + "; " + xp

	correctEN = "Correct it and issue a new invoice with a new number."
	correctFR = "Corriger et émettre une nouvelle facture sous un nouveau numéro."
	askEN     = "Ask the recipient."
	askFR     = "Interroger le destinataire."
	routeEN   = "If the status is A_RECYCLER: choriste recycle ID with the right one, same number. If REJETEE: new number."
	routeFR   = "Au statut A_RECYCLER : choriste recycle ID avec le bon, même numéro. Si REJETEE : nouveau numéro."
)

// motiveRows are both lists that are in use, in the order of codes.
var motiveRows = []motiveRow{
	{"ADR_ERR", xp, Supplier, "BT-49", "the electronic address of the recipient is missing or wrong", "adresse de facturation électronique erronée ou absente", correctEN, correctFR},
	{"ANNUL_ENC", xp, Recipient, "", "a payment was not collected, or its collection was undone", "encaissement non réalisé ou annulé", askEN, askFR},
	{"ART_ERR", xp, Supplier, "BT-153", "a wrong item is invoiced", "article facturé incorrect", correctEN, correctFR},
	{"AUTRE", both, Supplier, "", "another motive: the comment says which", "autre motif : le commentaire le précise", askEN, askFR},
	{"AUT_MOTIF_ERR_VALIDEUR", xp, Supplier, "", "the main contractor refuses for another reason than the wrong validator", "le titulaire ou mandataire refuse pour un autre motif que l'erreur de valideur", "Settle it with the main contractor.", "Le régler avec le titulaire ou mandataire."},
	{"CALCUL_ERR", xp, Supplier, "BG-22", "the invoice is calculated wrongly", "erreur de calcul de la facture", "Run choriste check; correct it and issue a new invoice with a new number.", "Lancer choriste check ; corriger et émettre une nouvelle facture sous un nouveau numéro."},
	{"CMD_EJ_ERR", xp, Supplier, "BT-13", "the number of the order or commitment is wrong or missing", "numéro de commande ou d'engagement incorrect ou manquant", routeEN, routeFR},
	{"CMD_ERR", xp, Supplier, "BT-13", "the number of the order is wrong or missing", "numéro de commande incorrect ou manquant", routeEN, routeFR},
	{"CODE_ROUTAGE_ERR", xp, Supplier, "BT-10", "the routing code (service) is missing or wrong", "code de routage (service) absent ou erroné", routeEN, routeFR},
	{"CONTACT_ACHTR", both, Supplier, "", "other: get in touch with the buyer", "autre : contacter l'acheteur", askEN, askFR},
	{"CONTRAT_TERM", xp, Supplier, "BT-12", "the contract has ended", "contrat terminé", askEN, askFR},
	{"COORD_BANC_ERR", both, Supplier, "BT-84", "the bank details are wrong", "coordonnées bancaires erronées", "Correct the IBAN in the invoice and in the supplier's structure at Chorus Pro; issue a new invoice.", "Corriger l'IBAN sur la facture et dans la structure du fournisseur sur Chorus Pro ; émettre une nouvelle facture."},
	{"CREANCIER_ERR", both, Supplier, "BT-27", "the creditor is unknown or is not that of the contract or order", "créancier inconnu ou différent de celui du marché ou de la commande", "Invoice as the company that holds the contract, or tell the recipient of the change.", "Facturer au nom du titulaire du marché, ou signaler le changement au destinataire."},
	{"DEST_ERR", xp, Supplier, "BT-47", "wrong recipient", "erreur de destinataire", routeEN, routeFR},
	{"DEST_INC", xp, Supplier, "BT-47", "the recipient is unknown", "destinataire inconnu", routeEN, routeFR},
	{"DOUBLE_FACT", both, Supplier, "BT-1", "the invoice (for XP: its tax data) is there twice", "facture en double (XP : données réglementaires F1 en doublon)", "Look at the portal which one stands; do not send it again.", "Voir sur le portail laquelle fait foi ; ne pas la renvoyer."},
	{"DOUBLON", xp, Supplier, "BT-1", "the invoice was issued or received before: same number, seller and year", "facture en doublon : même numéro, même vendeur, même année", "Look at the portal which one stands; do not send it again.", "Voir sur le portail laquelle fait foi ; ne pas la renvoyer."},
	{"EJ_ERR", aife, Supplier, "BT-13", "the commitment number is wrong or missing", "numéro d'engagement juridique erroné ou manquant", routeEN, routeFR},
	{"EMMET_INC", xp, Supplier, "BT-30", "the recipient does not know the issuer", "émetteur inconnu du destinataire", askEN, askFR},
	{"ERREUR_DONNEE_EJ", aife, Supplier, "BT-13", "the data of the commitment are wrong", "données de l'engagement juridique erronées", routeEN, routeFR},
	{"ERR_VALIDEUR", both, Supplier, "", "wrong validator (sub- or co-contracting)", "mauvais valideur (sous-traitance, cotraitance)", "Name the right validator at the portal.", "Désigner le bon valideur sur le portail."},
	{"FACT_NON_CONFORME", both, Supplier, "", "the invoice does not conform to the order", "facture non conforme à la commande", correctEN, correctFR},
	{"HONORER_LA_COMMANDE", aife, Supplier, "", "the order has not been fulfilled yet", "commande non encore honorée", "Deliver first, or prove the delivery to the recipient.", "Livrer d'abord, ou prouver la livraison au destinataire."},
	{"IRR_ANTIVIRUS", xp, Supplier, "", "inadmissible: the virus scanner found something", "irrecevable : contrôle antivirus", "Look at the attachments; produce the file anew.", "Examiner les pièces jointes ; produire à nouveau le fichier."},
	{"IRR_EXT_DOC", xp, Supplier, "BT-125", "inadmissible: extension of an attachment", "irrecevable : extension d'une pièce jointe", "Use an extension that Chorus Pro takes.", "Utiliser une extension admise par Chorus Pro."},
	{"IRR_NOM_F", xp, Operator, "", "inadmissible: name of the file", "irrecevable : nom du fichier", "Report it: choriste makes the name.", "Le signaler : choriste fabrique ce nom."},
	{"IRR_NOM_PJ", xp, Supplier, "BT-125", "inadmissible: name of an attachment", "irrecevable : nom d'une pièce jointe", "Name it in at most 50 characters without accents.", "La nommer en 50 caractères au plus, sans accent."},
	{"IRR_SYNTAX", xp, Supplier, "", "inadmissible: syntax of the file", "irrecevable : syntaxe du fichier", "Run choriste check; validate the document against its schema.", "Lancer choriste check ; valider le document avec son schéma."},
	{"IRR_TAILLE_F", xp, Supplier, "", "inadmissible: the file is too large", "irrecevable : fichier trop gros", "Make the attachments smaller.", "Réduire les pièces jointes."},
	{"IRR_TAILLE_PJ", xp, Supplier, "BT-125", "inadmissible: an attachment is too large", "irrecevable : pièce jointe trop grosse", "Make the attachments smaller.", "Réduire les pièces jointes."},
	{"IRR_TYPE_F", xp, Supplier, "", "inadmissible: type of the file", "irrecevable : type de fichier", "Send Factur-X, CII D16B or UBL 2.1.", "Envoyer du Factur-X, CII D16B ou UBL 2.1."},
	{"IRR_VIDE_F", xp, Supplier, "", "inadmissible: the file is empty", "irrecevable : fichier vide", "Produce the file anew.", "Produire à nouveau le fichier."},
	{"IRR_VID_PJ", xp, Supplier, "BT-125", "inadmissible: an attachment is empty", "irrecevable : pièce jointe vide", "Attach the file again.", "Joindre à nouveau le fichier."},
	{"JUSTIF_ABS", xp, Supplier, "BG-24", "supporting documents are missing or do not suffice", "justificatif absent ou insuffisant", "If the status is SUSPENDUE: choriste complete ID with the documents.", "Au statut SUSPENDUE : choriste complete ID avec les pièces."},
	{"LIVR_INCOMP", both, Supplier, "BT-129", "the delivery is incomplete or was not made", "livraison incomplète ou non effectuée", "Settle the delivery with the recipient; correct the invoice if need be.", "Régler la livraison avec le destinataire ; corriger la facture au besoin."},
	{"MARCHE_TERM", both, Supplier, "BT-12", "the public contract has ended", "marché terminé", askEN, askFR},
	{"MODPAI_ERR", xp, Supplier, "BG-16", "the terms of payment are not those agreed on", "modalités de paiement incorrectes", correctEN, correctFR},
	{"MONTANTTOTAL_ERR", xp, Supplier, "BG-22", "a total of the invoice is wrong", "montant total erroné", correctEN, correctFR},
	{"MONTANT_ERR", both, Supplier, "BT-112", "the amount of the invoice is wrong", "montant de la facture erroné", correctEN, correctFR},
	{"NON_CONFORME", xp, Supplier, "", "a legal mention is missing", "mention légale manquante", correctEN, correctFR},
	{"NON_TRANSMISE", xp, Portal, "", "the invoice could not be passed on to the recipient", "facture non transmise au destinataire", askEN, askFR},
	{"PU_ERR", xp, Supplier, "BT-146", "a unit price is not the one agreed on", "prix unitaires incorrects", correctEN, correctFR},
	{"QTE_ERR", xp, Supplier, "BT-129", "an invoiced quantity is wrong", "quantité facturée incorrecte", correctEN, correctFR},
	{"QUALITE_ERR", xp, Supplier, "", "a delivered item is defective", "qualité d'article livré incorrecte", "Settle it with the recipient.", "Le régler avec le destinataire."},
	{"REF_CT_ABSENT", xp, Supplier, "BT-12", "a reference that the contract demands is missing (contract, delivery note, project, preceding invoice)", "référence contractuelle manquante (contrat, bon de livraison, projet, facture antérieure)", correctEN, correctFR},
	{"REF_ERR", xp, Supplier, "", "a reference is wrong: the comment says which", "référence incorrecte : le commentaire la précise", correctEN, correctFR},
	{"REJ_ADR", xp, Supplier, "BT-49", "rejected: the address is not in the directory", "rejet : adresse absente de l'annuaire", routeEN, routeFR},
	{"REJ_ASS_PJ", xp, Supplier, "BG-24", "rejected: an attachment belongs to no invoice", "rejet : pièce jointe non rattachée", correctEN, correctFR},
	{"REJ_COH", xp, Supplier, "", "rejected: data contradict each other", "rejet : données incohérentes", "Run choriste check; correct it.", "Lancer choriste check ; corriger."},
	{"REJ_CONT_B2G", xp, Supplier, "", "rejected by the rules for public bodies: recipient, service or commitment", "rejet des contrôles B2G : destinataire, service ou engagement", routeEN, routeFR},
	{"REJ_REF_PJ", xp, Supplier, "BT-122", "rejected: reference of an attachment", "rejet : référence d'une pièce jointe", correctEN, correctFR},
	{"REJ_SEMAN", xp, Supplier, "", "rejected by the semantic rules (EN 16931)", "rejet des contrôles sémantiques (EN 16931)", "Run choriste check: it names the rules.", "Lancer choriste check : il nomme les règles."},
	{"REJ_UNI", xp, Supplier, "BT-1", "rejected: an invoice of this number, seller and year is there already", "rejet : une facture de ce numéro, ce vendeur et cette année existe déjà", "Look at the portal which one stands; do not send it again.", "Voir sur le portail laquelle fait foi ; ne pas la renvoyer."},
	{"REM_ERR", xp, Supplier, "BT-92", "a discount is missing or is not the one agreed on", "remise erronée", correctEN, correctFR},
	{"RETRAIT_MAN_SERV", both, Recipient, "", "the recipient takes the invoice out by hand", "retrait manuel par le service", askEN, askFR},
	{"ROUTAGE_ERR", xp, Recipient, "BT-10", "the routing data of the directory were out of date", "erreur de routage : annuaire périmé", "Once the directory is right, the same invoice can be sent again.", "L'annuaire une fois corrigé, la même facture peut être renvoyée."},
	{"SE_ERR", both, Supplier, "BT-10", "wrong service of the recipient", "service destinataire incorrect", routeEN, routeFR},
	{"SIRET_ERR", xp, Supplier, "BT-47", "the recipient's SIRET is wrong or missing", "SIRET du destinataire erroné ou absent", routeEN, routeFR},
	{"ST_CT_NON_DECLAR", both, Supplier, "", "the sub- or co-contractor is not declared in the contract", "sous-traitant ou cotraitant non déclaré", "Have it declared (acte spécial), then issue the invoice again.", "Le faire déclarer (acte spécial), puis émettre à nouveau la facture."},
	{"SUPPR_COMP_AVOIR", both, Recipient, "", "taken out to be set off against credit notes", "suppression pour compensation d'avoirs", "Check the set-off with the recipient.", "Vérifier la compensation avec le destinataire."},
	{"SUPPR_MASSE", aife, Recipient, "", "taken out in bulk", "suppression en masse", askEN, askFR},
	{"TRANSAC_INC", xp, Supplier, "", "the invoice corresponds to no delivery or service", "transaction inconnue : ne correspond à aucune livraison ou prestation", askEN, askFR},
	{"TRANSF_PMNT_REGIE", both, Recipient, "", "passed on to be paid by an imprest account (régie)", "transfert pour paiement en régie", "Nothing: it is paid by another way.", "Rien : elle est payée par une autre voie."},
	{"TX_TVA_ERR", both, Supplier, "BT-119", "the VAT rate is wrong", "taux de TVA erroné", correctEN, correctFR},
}

func motives() []Entry {
	var list []Entry
	for _, r := range motiveRows {
		mark, source := "S", r.lists
		if r.lists == xp {
			mark, source = "C", r.lists+", as quoted by public projects"
		}
		list = append(list, Entry{
			Code: r.code, Who: r.who, Retry: Never, Term: r.term, Mark: mark, Source: source,
			EN: Words{upper(r.means) + ".", r.do}, FR: Words{upper(r.sens) + ".", r.aFaire},
		})
	}
	return list
}
