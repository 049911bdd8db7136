package worker_test

import (
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
)

// While an account is paused, somebody types an invoice in at the portal that waits here. When the account is resumed, it is compared first, however slow the search is.
func TestTypedInDuringAPause(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{AcceptDuplicates: true})
	slow := h.told(func(_, said []byte) []byte {
		time.Sleep(300 * time.Millisecond)
		return said
	})
	h.start(slow)
	h.await(h.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Settled)
	people := store.New(h.db.Pool)
	if err := people.SetPaused(t.Context(), "default", true, "holidays"); err != nil {
		t.Fatal(err)
	}
	typed, waiting := h.insert(invoicetest.Invoice{Numero: "TYPED-IN"}.UBL()), h.insert(invoicetest.Invoice{Numero: "WAITING"}.UBL())
	h.await(typed, store.Ready)
	h.await(waiting, store.Ready)
	facts := h.sim.Deposits("BEFORE")[0].Facts
	facts.Numero = "TYPED-IN"
	if _, err := h.sim.TypeIn(facts); err != nil {
		t.Fatal(err)
	}
	h.exec(`UPDATE chorus.accounts SET paused_at = paused_at - interval '2 minutes'`)
	if err := people.SetPaused(t.Context(), "default", false, ""); err != nil {
		t.Fatal(err)
	}
	h.await(typed, store.Settled)
	h.await(waiting, store.Settled)
	for numero, want := range map[string]int{"TYPED-IN": 0, "WAITING": 1} {
		if n := len(h.sim.Deposits(numero)); n != want {
			t.Errorf("%s was deposited %d times", numero, n)
		}
	}
}

// A short pause holds nothing up afterwards.
func TestAShortPause(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, paused := range []bool{true, false} {
		if err := store.New(h.db.Pool).SetPaused(t.Context(), "default", paused, "a moment"); err != nil {
			t.Fatal(err)
		}
	}
	if n := h.count(`SELECT count(*) FROM chorus.accounts WHERE compare_since IS NOT NULL`); n != 0 {
		t.Error("it is compared")
	}
}

// Who pauses again before the comparison has ended makes no doubt about the database of it.
func TestPausedAgainBeforeItWasCompared(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for range 2 {
		for _, paused := range []bool{true, false} {
			if err := store.New(h.db.Pool).SetPaused(t.Context(), "default", paused, "holidays"); err != nil {
				t.Fatal(err)
			}
			h.exec(`UPDATE chorus.accounts SET paused_at = paused_at - interval '2 minutes', compare_page = 3`)
		}
		if n := h.count(`SELECT count(*) FROM chorus.accounts WHERE compare_since < clock_timestamp() - interval '2 minutes' AND compare_resumed_at = compare_asked_at`); n != 1 {
			t.Error("it is not compared as after a pause")
		}
	}
}
