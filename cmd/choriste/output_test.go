package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store/storetest"
)

// unprinted are the commands that the test below does not run: those that print nothing, and those that only print once a worker, the portal or another person has answered. All print through the same output.
var unprinted = []string{
	"work", "init", "password", "agree", "refuse", "probe", "complete", "recycle", "replace", "resolve", "reconcile accept", "reconcile reopen", "webhooks test", "webhooks skip", "webhooks forget", "partition apply", "partition detach", "partition attach",
}

// Whatever is printed and cannot be written ends the command at once, with words about the output, and not about the database; a reader that has seen enough ends it without a word.
func TestOutputThatCannotBeWritten(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /dev/full")
	}
	db := storetest.New(t)
	file := document(t, "i.xml", invoicetest.Invoice{}.CII())
	said(t, db.OperatorURL, 0, "", "submit", "--ref", "mine", file)
	said(t, db.OperatorURL, 0, "", "submit", "--no-check", "--ref", "other", file)
	dir := t.TempDir()
	script(t, db, `
		SELECT chorus.number_events(100);
		INSERT INTO chorus.webhooks (name, cursor) VALUES ('hook', 0);
		SET session_replication_role = replica;
		UPDATE chorus.invoices SET state = 'invalid', reason_code = 'XML' WHERE id = 2`)
	said(t, db.OperatorURL, 0, "", "evidence", "mine", "-o", filepath.Join(dir, "there.zip"))
	env := func(name string) string { return map[string]string{"DATABASE_URL": db.OperatorURL}[name] }
	ran := []string{}
	for n, line := range []string{
		"", "--help", "list --help", "--version", "version", "version --json", "help", "help env", "help query", "completion bash", "man " + dir,
		"todo show", "todo show --json", "todo dismiss 2 --reason x", "todo restore 2 --reason x", "list", "list -o csv", "list -o json", "list --sum", "show 1", "show 1 --json", "events 1", "events 1 --json", "events --follow mine",
		"audit", "audit --csv", "audit --json", "stats", "stats --json", "watch --every 1s", "watch --json", "digest", "digest --html", "digest --json", "money", "money --csv", "money --json",
		"check " + file, "check --json " + file, "explain SUSPENDUE", "explain SUSPENDUE --json", "migrate status", "migrate up", "doctor", "doctor --json",
		"evidence mine -o " + filepath.Join(dir, "new"), "verify " + filepath.Join(dir, "there.zip"), "submit --no-check " + file, "retry 2 --reason x --dry-run", "retry 2 --reason x",
		"pause --reason x", "resume --wait 0s", "purge --dry-run", "partition plan", "partition list", "webhooks list", "webhooks pause hook --reason x", "webhooks resume hook", "webhooks replay hook --from 1 --dry-run", "reconcile run --list", "views save x state:ready", "views list", "views delete x", "cancel mine",
	} {
		args := strings.Fields(line)
		for k := range args {
			if args[k] == filepath.Join(dir, "new") {
				args[k] += string(rune('a'+n%26)) + ".zip"
			}
		}
		full := func() *os.File {
			f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		if status, errOut := runInto(t, full, env, args); status != 1 || !strings.Contains(errOut, "the output cannot be written (no space left on device)") || strings.Contains(errOut, "PostgreSQL") || strings.Count(errOut, "\n") != 1 {
			t.Errorf("choriste %s > /dev/full: status %d\n%s", line, status, errOut)
		}
		pipe := func() *os.File {
			reader, writer, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			_ = reader.Close()
			return writer
		}
		if k := slices.Index(args, "-o"); k >= 0 && args[0] == "evidence" {
			args[k+1] += ".zip" // the first one is there
		}
		once := args[:min(1, len(args))] // what is done by the first one is refused the second time
		if !strings.HasPrefix(line, "todo restore") && !strings.HasPrefix(line, "views delete") && !slices.Equal(once, []string{"cancel"}) && !slices.Equal(once, []string{"pause"}) && (!slices.Equal(once, []string{"retry"}) || slices.Contains(args, "--dry-run")) {
			if status, errOut := runInto(t, pipe, env, args); status != 1 || errOut != "" {
				t.Errorf("choriste %s | true: status %d\n%s", line, status, errOut)
			}
		}
		ran = append(ran, strings.Join(args, " "))
	}
	var c cli
	parser, err := kong.New(&c, kong.Vars{"lang": "en", "version": "", "sorts": "", "acts": ""})
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(false) {
		path := strings.TrimPrefix(leaf.Path(), "choriste ")
		if !slices.Contains(unprinted, path) && !slices.ContainsFunc(ran, func(line string) bool { return line == path || strings.HasPrefix(line, path+" ") }) {
			t.Errorf("choriste %s was not tried", path)
		}
	}
}

// runInto runs a command with that output. On a busy machine the database may give up before anything is printed: it is asked again.
func runInto(t *testing.T, out func() *os.File, env func(string) string, args []string) (status int, errOut string) {
	t.Helper()
	for range 5 {
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
		var text bytes.Buffer
		f := out()
		status = run(ctx, args, env, f, &text)
		_ = f.Close()
		if ctx.Err() != nil {
			t.Errorf("choriste %v went on", args)
		}
		stop()
		if errOut = text.String(); !strings.Contains(errOut, "PostgreSQL") {
			break
		}
	}
	return status, errOut
}
