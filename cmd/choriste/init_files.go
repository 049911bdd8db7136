package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// check reads the settings to be as a worker would, before anything is written.
func (s *setup) check() error {
	if _, err := load(s.future()); err != nil {
		return err
	}
	for _, name := range settingsOrder {
		if !sameEverywhere(s.given[name]) {
			return fmt.Errorf("%s holds a quotation mark, a backslash, a dollar, a backtick or a line break, which cannot be written to a file of settings", name)
		}
	}
	return nil
}

// future is what a worker of this set-up will see: the file's settings, and nothing of the caller's. Secrets are not in their files yet.
func (s *setup) future() func(string) string {
	return func(name string) string {
		for file, v := range s.secrets {
			if variable := secretFiles[file]; variable != "" {
				switch name {
				case variable:
					return v
				case variable + "_FILE":
					return ""
				}
			}
		}
		return s.given[name]
	}
}

// secretFiles are the secrets' files, and the settings that name them.
var secretFiles = map[string]string{ //nolint:gosec // names, not credentials
	"database_url":        "DATABASE_URL",
	"piste_client_secret": "PISTE_CLIENT_SECRET",
	"chorus_password":     "CHORUS_PASSWORD",
	"proxy_password":      "CHORISTE_PROXY_PASSWORD",
}

// settingsOrder is how the file of settings is written.
var settingsOrder = []string{
	"CHORUS_ENV", "CHORUS_API_URL", "CHORUS_TOKEN_URL", "CHORISTE_FOREIGN_HOSTS", "DATABASE_URL_FILE", "PISTE_CLIENT_ID", "PISTE_CLIENT_SECRET_FILE", "CHORUS_LOGIN", "CHORUS_PASSWORD_FILE",
	"CHORISTE_PROXY", "CHORISTE_PROXY_LOGIN", "CHORISTE_PROXY_PASSWORD_FILE", "CHORISTE_CA_FILE", "CHORISTE_LISTEN",
}

// write makes what is not there yet. The settings come last: where they are, all is.
func (s *setup) write() error {
	for _, name := range sortedNames(s.secrets) {
		if err := s.put(name, s.secrets[name]+"\n", 0o600); err != nil {
			return err
		}
	}
	if exists(s.path(fileSettings)) {
		s.said("kept", s.path(fileSettings), s.either("settings", "réglages"))
		return nil
	}
	var b strings.Builder
	b.WriteString("# Settings of choriste: choriste help env. Secrets stand in files of their own.\n")
	for _, name := range settingsOrder {
		if v := s.given[name]; v != "" {
			b.WriteString(name + "=" + v + "\n")
		}
	}
	return s.put(fileSettings, b.String(), 0o640)
}

// put writes a file that is not there: whole, or not at all.
func (s *setup) put(name, text string, mode os.FileMode) (err error) {
	target := s.path(name)
	f, err := os.CreateTemp(s.Dir, "."+name+".*") // of mode 600
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", target, err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(mode))
	whose := "root"
	if secretFiles[name] != "" || name == fileSettings || os.Geteuid() != 0 { // what a worker reads; the owner's address and people's are not its affair
		whose = s.owner.Username
		err = errors.Join(err, s.own(f.Name()))
	}
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Link(f.Name(), target) // which never replaces what is there
	}
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", target, err)
	}
	s.said("made", target, fmt.Sprintf("%04o %s", mode, whose))
	return nil
}
