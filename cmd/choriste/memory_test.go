package main

import (
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
)

func TestLimitMemory(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	none := func(string) string { return "" }
	if got := limitMemory(none, root); got != 0 {
		t.Errorf("nothing known: %d", got)
	}
	write("proc/self/cgroup", "0::/system.slice/choriste.service\n")
	write("sys/fs/cgroup/system.slice/choriste.service/memory.max", "max\n")
	if got := limitMemory(none, root); got != 0 {
		t.Errorf("no limit: %d", got)
	}
	write("sys/fs/cgroup/system.slice/memory.max", "536870912\n")
	if got := limitMemory(none, root); got != 402653184 || debug.SetMemoryLimit(-1) != got {
		t.Errorf("512 MiB above: %d, set %d", got, debug.SetMemoryLimit(-1))
	}
	debug.SetMemoryLimit(math.MaxInt64)
	if limitMemory(func(string) string { return "1GiB" }, root); debug.SetMemoryLimit(-1) != math.MaxInt64 {
		t.Error("GOMEMLIMIT does not win")
	}
}
