package chaos

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// bring writes down in the database what the harness knows beside the ledger, so that every invariant is one query.
func (t *trial) bring(ctx context.Context, tx pgx.Tx) error {
	if err := t.bringInserts(ctx, tx); err != nil {
		return err
	}
	for _, p := range t.fleet.processes() {
		// A number that the system has given twice tells nothing: its later owner stands for both.
		_, err := tx.Exec(ctx, `
			INSERT INTO chaos.processes VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (worker) DO UPDATE SET how = NULL, ended = NULL`, p.name, p.slot, p.started, null(p.ended), null(p.how))
		if err != nil {
			return err
		}
	}
	for _, o := range t.harm.outages {
		if _, err := tx.Exec(ctx, `INSERT INTO chaos.outages VALUES ($1, $2)`, o.began, o.ended); err != nil {
			return err
		}
	}
	if err := t.bringStage(ctx, tx); err != nil {
		return err
	}
	if err := t.bringProbes(ctx, tx); err != nil {
		return err
	}
	// Everything has ended: whatever is silent now will be silent for ever.
	_, err := tx.Exec(ctx, `UPDATE chaos.settings SET silence = '0', calmed = $1`, t.calmed)
	return err
}

func (t *trial) bringInserts(ctx context.Context, tx pgx.Tx) error {
	columns := []string{"account", "external_ref", "key", "sha256", "kind", "acknowledged", "at"}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"chaos", "inserts"}, columns, pgx.CopyFromSlice(len(t.in.all), func(k int) ([]any, error) {
		i := t.in.all[k]
		return []any{i.Account, i.ExternalRef, i.Key, i.SHA256, i.Kind, i.Acknowledged, null(i.At)}, nil
	}))
	return err
}

func (t *trial) bringStage(ctx context.Context, tx pgx.Tx) error {
	var batch pgx.Batch
	for _, p := range t.stage.played {
		batch.Queue(`INSERT INTO chaos.episodes VALUES ($1, $2, $3, $4, $5, $6, $7)`, p.name, slotOf(p.slot), p.began, p.ended, p.still, null(p.back), p.allowed)
	}
	for _, r := range t.stage.rewinds {
		batch.Queue(`INSERT INTO chaos.rewinds VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, r.way, r.table, r.lostFrom, r.lostTo, r.possible, null(r.noticed),
			withinToNotice, null(r.back), t.cfg.horizon()+t.moment())
	}
	for _, c := range t.stage.cuts {
		batch.Queue(`INSERT INTO chaos.cuts VALUES ($1, $2, $3, $4)`, slotOf(c.slot), c.began, c.ended, c.whole)
	}
	for _, r := range t.stage.refusals {
		batch.Queue(`INSERT INTO chaos.refusals VALUES ($1, $2)`, r.what, null(r.sqlstate))
	}
	for _, n := range t.stage.noises {
		batch.Queue(`INSERT INTO chaos.noise VALUES ($1, $2, $3, $4, $5)`, n.what, n.slot, n.lines, n.seconds, n.most)
	}
	return tx.SendBatch(ctx, &batch).Close()
}

func (t *trial) bringProbes(ctx context.Context, tx pgx.Tx) error {
	var batch pgx.Batch
	t.probes.mu.Lock()
	defer t.probes.mu.Unlock()
	for _, a := range t.probes.answers {
		batch.Queue(`INSERT INTO chaos.answers VALUES ($1, $2, $3, $4, $5, $6)`, a.slot, a.worker, a.at, a.ready, null(a.metrics), cutText(a.said))
	}
	if !t.cfg.Race { // the race detector alone takes several times as much
		for worker, m := range t.probes.peaks {
			batch.Queue(`INSERT INTO chaos.memory VALUES ($1, $2, $3)`, m.slot, worker, m.bytes)
		}
	}
	return tx.SendBatch(ctx, &batch).Close()
}

// slotOf is NULL for everyone.
func slotOf(slot int) *int {
	if slot == everyone {
		return nil
	}
	return &slot
}

func cutText(s string) string {
	if len(s) > 200 {
		s = s[:200] + "…"
	}
	return s
}
