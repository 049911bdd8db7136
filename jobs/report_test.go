package jobs

import (
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/store"
)

// A report that speaks of another flux or invoice refuses nothing of ours.
func TestAnothersReport(t *testing.T) {
	t.Parallel()
	sent := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	inv := store.Invoice{NumeroFacture: "F-042", FournisseurSIRET: "11111111111111"}
	errs := func(e ...chorus.ErreurDP) []chorus.ErreurDP { return e }
	for name, x := range map[string]struct {
		day  time.Time
		errs []chorus.ErreurDP
		want string
	}{
		"says nothing":                    {},
		"ours":                            {sent, errs(chorus.ErreurDP{NumeroDP: "F-042", IdentifiantFournisseur: "11111111111111"}), ""},
		"ours, written otherwise":         {sent, errs(chorus.ErreurDP{NumeroDP: " f-042", IdentifiantFournisseur: "111 111 111 00022"}), ""},
		"no number":                       {sent, errs(chorus.ErreurDP{}), ""},
		"a supplier without a SIRET":      {sent, errs(chorus.ErreurDP{NumeroDP: "F-042", IdentifiantFournisseur: "FR7712"}), ""},
		"another number":                  {sent, errs(chorus.ErreurDP{NumeroDP: "F-43"}), "invoice F-43"},
		"another supplier":                {sent, errs(chorus.ErreurDP{NumeroDP: "F-042", IdentifiantFournisseur: "22222222211111"}), "supplier 22222222211111"},
		"another's and ours":              {sent, errs(chorus.ErreurDP{NumeroDP: "F-43"}, chorus.ErreurDP{NumeroDP: "F-042"}), ""},
		"an old flux":                     {sent.AddDate(0, 0, -3), nil, "2026-02-27"},
		"an old flux with our number":     {sent.AddDate(-7, 0, 0), errs(chorus.ErreurDP{NumeroDP: "F-042"}), "2019-03-02"},
		"the day before, by another zone": {sent.AddDate(0, 0, -1), nil, ""},
		"later":                           {sent.AddDate(0, 1, 0), nil, ""},
	} {
		got := anothers(inv, sent, chorus.Report{DateDepotFlux: chorus.Date{Time: x.day}, ErreursDP: x.errs})
		if x.want == "" && got != "" || !strings.Contains(got, x.want) {
			t.Errorf("%s: %q, want %q", name, got, x.want)
		}
	}
	if got := anothers(inv, time.Time{}, chorus.Report{DateDepotFlux: chorus.Date{Time: sent}}); got != "" {
		t.Errorf("never sent, as far as is known: %q", got)
	}
}
