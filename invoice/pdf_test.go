package invoice

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
)

func TestGuardedReader(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	r := &guardedReader{b: bytes.NewReader(make([]byte, 100)), ctx: ctx, left: 10_000}
	var err error
	turns := 0
	for ; err == nil && turns < 1000; turns++ {
		if _, err = r.Seek(0, io.SeekStart); err == nil {
			_, err = io.ReadAll(r)
		}
	}
	if !errors.Is(err, errReadTooMuch) || turns < 5 || turns > 20 {
		t.Errorf("after %d turns: %v", turns, err)
	}
	r.left = 10_000
	cancel()
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("read after the deadline: %v", err)
	}
	if _, err := r.Seek(0, io.SeekStart); !errors.Is(err, context.Canceled) {
		t.Errorf("seek after the deadline: %v", err)
	}
}
