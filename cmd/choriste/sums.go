package main

import (
	"encoding/csv"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/store"
)

// sums prints what the selected invoices are worth, by state and currency, and all together.
func (a *app) sums(st *store.Store, f store.Filter) error {
	list, err := st.Sums(a.ctx, f)
	if err != nil {
		return err
	}
	if a.json {
		for _, n := range list {
			if err := a.print(n); err != nil {
				return err
			}
		}
		return nil
	}
	total, all := map[string]decimal.Decimal{}, 0
	w := visible.NewTable(a.out)
	w.Printf("STATE\tINVOICES\tTTC\n")
	for _, n := range list {
		all += n.Count
		if n.Amount.Valid {
			total[or(n.Devise, "")] = total[or(n.Devise, "")].Add(n.Amount.Decimal)
		}
		w.Printf("%s\t%d\t%s\n", n.State, n.Count, cell(worth(n.Amount, n.Devise, "")))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	a.printf("\n%d invoices", all)
	for _, devise := range slices.Sorted(maps.Keys(total)) {
		a.printf(", %s %s", total[devise].StringFixed(2), devise)
	}
	a.printf("\n")
	return nil
}

// invoicesCSV prints invoices for a French Excel: semicolons, decimal commas, a byte-order mark, and no cell that it would take for a formula.
func (a *app) invoicesCSV(list []store.Status) error {
	_, _ = io.WriteString(a.raw, "\ufeff")
	w := csv.NewWriter(a.raw)
	w.Comma, w.UseCRLF = ';', true
	text := func(s *string) string {
		v := visible.Text(or(s, ""))
		if strings.HasPrefix(v, "=") || strings.HasPrefix(v, "+") || strings.HasPrefix(v, "-") || strings.HasPrefix(v, "@") {
			return "'" + v
		}
		return v
	}
	day := func(d *store.Day) string {
		if d == nil {
			return ""
		}
		return d.String()
	}
	_ = w.Write([]string{
		"id", "external_ref", "account", "state", "reason_code", "reason", "numero_facture", "date_facture", "fournisseur_siret", "destinataire_siret",
		"montant_ttc", "devise", "numero_flux_depot", "date_depot", "identifiant_facture_cpp", "statut_courant", "statut_commentaire",
	})
	for _, i := range list {
		amount, number := "", ""
		if i.MontantTTC.Valid {
			amount = strings.Replace(i.MontantTTC.Decimal.StringFixed(2), ".", ",", 1)
		}
		if i.IdentifiantFactureCPP != nil {
			number = strconv.FormatInt(*i.IdentifiantFactureCPP, 10)
		}
		ref, account := i.ExternalRef, i.Account
		_ = w.Write([]string{
			strconv.FormatInt(i.ID, 10), text(&ref), text(&account), string(i.State), text(i.ReasonCode), text(i.Reason), text(i.NumeroFacture), day(i.DateFacture),
			text(i.FournisseurSIRET), text(i.DestinataireSIRET), amount, text(i.Devise), text(i.NumeroFluxDepot), day(i.DateDepot), number, text(i.StatutCourant), text(i.StatutCommentaire),
		})
	}
	w.Flush()
	return w.Error()
}
