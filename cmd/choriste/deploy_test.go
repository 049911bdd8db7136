package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/choriste/choriste/store"
)

// hardening are the directives that every unit of the package has.
var hardening = []string{
	"CapabilityBoundingSet=", "LockPersonality=yes", "MemoryDenyWriteExecute=yes", "NoNewPrivileges=yes", "PrivateDevices=yes", "PrivateTmp=yes", "ProcSubset=pid", "ProtectClock=yes",
	"ProtectHome=yes", "ProtectKernelModules=yes", "ProtectProc=invisible", "ProtectSystem=strict", "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX", "RestrictNamespaces=yes",
	"SystemCallArchitectures=native", "SystemCallFilter=@system-service", "UMask=0077", "User=choriste",
}

// TestUnits: the units of the Debian package run commands that there are, shut in; where systemd is installed, it says how well.
func TestUnits(t *testing.T) {
	units, _ := filepath.Glob("../../deploy/package/*.service")
	if len(units) != 4 {
		t.Fatalf("units: %v", units)
	}
	list, err := os.ReadFile("../../deploy/package/nfpm.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, unit := range units {
		b, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(b), "\n")
		for _, h := range hardening {
			if !slices.Contains(lines, h) {
				t.Errorf("%s lacks %s", unit, h)
			}
		}
		m := regexp.MustCompile(`(?m)^ExecStart=/usr/bin/choriste (.*)$`).FindStringSubmatch(string(b))
		if m == nil {
			t.Fatalf("%s starts nothing", unit)
		}
		var out bytes.Buffer
		if exit := run(t.Context(), append(strings.Fields(m[1]), "--help"), func(string) string { return "" }, &out, &out); exit != 0 {
			t.Errorf("%s: choriste %s: %s", unit, m[1], out.String())
		}
		for _, file := range []string{unit, strings.TrimSuffix(unit, ".service") + ".timer"} {
			if exists(file) && !bytes.Contains(list, []byte(filepath.Base(file))) {
				t.Errorf("the package lacks %s", file)
			}
		}
		if systemd, err := exec.LookPath("systemd-analyze"); err == nil {
			if out, err := exec.CommandContext(t.Context(), systemd, "security", "--offline=true", "--threshold=20", "--no-pager", unit).CombinedOutput(); err != nil {
				t.Errorf("%s is rated worse than 2.0: %s", unit, out[max(0, len(out)-200):])
			}
		}
	}
}

// TestPackageScripts are POSIX shell.
func TestPackageScripts(t *testing.T) {
	scripts, _ := filepath.Glob("../../deploy/package/*.sh")
	scripts = append(scripts, "../../deploy/secrets.sh", "../../deploy/sign.sh", "../../deploy/reproducible.sh")
	for _, script := range scripts {
		if out, err := exec.CommandContext(t.Context(), "sh", "-n", script).CombinedOutput(); err != nil {
			t.Errorf("%s: %s", script, out)
		}
	}
}

// signedRelease makes a release of one file in a folder like dist/, signed by a key of its own, by the script that makers use.
func signedRelease(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	script, err := os.ReadFile("../../deploy/sign.sh")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"deploy/sign.sh": script, "dist/choriste_1.2.3_amd64.deb": []byte("a package"), "dist/choriste_1.2.3_arm64.deb": []byte("another")} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sh(t, dir, "ssh-keygen -q -t ed25519 -N '' -f key && cd dist && sha256sum choriste_* > SHA256SUMS && cd .. && sh deploy/sign.sh key")
	return filepath.Join(dir, "dist")
}

// sh runs a command that must succeed.
func sh(t *testing.T, dir, command string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return string(out)
}

// TestAFalseRelease: the commands of the page refuse a package that was changed, and sums that were.
func TestAFalseRelease(t *testing.T) {
	_, block, _ := strings.Cut(section(t, manualPage(t, "operating.md"), "### Debian package"), "```\n$ ssh-keygen")
	block, _, _ = strings.Cut("$ ssh-keygen"+block, "```")
	verify := strings.ReplaceAll(strings.TrimSpace(strings.TrimPrefix(block, "$ ")), "\n$ ", " && ")
	for change, good := range map[string]bool{"true": true, "rm choriste_1.2.3_arm64.deb": true, "echo x >> choriste_1.2.3_amd64.deb": false, "echo x >> choriste_1.2.3_amd64.deb; sha256sum choriste_* > SHA256SUMS": false, "rm SHA256SUMS.sig": false} {
		dir := signedRelease(t)
		sh(t, dir, change)
		cmd := exec.CommandContext(t.Context(), "sh", "-c", verify)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); (err == nil) != good {
			t.Errorf("%s: %v\n%s", change, err, out)
		}
	}
}

// TestKubernetes: what refers to something refers to what is there, settings are settings, and every pod fulfils the "restricted" standard.
func TestKubernetes(t *testing.T) {
	const dir = "../../deploy/kubernetes/"
	read := func(name string) (docs []map[string]any) {
		in, err := os.Open(dir + name)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = in.Close() }()
		for d := yaml.NewDecoder(in); ; {
			var doc map[string]any
			err := d.Decode(&doc)
			if errors.Is(err, io.EOF) {
				return docs
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			docs = append(docs, doc)
		}
	}
	kustomization := read("kustomization.yaml")[0]
	files, _ := filepath.Glob(dir + "*.yaml")
	var names []any
	for _, f := range files {
		if base := filepath.Base(f); base != "kustomization.yaml" && base != "autoscaling.yaml" {
			names = append(names, filepath.Base(f))
		}
	}
	for _, f := range names {
		if !slices.Contains(kustomization["resources"].([]any), f) {
			t.Errorf("kustomization.yaml lacks %s", f)
		}
	}

	set := func(name string) bool {
		return slices.ContainsFunc(table, func(s setting) bool { return s.name == name || s.secret && s.name+"_FILE" == name })
	}
	vars, err := readEnvironment(dir + "settings.env")
	if err != nil {
		t.Error(err)
	}
	guide, _ := os.ReadFile(dir + "README.md")
	labels := map[string]string{}
	pods := 0
	for _, f := range kustomization["resources"].([]any) {
		for _, doc := range read(f.(string)) {
			template, _ := at(doc, "spec", "template").(map[string]any)
			if template == nil {
				continue
			}
			pods++
			for k, v := range at(template, "metadata", "labels").(map[string]any) {
				labels[k+"="+v.(string)] = f.(string)
			}
			for path, want := range map[string]any{"runAsNonRoot": true, "runAsUser": 65532} {
				if got := at(template, "spec", "securityContext", path); got != want {
					t.Errorf("%s: %s is %v", f, path, got)
				}
			}
			if got := at(template, "spec", "securityContext", "seccompProfile", "type"); got != "RuntimeDefault" {
				t.Errorf("%s: seccomp %v", f, got)
			}
			container := at(template, "spec", "containers").([]any)[0].(map[string]any)
			if at(container, "securityContext", "allowPrivilegeEscalation") != false || at(container, "securityContext", "readOnlyRootFilesystem") != true ||
				at(container, "securityContext", "capabilities", "drop").([]any)[0] != "ALL" || at(container, "resources", "limits", "memory") == nil {
				t.Errorf("%s: the container may do too much", f)
			}
			mounted := map[string]string{}
			for _, m := range container["volumeMounts"].([]any) {
				mounted[at(m, "mountPath").(string)] = at(m, "name").(string)
			}
			for _, e := range container["env"].([]any) {
				name, value := at(e, "name").(string), at(e, "value").(string)
				if !set(name) {
					t.Errorf("%s: %s is no setting", f, name)
				}
				if mounted["/"+strings.Split(value, "/")[1]] == "" {
					t.Errorf("%s: nothing is mounted at %s", f, value)
				}
				if strings.HasSuffix(name, "_FILE") && !bytes.Contains(guide, []byte("--from-file="+filepath.Base(value)+"=")) {
					t.Errorf("README.md does not make %s", value)
				}
			}
			for _, v := range at(template, "spec", "volumes").([]any) {
				if !bytes.Contains(guide, []byte("secret generic "+at(v, "secret", "secretName").(string))) {
					t.Errorf("README.md does not make the secret %v", at(v, "secret", "secretName"))
				}
			}
			var out bytes.Buffer
			var args []string
			for _, a := range container["args"].([]any) {
				args = append(args, a.(string))
			}
			if exit := run(t.Context(), append(args, "--help"), func(string) string { return "" }, &out, &out); exit != 0 {
				t.Errorf("%s: %s", f, out.String())
			}
		}
	}
	if pods != 2 || len(vars) < 3 {
		t.Errorf("%d kinds of pods, settings %v", pods, vars)
	}
	autoscales(t, read("autoscaling.yaml"), read("worker.yaml")[0])
	for _, f := range []struct {
		file string
		path []string
	}{{"service.yaml", []string{"spec", "selector"}}, {"disruption.yaml", []string{"spec", "selector", "matchLabels"}}, {"network.yaml", []string{"spec", "podSelector", "matchLabels"}}} {
		for k, v := range at(read(f.file)[0], f.path...).(map[string]any) {
			if labels[k+"="+v.(string)] == "" {
				t.Errorf("%s selects %s=%v, which no pod has", f.file, k, v)
			}
		}
	}
}

// autoscales: KEDA's object has the fields of its specification and no others, scales the workers, never below the number that is there anyway, and by a figure that workers show.
func autoscales(t *testing.T, docs []map[string]any, workers map[string]any) {
	t.Helper()
	text, err := yaml.Marshal(docs[0])
	if err != nil || len(docs) != 1 {
		t.Fatal(len(docs), err)
	}
	var o struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   struct{ Name string }
		Spec       struct {
			ScaleTargetRef struct {
				APIVersion string `yaml:"apiVersion"`
				Kind, Name string
			} `yaml:"scaleTargetRef"`
			PollingInterval int `yaml:"pollingInterval"`
			MinReplicaCount int `yaml:"minReplicaCount"`
			MaxReplicaCount int `yaml:"maxReplicaCount"`
			Advanced        struct {
				HPA struct {
					Behavior struct {
						ScaleDown struct {
							StabilizationWindowSeconds int `yaml:"stabilizationWindowSeconds"`
							Policies                   []struct {
								Type          string
								Value         int
								PeriodSeconds int `yaml:"periodSeconds"`
							}
						} `yaml:"scaleDown"`
					}
				} `yaml:"horizontalPodAutoscalerConfig"`
			}
			Triggers []struct {
				Type       string
				MetricType string            `yaml:"metricType"`
				Metadata   map[string]string // of the trigger prometheus: texts alone
			}
		}
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&o); err != nil {
		t.Fatalf("autoscaling.yaml: %v", err)
	}
	target := o.Spec.ScaleTargetRef
	if o.APIVersion != "keda.sh/v1alpha1" || o.Kind != "ScaledObject" || target.Kind != workers["kind"] || target.APIVersion != workers["apiVersion"] || target.Name != at(workers, "metadata", "name") {
		t.Errorf("it scales %+v", target)
	}
	if o.Spec.MinReplicaCount != at(workers, "spec", "replicas") || o.Spec.MaxReplicaCount <= o.Spec.MinReplicaCount {
		t.Errorf("from %d to %d workers", o.Spec.MinReplicaCount, o.Spec.MaxReplicaCount)
	}
	manual := manualPage(t, "operating.md")
	for _, trigger := range o.Spec.Triggers {
		threshold, err := strconv.Atoi(trigger.Metadata["threshold"])
		metric := regexp.MustCompile(`choriste_[a-z_]+`).FindString(trigger.Metadata["query"])
		state := regexp.MustCompile(`state="([a-z_]+)"`).FindStringSubmatch(trigger.Metadata["query"])
		if trigger.Type != "prometheus" || trigger.MetricType != "Value" || err != nil || threshold < 60 || !strings.Contains(manual, "| `"+metric+"` |") || state == nil || state[1] != string(store.Received) {
			t.Errorf("the trigger %+v: %s, %v, %v", trigger, metric, state, err)
		}
	}
	if len(o.Spec.Triggers) != 1 {
		t.Errorf("%d triggers", len(o.Spec.Triggers))
	}
}

// at follows keys into a document; nil where there is nothing.
func at(v any, path ...string) any {
	for _, key := range path {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return v
}
