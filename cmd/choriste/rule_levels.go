package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/choriste/choriste/invoice/rules"
	"github.com/choriste/choriste/operate"
)

// Which rules stop an invoice is a setting: CHORISTE_RULES for every account, and `rules` of an account in CHORISTE_ACCOUNTS_FILE over it.

// levels are severities by the code of a rule.
type levels map[string]rules.Severity

// over are these levels, and above them those of one account.
func (l levels) over(account levels) levels {
	if len(account) == 0 {
		return l
	}
	both := maps.Clone(account)
	for code, s := range l {
		if _, set := account[code]; !set {
			both[code] = s
		}
	}
	return both
}

// readLevels reads the value of CHORISTE_RULES, as CH-CADRE=warning,BR-CO-10=off.
func readLevels(v string) (levels, error) {
	l := levels{}
	var problems []error
	for part := range strings.SplitSeq(v, ",") {
		code, level, both := strings.Cut(strings.TrimSpace(part), "=")
		code = strings.TrimSpace(code)
		if !both || code == "" {
			problems = append(problems, errors.New("must be CODE=LEVEL, separated by commas, as CH-CADRE=warning"))
			continue
		}
		if err := l.set(code, strings.TrimSpace(level)); err != nil {
			problems = append(problems, err)
		}
	}
	return l, errors.Join(problems...)
}

// set takes the level of one rule.
func (l levels) set(code, level string) error {
	known := ruleCodes()
	if _, twice := l[code]; twice {
		return fmt.Errorf("names the rule %s twice", code)
	}
	if _, found := slices.BinarySearch(known, code); !found {
		return fmt.Errorf("names a rule that there is not, %q: the nearest is %s (docs/rules.md has all)", cutText(code, 40), operate.Nearest(cutText(code, 40), known))
	}
	if rules.Fixed(code) {
		return fmt.Errorf("names %s, which no setting changes: such an invoice cannot be read, or is not this account's to send", code)
	}
	switch s := rules.Severity(level); s {
	case rules.Error, rules.Warning, rules.Off:
		l[code] = s
		return nil
	default:
		return fmt.Errorf("gives the rule %s a level that is none of error, warning, off", code)
	}
}

// ruleCodes are the codes of all rules, sorted.
func ruleCodes() []string {
	var codes []string
	for _, r := range rules.Rules() {
		codes = append(codes, r.Code)
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

func cutText(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// levels reads the rules of an account: a mapping of codes to levels.
func (f *yamlFile) levels(key string, into *levels) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.MappingNode {
			f.wrong(n, "%s must be a mapping of codes to error, warning or off", key)
			return
		}
		*into = levels{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if err := into.set(n.Content[i].Value, n.Content[i+1].Value); err != nil {
				f.refuse(n.Content[i], key, err)
			}
		}
	}
}

// levelsOf finds the levels of an account for commands that need no more of the settings, and none of the secrets. known: the account is in the file, or needs none.
func levelsOf(getenv func(string) string, account string) (l levels, known bool, err error) {
	s, err := load(getenv, "CHORISTE_RULES")
	if err != nil {
		return nil, false, err
	}
	f := yamlFile{path: getenv("CHORISTE_ACCOUNTS_FILE"), getenv: getenv}
	if f.path == "" {
		return s.Rules, account == defaultName, nil
	}
	known = account == defaultName
	skip := func(*yaml.Node) {}
	f.document("CHORISTE_ACCOUNTS_FILE", map[string]func(*yaml.Node){"applications": skip, "accounts": func(n *yaml.Node) {
		for _, entry := range f.list(n, "accounts") {
			var name string
			var own levels
			f.fields(entry, "an account", map[string]func(*yaml.Node){
				"name": f.text("name", &name), "rules": f.levels("rules", &own),
				"application": skip, "login": skip, "password_file": skip, "weight": skip, "cpro_account": skip, "suppliers": skip,
			})
			if name == account {
				l, known = s.Rules.over(own), true
			}
		}
	}})
	if l == nil {
		l = s.Rules
	}
	return l, known, errors.Join(f.problems...)
}
