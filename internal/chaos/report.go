package chaos

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// report is what a run found.
type report struct {
	Seed       uint64 `json:"seed"`
	Commit     string `json:"commit"` // of the working directory; with + when it holds more
	Invoices   int    `json:"invoices"`
	Workers    int    `json:"workers"`
	Profile    string `json:"profile"`
	Policy     string `json:"policy"`
	Uniqueness string `json:"uniqueness"`
	Portal     string `json:"portal"`
	Mutant     string `json:"mutant,omitempty"`
	Naive      bool   `json:"naive,omitempty"`

	Passed     bool        `json:"passed"`
	Violations []violation `json:"violations"`
	Problems   []string    `json:"problems"`
	Line       line        `json:"line"`
	Doubt      doubt       `json:"doubt"`

	Samples           int            `json:"samples"`
	SlowestSample     float64        `json:"slowest_sample_seconds"`
	StormSeconds      float64        `json:"storm_seconds"`
	EpisodeSeconds    float64        `json:"episode_seconds"`
	SettleSeconds     float64        `json:"settle_seconds"`
	DepositsPerSecond float64        `json:"deposits_per_second"`
	PlainPerSecond    float64        `json:"plain_transactions_per_second"`
	MaxRate           int            `json:"max_requests_in_a_second"`
	Overrun           int            `json:"answered_429_without_a_fault"`
	InsertsRetried    int            `json:"inserts_retried"`
	KillToVisible     timing         `json:"kill_to_visible"`
	TermToExit        timing         `json:"sigterm_to_exit"`
	BackToDeposit     timing         `json:"database_back_to_deposit"`
	Episodes          []outcome      `json:"episodes"`
	PeakMemoryMiB     float64        `json:"peak_memory_mib"`
	Harm              map[string]int `json:"harm"`
	Skipped           []string       `json:"skipped"`
	Weather           map[string]int `json:"weather"`
	Transitions       map[string]int `json:"transitions"`
	Artefacts         string         `json:"artefacts,omitempty"`
}

// line is the Jepsen line: attempted = deposited + recovered + parked + rejected + open + lost + not acknowledged.
type line struct {
	Attempted    int `json:"attempted"`
	Acknowledged int `json:"acknowledged"`
	Deposited    int `json:"deposited"`
	Recovered    int `json:"recovered"` // deposited after doubt or more than one attempt
	Parked       int `json:"parked"`
	Rejected     int `json:"rejected"` // or invalid, or cancelled
	Open         int `json:"open"`
	Lost         int `json:"lost"`
	Duplicated   int `json:"duplicated"`
	Detected     int `json:"duplicated_detected"` // of these, waiting for a person
}

type doubt struct {
	Created       int     `json:"created"`
	Adopted       int     `json:"adopted"`
	Absent        int     `json:"proven_absent"`
	Parked        int     `json:"parked"`
	OldestSeconds float64 `json:"oldest_seconds"`
}

// outcome is what came of one episode, in seconds.
type outcome struct {
	Name    string   `json:"name"`
	Took    float64  `json:"took"`
	Noticed *float64 `json:"noticed,omitempty"` // until the quarantine, after a rewind
	Back    *float64 `json:"back"`              // until deposits flowed again; null: never
	Allowed float64  `json:"allowed"`
}

// timing is in seconds.
type timing struct {
	N      int     `json:"n"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

// The bars of the issue, in seconds.
const (
	mostToVisible = 30 + 2 // T_http on top
	mostToExit    = 30
	mostToDeposit = 10
	sometimes     = 30 // times that each fault must have struck in a long run
)

// verdict says whether the run passed. A run without enough load proves nothing and does not pass.
func (r *report) verdict(cfg Config) {
	problem := func(format string, args ...any) { r.Problems = append(r.Problems, fmt.Sprintf(format, args...)) }
	if least := r.PlainPerSecond / plainPerDeposit; !cfg.Untimed && cfg.loaded && r.DepositsPerSecond < least {
		problem("void: %.0f deposits a second, at least %.0f are needed: one for each %d plain transactions of this machine", r.DepositsPerSecond, least, plainPerDeposit)
	}
	sum := r.Line.Deposited + r.Line.Recovered + r.Line.Parked + r.Line.Rejected + r.Line.Open + r.Line.Lost
	if r.Line.Acknowledged != sum {
		problem("%d inserts were acknowledged, %d are accounted for", r.Line.Acknowledged, sum)
	}
	if r.Line.Lost > 0 {
		problem("%d invoices are lost", r.Line.Lost)
	}
	for _, bar := range []struct {
		what string
		took float64
		most float64
	}{
		{"from a kill to the rows that say so", r.KillToVisible.Max, mostToVisible},
		{"from SIGTERM to the exit", r.TermToExit.Max, mostToExit},
		{"from the database's return to a deposit", r.BackToDeposit.Max, mostToDeposit},
	} {
		if !cfg.Untimed && bar.took > bar.most {
			problem("%s: %.1f s, at most %.0f s are allowed", bar.what, bar.took, bar.most)
		}
	}
	chosen, _ := cfg.faults()
	for _, name := range FaultNames() {
		least := 1
		if cfg.Duration.Minutes() >= 8 && slices.Contains(stormNames, name) {
			least = sometimes
		}
		if chosen[name] && cfg.Mutant == "" && r.Harm[name] < least {
			problem("%s struck %d times, at least %d are needed", name, r.Harm[name], least)
		}
	}
	if cfg.Profile == "late" {
		r.verdictLate(problem)
	}
	r.Passed = len(r.Violations) == 0 && len(r.Problems) == 0
}

// verdictLate judges a run in which deposits land later than the workers are told: what is promised then is not that nothing is accepted twice, but
// that somebody hears of it.
func (r *report) verdictLate(problem func(string, ...any)) {
	r.Violations = slices.DeleteFunc(r.Violations, func(v violation) bool { return slices.Contains([]string{"I1", "I6", "L"}, v.Invariant) })
	switch l := r.Line; {
	case l.Duplicated == 0:
		problem("void: nothing landed late enough")
	case l.Detected < l.Duplicated:
		problem("%d of %d invoices that were accepted twice were not noticed", l.Duplicated-l.Detected, l.Duplicated)
	case l.Open > 0:
		problem("%d rows are still open", l.Open)
	}
}

// print writes the report for people.
func (r *report) print(out io.Writer) {
	for _, v := range r.Violations {
		fmt.Fprintf(out, "%s VIOLATED %d times: %s\n", v.Invariant, v.Rows, aboutInvariant(v.Invariant))
		for _, s := range v.Samples[:min(len(v.Samples), 5)] {
			fmt.Fprintf(out, "    %s\n", s)
		}
	}
	for _, p := range r.Problems {
		fmt.Fprintf(out, "PROBLEM %s\n", p)
	}
	l := r.Line
	fmt.Fprintf(out, "attempted %d  acknowledged %d  deposited %d  lost %d  duplicated %d  recovered %d  parked %d  rejected %d\n",
		l.Attempted, l.Acknowledged, l.Deposited, l.Lost, l.Duplicated, l.Recovered, l.Parked, l.Rejected)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(what, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", what, fmt.Sprintf(format, args...)) }
	row("accepted twice", "%d, of which %d were noticed and wait for a person", l.Duplicated, l.Detected)
	row("lost", "%d", l.Lost)
	row("doubt", "%d created, %d adopted, %d proven absent, %d parked, oldest %.1f s", r.Doubt.Created, r.Doubt.Adopted, r.Doubt.Absent, r.Doubt.Parked, r.Doubt.OldestSeconds)
	row("from a kill to the rows that say so", "%s", r.KillToVisible)
	row("from SIGTERM to the exit", "%s", r.TermToExit)
	row("from the database's return to a deposit", "%s", r.BackToDeposit)
	row("deposits a second outside outages and pauses", "%.0f, where the machine makes %.0f plain transactions", r.DepositsPerSecond, r.PlainPerSecond)
	row("most requests in a second", "%d, %d answered 429 without a fault", r.MaxRate, r.Overrun)
	row("harm done", "%s", tally(r.Harm))
	for _, e := range r.Episodes {
		row(e.Name, "%s", e)
	}
	for _, s := range r.Skipped {
		row("not met", "%s", s)
	}
	row("most memory of a worker", "%.0f MiB", r.PeakMemoryMiB)
	row("weather survived", "%s", tally(r.Weather))
	row("transitions taken", "%d kinds", len(r.Transitions))
	row("time", "%.0f s of storm, %.0f s of episodes, %.0f s until all had ended, %d samples, the slowest in %.1f s", r.StormSeconds, r.EpisodeSeconds, r.SettleSeconds, r.Samples, r.SlowestSample)
	_ = w.Flush()
	verdict := "every invariant held"
	if !r.Passed {
		verdict = "FAILED"
	}
	fmt.Fprintf(out, "seed %d: %s\n", r.Seed, verdict)
}

func (o outcome) String() string {
	text := fmt.Sprintf("%.1f s, deposits again ", o.Took)
	if o.Back == nil {
		text += "NEVER"
	} else {
		text += fmt.Sprintf("after %.1f s", *o.Back)
	}
	text += fmt.Sprintf(" (at most %.0f s)", o.Allowed)
	if o.Noticed != nil {
		text += fmt.Sprintf(", noticed after %.1f s", *o.Noticed)
	}
	return text
}

func (t timing) String() string {
	if t.N == 0 {
		return "never measured"
	}
	return fmt.Sprintf("%.1f s (median), %.1f s (most), of %d", t.Median, t.Max, t.N)
}

func tally(counts map[string]int) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(all, ", ")
}

func aboutInvariant(name string) string {
	if k := position(name); k >= 0 {
		return invariants[k].About
	}
	return ""
}
