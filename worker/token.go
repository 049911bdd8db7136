package worker

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/crash"
	"github.com/choriste/choriste/store"
)

// tokens is the fleet's source of OAuth tokens: one token for all processes, in the database, where only who has the client secret can open it. Whoever
// finds it due renews it, alone; a refusal of it by the portal, seen by one process, ends it for all. It is safe for concurrent use.
type tokens struct {
	store    *store.Store
	key      string
	secret   []byte // fingerprint of the client secret
	aead     cipher.AEAD
	endpoint *chorus.TokenEndpoint
	margin   time.Duration
	log      *slog.Logger
	renewing chan struct{} // holds one value while this process renews
	retired  atomic.Bool   // the client secret has been replaced: what is left of the old token may be used, and no new one asked for
}

var errRetired = errors.New("the client secret has been replaced")

// newTokens derives the sealing key from the client secret: a new secret makes what is sealed unreadable, which is as good as no token.
func newTokens(s *store.Store, key string, c chorus.Config, margin time.Duration, log *slog.Logger) (*tokens, error) {
	endpoint, err := chorus.NewTokenEndpoint(c)
	if err != nil {
		return nil, err
	}
	derived, err := hkdf.Key(sha256.New, []byte(c.ClientSecret.Reveal()), nil, "choriste/token/v1/"+key, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &tokens{store: s, key: key, secret: fingerprint(key, c.ClientSecret), aead: aead, endpoint: endpoint, margin: margin, log: log, renewing: make(chan struct{}, 1)}, nil
}

const (
	busyPause   = 100 * time.Millisecond // while somebody else asks for the token that one needs too
	renewWithin = 40 * time.Second       // the endpoint's own time limit, and the database
)

// Token gives the fleet's token, renewed early enough. One that is due but cannot be renewed is used to its end.
func (k *tokens) Token(ctx context.Context) (chorus.Token, error) {
	for {
		row, err := k.store.Token(ctx, k.key, k.secret)
		if err != nil {
			return chorus.Token{}, err
		}
		token, usable := k.open(row)
		switch {
		case usable && (!row.Due(k.margin) || row.RetryIn > 0):
			return token, nil
		case row.RetryIn > 0:
			return chorus.Token{}, tokenFailure(row.Failure, row.RetryIn)
		case k.retired.Load():
			return chorus.Token{}, errRetired
		}
		select {
		case k.renewing <- struct{}{}:
		case <-ctx.Done():
			return chorus.Token{}, ctx.Err()
		case <-time.After(busyPause): // another caller of this process is at it
			if usable {
				return token, nil
			}
			continue
		}
		done := make(chan error, 1)
		go func() { // no caller's impatience ends a request that all wait for
			defer func() { <-k.renewing }()
			detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), renewWithin)
			defer cancel()
			done <- k.renew(detached, row.Generation)
		}()
		select {
		case err = <-done:
		case <-ctx.Done():
			return chorus.Token{}, ctx.Err()
		}
		switch {
		case err == nil: // read it, as everybody does
		case usable:
			return token, nil
		case !errors.Is(err, store.ErrBusy):
			return chorus.Token{}, err
		default:
			select {
			case <-ctx.Done():
				return chorus.Token{}, ctx.Err()
			case <-time.After(busyPause):
			}
		}
	}
}

// renew asks the portal for a token instead of the generation that was seen, or finds that somebody has.
func (k *tokens) renew(ctx context.Context, seen int64) error {
	_, err := k.store.RenewToken(ctx, k.key, k.secret, name(), seen, k.margin, func(ctx context.Context, generation int64) store.Fetched {
		t, err := k.endpoint.Fetch(ctx)
		if err != nil {
			k.log.Warn("no token", "fault", chorus.FaultOf(err), "error", err)
			return store.Fetched{Failure: string(chorus.FaultOf(err))}
		}
		sealed := k.aead.Seal(nil, nil, []byte(t.Value.Reveal()), k.context(generation)) //nolint:gosec // it makes its own random nonce
		return store.Fetched{Sealed: sealed, Life: time.Until(t.Expires)}
	})
	return err
}

// Reject ends a token for the whole fleet.
func (k *tokens) Reject(ctx context.Context, t chorus.Token) {
	if crash.Mutant(crash.PlainTokens) {
		return
	}
	if err := k.store.RejectToken(ctx, k.key, t.Generation); err != nil {
		k.log.Warn("a refused token could not be marked", "error", store.Message(err))
	}
}

// open unseals the token. One that this process's secret does not open belongs to another secret: it is none.
func (k *tokens) open(row store.SealedToken) (chorus.Token, bool) {
	if !row.Usable() {
		return chorus.Token{}, false
	}
	value, err := k.aead.Open(nil, nil, row.Sealed, k.context(row.Generation))
	if err != nil {
		return chorus.Token{}, false
	}
	return chorus.Token{Value: chorus.Secret(value), Generation: row.Generation, Expires: time.Now().Add(row.Left)}, true
}

// context binds a sealed token to its place: an older generation, or another application's, does not open.
func (k *tokens) context(generation int64) []byte {
	return []byte(k.key + "/" + strconv.FormatInt(generation, 10))
}

// tokenFailure tells what the last process was told that asked for a token.
func tokenFailure(fault string, wait time.Duration) error {
	return &chorus.Error{
		Op: "oauth/token", Fault: chorus.Fault(fault), Outcome: chorus.NotSent, RetryAfter: -1,
		Detail: "no token; asked again in " + wait.Round(time.Second).String(),
	}
}
