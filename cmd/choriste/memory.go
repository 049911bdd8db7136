package main

import (
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// limitMemory tells the garbage collector how much memory the service manager or the container allows (MemoryMax, mem_limit), so that it collects before
// the kernel kills. GOMEMLIMIT, if it is set, is taken by Go itself and wins. It returns the limit in bytes, 0 when there is none.
func limitMemory(getenv func(string) string, root string) int64 {
	if getenv("GOMEMLIMIT") != "" {
		return 0
	}
	allowed := allowedMemory(root)
	if allowed == 0 {
		return 0
	}
	// The rest is for what Go does not count: the program itself, stacks of the kernel, a reader process.
	limit := allowed / 4 * 3
	debug.SetMemoryLimit(limit)
	return limit
}

// allowedMemory is the smallest limit of this process's control group (version 2) and those above it.
func allowedMemory(root string) (least int64) {
	own, err := os.ReadFile(root + "/proc/self/cgroup") //nolint:gosec // root is a test's
	if err != nil {
		return 0
	}
	_, group, found := strings.Cut(string(own), "0::")
	if !found {
		return 0
	}
	group, _, _ = strings.Cut(group, "\n")
	for at := path.Clean("/" + group); ; at = path.Dir(at) {
		text, err := os.ReadFile(root + path.Join("/sys/fs/cgroup", at, "memory.max")) //nolint:gosec // named by the kernel
		if n, e := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && e == nil && (least == 0 || n < least) {
			least = n
		}
		if at == "/" {
			return least
		}
	}
}

// collectSooner has garbage collected when memory has grown by half, unless GOGC says otherwise: a document of 9 MB takes 65 MB instead of 78.
func collectSooner(getenv func(string) string) {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}
