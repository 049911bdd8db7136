package jobs

import (
	"testing"
	"time"

	"github.com/choriste/choriste/store"
)

// A listing that did not add up is made again a little later: only those that were read whole bring the next one nearer to the proof's end.
func TestAnIncompleteListingStretchesNothing(t *testing.T) {
	s := Settings{SendWithin: time.Second, LandingDelay: 49 * time.Second, VisibilityDelay: 50 * time.Second} // H = 100 s
	whole, cut := store.Lookup{Complete: true}, store.Lookup{}
	for _, x := range []struct {
		looks []store.Lookup
		age   time.Duration
		next  time.Duration
	}{
		{nil, time.Second, 2 * time.Second},
		{[]store.Lookup{cut, cut, cut, cut, cut}, 10 * time.Second, 2 * time.Second},
		{[]store.Lookup{cut, whole}, 10 * time.Second, 42 * time.Second},
		{[]store.Lookup{whole, cut, whole, cut}, 60 * time.Second, 42 * time.Second},
		{[]store.Lookup{whole, whole, cut, cut, whole}, 110 * time.Second, 92 * time.Second},
		{[]store.Lookup{whole}, 500 * time.Second, 2 * time.Second},
	} {
		if got := nextListed(s, x.age, wholeLooks(x.looks)); got != x.next {
			t.Errorf("after %v at %s: in %s, want %s", x.looks, x.age, got, x.next)
		}
	}
}
