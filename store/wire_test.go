package store_test

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/internal/lab/tcpproxy"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// behind is a pool of impatient connections that go through a proxy.
func behind(t *testing.T, w store.Waits) (*tcpproxy.Proxy, *pgxpool.Pool) {
	t.Helper()
	address, err := url.Parse(storetest.New(t).WorkerURL)
	if err != nil {
		t.Fatal(err)
	}
	proxy, err := tcpproxy.Start("tcp", address.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	address.Host = proxy.Addr()
	config, err := pgxpool.ParseConfig(address.String())
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = 8
	pool, err := store.NewPool(t.Context(), config, w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.ClosePool(pool, 5*time.Second) })
	return proxy, pool
}

var impatient = store.Waits{Connect: 2 * time.Second, Ping: 500 * time.Millisecond, Answer: time.Second}

// fill opens every connection of the pool and leaves all of them idle.
func fill(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	conns := make([]*pgxpool.Conn, pool.Config().MaxConns)
	for k := range conns {
		c, err := pool.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		conns[k] = c
	}
	for _, c := range conns {
		c.Release()
	}
}

// A statement on a dead connection ends by itself, without a deadline of its caller's, and the next one does not meet another dead connection.
func TestDeadConnectionsAreGivenUp(t *testing.T) {
	t.Parallel()
	proxy, pool := behind(t, impatient)
	for _, idle := range []time.Duration{0, 1200 * time.Millisecond} { // pgxpool pings what was idle for a second
		fill(t, pool)
		time.Sleep(idle)
		proxy.BlackHole(tcpproxy.Every)
		began := time.Now()
		for try := 1; ; try++ {
			_, err := pool.Exec(t.Context(), `SELECT 1`)
			if err == nil {
				break
			}
			if !store.Away(err) {
				t.Errorf("not taken for an outage: %v", err)
			}
			if try == 3 {
				t.Fatalf("no connection after %s: %v", time.Since(began), err)
			}
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("after %s of idleness it took %s", idle, took)
		}
	}
}

// A caller that has had enough is not held up by a connection that does not answer.
func TestCancelledOnADeadConnection(t *testing.T) {
	t.Parallel()
	proxy, pool := behind(t, store.Waits{})
	fill(t, pool)
	proxy.BlackHoleAll()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := pool.Exec(ctx, `SELECT 1`); !errors.Is(err, context.DeadlineExceeded) && !store.Away(err) {
		t.Error(err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the caller was held up for %s", took)
	}
	began = time.Now()
	store.ClosePool(pool, time.Second)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("closing took %s", took)
	}
}

// A listener is silent for as long as nothing happens: that says nothing about the other connections. One that is dead is found by a ping.
func TestListening(t *testing.T) {
	t.Parallel()
	proxy, pool := behind(t, impatient)
	fill(t, pool)
	conn, err := pgx.ConnectConfig(t.Context(), pool.Config().ConnConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), `LISTEN silence`); err != nil {
		t.Fatal(err)
	}
	before := pool.Stat().NewConnsCount()
	ctx, cancel := context.WithTimeout(t.Context(), impatient.Answer*3/4)
	defer cancel()
	if _, err := conn.WaitForNotification(ctx); err == nil || conn.IsClosed() {
		t.Errorf("waiting in vain: %v, closed %t", err, conn.IsClosed())
	}
	if err := conn.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), `SELECT 1`); err != nil {
		t.Fatal(err)
	}
	if n := pool.Stat().NewConnsCount(); n != before {
		t.Errorf("%d connections were replaced because of a silent listener", n-before)
	}
	if n := proxy.BlackHole(tcpproxy.Sent("LISTEN silence")); n != 1 {
		t.Fatalf("%d listeners", n)
	}
	began := time.Now()
	if err := conn.Ping(t.Context()); err == nil || time.Since(began) > 3*impatient.Answer {
		t.Errorf("a dead listener answers: %v after %s", err, time.Since(began))
	}
}

// What must take longer may, and only that.
func TestAllow(t *testing.T) {
	t.Parallel()
	_, pool := behind(t, impatient)
	long := func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `SELECT pg_sleep(1.5)`)
		return err
	}
	err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		if err := store.Allow(t.Context(), tx, 10*time.Second); err != nil {
			return err
		}
		return long(tx)
	})
	if err != nil {
		t.Errorf("what was allowed: %v", err)
	}
	pool.Reset() // the same connection would be allowed what it was allowed
	if err := pgx.BeginFunc(t.Context(), pool, long); err == nil || !store.Away(err) {
		t.Errorf("what was not allowed: %v", err)
	}
}

// The commit of a transaction whose connection died meanwhile is not taken for confirmed.
func TestDeadAtCommit(t *testing.T) {
	t.Parallel()
	proxy, pool := behind(t, impatient)
	err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `SELECT 1`); err != nil {
			return err
		}
		proxy.Freeze(tcpproxy.Every)
		return nil
	})
	if err == nil || !store.Away(err) {
		t.Errorf("the commit was confirmed by nobody: %v", err)
	}
	if _, err := pool.Exec(t.Context(), `SELECT 1`); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// A slow network is no dead one.
func TestSlowNetwork(t *testing.T) {
	t.Parallel()
	proxy, pool := behind(t, store.Waits{})
	proxy.Slow(200*time.Millisecond, 0)
	fill(t, pool)
	before := pool.Stat().NewConnsCount()
	time.Sleep(1100 * time.Millisecond) // so that it is pinged
	for range 3 {
		if _, err := pool.Exec(t.Context(), `SELECT 1`); err != nil {
			t.Error(err)
		}
	}
	if n := pool.Stat().NewConnsCount(); n != before {
		t.Errorf("%d connections were replaced", n-before)
	}
}
