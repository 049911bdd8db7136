package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/choriste/choriste/chorus"
)

// yamlFile reads the files of settings strictly: what is not known, given twice or missing is a problem, and all of them are reported at once, each with
// its line. They hold no secrets, only the names of their files.
type yamlFile struct {
	path     string
	getenv   func(string) string
	files    []watched // that were named
	problems []error
}

// wrong notes a problem and where it is.
func (f *yamlFile) wrong(n *yaml.Node, format string, args ...any) {
	f.problems = append(f.problems, fmt.Errorf("%s:%d: %s", f.path, n.Line, fmt.Sprintf(format, args...)))
}

// refuse notes what is wrong with a key's value, and where it is.
func (f *yamlFile) refuse(n *yaml.Node, key string, err error) {
	f.problems = append(f.problems, fmt.Errorf("%s:%d: %s %w", f.path, n.Line, key, err))
}

// mostYAML is more than any of these files has.
const mostYAML = 1 << 20

// document reads the file, which setting names, and hands each value at its top to the function for its key.
func (f *yamlFile) document(setting string, known map[string]func(*yaml.Node)) {
	in, _, err := openRegular(f.path)
	if err != nil {
		f.problems = append(f.problems, fmt.Errorf("%s: %s: %w", setting, f.path, err))
		return
	}
	defer func() { _ = in.Close() }()
	b, err := io.ReadAll(io.LimitReader(in, mostYAML+1))
	if err != nil || len(b) > mostYAML {
		f.problems = append(f.problems, fmt.Errorf("%s: %s cannot be read, or is larger than %d bytes", setting, f.path, mostYAML))
		return
	}
	var doc yaml.Node
	if strings.TrimSpace(string(b)) == "" {
		f.problems = append(f.problems, fmt.Errorf("%s is empty", f.path))
		return
	}
	if err := yaml.Load(b, &doc); err != nil || len(doc.Content) != 1 {
		if err == nil {
			err = errors.New("there is not one document")
		}
		f.problems = append(f.problems, fmt.Errorf("%s: %s", f.path, oneLine(err.Error())))
		return
	}
	f.fields(doc.Content[0], "the file", known)
}

// fields hands each value of a mapping to the function for its key.
func (f *yamlFile) fields(n *yaml.Node, what string, known map[string]func(*yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		f.wrong(n, "%s must be a mapping of %s", what, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read, ok := known[key.Value]
		switch {
		case !ok && known[key.Value+"_file"] != nil:
			f.wrong(key, "%s: secrets stand in files of their own: %s_file", key.Value, key.Value)
		case !ok:
			f.wrong(key, "%s is none of %s", key.Value, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		case seen[key.Value]:
			f.wrong(key, "%s is given twice", key.Value)
		case value.Kind == yaml.AliasNode || value.Anchor != "":
			f.wrong(value, "anchors and aliases are not taken")
		default:
			read(value)
		}
		seen[key.Value] = true
	}
}

func (f *yamlFile) list(n *yaml.Node, what string) []*yaml.Node {
	if n.Kind != yaml.SequenceNode {
		f.wrong(n, "%s must be a list", what)
		return nil
	}
	return n.Content
}

// formed reads a text that form lets through.
func (f *yamlFile) formed(key string, into *string, form func(string) error) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var v string
		if f.text(key, &v)(n); v == "" {
			return
		}
		if err := form(v); err != nil {
			f.refuse(n, key, err)
			return
		}
		*into = v
	}
}

// text reads a value that is not empty.
func (f *yamlFile) text(key string, into *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.Tag == "!!null" || strings.TrimSpace(n.Value) == "" {
			f.wrong(n, "%s must be a text", key)
			return
		}
		*into = n.Value
	}
}

func (f *yamlFile) truth(key string, into *bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Value != "true" && n.Value != "false" {
			f.wrong(n, "%s must be true or false", key)
		}
		*into = n.Value == "true"
	}
}

func (f *yamlFile) number(key string, into *float64, least, most float64) func(*yaml.Node) {
	return func(n *yaml.Node) {
		v, err := strconv.ParseFloat(n.Value, 64)
		if n.Kind != yaml.ScalarNode || err != nil || !(v >= least && v <= most) {
			f.wrong(n, "%s must be a number from %g to %g", key, least, most)
			return
		}
		*into = v
	}
}

// file is the file that a value names, "" when it names none; a relative name counts from the folder of the YAML file.
func (f *yamlFile) file(key string, n *yaml.Node) (name string) {
	if f.text(key, &name)(n); name == "" {
		return ""
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(f.path), name)
	}
	f.files = append(f.files, watch(name))
	return name
}

// certificates reads a file with certificates in PEM.
func (f *yamlFile) certificates(key string, into *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if name := f.file(key, n); name != "" {
			text, err := readCertificates(name)
			if err != nil {
				f.refuse(n, key+":", err)
			}
			*into = text
		}
	}
}

// secret reads a secret of one line.
func (f *yamlFile) secret(key string, into *chorus.Secret) func(*yaml.Node) {
	return f.secretFile(key, into, true)
}

// secretText reads a secret of several lines, as a key in PEM.
func (f *yamlFile) secretText(key string, into *chorus.Secret) func(*yaml.Node) {
	return f.secretFile(key, into, false)
}

func (f *yamlFile) secretFile(key string, into *chorus.Secret, line bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		name := f.file(key, n)
		if name == "" {
			return
		}
		v, err := readSecret(name, mostMode(f.getenv, name))
		if err == nil && line {
			if err = copiedWell(v, true); err != nil {
				err = fmt.Errorf("the secret %w", err)
			}
		}
		if err != nil {
			f.refuse(n, key+":", err)
			return
		}
		*into = chorus.Secret(v)
	}
}
