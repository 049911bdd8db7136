package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/chorus/chorustest"
)

// sharedToken starts a fleet that has no token and counts how often one is asked for; kills a worker that is asking; and looks for the tokens in all that
// is left behind.
func sharedToken(ctx context.Context, w *workshop) ([]figure, error) {
	w.say("token: %d workers from cold …", w.size.fleet)
	asked, found, err := fromCold(ctx, w)
	if err != nil {
		return nil, err
	}
	w.say("token: a worker is killed while it asks …")
	next, err := killAsker(ctx, w)
	if err != nil {
		return nil, err
	}
	return []figure{
		bar("token", "requests for a token by a fleet from cold", float64(asked), "", 1),
		fact("token", "workers in that fleet", float64(w.size.fleet), ""),
		bar("token", "next token after the one who asked was killed", next.Seconds(), "s", 5),
		bar("token", "tokens found in the database and in logs", float64(found), "", 0),
	}, nil
}

// fromCold returns how many requests for a token a fleet made until each of its workers was at work and its invoices were deposited, and how many
// tokens can be read afterwards.
func fromCold(ctx context.Context, w *workshop) (asked, found int, err error) {
	f, err := w.fleet(ctx, "-quota", "-1")
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	if err := f.insert(ctx, "default", 10*w.size.fleet); err != nil {
		return 0, 0, err
	}
	if err := f.hire(ctx, w.size.fleet); err != nil {
		return 0, 0, err
	}
	if err := f.deposited(ctx, 10*w.size.fleet); err != nil {
		return 0, 0, err
	}
	requests, err := f.ledger(ctx, "request")
	if err != nil {
		return 0, 0, err
	}
	for _, r := range requests {
		if r.Op == token {
			asked++
		}
	}
	if asked == 0 {
		return 0, 0, errors.New("nobody asked for a token, and yet there were deposits")
	}
	found, err = f.readableTokens(ctx)
	return asked, found, err
}

// killAsker has the token of a fleet at work revoked, lets the portal keep the worker waiting that asks for another one, kills that worker, and returns how
// soon after that a second one has a token.
func killAsker(ctx context.Context, w *workshop) (next time.Duration, err error) {
	f, err := w.fleet(ctx, "-quota", "-1")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	if err := f.insert(ctx, "default", 1); err != nil {
		return 0, err
	}
	if err := f.hire(ctx, 1); err != nil {
		return 0, err
	}
	if err := f.deposited(ctx, 1); err != nil { // the account is known to be accepted
		return 0, err
	}
	if err := f.ask(ctx, "/faults", chorustest.Fault{Op: token, Kind: "hang", DelayMS: patience.Milliseconds()}, nil); err != nil {
		return 0, err
	}
	if err := f.ask(ctx, "/revoke", struct{}{}, nil); err != nil {
		return 0, err
	}
	if err := f.insert(ctx, "default", 10); err != nil {
		return 0, err
	}
	second := func(kind string) func() (bool, error) {
		return func() (bool, error) {
			entries, err := f.ledger(ctx, kind)
			n := 0
			for _, e := range entries {
				if e.Type == "token" || e.Op == token {
					n++
				}
			}
			return n >= 2, err
		}
	}
	if err := f.await(ctx, "another request for a token", second("request")); err != nil {
		return 0, err
	}
	if err := f.hire(ctx, 1); err != nil {
		return 0, err
	}
	died := time.Now()
	if err := f.crew[0].Process.Signal(syscall.SIGKILL); err != nil {
		return 0, err
	}
	if err := f.await(ctx, "another token", second("token")); err != nil {
		return 0, err
	}
	tokens, err := f.ledger(ctx, "token")
	if err != nil {
		return 0, err
	}
	return tokens[1].At.Sub(died), nil
}

const tokenLength = 54 // of the simulator's, of which the ledger keeps the hashes

var (
	tokenText = regexp.MustCompile(`[A-Za-z0-9_-]{` + strconv.Itoa(tokenLength) + `,}`)
	hexText   = regexp.MustCompile(`\\x([0-9a-f]{2,})`)
)

// readableTokens counts the tokens that can be read in any row of the database, as a dump of it would have them, or in what the workers have said.
func (f *fleet) readableTokens(ctx context.Context) (found int, err error) {
	given, err := f.ledger(ctx, "token")
	if err != nil {
		return 0, err
	}
	hashes := map[string]bool{}
	for _, g := range given {
		hashes[g.Token] = true
	}
	look := func(text string) {
		for _, word := range tokenText.FindAllString(text, -1) {
			for k := range len(word) - tokenLength + 1 {
				sum := sha256.Sum256([]byte(word[k : k+tokenLength]))
				if hash := hex.EncodeToString(sum[:]); hashes[hash] {
					delete(hashes, hash)
					found++
				}
			}
		}
	}
	rows, err := f.owner.Query(ctx, `
		SELECT format('SELECT t::text FROM %I.%I t', schemaname, tablename) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`)
	if err != nil {
		return 0, err
	}
	queries, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return 0, err
	}
	for _, query := range queries {
		rows, err := f.owner.Query(ctx, query)
		if err != nil {
			return 0, err
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return 0, err
		}
		for _, line := range lines {
			look(line)
			for _, bytes := range hexText.FindAllStringSubmatch(line, -1) {
				if plain, err := hex.DecodeString(bytes[1]); err == nil {
					look(string(plain))
				}
			}
		}
	}
	for _, log := range f.logs {
		text, err := os.ReadFile(log)
		if err != nil {
			return 0, err
		}
		look(string(text))
	}
	if len(queries) < 10 || len(strings.Join(f.logs, "")) == 0 {
		return 0, fmt.Errorf("only %d tables were looked through", len(queries))
	}
	return found, nil
}
