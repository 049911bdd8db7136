package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
)

// TestSamples: each document of -sample becomes what its line says, for the reason that it names and no other.
func TestSamples(t *testing.T) {
	dir := t.TempDir()
	var list bytes.Buffer
	if status := run([]string{"-sample", filepath.Join(dir, "new", "samples")}, nil, &list, io.Discard); status != 0 {
		t.Fatal(status)
	}
	sim := chorustest.New(t, &chorustest.Config{Quota: -1})
	res, err := http.PostForm(sim.TokenURL(), url.Values{"grant_type": {"client_credentials"}, "client_id": {"sim"}, "client_secret": {"sim-secret"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var token struct {
		Access string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&token); err != nil {
		t.Fatal(err)
	}
	for _, s := range samples() {
		document, err := os.ReadFile(filepath.Join(dir, "new", "samples", s.file))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(list.String(), s.file+" ") {
			t.Errorf("%s is not listed", s.file)
		}
		body, err := json.Marshal(map[string]any{"fichierFlux": base64.StdEncoding.EncodeToString(document), "nomFichier": s.file, "syntaxeFlux": s.syntaxe})
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, sim.APIURL()+"/cpro/factures/v1/deposer/flux", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token.Access)
		req.Header.Set("cpro-account", base64.StdEncoding.EncodeToString([]byte("TECH_SIM@cpro.fr:sim-password")))
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	said := map[string]string{}
	for _, e := range sim.Ledger() {
		if e.Type == "accepted" {
			said[e.NomFichier] = e.Reason
		}
	}
	for _, s := range samples() {
		reason, deposited := said[s.file]
		if !deposited || (reason == "") != (s.refused == "") || !strings.Contains(reason, s.refused) || strings.Contains(reason, "|") {
			t.Errorf("%s: deposited %t, refused for %q, wanted %q", s.file, deposited, reason, s.refused)
		}
	}
}

func TestVersionAndUsage(t *testing.T) {
	for _, x := range []struct {
		args   string
		status int
		want   string
	}{
		{"-version", 0, "chorus-sim "},
		{"-help", 0, "Usage: chorus-sim"},
		{"-profile sunny", 2, "calm, hostile, late"},
		{"-empty 5", 2, "20000"},
		{"-hidden -1s", 2, "hidden is -1s"},
		{"-no-such-flag", 2, "no-such-flag"},
		{"-serve -with-stdin", 2, "contradict"},
		{"serve", 2, "unexpected argument"},
		{"-client nosecret", 2, "name:secret"},
		{"-client a:b -client a:c", 2, "a is given twice"},
		{"-account a:b -account a:c", 2, "a is given twice"},
		{"-listen nonsense", 2, "-listen nonsense: not of the form 127.0.0.1:18080"},
		{"-manage 127.0.0.1:99999", 2, `-manage 127.0.0.1:99999: the port "99999" is no number up to 65535`},
		{"-host a/b", 2, "not the name of a host"},
		{"-scenario=", 2, "-scenario is given without a value"},
		{"-sample=", 2, "-sample is given without a value"},
		{"-ledger= -manage=", 2, "-manage is given without a value"},
		{"record -to http://127.0.0.1:1 -listen nonsense x.jsonl", 2, "-listen nonsense not of the form"},
		{"compare x.jsonl -json", 2, "flags before it"},
		{"-ledger /nowhere/at/all", 1, "ledger"},
		{"-listen 127.0.0.1:0 -manage 300.0.0.1:1", 1, "-manage"},
	} {
		var said bytes.Buffer
		if status := run(strings.Fields(x.args), nil, &said, &said); status != x.status || !strings.Contains(said.String(), x.want) {
			t.Errorf("%s: status %d\n%s", x.args, status, said.String())
		}
	}
}

// TestItEndsWithItsPipe: who starts it through a pipe takes it along, and -serve stays.
func TestItEndsWithItsPipe(t *testing.T) {
	for serve, args := range map[bool][]string{false: nil, true: {"-serve"}} {
		stdin, harness, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		ended, said := started(t, stdin, args...)
		_ = harness.Close()
		if serve {
			select {
			case status := <-ended:
				t.Errorf("-serve: it has ended, status %d", status)
			case <-time.After(100 * time.Millisecond):
			}
			if self, err := os.FindProcess(os.Getpid()); err != nil || self.Signal(os.Interrupt) != nil {
				t.Fatal(err)
			}
		}
		if status := <-ended; status != 0 || strings.Contains(said.String(), "-serve: it goes on") == serve {
			t.Errorf("status %d: %s", status, said)
		}
		_ = stdin.Close()
	}
}

// TestSamplesAreAllThere: also for whoever reads the first line of the list and closes the pipe (chorus-sim -sample DIR | head -1).
func TestSamplesAreAllThere(t *testing.T) {
	dir := t.TempDir()
	out, in := io.Pipe()
	_ = out.Close()
	if err := writeSamples(dir, in); err == nil {
		t.Error("the list was read by nobody, and nothing is said")
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != len(samples()) {
		t.Errorf("%d files of %d: %v", len(files), len(samples()), err)
	}
}

// TestSamplesReplaceNothing: what a person keeps under a sample's name stays, and then nothing is written; samples of another day are replaced.
func TestSamplesReplaceNothing(t *testing.T) {
	dir := t.TempDir()
	if err := writeSamples(dir, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, s := range samples() {
		s.invoice.Date = time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
		if s.invoice.Numero == "" {
			s.invoice.Numero = number(s.file)
		}
		old, err := s.write(s.invoice)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, s.file), old, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeSamples(dir, io.Discard); err != nil {
		t.Errorf("those of another day: %v", err)
	}
	if raw, err := os.ReadFile(filepath.Join(dir, "ubl.xml")); err != nil || strings.Contains(string(raw), "2026-01-31") {
		t.Errorf("they are as they were: %v", err)
	}
	mine := filepath.Join(dir, "other")
	if err := os.Mkdir(mine, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, content := range []string{"my own invoice", ""} {
		if err := os.WriteFile(filepath.Join(mine, "ubl-a9.xml"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		status := run([]string{"-sample", mine}, nil, &said, &said)
		files, err := os.ReadDir(mine)
		raw, errRead := os.ReadFile(filepath.Join(mine, "ubl-a9.xml"))
		if status != 1 || err != nil || errRead != nil || len(files) != 1 || string(raw) != content || !strings.Contains(said.String(), "ubl-a9.xml is there already") {
			t.Errorf("%d, %d files, %q: %s", status, len(files), raw, said.String())
		}
	}
}
