package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/choriste/choriste/store"
)

// A row that waits to be sent for the first time is looked up before that when the portal has shown its number since it was read, whichever account saw it.
func TestShownWhileItWaited(t *testing.T) {
	b := newBench(t)
	id := b.ready(t, "default")
	inv, err := b.worker.Take(t.Context(), id, b.claim(t, store.StepSubmit, "default")[id], store.Ready, time.Hour)
	must(t, err)
	_, err = b.owner.Exec(t.Context(), `
		INSERT INTO chorus.strangers (account, id_structure_cpp, identifiant_facture_cpp, numero_facture, statut, statut_date)
		VALUES ('another', 1, 4711, lower($1), 'DEPOSEE', now())`, inv.NumeroFacture)
	must(t, err)
	_, err = b.owner.Exec(t.Context(), `
		WITH recovering AS (
		    INSERT INTO chorus.breakers (key, scope, name, state, since, trial_at) VALUES ('portal', 'portal', 'the portal', 'trial', now(), now()) RETURNING key
		)
		UPDATE chorus.accounts SET behind = ARRAY[key] FROM recovering WHERE accounts.name = 'default'`)
	must(t, err)
	_, err = b.worker.Begin(t.Context(), inv, b.intent(false))
	if !errors.Is(err, store.ErrShown) {
		t.Fatalf("T1: %v", err)
	}
	var free bool // for a deposit that does go out
	must(t, b.owner.QueryRow(t.Context(), `SELECT trial IS NULL AND trial_at <= now() FROM chorus.breakers WHERE key = 'portal'`).Scan(&free))
	if !free {
		t.Error("it keeps the breaker's trial")
	}
	doubt, err := b.worker.Take(t.Context(), id, b.claim(t, store.StepResolve, "default")[id], store.InDoubt, time.Hour)
	must(t, err)
	if doubt.AttemptNo != 1 {
		t.Errorf("attempt %d stands for what the portal has", doubt.AttemptNo)
	}
}

// The rows of a database are put into one that was made before any of them: no row is older than it.
func TestRowsOfAnotherDatabase(t *testing.T) {
	b := newBench(t)
	id := b.ready(t, "default")
	a := b.sent(t, id, "default", false)
	must(t, b.worker.Finish(t.Context(), a, store.Ending{Outcome: store.NotLanded, To: store.Ready}))
	must(t, b.worker.Contradicts(t.Context()))
	unruled(t, b.owner, `UPDATE chorus.attempts SET db_epoch = 'the server that was lost'`)
	var f *store.Forgot
	if err := b.worker.Contradicts(t.Context()); !errors.As(err, &f) || f.Witness != store.WitnessTables {
		t.Fatalf("at a start: %v", err)
	}
	inv, err := b.worker.Take(t.Context(), id, b.claim(t, store.StepSubmit, "default")[id], store.Ready, time.Hour)
	must(t, err)
	if _, err := b.worker.Begin(t.Context(), inv, b.intent(false)); !errors.Is(err, store.ErrForgot) {
		t.Errorf("T1: %v", err)
	}
	m, err := b.worker.Remember(t.Context())
	must(t, err)
	_, _, err = b.worker.Quarantine(t.Context(), m, f, time.Hour, 10)
	must(t, err)
	if err := b.worker.Contradicts(t.Context()); err != nil {
		t.Errorf("after the quarantine: %v", err)
	}
}

// The table of the invoices alone is taken back to before an invoice was cancelled. Its history knows, and it is not sent.
func TestACancelledInvoiceIsTakenBack(t *testing.T) {
	b := newBench(t)
	id := b.ready(t, "default")
	must(t, b.worker.Contradicts(t.Context()))
	_, err := b.owner.Exec(t.Context(), `SELECT chorus.cancel($1)`, id)
	must(t, err)
	force(t, b.owner, id, `state = 'ready', cancel_requested_at = NULL, due_at = now()`)

	inv, err := b.worker.Take(t.Context(), id, b.claim(t, store.StepSubmit, "default")[id], store.Ready, time.Hour)
	must(t, err)
	var f *store.Forgot
	if _, err := b.worker.Begin(t.Context(), inv, b.intent(false)); !errors.As(err, &f) || f.Witness != store.WitnessTables {
		t.Fatalf("T1: %v", err)
	}
	if err := b.worker.Contradicts(t.Context()); !errors.As(err, &f) || f.Witness != store.WitnessTables {
		t.Fatalf("at a start: %v", err)
	}
	m, err := b.worker.Remember(t.Context())
	must(t, err)
	_, _, err = b.worker.Quarantine(t.Context(), m, f, time.Hour, 10)
	must(t, err)
	var state string
	var asked bool
	must(t, b.owner.QueryRow(t.Context(), `SELECT state, cancel_requested_at IS NOT NULL FROM chorus.invoices WHERE id = $1`, id).Scan(&state, &asked))
	if state != "in_doubt" || !asked {
		t.Errorf("it is %s, and its cancellation is asked for: %v", state, asked)
	}
	if err := b.worker.Contradicts(t.Context()); err != nil {
		t.Errorf("after the quarantine: %v", err)
	}
}

// A clock that was ahead when the database was made makes no rows older than it.
func TestADatabaseThatWasMadeByAClockAhead(t *testing.T) {
	b := newBench(t)
	unruled(t, b.owner, `UPDATE chorus.installation SET created_at = clock_timestamp() + interval '1 hour'`)
	_, err := b.worker.Remember(t.Context())
	must(t, err)
	b.ready(t, "default")
	if err := b.worker.Contradicts(t.Context()); err != nil {
		t.Error(err)
	}
}

// A row that waits after an attempt that came to nothing is looked up as well when the portal has shown its number meanwhile: whoever was refused types it in. What the portal had shown before
// it became ready again has been looked at.
func TestShownWhileItWaitedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		ago  string
		want error
	}{"since": {"0", store.ErrShown}, "before": {"1 hour", nil}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			id := b.ready(t, "default")
			a := b.sent(t, id, "default", false)
			must(t, b.worker.Finish(t.Context(), a, store.Ending{Outcome: store.NotLanded, To: store.Ready}))
			inv, err := b.worker.Take(t.Context(), id, b.claim(t, store.StepSubmit, "default")[id], store.Ready, time.Hour)
			must(t, err)
			_, err = b.owner.Exec(t.Context(), `
				INSERT INTO chorus.strangers (account, id_structure_cpp, identifiant_facture_cpp, numero_facture, statut, statut_date, first_seen_at)
				VALUES ('another', 1, 4711, $1, 'DEPOSEE', now(), now() - $2::interval)`, inv.NumeroFacture, c.ago)
			must(t, err)
			if _, err := b.worker.Begin(t.Context(), inv, b.intent(false)); !errors.Is(err, c.want) {
				t.Fatalf("T1: %v", err)
			}
			if c.want == nil {
				return
			}
			doubt, err := b.worker.Take(t.Context(), id, b.claim(t, store.StepResolve, "default")[id], store.InDoubt, time.Hour)
			must(t, err)
			if doubt.AttemptNo != 2 {
				t.Errorf("attempt %d stands for what the portal has", doubt.AttemptNo)
			}
		})
	}
}
