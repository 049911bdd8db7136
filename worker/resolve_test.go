package worker_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/worker"
)

// operator acts as a login with an operator's rights and nothing more.
func (h *house) operator() *store.Store {
	h.t.Helper()
	pool, err := store.Connect(h.t.Context(), h.db.OperatorURL, "claire", 2)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(pool.Close)
	return store.New(pool)
}

// owner may do anything.
func (h *house) owner() *pgxpool.Pool {
	h.t.Helper()
	pool, err := pgxpool.New(h.t.Context(), h.db.URL)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(pool.Close)
	return pool
}

func (h *house) resolve(id int64, r store.Resolution) {
	h.t.Helper()
	if _, err := h.operator().ResolveParked(h.t.Context(), id, r); err != nil {
		h.t.Fatal(err)
	}
}

// lost is an invoice whose deposit was lost, and which the settings leave to a person.
func (h *house) lost(numero string) int64 {
	h.t.Helper()
	h.start(func(c *worker.Config) { c.Never = true })
	h.seen()
	h.sim.Faults(chorustest.Fault{Kind: "drop_before_commit"})
	id := h.insert(invoicetest.Invoice{Numero: numero}.UBL())
	h.await(id, store.Parked)
	return id
}

func TestAnOperatorSendsAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	id := h.lost("AGAIN-1")
	h.resolve(id, store.Resolution{Action: store.ActionResubmit, Reason: "not at the portal"})
	h.await(id, store.Settled)
	if path := h.path(id); path != "received ready sending in_doubt parked in_doubt ready sending deposited integrated settled" {
		t.Errorf("went through %s", path)
	}
	if n := len(h.sim.Deposits("AGAIN-1")); n != 1 {
		t.Errorf("%d deposits at the portal, want 1", n)
	}
}

// A person typed it in at the portal before the operator's wish was carried out: it is adopted, whatever the operator overrides.
func TestAnOperatorWhoIsMistakenSendsNothing(t *testing.T) {
	t.Parallel()
	for name, override := range map[string]bool{"wanted": false, "override": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, nil)
			id := h.lost("MISTAKE-1")
			h.typeIn("MISTAKE-1")
			h.resolve(id, store.Resolution{Action: store.ActionResubmit, Reason: "surely it is not there", Override: override})
			h.await(id, store.Integrated, store.Settled)
			if path := h.path(id); !strings.HasPrefix(path, "received ready sending in_doubt parked in_doubt deposited integrated") {
				t.Errorf("went through %s", path)
			}
			if n := len(h.sim.Deposits("MISTAKE-1")); n != 0 {
				t.Errorf("%d deposits at the portal, want none", n)
			}
		})
	}
}

// typeIn has a person type an ordinary invoice in at the portal.
func (h *house) typeIn(numero string) {
	h.t.Helper()
	other := h.insert(invoicetest.Invoice{Numero: numero + "-X"}.UBL())
	h.await(other, store.Integrated, store.Settled)
	facts := h.sim.Deposits(numero + "-X")[0].Facts
	facts.Numero = numero
	if _, err := h.sim.TypeIn(facts); err != nil {
		h.t.Fatal(err)
	}
}

// A rejected flux may be sent again under the same number, unless somebody has done so by another way.
func TestARejectedFluxIsLookedUpBeforeItIsSentAgain(t *testing.T) {
	t.Parallel()
	for name, typed := range map[string]bool{"sent": false, "typed in": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, nil)
			h.start()
			h.sim.Faults(chorustest.Fault{Kind: "commit_then_reject"})
			id := h.insert(invoicetest.Invoice{Numero: "RETRY-1"}.UBL())
			if got := h.await(id, store.Rejected); *got.ReasonCode != store.ReasonFluxRejected {
				t.Fatalf("rejected as %s", *got.ReasonCode)
			}
			want, deposits := "received ready sending deposited rejected in_doubt ready sending deposited integrated", 2
			if typed {
				h.typeIn("RETRY-1")
				want, deposits = "received ready sending deposited rejected in_doubt deposited integrated", 1
			}
			if _, err := h.operator().Retry(t.Context(), id, "the recipient has been corrected", nil); err != nil {
				t.Fatal(err)
			}
			h.await(id, store.Settled)
			if path := h.path(id); path != want+" settled" {
				t.Errorf("went through %s", path)
			}
			if n := len(h.sim.Deposits("RETRY-1")); n != deposits {
				t.Errorf("%d deposits at the portal, want %d", n, deposits)
			}
		})
	}
}

// The portal holds one of this number that differs; a person says that it is ours.
func TestAnOperatorAcceptsWhatWasFound(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	h.sim.Faults(chorustest.Fault{Kind: "commit_then_drop", Commit: true})
	doc := invoicetest.Invoice{Numero: "ACCEPT-1"}
	id := h.insert(doc.UBL())
	h.await(id, store.Settled)
	flux := h.sim.Deposits("ACCEPT-1")[0].Flux
	_, err := h.owner().Exec(t.Context(), `UPDATE chorus.invoices SET state = 'parked', reason_code = 'CONTRADICTION', reason = 'a test' WHERE id = $1`, id)
	if err != nil {
		t.Fatal(err)
	}
	h.resolve(id, store.Resolution{Action: store.ActionAccept, Flux: flux, Reason: "it is ours"})
	h.await(id, store.Settled)
	if path := h.path(id); !strings.HasSuffix(path, "settled parked deposited integrated settled") {
		t.Errorf("went through %s", path)
	}
}
