package chorustest

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// TestHandOver: whoever has settled finds his lines in the file, every line can be read wherever it stands, in the file, on its way or before it, and the file has them in their order.
func TestHandOver(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ledger")
	l, err := openLedger(file, false)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex // as the simulator's
	seq := int64(0)
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for n := range 60 {
				mu.Lock()
				a, b := Entry{Seq: seq + 1, Type: "request"}, Entry{Seq: seq + 2, Type: "answer"}
				seq += 2
				at := l.append(a, b)
				for i, want := range []int64{a.Seq, b.Seq} {
					if e, err := l.line(at[i]); err != nil || e.Seq != want {
						t.Errorf("line %d as it waits: %+v, %v", want, e, err)
					}
				}
				mu.Unlock()
				if n%3 == 0 {
					continue
				}
				if err := l.settle(); err != nil {
					t.Error(err)
				}
				info, err := os.Stat(file)
				if err != nil || info.Size() <= at[1] {
					t.Errorf("line %d stands at %d of %d bytes, %v", b.Seq, at[1], info.Size(), err)
				}
				mu.Lock()
				if e, err := l.line(at[1]); err != nil || e.Seq != b.Seq {
					t.Errorf("line %d when it is settled: %+v, %v", b.Seq, e, err)
				}
				mu.Unlock()
			}
		})
	}
	writers.Wait()
	if err := l.flush(); err != nil {
		t.Fatal(err)
	}
	next := int64(0)
	if err := l.each(func(e Entry) error {
		if next++; e.Seq != next {
			t.Errorf("line %d where %d belongs", e.Seq, next)
		}
		return nil
	}); err != nil || next != seq {
		t.Errorf("%d of %d lines, %v", next, seq, err)
	}
	if err := l.startAnew(); err != nil {
		t.Fatal(err)
	}
	at := l.append(Entry{Seq: seq + 1, Type: "start"})
	if e, err := l.line(at[0]); at[0] != 0 || err != nil || e.Type != "start" {
		t.Errorf("after it began anew: %v, %+v, %v", at, e, err)
	}
	if err := l.close(); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != string(encodeLine(nil, &Entry{Seq: seq + 1, Type: "start"})) {
		t.Errorf("%s, %v", b, err)
	}
}
