package main

import (
	"bytes"
	"testing"
	"time"
)

// The measurements work, in small; what they find is nobody's business here, but for what noise does not move. Those that take minutes are in TestMeasureLong.
func TestMeasure(t *testing.T) {
	inSmall(t, "start", "check", "latency", "throughput", "cost", "idle", "memory", "permits")
}

func inSmall(t *testing.T, names ...string) {
	t.Helper()
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
