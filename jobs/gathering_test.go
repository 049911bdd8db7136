package jobs

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// doubled answers each number with its double, and those below zero not at all.
func doubled(asked *atomic.Int32, takes time.Duration) func(context.Context, []int) []*int {
	return func(ctx context.Context, all []int) []*int {
		asked.Add(1)
		select {
		case <-time.After(takes):
		case <-ctx.Done():
			return nil
		}
		answers := make([]*int, len(all))
		for k, n := range all {
			if twice := 2 * n; n >= 0 {
				answers[k] = &twice
			}
			if n == 1000 {
				panic("a row that nobody can read")
			}
		}
		return answers
	}
}

func TestManyAskTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gathering[int, int]
		var asked atomic.Int32
		ask := doubled(&asked, 10*time.Millisecond)
		var all sync.WaitGroup
		for n := -3; n < 30; n++ {
			all.Go(func() {
				a, err := g.together(t.Context(), n, ask)
				switch {
				case err != nil:
					t.Error(err)
				case n < 0 && a != nil, n >= 0 && (a == nil || *a != 2*n):
					t.Errorf("%d: %v", n, a)
				}
			})
		}
		all.Wait()
		synctest.Wait()
		if n := asked.Load(); n < 3 || n > 4 { // the first alone or with some, the others by 16
			t.Errorf("33 were asked in %d statements", n)
		}
		if g.busy != 0 || len(g.waiting) != 0 {
			t.Errorf("%d are busy, %d wait", g.busy, len(g.waiting))
		}
	})
}

// Of a statement that panics over one row, each asks alone; the next ones are asked as before.
func TestAPanicIsNobodyElses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gathering[int, int]
		var asked atomic.Int32
		ask := doubled(&asked, time.Millisecond)
		var all sync.WaitGroup
		for _, n := range []int{1, 2, 1000, 3} {
			all.Go(func() {
				if a, err := g.together(t.Context(), n, ask); err != nil || a != nil && *a != 2*n {
					t.Errorf("%d: %v, %v", n, a, err)
				}
			})
		}
		all.Wait()
		if a, err := g.together(t.Context(), 5, ask); err != nil || a == nil || *a != 10 {
			t.Errorf("afterwards: %v, %v", a, err)
		}
	})
}

// Who waits behind a statement that hangs begins another. The one that hangs ends with the contexts of those who wait for it, the last of them; who has not had his turn by then is
// not asked for.
func TestAStatementThatHangsHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gathering[int, int]
		var hanging, asked atomic.Int32
		hang, ask := doubled(&hanging, time.Hour), doubled(&asked, time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var first sync.WaitGroup
		first.Go(func() {
			if a, err := g.together(ctx, 1, hang); a != nil || err != nil {
				t.Errorf("the one that hangs: %v, %v", a, err)
			}
		})
		synctest.Wait()
		began := time.Now()
		if a, err := g.together(t.Context(), 2, ask); err != nil || a == nil || *a != 4 {
			t.Errorf("behind it: %v, %v", a, err)
		}
		if took := time.Since(began); took > 2*slowStatement {
			t.Errorf("it waited %s", took)
		}
		first.Wait()
		if took := time.Since(began); took != time.Second {
			t.Errorf("the first one waited %s", took)
		}
		synctest.Wait()
		if g.busy != 0 {
			t.Errorf("%d are busy", g.busy)
		}
	})
}

// A statement is given up when nobody waits for it any more, not when one of many does not.
func TestWhoGivesUpStopsNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gathering[int, int]
		var asked atomic.Int32
		ask := doubled(&asked, 50*time.Millisecond)
		var all sync.WaitGroup
		ended := make(chan error, 1)
		for n := range 4 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), []time.Duration{time.Second, 60 * time.Millisecond, 10 * time.Millisecond, time.Second}[n])
				defer cancel()
				time.Sleep(time.Duration(n))
				a, err := g.together(ctx, n, ask)
				switch {
				case n == 2: // it has no turn in its time: the first one asks
					ended <- err
				case err != nil || a == nil || *a != 2*n:
					t.Errorf("%d: %v, %v", n, a, err)
				}
			})
		}
		all.Wait()
		if err := <-ended; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the one that gave up: %v", err)
		}
		if n := asked.Load(); n != 2 {
			t.Errorf("%d statements", n)
		}
	})
}
