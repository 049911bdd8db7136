package rules

import (
	_ "embed"
	"strings"
)

// codesText holds the code lists that EN 16931 names, in the state of 2026-03: a section for each, its name in brackets.
//
//go:embed codes.txt
var codesText string

// codes is one code list.
type codes map[string]bool

func (c codes) Has(code string) bool { return c[code] }

// and is a list with more codes.
func (c codes) and(more ...string) codes {
	all := make(codes, len(c)+len(more))
	for code := range c {
		all[code] = true
	}
	for _, code := range more {
		all[code] = true
	}
	return all
}

var codeLists = readCodes(codesText)

func readCodes(text string) map[string]codes {
	lists := map[string]codes{}
	var list codes
	for line := range strings.Lines(text) {
		if name, ok := strings.CutPrefix(line, "["); ok {
			name, _, _ = strings.Cut(name, "]")
			list = codes{}
			lists[name] = list
			continue
		}
		for _, code := range strings.Fields(line) {
			list[code] = true
		}
	}
	return lists
}

var (
	currencies = codeLists["currencies"]
	icd        = codeLists["identifiers"]
	countries  = codeLists["countries"]
	vatCodes   = codes{"AE": true, "L": true, "M": true, "E": true, "S": true, "Z": true, "G": true, "O": true, "K": true, "B": true}
	mimeTypes  = codes{
		"application/pdf": true, "image/png": true, "image/jpeg": true, "text/csv": true,
		"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": true, "application/vnd.oasis.opendocument.spreadsheet": true,
	}
)
