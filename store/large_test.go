package store_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A parameter that is compared with a number where it stands first is an int4 to PostgreSQL, unless it says otherwise: an id above 2,147,483,647 then cannot be sent. Such a place names its type.
func TestParametersNameTheirType(t *testing.T) {
	first := regexp.MustCompile(`\$(\d+)(::\w+)?( (?:=|<>|<|>|<=|>=) \d)?`)
	places := 0
	for _, dir := range []string{".", "../operate", "../jobs", "../worker", "../console", "../cmd/choriste"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			source, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for k, statement := range strings.Split(string(source), "`") {
				if k%2 == 0 {
					continue // between two
				}
				seen := map[string]bool{}
				for _, m := range first.FindAllStringSubmatch(statement, -1) {
					if !seen[m[1]] && m[2] == "" && m[3] != "" {
						t.Errorf("%s: $%s%s: of which type?", name, m[1], m[3])
					}
					places++
					seen[m[1]] = true
				}
			}
		}
	}
	if places < 100 {
		t.Errorf("%d parameters were read", places)
	}
}
