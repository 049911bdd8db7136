package store

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Whatever the schema says to people is known in French, with the same values. What only our own statements or hand-written SQL can break (CH001 to CH003, CH005) is not said by a command or a page.
func TestRefusalsInFrench(t *testing.T) {
	schema, err := os.ReadFile("../migrations/schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	const literals = `((?:'(?:[^']|'')*'\s*)+)`
	raised := regexp.MustCompile(`RAISE EXCEPTION\s+`+literals+`[^;]*?ERRCODE = '(CH\d+)'`).FindAllSubmatch(schema, -1)
	function := func(name string) string {
		_, body, _ := strings.Cut(string(schema), "FUNCTION chorus."+name+"(")
		body, _, _ = strings.Cut(body, "$function$\n;")
		return body
	}
	returned := regexp.MustCompile(`RETURN (?:format\()?`+literals).FindAllStringSubmatch(function("why_not_resolve")+function("purge_waits")+function("month_waits"), -1)
	if len(raised) < 100 || len(returned) < 13 {
		t.Fatalf("%d exceptions and %d refusals were read", len(raised), len(returned))
	}
	said := map[string]bool{}
	text := func(literals string) string {
		var all strings.Builder
		for _, l := range regexp.MustCompile(`'((?:[^']|'')*)'`).FindAllStringSubmatch(literals, -1) {
			all.WriteString(l[1])
		}
		return strings.ReplaceAll(all.String(), "''", "'")
	}
	for _, r := range raised {
		if code, s := string(r[2]), text(string(r[1])); !slices.Contains([]string{"CH001", "CH002", "CH003", "CH005"}, code) && s != "%" { // one is a refusal of the second kind
			said[s] = true
		}
	}
	for _, r := range returned {
		if s := strings.ReplaceAll(text(r[1]), "%s", "%"); s == "invoice %: %; accept it, or abandon it with override" {
			said["invoice %: attempt % was accepted as %; accept it, or abandon it with override"] = true
		} else {
			said[s] = true
		}
	}
	for _, pair := range inFrench {
		if !said[pair[0]] {
			t.Errorf("nothing in the schema says: %s", pair[0])
		}
		delete(said, pair[0])
		if strings.Count(pair[0], "%") != strings.Count(pair[1], "%") {
			t.Errorf("other values in French: %s", pair[0])
		}
		en, fr := pair[0], pair[1]
		for _, value := range []string{"7", "100 % (of it)", "F-1: a, b", "x\ny"} {
			en, fr = strings.Replace(en, "%", strings.ReplaceAll(value, "%", "\x00"), 1), strings.Replace(fr, "%", strings.ReplaceAll(value, "%", "\x00"), 1)
		}
		en, fr = strings.ReplaceAll(en, "\x00", "%"), strings.ReplaceAll(fr, "\x00", "%")
		if got, known := InFrench(en); !known || got != fr {
			t.Errorf("%s\n is %s\n not %s", en, got, fr)
		}
	}
	for s := range said {
		t.Errorf("not in French: %s", s)
	}
	if got, known := InFrench("something else"); known || got != "something else" {
		t.Errorf("%q %v", got, known)
	}
}
