package chaos

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/choriste/choriste/store/storetest"
)

// rewind is one time that the database went back: what was committed between lostFrom and lostTo is forgotten, although requests have left.
type rewind struct {
	way              string
	lostFrom, lostTo time.Time
	table            bool      // only one table went back: the others remember
	possible         time.Time // from then on a worker could notice it
	noticed          time.Time // zero: nobody has
	back             time.Time
}

const (
	withinToNotice = 10 * time.Second
	forgotten      = 12            // deposits, at least, that the snapshot does not know of
	mostFrozen     = 2 * delay / 3 // no worker stands still for longer
	waitingForIt   = 40            // invoices that wait when the snapshot is taken
)

// way is how the database goes back.
type way struct {
	name    string
	stopped bool                        // while no worker runs
	table   bool                        // one table only
	take    func(context.Context) error // the snapshot; the workers stand still
	back    func(context.Context) error
}

// rewind lets the workers send for a while what a snapshot of the database knows as waiting, and then brings the snapshot back. The application inserts
// nothing from the snapshot on, since that would be lost rightly.
func (t *trial) rewind(ctx context.Context, w way) error {
	r := rewind{way: w.name, table: w.table}
	if err := t.backAndNoticed(ctx, w, &r); err != nil {
		return err
	}
	var err error
	r.back, err = t.depositsAgain(ctx, everyone, r.possible, t.cfg.horizon()+t.moment())
	t.stage.mu.Lock()
	t.stage.rewinds = append(t.stage.rewinds, r)
	t.stage.mu.Unlock()
	t.say("rewind %s: noticed after %s, deposits after %s", w.name, since(r.possible, r.noticed), since(r.possible, r.back))
	return err
}

// backAndNoticed ends when the rewind has been noticed, or should have been. Until then what the database says is known to be false, and nobody is to judge it or
// to be told so; what is sent because of it is in the ledger.
func (t *trial) backAndNoticed(ctx context.Context, w way, r *rewind) error {
	t.world.Lock()
	defer t.world.Unlock()
	if err := t.goBack(ctx, w, r); err != nil {
		return err
	}
	r.possible = r.lostTo
	if w.stopped {
		if err := t.fleet.startAll(); err != nil {
			return err
		}
		r.possible = time.Now()
	}
	t.cutOff(cut{slot: everyone, began: r.lostFrom, ended: time.Now()})
	return t.awaitQuarantine(ctx, r)
}

func since(from, to time.Time) string {
	if to.IsZero() {
		return "never"
	}
	return to.Sub(from).Round(100 * time.Millisecond).String()
}

// goBack ends with the database as it was, and the workers running unless they were to be stopped.
func (t *trial) goBack(ctx context.Context, w way, r *rewind) (err error) {
	r.lostFrom = time.Now().Add(-time.Second) // a transaction of a worker that stands still was begun before
	t.fleet.freeze()
	// Beyond D a request that left in time would land too late. A snapshot knows what was there when it began.
	thaw := time.AfterFunc(mostFrozen, t.fleet.thaw)
	defer thaw.Stop()
	defer t.fleet.thaw()
	if err := t.in.good(ctx, waitingForIt, t.in.add); err != nil {
		return err
	}
	snapshot := time.Now()
	if err := w.take(ctx); err != nil {
		return fmt.Errorf("the snapshot: %w", err)
	}
	t.fleet.thaw()
	if err := t.awaitDeposits(ctx, snapshot, forgotten); err != nil {
		return err
	}
	if w.stopped {
		if err := t.fleet.stopAll("term"); err != nil {
			return err
		}
	}
	if err := w.back(ctx); err != nil {
		return fmt.Errorf("bringing it back: %w", err)
	}
	r.lostTo = time.Now()
	t.pool.Reset()
	_, err = t.pool.Exec(ctx, `INSERT INTO chaos.failovers VALUES ($1, $2, $3)`, r.lostFrom, r.lostTo, r.table)
	return err
}

// awaitDeposits waits until so many were acknowledged since a moment.
func (t *trial) awaitDeposits(ctx context.Context, since time.Time, wanted int) error {
	for limit := time.Now().Add(20 * time.Second); time.Now().Before(limit); {
		var n int
		err := t.pool.QueryRow(ctx, `SELECT count(*) FROM chorus.attempts WHERE claimed_at > $1 AND outcome = 'ACCEPTED'`, since).Scan(&n)
		if err == nil && n >= wanted {
			return nil
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return errors.New("nothing is sent")
}

// awaitQuarantine looks for the event that says that a worker has noticed.
func (t *trial) awaitQuarantine(ctx context.Context, r *rewind) error {
	for limit := r.possible.Add(withinToNotice + 5*time.Second); time.Now().Before(limit); {
		var at *time.Time
		err := t.pool.QueryRow(ctx, `SELECT max(at) FROM chorus.events WHERE reason_code = 'QUARANTINE' AND invoice_id IS NULL AND at > $1`, r.lostTo).Scan(&at)
		if err == nil && at != nil {
			r.noticed = *at
			return nil
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func (t *trial) rewindRestore(ctx context.Context) error {
	return t.rewind(ctx, way{name: "rewind-restore", stopped: true, take: t.takeDump, back: func(ctx context.Context) error {
		if err := t.maintain(ctx, `DROP DATABASE `+databaseName+` WITH (FORCE)`); err != nil {
			return err
		}
		if err := t.maintain(ctx, `CREATE DATABASE `+databaseName); err != nil {
			return err
		}
		return storetest.Restore(ctx, t.url, t.backup())
	}})
}

func (t *trial) rewindClean(ctx context.Context) error {
	return t.rewind(ctx, way{name: "rewind-clean", stopped: true, take: t.takeDump, back: func(ctx context.Context) error {
		return storetest.Restore(ctx, t.url, t.backup(), "--clean", "--if-exists")
	}})
}

func (t *trial) rewindInvoices(ctx context.Context) error { return t.rewindTable(ctx, "invoices") }
func (t *trial) rewindAttempts(ctx context.Context) error { return t.rewindTable(ctx, "attempts") }

// rewindTable brings one table back under the workers, in a transaction, as somebody does who believes that only this one was damaged.
func (t *trial) rewindTable(ctx context.Context, table string) error {
	exec := func(statements string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := t.pool.Exec(ctx, statements)
			return err
		}
	}
	table = "chorus." + table
	return t.rewind(ctx, way{
		name: strings.Replace(table, "chorus.", "rewind-", 1), table: true,
		take: exec(`DROP TABLE IF EXISTS chaos.backup; CREATE TABLE chaos.backup AS TABLE ` + table),
		back: exec(`
			SET LOCAL session_replication_role = replica;
			LOCK TABLE ` + table + `;
			DELETE FROM ` + table + `;
			INSERT INTO ` + table + ` OVERRIDING SYSTEM VALUE TABLE chaos.backup`),
	})
}

func (t *trial) rewindCopy(ctx context.Context) error {
	return t.rewindData(ctx, "rewind-copy", true, false)
}

func (t *trial) rewindUnder(ctx context.Context) error {
	return t.rewindData(ctx, "rewind-under", false, false)
}

// rewindStandby replaces the database by a standby that has not heard of the last second or two. The standby is a copy of the server's directory, taken while
// the server is down; at its start it ends its recovery and begins a timeline of its own, as any promoted standby and any point-in-time recovery does.
func (t *trial) rewindStandby(ctx context.Context) error {
	return t.rewindData(ctx, "rewind-standby", false, true)
}

// rewindData brings back a cold copy of the data directory.
func (t *trial) rewindData(ctx context.Context, name string, stopped, newTimeline bool) error {
	kept := t.cluster.Data() + ".kept"
	var change []func(string) error
	if newTimeline {
		change = append(change, storetest.Promote)
	}
	return t.rewind(ctx, way{
		name: name, stopped: stopped,
		take: func(ctx context.Context) error { return t.cluster.Copy(ctx, kept) },
		back: func(ctx context.Context) error { return t.cluster.PutBack(ctx, kept, change...) },
	})
}

// backup is where a dump of the database is kept.
func (t *trial) backup() string { return filepath.Join(t.dir, "backup.dump") }

func (t *trial) takeDump(ctx context.Context) error {
	return storetest.Dump(ctx, t.url, t.backup(), "--compress=0")
}
