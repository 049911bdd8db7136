package worker

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/store"
)

// listener wakes the dispatcher at every insert that announces itself, over a connection of its own. A lost one costs the polls' delay until it is back.
type listener struct {
	w      *Worker
	conn   *pgx.Conn // nil when there is none
	echoes []*time.Timer
}

// echoAfter is how long after an announced insert the dispatcher looks again. Of inserts at the same time only one announces itself (chorus.invoices_wake), and the
// others may commit a little later.
var echoAfter = []time.Duration{20 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond}

func (l *listener) echo() {
	for k, after := range echoAfter {
		if len(l.echoes) == k {
			l.echoes = append(l.echoes, time.AfterFunc(after, l.w.wake))
		} else {
			l.echoes[k].Reset(after)
		}
	}
}

// round waits for one notification. Where none comes, the server is asked whether it is still there: a connection on which nothing is asked may be dead for
// hours.
func (l *listener) round(ctx context.Context) (err error) {
	good := false
	defer func() {
		if !good { // a panic, too
			l.close()
		}
	}()
	if l.conn == nil {
		if l.conn, err = pgx.ConnectConfig(ctx, l.w.cfg.Pool.Config().ConnConfig); err != nil {
			return err
		}
		if _, err := l.conn.Exec(ctx, `LISTEN chorus_wake`); err != nil {
			return err
		}
		l.w.wake() // what came while nobody listened
		l.w.asked()
		good = true
		return nil
	}
	wait, cancel := context.WithTimeout(ctx, l.w.loops.within/2)
	defer cancel()
	n, err := l.conn.WaitForNotification(wait)
	switch {
	case err == nil && n.Payload == store.PleaseBeat:
		l.w.jobs.Memory.Doubt(nil)
	case err == nil && n.Payload == store.CheckAsked:
		l.w.asked()
	case err == nil:
		l.w.wake()
		l.echo()
	case wait.Err() != nil && ctx.Err() == nil:
		err = l.conn.Ping(ctx)
	}
	good = err == nil
	return err
}

func (l *listener) close() {
	if l.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = l.conn.Close(ctx)
	l.conn = nil
}
