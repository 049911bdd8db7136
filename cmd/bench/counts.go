package main

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// counts are what PostgreSQL has done in a database so far: what noise of other programs cannot move.
type counts struct {
	at       time.Time
	commits  int64
	wal      int64 // bytes, of the whole server
	versions int64 // new versions of rows of chorus.invoices, the first one of each aside
	hot      int64 // of these, those that no index had to be told of
	jobs     int64 // rows of River's jobs
	stored   int64 // bytes of documents as they are kept, compressed
	conns    int64 // connections of the worker
	cpu      cpu
}

// count reads them. PostgreSQL's processes tell what they did a second later, or when they end.
func (p *plant) count(ctx context.Context) (c counts, err error) {
	conn, err := pgx.Connect(ctx, p.url)
	if err != nil {
		return c, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	err = conn.QueryRow(ctx, `
		SELECT clock_timestamp(), (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()),
		       (SELECT wal_bytes::bigint FROM pg_stat_wal), t.n_tup_upd, t.n_tup_hot_upd, (SELECT n_tup_ins FROM pg_stat_user_tables WHERE relid = 'river.river_job'::regclass),
		       (SELECT coalesce(sum(pg_column_size(document)), 0) FROM chorus.invoices),
		       (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename LIKE '%\_worker')
		FROM pg_stat_user_tables t
		WHERE relid = 'chorus.invoices'::regclass`).Scan(&c.at, &c.commits, &c.wal, &c.versions, &c.hot, &c.jobs, &c.stored, &c.conns)
	if err != nil {
		return c, err
	}
	c.cpu, err = p.used(ctx)
	return c, err
}

// idle is what a worker with nothing to do asks of the database in a second.
func (p *plant) idle(ctx context.Context, settle, watch time.Duration) (from, to counts, err error) {
	if err := sleep(ctx, settle); err != nil {
		return from, to, err
	}
	if from, err = p.count(ctx); err != nil {
		return from, to, err
	}
	if err := sleep(ctx, watch); err != nil {
		return from, to, err
	}
	to, err = p.count(ctx)
	return from, to, err
}

// anInvoice is what each of n invoices has cost between two counts, without what an idle worker does in that time.
func anInvoice(from, to, idleFrom, idleTo counts, n int) []figure {
	took := to.at.Sub(from.at).Seconds()
	idle := func(of func(counts) int64) float64 {
		return float64(of(idleTo)-of(idleFrom)) / idleTo.at.Sub(idleFrom.at).Seconds()
	}
	each := func(of func(counts) int64) float64 { return (float64(of(to)-of(from)) - idle(of)*took) / float64(n) }
	hot, versions := to.hot-from.hot, to.versions-from.versions
	return []figure{
		bar("throughput", "commits an invoice", each(func(c counts) int64 { return c.commits }), "", 5),
		bar("throughput", "new versions of its row", float64(versions)/float64(n), "", 3.5),
		fact("throughput", "of these without a word to an index", 100*float64(hot)/float64(max(versions, 1)), "%"),
		bar("throughput", "WAL an invoice, beyond the document", each(func(c counts) int64 { return c.wal - c.stored })/1000, "kB", 9),
		fact("throughput", "jobs of River an invoice", each(func(c counts) int64 { return c.jobs }), ""),
	}
}

// atRest are the figures of a worker with nothing to do.
func atRest(from, to counts) []figure {
	aSecond := func(d time.Duration) float64 { return 1000 * d.Seconds() / to.at.Sub(from.at).Seconds() }
	return []figure{
		bar("idle", "CPU of the worker in a second", aSecond(to.cpu.worker-from.cpu.worker), "ms", 5),
		fact("idle", "CPU of PostgreSQL in a second", aSecond(to.cpu.server-from.cpu.server), "ms"),
		bar("idle", "transactions a second", float64(to.commits-from.commits)/to.at.Sub(from.at).Seconds(), "/s", 5),
		bar("idle", "connections", float64(to.conns), "", 6),
	}
}
