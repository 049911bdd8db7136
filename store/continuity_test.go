package store_test

import (
	"errors"
	"testing"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// What a comparison found says nothing about a later start: the database may have been taken back between the two.
func TestAComparisonThatIsOvertakenEndsNothing(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	s := store.New(db.Pool)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.AskComparison(t.Context()))
	first, err := s.Comparing(t.Context(), "default")
	must(err)
	must(s.AskComparison(t.Context()))
	must(s.Compared(t.Context(), "default", first))
	second, err := s.Comparing(t.Context(), "default")
	if err != nil {
		t.Fatalf("the second comparison was ended by the first: %v", err)
	}
	if second.Since.After(first.Since) {
		t.Errorf("the second comparison looks back to %s only, and the first was not made", second.Since)
	}
	waiting, err := s.WaitingToCompare(t.Context(), []string{"default", "other"})
	must(err)
	if waiting == nil || len(waiting.Accounts) != 1 || !waiting.Since.Equal(second.Asked) {
		t.Errorf("what waits is %+v", waiting)
	}
	must(s.Compared(t.Context(), "default", second))
	if _, err := s.Comparing(t.Context(), "default"); !errors.Is(err, store.ErrGone) {
		t.Errorf("afterwards: %v", err)
	}
	if waiting, err := s.WaitingToCompare(t.Context(), []string{"default"}); err != nil || waiting != nil {
		t.Errorf("afterwards: %+v (%v)", waiting, err)
	}
}
