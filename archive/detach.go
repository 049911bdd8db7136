package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Detached is what Detach has done.
type Detached struct {
	Month  string `json:"month"`
	Events int64  `json:"events"`
	SHA256 string `json:"sha256"`
	File   string `json:"file"`
	Before bool   `json:"before"` // it was away already
}

// Detach writes a month whose invoices have all been final for so long into dir, and has it leave chorus.events. Called again after a crash, it goes on where that was.
func (r *Room) Detach(ctx context.Context, month string, age time.Duration, dir string) (d Detached, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return d, err
	}
	err = r.alone(ctx, func() error {
		p, rec, err := r.known(ctx, month)
		switch {
		case err != nil:
			return err
		case p == nil && rec == nil:
			return refuse("there is no month %s: choriste partition list says which there are", "il n'y a pas de mois %s : choriste partition list dit lesquels existent", month)
		case p == nil:
			d = Detached{month, rec.Events, rec.SHA256, rec.File, true}
			return nil
		case rec == nil && !p.attached:
			return refuse("chorus.events_%s was detached by hand, and nothing is written down of it: attach it by hand", "chorus.events_%s a été détachée à la main et rien n'en est noté : rattachez-la à la main", month)
		case rec == nil:
			if rec, err = r.archive(ctx, month, age, dir); err != nil {
				return err
			}
		default:
			if err := r.again(ctx, *rec, dir); err != nil {
				return err
			}
		}
		if err := r.at("recorded"); err != nil {
			return err
		}
		if err := writeManifest(dir, *rec); err != nil {
			return err
		}
		if p.attached {
			if err := r.detach(ctx, month, p.pending); err != nil {
				return err
			}
		}
		if err := r.at("detached"); err != nil {
			return err
		}
		d = Detached{month, rec.Events, rec.SHA256, filepath.Join(dir, rec.File), false}
		return r.insist(ctx, func() error {
			_, err := r.pool.Exec(ctx, `DROP TABLE chorus.events_`+month)
			return err
		})
	})
	return d, err
}

// archive writes the file and writes it down.
func (r *Room) archive(ctx context.Context, month string, age time.Duration, dir string) (*record, error) {
	interval := fmt.Sprintf("%d seconds", int64(age/time.Second))
	var waits *string
	if err := r.pool.QueryRow(ctx, `SELECT chorus.month_waits($1, $2::text::interval)`, month, interval).Scan(&waits); err != nil {
		return nil, err
	}
	if waits != nil {
		return nil, &Waits{month, *waits}
	}
	// Who took a number of the month before the next one began may not have committed yet.
	waited, err := r.writersGone(ctx)
	if err != nil {
		return nil, err
	}
	if waited {
		if err := r.pool.QueryRow(ctx, `SELECT chorus.month_waits($1, $2::text::interval)`, month, interval).Scan(&waits); err != nil {
			return nil, err
		}
		if waits != nil {
			return nil, &Waits{month, *waits}
		}
	}
	c, err := r.write(ctx, month, dir)
	if err != nil {
		return nil, err
	}
	if err := r.at("written"); err != nil {
		return nil, err
	}
	r.say(fmt.Sprintf("%d events are in %s; their chain is reckoned", c.rows, filepath.Join(dir, fileOf(month))), fmt.Sprintf("%d événements sont dans %s ; leur chaîne est calculée", c.rows, filepath.Join(dir, fileOf(month))))
	var id int64
	err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `SELECT chorus.archive_month($1, $2::text::interval, $3, decode($4, 'hex'), $5)`, month, interval, c.rows, c.sha256, fileOf(month)).Scan(&id)
	})
	if err != nil {
		return nil, err
	}
	return r.record(ctx, `id = $1`, id)
}

// writersGone waits until every transaction that writes to history now has ended, and says whether there was one. It holds up nobody, and does not wait for those that come.
func (r *Room) writersGone(ctx context.Context) (waited bool, err error) {
	writers, err := r.writers(ctx)
	if err != nil {
		return false, err
	}
	for begun := time.Now(); len(writers) > 0; waited = true {
		if time.Since(begun) > patience {
			return true, refuse("a transaction that has written to history does not end (process %d of the database): end it, and run the same command again",
				"une transaction qui a écrit dans l'historique ne se termine pas (processus %d de la base) : terminez-la et relancez la même commande", slices.Min(slices.Collect(maps.Values(writers))))
		}
		if err := sleep(ctx, 200*time.Millisecond); err != nil {
			return true, err
		}
		now, err := r.writers(ctx)
		if err != nil {
			return true, err
		}
		maps.DeleteFunc(writers, func(transaction string, _ int) bool { _, there := now[transaction]; return !there })
	}
	return waited, nil
}

// writers are the transactions that write to history, with the processes that they are of; one that was prepared has none (0).
func (r *Room) writers(ctx context.Context) (map[string]int, error) {
	rows, err := r.pool.Query(ctx, `
		SELECT DISTINCT virtualtransaction, coalesce(pid, 0)
		FROM pg_locks
		WHERE relation = 'chorus.events'::regclass AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND mode = 'RowExclusiveLock' AND granted`)
	if err != nil {
		return nil, err
	}
	list := map[string]int{}
	var transaction string
	var pid int
	_, err = pgx.ForEachRow(rows, []any{&transaction, &pid}, func() error {
		list[transaction] = pid
		return nil
	})
	return list, err
}

// Waits is the error that says why a month stays, in the database's words.
type Waits struct{ Month, Why string }

func (w *Waits) Error() string { return "the month " + w.Month + " stays: " + w.Why }

// again sees that the file of a month that was written down is there and whole, and writes it again where it is not there: the month's table is still.
func (r *Room) again(ctx context.Context, rec record, dir string) error {
	name := filepath.Join(dir, rec.File)
	c, err := r.read(ctx, name, nil)
	if errors.Is(err, fs.ErrNotExist) {
		c, err = r.write(ctx, rec.Month, dir)
	}
	if err != nil {
		return err
	}
	if c != (content{rec.SHA256, rec.Events}) {
		return refuse("%s does not hold what was written down of the month %s: move it away, and run the same command again", "%s ne contient pas ce qui est noté du mois %s : déplacez-le et relancez la même commande", name, rec.Month)
	}
	return nil
}

// detach has a month leave chorus.events. From PostgreSQL 14 on nobody waits for it, and it waits for the transactions that have read chorus.events; before, it holds a lock for a moment.
func (r *Room) detach(ctx context.Context, month string, pending bool) error {
	return r.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		var version int
		if err := conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int`).Scan(&version); err != nil {
			return err
		}
		if version < 140000 {
			return r.insist(ctx, func() error {
				_, err := conn.Exec(ctx, `ALTER TABLE chorus.events DETACH PARTITION chorus.events_`+month)
				return err
			})
		}
		how := "CONCURRENTLY"
		if pending {
			how = "FINALIZE"
		}
		// It holds up nobody while it waits, so it may wait for a long transaction.
		if _, err := conn.Exec(ctx, fmt.Sprintf(`SET lock_timeout = '%dms'`, patience.Milliseconds())); err != nil {
			return err
		}
		defer func() { _, _ = conn.Exec(context.WithoutCancel(ctx), `SET lock_timeout = '2s'`) }()
		_, err := conn.Exec(ctx, `ALTER TABLE chorus.events DETACH PARTITION chorus.events_`+month+` `+how)
		return err
	})
}
