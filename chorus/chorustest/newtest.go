package chorustest

import (
	"os"
	"path/filepath"
	"testing"
)

// New runs a simulator for one test and ends it with the test. cfg may be nil. A malformed or undocumented
// request fails the test, unless cfg.TolerateViolations. Where the official Swaggers lie beside the repository
// (../shared/chorus-pro), requests are checked against them too.
func New(t testing.TB, cfg *Config) *Sim {
	t.Helper()
	var c Config
	if cfg != nil {
		c = *cfg
	}
	if c.Swagger == nil {
		c.Swagger = besideTheRepository()
	}
	s, err := Start(c)
	if err != nil {
		t.Fatalf("chorustest: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("chorustest: %v", err)
		}
		if c.TolerateViolations {
			return
		}
		for _, v := range s.Violations() {
			t.Errorf("chorustest: request %d (%s) is not what Chorus Pro documents: %s", v.Request, v.Op, v.Reason)
		}
	})
	return s
}

func besideTheRepository() []string {
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			found, _ := filepath.Glob(filepath.Join(dir, "..", "shared", "chorus-pro", "*.json"))
			return found
		}
		if filepath.Dir(dir) == dir {
			break
		}
		dir = filepath.Dir(dir)
	}
	return nil
}
