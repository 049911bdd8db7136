package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

const rulesFile = "../../deploy/prometheus/choriste.rules.yaml"

type alert struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func alerts(t *testing.T) (all []alert) {
	t.Helper()
	b, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []alert `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

// Each alert asks for what is documented as measured, speaks both languages, fires in its test, and leads to its entry in the runbook; where promtool is installed (Debian's prometheus), it
// agrees, and each alert fires and clears.
func TestAlerts(t *testing.T) {
	page := manualPage(t, "operating.md")
	measured := codes(section(t, page, "### Metrics"), 0)
	tests, err := os.ReadFile("../../deploy/prometheus/choriste.test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var names, runbook []string
	for _, a := range alerts(t) {
		names = append(names, a.Alert)
		for _, m := range regexp.MustCompile(`\bchoriste_[a-z_]+`).FindAllString(a.Expr, -1) {
			if !slices.Contains(measured, m) {
				t.Errorf("%s asks for %s, which is not measured", a.Alert, m)
			}
		}
		if s := a.Labels["severity"]; s != "page" && s != "ticket" || a.Annotations["summary"] == "" || a.Annotations["summary_fr"] == "" {
			t.Errorf("%s has no severity, or no summary in both languages: %v %v", a.Alert, a.Labels, a.Annotations)
		}
		if !strings.HasSuffix(a.Annotations["runbook_url"], "/docs/operating.md#"+strings.ToLower(a.Alert)) {
			t.Errorf("%s leads to %s", a.Alert, a.Annotations["runbook_url"])
		}
		if !strings.Contains(string(tests), "alertname: "+a.Alert+"\n") {
			t.Errorf("%s has no test", a.Alert)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^#### (Choriste\w+)$`).FindAllStringSubmatch(page, -1) {
		runbook = append(runbook, m[1])
		if entry := section(t, page, "#### "+m[1]); !strings.Contains(entry, "`") && !strings.Contains(entry, "](") {
			t.Errorf("the entry of %s has no command and leads nowhere:%s", m[1], entry)
		}
	}
	same(t, "alerts", runbook, names)
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Log("promtool is not installed: the rules were read, and not run")
		return
	}
	for _, args := range [][]string{{"check", "rules", "choriste.rules.yaml"}, {"test", "rules", "choriste.test.yaml"}} {
		cmd := exec.CommandContext(t.Context(), promtool, args...)
		cmd.Dir = filepath.Dir(rulesFile)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}

// The dashboard is JSON whose panels ask for what is measured.
func TestDashboard(t *testing.T) {
	b, err := os.ReadFile("../../deploy/grafana/choriste.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(b, &board); err != nil {
		t.Fatal(err)
	}
	measured := codes(section(t, manualPage(t, "operating.md"), "### Metrics"), 0)
	seen := map[int]bool{}
	for _, p := range board.Panels {
		if p.Title == "" || seen[p.ID] || len(p.Targets) == 0 {
			t.Errorf("panel %d %q: no title, no question, or its number twice", p.ID, p.Title)
		}
		seen[p.ID] = true
		for _, target := range p.Targets {
			for _, m := range regexp.MustCompile(`\bchoriste_[a-z_]+`).FindAllString(target.Expr, -1) {
				if !slices.Contains(measured, m) {
					t.Errorf("%s asks for %s, which is not measured", p.Title, m)
				}
			}
		}
	}
	if len(seen) == 0 {
		t.Error("the dashboard has no panel")
	}
}
