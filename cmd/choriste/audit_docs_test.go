package main

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// What the auditor's page names as evidence is there.
func TestAuditPage(t *testing.T) {
	page := manualPage(t, "audit.md")
	out, err := exec.CommandContext(t.Context(), "git", "-C", "../..", "grep", "-hoE", `^func Test[A-Za-z0-9_]+\(`, "--", "*_test.go").Output()
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(page, -1)
	for _, m := range names {
		if !strings.Contains("\n"+string(out), "\nfunc "+m[1]+"(") {
			t.Errorf("there is no test %s", m[1])
		}
	}
	if len(names) < 20 {
		t.Errorf("only %d tests are named", len(names))
	}
	for _, m := range regexp.MustCompile(`(?m)^\| (V\d+) .*? \| (yes|partly|no|does not apply) \| (.*?) \| (.*?) ?\|$`).FindAllStringSubmatch(page, -1) {
		if m[2] == "partly" && m[4] == "" {
			t.Errorf("%s: nothing is said to be missing", m[1])
		}
	}
}
