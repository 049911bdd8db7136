package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// sampleRows are rows half of which are as expected.
func sampleRows(t *testing.T) []*row {
	t.Helper()
	samples, err := makeSamples(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]*row, len(samples))
	for k, s := range samples {
		rows[k] = &row{sample: s, id: int64(k + 1), state: "sending", path: []string{"received", "ready", "sending"}}
		if k%2 == 0 {
			w := s.want
			rows[k].state, rows[k].statut, rows[k].reasonCode, rows[k].reason, rows[k].deposits = w.State, w.Statut, w.ReasonCode, w.Text+"\nand more", w.Deposits
			rows[k].path = append(w.Via, w.State)
			rows[k].metadata = []byte(s.metadata)
		}
	}
	return rows
}

func TestTheTableFits(t *testing.T) {
	rows := sampleRows(t)
	for _, width := range []int{1, 2, 10, 40, 80, 200} {
		for _, height := range []int{1, 5, 24} {
			var table table
			frame := table.frame(rows, width, height)
			if len(frame) > max(height-1, 3) {
				t.Errorf("%d×%d: %d lines", width, height, len(frame))
			}
			for _, line := range frame {
				if utf8.RuneCountInString(line) > width-1 || strings.Contains(line, "\n") {
					t.Errorf("%d×%d: %q", width, height, line)
				}
			}
		}
	}
	var table table
	low := strings.Join(table.frame(rows, 120, 12), "\n")
	for _, r := range rows {
		if r.missing() != "" && !strings.Contains(low, r.ref) {
			t.Errorf("%s is not done and not shown:\n%s", r.ref, low)
		}
	}
	if !strings.Contains(low, "not shown") {
		t.Errorf("nothing says that rows are missing:\n%s", low)
	}
}

// Each frame covers the one before it.
func TestTheTableStaysInPlace(t *testing.T) {
	rows := sampleRows(t)
	var out bytes.Buffer
	width := 100
	table := table{out: &out, colour: true, size: func() (int, int) { return width, 50 }}
	table.show(rows, nil)
	first := out.String()
	if n := strings.Count(first, "\n"); n != len(rows)+2 || strings.Contains(first, "\x1b[2J") {
		t.Errorf("%d lines: %q", n, first)
	}
	out.Reset()
	table.show(rows, nil)
	if want := fmt.Sprintf("\x1b[%dA\r%s", len(rows)+2, first); out.String() != want {
		t.Errorf("%q", out.String())
	}
	out.Reset()
	width = 60
	table.show(rows, nil)
	if !strings.HasPrefix(out.String(), "\x1b[H\x1b[2J") {
		t.Errorf("after a change of width: %q", out.String())
	}
}

func TestEachDifferenceIsSaid(t *testing.T) {
	good := func() *row {
		return &row{
			sample: sample{metadata: `{"a": 1, "b": 2}`, want: want{State: "settled", Statut: "MISE_EN_PAIEMENT", Via: []string{"in_doubt", "deposited"}, Text: "x", Deposits: 1}},
			state:  "settled", statut: "MISE_EN_PAIEMENT", reason: "x", deposits: 1, metadata: []byte(`{"b":2,"a":1}`),
			path: []string{"received", "ready", "sending", "in_doubt", "deposited", "integrated", "settled"},
		}
	}
	if text := good().missing(); text != "" {
		t.Fatal(text)
	}
	for name, change := range map[string]func(*row){
		"state":          func(r *row) { r.state = "integrated" },
		"statut_courant": func(r *row) { r.statut = "" },
		"reason_code":    func(r *row) { r.reasonCode = "QUIET" },
		"nor comment":    func(r *row) { r.reason = "" },
		"went through":   func(r *row) { r.path = []string{"deposited", "in_doubt", "settled"} },
		"2 times":        func(r *row) { r.deposits = 2 },
		"metadata":       func(r *row) { r.metadata = nil },
		"last event":     func(r *row) { r.path = r.path[:6] },
	} {
		r := good()
		change(r)
		if text := r.missing(); !strings.Contains(text, name) {
			t.Errorf("%s: %q", name, text)
		}
	}
}
