package store

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

type actorKey struct{}

// WithActor has the statements of a pool of ConnectActing name who acts, in the history that they write.
func WithActor(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, actorKey{}, name)
}

// ConnectActing opens a pool for a program that acts for several people: each statement names the one of its context (WithActor), after actor and a colon. The name is set
// each time a connection is taken, so that nobody acts under the name of who had it before.
func ConnectActing(ctx context.Context, databaseURL, actor string, maxConns int) (*pgxpool.Pool, error) {
	config, err := PoolConfig(databaseURL, map[string]string{"chorus.actor": actor})
	if err != nil {
		return nil, err
	}
	config.MaxConns = int32(maxConns) //nolint:gosec // a handful
	config.PrepareConn = func(ctx context.Context, conn *pgx.Conn) (bool, error) {
		who := actor
		if name, _ := ctx.Value(actorKey{}).(string); name != "" {
			who += ":" + name
		}
		_, err := conn.Exec(ctx, `SELECT set_config('chorus.actor', $1, false)`, who)
		return err == nil, err
	}
	return NewPool(ctx, config, Waits{})
}
