package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/term"
)

// question is one thing that a set-up needs.
type question struct {
	setting string // NAME; of a secret, its file is NAME_FILE
	file    string // where a secret is kept
	flag    string
	told    string // by the flag; of a secret, the file that holds it
	ask     [2]string
	def     string
	needed  bool
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// questions are asked in this order.
func (s *setup) questions() []question {
	return []question{
		{setting: "CHORUS_ENV", flag: "--env", told: s.Env, def: "sandbox", needed: true, ask: [2]string{
			"Which portal: sandbox or production", "Quel portail : sandbox (qualification) ou production",
		}},
		{setting: "PISTE_CLIENT_ID", flag: "--client-id", told: s.ClientID, needed: true, ask: [2]string{
			"PISTE, Applications, OAuth identifiers: client id", "PISTE, Applications, identifiants OAuth : client id",
		}},
		{setting: "PISTE_CLIENT_SECRET", file: "piste_client_secret", flag: "--client-secret-file", told: s.ClientSecret, needed: true, ask: [2]string{
			"… and its client secret (not shown)", "… et son client secret (non affiché)",
		}},
		{setting: "CHORUS_LOGIN", flag: "--login", told: s.Login, needed: true, ask: [2]string{
			"Chorus Pro, technical accounts: login (TECH_…@cpro.fr)", "Chorus Pro, comptes techniques : identifiant (TECH_…@cpro.fr)",
		}},
		{setting: "CHORUS_PASSWORD", file: "chorus_password", flag: "--password-file", told: s.Password, needed: true, ask: [2]string{
			"… and its password (not shown)", "… et son mot de passe (non affiché)",
		}},
		{setting: "CHORISTE_PROXY", flag: "--proxy", told: s.Proxy, ask: [2]string{
			"HTTP proxy on the way out, as http://proxy.example.net:3128 (empty: none)", "Proxy HTTP de sortie, comme http://proxy.example.net:3128 (vide : aucun)",
		}},
		{setting: "CHORISTE_PROXY_LOGIN", flag: "--proxy-login", told: s.ProxyLogin, ask: [2]string{
			"… its login (empty: none)", "… son identifiant (vide : aucun)",
		}},
		{setting: "CHORISTE_PROXY_PASSWORD", file: "proxy_password", flag: "--proxy-password-file", told: s.ProxyPassword, ask: [2]string{
			"… its password (not shown)", "… son mot de passe (non affiché)",
		}},
	}
}

// ask finds what is needed: in the file of settings, in the flags, on the terminal.
func (s *setup) ask() error {
	fd := int(os.Stdin.Fd())
	in := bufio.NewReader(os.Stdin)
	terminal := term.IsTerminal(fd)
	known := exists(s.path(fileSettings)) // then nothing of it is asked anew
	var missing []string
	for _, q := range s.questions() {
		if q.setting == "CHORISTE_PROXY_LOGIN" && s.given["CHORISTE_PROXY"] == "" || q.setting == "CHORISTE_PROXY_PASSWORD" && s.given["CHORISTE_PROXY_LOGIN"] == "" {
			continue
		}
		if known || q.file != "" && exists(s.path(q.file)) {
			s.keep(q)
			continue
		}
		v, err := s.answer(q, fd, in, terminal)
		switch {
		case err != nil:
			return err
		case v == "" && q.needed:
			missing = append(missing, q.flag)
		default:
			s.take(q, v)
		}
	}
	if len(missing) > 0 {
		return usageError{fmt.Errorf("nobody can be asked here, and these are missing: %s", strings.Join(missing, ", "))}
	}
	others, err := s.others()
	if err != nil {
		return err
	}
	for _, name := range sortedNames(others) {
		switch v := others[name]; {
		case v == "" || v == s.given[name]:
		case known:
			s.stays(name, s.path(fileSettings))
		default:
			s.given[name] = v
		}
	}
	return nil
}

// others are the settings that are told by a flag alone, and asked of nobody.
func (s *setup) others() (map[string]string, error) {
	list := map[string]string{"CHORUS_API_URL": s.APIURL, "CHORUS_TOKEN_URL": s.TokenURL, "CHORISTE_LISTEN": s.Listen}
	if s.CAFile != "" {
		file, err := filepath.Abs(s.CAFile)
		if err != nil {
			return nil, err
		}
		list["CHORISTE_CA_FILE"] = file
	}
	if s.Foreign {
		list["CHORISTE_FOREIGN_HOSTS"] = "allow"
	}
	return list, nil
}

// stays says that a flag changes nothing, because what it says is there already.
func (s *setup) stays(what, file string) {
	s.warnf(s.either("%s stays as it is in %s: nothing is overwritten; change it there\n", "%s reste comme dans %s : rien n'est écrasé ; le changer là\n"), what, file)
}

// keep says that something is there already, and that a flag that differs changes nothing.
func (s *setup) keep(q question) {
	if q.file != "" {
		if exists(s.path(q.file)) {
			s.given[q.setting+"_FILE"] = cmp.Or(s.given[q.setting+"_FILE"], s.path(q.file))
			s.said("kept", s.path(q.file), q.setting)
		}
		if q.told != "" {
			told, errTold := readSecret(q.told, 0o777)
			kept, errKept := readSecret(s.given[q.setting+"_FILE"], 0o777)
			if errTold != nil || errKept != nil || told != kept {
				s.stays(q.setting, cmp.Or(s.given[q.setting+"_FILE"], s.path(fileSettings)))
			}
		}
		return
	}
	if q.told != "" && q.told != s.given[q.setting] {
		s.stays(q.setting, s.path(fileSettings))
	}
}

// answer is what was told by a flag or on the terminal; "" where neither is.
func (s *setup) answer(q question, fd int, in *bufio.Reader, terminal bool) (string, error) {
	switch {
	case q.told != "" && q.file != "":
		v, err := readSecret(q.told, 0o777) // it is copied into a file of its own; this one stays its owner's affair
		if err != nil {
			return "", fmt.Errorf("%s: %w", q.flag, err)
		}
		return v, nil
	case q.told != "":
		return q.told, nil
	case !terminal:
		return q.def, nil
	}
	text := q.ask[0]
	if s.lang == "fr" {
		text = q.ask[1]
	}
	if q.def != "" {
		text += " [" + q.def + "]"
	}
	for {
		s.warnf("%s: ", text)
		line, err := s.typed(fd, func() (string, error) {
			if q.file != "" {
				line, err := hidden(os.Stdin, in)
				s.warnf("\n")
				return line, err
			}
			line, err := in.ReadString('\n')
			return strings.TrimSpace(line), err
		})
		if err != nil {
			return "", err
		}
		v := cmp.Or(line, q.def)
		if v == "" && q.needed {
			continue
		}
		if err := s.wrong(q, v); err != nil {
			s.warnf("%v\n", err)
			continue
		}
		return v, nil
	}
}

func (s *setup) take(q question, v string) {
	switch {
	case v == "":
	case q.file != "":
		s.secrets[q.file] = v
		s.given[q.setting+"_FILE"] = s.path(q.file)
	default:
		s.given[q.setting] = v
	}
}

// wrong is what a worker would say of an answer by itself, so that it is asked for again at once. What it says of several settings together comes later.
func (s *setup) wrong(q question, v string) error {
	trial := *s
	trial.given, trial.secrets = maps.Clone(s.given), maps.Clone(s.secrets)
	trial.take(q, v)
	_, problems := readSettings(trial.future())
	for _, p := range problems {
		if about, ok := strings.CutPrefix(p.Error(), q.setting+" "); ok && about != "is not set" && !strings.HasPrefix(about, "and ") {
			return p
		}
	}
	return nil
}

var errStopped = errors.New("stopped at a question, and nothing was written: choriste init begins anew")

// typed waits for what read gives, or for a signal. The signal leaves the terminal as it was: a password that is being read has turned its echo off.
func (s *setup) typed(fd int, read func() (string, error)) (string, error) {
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("the terminal: %w", err)
	}
	type answer struct {
		text string
		err  error
	}
	given := make(chan answer, 1)
	go func() {
		text, err := read()
		given <- answer{text, err}
	}()
	select {
	case a := <-given:
		switch {
		case errors.Is(a.err, errInterrupted):
			return "", errStopped
		case a.err != nil:
			return "", errTerminalEnd
		}
		return a.text, nil
	case <-s.ctx.Done():
		s.warnf("\n")
		return "", errors.Join(errStopped, term.Restore(fd, before))
	}
}
