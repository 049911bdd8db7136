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
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
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
	if len(units) != 3 {
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
		if !bytes.Contains(list, []byte(filepath.Base(unit))) {
			t.Errorf("the package lacks %s", unit)
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
	scripts = append(scripts, "../../deploy/secrets.sh", "../../deploy/reproducible.sh")
	for _, script := range scripts {
		if out, err := exec.CommandContext(t.Context(), "sh", "-n", script).CombinedOutput(); err != nil {
			t.Errorf("%s: %s", script, out)
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
		if filepath.Base(f) != "kustomization.yaml" {
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

// at follows keys into a document; nil where there is nothing.
func at(v any, path ...string) any {
	for _, key := range path {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return v
}
