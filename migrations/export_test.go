package migrations

import (
	"io/fs"
	"testing/fstest"
	"time"
)

// OneMoreStep gives the binary a step that the database does not know.
func OneMoreStep(statements string) (restore func()) {
	more := fstest.MapFS{"00099_more.sql": &fstest.MapFile{Data: []byte("-- +goose Up\n" + statements)}}
	entries, err := fs.ReadDir(embedded, ".")
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		data, err := fs.ReadFile(embedded, e.Name())
		if err != nil {
			panic(err)
		}
		more[e.Name()] = &fstest.MapFile{Data: data}
	}
	files = more
	return func() { files = embedded }
}

// Patience has tests wait shorter.
func Patience(all, pause time.Duration) (restore func()) {
	a, b, c := patience, firstPause, mostPause
	patience, firstPause, mostPause = all, pause, pause
	return func() { patience, firstPause, mostPause = a, b, c }
}
