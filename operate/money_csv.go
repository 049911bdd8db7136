package operate

import (
	"io"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// MoneyCSV writes lines of chorus.money for a French Excel, as InvoicesCSV does. It returns the first error of out.
func MoneyCSV(out io.Writer, list []MoneyLine) error {
	w := newCSV(
		out, "id", "numero_facture", "date_facture", "account", "fournisseur_siret", "destinataire_siret", "destinataire_nom", "montant_ttc", "devise", "settled", "statut_courant",
		"settled_on", "available_on", "suspended_on", "completed_on", "due_on", "stage", "days_late", "rate", "interest", "indemnity",
	)
	for _, i := range list {
		stage := ""
		if i.Stage != nil {
			stage = *i.Stage
		}
		_ = w.Write([]string{
			strconv.FormatInt(i.Invoice, 10), csvText(i.Numero), csvDay(i.Date), csvText(&i.Account), csvText(i.Fournisseur), csvText(i.Recipient), csvText(i.Name),
			csvAmount(i.Amount), csvText(i.Devise), i.Settled, csvText(i.Statut), csvDay(i.SettledOn), csvDay(i.AvailableOn), csvDay(i.SuspendedOn),
			csvDay(i.CompletedOn), csvDay(i.DueOn), stage, strconv.Itoa(i.DaysLate), csvAmount(i.Rate), csvAmount(i.Interest), csvAmount(i.Indemnity),
		})
	}
	w.Flush()
	return w.Error()
}

func csvAmount(d decimal.NullDecimal) string {
	if !d.Valid {
		return ""
	}
	return strings.Replace(d.Decimal.StringFixed(2), ".", ",", 1)
}
