package worker_test

import (
	"strings"
	"testing"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
)

// Reading a document asks the portal nothing: neither a pause nor an outage nor a closure keeps it waiting.
func TestDocumentsAreReadWhateverIsPaused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	h.until("the worker is accepted", `SELECT accepted IS NOT NULL FROM chorus.accounts WHERE name = 'default'`)
	for what, hold := range map[string]string{
		"a pause":    `SELECT chorus.pause('default', 'holiday')`,
		"an outage":  `UPDATE chorus.breakers SET state = 'open', since = now(), next_at = now() + interval '1 hour'`,
		"a closure":  `INSERT INTO chorus.maintenance VALUES (now() - interval '1 hour', now() + interval '1 hour')`,
		"a refusal":  `UPDATE chorus.accounts SET paused_at = now(), pause_reason = 'ACCOUNT_REFUSED'`,
		"everything": `SELECT 1`,
	} {
		h.exec(hold)
		numero := strings.ToUpper(strings.ReplaceAll(what, " ", "-"))
		good, bad := h.insert(invoicetest.Invoice{Numero: numero}.UBL()), h.insert([]byte("<Invoice>"))
		h.await(bad, store.Invalid)
		h.await(good, store.Ready)
		if n := len(h.sim.Deposits(numero)); n != 0 {
			t.Errorf("%s: it was deposited", what)
		}
	}
}

// Whoever may not search cannot settle a doubt: that is said, with who can change it, and not that the invoice is being looked for.
func TestADoubtThatNobodyMayLookInto(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	h.await(h.insert(invoicetest.Invoice{Numero: "SEEN-1"}.UBL()), store.Integrated, store.Settled)
	sees := func(structures ...string) {
		if err := h.sim.SetAccount(chorustest.DefaultAccount.Login, func(a *chorustest.Account) { a.Structures = structures }); err != nil {
			t.Fatal(err)
		}
	}
	sees("11111111100011")
	h.sim.Faults(chorustest.Fault{Kind: "commit_then_drop", Op: "deposer/flux"})
	id := h.insert(invoicetest.Invoice{Numero: "BLIND-1"}.UBL())
	h.until("it is said that nobody can look, and who grants it", `
		SELECT state = 'in_doubt' AND reason LIKE '%may not look for it%' AND reason LIKE '%administers the supplier''s structure%Factures émises%' FROM chorus.invoices WHERE id = $1`, id)
	h.until("todo says so, too, to whom it concerns", `
		SELECT cause LIKE '%does not let this account look for it' AND cause_fr LIKE '%ne laisse pas ce compte la rechercher' AND who = 'supplier' AND until IS NULL
		FROM chorus.todo WHERE kind = 'in_doubt' AND invoice = $1`, id)
	sees()
	h.until("it is looked for again", `SELECT state <> 'in_doubt' FROM chorus.invoices WHERE id = $1`, id)
	h.await(id, store.Integrated, store.Settled)
}
