package console

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Pages that are kept current in a browser. live.js asks for the page again while somebody looks at it, and htmx puts what has changed in its place. Without JavaScript they are pages as any
// other. All who watch a page are shown one reading, which is a second old at most: the database answers once a second, however many they are.

const (
	// readingLasts is how long a reading is shown to those who watch.
	readingLasts = time.Second
	// mostReadings is how many readings are kept; another one then begins anew.
	mostReadings = 200
)

// watches tells whether a request comes from a page that is kept current, and not from somebody who loads it.
func watches(r *http.Request) bool {
	return r.Method == http.MethodGet && r.Header.Get("HX-Request") == "true"
}

// reading is what a page shows before it is put into words for its reader. Whoever reads it anew holds mu, and the others wait for him.
type reading struct {
	mu   sync.Mutex
	at   time.Time
	data any
	err  error
}

// readings are known by the page and by what it selects.
type readings struct {
	mu   sync.Mutex
	list map[string]*reading
}

func (s *readings) of(key string) *reading {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.list[key] == nil {
		if len(s.list) >= mostReadings {
			clear(s.list)
		}
		s.list[key] = &reading{}
	}
	return s.list[key]
}

// current reads what a page shows. Whoever loads the page gets a new reading; whoever watches it gets one that all share who watch it and see the same accounts, an error included. It is changed by nobody.
func current[T any](ctx context.Context, c *console, v view, key string, read func(context.Context) (T, error)) (T, error) {
	if !watches(v.Request) {
		return read(ctx)
	}
	one := c.readings.of(key + seenBy(ctx))
	one.mu.Lock()
	defer one.mu.Unlock()
	if time.Since(one.at) >= readingLasts {
		one.data, one.err = inTurn(ctx, c, v, read)
		one.at = time.Now()
	}
	if one.err != nil {
		var nothing T
		return nothing, one.err
	}
	return one.data.(T), nil
}

// inTurn reads for everybody: it does not end when the one who asked first goes away.
func inTurn[T any](ctx context.Context, c *console, v view, read func(context.Context) (T, error)) (T, error) {
	ctx, leave, err := c.enter(v.WithContext(context.WithoutCancel(ctx)))
	if err != nil {
		var nothing T
		return nothing, err
	}
	defer leave()
	return read(ctx)
}
