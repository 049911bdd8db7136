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
