package chorus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func endpointOf(t *testing.T, answer http.HandlerFunc) *TokenEndpoint {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	e, err := NewTokenEndpoint(Config{TokenURL: s.URL + "/api/oauth/token", ClientID: "client", ClientSecret: "client-secret", ReadTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestTokenAnswers lists what the token endpoint may say.
func TestTokenAnswers(t *testing.T) {
	all := samples(t)
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		fault  Fault
		life   time.Duration
	}{
		{"sample 01", all["01"].serve, "", time.Hour},
		{"sample 02, wrong id or secret", all["02"].serve, FaultApplication, 0},
		{"sample 03, HTML", all["03"].serve, FaultPortal, 0},
		{"expires_in in quotes", answerJSON(200, `{"access_token":"t","token_type":"bearer","expires_in":"3600"}`), "", time.Hour},
		{"no expires_in", answerJSON(200, `{"access_token":"t","token_type":"Bearer"}`), "", unsaidLife},
		{"expires_in 0", answerJSON(200, `{"access_token":"t","expires_in":0}`), "", unsaidLife},
		{"expires_in negative", answerJSON(200, `{"access_token":"t","expires_in":-10}`), "", unsaidLife},
		{"expires_in absurd", answerJSON(200, `{"access_token":"t","expires_in":99999999999}`), "", maxLife},
		{"expires_in unreadable", answerJSON(200, `{"access_token":"t","expires_in":"soon"}`), FaultPortal, 0},
		{"another token_type", answerJSON(200, `{"access_token":"t","token_type":"mac"}`), FaultPortal, 0},
		{"no access_token", answerJSON(200, `{"expires_in":3600}`), FaultPortal, 0},
		{"access_token with a line break", answerJSON(200, `{"access_token":"t\r\nX-A: b"}`), FaultPortal, 0},
		{"HTML under 200", answerJSON(200, `<html>`), FaultPortal, 0},
		{"nothing", answerJSON(200, ``), FaultPortal, 0},
		{"larger than 1 MiB", answerJSON(200, `{"access_token":"`+strings.Repeat("t", 2<<20)+`"}`), FaultPortal, 0},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, FaultConfiguration, 0},
		{"429", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "9"); w.WriteHeader(429) }, FaultQuota, 0},
		{"401", answerJSON(401, ``), FaultApplication, 0},
		{"invalid_scope", answerJSON(400, `{"error":"invalid_scope"}`), FaultConfiguration, 0},
		{"error under 200", answerJSON(200, `{"error":"invalid_client"}`), FaultApplication, 0},
		{"500", answerJSON(500, `{}`), FaultPortal, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var calls atomic.Int64
			e := endpointOf(t, func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				_ = r.ParseForm()
				want := url.Values{"grant_type": {"client_credentials"}, "client_id": {"client"}, "client_secret": {"client-secret"}, "scope": {"openid"}}
				if r.PostForm.Encode() != want.Encode() || r.Header.Get("Authorization") != "" {
					t.Errorf("asked with %s, Authorization %q", r.PostForm.Encode(), r.Header.Get("Authorization"))
				}
				c.answer(w, r)
			})
			token, err := e.Fetch(t.Context())
			if FaultOf(err) != c.fault || err != nil && OutcomeOf(err) != NotSent {
				t.Fatalf("got %v", err)
			}
			if err == nil && (token.left() > c.life || token.left() < c.life-5*time.Second) {
				t.Errorf("lives %s, want %s", token.left(), c.life)
			}
			if calls.Load() != 1 {
				t.Errorf("%d requests", calls.Load())
			}
			if d, ok := RetryAfter(err); c.fault == FaultQuota && (!ok || d != 9*time.Second) {
				t.Errorf("Retry-After %s %t", d, ok)
			}
		})
	}
	down := endpointOf(t, nil)
	down.url = "http://127.0.0.1:1/api/oauth/token"
	if _, err := down.Fetch(t.Context()); FaultOf(err) != FaultNetwork {
		t.Errorf("endpoint down: %v", err)
	}
}

// TestManyCallersOneRequest: whoever asks, one request is in the air, and a failure is remembered.
func TestManyCallersOneRequest(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		fault  Fault
	}{
		{"granted", answerJSON(200, `{"access_token":"t","expires_in":3600}`), ""},
		{"failing", answerJSON(500, ``), FaultPortal},
	} {
		var calls atomic.Int64
		e := endpointOf(t, func(w http.ResponseWriter, r *http.Request) { calls.Add(1); c.answer(w, r) })
		source := newTokenCache(e.Fetch, time.Minute)
		var callers sync.WaitGroup
		for range 50 {
			callers.Go(func() {
				for range 3 {
					if _, err := source.Token(t.Context()); FaultOf(err) != c.fault {
						t.Errorf("%s: %v", c.name, err)
					}
				}
			})
		}
		callers.Wait()
		if calls.Load() != 1 {
			t.Errorf("%s: %d requests for 50 callers", c.name, calls.Load())
		}
	}
}

func TestImpatientCaller(t *testing.T) {
	release := make(chan struct{})
	e := endpointOf(t, func(w http.ResponseWriter, r *http.Request) {
		<-release
		answerJSON(200, `{"access_token":"t","expires_in":3600}`)(w, r)
	})
	source := newTokenCache(e.Fetch, time.Minute)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := source.Token(ctx); !errors.Is(err, context.DeadlineExceeded) || FaultOf(err) != FaultStopped || OutcomeOf(err) != NotSent {
		t.Errorf("got %v", err)
	}
	close(release) // the request went on without its first caller
	if token, err := source.Token(t.Context()); err != nil || token.Generation != 1 {
		t.Errorf("got %v", err)
	}
}

// TestTokenLife follows the cache through hours of virtual time.
func TestTokenLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fetches []time.Time
		var failing bool
		life := time.Hour
		source := newTokenCache(func(context.Context) (Token, error) {
			fetches = append(fetches, time.Now())
			time.Sleep(100 * time.Millisecond)
			if failing {
				return Token{}, &Error{Op: opToken, Fault: FaultPortal, Outcome: NotSent, RetryAfter: -1}
			}
			return Token{Value: Secret(fmt.Sprint("t", len(fetches))), Expires: time.Now().Add(life)}, nil
		}, 2*time.Minute)
		ask := func() (Token, error) { return source.Token(t.Context()) }
		expect := func(what string, n int) {
			t.Helper()
			if len(fetches) != n {
				t.Fatalf("%s: %d requests, want %d", what, len(fetches), n)
			}
		}

		first, _ := ask()
		time.Sleep(57 * time.Minute)
		_, _ = ask()
		expect("within its life", 1)
		time.Sleep(90 * time.Second)
		second, _ := ask()
		expect("within the margin", 2)
		if second.Generation != first.Generation+1 || second.Value.Reveal() != "t2" {
			t.Errorf("second token %d %s", second.Generation, second.Value.Reveal())
		}

		source.Reject(t.Context(), first) // late news about an old token
		_, _ = ask()
		expect("old token rejected", 2)
		for range 40 { // forty refusals of one token
			source.Reject(t.Context(), second)
		}
		third, _ := ask()
		expect("token rejected", 3)

		failing = true
		time.Sleep(59 * time.Minute)
		if got, err := ask(); err != nil || got.Generation != third.Generation {
			t.Errorf("a living token is used to its end: %v", err)
		}
		time.Sleep(2 * time.Minute)
		_, err := ask()
		if FaultOf(err) != FaultPortal {
			t.Errorf("after its end: %v", err)
		}

		// An hour of impatience: the pauses grow to 30 s.
		fetches = nil
		for end := time.Now().Add(time.Hour); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			_, _ = ask()
		}
		if len(fetches) < 110 || len(fetches) > 130 {
			t.Errorf("%d requests in an hour of failures", len(fetches))
		}

		// Every fresh token refused at once: no more than one request a second.
		failing, fetches = false, nil
		time.Sleep(time.Minute)
		for end := time.Now().Add(time.Minute); time.Now().Before(end); {
			token, err := ask()
			if err != nil {
				t.Fatal(err)
			}
			source.Reject(t.Context(), token)
		}
		if len(fetches) > 62 || len(fetches) < 50 {
			t.Errorf("%d requests in a minute of refusals", len(fetches))
		}

		// Tokens that live shorter than the margin are used for half their life.
		life, fetches = 60*time.Second, nil
		time.Sleep(3 * time.Hour)
		for range 60 {
			_, _ = ask()
			time.Sleep(time.Second)
		}
		if len(fetches) > 3 {
			t.Errorf("%d requests in a minute of short lives", len(fetches))
		}
	})
}
