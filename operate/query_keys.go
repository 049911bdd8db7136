package operate

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/store"
)

// QueryKey describes a key of the query language, for help, forms and completion.
type QueryKey struct {
	Name    string   `json:"key"`
	Also    []string `json:"also"` // other names, French ones and those of the columns
	Values  []string `json:"values,omitempty"`
	Example string   `json:"example"`
	En      string   `json:"en"`
	Fr      string   `json:"fr"`
}

type queryKind int

const (
	kindName   queryKind = iota // a text, with stars
	kindOneOf                   // one of the key's values
	kindSIRET                   // 14 digits, or 9
	kindID                      // a whole number
	kindAmount                  // a decimal number, compared
	kindDay                     // a day, month or year of Paris, compared; the column is a date
	kindMoment                  // the same; the column is a moment
	kindAge                     // longer ago, or less long ago, than so many days or hours
)

type queryKey struct {
	name        string
	also        string // separated by spaces
	kind        queryKind
	columns     []string
	values      []string
	indexed     bool // the column is compared by its bytes, and an index finds what a text begins with
	example     string
	description [2]string // en, fr
}

// anyName is the key of a word without one.
var anyName = &queryKey{name: "name", kind: kindName, columns: []string{"numero_facture", "external_ref", "numero_flux_depot"}}

// What is: can be asked.
const (
	isUnpaid    = "unpaid"
	isUnusual   = "unusual"
	isRetriable = "retriable"
	isListed    = "listed"
	isDismissed = "dismissed"
)

var queryKeys = []*queryKey{
	{"state", "etat", kindOneOf, []string{"state"}, stateNames(), false, "state:rejected,invalid", [2]string{"where it stands here (docs/states.md)", "où elle en est ici (docs/states.md)"}},
	{"account", "compte", kindName, []string{"account"}, nil, false, "account:default", [2]string{"the technical account that sends it", "le compte technique qui l'envoie"}},
	{"reason", "motif reason_code", kindName, []string{"reason_code"}, nil, false, "reason:BR-CO-*", [2]string{"the reason code", "le code de motif"}},
	{"statut", "status statut_courant", kindName, []string{"statut_courant"}, nil, false, "statut:SUSPENDUE", [2]string{"the status at Chorus Pro", "le statut à Chorus Pro"}},
	{"number", "numero numero_facture", kindName, []string{"numero_facture"}, nil, true, "number:F-2026*", [2]string{"the invoice number (BT-1)", "le numéro de facture (BT-1)"}},
	{"ref", "reference external_ref", kindName, []string{"external_ref"}, nil, false, "ref:ERP-17", [2]string{"the application's external_ref", "la référence external_ref de l'application"}},
	{"flux", "numero_flux_depot", kindName, []string{"numero_flux_depot"}, nil, true, "flux:CPP123*", [2]string{"the flux number of the deposit", "le numéro de flux du dépôt"}},
	{"cpp", "identifiant_facture_cpp", kindID, []string{"identifiant_facture_cpp"}, nil, false, "cpp:7001234", [2]string{"Chorus Pro's identifiantFactureCPP", "l'identifiantFactureCPP de Chorus Pro"}},
	{"id", "", kindID, []string{"id"}, nil, false, "id:12,13", [2]string{"the id here", "l'id d'ici"}},
	{
		"siret", "siren", kindSIRET,
		[]string{"destinataire_siret", "fournisseur_siret"},
		nil, true, "siret:21750001600019",
		[2]string{"recipient or supplier, by SIRET or SIREN", "destinataire ou fournisseur, par SIRET ou SIREN"},
	},
	{"recipient", "destinataire destinataire_siret", kindSIRET, []string{"destinataire_siret"}, nil, true, "recipient:217500016", [2]string{"the recipient (BT-47)", "le destinataire (BT-47)"}},
	{"supplier", "fournisseur fournisseur_siret", kindSIRET, []string{"fournisseur_siret"}, nil, true, "supplier:999999998", [2]string{"the supplier (BT-30)", "le fournisseur (BT-30)"}},
	{"amount", "montant montant_ttc", kindAmount, []string{"montant_ttc"}, nil, false, "amount:>1000", [2]string{"the total with tax (BT-112)", "le montant TTC (BT-112)"}},
	{"currency", "devise", kindName, []string{"devise"}, nil, false, "currency:EUR", [2]string{"the currency (BT-5)", "la devise (BT-5)"}},
	{"issued", "emise date_facture", kindDay, []string{"date_facture"}, nil, false, "issued:2026-11", [2]string{"its date (BT-2)", "sa date (BT-2)"}},
	{"deposited", "deposee date_depot", kindDay, []string{"date_depot"}, nil, false, "deposited:>=2026-11-15", [2]string{"the portal's day of the deposit", "le jour du dépôt selon le portail"}},
	{"inserted", "inseree created_at", kindMoment, []string{"created_at"}, nil, false, "inserted:2026-11-01..2026-11-15", [2]string{"the day it was inserted", "le jour de son insertion"}},
	{"changed", "modifiee updated_at", kindMoment, []string{"updated_at"}, nil, false, "changed:today", [2]string{"the day of its last change", "le jour de son dernier changement"}},
	{"told", "statut_date statut_courant_date", kindMoment, []string{"statut_courant_date"}, nil, false, "told:<2026-11-01", [2]string{"the day of its status at Chorus Pro", "le jour de son statut à Chorus Pro"}},
	{"older", "depuis", kindAge, []string{"created_at"}, nil, false, "older:30d", [2]string{"inserted longer ago", "insérée il y a plus longtemps"}},
	{"newer", "moins", kindAge, []string{"created_at"}, nil, false, "newer:12h", [2]string{"inserted less long ago", "insérée il y a moins longtemps"}},
	{
		"is", "est", kindOneOf, nil,
		[]string{isDismissed, isListed, isRetriable, isUnpaid, isUnusual},
		false, "is:unpaid",
		[2]string{
			"unpaid: at Chorus Pro and not paid; unusual: its status was unknown or went back; listed: needs a person (todo); retriable: can be read or sent again, and does not wait for a second person; dismissed: taken off the list",
			"unpaid : à Chorus Pro et pas payée ; unusual : son statut était inconnu ou a reculé ; listed : attend une personne (todo) ; retriable : peut être relue ou renvoyée, et n'attend pas de deuxième personne ; dismissed : retirée de la liste",
		},
	},
}

// QueryKeys lists the keys of the query language.
func QueryKeys() []QueryKey {
	var list []QueryKey
	for _, k := range queryKeys {
		list = append(list, QueryKey{k.name, strings.Fields(k.also), k.values, k.example, k.description[0], k.description[1]})
	}
	return list
}

func stateNames() []string {
	var names []string
	for _, s := range store.States {
		names = append(names, string(s))
	}
	return names
}

func keyNames() []string {
	var names []string
	for _, k := range queryKeys {
		names = append(names, k.name)
	}
	return names
}

func keyNamed(name string) *queryKey {
	for _, k := range queryKeys {
		if k.name == name || slices.Contains(strings.Fields(k.also), name) {
			return k
		}
	}
	return nil
}

// maxText is how many characters a text has at most that an invoice can have as a name.
const maxText = 200

var (
	sirenOrSIRET  = regexp.MustCompile(`^([0-9]{9}|[0-9]{14})$`)
	amountPattern = regexp.MustCompile(`^-?[0-9]{1,15}([.,][0-9]{1,6})?$`)
	agePattern    = regexp.MustCompile(`^([0-9]{1,5})([hdj])$`)
)

// read turns a value into what the key compares with.
func (k *queryKey) read(v value) (value, error) {
	text := v.text()
	ok := !v.pattern() || k.kind == kindName
	switch k.kind {
	case kindName:
		ok = text != "" && utf8.RuneCountInString(text) <= maxText
	case kindOneOf:
		ok = ok && slices.Contains(k.values, text)
	case kindSIRET:
		ok = ok && sirenOrSIRET.MatchString(text)
	case kindID:
		n, err := strconv.ParseInt(text, 10, 64)
		v.test, ok = n, ok && err == nil
	case kindAge:
		age, fits := ParseAge(text)
		v.test, ok = age, ok && fits
	case kindAmount:
		s, fits := readSpan(text, func(s string) (decimal.Decimal, decimal.Decimal, bool) {
			if !amountPattern.MatchString(s) {
				return decimal.Zero, decimal.Zero, false
			}
			d := decimal.RequireFromString(strings.Replace(s, ",", ".", 1))
			return d, d, true
		})
		v.test, ok = s, ok && fits
	case kindDay, kindMoment:
		s, fits := readSpan(text, readDays)
		v.test, ok = s, ok && fits
	}
	if !ok {
		return v, k.wrong(v)
	}
	return v, nil
}

// wrong says which values the key takes, of one that it does not.
func (k *queryKey) wrong(v value) *QueryError {
	text := visible.Short(v.text())
	if text == "" {
		text = `""`
	}
	en, fr := "", ""
	switch k.kind {
	case kindName:
		en, fr = "a text of 1 to 200 characters, with stars where anything may stand", "un texte de 1 à 200 caractères, avec des étoiles là où tout est permis"
	case kindOneOf:
		en = "one of " + strings.Join(k.values, ", ")
		fr = "l'une des valeurs " + strings.Join(k.values, ", ")
	case kindSIRET:
		en, fr = "a SIRET (14 digits) or a SIREN (9)", "un SIRET (14 chiffres) ou un SIREN (9)"
	case kindID:
		en, fr = "a whole number", "un nombre entier"
	case kindAmount:
		en, fr = "an amount as 120, 120.50, >1000, <=500 or 100..200", "un montant comme 120, 120,50, >1000, <=500 ou 100..200"
	case kindDay, kindMoment:
		en = "a day as 2026-11-23, 2026-11, 2026, today, yesterday, this-month, last-month, >=2026-11-01 or 2026-11-01..2026-11-15"
		fr = "un jour comme 2026-11-23, 2026-11, 2026, aujourd'hui, hier, ce-mois, mois-dernier, >=2026-11-01 ou 2026-11-01..2026-11-15"
	case kindAge:
		en, fr = "an age of at most 36500d, as 30d or 12h", "un âge d'au plus 36500d, comme 30d ou 12h"
	}
	return &QueryError{En: fmt.Sprintf("%s: %s is not %s", k.name, text, en), Fr: fmt.Sprintf("%s : %s n'est pas %s", k.name, text, fr)}
}

// ParseAge reads an age as 30d, 30j or 12h.
func ParseAge(text string) (time.Duration, bool) {
	m := agePattern.FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	n, _ := strconv.Atoi(m[1])
	unit := 24 * time.Hour
	if m[2] == "h" {
		unit = time.Hour
	}
	return time.Duration(n) * unit, n <= 36500
}

// span is from one bound to another, each included or not, or absent.
type span[T any] struct {
	from, to         *T
	fromOpen, toOpen bool // the bound itself is not in it
}

// readSpan reads a value, a comparison with one (>, >=, <, <=), or two values with .. between, either of which may be missing. read gives the beginning of what a text
// stands for, and its end; both are in it.
func readSpan[T any](text string, read func(string) (T, T, bool)) (s span[T], ok bool) {
	first, last, between := strings.Cut(text, "..")
	if between {
		if first != "" {
			from, _, fits := read(first)
			if !fits {
				return s, false
			}
			s.from = &from
		}
		if last != "" {
			_, to, fits := read(last)
			if !fits {
				return s, false
			}
			s.to = &to
		}
		return s, first+last != ""
	}
	operand := strings.TrimLeft(text, "<>=")
	from, to, ok := read(operand)
	switch strings.TrimSuffix(text, operand) {
	case "", "=":
		s = span[T]{from: &from, to: &to}
	case ">":
		s = span[T]{from: &to, fromOpen: true}
	case ">=":
		s = span[T]{from: &from}
	case "<":
		s = span[T]{to: &from, toOpen: true}
	case "<=":
		s = span[T]{to: &to}
	default:
		ok = false
	}
	return s, ok
}

// day is one of the calendar, or so many days before the database's today in Paris, or the first or the last day of the month so many months ago.
type day struct {
	date  string
	back  int
	month string // first or last
}

// readDays reads a day, month or year: its first day and its last one.
func readDays(text string) (first, last day, ok bool) {
	switch text {
	case "today", "aujourd'hui":
		return day{back: 0}, day{back: 0}, true
	case "yesterday", "hier":
		return day{back: 1}, day{back: 1}, true
	case "this-month", "ce-mois":
		return day{month: "first"}, day{month: "last"}, true
	case "last-month", "mois-dernier":
		return day{month: "first", back: 1}, day{month: "last", back: 1}, true
	}
	for _, form := range []struct {
		layout        string
		months, years int
	}{{time.DateOnly, 0, 0}, {"2006-01", 1, 0}, {"2006", 0, 1}} {
		t, err := time.Parse(form.layout, text)
		if err != nil || t.Year() < 1 {
			continue
		}
		end := t
		if form.months+form.years > 0 {
			end = t.AddDate(form.years, form.months, -1)
		}
		return day{date: t.Format(time.DateOnly)}, day{date: end.Format(time.DateOnly)}, true
	}
	return first, last, false
}
