package operate

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/store"
)

// InvoicesCSV writes invoices for a French Excel: semicolons, decimal commas, a byte-order mark, and no cell that it would take for a formula.
type InvoicesCSV struct{ w *csv.Writer }

// NewInvoicesCSV writes the head line.
func NewInvoicesCSV(out io.Writer) *InvoicesCSV {
	return &InvoicesCSV{newCSV(
		out, "id", "external_ref", "account", "state", "reason_code", "reason", "numero_facture", "date_facture", "fournisseur_siret", "destinataire_siret",
		"montant_ttc", "devise", "numero_flux_depot", "date_depot", "identifiant_facture_cpp", "statut_courant", "statut_commentaire",
	)}
}

func newCSV(out io.Writer, heads ...string) *csv.Writer {
	_, _ = io.WriteString(out, "\ufeff")
	w := csv.NewWriter(out)
	w.Comma, w.UseCRLF = ';', true
	_ = w.Write(heads)
	return w
}

// Write adds lines. It returns the first error of out.
func (c *InvoicesCSV) Write(list []store.Status) error {
	for _, i := range list {
		number := ""
		if i.IdentifiantFactureCPP != nil {
			number = strconv.FormatInt(*i.IdentifiantFactureCPP, 10)
		}
		_ = c.w.Write([]string{
			strconv.FormatInt(i.ID, 10), csvText(&i.ExternalRef), csvText(&i.Account), string(i.State), csvText(i.ReasonCode), csvText(i.Reason),
			csvText(i.NumeroFacture), csvDay(i.DateFacture), csvText(i.FournisseurSIRET), csvText(i.DestinataireSIRET), csvAmount(i.MontantTTC), csvText(i.Devise),
			csvText(i.NumeroFluxDepot), csvDay(i.DateDepot), number, csvText(i.StatutCourant), csvText(i.StatutCommentaire),
		})
	}
	c.w.Flush()
	return c.w.Error()
}

// csvText keeps a spreadsheet from taking what others wrote for a formula.
func csvText(s *string) string {
	if s == nil {
		return ""
	}
	v := visible.Text(*s)
	if strings.IndexAny(v, "=+-@") == 0 {
		return "'" + v
	}
	return v
}

func csvDay(d *store.Day) string {
	if d == nil {
		return ""
	}
	return d.String()
}
