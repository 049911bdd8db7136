package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
)

// TestProbeCommand: it asks before it deposits, stays away from production, and ends with settings that the program takes.
func TestProbeCommand(t *testing.T) {
	sim := chorustest.New(t, &chorustest.Config{Quota: -1, TolerateViolations: true})
	dir := t.TempDir()
	pdf, err := invoicetest.Invoice{}.FacturX()
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"ubl.xml": invoicetest.Invoice{Numero: "UBL", Date: time.Now()}.UBL(), "facturx.pdf": pdf, "secret": []byte("sim-secret"), "password": []byte("sim-password")} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sandbox := map[string]string{
		"CHORUS_API_URL": sim.APIURL(), "CHORUS_TOKEN_URL": sim.TokenURL(), "PISTE_CLIENT_ID": "sim", "PISTE_CLIENT_SECRET_FILE": dir + "/secret", "CHORUS_LOGIN": "TECH_SIM@cpro.fr", "CHORUS_PASSWORD_FILE": dir + "/password",
	}
	production := maps.Clone(sandbox)
	delete(production, "CHORUS_API_URL")
	delete(production, "CHORUS_TOKEN_URL")
	production["CHORUS_ENV"] = "production"
	for _, x := range []struct {
		env  map[string]string
		args string
		exit int
		want string
	}{
		{production, "probe", 2, "--production"},
		{production, "probe --production --invoice ubl.xml --yes", 2, "nothing is deposited in production"},
		{sandbox, "probe --invoice ubl.xml", 2, "8 deposits will be made"},
		{sandbox, "probe --invoice facturx.pdf --yes", 1, "a UBL or CII file is needed"},
		{sandbox, "probe --large", 2, "--large needs --invoice"},
		{sandbox, "probe --account nobody", 1, "no account nobody"},
	} {
		exit, out, errOut := command(t, x.env, strings.Fields(strings.NewReplacer("ubl.xml", dir+"/ubl.xml", "facturx.pdf", dir+"/facturx.pdf").Replace(x.args))...)
		if exit != x.exit || !strings.Contains(errOut, x.want) {
			t.Errorf("%s: %d\n%s%s", x.args, exit, out, errOut)
		}
	}
	if n := len(sim.Ledger()); n > 1 {
		t.Errorf("something was asked: %d lines", n)
	}
	exit, out, errOut := command(t, sandbox, "probe", "--lang", "fr", "--invoice", dir+"/ubl.xml", "--yes", "--pace", "1ms")
	_, end, found := strings.Cut(out, "# En réglages.")
	if exit != 0 || !found || strings.Contains(out+errOut, "sim-password") {
		t.Fatalf("%d\n%s%s", exit, out, errOut)
	}
	settings := regexp.MustCompile(`(?m)^(CHORISTE_[A-Z_]+)=(\S+)$`).FindAllStringSubmatch(end, -1)
	known := map[string]string{}
	for _, s := range settings {
		known[s[1]] = s[2]
	}
	if len(known) < 7 {
		t.Errorf("settings: %s", end)
	}
	for name := range known {
		if _, err := load(func(n string) string { return known[n] }, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
