package store_test

import (
	"testing"
	"time"

	"github.com/choriste/choriste/store"
)

// A session of choriste's own is at work, until it has been in a transaction for longer than any of ours takes.
func TestWhoStandsStill(t *testing.T) {
	just, long := time.Now().Add(-time.Minute), time.Now().Add(-3*time.Minute)
	for _, c := range []struct {
		h          store.LockHolder
		own, still bool
	}{
		{store.LockHolder{PID: 1, Application: "psql", Since: &long}, false, false},
		{store.LockHolder{PID: 1, Application: "choriste"}, true, false},
		{store.LockHolder{PID: 1, Application: "choriste", Since: &just}, true, false},
		{store.LockHolder{PID: 1, Application: "choriste", Since: &long}, true, true},
		{store.LockHolder{Application: "choriste", Since: &long}, false, false}, // a prepared transaction
	} {
		if c.h.Own() != c.own || c.h.StandsStill() != c.still {
			t.Errorf("%+v: own %v, stands still %v", c.h, c.h.Own(), c.h.StandsStill())
		}
	}
}
