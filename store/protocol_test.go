package store_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"github.com/choriste/choriste/store"
)

// This file holds the statements of T1, T2, the reaper and the resolver to the model of docs/protocol.md §3.8, against a real PostgreSQL: whatever workers,
// zombies and operators do, in any order, the row must be where the model says, and history must be complete.

// The model's words in the store's.
var (
	protocolRows = []store.State{
		store.Ready, store.Sending, store.InDoubt, store.Deposited, store.Integrated, store.Rejected, store.Parked, store.Cancelled,
	}
	protocolOutcomes = []store.Outcome{store.NotSent, store.NotLanded, store.Accepted, store.Refused, store.Duplicate, store.Ambiguous}
)

const (
	protocolSlots   = 2
	protocolHorizon = time.Hour
)

// trial is what an attempt should be.
type trial struct {
	store.Attempt
	late    bool
	outcome store.Outcome
	flux    string
	looks   int
	empty   bool // some search about it found nothing
	absent  int  // searches since that found nothing, of which the last one may be taken for the end of the horizon
	standIn bool
}

// stranger is an invoice of a row's number that the portal showed and the row does not stand for.
type stranger struct {
	facture int64
	flux    string
	said    bool
}

// expected is what a row should be.
type expected struct {
	id        int64
	state     store.State
	code      string
	attempt   int
	resubmits int
	flux      string
	facture   int64
	cancel    bool
	claim     int64
	over      bool // its lease
	trials    []*trial
	strangers []*stranger
}

func (r *expected) open() bool {
	return len(r.trials) > 0 && r.trials[len(r.trials)-1].outcome == ""
}

// move is what the database's own rule does with every change of state.
func (r *expected) move(to store.State, code string) {
	if r.state != to {
		r.claim, r.over = 0, false
	}
	r.state, r.code = to, code
}

// doubles parks the row when the portal holds its number twice.
func (r *expected) doubles() {
	state := r.state // all that there are are said at once
	for _, s := range r.strangers {
		named, lost, explained := 0, 0, 1
		if r.flux == "" {
			explained = 0
		}
		for _, a := range r.trials {
			switch {
			case a.standIn:
			case a.flux != "" && a.flux == r.flux:
				explained = 0
			}
			if !a.standIn && a.flux == s.flux {
				named++
			}
			if !a.standIn && a.flux == "" && (a.outcome == "" || a.outcome == store.Ambiguous || a.outcome == store.OwnerLost) {
				lost++
			}
		}
		own := named+lost-explained > 0
		held := state == store.Integrated || state == store.Settled
		if !s.said && s.facture != r.facture && (held || own && state == store.Rejected) {
			s.said = true
			r.move(store.Parked, store.ParkContradiction)
		}
	}
}

// run is one run of rapid's: three rows of one account, and what workers hold of them, up to date or not.
type run struct {
	*bench
	account string
	feed    store.FeedMark
	rows    []*expected
	claims  map[int64][]int64 // all that were ever given
	held    []store.Invoice   // by jobs that took a row, and may be zombies by now
}

func (r *run) row(t *rapid.T) *expected { return pick(t, r.rows, "row") }

// pick draws an element by its number, so that rapid shows no addresses.
func pick[T any](t *rapid.T, list []T, label string) T {
	return list[rapid.IntRange(0, len(list)-1).Draw(t, label)]
}

// because is a reason that nobody has given before: the database drops one that only repeats the last.
func (r *run) because() string { return fmt.Sprintf("BECAUSE %d", r.next()) }

func (r *run) of(id int64) *expected {
	return r.rows[slices.IndexFunc(r.rows, func(e *expected) bool { return e.id == id })]
}

// trial draws an attempt of any row, the current one or an old one.
func (r *run) trial(t *rapid.T) (*expected, *trial) {
	row := r.row(t)
	if len(row.trials) == 0 {
		t.Skip()
	}
	if rapid.Bool().Draw(t, "current") {
		return row, row.trials[len(row.trials)-1]
	}
	return row, pick(t, row.trials, "attempt")
}

// check compares every row with what it should be, and the history with the invariants.
func (r *run) check(t *rapid.T) {
	ids := make([]int64, len(r.rows))
	for k, row := range r.rows {
		ids[k] = row.id
		got := expected{id: row.id, trials: row.trials, strangers: row.strangers}
		var attempts []byte
		must(t, r.worker.Pool().QueryRow(r.ctx, `
			SELECT state, coalesce(reason_code, ''), attempt_no, resubmits, coalesce(numero_flux_depot, ''), coalesce(identifiant_facture_cpp, 0),
			       cancel_requested_at IS NOT NULL, coalesce(claim, 0), coalesce(claimed_until < clock_timestamp(), false),
			       (SELECT coalesce(jsonb_agg(jsonb_build_array(id, n, outcome, numero_flux_depot, jsonb_array_length(evidence -> 'lookups')) ORDER BY n), '[]')
			        FROM chorus.attempts WHERE invoice_id = i.id)
			FROM chorus.invoices i WHERE id = $1`, row.id).
			Scan(&got.state, &got.code, &got.attempt, &got.resubmits, &got.flux, &got.facture, &got.cancel, &got.claim, &got.over, &attempts))
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", *row) {
			t.Fatalf("row\n%+v, want\n%+v", got, *row)
		}
		want := [][5]any{}
		for _, a := range row.trials {
			line := [5]any{a.ID, a.N, nil, nil, nil}
			if a.outcome != "" {
				line[2] = a.outcome
			}
			if a.flux != "" {
				line[3] = a.flux
			}
			if a.looks > 0 {
				line[4] = a.looks
			}
			want = append(want, line)
		}
		text, err := json.Marshal(want)
		must(t, err)
		if strings.ReplaceAll(string(attempts), " ", "") != string(text) {
			t.Fatalf("attempts\n%s, want\n%s", attempts, text)
		}
	}
	r.invariants(t, ids)
}

// invariants are those of docs/protocol.md §3.7 that the database alone can answer, each counting what breaks it.
func (b *bench) invariants(t rapid.TB, ids []int64) {
	t.Helper()
	var broken [5]int
	must(t, b.worker.Pool().QueryRow(b.ctx, `
		WITH a AS (SELECT * FROM chorus.attempts WHERE invoice_id = ANY ($1)),
		     i AS (SELECT * FROM chorus.invoices WHERE id = ANY ($1)),
		     e AS (SELECT *, lag(to_state) OVER w AS before, lead(id) OVER w IS NULL AS newest
		           FROM chorus.events WHERE invoice_id = ANY ($1) WINDOW w AS (PARTITION BY invoice_id ORDER BY id))
		SELECT
		    -- I8: one attempt for every T1, under a name of its own
		    (SELECT count(*) FROM i WHERE attempt_no <> (SELECT count(DISTINCT (n, nom_fichier)) FROM a WHERE invoice_id = i.id AND n <= attempt_no)),
		    -- I11: the next attempt is justified by the one before
		    (SELECT count(*) FROM a JOIN a AS next ON next.invoice_id = a.invoice_id AND next.n = a.n + 1
		     WHERE coalesce(a.outcome, '') NOT IN ('NOT_SENT', 'NOT_LANDED')
		       AND NOT (SELECT count(*) >= 3 AND max((l ->> 'age_ns')::bigint) >= $2 FROM jsonb_array_elements(a.evidence -> 'lookups') l WHERE (l ->> 'absent')::boolean)
		       AND NOT EXISTS (SELECT FROM e WHERE e.invoice_id = a.invoice_id AND e.attempt = a.n AND e.reason_code = 'RETRY')),
		    -- I12: who has not spoken is the one whose request may be in the air, and nothing else can be sent meanwhile; its row is parked, and perhaps
		    -- resolved by an operator, if an earlier one was accepted
		    (SELECT count(*) FROM a JOIN i ON i.id = a.invoice_id WHERE a.outcome IS NULL AND (i.state IN ('received', 'ready') OR a.n <> i.attempt_no)),
		    -- I13: history is a path of legal moves that ends where the row is
		    (SELECT count(*) FROM e JOIN i ON i.id = e.invoice_id
		     WHERE e.from_state IS DISTINCT FROM e.before OR newest AND e.to_state <> i.state
		        OR e.from_state <> e.to_state AND NOT EXISTS (SELECT FROM chorus.transitions x WHERE (x.from_state, x.to_state) = (e.from_state, e.to_state))),
		    -- slots: one for each open attempt of the fleet, and never more than there are
		    (SELECT count(*) FROM chorus.slots s FULL JOIN (SELECT id FROM chorus.attempts WHERE outcome IS NULL) o ON o.id = s.attempt_id
		     WHERE s.n IS NULL OR s.n > $3 OR s.attempt_id IS NOT NULL AND o.id IS NULL)`,
		ids, protocolHorizon.Nanoseconds(), protocolSlots).Scan(&broken[0], &broken[1], &broken[2], &broken[3], &broken[4]))
	if broken != [5]int{} {
		t.Fatalf("I8, I11, I12, I13, slots are broken by %v", broken)
	}
}

// modelChecks is how many random runs the model is held against; the build tag long has more of them.
var modelChecks = "30"

func TestStatementsAgainstTheModel(t *testing.T) {
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for name, n := range map[string]string{"rapid.checks": modelChecks, "rapid.steps": "100"} {
		if !given[name] { // on the command line
			must(t, flag.Set(name, n))
		}
	}
	b := newBench(t)
	ends := map[store.State]int{}
	rapid.Check(t, func(t *rapid.T) {
		r := &run{bench: b, account: fmt.Sprintf("run%d", b.next()), claims: map[int64][]int64{}}
		b.closeAll(t)
		must(t, b.worker.EnsureAccounts(b.ctx, []string{r.account}))
		_, err := b.owner.Exec(b.ctx, `INSERT INTO chorus.logins (login, account) VALUES ($1, $2)`, b.app.Pool().Config().ConnConfig.User, r.account)
		must(t, err)
		must(t, b.worker.Structures(b.ctx, r.account, []store.Structure{{ID: 1, Identifiant: "12345678200010"}}, time.Hour))
		r.feed = store.FeedMark{StructureKey: store.StructureKey{Account: r.account, ID: 1}, Claim: 1, Lease: time.Hour}
		must(t, pgx.BeginFunc(b.ctx, b.worker.Pool(), func(tx pgx.Tx) error {
			return b.worker.SetStructureClaim(b.ctx, tx, r.feed.StructureKey, r.feed.Claim)
		}))
		for range 3 {
			r.rows = append(r.rows, &expected{id: b.ready(t, r.account), state: store.Ready})
		}
		t.Repeat(map[string]func(*rapid.T){
			"": r.check, "dispatch": r.dispatch, "take": r.take, "release": r.release, "work": r.work, "job": r.job, "another job": r.job, "a third": r.job,
			"fence": r.fence, "finish": r.finish, "another finish": r.finish, "reap": r.reap, "follow": r.follow, "prove": r.prove, "cancel": r.cancel, "retry": r.retry,
			"decide": r.decide, "tidy": r.tidy,
		})
		for _, row := range r.rows {
			ends[row.state]++
		}
	})
	t.Logf("rows ended in %v", ends)
}
