package jobs

import (
	"context"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/choriste/choriste/store"
)

// Documents in memory share one budget of this process: large ones wait for each other, small ones pass. What a job costs is a multiple of its document,
// measured: reading one in UTF-16 or of a million elements takes eight times its size, depositing one twice (the answer of the database, and the document).
const (
	bytesInFlight = 64 << 20
	smallDocument = store.SmallDocument // of which nobody keeps count
	costOfReading = 8
	costOfSending = 2
)

var inFlight = semaphore.NewWeighted(bytesInFlight)

// hold takes room for a document of so many bytes, and gives up after wait. What needs more than there is goes alone.
func hold(ctx context.Context, bytes, cost int, wait time.Duration) (release func(), ok bool) {
	if bytes <= smallDocument {
		return func() {}, true
	}
	n := int64(min(bytes*cost, bytesInFlight))
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	if inFlight.Acquire(ctx, n) != nil {
		return nil, false
	}
	return func() { inFlight.Release(n) }, true
}

// Places bound how many of a process's jobs do one thing at once. The zero value has room for all.
type Places struct{ taken chan struct{} }

// NewPlaces makes so many.
func NewPlaces(n int) Places { return Places{make(chan struct{}, n)} }

// take waits for a place, and returns what gives it back.
func (p Places) take(ctx context.Context) (leave func(), err error) {
	if p.taken == nil {
		return func() {}, nil
	}
	select {
	case p.taken <- struct{}{}:
		return p.leave, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// try takes a place if one is free.
func (p Places) try() (leave func(), ok bool) {
	if p.taken == nil {
		return func() {}, true
	}
	select {
	case p.taken <- struct{}{}:
		return p.leave, true
	default:
		return nil, false
	}
}

func (p Places) leave() { <-p.taken }
