package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// An environment file holds settings, one NAME=VALUE a line, in the form that systemd (EnvironmentFile=), docker (--env-file) and a shell read alike.

var settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// mostEnvironment is more than any such file has.
const mostEnvironment = 1 << 20

// readEnvironment reads a file. What the three would read in different ways is an error, with its line.
func readEnvironment(name string) (map[string]string, error) {
	in, _, err := openRegular(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }()
	b, err := io.ReadAll(io.LimitReader(in, mostEnvironment+1))
	if err != nil || len(b) > mostEnvironment {
		return nil, fmt.Errorf("the file cannot be read, or is larger than %d bytes", mostEnvironment)
	}
	vars := map[string]string{}
	var problems []error
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		name, v, ok := strings.Cut(line, "=")
		wrong := func(text string) { problems = append(problems, fmt.Errorf("line %d: %s", n, text)) }
		_, twice := vars[name]
		switch {
		case !ok || !settingName.MatchString(name):
			wrong("must be NAME=VALUE, without blanks around the sign and without export")
			continue
		case twice:
			wrong(name + " is given twice")
		}
		if len(v) > 1 && (v[0] == '"' || v[0] == '\'') && v[len(v)-1] == v[0] {
			v = v[1 : len(v)-1]
		}
		if !sameEverywhere(v) {
			wrong(name + " has a quotation mark, a backslash, a dollar or a backtick, which not every reader of this file takes alike: put the value into a file of its own, or change it")
		}
		vars[name] = v
		if unsaid := notOurs(name); unsaid != "" {
			wrong(unsaid)
		}
	}
	return vars, errors.Join(problems...)
}

// sameEverywhere tells that a value means the same to every reader.
func sameEverywhere(v string) bool { return !strings.ContainsAny(v, "\"'\\$`\n\r") }

// notOurs is what is said of a name that looks like a setting and is none.
func notOurs(name string) string {
	list := unknownOf([]string{name})
	if len(list) == 0 {
		return ""
	}
	return list[0] + " is no setting"
}

// withEnvironment adds the settings of a file to those of the environment, which win.
func withEnvironment(getenv func(string) string, file string) (func(string) string, error) {
	vars, err := readEnvironment(file)
	if err != nil {
		return nil, fmt.Errorf("--env-file %s: %s", file, oneLine(err.Error()))
	}
	return func(name string) string {
		if v := getenv(name); v != "" {
			return v
		}
		base, isFile := strings.CutSuffix(name, "_FILE")
		if isFile && getenv(base) != "" || !isFile && getenv(name+"_FILE") != "" {
			return "" // the environment has the other form of it
		}
		return vars[name]
	}, nil
}

// exists tells whether there is a file of this name, whatever it is.
func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}
