//go:build unix

package fleet

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// What is no file of ours is said, and waited for by nobody.
func TestAStateFileThatIsNone(t *testing.T) {
	t.Parallel()
	dir, id := t.TempDir(), pgtype.UUID{Bytes: [16]byte{1}, Valid: true}
	if err := syscall.Mkfifo(filepath.Join(dir, "choriste-"+id.String()+".json"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := OpenState(dir, id)
	if err != nil {
		t.Fatal(err)
	}
	said := make(chan error, 1)
	go func() {
		_, err := f.Load()
		said <- err
	}()
	select {
	case err := <-said:
		if err == nil {
			t.Error("a pipe was read")
		}
	case <-time.After(10 * time.Second):
		t.Error("a pipe is waited for")
	}
}
