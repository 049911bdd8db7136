package chaos

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// plainPerDeposit is the load that a run needs: one deposit for each so many plain transactions that the same machine makes. A number of deposits a second would
// tell fast machines from slow ones: one commit made 101 in the storm of seed 1 on one machine, and 24 on another, which made 5,980 plain transactions (docs/reliability.md).
const plainPerDeposit = 400

// usualPlain is what a machine makes a second for which the harm's times and the limits are meant. A slower one is harmed less often in the same measure, and has longer
// for what is to be done in time: where workers are killed before they have warmed up, nothing is deposited, and a run shows nothing but that.
const usualPlain = 25_000

// slowness is by how many times the machine is slower than that. A mutant is met by the same harm everywhere: its circumstances were chosen with these times.
func (t *trial) slowness() float64 {
	if t.cfg.Mutant != "" {
		return 1
	}
	return min(max(usualPlain/t.plain, 1), 6)
}

// moment is how long it may last until deposits flow again, an invoice beside poison has left, or /readyz is ready again: 30 s, and twice that on a slow machine.
func (t *trial) moment() time.Duration {
	return time.Duration(min(t.slowness(), 2) * float64(30*time.Second)).Round(time.Second)
}

// measureMachine counts how many plain transactions a second eight clients make, each of which changes one row and inserts another.
func (t *trial) measureMachine(ctx context.Context) error {
	const clients, lasts = 8, 3 * time.Second
	if err := t.exec(ctx, `CREATE TABLE chaos.plain (client int, n int, filler text, PRIMARY KEY (client, n))`); err != nil {
		return err
	}
	var made atomic.Int64
	var group sync.WaitGroup
	failures := make(chan error, clients)
	began := time.Now()
	for client := range clients {
		group.Go(func() {
			conn, err := pgx.Connect(ctx, t.url)
			if err != nil {
				failures <- err
				return
			}
			defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
			for n := 0; time.Since(began) < lasts; n++ {
				err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
					if _, err := tx.Exec(ctx, `UPDATE chaos.plain SET filler = 'left' WHERE client = $1 AND n = $2`, client, n-1); err != nil {
						return err
					}
					_, err := tx.Exec(ctx, `INSERT INTO chaos.plain VALUES ($1, $2, $3)`, client, n, "filler")
					return err
				})
				if err != nil {
					failures <- err
					return
				}
				made.Add(1)
			}
		})
	}
	group.Wait()
	select {
	case err := <-failures:
		return fmt.Errorf("measuring the machine: %w", err)
	default:
	}
	t.plain = float64(made.Load()) / time.Since(began).Seconds()
	return t.exec(ctx, fmt.Sprintf(`DROP TABLE chaos.plain; UPDATE chaos.settings SET moment = '%f s'`, t.moment().Seconds()))
}
