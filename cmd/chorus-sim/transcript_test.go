package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// runAsProgram makes the test's own binary chorus-sim, so that shell commands can start it.
const runAsProgram = "CHORUS_SIM_TEST_RUN"

func TestMain(m *testing.M) {
	if os.Getenv(runAsProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// command is one of a transcript: what is typed after "$ ", and what the manual says that is answered. "…" stands for anything.
type command struct {
	typed, answer string
}

// transcript is every command of the manual's blocks of the kind "console".
func transcript(t *testing.T, manual string) (all []command) {
	t.Helper()
	in := false
	for line := range strings.Lines(manual) {
		line = strings.TrimRight(line, "\n")
		typed, isCommand := strings.CutPrefix(line, "$ ")
		switch {
		case strings.HasPrefix(line, "```"):
			in = line == "```console"
		case in && isCommand:
			all = append(all, command{typed: typed})
		case in && len(all) > 0:
			all[len(all)-1].answer += line + "\n"
		}
	}
	if len(all) < 20 {
		t.Fatalf("%d commands are no manual", len(all))
	}
	return all
}

// TestTranscript types what docs/simulator.md shows into a shell and compares the answers.
func TestTranscript(t *testing.T) {
	manual, err := os.ReadFile("../../docs/simulator.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	api, door := freeAddress(t), freeAddress(t)
	install(t, dir, api, door)
	here := strings.NewReplacer("127.0.0.1:18080", api, "127.0.0.1:18081", door, "127.0.0.1:18280", freeAddress(t), "127.0.0.1:18281", freeAddress(t), "127.0.0.1:18290", freeAddress(t))
	const mark = "\x01"
	script := "trap 'kill $(jobs -p) 2>/dev/null' EXIT\nexec 2>&1\n"
	all := transcript(t, string(manual))
	for _, c := range all {
		script += "printf '" + mark + "'\n" + here.Replace(c.typed) + "\n"
	}
	shell := exec.CommandContext(t.Context(), "bash", "-c", script)
	shell.Dir = dir
	shell.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	out, err := shell.CombinedOutput()
	if err != nil {
		t.Errorf("the shell: %v", err)
	}
	said := strings.Split(strings.ReplaceAll(string(out), "\r\n", "\n"), mark)[1:] // of HTTP headers
	for i, c := range all {
		if i >= len(said) {
			t.Fatalf("%q was not run", c.typed)
		}
		want := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimRight(here.Replace(c.answer), "\n ")), "…", `(?s:.*)`)
		if got := strings.TrimRight(said[i], "\n "); !regexp.MustCompile(`\A` + want + `\z`).MatchString(got) {
			t.Errorf("$ %s\nanswers\n%s\nand the manual says\n%s", c.typed, got, c.answer)
		}
	}
}

// install puts a program chorus-sim into a directory, whose doors are at other addresses than by default.
func install(t *testing.T, dir, api, door string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	wrapper := fmt.Sprintf("#!/bin/sh\nexport %s=1\ncase $1 in record|compare) exec %q \"$@\";; esac\nexec %q -listen %s -manage %s \"$@\"\n", runAsProgram, self, self, api, door)
	if err := os.WriteFile(filepath.Join(dir, "chorus-sim"), []byte(wrapper), 0o755); err != nil {
		t.Fatal(err)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
