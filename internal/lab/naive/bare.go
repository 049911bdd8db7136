package naive

import (
	"context"
	"net/http"
	"strconv"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Bare deposits documents as quickly as three transactions and a request each allow, without a queue: what was inserted is marked as sending, sent, and marked as
// deposited. It is the bound that no queue on PostgreSQL passes.
func Bare(ctx context.Context, s Setup, pool *pgxpool.Pool, documents [][]byte) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	client := newClient(s.Token, s.ClientID, s.ClientSecret, s.AtOnce)
	next := make(chan int)
	var workers sync.WaitGroup
	for range s.AtOnce {
		workers.Go(func() {
			for k := range next {
				if err := bare(ctx, s, pool, client, int64(k), documents[k]); err != nil {
					cancel(err)
				}
			}
		})
	}
	for k := range documents {
		select {
		case next <- k:
		case <-ctx.Done():
		}
	}
	close(next)
	workers.Wait()
	return context.Cause(ctx)
}

func bare(ctx context.Context, s Setup, pool *pgxpool.Pool, client *http.Client, k int64, document []byte) error {
	var id int64
	err := pool.QueryRow(ctx, `INSERT INTO naive.invoices (external_ref, document) VALUES ($1, $2) RETURNING id`, strconv.FormatInt(k, 10), document).Scan(&id)
	if err != nil {
		return err
	}
	if _, err := pool.Exec(ctx, `UPDATE naive.invoices SET state = 'sending' WHERE id = $1`, id); err != nil {
		return err
	}
	flux, err := post(ctx, client, s.API, s.Account, id, document)
	if err != nil {
		return err
	}
	_, err = pool.Exec(ctx, `UPDATE naive.invoices SET state = 'deposited', flux = $2 WHERE id = $1`, id, flux)
	return err
}
