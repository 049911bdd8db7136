package operate_test

import (
	"slices"
	"testing"

	"github.com/choriste/choriste/operate"
)

// TestFind tries every name of an invoice, and what several or none have.
func TestFind(t *testing.T) {
	d := newDesk(t)
	first := d.invoice("F-1", "deposited", `numero_flux_depot = 'CPP0000000000000000001', identifiant_facture_cpp = 987654321`)
	second := d.invoice("F-2", "invalid", ``)
	d.sql(`UPDATE chorus.invoices SET numero_facture = 'SAME', external_ref = 'ref' || id`)
	d.invoice("2", "parked", `identifiant_facture_cpp = 55`)
	for _, c := range []struct {
		text string
		want []int64
	}{
		{"1", []int64{first}},
		{"2", []int64{second}}, // an id, before the number of another one
		{"ref1", []int64{first}},
		{"SAME", []int64{second, first}},
		{"CPP0000000000000000001", []int64{first}},
		{"987654321", []int64{first}},
		{"55", []int64{3}},
		{"", nil},
		{"0", nil},
		{"99999999999999999999999999", nil},
		{"\xff", nil},
		{"' OR true --", nil},
	} {
		list, err := operate.Find(t.Context(), d.owner, c.text)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
		}
		var got []int64
		for _, f := range list {
			got = append(got, f.ID)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q means %v, wanted %v", c.text, got, c.want)
		}
	}
}
