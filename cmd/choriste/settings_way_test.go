package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/choriste/choriste/egress"
	"github.com/choriste/choriste/internal/lab/httpproxy"
)

func TestWayOut(t *testing.T) {
	dir := t.TempDir()
	authority := httpproxy.NewAuthority(t)
	cert, key := authority.Issue(t, "client")
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	roots, certFile, keyFile := write("roots.pem", authority.PEM), write("client.pem", cert), write("client.key", key)
	password := write("password", "x8-canary\n")
	empty := write("empty.pem", "nothing\n")

	wrong(t, map[string]string{"CHORISTE_PROXY": "proxy:3128"}, "CHORISTE_PROXY must look like http://proxy.example.net:3128")
	wrong(t, map[string]string{"CHORISTE_PROXY": "http://robot:x8-canary@proxy.example.net:3128"}, "CHORISTE_PROXY holds a login")
	wrong(t, map[string]string{"CHORISTE_PROXY": "http://p:3128", "CHORISTE_PROXY_LOGIN": "robot"}, "CHORISTE_PROXY_LOGIN and CHORISTE_PROXY_PASSWORD go together")
	wrong(t, map[string]string{"CHORISTE_PROXY_LOGIN": "robot", "CHORISTE_PROXY_PASSWORD_FILE": password}, "CHORISTE_PROXY is not")
	wrong(t, map[string]string{"CHORISTE_PROXY": "http://p:3128", "NO_PROXY": "example.net,10.*"}, "NO_PROXY has an entry, number 2, that is no name")
	wrong(t, map[string]string{"CHORISTE_PROXY": "http://p:3128", "no_proxy": "10.0.0.0/33"}, "NO_PROXY has an entry, number 1, that is no name")
	right(t, map[string]string{"NO_PROXY": "10.*"}) // without a proxy it changes nothing
	wrong(t, map[string]string{"CHORISTE_CA_FILE": filepath.Join(dir, "none")}, "CHORISTE_CA_FILE: the file cannot be opened")
	wrong(t, map[string]string{"CHORISTE_CA_FILE": empty}, "CHORISTE_CA_FILE: holds no certificate")
	wrong(t, map[string]string{"CHORISTE_CA_FILE": keyFile}, "CHORISTE_CA_FILE: holds a private key")
	wrong(t, map[string]string{"CHORISTE_CLIENT_CERT": certFile}, "CHORISTE_CLIENT_CERT and CHORISTE_CLIENT_KEY go together")
	wrong(t, map[string]string{"CHORISTE_CLIENT_CERT": roots, "CHORISTE_CLIENT_KEY_FILE": keyFile}, "belong together")

	// A password that was copied badly is told of once, under its own name.
	badly := map[string]string{"CHORISTE_PROXY": "http://p:3128", "CHORISTE_PROXY_LOGIN": "robot", "CHORISTE_PROXY_PASSWORD": " x"}
	if _, err := load(func(name string) string { return badly[name] }); err == nil || !strings.Contains(err.Error(), "CHORISTE_PROXY_PASSWORD begins or ends with") || strings.Contains(err.Error(), "CHORISTE_CA_FILE") {
		t.Errorf("a bad password: %v", err)
	}

	variables := map[string]string{
		"CHORISTE_PROXY": "http://p.example:3128", "CHORISTE_PROXY_LOGIN": "robot", "CHORISTE_PROXY_PASSWORD_FILE": password, "no_proxy": ".inside.example",
		"CHORISTE_CA_FILE": roots, "CHORISTE_CLIENT_CERT": certFile, "CHORISTE_CLIENT_KEY_FILE": keyFile,
	}
	s := right(t, variables)
	// The file's own line break at its end is not part of a secret.
	want := egress.Way{
		Proxy: "http://p.example:3128", Login: "robot", Password: "x8-canary", NoProxy: ".inside.example", Roots: authority.PEM, Cert: cert,
		Key: s.Way.Key,
	}
	if s.Way != want || strings.TrimSpace(s.Way.Key.Reveal()) != strings.TrimSpace(key) {
		t.Errorf("%+v", s.Way)
	}
	if len(s.Accounts) != 1 || s.Accounts[0].Chorus.Way != want {
		t.Error("the account goes another way")
	}
	for _, name := range []string{roots, certFile, keyFile, password} {
		if !slices.ContainsFunc(s.files, func(w watched) bool { return w.name == name }) {
			t.Errorf("%s is not read again when it changes", name)
		}
	}

	// Of its own.
	write("secret", "s")
	variables["CHORISTE_ACCOUNTS_FILE"] = write("accounts.yaml", `
applications:
  - {name: straight, client_id: a, client_secret_file: secret, proxy: none}
  - {name: other, client_id: b, client_secret_file: secret, proxy: "http://q.example:8080"}
accounts:
  - {name: a, application: straight, login: A, password_file: secret}
  - {name: b, application: other, login: B, password_file: secret}
`)
	variables["CHORISTE_WEBHOOKS_FILE"] = write("webhooks.yaml", `
webhooks:
  - {name: w, url: "https://receiver.example/", secret_file: hook, proxy: none, ca_file: roots.pem}
`)
	write("hook", "whsec_"+strings.Repeat("QUFB", 12))
	s = right(t, variables)
	ways := map[string]egress.Way{}
	for _, a := range s.Accounts {
		ways[a.Name] = a.Chorus.Way
	}
	if w := ways["a"]; w.Proxy != "" || w.Login != "" || w.Password != "" || w.Roots != authority.PEM {
		t.Errorf("straight: %+v", w)
	}
	if w := ways["b"]; w.Proxy != "http://q.example:8080" || w.Login != "" || w.Password != "" {
		t.Errorf("another proxy is shown the first one's login: %+v", w)
	}
	variables["CHORISTE_ACCOUNTS_FILE"] = write("accounts.yaml", `
applications:
  - {name: x, client_id: a, client_secret_file: secret, proxy_login: robot, proxy_password_file: password}
  - {name: y, client_id: b, client_secret_file: secret, proxy: "q.example:8080"}
accounts: [{name: a, application: x, login: A, password_file: secret}]
`)
	wrong(t, variables, "application x: proxy_login and proxy_password_file need a proxy beside them", "proxy must look like http://proxy.example.net:3128, or be none")
}

// A proxy of the environment is said, without its login, and not used.
func TestEnvironmentsProxyIsSaid(t *testing.T) {
	s := right(t, nil)
	for env, want := range map[string]string{
		"http://robot:canary@p.example:8080": "HTTPS_PROXY (p.example:8080)", "p.example:8080": "HTTPS_PROXY", "": "", "%zz": "HTTPS_PROXY",
	} {
		if got := s.environmentsProxy(func(name string) string { return map[string]string{"HTTPS_PROXY": env}[name] }); got != want {
			t.Errorf("%q: %q, want %q", env, got, want)
		}
	}
	s.Way.Proxy = "http://p.example:3128"
	if got := s.environmentsProxy(func(string) string { return "http://q.example:1" }); got != "" {
		t.Errorf("%q", got)
	}
}
