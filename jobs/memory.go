package jobs

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/choriste/choriste/store"
)

// Memory is what this process remembers of the database, so that it notices when the database has forgotten (docs/protocol.md §3.5). It is safe for
// concurrent use.
type Memory struct {
	mu     sync.Mutex
	m      store.Memory
	doubts chan struct{}
}

// NewMemory begins with what the database says.
func NewMemory() *Memory { return &Memory{doubts: make(chan struct{}, 1)} }

// Set replaces it.
func (k *Memory) Set(m store.Memory) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.m = m
}

// Get returns a copy.
func (k *Memory) Get() store.Memory {
	k.mu.Lock()
	defer k.mu.Unlock()
	m := k.m
	m.Attempts = append([]uuid.UUID{}, m.Attempts...)
	return m
}

// Add remembers an attempt whose commit was confirmed; the two latest are enough.
func (k *Memory) Add(attempt uuid.UUID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.m.Attempts = append(k.m.Attempts[max(0, len(k.m.Attempts)-1):], attempt)
}

// Doubt asks for a comparison now; see Doubts.
func (k *Memory) Doubt() {
	select {
	case k.doubts <- struct{}{}:
	default:
	}
}

// Doubts wakes whoever compares.
func (k *Memory) Doubts() <-chan struct{} { return k.doubts }

// Compare compares it with the database, brings it up to date, and begins a quarantine when the database has forgotten.
func (k *Memory) Compare(ctx context.Context, s *store.Store, settings Settings, head int) (moved int, forgot bool, err error) {
	before := k.Get()
	now, err := s.Knows(ctx, before)
	if err == nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		// What was added meanwhile is newer than what was just read.
		k.m.Epoch, k.m.Quarantines = now.Epoch, now.Quarantines
		for _, id := range now.Attempts {
			if len(k.m.Attempts) < 2 && !slices.Contains(k.m.Attempts, id) {
				k.m.Attempts = append(k.m.Attempts, id)
			}
		}
		return 0, false, nil
	}
	if !errors.Is(err, store.ErrForgot) {
		return 0, false, err
	}
	after, moved, err := s.Quarantine(ctx, before, settings.Horizon(), head)
	if err != nil {
		return 0, true, err
	}
	k.Set(after)
	return moved, true, nil
}
