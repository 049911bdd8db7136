package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/url"

	"go.yaml.in/yaml/v4"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/egress"
)

// The way out to the internet, of the variables and of applications and webhooks that have one of their own (docs/settings.md#the-way-out).

// configureWay reads the files that the variables name, and checks what they say together.
func (s *settings) configureWay(getenv func(string) string) (problems []error) {
	s.Way.NoProxy = cmp.Or(s.Way.NoProxy, getenv("no_proxy"))
	for _, file := range []struct {
		variable, name string
		into           *string
	}{{"CHORISTE_CA_FILE", s.RootsFile, &s.Way.Roots}, {"CHORISTE_CLIENT_CERT", s.ClientCert, &s.Way.Cert}} {
		if file.name == "" {
			continue
		}
		s.files = append(s.files, watch(file.name))
		text, err := readCertificates(file.name)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", file.variable, err))
		}
		*file.into = text
	}
	for _, name := range []string{"CHORISTE_PROXY_PASSWORD_FILE", "CHORISTE_CLIENT_KEY_FILE"} {
		if v := getenv(name); v != "" {
			s.files = append(s.files, watch(v))
		}
	}
	together := func(one, other string) {
		given := func(name string) bool { return getenv(name) != "" || getenv(name+"_FILE") != "" }
		if given(one) != given(other) {
			problems = append(problems, fmt.Errorf("%s and %s go together: set both or neither", one, other))
		}
	}
	together("CHORISTE_PROXY_LOGIN", "CHORISTE_PROXY_PASSWORD")
	together("CHORISTE_CLIENT_CERT", "CHORISTE_CLIENT_KEY")
	if s.Way.Login != "" && s.Way.Proxy == "" && getenv("CHORISTE_PROXY") == "" {
		problems = append(problems, errors.New("CHORISTE_PROXY_LOGIN is set, and CHORISTE_PROXY is not"))
	}
	if s.Way.Proxy != "" { // without one it changes nothing, and may be the machine's
		if err := egress.ReadNoProxy(s.Way.NoProxy); err != nil {
			problems = append(problems, fmt.Errorf("NO_PROXY %w", err))
		}
	}
	if len(problems) > 0 {
		return problems
	}
	// What is half there was reported: the proxy's address, or a password or key that was copied badly.
	if w := s.Way; (w.Proxy != "" || w.Login == "") && (w.Login == "") == (w.Password == "") && (w.Cert == "") == (w.Key == "") {
		if _, err := w.Open(); err != nil {
			problems = append(problems, fmt.Errorf("CHORISTE_CA_FILE, CHORISTE_CLIENT_CERT or CHORISTE_CLIENT_KEY: %w", err))
		}
	}
	return problems
}

// readCertificates reads a file with certificates.
func readCertificates(name string) (string, error) {
	in, _, err := openRegular(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = in.Close() }()
	b, err := io.ReadAll(io.LimitReader(in, mostCertificate+1))
	switch {
	case err != nil:
		return "", errors.New("the file cannot be read")
	case len(b) > mostCertificate:
		return "", fmt.Errorf("the file is larger than %d bytes", mostCertificate)
	}
	if err := egress.ReadRoots(string(b)); err != nil {
		return "", err
	}
	return string(b), nil
}

// ownWay are the keys of a YAML file that replace what the variables say of the way out. Each thing is replaced as a whole: a proxy with its login, the roots, the certificate with its key.
type ownWay struct {
	proxy, login, roots, cert string
	password, key             chorus.Secret
}

// straight is the name of no proxy.
const straight = "none"

func (w *ownWay) keys(f *yamlFile) map[string]func(*yaml.Node) {
	return map[string]func(*yaml.Node){
		"proxy": f.formed("proxy", &w.proxy, func(v string) error {
			if v == straight {
				return nil
			}
			if err := egress.ReadProxy(v); err != nil {
				return fmt.Errorf("%w, or be none", err)
			}
			return nil
		}),
		"proxy_login":         f.formed("proxy_login", &w.login, login),
		"proxy_password_file": f.secret("proxy_password_file", &w.password),
		"ca_file":             f.certificates("ca_file", &w.roots),
		"client_cert_file":    f.certificates("client_cert_file", &w.cert),
		"client_key_file":     f.secretText("client_key_file", &w.key),
	}
}

// over is the way that is taken, and what is wrong with it.
func (w *ownWay) over(way egress.Way) (egress.Way, error) {
	if w.proxy != "" {
		way.Proxy, way.Login, way.Password = w.proxy, w.login, w.password
		if w.proxy == straight {
			way.Proxy = ""
		} else if err := egress.ReadNoProxy(way.NoProxy); err != nil {
			return way, fmt.Errorf("NO_PROXY %w", err)
		}
	} else if w.login != "" || w.password != "" {
		return way, errors.New("proxy_login and proxy_password_file need a proxy beside them")
	}
	if w.roots != "" {
		way.Roots = w.roots
	}
	if w.cert != "" || w.key != "" {
		way.Cert, way.Key = w.cert, w.key
	}
	_, err := way.Open()
	return way, err
}

// environmentsProxy is the proxy that the environment names and that is not used, without its login; "" when there is none, or choriste has one of its own.
func (s *settings) environmentsProxy(getenv func(string) string) string {
	if s.Way.Proxy != "" {
		return ""
	}
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		if v := getenv(name); v != "" {
			if u, err := url.Parse(v); err == nil && u.Host != "" {
				return name + " (" + u.Host + ")"
			}
			return name
		}
	}
	return ""
}
