//go:build chaos

package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/choriste/choriste/crash"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

func newCell(t *testing.T) *crashCell {
	t.Helper()
	c := &crashCell{t: t, bin: builtForChaos(t), db: storetest.New(t)}
	c.prepare()
	return c
}

// put inserts a document.
func (c *crashCell) put(doc []byte) (id int64) {
	c.t.Helper()
	if err := c.app.QueryRow(c.t.Context(), `INSERT INTO chorus.invoices (document) VALUES ($1) RETURNING id`, doc).Scan(&id); err != nil {
		c.t.Fatal(err)
	}
	return id
}

func (c *crashCell) counted(condition string) (n int) {
	c.t.Helper()
	if err := c.db.Pool.QueryRow(c.t.Context(), `SELECT count(*) FROM chorus.invoices WHERE `+condition).Scan(&n); err != nil {
		c.t.Fatal(err)
	}
	return n
}

// A document that kills whoever reads it is out of the way after three starts of the worker at most, and those beside it go their way.
func TestPoisonIsQuarantined(t *testing.T) {
	c := newCell(t)
	var poison int64
	for k := range 20 {
		c.put(invoicetest.Invoice{Numero: fmt.Sprintf("BESIDE-%02d", k)}.UBL())
		if k == 10 {
			doc := invoicetest.Invoice{Numero: "POISON"}.UBL()
			poison = c.put(append(doc, []byte("<!-- "+crash.KillsReader+" -->")...))
		}
	}
	starts := 0
	for end := time.Now().Add(2 * time.Minute); c.counted(`state IN ('settled', 'invalid')`) < 21; {
		if time.Now().After(end) {
			t.Fatalf("%d settled, %d invalid after %d starts", c.counted(`state = 'settled'`), c.counted(`state = 'invalid'`), starts)
		}
		if starts++; starts > 3 {
			t.Fatalf("%d starts, and %d rows are still to be read", starts, c.counted(`state = 'received'`))
		}
		w := c.start("")
		for alive := true; alive && c.counted(`state IN ('settled', 'invalid')`) < 21 && time.Now().Before(end); {
			select {
			case <-w.done:
				alive = false
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	if starts < 2 {
		t.Error("the document killed nobody")
	}
	row, _, err := store.New(c.db.Pool).Show(t.Context(), poison)
	if err != nil || row.State != store.Invalid || row.ReasonCode == nil || *row.ReasonCode != store.ParkPoison {
		t.Errorf("the poison is %+v, %v", row, err)
	}
	if n := c.counted(`state = 'settled'`); n != 20 {
		t.Errorf("%d of those beside it are settled", n)
	}
}
