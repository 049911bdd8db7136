package main

import (
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/choriste/choriste/internal/visible"
)

// environ are the names, with values, of all that getenv may know; a test adds some.
var environ = os.Environ

// ours are the beginnings of the names of our settings.
var ours = regexp.MustCompile(`(?i)^(CHORISTE|CHORUS|PISTE)_`)

// othersNames are those that Kubernetes gives to every container where a service is called choriste or chorus.
var othersNames = regexp.MustCompile(`_(SERVICE_(HOST|PORT.*)|PORT(_[0-9]+_.*)?)$`)

// unknown are variables that look like settings and are none, each with the setting that was probably meant: a typing mistake would go unnoticed.
func unknown(getenv func(string) string) []string {
	var set []string
	for _, e := range environ() {
		if name, _, _ := strings.Cut(e, "="); getenv(name) != "" {
			set = append(set, name)
		}
	}
	return unknownOf(set)
}

// unknownOf are those of these names.
func unknownOf(set []string) (list []string) {
	names := []string{"CHORISTE_CRASH", "CHORISTE_MUTANT"} // of tests
	for _, t := range table {
		names = append(names, t.name)
		if t.secret {
			names = append(names, t.name+"_FILE")
		}
	}
	for _, name := range set {
		if !ours.MatchString(name) || slices.Contains(names, name) || othersNames.MatchString(name) {
			continue
		}
		nearest, least := "", len(name)
		for _, n := range names {
			if d := distance(strings.ToUpper(name), n); d < least {
				nearest, least = n, d
			}
		}
		text := visible.Short(name)
		if least <= 4 {
			text += " (is " + nearest + " meant?)"
		}
		list = append(list, text)
	}
	slices.Sort(list)
	return list[:min(len(list), mostUnknown)]
}

// mostUnknown bounds what is said.
const mostUnknown = 10

// distance is how many letters must be put in, left out or changed to make b of a.
func distance(a, b string) int {
	a = a[:min(len(a), 2*visible.MostShort)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
