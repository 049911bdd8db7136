package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// helpTexts are all texts of the help, with what they hold to be filled in.
func helpTexts() map[string]string {
	texts := map[string]string{}
	model := parserOf(new(cli), "en", io.Discard, io.Discard, func(int) {}).Model
	_ = kong.Visit(model, func(n kong.Visitable, next kong.Next) error {
		switch n := n.(type) {
		case *kong.Application:
			texts[n.Help], texts[n.Detail] = "choriste", "choriste"
		case *kong.Node:
			texts[n.Help], texts[n.Detail] = n.Path(), n.Path()
		case *kong.Value:
			texts[n.OrigHelp] = n.Summary()
		case *kong.Flag:
			texts[n.OrigHelp] = "--" + n.Name
		}
		return next(nil)
	})
	delete(texts, "")
	return texts
}

// The help of every command, argument and flag is known in French, and nothing else is.
func TestHelpInFrench(t *testing.T) {
	texts := helpTexts()
	for text, of := range texts {
		fr, known := helpInFrench[text]
		if !known || fr == "" {
			t.Errorf("%s: its help is not in French: %s", of, text)
		}
		for _, name := range regexp.MustCompile(`\$\{\w+\}`).FindAllString(text, -1) {
			if !strings.Contains(fr, name) {
				t.Errorf("%s: %s is not filled in in French", of, name)
			}
		}
	}
	for text := range helpInFrench {
		if texts[text] == "" && text != "" {
			t.Errorf("no command says: %s", text)
		}
	}
	if len(texts) < 200 {
		t.Errorf("%d texts were read", len(texts))
	}
}

// What is printed has no English line left: of every command, and of the program.
func TestHelpIsPrintedInFrench(t *testing.T) {
	commands := []string{""}
	for _, leaf := range parserOf(new(cli), "en", io.Discard, io.Discard, func(int) {}).Model.Leaves(true) {
		commands = append(commands, strings.TrimPrefix(leaf.Path(), "choriste "))
	}
	for _, c := range commands {
		for _, args := range [][]string{append(strings.Fields(c), "--help", "--lang", "fr"), append([]string{"--lang=fr", "help"}, strings.Fields(c)...)} {
			status, out, errOut := command(t, map[string]string{"LANG": "en_US.UTF-8"}, args...)
			if status != 0 || !strings.HasPrefix(out, "Usage : choriste") || errOut != "" {
				t.Errorf("%v: status %d\n%s%s", args, status, out, errOut)
			}
			said := regexp.MustCompile(`(?m)Usage :.*$|choriste [a-z ]+|--?[a-z-]+(=\S+)?|<[^>]*>|'[^']*'|\S+:\S+|state|number|name|query|[Cc]omment`).ReplaceAllString(out, "") // names and examples
			for line := range strings.Lines(said) {
				if m := englishWords.FindString(line); m != "" {
					t.Errorf("%v: %q in %s", args, strings.TrimSpace(m), line)
				}
			}
		}
	}
}

// Each mistake that can be made with a command, an argument or a flag is told in French.
func TestMistakesInFrench(t *testing.T) {
	en := parserOf(new(cli), "en", io.Discard, io.Discard, func(int) {})
	lines := [][]string{{"lits"}, {"--jsn"}, {"list", "--nothing-like-it"}, {"list", "--qury", "x"}, {"webhooks", "forgot"}, {"reconcile", "--account=x", "acept", "1"}, {"list", "--json=perhaps"}, {"views", "save"}, {"purge", "--keep"}, {"list", "--state"}, {"completion", "tcsh"}, {"show"}, {"submit"}}
	for _, leaf := range en.Model.Leaves(true) {
		path := strings.Fields(strings.TrimPrefix(leaf.Path(), "choriste "))
		args := slices.Clone(path)
		for _, p := range leaf.Positional {
			if p.Required {
				args = append(args, "1")
			}
		}
		lines = append(lines, path, append(slices.Clone(args), "one", "two", "three", "four"), append(slices.Clone(args), "--nothing"))
		for _, f := range leaf.Flags {
			lines = append(lines, append(slices.Clone(args), "--"+f.Name), append(slices.Clone(args), "--"+f.Name+"=wrong%s(x): a b"))
		}
	}
	told := map[string]bool{}
	for _, line := range lines {
		_, err := parserOf(new(cli), "en", io.Discard, io.Discard, func(int) {}).Parse(line)
		if err == nil {
			continue
		}
		fr := parseError{err}.Text("fr")
		told[fr] = true
		said := regexp.MustCompile(`"[^"]*"|<[^>]*>|--[a-z-]+(=\S+)?|(: )?strconv.*|: time: .*|\(see .*`).ReplaceAllString(strings.TrimSuffix(fr, " (voir choriste --help)"), "")
		if m := regexp.MustCompile(`(?i)\b(expected|unexpected|unknown|must|missing|the|but|got|did|you|mean|value|one of)\b`).FindString(said); m != "" {
			t.Errorf("%v: %q in %s", line, m, fr)
		}
	}
	if len(told) < 80 {
		t.Errorf("%d mistakes were told", len(told))
	}
	long := strings.Repeat("a b: ", 100_000)
	status, _, errOut := command(t, nil, "list", "--lang", "fr", long) // in no time
	if status != 2 || !strings.HasPrefix(errOut, "choriste: argument inattendu") {
		t.Errorf("%d %.100s", status, errOut)
	}
}

// ownErrors are the texts of the errors that the package's files make for people, each % for a value, and where.
func ownErrors(t *testing.T) map[string]string {
	t.Helper()
	files := token.NewFileSet()
	packages, err := parser.ParseDir(files, ".", func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }, 0) //nolint:staticcheck // one directory, without build tags that matter
	if err != nil {
		t.Fatal(err)
	}
	consts := map[string]string{}
	var text func(ast.Expr) (string, bool)
	text = func(e ast.Expr) (string, bool) {
		switch e := e.(type) {
		case *ast.BasicLit:
			if e.Kind != token.STRING {
				return "", false
			}
			return constant.StringVal(constant.MakeFromLiteral(e.Value, e.Kind, 0)), true
		case *ast.Ident:
			s, known := consts[e.Name]
			return s, known
		case *ast.BinaryExpr:
			a, one := text(e.X)
			b, other := text(e.Y)
			if !one && !other {
				return "", false
			}
			if !one {
				a = "\x00"
			}
			if !other {
				b = "\x00"
			}
			return a + b, true
		}
		return "", false
	}
	found := map[string]string{}
	for _, round := range []string{"constants", "errors"} {
		for _, file := range packages["main"].Files {
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.ValueSpec:
					for k, name := range n.Names {
						if k < len(n.Values) {
							if s, ok := text(n.Values[k]); ok {
								consts[name.Name] = s
							}
						}
					}
				case *ast.CallExpr:
					f, ok := n.Fun.(*ast.SelectorExpr)
					if !ok || round == "constants" {
						return true
					}
					of, _ := f.X.(*ast.Ident)
					at, formatted := -1, false
					switch {
					case of != nil && of.Name == "errors" && f.Sel.Name == "New":
						at = 0
					case of != nil && of.Name == "fmt" && f.Sel.Name == "Errorf":
						at, formatted = 0, true
					case f.Sel.Name == "wrong" && len(n.Args) > 1: // of a file of settings
						at, formatted = 1, true
					}
					if at < 0 {
						return true
					}
					s, ok := text(n.Args[at])
					if !ok {
						return true // what another error says
					}
					if formatted {
						s = regexp.MustCompile(`%(\[\d\])?[0-9+]*[a-z]`).ReplaceAllString(s, "\x00")
						s = strings.ReplaceAll(s, "%%", "%")
					}
					if inWords.MatchString(saidAsIs.ReplaceAllString(s, "")) {
						found[s] = files.Position(n.Pos()).String()
					}
				}
				return true
			})
		}
	}
	return found
}

// What the commands say of a mistake, and of what is wrong with the settings, is known in French, and the table has nothing that nobody says.
func TestErrorsOfTheProgramInFrench(t *testing.T) {
	found := ownErrors(t)
	if len(found) < 150 {
		t.Fatalf("%d errors were read", len(found))
	}
	for _, text := range slices.Sorted(maps.Keys(found)) {
		if french.MatchString(text) {
			continue
		}
		values, n := text, 0
		for strings.Contains(values, "\x00") {
			n++
			values = strings.Replace(values, "\x00", "V"+strconv.Itoa(n), 1)
		}
		for _, before := range []string{"", "CHORISTE_SETTING ", "/etc/choriste/accounts.yaml:7: "} {
			fr := frenchOf(before + values)
			if fr == before+values {
				t.Errorf("%s: not in French: %s", found[text], strings.ReplaceAll(text, "\x00", "%"))
				break
			}
			for k := range n {
				if !strings.Contains(fr, fmt.Sprintf("V%d", k+1)) {
					t.Errorf("%s: a value is lost: %s", found[text], fr)
				}
			}
		}
	}
	for _, pair := range errorsInFrench[slices.IndexFunc(errorsInFrench[:], func(p [2]string) bool { return p[0] == firstOfOurs }):] {
		inner := regexp.MustCompile(strings.ReplaceAll(regexp.QuoteMeta(pair[0]), "%", "(.*?)") + `($|; )`) // perhaps within another
		if !slices.ContainsFunc(slices.Collect(maps.Keys(found)), inner.MatchString) {
			t.Errorf("nobody says: %s", pair[0])
		}
		if strings.Count(pair[0], "%") != strings.Count(pair[1], "%") {
			t.Errorf("other values in French: %s", pair[0])
		}
	}
}

// french are texts that are in both languages in the source.
var french = regexp.MustCompile(`^(non classé|unclassified:)`)

// inWords has what must be said in a language; names of settings, flags and places are said as they are.
var (
	inWords  = regexp.MustCompile(`[a-z]{2}`)
	saidAsIs = regexp.MustCompile(`--[a-z-]+|^webhook `)
)

const firstOfOurs = "the name of a file is empty"
