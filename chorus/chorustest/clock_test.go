package chorustest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
)

// TestClockGoesForward: the virtual clock stands still for no longer than it must, and never goes back: not when the machine's is set back, not when it was moved on
// as often as anybody likes.
func TestClockGoesForward(t *testing.T) {
	s, c := start(t, &chorustest.Config{Quota: -1})
	was := s.Now()
	s.SetMachineBack(3 * time.Hour)
	first := s.Now()
	c.integrated(c.accepted(facture("F-1")))
	if now := s.Now(); first.Before(was) || !now.After(first) || now.Sub(was) > time.Hour {
		t.Errorf("%s, then %s, then %s", was, first, now)
	}
	moved := 0
	for ; moved < 40; moved++ {
		status, answer := manage(t, s, "POST", "/clock", `{"advance":"87600h"}`)
		if status == 400 && strings.Contains(answer, "a hundred years") {
			break
		}
		if status != 200 {
			t.Fatalf("%d %s", status, answer)
		}
	}
	s.Advance(280 * 365 * 24 * time.Hour)
	if now := s.Now(); moved < 9 || moved > 10 || now.Year() < was.Year()+99 || now.Year() > was.Year()+101 {
		t.Errorf("ten years were gone forward %d times, and then all that is left: %s after %s", moved, now, was)
	}
	seq, at := int64(0), time.Time{}
	for _, e := range s.Ledger() {
		if e.Seq <= seq || e.Type != "accepted" && e.Type != "integrated" && e.At.Before(at.Add(-time.Second)) {
			t.Errorf("line %d at %s after %d at %s", e.Seq, e.At, seq, at)
		}
		seq, at = e.Seq, e.At
	}
}
