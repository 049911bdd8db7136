package jobs

import (
	"testing"
	"time"

	"github.com/choriste/choriste/chorus"
)

// A period that ends before it begins is empty whatever the portal holds: to have read it shows nothing.
func TestAPeriodThatEndsBeforeItBeginsIsNeverComplete(t *testing.T) {
	t.Parallel()
	j := &Jobs{}
	now := time.Now()
	err := j.readPages(t.Context(), &Account{}, chorus.Query{DepotDu: now.AddDate(0, 0, 2), DepotAu: now}, &progress{}, nil)
	if chorus.FaultOf(err) != chorus.FaultIncomplete {
		t.Fatalf("%v", err)
	}
	l := &listing{since: now.AddDate(0, 0, 3), until: now, done: make(chan struct{})}
	if err := j.list1(t.Context(), &Account{}, 0, l); err != nil {
		t.Fatal(err)
	}
	if l.complete || l.err != nil {
		t.Errorf("the listing is %+v", l)
	}
}
