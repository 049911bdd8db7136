package storetest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakeServer makes a folder with programs that say a version, and nothing else.
func fakeServer(t *testing.T, root, name, version string, programs ...string) string {
	t.Helper()
	bin := filepath.Join(root, name)
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, program := range programs {
		if err := os.WriteFile(filepath.Join(bin, program), []byte(fakeProgram(program, version)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return bin
}

func fakeProgram(name, version string) string {
	return fmt.Sprintf("#!/bin/sh\n[ \"$1\" = -V ] || exit 1\necho '%s (PostgreSQL) %s (Somebody 1.2-3)'\n", name, version)
}

func TestFindTakesTheNewestUsableServer(t *testing.T) {
	t.Parallel()
	// Links to temporary folders would hide that a result is one of ours.
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	both := []string{"initdb", "postgres"}
	old := fakeServer(t, root, "old/13/bin", "13.20", both...)
	good := fakeServer(t, root, "good/16/bin", "16.9", both...)
	newer := fakeServer(t, root, "good/18/bin", "18beta2", both...)
	twin := fakeServer(t, root, "twin", "18.0", both...)
	client := fakeServer(t, root, "client", "19.1", "psql", "postgres")
	broken := fakeServer(t, root, "broken", "", both...)
	linked := filepath.Join(root, "links")
	if err := os.Mkdir(linked, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(good, "postgres"), filepath.Join(linked, "postgres")); err != nil {
		t.Fatal(err)
	}
	path := func(folders ...string) string { return strings.Join(folders, string(os.PathListSeparator)) }
	pattern := filepath.Join(root, "good", "*", "bin")

	for _, test := range []struct {
		name    string
		machine machine
		want    string // or
		err     string
	}{
		{"nothing", machine{}, "", "no PostgreSQL server found"},
		{"PATH", machine{path: path("/nowhere", good)}, good, ""},
		{"a link in PATH", machine{path: linked}, good, ""},
		{"relative PATH", machine{path: "."}, "", "no PostgreSQL server found"},
		{"the newest of a folder", machine{folders: []string{pattern}}, newer, ""},
		{"newer than PATH", machine{path: good, folders: []string{pattern}}, newer, ""},
		{"PATH among equals", machine{path: twin, folders: []string{pattern}}, twin, ""},
		{"too old", machine{path: old}, "", "version 13 is older than 14"},
		{"too old beside good", machine{path: path(old, good)}, good, ""},
		{"without initdb", machine{path: client}, "", "no PostgreSQL server found"},
		{"broken", machine{path: broken}, "", "gives no version"},
		{"override", machine{override: good, path: newer}, good, ""},
		{"override without server", machine{override: client, path: newer}, "", "CHORISTE_PG_BIN=" + client},
		{"override too old", machine{override: old, path: newer}, "", "older than 14"},
	} {
		t.Run(test.name, func(t *testing.T) {
			bin, err := test.machine.find(t.Context(), nil)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("got %q, %v; want an error with %q", bin, err, test.err)
				}
				return
			}
			if err != nil || bin != test.want {
				t.Fatalf("got %q, %v; want %q", bin, err, test.want)
			}
		})
	}
}
