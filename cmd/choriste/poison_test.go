//go:build chaos

package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
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

// Sixty-four documents of 10 MB at once, of all kinds: the worker stays within the 512 MiB that docs/operating.md gives it.
func TestLargeDocumentsFitIntoMemory(t *testing.T) {
	const (
		size  = 9_990_000
		count = 64
		limit = 512 << 10 // KiB
	)
	c := newCell(t)
	for k := range count {
		inv := invoicetest.Invoice{Numero: fmt.Sprintf("LARGE-%02d", k)}
		doc := inv.UBL()
		if k%2 == 1 {
			doc = inv.CII()
		}
		c.put(append(doc, []byte("<!-- "+strings.Repeat("0123456789abcdef", (size-len(doc)-9)/16)+" -->")...))
	}
	w := c.start("")
	peak := 0
	for end := time.Now().Add(15 * time.Minute); c.counted(`state = 'settled'`) < count; time.Sleep(200 * time.Millisecond) {
		peak = max(peak, highWater(t, w.cmd.Process.Pid))
		if time.Now().After(end) {
			t.Fatalf("%d of %d settled; %d KiB", c.counted(`state = 'settled'`), count, peak)
		}
	}
	t.Logf("VmHWM %d MiB", peak>>10)
	if peak == 0 || peak > limit {
		t.Errorf("VmHWM is %d KiB, more than %d", peak, limit)
	}
}

// highWater is the most memory that a process has had, in KiB.
func highWater(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := bytes.Cut(text, []byte("VmHWM:"))
	fields := strings.Fields(string(rest))
	if !found || len(fields) == 0 {
		t.Fatalf("no VmHWM: %s", text)
	}
	n, err := strconv.Atoi(fields[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
