package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// commandWords takes a command line apart as a shell does: quotes, escapes, and operators as words of their own.
func commandWords(line string) (list []string) {
	var b strings.Builder
	quote, open := rune(0), false
	end := func() {
		if open {
			list = append(list, b.String())
		}
		b.Reset()
		open = false
	}
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			b.WriteRune(r)
		case r == '\'' || r == '"':
			quote, open = r, true
		case r == ' ' || r == '\t':
			end()
		case strings.ContainsRune("|&;<>()", r):
			end()
			list = append(list, string(r))
		case r == '#' && !open:
			end()
			return list
		default:
			b.WriteRune(r)
			open = true
		}
	}
	end()
	return list
}

var (
	fence      = regexp.MustCompile("^\\s*```")
	assignment = regexp.MustCompile(`^[A-Z_]+=`)
	makeTarget = regexp.MustCompile(`(?m)^([a-z-]+(?: [a-z-]+)*):`)
)

// commandsIn are the command lines of a page's blocks of code. In a block that shows a session, these are the lines after a prompt ($ or #), and the others are what was said; else all are.
func commandsIn(page string) (list [][]string) {
	var block []string
	inside := false
	for _, line := range strings.Split(page, "\n") {
		if !fence.MatchString(line) {
			block = append(block, strings.TrimSpace(line))
			continue
		}
		if inside {
			list = append(list, commandsOf(block)...)
		}
		block, inside = nil, !inside
	}
	return list
}

// commandsWithin are the commands of ours in a page's sentences and tables, without those that stand for others: in capitals is what a reader puts in.
func commandsWithin(page string) (list [][]string) {
	inside := false
	for _, line := range strings.Split(page, "\n") {
		if fence.MatchString(line) {
			inside = !inside
			continue
		}
		for _, m := range code.FindAllStringSubmatch(line, -1) {
			if typed := strings.ReplaceAll(m[1], `\|`, "|"); !inside && strings.HasPrefix(typed, "choriste ") && !strings.ContainsAny(typed, "[]") {
				list = append(list, commandsOf([]string{typed})...)
			}
		}
	}
	return list
}

// isThere finds the test that go test -run NAME ./package is to run.
func isThere(root string, command []string) error {
	name := ""
	for k, arg := range command {
		if arg == "-run" && k+1 < len(command) {
			name = command[k+1]
		}
	}
	for _, arg := range command {
		if !strings.HasPrefix(arg, "./") {
			continue
		}
		files, _ := filepath.Glob(filepath.Join(root, arg, "*_test.go"))
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			if regexp.MustCompile(`(?m)^func (Test|Fuzz)?\w*` + regexp.QuoteMeta(name)).Match(b) {
				return nil
			}
		}
	}
	return fmt.Errorf("there is no test %s", name)
}

func commandsOf(block []string) (list [][]string) {
	prompted := func(line string) bool { return strings.HasPrefix(line, "$ ") || strings.HasPrefix(line, "# ") }
	session := slices.ContainsFunc(block, prompted)
	for _, line := range block {
		if session && !prompted(line) {
			continue
		}
		if session {
			line = line[2:]
		}
		var command []string
		for _, word := range append(commandWords(line), ";") {
			switch {
			case strings.Contains("|&;<>()", word):
				if len(command) > 0 {
					list = append(list, command)
				}
				command = nil
			case len(command) == 0 && (assignment.MatchString(word) || word == "sudo" || word == "time"):
			default:
				command = append(command, word)
			}
		}
	}
	return list
}

// Every command of ours that a page shows exists, with its flags: choriste's are read as the program reads them, make's targets and Go's packages are there.
func TestCommandsOfThePages(t *testing.T) {
	root := "../.."
	pages, err := filepath.Glob(root + "/docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	pages = append(pages, root+"/README.md", root+"/README.fr.md", root+"/CONTRIBUTING.md", root+"/deploy/kubernetes/README.md")
	makefile, err := os.ReadFile(root + "/Makefile")
	if err != nil {
		t.Fatal(err)
	}
	var targets []string
	for _, m := range makeTarget.FindAllStringSubmatch(string(makefile), -1) {
		targets = append(targets, strings.Fields(m[1])...)
	}
	seen, read := map[string]int{}, map[string]error{}
	for _, name := range pages {
		page, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		typed := commandsIn(string(page))
		for k, command := range append(typed, commandsWithin(string(page))...) {
			line := filepath.Base(name) + ": " + strings.Join(command, " ")
			switch program := filepath.Base(command[0]); {
			case strings.Contains(line, "…"):
			case program == "choriste" && len(command) > 1:
				seen[program]++
				args := strings.Join(command[1:], "\x00")
				if _, done := read[args]; !done {
					read[args] = parses(command[1:])
				}
				// In a sentence a command may stand by its name alone; what does not exist stands nowhere.
				if err := read[args]; err != nil && (k < len(typed) || strings.Contains(err.Error(), "unknown flag") || strings.Contains(err.Error(), "unexpected argument")) {
					t.Errorf("%s: %v", line, err)
				}
			case command[0] == "make":
				seen["make"]++
				for _, target := range command[1:] {
					if !strings.Contains(target, "=") && !slices.Contains(targets, target) {
						t.Errorf("%s: there is no target %s", line, target)
					}
				}
			case command[0] == "go" && len(command) > 2 && command[1] == "test":
				seen["go test"]++
				if err := isThere(root, command); err != nil {
					t.Errorf("%s: %v", line, err)
				}
			case command[0] == "go" && len(command) > 2 && command[1] == "run":
				seen["go run"]++
				for _, arg := range command[2:] {
					if strings.HasPrefix(arg, "./") {
						if _, err := os.Stat(filepath.Join(root, arg)); err != nil {
							t.Errorf("%s: %v", line, err)
						}
						break
					}
				}
			}
		}
	}
	for program, least := range map[string]int{"choriste": 150, "make": 5, "go run": 3, "go test": 4} {
		if seen[program] < least {
			t.Errorf("only %d commands of %s were found: %v", seen[program], program, seen)
		}
	}
	if parses([]string{"list", "--no-such-flag"}) == nil || parses([]string{"no-such-command"}) == nil {
		t.Error("what does not exist is taken for a command")
	}
}

// parses reads a command line as the program does, and carries nothing out.
func parses(args []string) error {
	var c cli
	exited := false
	_, err := parserOf(&c, "en", io.Discard, io.Discard, func(int) { exited = true }).Parse(joined(args))
	if exited { // --help, --version
		return nil
	}
	return err
}
