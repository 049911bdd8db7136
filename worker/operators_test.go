package worker_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store/storetest"
	"github.com/choriste/choriste/worker"
)

// No path of an operator makes a duplicate: every function that an operator's login may call is called at random, on rows in whatever state, while deposits lose
// their answers and the portal refuses nothing that it has already. No number may live there twice.
func TestNoPathOfAnOperatorMakesADuplicate(t *testing.T) {
	t.Parallel()
	const invoices, rounds, acts = 24, 25, 40
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	h := newHouse(t, &chorustest.Config{Step: -1, Integration: 20 * time.Second, AcceptDuplicates: true})
	clock := storetest.VirtualClock(t, h.db).With(h.sim)
	h.start(func(c *worker.Config) {
		s := &c.Settings
		s.HTTPTimeout, s.SendWithin = 30*time.Second, 10*time.Second // a busy machine is no fault of the portal's
		s.LandingDelay, s.VisibilityDelay, s.ReportAfter, s.SyncEvery, s.QuietPeriod = 30*time.Second, time.Minute, 20*time.Second, 20*time.Second, 1000*day
		c.Poll, c.VirtualTime = 10*time.Millisecond, true
	})
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	pass := func(d time.Duration) {
		t.Helper()
		for _, step := range []func() error{func() error { return clock.Rest(ctx) }, func() error { return clock.Advance(ctx, d) }, func() error { return clock.Rest(ctx) }} {
			if err := step(); err != nil {
				t.Fatal(err)
			}
		}
	}
	operator, err := pgx.Connect(ctx, h.db.OperatorURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = operator.Close(context.WithoutCancel(ctx)) }()
	calls, err := operatorsCalls(ctx, operator)
	if err != nil {
		t.Fatal(err)
	}

	often := slices.DeleteFunc(slices.Clone(calls), func(c operatorsCall) bool {
		return !slices.Contains([]string{"resolve", "retry", "cancel", "allow_resubmit", "replace"}, c.name)
	})
	name := func(k int) string { return fmt.Sprintf("TRY-%02d", k) }
	pass(time.Minute)
	h.insert(invoicetest.Invoice{Numero: "SHOWN"}.UBL()) // something of the supplier's is shown
	pass(2 * time.Minute)
	done, refused := map[string]int{}, map[string]int{}
	for round := range rounds {
		if round < invoices {
			h.insert(invoicetest.Invoice{Numero: name(round)}.UBL())
		}
		for range random.IntN(4) {
			h.sim.Faults(chorustest.Fault{Op: "deposer/flux", Kind: []string{
				"commit_then_drop", "commit_then_drop", "commit_then_500", "commit_then_502_html", "commit_then_reject", "commit_then_incident", "drop_before_commit", "500", "503",
			}[random.IntN(9)]})
		}
		for range random.IntN(3) { // recipients act as well, on what lives: nothing that was refused is paid later
			k, statut := random.IntN(invoices), []string{"REJETEE", "SUSPENDUE", "A_RECYCLER", "MISE_EN_PAIEMENT", "ABANDONNEE"}[random.IntN(5)]
			integrated := slices.DeleteFunc(h.sim.Deposits(name(k)), func(d chorustest.Deposit) bool { return d.Facture == 0 })
			if n := len(integrated); n > 0 && lives(integrated[n-1]) {
				if err := h.sim.Statut(name(k), statut, ""); err != nil {
					t.Fatal(err)
				}
			}
		}
		for range acts {
			list := calls
			if random.IntN(3) > 0 {
				list = often
			}
			call := list[random.IntN(len(list))]
			if call.name == "erase_account" && round < rounds-1 {
				continue // the account takes nothing more afterwards
			}
			if err := call.make(ctx, operator, random, name(random.IntN(invoices))); err == nil {
				done[call.name]++
			} else if pgErr := new(pgconn.PgError); errors.As(err, &pgErr) {
				refused[call.name]++
			} else {
				t.Fatal(err)
			}
		}
		// An operator takes it up again at once: what is paused sends nothing.
		h.exec(`UPDATE chorus.accounts SET paused_at = NULL, pause_reason = NULL WHERE paused_at IS NOT NULL`)
		pass(time.Duration(random.IntN(150)) * time.Second)
		for k := range invoices {
			living := 0
			for _, d := range h.sim.Deposits(name(k)) {
				if lives(d) {
					living++
				}
			}
			if living > 1 {
				t.Fatalf("round %d: %s lives %d times: %+v", round, name(k), living, h.sim.Deposits(name(k)))
			}
		}
	}
	for _, must := range []string{"retry", "replace"} { // whether anything was parked, and could be resolved, is chance
		if done[must] == 0 {
			t.Errorf("%s was never taken: done %v, refused %v", must, done, refused)
		}
	}
	t.Logf("done %v, refused %v", done, refused)
}

// lives says that the portal holds a deposit, or may yet, and nobody has refused it or given it up: another one of its number is one too many.
func lives(d chorustest.Deposit) bool {
	return !d.RefusedLater && !slices.Contains([]string{"REJETEE", "ABANDONNEE", "SUPPRIMEE"}, d.Statut)
}

// operatorsCall is a function of the schema chorus that an operator may call, and that changes something; or a replacement, which is an INSERT.
type operatorsCall struct {
	name string
	args []string // name and type of each
}

func operatorsCalls(ctx context.Context, operator *pgx.Conn) ([]operatorsCall, error) {
	rows, err := operator.Query(ctx, `
		SELECT p.proname, ARRAY(
		    SELECT coalesce(p.proargnames[n], '') || ' ' || format_type(p.proargtypes[n - 1], NULL) FROM generate_series(1, p.pronargs) n ORDER BY n)
		FROM pg_catalog.pg_proc p
		WHERE p.pronamespace = 'chorus'::regnamespace AND p.provolatile = 'v' AND p.prorettype <> 'trigger'::regtype AND has_function_privilege(p.oid, 'EXECUTE')
		ORDER BY p.proname, p.oid`)
	if err != nil {
		return nil, err
	}
	calls, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c operatorsCall, err error) {
		err = row.Scan(&c.name, &c.args)
		return c, err
	})
	return append(calls, operatorsCall{name: "replace"}), err
}

// make calls it with arguments that fit, as often as not.
func (c operatorsCall) make(ctx context.Context, operator *pgx.Conn, random *rand.Rand, numero string) error {
	if c.name == "replace" { // by another document of the same number
		_, err := operator.Exec(ctx, `
			INSERT INTO chorus.invoices (document, replaces) VALUES ($2, (SELECT id FROM chorus.invoices WHERE numero_facture = $1 ORDER BY id DESC LIMIT 1))`,
			numero, invoicetest.Invoice{Numero: numero}.UBL())
		return err
	}
	values := make([]string, len(c.args))
	for k, arg := range c.args {
		name, kind, _ := strings.Cut(arg, " ")
		values[k] = argument(name, kind, random, numero)
	}
	_, err := operator.Exec(ctx, fmt.Sprintf("SELECT chorus.%s(%s)", c.name, strings.Join(values, ", ")))
	return err
}

func argument(name, kind string, random *rand.Rand, numero string) string {
	invoice := fmt.Sprintf("(SELECT id FROM chorus.invoices WHERE numero_facture = '%s' ORDER BY id DESC LIMIT 1)", numero)
	texts := map[string][]string{
		"p_action": {"'accept'", "'lookup'", "'resubmit'", "'resubmit'", "'abandon'"},
		"p_flux":   {"NULL", "NULL", fmt.Sprintf("(SELECT numero_flux_depot FROM chorus.attempts WHERE invoice_id = %s ORDER BY n LIMIT 1)", invoice), "'CPP0000000000000000000001'"},
		"":         {"'because'", "'default'", "'MISE_A_DISPOSITION'", "''", "NULL"},
	}
	of := func(list []string) string { return list[random.IntN(len(list))] }
	switch {
	case kind == "bigint":
		return invoice
	case kind == "text" && texts[name] != nil:
		return of(texts[name])
	case kind == "text" && strings.Contains(name, "account"):
		return "'default'"
	case kind == "text" && strings.Contains(name, "reason"):
		return "'because'"
	case kind == "text":
		return of(texts[""])
	case kind == "boolean":
		return of([]string{"true", "false"})
	case kind == "integer":
		return of([]string{"0", "1", "1000"})
	case kind == "interval":
		return of([]string{"interval '1 second'", "interval '10 years'", "NULL"})
	case kind == "date":
		return "current_date"
	case kind == "bytea":
		return "'x'::bytea"
	default:
		return "NULL"
	}
}
