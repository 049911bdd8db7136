package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// snippet is the block of the manual that begins with this line.
func snippet(t *testing.T, begins string) string {
	t.Helper()
	manual, err := os.ReadFile("../../docs/simulator.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(manual), "```yaml\n"+begins)
	text, _, ends := strings.Cut(rest, "```")
	if !found || !ends {
		t.Fatalf("docs/simulator.md has no block that begins with %q", begins)
	}
	return text
}

// TestComposeSnippet reads its command as the program does, and its ports as Docker does.
func TestComposeSnippet(t *testing.T) {
	var project struct {
		Services map[string]struct {
			Build          struct{ Context, Target string }
			Command, Ports []string
		}
	}
	d := yaml.NewDecoder(strings.NewReader(snippet(t, "# compose.yaml\n")))
	d.KnownFields(true)
	if err := d.Decode(&project); err != nil {
		t.Fatal(err)
	}
	chorus := project.Services["chorus"]
	o, err := parse(chorus.Command, io.Discard)
	if err != nil || o.scenario == "" || len(chorus.Ports) != 2 || chorus.Build.Context == "" {
		t.Fatalf("%+v %v", chorus, err)
	}
	for i, address := range []string{o.cfg.Listen, o.cfg.Manage} {
		port := strings.TrimPrefix(address, "0.0.0.0:")
		if chorus.Ports[i] != "127.0.0.1:"+port+":"+port {
			t.Errorf("port %s of %s", chorus.Ports[i], address)
		}
	}
	dockerfile, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	if _, stage, is := strings.Cut(string(dockerfile), " AS "+chorus.Build.Target+"\n"); !is || !strings.Contains(strings.Split(stage, "\nFROM ")[0], "\nHEALTHCHECK ") || !strings.Contains(stage, "\nEXPOSE 18080 18081\n") {
		t.Errorf("the Dockerfile has no target %s with ports and a health check", chorus.Build.Target)
	}
}

// TestActionSnippet runs the steps of the GitHub Action as they stand, but for the installation: with a client that looks before it sends again, and with one that does not.
func TestActionSnippet(t *testing.T) {
	var steps []struct {
		Uses, Run string
	}
	if err := yaml.Unmarshal([]byte(snippet(t, "# .github/workflows/test.yaml, within the steps of a job\n")), &steps); err != nil || len(steps) != 2 || !strings.HasPrefix(steps[0].Uses, "actions/setup-go@v") {
		t.Fatalf("%+v %v", steps, err)
	}
	const installs = "go install github.com/choriste/choriste/cmd/chorus-sim@latest\n"
	if !strings.HasPrefix(steps[1].Run, installs) {
		t.Fatalf("it does not install the program: %s", steps[1].Run)
	}
	examples, err := filepath.Abs("../../chorus/chorustest/examples")
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		client string
		good   bool
	}{
		"careful": {`sh "$EXAMPLES/deposit.sh" "$2" "$2/api/oauth/token" ubl.xml IN_DP_E1_UBL_INVOICE UBL`, true},
		"naive":   {`sed 's/flux=$(found.*/flux=/' "$EXAMPLES/deposit.sh" > naive.sh; sh naive.sh "$2" "$2/api/oauth/token" ubl.xml IN_DP_E1_UBL_INVOICE UBL || true`, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := writeSamples(dir, &bytes.Buffer{}); err != nil {
				t.Fatal(err)
			}
			api, door := freeAddress(t), freeAddress(t)
			install(t, dir, api, door)
			if err := os.WriteFile(filepath.Join(dir, "run-my-tests"), []byte("#!/bin/sh\n"+x.client+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			shell := exec.CommandContext(t.Context(), "bash", "-e", "-c", strings.ReplaceAll(strings.TrimPrefix(steps[1].Run, installs), "127.0.0.1:18080", api)) // as GitHub runs it
			shell.Dir = dir
			shell.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "EXAMPLES="+examples)
			out, err := shell.CombinedOutput()
			if (err == nil) != x.good || strings.Contains(string(out), "expected of the client, and not so") == x.good {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
