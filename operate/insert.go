package operate

import (
	"cmp"
	"context"
	"fmt"

	"github.com/choriste/choriste/store"
)

// Insert inserts an invoice, as the commands and the console do. Where its external_ref is taken, the error is a *RefTaken, which names the invoice that has it.
func Insert(ctx context.Context, st *store.Store, n store.Insertion) (int64, error) {
	id, err := st.Submit(ctx, n)
	if store.Taken(err) {
		account := cmp.Or(n.Account, "default")
		if first, state, found := st.ByRef(ctx, account, n.ExternalRef); found == nil {
			return 0, &RefTaken{Invoice: first, Account: account, State: state}
		}
	}
	return id, err
}

// RefTaken tells that an external_ref is another invoice's.
type RefTaken struct {
	Invoice int64
	Account string
	State   store.State
}

func (e *RefTaken) Error() string { return e.Text("en") }

// Text is the error in a language, en or fr.
func (e *RefTaken) Text(lang string) string {
	text := "invoice %d of account %s has this external_ref already (it is %s): nothing was inserted; choriste show %[1]d says more"
	if lang == "fr" {
		text = "la facture %d du compte %s a déjà cette référence external_ref (elle est %s) : rien n'a été inséré ; choriste show %[1]d en dit plus"
	}
	return fmt.Sprintf(text, e.Invoice, e.Account, e.State)
}
