package operate

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/store"
)

// Column is one of a list of invoices, by the name that it has in chorus.invoice_status.
type Column struct {
	Name   string
	En, Fr string                      // its head
	Text   func(i store.Status) string // for people; "" = nothing
	csv    func(i store.Status) string // for a spreadsheet; nil = Text
}

// Head is the head of the column in a language, en or fr.
func (c Column) Head(lang string) string {
	if lang == "fr" {
		return c.Fr
	}
	return c.En
}

var columns = []Column{
	{"id", "ID", "ID", func(i store.Status) string { return strconv.FormatInt(i.ID, 10) }, nil},
	{"external_ref", "REF", "RÉF", func(i store.Status) string { return i.ExternalRef }, nil},
	{"account", "ACCOUNT", "COMPTE", func(i store.Status) string { return i.Account }, nil},
	{"state", "STATE", "ÉTAT", func(i store.Status) string { return string(i.State) }, nil},
	{"reason_code", "CODE", "CODE", func(i store.Status) string { return text(i.ReasonCode) }, nil},
	{
		"reason", "REASON", "MOTIF", func(i store.Status) string { return strings.TrimSpace(text(i.ReasonCode) + " " + text(i.Reason)) },
		func(i store.Status) string { return text(i.Reason) },
	},
	{"numero_facture", "NUMBER", "NUMÉRO", func(i store.Status) string { return text(i.NumeroFacture) }, nil},
	{"date_facture", "DATE", "DATE", func(i store.Status) string { return dayText(i.DateFacture) }, nil},
	{"fournisseur_siret", "SUPPLIER", "FOURNISSEUR", func(i store.Status) string { return text(i.FournisseurSIRET) }, nil},
	{"destinataire_siret", "RECIPIENT", "DESTINATAIRE", func(i store.Status) string { return text(i.DestinataireSIRET) }, nil},
	{"montant_ttc", "TTC", "TTC", func(i store.Status) string { return amountText(i.MontantTTC, i.Devise) }, func(i store.Status) string { return csvAmount(i.MontantTTC) }},
	{"montant_signe", "TTC", "TTC", func(i store.Status) string { return amountText(i.MontantSigne, i.Devise) }, func(i store.Status) string { return csvAmount(i.MontantSigne) }},
	{"devise", "CURRENCY", "DEVISE", func(i store.Status) string { return text(i.Devise) }, nil},
	{"numero_flux_depot", "FLUX", "FLUX", func(i store.Status) string { return text(i.NumeroFluxDepot) }, nil},
	{"date_depot", "DEPOSITED", "DÉPÔT", func(i store.Status) string { return dayText(i.DateDepot) }, nil},
	{"identifiant_facture_cpp", "CPP", "CPP", func(i store.Status) string {
		if i.IdentifiantFactureCPP == nil {
			return ""
		}
		return strconv.FormatInt(*i.IdentifiantFactureCPP, 10)
	}, nil},
	{"statut_courant", "STATUS", "STATUT", func(i store.Status) string { return text(i.StatutCourant) }, nil},
	{"statut_courant_date", "TOLD", "LE", func(i store.Status) string {
		if i.StatutCourantDate == nil {
			return ""
		}
		return momentText(*i.StatutCourantDate)
	}, nil},
	{"statut_commentaire", "COMMENT", "COMMENTAIRE", func(i store.Status) string { return text(i.StatutCommentaire) }, nil},
	{"attempts", "ATTEMPTS", "ESSAIS", func(i store.Status) string { return strconv.Itoa(i.Attempts) }, nil},
	{"findings", "FINDINGS", "REMARQUES", func(i store.Status) string { return strconv.Itoa(i.Findings) }, nil},
	{"created_at", "INSERTED", "INSÉRÉE", func(i store.Status) string { return momentText(i.CreatedAt) }, nil},
	{"updated_at", "CHANGED", "MODIFIÉE", func(i store.Status) string { return momentText(i.UpdatedAt) }, nil},
}

// The columns of a list that nobody chose any for: on a screen, on a wide one, and in a CSV.
var (
	TableColumns = named("id state numero_facture montant_signe statut_courant findings reason")
	WideColumns  = named("id account state numero_facture date_facture fournisseur_siret destinataire_siret montant_signe statut_courant statut_courant_date date_depot" +
		" numero_flux_depot external_ref created_at updated_at findings reason")
	csvColumns = named("id external_ref account state reason_code reason numero_facture date_facture fournisseur_siret destinataire_siret montant_ttc devise" +
		" numero_flux_depot date_depot identifiant_facture_cpp statut_courant statut_commentaire montant_signe")
)

func named(names string) []Column {
	list, err := ParseColumns(strings.Fields(names))
	if err != nil {
		panic(err) // written above
	}
	return list
}

// ColumnNames lists the names of columns.
func ColumnNames() []string {
	var names []string
	for _, c := range columns {
		names = append(names, c.Name)
	}
	return names
}

// ParseColumns finds columns by their names, or by those that their keys have in a query. The error is a *QueryError.
func ParseColumns(names []string) ([]Column, error) {
	var list []Column
	for _, name := range names {
		at := slices.IndexFunc(columns, func(c Column) bool { return c.Name == name })
		if k := keyNamed(name); at < 0 && k != nil && len(k.columns) > 0 {
			at = slices.IndexFunc(columns, func(c Column) bool { return c.Name == k.columns[0] })
		}
		if at < 0 {
			return nil, queryErrorf("there is no column %s: there are %s", "il n'y a pas de colonne %s : il y a %s", visible.Short(name), strings.Join(ColumnNames(), ", "))
		}
		list = append(list, columns[at])
	}
	return list, nil
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func dayText(d *store.Day) string {
	if d == nil {
		return ""
	}
	return d.String()
}

func momentText(t time.Time) string { return t.Local().Format("2006-01-02 15:04 -07:00") }

func amountText(amount decimal.NullDecimal, devise *string) string {
	if !amount.Valid {
		return ""
	}
	return strings.TrimSpace(amount.Decimal.StringFixed(2) + " " + text(devise))
}

// Some are the values of some columns of an invoice, by name, as JSON has them.
func Some(i store.Status, columns []Column) map[string]any {
	v, some := reflect.ValueOf(i), map[string]any{}
	for _, c := range columns {
		for n := range v.NumField() {
			if name := v.Type().Field(n).Tag.Get("json"); name == c.Name || name == "findings_count" && c.Name == "findings" {
				some[name] = v.Field(n).Interface()
			}
		}
	}
	return some
}
