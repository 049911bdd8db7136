package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/store/storetest"
)

// What an invoice costs the database, from its INSERT to integrated, is counted and not timed. The limits hold on a busy machine, too, where deposits do not keep pace with
// what is read and every row takes the longer way, by the dispatcher; the goals of the throughput measurement are much lower. Statements and commits hold what a worker asks
// while it waits, which is more on a busy machine: their limits are coarse.
const (
	mostStatements = 34
	mostCommits    = 28
	mostVersions   = 8.7
	mostWAL        = 25.0 // kB beyond the document
)

// shown is how many statements are told of, the most expensive first.
const shown = 25

// cost takes invoices through on a server of its own, which counts statements, does not write whole pages after a checkpoint, and is not vacuumed meanwhile.
func cost(ctx context.Context, w *workshop) (figures []figure, err error) {
	w.say("cost: %d invoices …", w.size.counted)
	own := *w
	own.cluster, err = storetest.Start(ctx, storetest.Options{Settings: map[string]string{
		"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track_utility": "off", "pg_stat_statements.max": "5000", "autovacuum": "off",
	}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, own.cluster.Stop()) }()
	p, err := own.plant(ctx, "CHORISTE_SYNC_EVERY=1s", "CHORISTE_VISIBILITY_DELAY=5s")
	w.made = own.made // files in the shared directory bear the number
	if err != nil {
		return nil, err
	}
	defer func() {
		if p != nil {
			_, stopped := p.stop()
			err = errors.Join(err, stopped)
		}
	}()
	if err := p.exec(ctx, `CREATE EXTENSION pg_stat_statements`); err != nil {
		return nil, err
	}
	idleFrom, idleTo, err := p.idle(ctx, w.size.settling, w.size.rest)
	if err != nil {
		return nil, err
	}
	rested, err := p.statements(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.exec(ctx, `SELECT pg_stat_statements_reset()`); err != nil {
		return nil, err
	}
	from, err := p.count(ctx)
	if err == nil {
		_, _, err = takeThrough(ctx, p, w.size.counted)
	}
	if err != nil {
		return nil, err
	}
	said, err := p.statements(ctx)
	stopping := p
	p = nil
	_, stopped := stopping.stop()
	if err = errors.Join(err, stopped); err != nil {
		return nil, err
	}
	to, err := stopping.count(ctx) // PostgreSQL's processes have ended, and told
	if err != nil {
		return nil, err
	}
	n := float64(w.size.counted)
	took, idleTook := to.at.Sub(from.at).Seconds(), idleTo.at.Sub(idleFrom.at).Seconds()
	var calls, idle float64
	for _, s := range said {
		calls += s.calls
	}
	for _, s := range rested {
		idle += s.calls
	}
	calls = max(0, calls-idle/(w.size.settling+w.size.rest).Seconds()*took) / n
	tell(w, said, n)
	idled := func(of func(counts) int64) float64 { return float64(of(idleTo)-of(idleFrom)) / idleTook * took }
	each := func(of func(counts) int64) float64 { return max(0, float64(of(to)-of(from))-idled(of)) / n }
	return []figure{
		bar("cost", "statements an invoice", calls, "", mostStatements),
		bar("cost", "commits an invoice", each(func(c counts) int64 { return c.commits }), "", mostCommits),
		bar("cost", "new versions of its row", float64(to.versions-from.versions)/n, "", mostVersions),
		fact("cost", "of these with a word to an index", float64(to.versions-from.versions-to.hot+from.hot)/n, ""),
		bar("cost", "WAL an invoice, beyond the document", each(func(c counts) int64 { return c.wal - c.stored })/1000, "kB", mostWAL),
		fact("cost", "jobs of River an invoice", each(func(c counts) int64 { return c.jobs }), ""),
	}, nil
}

// statement is what the server counts of one.
type statement struct {
	calls, ms, wal float64
	query          string
}

// statements are all that were asked of a database since the last reset, the most expensive first.
func (p *plant) statements(ctx context.Context) ([]statement, error) {
	conn, err := pgx.Connect(ctx, p.url)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	rows, err := conn.Query(ctx, `
		SELECT calls::float8, total_exec_time, wal_bytes::float8, query
		FROM pg_stat_statements s
		WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND query NOT LIKE '%pg_stat%'
		ORDER BY total_exec_time DESC`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (s statement, err error) {
		return s, row.Scan(&s.calls, &s.ms, &s.wal, &s.query)
	})
}

func (p *plant) exec(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, p.url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	_, err = conn.Exec(ctx, sql)
	return err
}

// tell says which statements make up the cost of an invoice.
func tell(w *workshop, said []statement, n float64) {
	w.say("  calls/invoice  ms/invoice  WAL/invoice  statement")
	for _, s := range said[:min(len(said), shown)] {
		w.say("  %13.3f  %10.3f  %9.0f B  %s", s.calls/n, s.ms/n, s.wal/n, shorten(s.query))
	}
}

// shorten is a statement's beginning, on one line.
func shorten(query string) string {
	const most = 110
	text := []rune(strings.Join(strings.Fields(query), " "))
	if len(text) > most {
		return fmt.Sprintf("%s…", string(text[:most]))
	}
	return string(text)
}
