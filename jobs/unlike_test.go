package jobs

import (
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/store"
)

// A person who must decide about an invoice that is not ours is told in what it is not, whatever the portal says.
func TestWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	amount := func(s string) decimal.NullDecimal { return decimal.NewNullDecimal(decimal.RequireFromString(s)) }
	date := func(day int) time.Time { return time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC) }
	ours := store.Invoice{DateFacture: date(31), MontantTTC: amount("1200"), FournisseurSIRET: "99999999800012", DestinataireSIRET: "11000001100011", TypeFacture: "380", Devise: "EUR"}
	theirs := func(change func(*chorus.Facture)) chorus.Facture {
		var f chorus.Facture
		f.DateFacture.Time, f.MontantTTC, f.CodeFournisseur, f.CodeDestinataire = date(31), amount("1200.00"), "99999999800012", "11000001100011"
		change(&f)
		return f
	}
	for want, f := range map[string]chorus.Facture{
		"":                                     theirs(func(*chorus.Facture) {}),
		"date_facture 2026-01-31 ≠ 2026-01-30": theirs(func(f *chorus.Facture) { f.DateFacture.Time = date(30) }),
		"montant_ttc 1200.00 ≠ 1300.00":        theirs(func(f *chorus.Facture) { f.MontantTTC = amount("1300") }),
		"type_facture 380 ≠ AVOIR":             theirs(func(f *chorus.Facture) { f.TypeFacture = "AVOIR" }),
		"devise EUR ≠ USD":                     theirs(func(f *chorus.Facture) { f.Devise = "USD" }),
		"montant_ttc 1200 ≠ 1200.001":          theirs(func(f *chorus.Facture) { f.MontantTTC = amount("1200.001") }),
		"montant_ttc 1200.00 ≠ –; fournisseur_siret 99999999800012 ≠ 99999999800020": theirs(func(f *chorus.Facture) {
			f.MontantTTC, f.CodeFournisseur = decimal.NullDecimal{}, "99999999800020"
		}),
		"destinataire_siret 11000001100011 ≠ ?evil? " + strings.Repeat("x", 33) + "…": theirs(func(f *chorus.Facture) {
			f.CodeDestinataire = "(evil) " + strings.Repeat("x", 4000)
		}),
	} {
		if got, differ := unlike(ours, f); got != want || differ != (want != "" && !strings.Contains(want, "evil")) { // that one is no SIRET
			t.Errorf("%q, want %q; differs: %v", got, want, differ)
		}
		if agrees(ours, f) != (want == "") {
			t.Errorf("%q: agrees %v", want, agrees(ours, f))
		}
	}
	for theirs, want := range map[string]string{"": "", "AVOIR": "", "ACOMPTE": "", "ENTIRELY_NEW": "", "FACTURE": "type_facture 381 ≠ FACTURE"} {
		credit := ours
		credit.TypeFacture = "381"
		got, _ := unlike(credit, chorus.Facture{DateFacture: chorus.Date{Time: date(31)}, MontantTTC: amount("1200"), CodeFournisseur: "99999999800012", CodeDestinataire: "11000001100011", TypeFacture: theirs, Devise: "Euro"})
		if got != want {
			t.Errorf("a credit note and %q: %q, want %q", theirs, got, want)
		}
	}
	// What one side does not say, and another way to write it, speaks neither for nor against: a person is told that it may be this one.
	for want, change := range map[string]func(*store.Invoice, *chorus.Facture){
		"numero_facture fac 7 ≠ FAC7":                      func(i *store.Invoice, f *chorus.Facture) { i.NumeroFacture, f.NumeroFacture = "fac 7", "FAC7" },
		"date_facture 2026-01-31 ≠ –":                      func(_ *store.Invoice, f *chorus.Facture) { f.DateFacture.Time = time.Time{} },
		"montant_ttc 1200.00 ≠ –":                          func(_ *store.Invoice, f *chorus.Facture) { f.MontantTTC = decimal.NullDecimal{} },
		"montant_ttc – ≠ 1200.00":                          func(i *store.Invoice, _ *chorus.Facture) { i.MontantTTC = decimal.NullDecimal{} },
		"fournisseur_siret 99999999800012 ≠ FR32999999998": func(_ *store.Invoice, f *chorus.Facture) { f.CodeFournisseur = "FR32999999998" },
		"destinataire_siret 11000001100011 ≠ –":            func(_ *store.Invoice, f *chorus.Facture) { f.CodeDestinataire = "" },
	} {
		i, f := ours, theirs(func(*chorus.Facture) {})
		change(&i, &f)
		got, differ := unlike(i, f)
		if got != want || differ {
			t.Errorf("%q, want %q; differs: %v", got, want, differ)
		}
		d := afterSearch(Settings{}, doubt{}, search{complete: true, matches: 1, differs: got, alike: !differ})
		if d.To != store.Parked || d.ReasonCode != store.ParkMismatch || !strings.Contains(d.Reason, "may be this one") || !strings.HasSuffix(d.Reason, "(choriste ≠ Chorus Pro: "+want+")") {
			t.Errorf("it is %s with %q", d.To, d.Reason)
		}
	}
	d := afterSearch(Settings{}, doubt{}, search{complete: true, matches: 1, differs: "montant_ttc 1 ≠ 2"})
	if d.ReasonCode != store.ParkMismatch || !strings.HasSuffix(d.Reason, "(choriste ≠ Chorus Pro: montant_ttc 1 ≠ 2)") {
		t.Errorf("it is parked with %q", d.Reason)
	}
}
