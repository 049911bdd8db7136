package worker

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// source is what one process of the fleet has.
func source(t *testing.T, db *storetest.Database, sim *chorustest.Sim, secret string) *tokens {
	t.Helper()
	pool, err := store.Connect(t.Context(), db.WorkerURL, "test", 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	k, err := newTokens(store.New(pool), "app", chorus.Config{
		TokenURL: sim.TokenURL(), ClientID: chorustest.DefaultClient.ID, ClientSecret: chorus.Secret(secret),
	}, 2*time.Minute, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func tokenRequests(sim *chorustest.Sim) (n int) {
	for _, e := range sim.Ledger() {
		if e.Type == "request" && e.Op == "token" {
			n++
		}
	}
	return n
}

func TestTheFleetFetchesOneToken(t *testing.T) {
	t.Parallel()
	db, sim := storetest.New(t), chorustest.New(t, nil)
	var all sync.WaitGroup
	values := make(chan string, 60)
	for range 20 {
		k := source(t, db, sim, chorustest.DefaultClient.Secret)
		for range 3 {
			all.Go(func() {
				token, err := k.Token(t.Context())
				if err != nil {
					t.Error(err)
				}
				values <- token.Value.Reveal()
			})
		}
	}
	all.Wait()
	close(values)
	one := map[string]bool{}
	for v := range values {
		one[v] = true
	}
	if len(one) != 1 || tokenRequests(sim) != 1 {
		t.Errorf("%d tokens from %d requests, want one", len(one), tokenRequests(sim))
	}
}

func TestARefusedTokenIsReplacedOnce(t *testing.T) {
	t.Parallel()
	db, sim := storetest.New(t), chorustest.New(t, nil)
	a, b := source(t, db, sim, chorustest.DefaultClient.Secret), source(t, db, sim, chorustest.DefaultClient.Secret)
	first, err := a.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		a.Reject(t.Context(), first)
		b.Reject(t.Context(), first)
	}
	second, err := b.Token(t.Context())
	if err != nil || second.Value == first.Value || second.Generation != first.Generation+1 {
		t.Fatalf("generation %d after %d, %v", second.Generation, first.Generation, err)
	}
	b.Reject(t.Context(), first) // a late one changes nothing
	if third, err := a.Token(t.Context()); err != nil || third.Value != second.Value {
		t.Errorf("replaced again, %v", err)
	}
	if n := tokenRequests(sim); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

func TestARenewerThatDiesInTheMiddleIsReplaced(t *testing.T) {
	t.Parallel()
	db, sim := storetest.New(t), chorustest.New(t, nil)
	sim.Faults(chorustest.Fault{Op: "token", Kind: "hang", DelayMS: 60_000})
	a, b := source(t, db, sim, chorustest.DefaultClient.Secret), source(t, db, sim, chorustest.DefaultClient.Secret)
	go func() { _, _ = a.Token(t.Context()) }()
	for tokenRequests(sim) == 0 {
		time.Sleep(5 * time.Millisecond)
	}
	owner, err := pgx.Connect(t.Context(), db.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = owner.Close(context.WithoutCancel(t.Context())) }()
	// What the server sees of a process that was killed: its connection ends.
	if _, err := owner.Exec(t.Context(), `
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'`); err != nil {
		t.Fatal(err)
	}
	died := time.Now()
	if _, err := b.Token(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(died); took > 5*time.Second {
		t.Errorf("the next token came after %s", took)
	}
}

func TestAFailingEndpointIsAskedOnceASecondByAll(t *testing.T) {
	t.Parallel()
	db, sim := storetest.New(t), chorustest.New(t, nil)
	sim.Faults(chorustest.Fault{Op: "token", Kind: "503", Times: -1})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	var all sync.WaitGroup
	for range 5 {
		k := source(t, db, sim, chorustest.DefaultClient.Secret)
		all.Go(func() {
			for ctx.Err() == nil {
				if _, err := k.Token(ctx); err == nil {
					t.Error("a token from a failing endpoint")
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	all.Wait()
	if n := tokenRequests(sim); n < 2 || n > 4 {
		t.Errorf("%d requests in 3 s", n)
	}
}

func TestANewSecretMakesTheOldTokenUnreadable(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	sim := chorustest.New(t, &chorustest.Config{Clients: []chorustest.Client{{ID: "sim", Secret: "old"}}})
	before := source(t, db, sim, "old")
	if _, err := before.Token(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := source(t, db, sim, "new")
	if _, err := after.Token(t.Context()); chorus.FaultOf(err) != chorus.FaultApplication {
		t.Errorf("the portal does not know the new secret yet: %v", err)
	}
}

// The token is in the database in no form that can be sent, and an older one put back does not open.
func TestTheTokenIsSealed(t *testing.T) {
	t.Parallel()
	db, sim := storetest.New(t), chorustest.New(t, nil)
	k := source(t, db, sim, chorustest.DefaultClient.Secret)
	token, err := k.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	owner, err := pgx.Connect(t.Context(), db.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = owner.Close(context.WithoutCancel(t.Context())) }()
	var dump string
	if err := owner.QueryRow(t.Context(), `SELECT string_agg(t::text || encode(sealed, 'escape') || encode(sealed, 'base64'), '') FROM chorus.tokens t`).Scan(&dump); err != nil {
		t.Fatal(err)
	}
	v := token.Value.Reveal()
	for _, form := range []string{v, base64.StdEncoding.EncodeToString([]byte(v)), fmt.Sprintf("%x", v)} {
		if strings.Contains(dump, form) || strings.Contains(fmt.Sprintf("%+v", token), form) {
			t.Error("the token can be read")
		}
	}
	if _, err := owner.Exec(t.Context(), `UPDATE chorus.tokens SET generation = generation + 1`); err != nil {
		t.Fatal(err)
	}
	row, err := k.store.Token(t.Context(), k.key, k.secret)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := k.open(row); ok {
		t.Error("a sealed token opens in another place")
	}
}
