// Command licences lists the licence of each module that is linked into a program, and fails on one that is not allowed. It writes their texts to a file, which goes wherever the program goes:
//
//	go run ./deploy/licences -notices dist/THIRD-PARTY-NOTICES.txt ./cmd/choriste
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// allowed are the licences under which a module may be in the product: all let it be handed on under Apache-2.0, with their texts. MPL-2.0 asks for the source of the module itself, which is public and not changed here.
// FTL asks for the FreeType Project to be named, which its text among the notices does.
var allowed = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "FTL", "ISC", "MIT", "MPL-2.0"}

// marks are words that only one licence has, in an order in which the first that is found counts: BSD-2-Clause is BSD-3-Clause without its third clause.
var marks = []struct{ licence, words string }{
	{"FTL", "subject to your choice of exactly one of the following two licenses the freetype license"}, // or the GPL
	{"FTL", "the freetype project license"},
	{"AGPL", "gnu affero general public license"},
	{"LGPL", "gnu lesser general public license"},
	{"GPL", "gnu general public license"},
	{"Apache-2.0", "apache license version 2.0"},
	{"MIT", "permission is hereby granted free of charge to any person obtaining a copy of this software"},
	{"ISC", "permission to use copy modify and or distribute this software for any purpose with or without fee is hereby granted"},
	{"BSD-3-Clause", "may be used to endorse or promote products derived from this software"},
	{"BSD-2-Clause", "redistribution and use in source and binary forms with or without modification are permitted"},
}

var (
	notWords    = regexp.MustCompile(`[^a-z0-9.]+`)
	licenceFile = regexp.MustCompile(`(?i)^((licen[cs]e|copying|copyright|unlicense)([.-].*)?|ftl\.txt)$`)
	noticeFile  = regexp.MustCompile(`(?i)^notice([.-].*)?$`)
)

// licenceOf names the licence of a text, "" if it is none that we know. MPL-2.0 names the GNU licences as others, so it is looked for at its head.
func licenceOf(text string) string {
	words := notWords.ReplaceAllString(strings.ToLower(text), " ")
	if strings.Contains(words[:min(len(words), 200)], "mozilla public license version 2.0") {
		return "MPL-2.0"
	}
	for _, m := range marks {
		if strings.Contains(words, m.words) {
			return m.licence
		}
	}
	return ""
}

// linked is a module, with the folders of its packages that a program holds.
type linked struct {
	Path, Version, Dir string
	folders            []string
}

// modules are all that are linked into a program but our own, and Go's standard library.
func modules(program string) ([]linked, error) {
	cmd := exec.Command("go", "list", "-deps", "-json=Dir,Standard,Module", program) //nolint:gosec,noctx // the programs of this repository
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	goroot, err := exec.Command("go", "env", "GOROOT", "GOVERSION").Output() //nolint:noctx // answers at once
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	root := strings.Fields(string(goroot))
	list := []linked{{Path: "the Go standard library", Version: root[1], Dir: root[0], folders: root[:1]}}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Dir      string
			Standard bool
			Module   *struct {
				Path, Version, Dir string
				Main               bool
				Replace            *struct{ Path string }
			}
		}
		switch err := dec.Decode(&p); {
		case errors.Is(err, io.EOF):
			slices.SortStableFunc(list[1:], func(a, b linked) int { return strings.Compare(a.Path, b.Path) })
			return list, nil
		case err != nil:
			return nil, err
		case p.Standard || p.Module != nil && p.Module.Main:
			continue
		case p.Module == nil || p.Module.Replace != nil:
			return nil, fmt.Errorf("%s is of no module, or of one that is replaced", p.Dir)
		}
		k := slices.IndexFunc(list, func(l linked) bool { return l.Path == p.Module.Path })
		if k < 0 {
			k, list = len(list), append(list, linked{Path: p.Module.Path, Version: p.Module.Version, Dir: p.Module.Dir})
		}
		list[k].folders = append(list[k].folders, p.Dir)
	}
}

// texts are the files of licences and notices in the folders of a module's packages and above them, and the licences that they name.
func (l linked) texts() (files []string, licences []string, err error) {
	for _, folder := range append(l.folders, filepath.Join(l.Dir, "licenses")) {
		for dir := folder; ; dir = filepath.Dir(dir) {
			entries, err := os.ReadDir(dir)
			if err != nil && !errors.Is(err, fs.ErrNotExist) { // not every module has a folder of licences
				return nil, nil, err
			}
			for _, e := range entries {
				file := filepath.Join(dir, e.Name())
				if e.IsDir() || strings.HasSuffix(file, ".go") || slices.Contains(files, file) {
					continue
				}
				if licenceFile.MatchString(e.Name()) {
					text, err := os.ReadFile(file) //nolint:gosec // a module's
					if err != nil {
						return nil, nil, err
					}
					licences = append(licences, licenceOf(string(text)))
				} else if !noticeFile.MatchString(e.Name()) {
					continue
				}
				files = append(files, file)
			}
			if dir == l.Dir || dir == filepath.Dir(dir) {
				break
			}
		}
	}
	slices.Sort(licences)
	return files, slices.Compact(licences), nil
}

// check lists the modules of a program with their licences, writes the texts, and returns an error that names what is not allowed.
func check(program string, list, notices io.Writer) error {
	all, err := modules(program)
	if err != nil {
		return err
	}
	var refused []string
	for _, m := range all {
		files, licences, err := m.texts()
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(list, "%-28s %s %s\n", strings.Join(licences, ", "), m.Path, m.Version)
		if len(licences) == 0 || slices.ContainsFunc(licences, func(l string) bool { return !slices.Contains(allowed, l) }) {
			refused = append(refused, fmt.Sprintf("%s: %q", m.Path, licences))
		}
		for _, file := range files {
			text, err := os.ReadFile(file) //nolint:gosec // a module's
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(notices, "%s\n%s %s: %s\n\n%s\n", strings.Repeat("=", 80), m.Path, m.Version, filepath.Base(file), text); err != nil {
				return err
			}
		}
	}
	if len(refused) > 0 {
		return fmt.Errorf("no licence is found, or one that is not allowed (%s), of %s", strings.Join(allowed, ", "), strings.Join(refused, "; "))
	}
	return nil
}

func main() {
	notices := flag.String("notices", os.DevNull, "file for the texts of the licences")
	flag.Parse()
	var texts bytes.Buffer
	for _, program := range flag.Args() {
		if err := check(program, os.Stdout, &texts); err != nil {
			fmt.Fprintln(os.Stderr, "licences:", err)
			os.Exit(1)
		}
	}
	if err := os.WriteFile(*notices, texts.Bytes(), 0o644); err != nil { //nolint:gosec // for everybody to read
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}
