package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"pgregory.net/rapid"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// bench is the database that all runs share.
type bench struct {
	ctx      context.Context
	worker   *store.Store
	app      *store.Store
	operator *store.Store
	owner    *pgxpool.Pool
	memory   store.Memory
	taken    string // a flux number that another row holds
	counter  int64
}

func (b *bench) next() int64 {
	b.counter++
	return b.counter
}

// ready makes a row that waits to be sent, as workers do.
func (b *bench) ready(t rapid.TB, account string) int64 {
	id, err := b.app.Submit(b.ctx, store.Insertion{Account: account, Document: []byte("<Invoice/>")})
	must(t, err)
	claim := b.claim(t, store.StepValidate, account)[id]
	inv, err := b.worker.Take(b.ctx, id, claim, store.Received, time.Hour)
	must(t, err)
	state, err := b.worker.Validated(b.ctx, inv, protocolFacts(fmt.Sprintf("N%d", id)))
	must(t, err)
	if state != store.Ready {
		t.Fatalf("validated to %s", state)
	}
	return id
}

func protocolFacts(number string) store.Facts {
	return store.Facts{
		Syntaxe: "IN_DP_E1_UBL_INVOICE", NumeroFacture: number, DateFacture: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), FournisseurSIRET: "12345678200010",
	}
}

// claim dispatches everything of an account that is due, each row to a job of its own.
func (b *bench) claim(t rapid.TB, step store.Step, account string) map[int64]int64 {
	claims := map[int64]int64{}
	must(t, pgx.BeginFunc(b.ctx, b.worker.Pool(), func(tx pgx.Tx) error {
		ids, err := b.worker.Due(b.ctx, tx, step, 1_000_000, map[string]float64{account: 1})
		if err != nil {
			return err
		}
		var jobs []int64
		for _, id := range ids {
			claims[id] = b.next()
			jobs = append(jobs, claims[id])
		}
		return b.worker.SetClaims(b.ctx, tx, ids, jobs)
	}))
	return claims
}

// intent is one T1; late ones have missed their send deadline from the beginning.
func (b *bench) intent(late bool) store.Intent {
	in := store.Intent{Attempt: store.NewID(), Worker: "test", Memory: b.memory, SendWithin: time.Hour}
	in.NomFichier = in.Attempt.String() + ".xml"
	if late {
		in.SendWithin = -time.Second
	}
	return in
}

// sent brings a ready row to sending and returns its attempt.
func (b *bench) sent(t rapid.TB, id int64, account string, late bool) store.Attempt {
	inv, err := b.worker.Take(b.ctx, id, b.claim(t, store.StepSubmit, account)[id], store.Ready, time.Hour)
	must(t, err)
	a, err := b.worker.Begin(b.ctx, inv, b.intent(late))
	must(t, err)
	return a
}

func newBench(t testing.TB) *bench {
	t.Helper()
	db := storetest.New(t)
	pool, err := store.Connect(t.Context(), db.WorkerURL, "test", 8)
	must(t, err)
	t.Cleanup(pool.Close)
	b := &bench{
		ctx: t.Context(), worker: store.New(pool), operator: store.New(as(t, db.OperatorURL)), app: store.New(as(t, db.AppURL)), owner: as(t, db.URL), taken: "TAKEN",
	}
	must(t, b.worker.Slots(t.Context(), protocolSlots))
	b.memory, err = b.worker.Remember(t.Context())
	must(t, err)
	other := b.ready(t, "default")
	a := b.sent(t, other, "default", false)
	must(t, b.worker.Finish(t.Context(), a, store.Ending{Outcome: store.Accepted, NumeroFlux: b.taken, To: store.Deposited}))
	return b
}

// must ends a test, or a run of rapid's, on an error.
func must(t rapid.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v (SQLSTATE %s)", err, store.SQLState(err))
	}
}

// closeAll ends the attempts that an earlier run has left, for their slots.
func (b *bench) closeAll(t rapid.TB) {
	rows, err := b.worker.Pool().Query(b.ctx, `SELECT id, invoice_id FROM chorus.attempts WHERE outcome IS NULL`)
	must(t, err)
	left, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a store.Attempt, err error) { return a, row.Scan(&a.ID, &a.InvoiceID) })
	must(t, err)
	for _, a := range left {
		must(t, b.worker.Finish(b.ctx, a, store.Ending{Outcome: store.NotSent, To: store.Ready}))
	}
}
