package main

import (
	"bytes"
	"encoding/json"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"
)

// The measurements work, in small; what they find is nobody's business here, but for what noise does not move.
func TestMeasure(t *testing.T) {
	var progress bytes.Buffer
	tiny := size{
		warmUp: 2, samples: 8, large: 200 << 10, every: 20 * time.Millisecond, invoices: 50, counted: 300,
		workers: 2, fleet: 2, crowd: 200, waiting: 40, outage: 2 * time.Second, settling: time.Second, backlog: 2 * time.Second, permits: 300 * time.Millisecond, rest: time.Second,
		begin: 2 * time.Minute, window: 8 * time.Minute, changes: 2, only: "500 a day, shown after 0-90 s", few: 100, many: 200, history: 2000, settle: time.Minute, watch: 2 * time.Minute,
		accepted: 200, held: 300, mix: 200 * time.Millisecond,
	}
	figures, err := measure(t.Context(), names, tiny, &progress)
	if err != nil {
		t.Fatalf("%v\n%s", err, &progress)
	}
	found := map[string]int{}
	for _, f := range figures {
		found[f.Measurement]++
		if f.Value < 0 || f.Measurement == "cost" && !f.Holds {
			t.Errorf("%+v", f)
		}
	}
	for _, name := range names {
		if found[name] == 0 {
			t.Errorf("no figure of %s in %+v", name, figures)
		}
	}
}

// The simulator is measured without a database.
func TestMeasureSimulator(t *testing.T) {
	var progress bytes.Buffer
	figures, err := measure(t.Context(), []string{"simulator"}, size{accepted: 100, held: 300, mix: 200 * time.Millisecond}, &progress)
	if err != nil {
		t.Fatalf("%v\n%s", err, &progress)
	}
	found := map[string]float64{}
	for _, f := range figures {
		found[f.Name] = f.Value
	}
	for _, name := range []string{
		"deposits a second", "requests a second, in four a deposit, a report, a search and a history", "peak memory at 100 accepted",
		"requests a second of the mix, with 300 accepted", "peak memory at 300 accepted, from a start with their ledger on",
	} {
		if found[name] <= 0 && (runtime.GOOS == "linux" || !strings.Contains(name, "memory")) {
			t.Errorf("%s: %v", name, found)
		}
	}
	if strings.Contains(progress.String(), "PostgreSQL") {
		t.Errorf("a database was started: %s", &progress)
	}
}

func TestShow(t *testing.T) {
	figures := []figure{bar("latency", "p50", 8.125, "ms", 25), bar("latency", "p99", 100.5, "ms", 100), fact("throughput", "rate", 210, "invoices/s"), least("quota", "share", 98.5, "%", 99), bar("quota", "429", 0, "", 0)}
	var table, lines bytes.Buffer
	if err := show(&table, figures, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"8.125 ms", "at most 25.0: holds", "at most 100: DOES NOT HOLD", "210 invoices/s", "at least 99.0: DOES NOT HOLD", "at most 0: holds"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("no %q in\n%s", want, &table)
		}
	}
	if err := show(&lines, figures, true); err != nil {
		t.Fatal(err)
	}
	var holds []bool
	for line := range bytes.Lines(lines.Bytes()) {
		var f figure
		if err := json.Unmarshal(line, &f); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		holds = append(holds, f.Holds)
	}
	if len(holds) != 5 || !holds[0] || holds[1] || !holds[2] || holds[3] || !holds[4] {
		t.Errorf("%v", holds)
	}
}

func TestPercentile(t *testing.T) {
	hundred := make([]float64, 100)
	for k := range hundred {
		hundred[k] = float64(k + 1)
	}
	for p, want := range map[int]float64{50: 50, 99: 99, 100: 100, 0: 1} {
		if got := percentile(hundred, p); got != want {
			t.Errorf("percentile %d is %v, want %v", p, got, want)
		}
	}
	if got := percentile([]float64{7}, 99); got != 7 {
		t.Errorf("of one value: %v", got)
	}
}

func TestWrongUse(t *testing.T) {
	for _, args := range [][]string{{"speed"}, {"-nonsense"}} {
		if status := run(t.Context(), args, io.Discard, io.Discard); status != 2 {
			t.Errorf("%v: exit status %d", args, status)
		}
	}
	if status := run(t.Context(), []string{"-help"}, io.Discard, io.Discard); status != 0 {
		t.Errorf("-help: exit status %d", status)
	}
}
