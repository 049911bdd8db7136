package jobs

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/choriste/choriste/store"
)

var errDown = errors.New("down")

// Two hours of an outage with a backlog: after the deposits that were in the air when it began, nothing but probes leaves, and ever fewer of them.
func TestAFullOutageCostsProbesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Breaker
		probes, deposits := 0, 0
		for began := time.Now(); time.Since(began) < 2*time.Hour; {
			pass, wait := b.Enter(t.Context(), time.Second, func(context.Context) error { probes++; return errDown })
			if wait > 0 {
				time.Sleep(wait)
				continue
			}
			deposits++
			pass.Leave(Failing)
		}
		if deposits != 1 || probes < 120 || probes > 135 {
			t.Errorf("%d deposits, %d probes", deposits, probes)
		}
	})
}

// The health check is fine and deposits fail: one at a time, less and less often.
func TestAnOutageOfDepositsAloneIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Breaker
		deposits := 0
		for began := time.Now(); time.Since(began) < 2*time.Hour; {
			pass, wait := b.Enter(t.Context(), time.Second, func(context.Context) error { return nil })
			if wait > 0 {
				time.Sleep(wait)
				continue
			}
			deposits++
			pass.Leave(Failing)
		}
		if deposits > 12*2+27-12 { // 12 an hour, and the doubling before
			t.Errorf("%d deposits in two hours", deposits)
		}
	})
}

func TestRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Breaker
		healthy := func(context.Context) error { return nil }
		enter := func() Pass {
			t.Helper()
			pass, wait := b.Enter(t.Context(), time.Second, healthy)
			if wait > 0 {
				t.Fatalf("told to wait %s", wait)
			}
			return pass
		}
		first, second := enter(), enter()
		if !first.Leave(Failing) || second.Leave(Failing) {
			t.Error("the first failure opens, the second finds it open")
		}
		trial := enter() // the first probe is made at once
		if _, wait := b.Enter(t.Context(), time.Second, healthy); wait == 0 {
			t.Error("a second deposit beside the trial")
		}
		trial.Leave(Silent) // it did not leave after all: another trial
		if !enter().trial {
			t.Error("what said nothing closed the breaker")
		}
		b.inTrial = false
		enter().Leave(Healthy)
		if a, c := enter(), enter(); a.trial || c.trial || b.Open() {
			t.Error("still open after a healthy deposit")
		}
	})
}

// A probe that found no permit is no sign of an outage.
func TestABusyBudgetIsNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Breaker
		pass, _ := b.Enter(t.Context(), time.Second, nil)
		pass.Leave(Failing)
		spacing := b.spacing
		_, wait := b.Enter(t.Context(), time.Second, func(context.Context) error { return &store.Busy{Wait: time.Minute} })
		if b.spacing != spacing || wait < time.Minute {
			t.Errorf("spacing %s after %s, wait %s", b.spacing, spacing, wait)
		}
	})
}
