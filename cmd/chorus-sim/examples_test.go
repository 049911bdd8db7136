package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/choriste/choriste/chorus/chorustest"
)

// TestExamples runs each example as it stands, where its language is installed: good invoices of three syntaxes, one that is refused, and a lost answer, after which
// nothing is sent twice.
func TestExamples(t *testing.T) {
	dir := t.TempDir()
	if err := writeSamples(dir, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	for _, example := range [][]string{{"python3", "deposit.py"}, {"php", "deposit.php"}, {"java", "Deposit.java"}, {"sh", "deposit.sh"}} {
		t.Run(example[1], func(t *testing.T) {
			program, err := exec.LookPath(example[0])
			if err != nil {
				t.Log(example[0] + " is not installed: its example is not run")
				return
			}
			if example[0] == "php" && exec.CommandContext(t.Context(), program, "-r", `exit(extension_loaded("curl") ? 0 : 1);`).Run() != nil {
				t.Log("PHP's extension curl is not installed: its example is not run")
				return
			}
			sim := chorustest.New(t, &chorustest.Config{Quota: -1})
			sim.Faults(chorustest.Fault{Kind: "commit_then_drop", Numero: "CII"})
			for _, x := range []struct {
				file, syntax, want string
				fails              bool
			}{
				{"ubl.xml", "IN_DP_E1_UBL_INVOICE", "IN_INTEGRE DEPOSEE", false},
				{"cii.xml", "IN_DP_E1_CII_16B", "it has arrived: not sent again\nIN_INTEGRE DEPOSEE", false},
				{"facturx.pdf", "IN_DP_E2_CII_FACTURX", "IN_INTEGRE DEPOSEE", false},
				{"faux-service.xml", "IN_DP_E1_CII_16B", "IN_REJETE: L'engagement juridique", true},
			} {
				out, err := exec.CommandContext(t.Context(), program, "../../chorus/chorustest/examples/"+example[1], sim.APIURL(), sim.TokenURL(), filepath.Join(dir, x.file), x.syntax, number(x.file)).CombinedOutput()
				if (err != nil) != x.fails || !strings.Contains(string(out), x.want) {
					t.Errorf("%s: %v\n%s", x.file, err, out)
				}
				if n := len(sim.Deposits(number(x.file))); n != 1 {
					t.Errorf("%s was accepted %d times", x.file, n)
				}
			}
		})
	}
}

// TestHealth: -health is what a container asks.
func TestHealth(t *testing.T) {
	sim := chorustest.New(t, nil)
	address := strings.TrimPrefix(sim.ManageURL(), "http://")
	var said bytes.Buffer
	if status := run([]string{"-health", "-manage", strings.Replace(address, "127.0.0.1", "0.0.0.0", 1)}, nil, &said, &said); status != 0 {
		t.Errorf("it serves, and the status is %d: %s", status, said.String())
	}
	if err := sim.Close(); err != nil {
		t.Fatal(err)
	}
	if status := run([]string{"-health", "-manage", address}, nil, &said, &said); status != 1 {
		t.Errorf("it does not serve, and the status is %d", status)
	}
}
