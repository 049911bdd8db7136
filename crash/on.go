//go:build chaos

package crash

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Enabled tells whether this build can be made to fail.
const Enabled = true

// ErrInjected is the failure of a Point.
var ErrInjected = errors.New("injected failure")

var disconnect = func() {}

// OnDisconnect says how this process's connections to the database are cut.
func OnDisconnect(do func()) {
	mu.Lock()
	defer mu.Unlock()
	disconnect = do
}

// plan is what CHORISTE_CRASH asks for: POINT=ACTION[:N[:PAUSE]], where ACTION is kill, panic, pause, error or disconnect, at the N-th passage (1 by
// default) and only then.
type plan struct {
	point, action string
	at            int
	pause         time.Duration
}

var (
	once   sync.Once
	mu     sync.Mutex
	wanted plan
	passed int
)

func read() {
	v := os.Getenv("CHORISTE_CRASH")
	if v == "" {
		return
	}
	point, rest, ok := strings.Cut(v, "=")
	parts := strings.Split(rest, ":")
	wanted = plan{point: point, action: parts[0], at: 1, pause: 15 * time.Second}
	var err error
	if len(parts) > 1 {
		wanted.at, err = strconv.Atoi(parts[1])
	}
	if err == nil && len(parts) > 2 {
		wanted.pause, err = time.ParseDuration(parts[2])
	}
	if !ok || err != nil {
		panic("CHORISTE_CRASH must be POINT=ACTION[:N[:PAUSE]]")
	}
}

// Point dies, stalls or fails here if CHORISTE_CRASH says so.
func Point(name string) error {
	once.Do(read)
	if name != wanted.point {
		return nil
	}
	mu.Lock()
	passed++
	hit := passed == wanted.at
	mu.Unlock()
	if !hit {
		return nil
	}
	fmt.Fprintf(os.Stderr, "CRASH %s %s\n", name, wanted.action)
	switch wanted.action {
	case "kill":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "panic":
		panic("injected at " + name)
	case "pause":
		time.Sleep(wanted.pause)
	case "error":
		return ErrInjected
	case "disconnect":
		disconnect()
	default:
		panic("CHORISTE_CRASH: unknown action " + wanted.action)
	}
	return nil
}

// Reading kills this process if the document that it is about to read holds KillsReader.
func Reading(document []byte) {
	if bytes.Contains(document, []byte(KillsReader)) {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

// Mutant tells whether CHORISTE_MUTANT asks for this mistake.
func Mutant(name string) bool { return os.Getenv("CHORISTE_MUTANT") == name }
