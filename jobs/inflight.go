package jobs

import (
	"context"
	"time"

	"golang.org/x/sync/semaphore"
)

// Documents in memory share one budget of this process: large ones wait for each other, small ones pass. What a job costs is a multiple of its document,
// measured: reading one in UTF-16 or of a million elements takes eight times its size, depositing one twice (the answer of the database, and the document).
const (
	bytesInFlight = 64 << 20
	smallDocument = 256 << 10
	costOfReading = 8
	costOfSending = 2
	costOfUpload  = 6 // an attachment is sent as JSON, built whole
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
