package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// starts measures from the exec of `choriste work` to the first time that /readyz says ready: alone, and beside a live worker, as in a rolling update.
func starts(ctx context.Context, w *workshop) (_ []figure, err error) {
	f, err := w.fleet(ctx, "-quota", "-1")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	var figures []figure
	for _, beside := range []bool{false, true} {
		name := "exec to ready, alone"
		if beside {
			name = "exec to ready, beside a live worker"
			if err := f.hire(ctx, 1); err != nil {
				return nil, err
			}
		}
		w.say("start: %s …", name)
		var took []float64
		for k := range 2*startsEach - 1 {
			one, err := f.startOnce(ctx, fmt.Sprintf("%s-%t-%d", "start", beside, k))
			if err != nil {
				return nil, err
			}
			took = append(took, one)
		}
		slices.Sort(took)
		figures = append(figures, bar("start", name+", median", percentile(took, 50), "ms", 300), fact("start", name+", max", took[len(took)-1], "ms"))
	}
	return figures, nil
}

// startsEach is of how many starts half are faster than the median, and half slower.
const startsEach = 3

// startOnce starts a worker, and stops it once it is ready.
func (f *fleet) startOnce(ctx context.Context, name string) (ms float64, err error) {
	port, err := freePort()
	if err != nil {
		return 0, err
	}
	began := time.Now()
	worker, err := f.startWorker(f.w, f.login, filepath.Join(f.w.dir, name+".log"), []string{"CHORISTE_LISTEN=127.0.0.1:" + port})
	if err != nil {
		return 0, err
	}
	defer func() {
		_ = worker.Process.Signal(syscall.SIGTERM)
		err = errors.Join(err, worker.Wait())
	}()
	for end := began.Add(time.Minute); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+port+"/readyz", nil)
		if err != nil {
			return 0, err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			continue
		}
		_ = res.Body.Close()
		if res.StatusCode == http.StatusOK {
			return float64(time.Since(began).Microseconds()) / 1000, nil
		}
	}
	return 0, errors.New("a worker was not ready within a minute")
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}
