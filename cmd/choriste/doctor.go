package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/choriste/choriste/egress"
	"github.com/choriste/choriste/internal/visible"
)

// doctorCmd looks for the layer of a set-up that is broken. It writes nothing to the database, deposits nothing, and asks the portal little enough to
// run beside working workers: docs/doctor.md.
type doctorCmd struct{}

func (c doctorCmd) Run(a *app) error {
	var failing error
	d := &doctor{ctx: a.ctx, getenv: a.getenv, report: func(r result) {
		if a.json {
			failing = cmp.Or(failing, a.print(r))
			return
		}
		_, _ = io.WriteString(a.out, r.text(a.lang))
	}}
	d.examine()
	if a.ctx.Err() != nil {
		return inBoth("interrupted: what is not reported was not checked", "interrompu : ce qui n'est pas rapporté n'a pas été vérifié")
	}
	end := d.summary()
	if a.json {
		failing = cmp.Or(failing, a.print(end))
	}
	if failing != nil || end.Healthy {
		return failing
	}
	return brokenError{end.Exit, fmt.Sprintf(says[a.lang].broken, strings.Join(end.Codes, ", "))}
}

// brokenError ends the program with the exit status of the lowest layer that is broken.
type brokenError struct {
	exit int
	text string
}

func (e brokenError) Error() string { return e.text }

// The statuses of a result.
const (
	statusOK        = "ok"
	statusWarn      = "warn"
	statusFail      = "fail"
	statusUnchecked = "unchecked" // a layer below is broken
)

// line names what one result is about: a layer and, where a layer has several parts, one of them.
type line struct{ layer, part string }

// result is one line of the report.
type result struct {
	Account string     `json:"account,omitempty"` // the portal is examined for each account
	Layer   string     `json:"layer"`
	Part    string     `json:"part,omitempty"`
	Status  string     `json:"status"`
	Code    string     `json:"code,omitempty"`
	Exit    int        `json:"exit_status,omitempty"` // that this failure leads to by itself
	Means   *bilingual `json:"means,omitempty"`
	Next    *bilingual `json:"next,omitempty"`
}

type bilingual struct {
	English string `json:"en"`
	French  string `json:"fr"`
}

func (b *bilingual) in(lang string) string {
	if lang == "fr" {
		return b.French
	}
	return b.English
}

// says are the words of the report that do not depend on a code.
var says = map[string]struct {
	status       map[string]string
	next, broken string
}{
	"en": {map[string]string{statusOK: "ok", statusWarn: "warn", statusFail: "FAIL", statusUnchecked: "-"}, "Next: ", "the set-up is broken: %s"},
	"fr": {map[string]string{statusOK: "ok", statusWarn: "avis", statusFail: "PANNE", statusUnchecked: "-"}, "À faire : ", "l'installation est défectueuse : %s"},
}

func (r result) text(lang string) string {
	words := says[lang]
	about := strings.TrimSpace(r.Layer + " " + r.Part)
	if r.Account != "" {
		about += " [" + r.Account + "]"
	}
	note := r.Code
	if r.Status == statusUnchecked {
		note = map[string]string{"en": "not checked", "fr": "non vérifié"}[lang]
	}
	s := strings.TrimRight(visible.Sprintf("%-6s%-36s %s", words.status[r.Status], about, note), " ") + "\n"
	if r.Means != nil {
		s += visible.Sprintf("      %s\n      %s%s\n", r.Means.in(lang), words.next, r.Next.in(lang))
	}
	return s
}

// found makes a result of a code of the table in doctor_texts.go. The arguments are the same in both languages.
func found(status, code string, args ...any) result {
	d, known := diagnoses[code]
	if !known {
		panic("doctor: no such code: " + code) // every code is tested
	}
	r := result{Layer: d.layer, Status: status, Code: code}
	r.Means = &bilingual{fmt.Sprintf(d.en.Means, args...), fmt.Sprintf(d.fr.Means, args...)}
	r.Next = &bilingual{d.en.Next, d.fr.Next}
	if status == statusFail {
		r.Exit = exitOf(d.layer)
	}
	return r
}

// doctor collects results in the order of the layers.
type doctor struct {
	ctx     context.Context //nolint:containedctx // of the command line
	getenv  func(string) string
	report  func(result)
	results []result
}

func (d *doctor) add(r result) {
	d.results = append(d.results, r)
	d.report(r)
}

func (d *doctor) ok(layer, part string) { d.add(result{Layer: layer, Part: part, Status: statusOK}) }

func (d *doctor) unchecked(lines ...line) {
	for _, l := range lines {
		d.add(result{Layer: l.layer, Part: l.part, Status: statusUnchecked})
	}
}

// summary is the last line of the JSON report.
type summary struct {
	Healthy bool     `json:"healthy"`
	Exit    int      `json:"exit_status"`
	Codes   []string `json:"codes"` // of the failures, each once
}

func (d *doctor) summary() summary {
	end := summary{Healthy: true, Codes: []string{}}
	for _, r := range d.results {
		if r.Status != statusFail {
			continue
		}
		if end.Exit == 0 || r.Exit < end.Exit {
			end.Exit = r.Exit
		}
		end.Healthy = false
		if !slices.Contains(end.Codes, r.Code) {
			end.Codes = append(end.Codes, r.Code)
		}
	}
	return end
}

var (
	databaseLines = []line{{layerDatabase, ""}, {layerRole, ""}, {layerMigration, ""}, {layerEnvironment, ""}, {layerClock, "database"}}
	wayLines      = []line{{layerNetwork, ""}, {layerClock, "portal"}}
)

// examine goes from the bottom up and stops where a layer below is broken. The database and the portal do not rest on each other, but the portal is
// left alone when the database belongs to the other one: nobody knows then whose secrets these are.
func (d *doctor) examine() {
	s, ok := d.settings()
	if !ok {
		d.unchecked(databaseLines...)
		d.unchecked(wayLines...)
		d.unchecked(accountLines...)
		return
	}
	known, right := d.database(s)
	if !right {
		d.unchecked(wayLines...)
	}
	var reached map[egress.Way]bool
	if right {
		reached = d.ways(s)
	}
	applications := map[string]*application{}
	for _, a := range s.Accounts {
		d.account(a, known[a.Name], applications, reached[a.Chorus.Way])
	}
}
