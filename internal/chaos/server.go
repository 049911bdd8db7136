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

// fewLines is how many lines a worker may log in a second while something is wrong for a while.
const fewLines = 3

// readonly has the server refuse every change, as a standby or a full disk does.
func (t *trial) readonly(ctx context.Context) error {
	began, since := time.Now(), t.markLogs()
	err := t.exec(ctx, `ALTER SYSTEM SET default_transaction_read_only = on`, `SELECT pg_reload_conf()`)
	if err == nil {
		err = pause(ctx, 8*time.Second)
	}
	if err := t.exec(context.WithoutCancel(ctx), `ALTER SYSTEM RESET default_transaction_read_only`, `SELECT pg_reload_conf()`); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	t.cutOff(cut{slot: everyone, began: began, ended: time.Now(), whole: true})
	if err := t.listen("the database takes no changes", since, began, fewLines); err != nil {
		return err
	}
	return t.record(ctx, played{name: "readonly", began: began, slot: everyone})
}

// isolation has every new session begin its transactions as serializable, until it is set back. The workers' sessions are ended so that they notice.
func (t *trial) isolation(ctx context.Context) error {
	began, since := time.Now(), t.markLogs()
	cut := `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IN ('chaos_worker', 'chaos_app')`
	if err := t.exec(ctx, `ALTER DATABASE `+databaseName+` SET default_transaction_isolation = 'serializable'`, cut); err != nil {
		return err
	}
	t.disturbed(everyone, began)
	err := t.in.burst(ctx, 100)
	if err == nil {
		err = pause(ctx, 5*time.Second)
	}
	if err := t.exec(context.WithoutCancel(ctx), `ALTER DATABASE `+databaseName+` RESET default_transaction_isolation`, cut); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	t.disturbed(everyone, time.Now())
	for slot := range t.cfg.Workers {
		lines, err := t.logged(slot, since)
		if err != nil {
			return err
		}
		failed := 0
		for _, line := range lines {
			if strings.Contains(line, "40001") {
				failed++
			}
		}
		t.stage.mu.Lock()
		t.stage.noises = append(t.stage.noises, noise{what: "serialization failures", slot: slot, lines: failed, seconds: time.Since(began).Seconds()})
		t.stage.mu.Unlock()
	}
	return t.record(ctx, played{name: "isolation", began: began, ended: began, slot: everyone, still: true})
}

// disturbed notes that workers may have lost connections at a moment.
func (t *trial) disturbed(slot int, at time.Time) {
	t.cutOff(cut{slot: slot, began: at, ended: time.Now()})
}

// exec executes statements one by one, each in a transaction of its own.
func (t *trial) exec(ctx context.Context, statements ...string) error {
	for _, sql := range statements {
		if _, err := t.pool.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// pgbouncer puts PgBouncer in session mode between one worker and the database for a while.
func (t *trial) pgbouncer(ctx context.Context) error {
	through, stop, err := storetest.StartPgBouncer(withLogin(t.url, "chaos_worker", t.secrets.Database), "session", "default_pool_size = 60")
	if errors.Is(err, storetest.ErrNotInstalled) {
		t.skip("%v, not met", err)
		return nil
	}
	if err != nil {
		return err
	}
	defer stop()
	began := time.Now()
	slot := 0
	if err := t.workers.secret("DATABASE_URL-bouncer", through); err != nil {
		return err
	}
	t.workers.change(slot, "DATABASE_URL_FILE="+filepath.Join(t.workers.secrets, "DATABASE_URL-bouncer"))
	defer t.workers.reset()
	if err := t.fleet.restart(slot); err != nil {
		return err
	}
	t.disturbed(slot, began)
	if err := t.in.burst(ctx, 60); err != nil {
		return err
	}
	if err := t.record(ctx, played{name: "pgbouncer", began: began, ended: time.Now(), slot: slot, still: true}); err != nil {
		return err
	}
	t.workers.reset()
	began = time.Now()
	err = t.fleet.restart(slot)
	t.disturbed(slot, began)
	return err
}
