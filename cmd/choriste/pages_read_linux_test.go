package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pageCommand is one command of a page.
type pageCommand struct {
	page, heading string
	line          int
	console       bool   // a block that cmd/chorus-sim's TestTranscript types, and compares
	by            string // the prompt: "$", "#" for root, ">" in psql; "" where a block lists commands
	typed, answer string
}

func (c pageCommand) String() string { return fmt.Sprintf("%s:%d: %s", c.page, c.line, c.typed) }

var (
	pageFence   = regexp.MustCompile("^ *(?:[0-9]+\\. +)?```([a-z]*)$")
	pageHeading = regexp.MustCompile(`^#+ .*$`)
	pagePrompt  = regexp.MustCompile(`^([$#]|[a-z]+[=-]>) (.*)$`)
)

// commandPages are the pages whose commands are run, as their names stand below the repository.
func commandPages(t *testing.T) []string {
	t.Helper()
	pages := []string{"README.md", "README.fr.md", "CONTRIBUTING.md", "SECURITY.md", "ARCHITECTURE.md", "deploy/kubernetes/README.md"}
	docs, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(docs) < 15 {
		t.Fatalf("%d pages, %v", len(docs), err)
	}
	for _, name := range docs {
		pages = append(pages, "docs/"+filepath.Base(name))
	}
	return pages
}

// readCommands are the commands of a page: of a session the lines after a prompt, of a block of sh each line. A block of another language is none.
// One that says no language and shows no session is refused: nobody could tell whether it is to be typed.
func readCommands(t *testing.T, name string) (list []pageCommand) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../..", name))
	if err != nil {
		t.Fatal(err)
	}
	var block []string
	heading, language, from, inside := "", "", 0, false
	for n, line := range strings.Split(string(b), "\n") {
		m := pageFence.FindStringSubmatch(line)
		switch {
		case inside && m != nil:
			switch language {
			case "sh":
				for k, l := range block {
					if l = strings.TrimSpace(l); l != "" {
						list = append(list, pageCommand{page: name, heading: heading, line: from + k, typed: l})
					}
				}
			case "", "console":
				session := readSession(block)
				if len(session) == 0 {
					t.Errorf("%s:%d: a block without a language in which nothing is typed: say sh, ini, text …", name, from-1)
				}
				for _, c := range session {
					c.page, c.heading, c.line, c.console = name, heading, from+c.line, language == "console"
					list = append(list, c)
				}
			}
			inside = false
		case inside:
			block = append(block, line)
		case m != nil:
			block, language, from, inside = nil, m[1], n+2, true
		case pageHeading.MatchString(line):
			heading = line
		}
	}
	return joinLines(list)
}

func readSession(block []string) (list []pageCommand) {
	indent := 0
	if len(block) > 0 {
		indent = len(block[0]) - len(strings.TrimLeft(block[0], " "))
	}
	for k, line := range block {
		line = line[min(indent, len(line)-len(strings.TrimLeft(line, " "))):]
		m := pagePrompt.FindStringSubmatch(line)
		if m != nil && m[1] == "#" && (len(list) == 0 && k > 0 || len(list) > 0 && list[0].by == "$") {
			m = nil // a remark in what is answered: where root types, he begins
		}
		switch {
		case m != nil && strings.HasSuffix(m[1], "->") && len(list) > 0:
			list[len(list)-1].typed += "\n" + m[2]
		case m != nil:
			list = append(list, pageCommand{line: k, by: m[1][len(m[1])-1:], typed: m[2]})
		case len(list) > 0:
			list[len(list)-1].answer += line + "\n"
		}
	}
	return list
}

// joinLines puts together what a backslash at a line's end keeps together.
func joinLines(list []pageCommand) (joined []pageCommand) {
	for _, c := range list {
		if n := len(joined) - 1; n >= 0 && strings.HasSuffix(joined[n].typed, `\`) {
			joined[n].typed = strings.TrimSuffix(joined[n].typed, `\`) + c.typed
			continue
		}
		joined = append(joined, c)
	}
	return joined
}

// notRun are commands that this machine cannot or need not run, and why.
var notRun = []struct{ page, command, because string }{
	{"", `^git clone `, "fetches the project itself; .ci/run begins with a fresh clone"},
	{"README", `^go install github\.com/`, "fetches a release, and there is none yet"},
	{"", `^make demo$`, ".ci/run runs the demo"},
	{"", `^make build && sudo install `, "puts a program into this machine; .ci/run builds it"},
	{"", `^(make (test|test-long|lint|build|chaos|proofs|nightly)\b|\.ci/run)`, "a step of .ci/run, or minutes to hours: TestCommandsOfThePages holds them against the Makefile"},
	{"docs/protocol.md", `^go test `, "the tests themselves: TestCommandsOfThePages looks whether there are such tests"},
	{"docs/reliability.md", `^go run \./cmd/chaos `, "minutes to hours: .ci/run has a short run of it"},
	{"", `^apt install `, "puts a package into this machine: make try-package does it in a root of its own"},
	{"docs/console.md", `choriste-riverui`, "a module of its own: .ci/run runs its tests, which serve its pages to a browser"},
	{"deploy/kubernetes", `^kubectl `, "there is no cluster: TestKubernetes holds names and files against the pods"},
	{"docs/retention", `^choriste partition `, "needs a month that is long over: TestPartition types these, and kills them"},
	{"docs/operating", `^choriste (money|evidence|verify)\b`, "TestMoneyCommand, TestEvidence… and TestEightQuestions type these sessions, and compare the answers"},
}

func becauseNotRun(c pageCommand) (k int, not bool) {
	for k, n := range notRun {
		if strings.HasPrefix(c.page, n.page) && regexp.MustCompile(n.command).MatchString(c.typed) {
			return k, true
		}
	}
	return 0, false
}

// TestEveryCommandIsRun: a command of a page is run by a scene of TestPages, or stands in notRun; a French page's is one of its English page.
func TestEveryCommandIsRun(t *testing.T) {
	used, run, listed := map[int]bool{}, 0, 0
	played := map[string]bool{}
	for _, s := range scenes {
		for _, h := range s.headings {
			played[s.page+" "+h] = false
		}
	}
	for _, page := range commandPages(t) {
		english := strings.Replace(page, ".fr.md", ".md", 1)
		var others []string
		if english != page {
			for _, c := range readCommands(t, english) {
				others = append(others, sameInBoth(c.typed))
			}
		}
		for _, c := range readCommands(t, page) {
			if c.console && page == "docs/simulator.md" {
				continue
			}
			k, not := becauseNotRun(c)
			_, in := played[c.page+" "+c.heading]
			switch {
			case not:
				used[k] = true
				listed++
			case english != page:
				if !slices.Contains(others, sameInBoth(c.typed)) {
					t.Errorf("%s: the English page has no such command", c)
				}
			case in:
				played[c.page+" "+c.heading] = true
				run++
			default:
				t.Errorf("%s: no scene runs it under %q, and notRun does not say why", c, c.heading)
			}
		}
	}
	for k, n := range notRun {
		if !used[k] {
			t.Errorf("notRun has %s %s, which no page has", n.page, n.command)
		}
	}
	for where, has := range played {
		if !has {
			t.Errorf("there is a scene for %s, which has no command to run", where)
		}
	}
	if run < 60 {
		t.Errorf("only %d commands are run", run)
	}
	t.Logf("%d commands are run, %d are listed", run, listed)
}

// sameInBoth is a command without what may differ between the languages.
func sameInBoth(typed string) string {
	typed = remark.ReplaceAllString(typed, "")
	return strings.Join(strings.Fields(strings.ReplaceAll(typed, "choriste --lang fr ", "choriste ")), " ")
}
