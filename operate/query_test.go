package operate_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

func parse(t testing.TB, text string) operate.Query {
	t.Helper()
	q, err := operate.ParseQuery(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return q
}

// row is an invoice with columns that invoice sets, too.
func (d *desk) row(number, state, set string) int64 {
	d.Helper()
	id := d.invoice(number, state, "")
	d.sql(fmt.Sprintf(`UPDATE chorus.invoices SET %s WHERE id = %d`, set, id))
	return id
}

// TestQuery tries every key on rows that differ in what it asks for.
func TestQuery(t *testing.T) {
	d := newDesk(t)
	st := store.New(d.owner)
	d.sql(`INSERT INTO chorus.accounts (name) VALUES ('default'), ('second') ON CONFLICT DO NOTHING`)
	a := d.row("F-2026-1", "rejected", `reason_code = 'FLUX_REJECTED', destinataire_siret = '21750001600019', montant_ttc = 1000.50, date_facture = '2026-11-30'`)
	b := d.row("F-2026_2", "integrated", `statut_courant = 'SUSPENDUE', statut_courant_date = '2026-11-03 23:30+01', destinataire_siret = '21750001600027', montant_ttc = 99,
		numero_flux_depot = 'CPP7', identifiant_facture_cpp = 700, date_depot = '2026-11-02 12:00+01', date_facture = '2026-11-01'`)
	c := d.row("G 3", "invalid", `reason_code = 'BR-CO-10', fournisseur_siret = '21750001600019', montant_ttc = NULL, devise = NULL, account = 'second', created_at = clock_timestamp() - interval '40 days'`)
	e := d.row("100%", "settled", `devise = 'CHF', updated_at = clock_timestamp() - interval '1 day', statut_courant = 'MISE_EN_PAIEMENT'`)
	for _, x := range []struct {
		query string
		want  []int64
	}{
		{"", []int64{e, c, b, a}},
		{"state:rejected", []int64{a}},
		{"etat:rejected,invalid", []int64{c, a}},
		{"-state:rejected,invalid", []int64{e, b}},
		{"account:second", []int64{c}},
		{"account:s*", []int64{c}},
		{"reason:FLUX_REJECTED", []int64{a}},
		{"reason:BR-*", []int64{c}},
		{"-reason:BR-*", []int64{e, b, a}}, // no reason is not that reason
		{"reason:*", []int64{c, a}},
		{"statut:SUSPENDUE", []int64{b}},
		{"number:F-2026*", []int64{b, a}},
		{"number:*1", []int64{a}},
		{"number:F*1", []int64{a}},
		{"number:F-2026_*", []int64{b}}, // an underscore is one
		{`number:100%`, []int64{e}},
		{`number:%*`, nil},
		{`number:"G 3"`, []int64{c}},
		{`number:"F-2026*"`, nil},
		{`"G 3"`, []int64{c}},
		{"CPP7", []int64{b}},
		{"700", []int64{b}},
		{"1", []int64{a}},
		{"-1", []int64{e, c, b}},
		{"F-*", []int64{b, a}},
		{`ref:F-2026-1`, []int64{a}},
		{"flux:CPP*", []int64{b}},
		{"cpp:700", []int64{b}},
		{"id:1,2", []int64{b, a}},
		{"siret:21750001600019", []int64{c, a}},
		{"siret:217500016", []int64{c, b, a}},
		{"recipient:217500016", []int64{b, a}},
		{"supplier:21750001600019", []int64{c}},
		{"amount:>1000", []int64{a}},
		{"amount:1000,50", []int64{a}},
		{"amount:99..120", []int64{e, b}},
		{"amount:..99", []int64{b}},
		{"-amount:<=99", []int64{e, c, a}},
		{"devise:CHF", []int64{e}},
		{"issued:2026-11", []int64{b, a}},
		{"issued:>2026-11-01", []int64{a}},
		{"issued:<=2026-11-29", []int64{b}},
		{"deposited:2026-11-02", []int64{b}},
		{"told:2026-11-03", []int64{b}},
		{"told:>2026-11-03", nil},
		{"told:<2026-11-03", nil},
		{"told:2026-11-01..2026-11-03", []int64{b}},
		{"told:2026", []int64{b}},
		{"inserted:today", []int64{e, b, a}},
		{"inserted:<today", []int64{c}},
		{"inserted:this-month", []int64{e, b, a}},
		{"inserted:<=last-month", []int64{c}},
		{"inseree:>=ce-mois", []int64{e, b, a}},
		{"inserted:>this-month", nil},
		{"changed:yesterday", []int64{e}},
		{"older:30d", []int64{c}},
		{"newer:12h", []int64{e, b, a}},
		{"is:unpaid", []int64{b}},
		{"is:retriable", []int64{c, a}},
		{"is:unusual", nil},
		{"state:integrated statut:SUSPENDUE siret:217500016 amount:<100 newer:1d", []int64{b}},
	} {
		q := parse(t, x.query)
		if err := q.Check(t.Context(), st); err != nil {
			t.Errorf("%s: %v", x.query, err)
		}
		list, err := operate.Invoices(t.Context(), st, operate.Listing{Query: q})
		if err != nil {
			t.Errorf("%s: %v", x.query, err)
		}
		var got []int64
		for _, i := range list {
			got = append(got, i.ID)
		}
		if !slices.Equal(got, x.want) {
			t.Errorf("%s selects %v, wanted %v", x.query, got, x.want)
		}
		sums, err := operate.Sums(t.Context(), st, q)
		n := 0
		for _, s := range sums {
			n += s.Count
		}
		if err != nil || n != len(x.want) {
			t.Errorf("%s: %d are added up, %v", x.query, n, err)
		}
	}
}

// TestQueryErrors: what is wrong is said in both languages, with what would be right.
func TestQueryErrors(t *testing.T) {
	st := store.New(newDesk(t).owner)
	for _, x := range []struct{ query, en, fr string }{
		{"stat:rejected", "state, account, reason", "n'a pas de clé stat"},
		{"F:2026", "quote what holds a colon", "deux-points"},
		{"state:lost", "one of received, ready, sending", "l'une des valeurs received"},
		{"state:reject*", "one of received", "l'une des valeurs"},
		{"state:", `state: "" is not one of`, "l'une des valeurs"},
		{"state:rejected,", `state: "" is not one of`, "l'une des valeurs"},
		{"is:paid", "retriable, unpaid, unusual", "retriable, unpaid, unusual"},
		{"siret:123", "a SIRET (14 digits) or a SIREN (9)", "14 chiffres"},
		{"cpp:x", "a whole number", "nombre entier"},
		{"amount:>lots", "an amount as 120", "un montant comme"},
		{"amount:><1", "an amount as 120", "un montant comme"},
		{"amount:..", "an amount as 120", "un montant comme"},
		{"issued:2026-02-30", "a day as 2026-11-23", "un jour comme"},
		{"older:30", "an age of at most 36500d", "un âge"},
		{"older:99999d", "an age of at most 36500d", "un âge"},
		{`number:"F`, "is not closed", "refermé"},
		{"a*b*c*d*e*f", "at most 4 stars", "au plus 4 étoiles"},
		{strings.Repeat("a ", 21), "at most 20 terms", "au plus 20 termes"},
		{"id:1" + strings.Repeat(",1", 50), "at most 50 values", "au plus 50 valeurs"},
		{strings.Repeat("a", 1001), "at most 1000 bytes", "au plus 1000 octets"},
		{"number:" + strings.Repeat("a", 201), "1 to 200 characters", "1 à 200 caractères"},
		{"a\x00", "without controls", "caractère de contrôle"},
		{"\xff", "UTF-8", "UTF-8"},
		{`""`, `name: "" is not`, "n'est pas"},
		{"account:nobody", "there is no account nobody: there are default", "il n'y a pas de compte nobody : il y a default"},
		{"statut:PAYEE", "MISE_EN_PAIEMENT", "MISE_EN_PAIEMENT"},
		{"reason:FLUX_REJECT", "no reason code FLUX_REJECT: the nearest is FLUX_REJECTED", "le plus proche est FLUX_REJECTED"},
	} {
		q, err := operate.ParseQuery(x.query)
		if err == nil {
			err = q.Check(t.Context(), st)
		}
		var wrong *operate.QueryError
		if !errors.As(err, &wrong) || !strings.Contains(wrong.Error(), x.en) || !strings.Contains(wrong.Text("fr"), x.fr) {
			t.Errorf("%.40q: %v", x.query, err)
		}
	}
}

// TestSort: each order, from page to page, has every row once.
func TestSort(t *testing.T) {
	d := newDesk(t)
	st := store.New(d.owner)
	d.row("B", "integrated", `montant_ttc = 3, statut_courant = 'SUSPENDUE', statut_courant_date = now()`)
	d.row("A", "invalid", `montant_ttc = NULL, reason_code = 'BR-CO-10'`)
	d.row("C", "ready", `montant_ttc = 1`)
	d.row("D", "ready", `montant_ttc = 3`)
	d.row("E", "ready", `montant_ttc = NULL`)
	d.row("F", "settled", `montant_ttc = 2, statut_courant = 'MISE_EN_PAIEMENT', destinataire_siret = '21750001600019'`)
	d.row("G", "settled", `montant_ttc = 2, statut_courant = 'ABANDONNEE'`)
	d.row("H", "settled", `montant_ttc = NULL`)
	d.row("I", "integrated", `montant_ttc = 2, destinataire_siret = '21690123400019'`)
	for _, key := range operate.SortKeys() {
		for _, text := range []string{key, "-" + key} {
			s, err := operate.ParseSort(text)
			if err != nil || s.String() != text {
				t.Fatalf("%s is read as %s, %v", text, s, err)
			}
			whole, err := operate.Invoices(t.Context(), st, operate.Listing{Sort: s})
			if err != nil || len(whole) != 9 {
				t.Fatalf("by %s: %d, %v", text, len(whole), err)
			}
			var after operate.Place
			for i, want := range whole {
				page, err := operate.Invoices(t.Context(), st, operate.Listing{Sort: s, After: after, Limit: 1})
				if err != nil || len(page) != 1 || page[0].ID != want.ID {
					t.Fatalf("by %s, row %d after %s: %+v, %v; wanted %d", text, i, after, page, err, want.ID)
				}
				again, err := operate.ParsePlace(s.Place(page[0]).String())
				if err != nil || again.String() != s.Place(page[0]).String() {
					t.Errorf("the place %s is read as %s, %v", s.Place(page[0]), again, err)
				}
				if after = again; i%2 == 0 {
					after, _ = operate.ParsePlace(fmt.Sprint(want.ID)) // as somebody types it
				}
			}
			if page, err := operate.Invoices(t.Context(), st, operate.Listing{Sort: s, After: after}); err != nil || len(page) > 0 {
				t.Errorf("by %s: %d rows after the last, %v", text, len(page), err)
			}
		}
	}
	for key, column := range map[string]string{"amount": "montant_ttc", "recipient": "destinataire_siret", "reason": "reason_code", "statut": "statut_courant"} {
		for _, text := range []string{key, "-" + key} {
			direction := strings.Repeat(" DESC", strings.Count(text, "-"))
			var want []int64
			if err := d.owner.QueryRow(t.Context(), fmt.Sprintf(`SELECT array_agg(id ORDER BY %[1]s%[2]s NULLS LAST, id%[2]s) FROM chorus.invoices`, column, direction)).Scan(&want); err != nil {
				t.Fatal(err)
			}
			s, _ := operate.ParseSort(text)
			list, err := operate.Invoices(t.Context(), st, operate.Listing{Sort: s})
			var got []int64
			for _, i := range list {
				got = append(got, i.ID)
			}
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("by %s: %v, wanted %v; %v", text, got, want, err)
			}
		}
	}
	s, _ := operate.ParseSort("-amount")
	list, _ := operate.Invoices(t.Context(), st, operate.Listing{Sort: s})
	var order strings.Builder
	for _, i := range list {
		order.WriteString(*i.NumeroFacture)
	}
	if order.String() != "DBIGFCHEA" {
		t.Errorf("by amount: %s", order.String())
	}
	if _, err := operate.ParseSort("price"); err == nil || !strings.Contains(err.Error(), "amount") {
		t.Errorf("sorted by price: %v", err)
	}
}

// TestQuerySet builds queries for links.
func TestQuerySet(t *testing.T) {
	q := parse(t, "state:rejected F-* -account:second")
	for _, x := range []struct{ key, text, want string }{
		{"state", "invalid", "F-* -account:second state:invalid"},
		{"etat", "", "F-* -account:second"},
		{"number", `a "b",*`, `state:rejected F-* -account:second number:"a \"b\",*"`},
	} {
		got, err := q.Set(x.key, x.text)
		if err != nil || got.String() != x.want {
			t.Errorf("%s=%s makes %s, %v", x.key, x.text, got, err)
		}
	}
	for key, text := range map[string]string{"state": "lost", "price": "1"} {
		if _, err := q.Set(key, text); err == nil {
			t.Errorf("%s=%s was taken", key, text)
		}
	}
	if both := q.And(parse(t, "amount:>1")); both.String() != q.String()+" amount:>1" || q.String() != "state:rejected F-* -account:second" {
		t.Errorf("narrowed down: %s; before: %s", both, q)
	}
	if v := q.Values("state"); !slices.Equal(v, []string{"rejected"}) || len(q.Values("account")) > 0 {
		t.Errorf("states %v", v)
	}
}

// onlyOurs is all that a condition is made of: names, parameters and operators.
var onlyOurs = regexp.MustCompile(`^[a-z0-9_ ()$:.,<>=~+\-'A-Z/]*$`)

// FuzzQuery: whatever is written is read or refused, has one form, and becomes SQL that PostgreSQL takes, with every value as a parameter.
func FuzzQuery(f *testing.F) {
	for _, k := range operate.QueryKeys() {
		f.Add(k.Example)
		f.Add("-" + k.Example + "*")
	}
	for _, s := range []string{
		`'; DROP TABLE chorus.invoices; --`, `number:"\" OR true --"`, `"a\\b"*`, `--`, `-`, `a:b:c`, `*`, `ref:"*"`, `amount:1..2`, `"-a"`, `amount:"1,5"`, "number:\u00a0", `-"x y"*z,"q,"`, `9223372036854775807`, `inserted:0001`, `issued:9999-12-31`,
	} {
		f.Add(s)
	}
	d := newDesk(f)
	f.Fuzz(func(t *testing.T, text string) {
		q, err := operate.ParseQuery(text)
		if err != nil {
			if !errors.As(err, new(*operate.QueryError)) {
				t.Fatal(err)
			}
			return
		}
		again, err := operate.ParseQuery(q.String())
		if err != nil && len(q.String()) <= operate.MaxQuery || err == nil && again.String() != q.String() {
			t.Fatalf("%q is %q, and that is %q, %v", text, q, again, err)
		}
		where, args := q.Where([]any{1})
		if !onlyOurs.MatchString(where) {
			t.Fatalf("%q becomes %s", text, where)
		}
		if _, err := d.owner.Exec(context.WithoutCancel(t.Context()), "SELECT id FROM chorus.invoice_status WHERE $1::int = 1 AND "+where, args...); err != nil {
			t.Fatalf("%q becomes %s: %v", text, where, err)
		}
	})
}
