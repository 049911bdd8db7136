package main

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// headroom is how far memory may grow beyond what is in use before it is collected, however much is in use: a simulator that holds a million invoices, in
// records that cost the collector nothing to look at, needs no second copy of their room.
const headroom = 24 << 20

// keepHeadroom sets the collector's pace by it, once a second, for as long as the process lives. Whoever sets GOGC decides himself.
func keepHeadroom() {
	if os.Getenv("GOGC") != "" {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for was := 100; ; time.Sleep(time.Second) {
		metrics.Read(live)
		if percent := pace(live[0].Value.Uint64()); percent != was {
			debug.SetGCPercent(percent)
			was = percent
		}
	}
}

// pace is by how many percent memory may grow before it is collected.
func pace(live uint64) int { return int(min(400, max(10, 100*headroom/max(live, 1)))) }
