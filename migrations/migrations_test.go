package migrations

import (
	"testing"

	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

func TestRiverSchemaIsPinnedToItsLatestVersion(t *testing.T) {
	m, err := rivermigrate.New(riverpgxv5.New(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	all := m.AllVersions()
	if last := all[len(all)-1].Version; last != riverVersion {
		t.Fatalf("River's schema is at version %d, ours pins %d: add a migration with riverTo", last, riverVersion)
	}
}
