package operate

// Stages are those of the legal clock, in its order.
var Stages = []string{"not_started", "stopped", "in_time", "due_soon", "late_30", "late_60", "late_90", "late_more"}

var moneyStages = map[string][2]string{
	"not_started": {"not with the recipient yet", "pas encore chez le destinataire"},
	"stopped":     {"stopped: SUSPENDUE", "interrompu : SUSPENDUE"},
	"in_time":     {"in time, more than 15 days left", "dans le délai, plus de 15 jours restants"},
	"due_soon":    {"in time, 15 days left at most", "dans le délai, 15 jours restants au plus"},
	"late_30":     {"1 to 30 days late", "1 à 30 jours de retard"},
	"late_60":     {"31 to 60 days late", "31 à 60 jours de retard"},
	"late_90":     {"61 to 90 days late", "61 à 90 jours de retard"},
	"late_more":   {"more than 90 days late", "plus de 90 jours de retard"},
}

var moneyHow = map[string][2]string{
	"paid":     {"paid", "payé"},
	"quiet":    {"quiet: nothing more was reported", "sans nouvelles : plus rien n'a été signalé"},
	"given_up": {"given up: ABANDONNEE", "abandonné : ABANDONNEE"},
	"deleted":  {"deleted: SUPPRIMEE", "supprimé : SUPPRIMEE"},
	"other":    {"other: replaced at the portal", "autre : remplacé sur le portail"},
}

// StageText is a stage of the legal clock in words, in a language, en or fr.
func StageText(stage, lang string) string { return moneyStages[stage][langAt(lang)] }

// SettledText says how something was settled.
func SettledText(how, lang string) string { return moneyHow[how][langAt(lang)] }

// MoneySource says by which law the figures are reckoned.
func MoneySource(lang string) string {
	return [2]string{`The delay is 30 days (code de la commande publique, R2192-10; others: chorus.payment_delays, as the 50 days of R2192-11) from MISE_A_DISPOSITION (R2192-15).
SUSPENDUE interrupts it once (R2192-27); when the invoice is complete, 30 days begin anew (R2192-29).
Late interest = amount with VAT × days late × rate / 365, of each invoice, to the cent; it runs until the day of payment (R2192-32). The indemnity is 40 EUR an invoice (D2192-35).
`, `Le délai est de 30 jours (code de la commande publique, R2192-10 ; autres : chorus.payment_delays, comme les 50 jours de R2192-11) à compter de MISE_A_DISPOSITION (R2192-15).
SUSPENDUE l'interrompt une fois (R2192-27) ; quand la facture est complète, un nouveau délai de 30 jours s'ouvre (R2192-29).
Intérêts moratoires = montant TTC × jours de retard × taux / 365, par facture, au centime ; ils courent jusqu'au jour du paiement (R2192-32). L'indemnité est de 40 EUR par facture (D2192-35).
`}[langAt(lang)]
}

func langAt(lang string) int {
	if lang == "fr" {
		return 1
	}
	return 0
}
