package store

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

type actorKey struct{}

// WithActor has the statements of a pool of ConnectActing name who acts, in the history that they write.
func WithActor(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, actorKey{}, name)
}

type personKey struct{}

// WithPerson has the statements of a pool of ConnectActing say who acts, by keys that no other person has (chorus.person).
func WithPerson(ctx context.Context, keys []string) context.Context {
	return context.WithValue(ctx, personKey{}, keys)
}

type accountsKey struct{}

// OnlyAccounts has the statements of a pool of ConnectActing see nothing that is not of these accounts, as if there were no other (chorus.only_accounts). Said twice, what both say is left.
// Statements of another pool are refused.
func OnlyAccounts(ctx context.Context, names []string) context.Context {
	only := append([]string{}, names...)
	if before, confined := AccountsOf(ctx); confined {
		only = slices.DeleteFunc(only, func(a string) bool { return !slices.Contains(before, a) })
	}
	return context.WithValue(ctx, accountsKey{}, only)
}

// AccountsOf are those that a context sees; not confined: all of them.
func AccountsOf(ctx context.Context) (names []string, confined bool) {
	names, confined = ctx.Value(accountsKey{}).([]string)
	return names, confined
}

// errConfined is the error of a statement for somebody who sees some accounts only, through a login that sees them all.
var errConfined = errors.New("this login sees all accounts, and who asks may see some only")

// unconfined keeps a pool that sees everything from whoever may not.
func unconfined(ctx context.Context, _ *pgx.Conn) (bool, error) {
	if _, confined := AccountsOf(ctx); confined {
		return true, errConfined
	}
	return true, nil
}

// actingSQL also tells whether row-level security lets the login pass, so that it keeps nothing from somebody.
const actingSQL = `
	SELECT set_config('chorus.actor', $1, false), set_config('chorus.only_accounts', coalesce($2::text[]::text, ''), false), set_config('chorus.person', coalesce($3::text[]::text, ''), false),
	       $2::text[] IS NOT NULL AND (pg_has_role(session_user, 'chorus_worker', 'MEMBER')
	           OR pg_has_role(session_user, (SELECT relowner FROM pg_class WHERE oid = 'chorus.invoices'::regclass), 'MEMBER')
	           OR (SELECT rolbypassrls FROM pg_roles WHERE rolname = session_user))`

// ConnectActing opens a pool for a program that acts for several people: each statement names the one of its context (WithActor), after actor and a colon, and by his keys (WithPerson),
// and sees the accounts of its context (OnlyAccounts). All are set each time a connection is taken, so that nobody acts under the name, or with the rights, of who had it before.
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
		only, _ := AccountsOf(ctx) // nil: all
		keys, _ := ctx.Value(personKey{}).([]string)
		passes := false
		err := conn.QueryRow(ctx, actingSQL, who, only, keys).Scan(nil, nil, nil, &passes)
		if err == nil && passes {
			return true, errConfined
		}
		return err == nil, err
	}
	return NewPool(ctx, config, Waits{})
}
