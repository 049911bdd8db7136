package store_test

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// TestOneOfManyBegins: of many workers that claim one row at the same moment, one gets it; the others leave no trace.
func TestOneOfManyBegins(t *testing.T) {
	b := newBench(t)
	must(t, b.worker.Slots(t.Context(), 5))
	for round := range 10 {
		id := b.ready(t, "default")
		inv, err := b.worker.Take(t.Context(), id, b.claim(t, store.StepSubmit, "default")[id], store.Ready, time.Hour)
		must(t, err)
		errs := make([]error, 8)
		var wg sync.WaitGroup
		for k := range errs {
			in := b.intent(false)
			wg.Go(func() { _, errs[k] = b.worker.Begin(t.Context(), inv, in) })
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			switch {
			case err == nil:
				won++
			case !errors.Is(err, store.ErrGone) && !errors.Is(err, store.ErrNoSlot):
				t.Errorf("round %d: %v", round, err)
			}
		}
		attempts, err := b.worker.Attempts(t.Context(), id)
		must(t, err)
		if won != 1 || len(attempts) != 1 {
			t.Fatalf("round %d: %d began, %d attempts are written", round, won, len(attempts))
		}
		must(t, b.worker.Finish(t.Context(), attempts[0], store.Ending{Outcome: store.Refused, To: store.Rejected, ReasonCode: "NO", Reason: "no"}))
	}
}

// judgedAbsent is a row whose first attempt was given up, searched for in vain, and cleared to be sent once more.
func (b *bench) judgedAbsent(t *testing.T) (int64, store.Attempt) {
	id := b.ready(t, "default")
	first := b.sent(t, id, "default", true)
	_, err := b.worker.Reap(t.Context(), 0, 0)
	must(t, err)
	for k := range 3 {
		inv, err := b.worker.Take(t.Context(), id, b.claim(t, store.StepResolve, "default")[id], store.InDoubt, time.Hour)
		must(t, err)
		d := store.Doubt{To: store.InDoubt}
		if k == 2 {
			d = store.Doubt{To: store.Ready, ReasonCode: store.ReasonResubmit, Resubmit: true}
		}
		must(t, b.worker.Resolve(t.Context(), inv, first, store.Lookup{Complete: true, Absent: true}, d))
	}
	return id, first
}

// TestAnAcceptanceNobodyReckonedWith: whatever has become of the row since, the evidence is kept, the assumptions are known to be broken, and a person is
// asked if there is anything left to decide.
func TestAnAcceptanceNobodyReckonedWith(t *testing.T) {
	b := newBench(t)
	must(t, b.worker.Slots(t.Context(), 20))
	again := func(t *testing.T, id int64, late bool) store.Attempt { return b.sent(t, id, "default", late) }
	end := func(t *testing.T, id int64, e store.Ending) {
		must(t, b.worker.Finish(t.Context(), again(t, id, false), e))
	}
	move := func(t *testing.T, id int64, states ...store.State) {
		for _, s := range states {
			_, err := b.worker.Pool().Exec(t.Context(), `UPDATE chorus.invoices SET state = $2, reason_code = 'TEST' WHERE id = $1`, id, s)
			must(t, err)
		}
	}
	accept := func(t *testing.T, id int64) {
		end(t, id, store.Ending{Outcome: store.Accepted, NumeroFlux: fmt.Sprint("SECOND", id), To: store.Deposited})
	}
	reject := func(t *testing.T, id int64) {
		end(t, id, store.Ending{Outcome: store.Refused, To: store.Rejected, ReasonCode: "NO"})
	}
	for name, c := range map[string]struct {
		bring func(*testing.T, int64)
		want  store.State
		code  string
	}{
		"ready":      {func(*testing.T, int64) {}, store.Parked, store.ParkContradiction},
		"sending":    {func(t *testing.T, id int64) { again(t, id, false) }, store.Parked, store.ParkContradiction},
		"deposited":  {accept, store.Parked, store.ParkContradiction},
		"integrated": {func(t *testing.T, id int64) { accept(t, id); move(t, id, store.Integrated) }, store.Parked, store.ParkContradiction},
		"settled":    {func(t *testing.T, id int64) { accept(t, id); move(t, id, store.Integrated, store.Settled) }, store.Parked, store.ParkContradiction},
		"rejected":   {reject, store.Parked, store.ParkContradiction},
		"cancelled": {func(t *testing.T, id int64) {
			_, err := b.operator.Cancel(t.Context(), id)
			must(t, err)
		}, store.Parked, store.ParkContradiction},
		"in doubt": {func(t *testing.T, id int64) {
			again(t, id, true)
			_, err := b.worker.Reap(t.Context(), 0, 0)
			must(t, err)
		}, store.Parked, store.ParkContradiction},
		"parked": {func(t *testing.T, id int64) { move(t, id, store.Parked) }, store.Parked, "TEST"},
		"abandoned": {func(t *testing.T, id int64) {
			move(t, id, store.Parked)
			_, err := b.operator.ResolveParked(t.Context(), id, store.Resolution{Action: store.ActionAbandon, Reason: "a test"})
			must(t, err)
		}, store.Abandoned, store.ReasonOperator},
		"rejected, and its number is another row's": {func(t *testing.T, id int64) {
			reject(t, id)
			twin, err := b.app.Submit(t.Context(), store.Insertion{Document: []byte("<Invoice/>")})
			must(t, err)
			inv, err := b.worker.Take(t.Context(), twin, b.claim(t, store.StepValidate, "default")[twin], store.Received, time.Hour)
			must(t, err)
			_, err = b.worker.Validated(t.Context(), inv, protocolFacts(fmt.Sprintf("N%d", id)))
			must(t, err)
		}, store.Rejected, "NO"},
	} {
		t.Run(name, func(t *testing.T) {
			id, first := b.judgedAbsent(t)
			c.bring(t, id)
			flux := fmt.Sprint("LATE", id)
			for range 2 { // a repetition changes nothing
				must(t, b.worker.Finish(t.Context(), first, store.Ending{Outcome: store.Accepted, NumeroFlux: flux, To: store.Deposited}))
			}
			row, attempts, err := b.worker.Show(t.Context(), id)
			must(t, err)
			if row.State != c.want || row.ReasonCode == nil || *row.ReasonCode != c.code {
				t.Errorf("%s %v, want %s %s", row.State, row.ReasonCode, c.want, c.code)
			}
			if a := attempts[0]; a.Outcome == nil || *a.Outcome != string(store.Accepted) || a.NumeroFluxDepot == nil || *a.NumeroFluxDepot != flux {
				t.Errorf("the evidence is lost: %+v", a)
			}
			if _, broken, _, err := b.worker.Search(t.Context(), "default"); err != nil || broken != (name != "parked" && name != "abandoned") {
				t.Errorf("assumptions broken: %t, %v", broken, err)
			}
			_, err = b.operator.Pool().Exec(t.Context(), `SELECT chorus.allow_resubmit('the next case')`)
			must(t, err)
		})
	}
}

// TestAnAcceptanceAfterTheTableWentBack: the table of invoices is put back while a deposit is in the air. Its acceptance says nothing about the delays: it
// is found by the look-up that follows, or settles the doubt of a quarantine.
func TestAnAcceptanceAfterTheTableWentBack(t *testing.T) {
	for name, c := range map[string]struct {
		quarantine bool
		want       store.State
	}{"noticed": {true, store.Deposited}, "not yet noticed": {false, store.Ready}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			must(t, b.worker.Slots(t.Context(), 20))
			id := b.ready(t, "default")
			a := b.sent(t, id, "default", false)
			force(t, b.owner, id, `state = 'ready', attempt_no = 0`)
			if c.quarantine {
				_, _, err := b.worker.Quarantine(t.Context(), store.Memory{}, &store.Forgot{Witness: store.WitnessTables, Kind: store.KindRestore, Tables: true}, time.Hour, 0)
				must(t, err)
				if i, attempts, err := b.worker.Show(t.Context(), id); err != nil || i.State != store.InDoubt || len(attempts) != 2 {
					t.Fatalf("the quarantine makes the row %s with %d attempts, %v", i.State, len(attempts), err)
				}
			}
			must(t, b.worker.Finish(t.Context(), a, store.Ending{Outcome: store.Accepted, NumeroFlux: name, To: store.Deposited}))
			row, attempts, err := b.worker.Show(t.Context(), id)
			must(t, err)
			if row.State != c.want || c.quarantine && (row.NumeroFluxDepot == nil || *row.NumeroFluxDepot != name) {
				t.Errorf("%s (%v), want %s", row.State, row.ReasonCode, c.want)
			}
			if got := attempts[0].Outcome; got == nil || *got != string(store.Accepted) {
				t.Errorf("the evidence is lost: %v", got)
			}
			if _, broken, _, err := b.worker.Search(t.Context(), "default"); err != nil || broken {
				t.Errorf("assumptions broken: %t, %v", broken, err)
			}
		})
	}
}

// TestT2WithoutT1: a worker that does not know whether T1 was committed says that it sent nothing; if there was no T1, nothing happens.
func TestT2WithoutT1(t *testing.T) {
	b := newBench(t)
	id := b.ready(t, "default")
	must(t, b.worker.Finish(t.Context(), store.Attempt{ID: store.NewID(), InvoiceID: id}, store.Ending{Outcome: store.NotSent, To: store.Ready}))
	row, attempts, err := b.worker.Show(t.Context(), id)
	must(t, err)
	if row.State != store.Ready || len(attempts) != 0 {
		t.Errorf("%s with %d attempts", row.State, len(attempts))
	}
}

// TestTheDocumentedTransitions compares the table of docs/protocol.md §3.3 with the one that the trigger obeys.
func TestTheDocumentedTransitions(t *testing.T) {
	doc, err := os.ReadFile("../docs/protocol.md")
	must(t, err)
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\| ([a-z_]+) → ([a-z_]+) \| (.+?) \|$`).FindAllString(string(doc), -1) {
		documented[m] = true
	}
	rows, err := storetest.New(t).Pool.Query(t.Context(), `SELECT format('| %s → %s | %s |', from_state, to_state, about) FROM chorus.transitions ORDER BY 1`)
	must(t, err)
	var missing []string
	for rows.Next() {
		var line string
		must(t, rows.Scan(&line))
		if !documented[line] {
			missing = append(missing, line)
		}
		delete(documented, line)
	}
	must(t, rows.Err())
	if len(missing) > 0 {
		t.Errorf("docs/protocol.md §3.3 does not have\n%s", strings.Join(missing, "\n"))
	}
	for line := range documented {
		t.Errorf("there is no such transition: %s", line)
	}
}
