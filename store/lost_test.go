package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/choriste/choriste/store"
)

// What was sent and lost is inserted again whenever the application comes to it. Its date tells that it may have been sent, or the portal's invoice that no row
// stands for; and since nothing can land any more, its age is that of the quarantine.
func TestWhatARestoreLostIsLookedUpHoweverLateItComes(t *testing.T) {
	b := newFeedBench(t)
	day := protocolFacts("").DateFacture
	for name, c := range map[string]struct {
		until    string // dated no later, it may have been sent before
		before   string // and in an earlier history than the last that was forgotten
		stranger bool
		date     time.Time
		want     store.State
		listed   bool
	}{
		"never restored":                     {"-infinity", "-infinity", false, day, store.Ready, false},
		"never restored, the portal has it":  {"-infinity", "-infinity", true, day, store.InDoubt, false},
		"dated later":                        {"2026-02-28", "-infinity", false, day, store.Ready, false},
		"dated the last day":                 {"2026-03-01", "-infinity", false, day, store.InDoubt, true},
		"dated before an earlier restore":    {"2026-03-05", "2026-03-01", false, day, store.InDoubt, false},
		"dated after an earlier restore":     {"2026-03-05", "2026-02-28", false, day, store.InDoubt, true},
		"dated ahead, and the portal has it": {"2026-02-01", "-infinity", true, day.AddDate(0, 3, 0), store.InDoubt, false},
		"dated before, the portal has it":    {"2026-03-05", "-infinity", true, day, store.InDoubt, false},
		"the number of another year":         {"2026-02-01", "-infinity", true, day.AddDate(1, 0, 0), store.Ready, false},
	} {
		_, err := b.owner.Exec(b.ctx, `
			UPDATE chorus.installation
			SET quarantined_at = now() - interval '30 hours', forgotten_since = now() - interval '60 hours', suspect_until = now() - interval '20 hours',
			    suspect_before = $1, suspect_date = $2`, c.before, c.until)
		must(t, err)
		id, err := b.app.Submit(t.Context(), store.Insertion{Document: []byte("<Invoice/>")})
		must(t, err)
		if c.stranger {
			b.follow(t, seen(id, 1000+id, fmt.Sprintf("LOST%d", id), time.Now()))
		}
		inv, err := b.worker.Take(t.Context(), id, b.claim(t, store.StepValidate, "default")[id], store.Received, 1<<40)
		must(t, err)
		f := protocolFacts(fmt.Sprintf("N%d", id))
		f.DateFacture = c.date
		got, err := b.worker.Validated(t.Context(), inv, f)
		must(t, err)
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		attempts, err := b.worker.Attempts(t.Context(), id)
		must(t, err)
		if c.want == store.Ready {
			continue
		}
		// What the portal has shown may have come there at any time, and by anybody: it is searched for by its number.
		if a := attempts[0]; !a.StandIn || a.Age < 29*time.Hour != c.stranger || a.Older || a.Since.IsZero() == c.listed {
			t.Errorf("%s: the stand-in is %+v", name, a)
		}
		// Nor by itself, nor for anybody, without three look-ups that found nothing.
		_, err = b.worker.Pool().Exec(t.Context(), `UPDATE chorus.invoices SET state = 'ready' WHERE id = $1`, id)
		if store.SQLState(err) != "CH005" {
			t.Errorf("%s: sent without a look-up: %v", name, err)
		}
	}
}

// Two workers have lived through a failover. The first knows of nothing that is lost; the second does, and what it sent may be inserted again.
func TestAFailoverThatAnotherWorkerKnowsMoreOf(t *testing.T) {
	b := newBench(t)
	m, err := b.worker.Remember(t.Context())
	must(t, err)
	lost := m
	lost.Attempts = []pgtype.UUID{store.NewID()}
	_, _, err = b.worker.Quarantine(t.Context(), m, &store.Forgot{Witness: store.WitnessIdentity, Kind: store.KindFailover}, time.Hour, 10)
	must(t, err)
	if _, err := b.worker.Knows(t.Context(), m, ""); err != nil {
		t.Errorf("one who knows no more: %v", err)
	}
	raised, err := b.worker.Knows(t.Context(), lost, "")
	var f *store.Forgot
	if !errors.As(err, &f) || f.Kind != store.KindRestore {
		t.Fatalf("one who knows more: %v", err)
	}
	_, _, err = b.worker.Quarantine(t.Context(), raised, f, time.Hour, 10)
	must(t, err)
	var suspect bool
	must(t, b.owner.QueryRow(t.Context(), `SELECT quarantines = 2 AND suspect_until > now() AND suspect_date >= now()::date FROM chorus.installation`).Scan(&suspect))
	if !suspect {
		t.Error("what is inserted from here on is not suspected")
	}
	// What a restore that has been dealt with made unknown is no news.
	if _, err := b.worker.Knows(t.Context(), lost, ""); err != nil {
		t.Errorf("after the second quarantine: %v", err)
	}
}

// The rows of the invoices alone were taken back, and some are lost or back where they were; the application has inserted many others since. Attempts tell of
// it, or events alone: at a start, and attempts to a worker that runs and has sent none of them, also at T1. They tell since when it may have been sent, so
// that a listing shows it when it is inserted again. Once it is dealt with, nobody speaks of it again.
func TestOtherTablesTellOfRowsThatAreLost(t *testing.T) {
	for name, c := range map[string]struct {
		lose   string
		events bool // alone tell
	}{
		"lost":                       {lose: `DELETE FROM chorus.invoices WHERE id = $1`},
		"lost, with its events":      {lose: `WITH e AS (DELETE FROM chorus.events WHERE invoice_id = $1) DELETE FROM chorus.invoices WHERE id = $1`},
		"lost, with its attempts":    {lose: `WITH a AS (DELETE FROM chorus.attempts WHERE invoice_id = $1) DELETE FROM chorus.invoices WHERE id = $1`, events: true},
		"as it was, and final then":  {lose: `UPDATE chorus.invoices SET state = 'invalid', attempt_no = 0 WHERE id = $1`},
		"the same, and its attempts": {lose: `WITH a AS (DELETE FROM chorus.attempts WHERE invoice_id = $1) UPDATE chorus.invoices SET state = 'invalid', attempt_no = 0 WHERE id = $1`, events: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			m, err := b.worker.Remember(t.Context())
			must(t, err)
			id := b.ready(t, "default")
			a := b.sent(t, id, "default", false)
			must(t, b.worker.Finish(t.Context(), a, store.Ending{Outcome: store.Accepted, NumeroFlux: "LOST", To: store.Deposited}))
			b.ready(t, "default") // the latest event is not the lost row's
			m, err = b.worker.Knows(t.Context(), m, "beats")
			must(t, err)
			must(t, b.worker.Contradicts(t.Context()))
			var at, since time.Time
			must(t, b.owner.QueryRow(t.Context(), `SELECT at FROM chorus.events WHERE invoice_id = $1 AND to_state = 'sending'`, id).Scan(&at))
			if !c.events {
				must(t, b.owner.QueryRow(t.Context(), `SELECT claimed_at FROM chorus.attempts WHERE id = $1`, a.ID).Scan(&at))
			}

			unruled(t, b.owner, c.lose, id)
			var f *store.Forgot
			if !c.events {
				if _, err := b.worker.Knows(t.Context(), m, "beats"); !errors.As(err, &f) || !f.Tables || f.Witness != store.WitnessTables {
					t.Errorf("to a worker that runs: %v", err)
				}
				if _, err := b.begin(t); !errors.Is(err, store.ErrForgot) {
					t.Errorf("at T1: %v", err)
				}
			}
			_, err = b.owner.Exec(t.Context(), `INSERT INTO chorus.invoices (document) SELECT 'x' FROM generate_series(1, 1100)`)
			must(t, err)
			if err := b.worker.Contradicts(t.Context()); !errors.As(err, &f) || !f.Tables {
				t.Fatalf("at a start: %v", err)
			}
			m, _, err = b.worker.Quarantine(t.Context(), m, f, time.Hour, 10)
			must(t, err)
			must(t, b.owner.QueryRow(t.Context(), `SELECT forgotten_since FROM chorus.installation`).Scan(&since))
			if since.After(at) {
				t.Errorf("since %s, want no later than %s", since, at)
			}
			must(t, b.worker.Contradicts(t.Context()))
			_, err = b.worker.Knows(t.Context(), m, "beats")
			must(t, err)
		})
	}
}
