package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// sampler asks every worker's doors once a second, as an orchestrator and a monitoring system do, and looks at its memory and its log.
type sampler struct {
	fleet  *fleet
	ports  []int // none: the workers have no doors
	dir    string
	client http.Client

	mu      sync.Mutex
	answers []answer
	peaks   map[string]memory // by worker
	metrics map[int]string    // the last of each slot
}

// answer is what the doors of one worker said. No answer at all says nothing: it may have been stopped.
type answer struct {
	slot    int
	worker  string
	at      time.Time
	ready   bool
	said    string
	metrics int // its HTTP status; 0: not asked, or no answer
}

// memory is the most that a process has had in RAM.
type memory struct {
	slot  int
	bytes int64
}

func newSampler(f *fleet, ports []int, dir string) *sampler {
	return &sampler{fleet: f, ports: ports, dir: dir, peaks: map[string]memory{}, metrics: map[int]string{}, client: http.Client{Timeout: 3 * time.Second}}
}

// run samples until ctx ends.
func (s *sampler) run(ctx context.Context) {
	var busy sync.WaitGroup
	defer busy.Wait()
	for slot := range s.ports {
		busy.Go(func() {
			for turn := 0; ; turn++ {
				if p := s.fleet.in(slot); p != nil {
					s.look(ctx, p, turn%3 == 0)
				}
				select {
				case <-ctx.Done():
					return
				case <-time.After(time.Second):
				}
			}
		})
	}
}

func (s *sampler) look(ctx context.Context, p *process, metrics bool) {
	if n := peakMemory(p.cmd.Process.Pid); n > 0 {
		s.mu.Lock()
		s.peaks[p.name] = memory{p.slot, max(n, s.peaks[p.name].bytes)}
		s.mu.Unlock()
	}
	a := answer{slot: p.slot, worker: p.name}
	status, said := s.get(ctx, p.slot, "/readyz")
	a.at, a.ready, a.said = time.Now(), status == http.StatusOK, strings.TrimSpace(said)
	if metrics {
		if a.metrics, said = s.get(ctx, p.slot, "/metrics"); a.metrics == http.StatusOK {
			s.mu.Lock()
			s.metrics[p.slot] = said
			s.mu.Unlock()
		} else if a.metrics != 0 {
			a.said = strings.TrimSpace(said)
		}
	}
	if status == 0 && a.metrics == 0 || s.fleet.in(p.slot) != p {
		return // dead, stopped, or another life by now
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers = append(s.answers, a)
}

// get returns status 0 where there is no answer.
func (s *sampler) get(ctx context.Context, slot int, path string) (status int, body string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", s.ports[slot], path), nil)
	if err != nil {
		return 0, ""
	}
	res, err := s.client.Do(req)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(res.Body, 8<<20))
	if err != nil {
		return 0, ""
	}
	return res.StatusCode, string(b)
}

// save writes down the metrics that were read last.
func (s *sampler) save() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all strings.Builder
	for slot, text := range s.metrics {
		fmt.Fprintf(&all, "# worker %d\n%s\n", slot, text)
	}
	return os.WriteFile(filepath.Join(s.dir, "metrics.txt"), []byte(all.String()), 0o600)
}

// peakMemory is the most that a process has had in RAM so far, in bytes; 0 on systems that do not tell.
func peakMemory(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	kilobytes, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, err := strconv.ParseInt(kilobytes, 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}

// logs remembers how long each worker's log was at a moment.
type logs map[int]int64

func logFile(dir string, slot int) string {
	return filepath.Join(dir, fmt.Sprintf("worker-%d.log", slot))
}

func (t *trial) markLogs() logs {
	marks := logs{}
	for slot := range t.cfg.Workers {
		if info, err := os.Stat(logFile(t.dir, slot)); err == nil {
			marks[slot] = info.Size()
		}
	}
	return marks
}

// logged reads what a worker has logged since a mark, line by line.
func (t *trial) logged(slot int, since logs) ([]string, error) {
	f, err := os.Open(logFile(t.dir, slot))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if _, err := f.Seek(since[slot], io.SeekStart); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(f)
	var lines []string
	for line := range bytes.Lines(b) {
		lines = append(lines, string(line))
	}
	return lines, err
}
