package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// script executes statements in one transaction, as the owner.
func script(t *testing.T, db *storetest.Database, statements string) {
	t.Helper()
	owner, err := store.Connect(t.Context(), db.URL, "test", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	if _, err := owner.Exec(t.Context(), statements, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
}

// shellWords are the words of a command, as a shell takes them that knows quotes of one kind.
func shellWords(line string) (words []string) {
	for n, part := range strings.Split(line, "'") {
		if n%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

// changing is what a transcript shows otherwise each time: days, times, hashes, logins, how many events there are.
var changing = regexp.MustCompile(`\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d(\.\d+)?)?)?( [+-]\d\d:\d\d)?|\b[0-9a-f]{64}\b|\bby \S+|\bevent \d+|\b\d+ events`)

// transcript runs each command of the sessions under a heading of docs/operating.md, and compares what it prints with what the page says.
func transcript(t *testing.T, heading, url string) {
	t.Helper()
	same := func(s string) string {
		var lines []string
		for line := range strings.Lines(changing.ReplaceAllString(s, "…")) {
			lines = append(lines, regexp.MustCompile(` {2,}`).ReplaceAllString(strings.TrimRight(line, " \n"), "  "))
		}
		return strings.TrimSpace(strings.Join(lines, "\n"))
	}
	ran, dir := 0, t.TempDir()
	for k, block := range strings.Split(section(t, manualPage(t, "operating.md"), heading), "```") {
		if k%2 == 0 || !strings.HasPrefix(block, "\n$ choriste") {
			continue
		}
		for _, session := range strings.Split(block, "\n$ choriste ")[1:] {
			args, want, _ := strings.Cut(session, "\n")
			_, out, errOut := command(t, map[string]string{"DATABASE_URL": url}, shellWords(strings.ReplaceAll(args, "proof.zip", dir+"/proof.zip"))...)
			out = strings.ReplaceAll(out, dir+"/", "")
			if got := same(out + errOut); got != same(want) {
				t.Errorf("choriste %s prints\n%s\nand the page says\n%s", args, out+errOut, want)
			}
			ran++
		}
	}
	if ran == 0 {
		t.Errorf("%s holds no session", heading)
	}
}
