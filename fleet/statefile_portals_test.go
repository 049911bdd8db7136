package fleet_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/choriste/choriste/fleet"
)

// A worker of very many accounts keeps a file that it can read again.
func TestStateOfManyAccounts(t *testing.T) {
	t.Parallel()
	id := pgtype.UUID{Bytes: [16]byte{1}, Valid: true}
	f, err := fleet.OpenState(t.TempDir(), id)
	if err != nil {
		t.Fatal(err)
	}
	s := fleet.State{Installation: id, Epoch: "1"}
	for k := range 1000 {
		s.Portals = append(s.Portals, fmt.Sprintf("%016x", k))
	}
	for range 2 {
		if _, err := f.Save(s); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Load(); err != nil {
			t.Fatal(err)
		}
	}
}
