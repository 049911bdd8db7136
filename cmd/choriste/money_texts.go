package main

// moneyWords are the words of choriste money, in one language.
type moneyWords struct {
	nothing, open, recipient, settled string
	stages, how                       map[string]string
	source, rate, given               string
}

var moneyTexts = map[string]moneyWords{
	"en": {
		nothing:   "Nothing is open, and nothing was settled in this period.",
		open:      "OPEN\tINVOICES\tAMOUNT\tSINCE\tLATE INTEREST + INDEMNITY",
		recipient: "RECIPIENT\tINVOICES\tAMOUNT\tSINCE\tLATE\tLATE INTEREST + INDEMNITY",
		settled:   "SETTLED\tINVOICES\tAMOUNT\tDAYS\tLATE\tLATE INTEREST + INDEMNITY",
		stages: map[string]string{
			"not_started": "not with the recipient yet", "stopped": "stopped: SUSPENDUE", "in_time": "in time, more than 15 days left", "due_soon": "in time, 15 days left at most",
			"late_30": "1 to 30 days late", "late_60": "31 to 60 days late", "late_90": "61 to 90 days late", "late_more": "more than 90 days late",
		},
		how: map[string]string{
			"paid": "paid", "quiet": "quiet: nothing more was reported", "given_up": "given up: ABANDONNEE", "deleted": "deleted: SUPPRIMEE", "other": "other: replaced at the portal",
		},
		source: `The delay is 30 days (code de la commande publique, R2192-10; others: chorus.payment_delays, as the 50 days of R2192-11) from MISE_A_DISPOSITION (R2192-15).
SUSPENDUE interrupts it once (R2192-27); when the invoice is complete, 30 days begin anew (R2192-29).
Late interest = amount with VAT × days late × rate / 365, of each invoice, to the cent; it runs until the day of payment (R2192-32). The indemnity is 40 EUR an invoice (D2192-35).
`,
		rate:  "Rate = the European Central Bank's on the first day of the half-year in which interest begins to run, + 8 points (R2192-31). The last one known is %s %% of %s: see that it still holds.\n",
		given: "Rate = %s %%, as given, + 8 points (R2192-31).\n",
	},
	"fr": {
		nothing:   "Rien n'est dû, et rien n'a été soldé dans cette période.",
		open:      "DÛ\tFACTURES\tMONTANT\tDEPUIS\tINTÉRÊTS MORATOIRES + INDEMNITÉ",
		recipient: "DESTINATAIRE\tFACTURES\tMONTANT\tDEPUIS\tEN RETARD\tINTÉRÊTS MORATOIRES + INDEMNITÉ",
		settled:   "SOLDÉ\tFACTURES\tMONTANT\tJOURS\tEN RETARD\tINTÉRÊTS MORATOIRES + INDEMNITÉ",
		stages: map[string]string{
			"not_started": "pas encore chez le destinataire", "stopped": "interrompu : SUSPENDUE", "in_time": "dans le délai, plus de 15 jours restants", "due_soon": "dans le délai, 15 jours restants au plus",
			"late_30": "1 à 30 jours de retard", "late_60": "31 à 60 jours de retard", "late_90": "61 à 90 jours de retard", "late_more": "plus de 90 jours de retard",
		},
		how: map[string]string{
			"paid": "payé", "quiet": "sans nouvelles : plus rien n'a été signalé", "given_up": "abandonné : ABANDONNEE", "deleted": "supprimé : SUPPRIMEE", "other": "autre : remplacé sur le portail",
		},
		source: `Le délai est de 30 jours (code de la commande publique, R2192-10 ; autres : chorus.payment_delays, comme les 50 jours de R2192-11) à compter de MISE_A_DISPOSITION (R2192-15).
SUSPENDUE l'interrompt une fois (R2192-27) ; quand la facture est complète, un nouveau délai de 30 jours s'ouvre (R2192-29).
Intérêts moratoires = montant TTC × jours de retard × taux / 365, par facture, au centime ; ils courent jusqu'au jour du paiement (R2192-32). L'indemnité est de 40 EUR par facture (D2192-35).
`,
		rate:  "Taux = celui de la Banque centrale européenne au premier jour du semestre où les intérêts commencent à courir, + 8 points (R2192-31). Le dernier connu est de %s %% au %s : vérifiez qu'il vaut toujours.\n",
		given: "Taux = %s %%, comme indiqué, + 8 points (R2192-31).\n",
	},
}
