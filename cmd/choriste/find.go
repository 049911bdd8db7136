package main

import (
	"fmt"
	"strings"

	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

// find is the id of the one invoice that is meant by an id, its number, its external_ref, its flux or its identifiantFactureCPP. Several are listed.
func (a *app) find(st *store.Store, text string) (int64, error) {
	list, err := operate.Find(a.ctx, st.Pool(), text)
	switch {
	case err != nil:
		return 0, err
	case len(list) == 0:
		return 0, inBoth("there is no invoice %s: give its id, its number (BT-1), its external_ref, its flux or its identifiantFactureCPP",
			"il n'y a pas de facture %s : donnez son id, son numéro (BT-1), son external_ref, son flux ou son identifiantFactureCPP", visible.Short(text))
	case len(list) == 1:
		return list[0].ID, nil
	}
	var said []string
	for _, f := range list[:min(len(list), operate.MostFound)] {
		said = append(said, fmt.Sprintf("%d (%s, account %s)", f.ID, f.State, f.Account))
	}
	if len(list) > operate.MostFound {
		said = append(said, "and more")
	}
	return 0, inBoth("%s is several invoices: say which by its id: %s", "%s désigne plusieurs factures : dites laquelle par son id : %s", visible.Short(text), strings.Join(said, ", "))
}
