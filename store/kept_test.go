package store_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/store"
)

// read has a document read by a job that could send it, and returns the row that it kept, or nil.
func (b *bench) read(t *testing.T, id int64, lease time.Duration) *store.Invoice {
	t.Helper()
	inv, err := b.worker.TakeWhole(b.ctx, id, b.claim(t, store.StepValidate, "default")[id], store.Received, lease)
	must(t, err)
	if doc, err := b.worker.Document(b.ctx, inv); err != nil || string(doc) != "<Invoice/>" {
		t.Fatalf("%q, %v", doc, err)
	}
	facts := protocolFacts("K" + time.Now().Format("150405.000000000"))
	state, kept, err := b.worker.ValidatedAndKept(b.ctx, inv, facts, lease)
	must(t, err)
	if state != store.Ready {
		t.Fatalf("validated to %s", state)
	}
	if kept != nil && (kept.State != store.Ready || kept.Claim != inv.Claim || kept.NumeroFacture != facts.NumeroFacture || kept.AttemptNo != 0) {
		t.Fatalf("%+v", kept)
	}
	return kept
}

func (b *bench) insert(t *testing.T) int64 {
	t.Helper()
	id, err := b.app.Submit(b.ctx, store.Insertion{Account: "default", Document: []byte("<Invoice/>")})
	must(t, err)
	return id
}

// The job that has read a document keeps its row and begins to send it, without the dispatcher; while it has it, the dispatcher gives it to nobody, and when its
// lease is over, to another, whose row it then is.
func TestAJobKeepsWhatItHasRead(t *testing.T) {
	b := newWeather(t)
	kept := b.read(t, b.insert(t), time.Minute)
	if kept == nil {
		t.Fatal("nothing waits, and the row was not kept")
	}
	if claims := b.claim(t, store.StepSubmit, "default"); len(claims) > 0 {
		t.Fatalf("what a job has is given out: %v", claims)
	}
	in := b.intent(false)
	in.Unit = unit
	a, err := b.worker.Begin(t.Context(), *kept, in)
	must(t, err)
	b.ends(t, a, store.Accepted)

	late := b.read(t, b.insert(t), time.Millisecond)
	if late == nil {
		t.Fatal("not kept")
	}
	time.Sleep(5 * time.Millisecond) // the lease runs out
	if claims := b.claim(t, store.StepSubmit, "default"); len(claims) != 1 || claims[late.ID] == late.Claim {
		t.Fatalf("given out: %v", claims)
	}
	if _, err := b.worker.Begin(t.Context(), *late, b.intent(false)); !errors.Is(err, store.ErrGone) {
		t.Fatalf("a job whose lease was over began to send: %v", err)
	}
}

// Whoever's turn it is goes first, and what holds deposits back holds these back, too: then the row is left to the dispatcher, as if there were no such way.
func TestAJobKeepsNothingWhileSomethingWaits(t *testing.T) {
	for name, before := range map[string]string{
		"a row is ready":           `UPDATE chorus.invoices SET claim = NULL WHERE state = 'ready'`,
		"the account is paused":    `UPDATE chorus.accounts SET paused_at = clock_timestamp()`,
		"it is to be compared":     `UPDATE chorus.accounts SET compare_since = clock_timestamp()`,
		"a breaker is open":        `UPDATE chorus.breakers SET state = 'open', since = clock_timestamp() WHERE key = '` + portal + `'`,
		"a breaker is on trial":    `UPDATE chorus.breakers SET state = 'trial', since = clock_timestamp(), trial_at = clock_timestamp() WHERE key = '` + application + `'`,
		"it lets some through":     `UPDATE chorus.breakers SET ramp = 4 WHERE key = '` + portal + `'`,
		"the portal is closed":     `INSERT INTO chorus.maintenance (starts_at, ends_at) VALUES (clock_timestamp() - interval '1 hour', clock_timestamp() + interval '1 hour')`,
		"nobody keeps it":          ``,
		"it is not to be sent yet": `later`,
	} {
		t.Run(name, func(t *testing.T) {
			b := newWeather(t)
			lease := time.Minute
			var id int64
			switch before {
			case "":
				lease = 0
			case "later":
				must(t, b.owner.QueryRow(t.Context(), `INSERT INTO chorus.invoices (document, not_before) VALUES ('<Invoice/>', clock_timestamp() + interval '1 hour') RETURNING id`).Scan(&id))
			default:
				b.ready(t, "default")
				_, err := b.owner.Exec(t.Context(), `UPDATE chorus.invoices SET claim = 1, claimed_until = 'infinity' WHERE state = 'ready'`)
				must(t, err)
				_, err = b.owner.Exec(t.Context(), before)
				must(t, err)
			}
			if id == 0 {
				id = b.insert(t)
			}
			if kept := b.read(t, id, lease); kept != nil {
				t.Errorf("kept: %+v", kept)
			}
			var claimed bool
			must(t, b.owner.QueryRow(t.Context(), `SELECT claim IS NOT NULL OR claimed_until IS NOT NULL FROM chorus.invoices WHERE id = $1`, id).Scan(&claimed))
			if claimed {
				t.Error("the row is left to nobody")
			}
		})
	}
}

// A lease is written beside the last version of its row: no index is told, nothing that anybody sees has changed.
func TestALeaseTellsNoIndex(t *testing.T) {
	b := newBench(t)
	id := b.insert(t)
	b.claim(t, store.StepValidate, "default")
	must(t, pgx.BeginFunc(t.Context(), b.owner, func(tx pgx.Tx) error {
		var hot, before int
		var same bool
		const counted = `SELECT pg_stat_get_xact_tuples_hot_updated('chorus.invoices'::regclass)`
		must(t, tx.QueryRow(t.Context(), counted).Scan(&before))
		must(t, tx.QueryRow(t.Context(), `
			WITH was AS (SELECT id, updated_at, version FROM chorus.invoices WHERE id = $1)
			UPDATE chorus.invoices i SET claimed_until = clock_timestamp() + interval '1 minute' FROM was WHERE i.id = was.id
			RETURNING i.updated_at = was.updated_at AND i.version = was.version`, id).Scan(&same))
		must(t, tx.QueryRow(t.Context(), counted).Scan(&hot))
		if hot != before+1 || !same {
			t.Errorf("%d updates without a word to an index, and what others see is the same: %v", hot-before, same)
		}
		return nil
	}))
}

// The rules of a change watch every column but those that only the machinery writes; the document has a rule of its own.
func TestTheRulesWatchEveryColumn(t *testing.T) {
	b := newBench(t)
	var unwatched []string
	must(t, b.owner.QueryRow(t.Context(), `
		SELECT array_agg(a.attname::text ORDER BY a.attname)
		FROM pg_attribute a
		WHERE a.attrelid = 'chorus.invoices'::regclass AND a.attnum > 0 AND NOT a.attisdropped
		  AND a.attnum <> ALL (SELECT unnest(tgattr) FROM pg_trigger WHERE tgrelid = a.attrelid AND tgname = 'invoices_before_update')`).Scan(&unwatched))
	if want := []string{"claim", "claimed_until", "deaths", "document", "due_at"}; !slices.Equal(unwatched, want) {
		t.Errorf("%v, want %v", unwatched, want)
	}
}
