package store_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/choriste/choriste/store"
)

// leased makes n rows that jobs have taken to send them.
func (b *bench) leased(t *testing.T, n int) []store.Intended {
	t.Helper()
	must(t, b.worker.Slots(t.Context(), 10))
	for range n {
		b.ready(t, "default")
	}
	var all []store.Intended
	claims := b.claim(t, store.StepSubmit, "default")
	for _, id := range slices.Sorted(maps.Keys(claims)) {
		inv, err := b.worker.Take(t.Context(), id, claims[id], store.Ready, time.Hour)
		must(t, err)
		all = append(all, store.Intended{Invoice: inv, Intent: b.intent(false)})
	}
	if len(all) != n {
		t.Fatalf("%d rows are leased, want %d", len(all), n)
	}
	return all
}

// beginTogether is T1 for all of them, which must not fail.
func (b *bench) beginTogether(t *testing.T, all []store.Intended) map[pgtype.UUID]store.Attempt {
	t.Helper()
	begun, _, err := b.worker.BeginTogether(t.Context(), all)
	must(t, err)
	return begun
}

// Rows that something stands in the way of do not begin with the others, and hold none of them up; asked alone, each hears why.
func TestManyBeginTogether(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	all := b.leased(t, 7)
	names := []string{"plain", "claimed anew", "to be cancelled", "has a later attempt", "locked", "plain", "to be looked up"}
	_, err := b.owner.Exec(t.Context(), `UPDATE chorus.invoices SET claim = claim + 1000000 WHERE id = $1`, all[1].Invoice.ID)
	must(t, err)
	owner, err := b.owner.Begin(t.Context())
	must(t, err)
	_, err = owner.Exec(t.Context(), `SET LOCAL session_replication_role = replica`)
	must(t, err)
	_, err = owner.Exec(t.Context(), `INSERT INTO chorus.events (invoice_id, actor, attempt, to_state) VALUES ($1, 'test', 7, 'ready')`, all[3].Invoice.ID)
	must(t, err)
	_, err = owner.Exec(t.Context(), `UPDATE chorus.invoices SET cancel_requested_at = clock_timestamp() WHERE id = $1`, all[2].Invoice.ID)
	must(t, err)
	_, err = owner.Exec(t.Context(), `UPDATE chorus.invoices SET lookup_first = true WHERE id = $1`, all[6].Invoice.ID)
	must(t, err)
	must(t, owner.Commit(t.Context()))
	holder, err := b.owner.Begin(t.Context())
	must(t, err)
	defer func() { _ = holder.Rollback(t.Context()) }()
	_, err = holder.Exec(t.Context(), `SELECT FROM chorus.invoices WHERE id = $1 FOR UPDATE`, all[4].Invoice.ID)
	must(t, err)

	begun := b.beginTogether(t, all)
	for k, d := range all {
		a, ok := begun[d.Intent.Attempt]
		if want := names[k] == "plain"; ok != want {
			t.Errorf("%s: began %t", names[k], ok)
		}
		if ok && (a.InvoiceID != d.Invoice.ID || a.N != 1 || a.NomFichier != d.Intent.NomFichier || a.Tried) {
			t.Errorf("%s: %+v", names[k], a)
		}
	}
	var sending, slots, attempts int
	must(t, b.owner.QueryRow(t.Context(), `
		SELECT (SELECT count(*) FROM chorus.invoices WHERE state = 'sending' AND attempt_no = 1),
		       (SELECT count(*) FROM chorus.slots s JOIN chorus.attempts a ON a.id = s.attempt_id),
		       (SELECT count(*) FROM chorus.attempts WHERE outcome IS NULL)`).Scan(&sending, &slots, &attempts))
	if sending != 2 || slots != 2 || attempts != 2 {
		t.Errorf("%d rows are sending, with %d slots and %d attempts", sending, slots, attempts)
	}
	for k, want := range map[int]error{1: store.ErrGone, 2: store.ErrGone, 3: store.ErrForgot, 6: store.ErrGone} {
		if _, err := b.worker.Begin(t.Context(), all[k].Invoice, all[k].Intent); !errors.Is(err, want) {
			t.Errorf("%s: alone it says %v, want %v", names[k], err, want)
		}
	}
	must(t, holder.Rollback(t.Context()))
	if _, err := b.worker.Begin(t.Context(), all[4].Invoice, all[4].Intent); err != nil {
		t.Errorf("%s: %v", names[4], err)
	}
}

// None begins where the database has forgotten, the account is held back, or a breaker is not closed; and no more than there are slots.
func TestNoneOfManyBegins(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	all := b.leased(t, 4)
	last := &all[3].Intent
	for _, c := range []struct{ name, spoil, mend string }{
		{"another history", "", ""},
		{"to be compared", `UPDATE chorus.accounts SET compare_since = clock_timestamp()`, `UPDATE chorus.accounts SET compare_since = NULL`},
		{
			"on the way back", `INSERT INTO chorus.breakers (key, scope, name, ramp) VALUES ('b', 'application', 'default', 4)`,
			`DELETE FROM chorus.breakers`,
		},
		{
			"closed", `INSERT INTO chorus.maintenance (starts_at, ends_at) VALUES (clock_timestamp() - interval '1 hour', clock_timestamp() + interval '1 hour')`,
			`DELETE FROM chorus.maintenance`,
		},
	} {
		if c.spoil == "" {
			last.Memory.Epoch = "another history"
		} else {
			_, err := b.owner.Exec(t.Context(), c.spoil)
			must(t, err)
			_, err = b.owner.Exec(t.Context(), `UPDATE chorus.accounts SET behind = '{b}' WHERE name = 'default'`)
			must(t, err)
		}
		if begun := b.beginTogether(t, all); len(begun) != 0 {
			t.Errorf("%s: %d began", c.name, len(begun))
		}
		if c.mend == "" {
			last.Memory = b.memory
		} else {
			_, err := b.owner.Exec(t.Context(), c.mend)
			must(t, err)
		}
	}
	_, err := b.owner.Exec(t.Context(), `DELETE FROM chorus.slots WHERE n > 2`)
	must(t, err)
	if begun := b.beginTogether(t, all); len(begun) != 2 {
		t.Errorf("%d began with two slots", len(begun))
	}
}

// A commit that is not made leaves nothing, and says so; one whose end is not known says that.
func TestManyResultsTogether(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	all := b.leased(t, 5)
	begun := b.beginTogether(t, all)
	var results []store.Result
	for k, d := range all {
		e := store.Ending{Outcome: store.Accepted, NumeroFlux: fmt.Sprintf("T%d", k), To: store.Deposited, Evidence: map[string]any{"k": k}, Exchange: []byte("exchange"), Refusals: k % 2}
		switch k {
		case 1:
			e = store.Ending{Outcome: store.Ambiguous, To: store.InDoubt, ReasonCode: "TIMEOUT", Reason: "no answer", Due: time.Minute} // one by one
		case 2:
			e = store.Ending{Outcome: store.NotSent, To: store.Ready} // needs a proof: it is for Finish
		}
		results = append(results, store.Result{Attempt: begun[d.Intent.Attempt], Ending: e})
	}
	holder, err := b.owner.Begin(t.Context())
	must(t, err)
	_, err = holder.Exec(t.Context(), `SELECT FROM chorus.invoices WHERE id = $1 FOR UPDATE`, all[4].Invoice.ID)
	must(t, err)
	done, err := b.worker.FinishTogether(t.Context(), results)
	must(t, err)
	must(t, holder.Rollback(t.Context()))
	if len(done) != 2 || slices.Contains(done, all[1].Intent.Attempt) || slices.Contains(done, all[2].Intent.Attempt) || slices.Contains(done, all[4].Intent.Attempt) {
		t.Fatalf("done: %v", done)
	}
	for k, want := range []string{"deposited ACCEPTED T0", "sending  ", "sending  ", "deposited ACCEPTED T3", "sending  "} {
		var got string
		must(t, b.owner.QueryRow(t.Context(), `
			SELECT concat_ws(' ', i.state, coalesce(a.outcome, ''), coalesce(a.numero_flux_depot, ''))
			FROM chorus.invoices i JOIN chorus.attempts a ON a.invoice_id = i.id AND coalesce(i.numero_flux_depot, '') = coalesce(a.numero_flux_depot, '')
			WHERE i.id = $1`, all[k].Invoice.ID).Scan(&got))
		if got != want {
			t.Errorf("row %d: %q, want %q", k, got, want)
		}
	}
	var exchanges, slots, refusals int
	must(t, b.owner.QueryRow(t.Context(), `
		SELECT (SELECT count(*) FROM chorus.exchanges WHERE attempt_id = ANY ($1)), (SELECT count(*) FROM chorus.slots WHERE attempt_id IS NOT NULL),
		       (SELECT refusals FROM chorus.invoices WHERE id = $2)`, done, all[3].Invoice.ID).Scan(&exchanges, &slots, &refusals))
	if exchanges != 2 || slots != 3 || refusals != 1 {
		t.Errorf("%d exchanges, %d slots, %d refusals", exchanges, slots, refusals)
	}
	if again, err := b.worker.FinishTogether(t.Context(), results[:2]); err != nil || len(again) != 0 {
		t.Errorf("again: %v, %v", again, err)
	}

	// A number that another row holds undoes all of it: each is then written alone.
	results[4].Ending.NumeroFlux = b.taken
	results = append(results, store.Result{Attempt: b.sent(t, b.ready(t, "default"), "default", false), Ending: store.Ending{Outcome: store.Accepted, NumeroFlux: "T9", To: store.Deposited}})
	if done, err := b.worker.FinishTogether(t.Context(), results[4:]); err == nil || done != nil {
		t.Errorf("with a number that is taken: %v, %v", done, err)
	}
	for _, r := range results {
		must(t, b.worker.Finish(t.Context(), r.Attempt, r.Ending))
	}
	var open int
	must(t, b.owner.QueryRow(t.Context(), `SELECT count(*) FROM chorus.attempts WHERE outcome IS NULL`).Scan(&open))
	if open != 0 {
		t.Errorf("%d attempts have no result", open)
	}
}

// What has been read becomes ready together, with its facts, but for what another row stands for, what is to be looked up, and what is another job's.
func TestManyValidatedTogether(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var read []store.Read
	for k := range 5 {
		_, err := b.app.Submit(t.Context(), store.Insertion{Account: "default", Document: fmt.Appendf(nil, "<Invoice>%d</Invoice>", k)})
		must(t, err)
	}
	claims := b.claim(t, store.StepValidate, "default")
	var wanted []store.Wanted
	for _, id := range slices.Sorted(maps.Keys(claims)) {
		wanted = append(wanted, store.Wanted{ID: id, Claim: claims[id], State: store.Received, Lease: time.Hour})
	}
	slices.Reverse(wanted)
	taken, err := b.worker.TakeTogether(t.Context(), append(wanted, store.Wanted{ID: wanted[0].ID, Claim: 1, State: store.Received, Lease: time.Hour}))
	must(t, err)
	if len(taken) != 5 {
		t.Fatalf("%d rows were taken", len(taken))
	}
	for k, w := range wanted {
		inv := taken[w]
		document, err := b.worker.Document(t.Context(), inv)
		must(t, err)
		if want := fmt.Sprintf("<Invoice>%d</Invoice>", 4-k); inv.ID != w.ID || inv.Claim != w.Claim || string(document) != want {
			t.Errorf("taken: %+v with %q, want %q", inv, document, want)
		}
		f := protocolFacts(fmt.Sprintf("V%d", k))
		if k == 1 {
			f.Findings = []store.RuleFinding{{Code: "BR-1", Severity: "warning", Message: "m", MessageFR: "m"}}
		}
		must(t, f.MontantTTC.Scan("12.34"))
		read = append(read, store.Read{Invoice: inv, Facts: f, Lease: time.Duration(k%2) * time.Hour})
	}
	read[3].Invoice.Claim++ // another job has it
	_, err = b.owner.Exec(t.Context(), `UPDATE chorus.invoices SET lookup_first = true WHERE id = $1`, read[4].Invoice.ID)
	must(t, err)
	ready, err := b.worker.ValidatedTogether(t.Context(), read)
	must(t, err)
	if len(ready) != 4 || ready[read[4].Invoice.ID].State != store.InDoubt || ready[read[4].Invoice.ID].Claim != 0 {
		t.Fatalf("ready: %v", ready)
	}
	var state store.State
	must(t, b.owner.QueryRow(t.Context(), `SELECT state FROM chorus.invoices WHERE id = $1`, read[4].Invoice.ID).Scan(&state))
	if state != store.InDoubt {
		t.Errorf("what is to be looked up is %s", state)
	}
	for k, r := range read[:3] {
		i, ok := ready[r.Invoice.ID]
		document, err := b.worker.Document(t.Context(), i)
		if !ok || i.State != store.Ready || i.NumeroFacture != r.Facts.NumeroFacture || !i.DateFacture.Equal(r.Facts.DateFacture) || i.MontantTTC.Decimal.String() != "12.34" ||
			err != nil || len(document) == 0 {
			t.Errorf("row %d: %+v, %v", k, i, err)
		}
		if kept := i.Claim == r.Invoice.Claim; kept != (k == 1) { // and nothing else waits
			t.Errorf("row %d is kept: %t", k, kept)
		}
	}
	var codes []string
	must(t, b.owner.QueryRow(t.Context(), `SELECT array_agg(code) FROM chorus.invoice_findings`).Scan(&codes))
	var findings int
	must(t, b.owner.QueryRow(t.Context(), `SELECT findings FROM chorus.invoices WHERE id = $1`, read[1].Invoice.ID).Scan(&findings))
	if !slices.Equal(codes, []string{"BR-1"}) || findings != 1 {
		t.Errorf("findings: %v, %d", codes, findings)
	}

	// A number that another row stands for undoes all of it.
	read[3].Invoice.Claim--
	read[3].Facts.NumeroFacture = "V0"
	if ready, err := b.worker.ValidatedTogether(t.Context(), read[3:4]); err == nil || len(ready) != 0 {
		t.Errorf("of a number that is taken: %v, %v", ready, err)
	}
	state, err = b.worker.Validated(t.Context(), read[3].Invoice, read[3].Facts)
	must(t, err)
	if state != store.Invalid {
		t.Errorf("alone it is %s", state)
	}
}
