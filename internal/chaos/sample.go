package chaos

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

var (
	//go:embed schema.sql
	schemaSQL string
	//go:embed invariants.sql
	invariantsSQL string
)

// invariant is one query of invariants.sql.
type invariant struct {
	Name   string
	Always bool // at every sample, not only at the end
	About  string
	sql    string
}

var invariants = readInvariants(invariantsSQL)

func readInvariants(text string) []invariant {
	head := regexp.MustCompile(`(?m)^--! (\w+) (always|end): (.*)$`)
	places := head.FindAllStringSubmatchIndex(text, -1)
	var all []invariant
	for k, p := range places {
		end := len(text)
		if k+1 < len(places) {
			end = places[k+1][0]
		}
		all = append(all, invariant{
			Name: text[p[2]:p[3]], Always: text[p[4]:p[5]] == "always", About: text[p[6]:p[7]],
			sql: strings.TrimSuffix(strings.TrimSpace(text[p[1]:end]), ";"),
		})
	}
	return all
}

// mostShown is how many violations of one invariant are kept in words.
const mostShown = 20

// violation is what a query returned.
type violation struct {
	Invariant string   `json:"invariant"`
	Rows      int      `json:"rows"`
	Samples   []string `json:"samples"`
}

// observer compares the database with the portal's ledger.
type observer struct {
	pool    *pgxpool.Pool // as the superuser
	ledger  ledgerReader
	pending []entry     // read, and not yet known to be in the database
	recent  []time.Time // when the last deposits came
	only    []string    // the invariants that make sense; nil: all
	samples int
	world   *sync.RWMutex // see trial
}

// sample brings the ledger into the database and evaluates the invariants that hold at any moment, or all of them at the end. An error says that the
// database was away; nothing is lost by that.
func (o *observer) sample(ctx context.Context, end bool) ([]violation, error) {
	o.world.RLock()
	defer o.world.RUnlock()
	if err := o.readLedger(); err != nil {
		return nil, err
	}
	first := o.ledger.last
	tx, err := o.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	// The tables grow from nothing faster than PostgreSQL learns of it; a loop over what it takes for a handful of rows would never end.
	if _, err := tx.Exec(ctx, `SET LOCAL enable_nestloop = off`); err != nil {
		return nil, err
	}
	// The first query takes the snapshot; only then is the rest of the ledger read.
	var have int64
	if err := tx.QueryRow(ctx, `SELECT coalesce(max(seq), 0) FROM chaos.ledger`).Scan(&have); err != nil {
		return nil, err
	}
	if len(o.pending) > 0 && o.pending[0].Seq > have+1 || len(o.pending) == 0 && o.ledger.last > have {
		// A failover has forgotten lines: all are read again.
		o.ledger, o.pending = ledgerReader{path: o.ledger.path, foreign: o.ledger.foreign}, nil
	}
	if err := o.readLedger(); err != nil {
		return nil, err
	}
	for len(o.pending) > 0 && o.pending[0].Seq <= have {
		o.pending = o.pending[1:]
	}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"chaos", "ledger"}, entryColumns, pgx.CopyFromSlice(len(o.pending), func(i int) ([]any, error) {
		return o.pending[i].row(), nil
	})); err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, `UPDATE chaos.settings SET first_seq = $1`, first); err != nil {
		return nil, err
	}
	found, err := evaluate(ctx, tx, end, o.only)
	if err != nil {
		return nil, err
	}
	if err := tx.Commit(ctx); err != nil {
		return nil, err
	}
	// A crash loses PostgreSQL's notes on when to look at the tables again.
	if o.samples++; o.samples%5 == 1 {
		_, err = o.pool.Exec(ctx, `ANALYZE chaos.ledger, chaos.commits, chorus.invoices, chorus.attempts, chorus.events`)
	}
	return found, err
}

func (o *observer) readLedger() error {
	lines, err := o.ledger.read()
	for _, e := range lines {
		if e.Type == "request" && e.Op == opDeposit {
			o.recent = append(o.recent, e.At)
		}
	}
	o.pending = append(o.pending, lines...)
	return errFatal(err)
}

// evaluate asks every invariant, or those that hold at any moment; with names given, none but these.
func evaluate(ctx context.Context, tx pgx.Tx, end bool, only []string) ([]violation, error) {
	var found []violation
	for _, inv := range invariants {
		if !inv.Always && !end || only != nil && !slices.Contains(only, inv.Name) {
			continue
		}
		rows, err := tx.Query(ctx, inv.sql)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", inv.Name, err)
		}
		texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", inv.Name, err)
		}
		if len(texts) > 0 {
			found = append(found, violation{inv.Name, len(texts), texts[:min(len(texts), mostShown)]})
		}
	}
	return found, nil
}

// fatal is an error that no waiting cures.
type fatal struct{ error }

func errFatal(err error) error {
	if err == nil {
		return nil
	}
	return fatal{err}
}

func isFatal(err error) bool {
	var f fatal
	return errors.As(err, &f)
}
