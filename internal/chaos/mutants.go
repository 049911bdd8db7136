package chaos

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/choriste/choriste/crash"
)

// A mutant is a mistake that is put into the product on purpose (package crash), the circumstances in which it does harm, and the invariants that show it.
// In the same circumstances without the mistake every invariant holds: Teeth tries both.
type mutant struct {
	Name    string
	About   string
	Shown   []string // one of these suffices
	arrange func(*Config)
	patch   string // the mistake as mutants/NAME.patch, or several with commas between; empty: it stands in the product (package crash)
	sql     string // the mistake as a change of the schema
	outside bool   // the mistake is not in the product but in the world: there is nothing to try without it
}

// fault is a line for the simulator's POST /faults.
type fault map[string]any

// times makes the next n deposits go wrong.
func times(n int, kind string) fault { return fault{"kind": kind, "times": n} }

var mutants = []mutant{
	{Name: crash.NoIntent, About: "deposits before it has written so", Shown: []string{"I7"}},
	{Name: crash.PlainRetry, About: "sends again whatever the outcome was", Shown: []string{"I1", "I4", "I11"}, arrange: func(c *Config) {
		c.script = []fault{times(20, "commit_then_500")}
	}},
	{Name: crash.NoFence, About: "sends however late it is", Shown: []string{"I1", "I10"}, arrange: func(c *Config) {
		c.crash = "afterT1=pause:20:12s"
	}},
	{Name: crash.HorizonShort, About: "sends again before the horizon", Shown: []string{"I1", "I11"}, arrange: func(c *Config) {
		// Looked up often enough to have three empty searches long before it.
		c.script, c.lookAfter = []fault{times(20, "drop_before_commit")}, 20*time.Millisecond
	}},
	{Name: crash.FirstEmpty, About: "takes the first empty search for a proof", Shown: []string{"I1", "I11"}, arrange: func(c *Config) {
		c.script = []fault{times(20, "drop_before_commit")}
	}},
	{Name: crash.TimeoutNotSent, About: "takes silence for 'not sent'", Shown: []string{"I1", "I4", "I11"}, arrange: func(c *Config) {
		c.script = []fault{times(20, "commit_then_drop")}
	}},
	{Name: crash.NoCompareAndSet, About: "claims a row without looking whether it is still ready", Shown: []string{"I1", "I11"}, arrange: func(c *Config) {
		// The first job dozes off before T1 until its lease is over and another one has the row in the air.
		c.Workers, c.Invoices, c.crash = 1, 1, "beforeT1=pause:1:5500ms"
		c.script = []fault{times(1, "hang_after_commit")}
	}},
	{Name: crash.NoQuarantine, About: "trusts a database that has forgotten", Shown: []string{"I1"}, arrange: func(c *Config) {
		c.Faults, c.Invoices = "rewind-standby", 100
	}},
	{Name: crash.LateLanding, About: "D does not hold, and nothing else protects", Shown: []string{"I1"}, outside: true, arrange: func(c *Config) {
		c.script, c.Duration = []fault{times(10, "late_after_D")}, 25*time.Second
	}},
	{Name: crash.DuplicateRejects, About: "takes the refusal of a duplicate for the refusal of the invoice", Shown: []string{"I3"}, arrange: func(c *Config) {
		c.Uniqueness, c.special = "on", kindTyped
	}},
	{Name: crash.DefaultTransport, About: "Go's HTTP client as it comes", Shown: []string{"I8"}},
	{Name: crash.LooseDecode, About: "takes any 200 for success", Shown: []string{"I2"}, arrange: func(c *Config) {
		c.script = []fault{times(3, "html_200"), times(3, "commit_then_empty_json")}
	}},
	{Name: crash.NoUniqueIndex, About: "two rows for one number: the index is dropped", Shown: []string{"I1"}, arrange: func(c *Config) {
		c.special = kindTwin
	}},
	{Name: crash.T2Swallowed, About: "forgets the result of a deposit now and then", Shown: []string{"W"}},
	{Name: crash.PlainTokens, About: "x/oauth2's own source of tokens: a refused one is used on", Shown: []string{"T", "L"}, arrange: func(c *Config) {
		c.script = []fault{times(1, "401_token")}
	}},
	{Name: crash.ErrorNotSnooze, About: "an outage burns attempts until the row is given up", Shown: []string{"L"}, arrange: func(c *Config) {
		c.outage, c.Duration = 15*time.Second, 20*time.Second
	}},
	{Name: crash.NoReaper, About: "nobody looks after silent deposits", Shown: []string{"I5", "I12", "L"}, arrange: func(c *Config) {
		c.Faults, c.Duration, c.Invoices = "kill", 15*time.Second, 1000
	}},
	{Name: crash.NoWitness, About: "an empty search counts whatever it can see", Shown: []string{"I11"}, arrange: func(c *Config) {
		c.script, c.integration, c.patience = []fault{times(20, "drop_before_commit")}, 24*time.Second, 100*time.Second
	}},
	{Name: crash.EvidenceConditional, About: "drops what a late owner knows", Shown: []string{"W"}, arrange: func(c *Config) {
		c.crash = "beforeT2=pause:20:8s"
	}},
	{Name: crash.NoDrain, About: "exits without waiting for answers", Shown: []string{"W"}, arrange: func(c *Config) {
		c.Faults, c.Duration, c.Invoices = "term", 25*time.Second, 2000
	}},
	{Name: "N1-readyz-yes", About: "says ready whatever it cannot do", Shown: []string{"R"}, patch: "N1-readyz-yes", arrange: func(c *Config) {
		c.Faults, c.Invoices = "blackhole-database", 100
	}},
	{Name: "N2-no-portal-witness", About: "asks the portal nothing when no worker was alive", Shown: []string{"I1", "Q"}, patch: "N2-no-portal-witness", arrange: func(c *Config) {
		c.Faults, c.Invoices, c.stateless = "rewind-copy", 100, true
	}},
	{Name: "N3-no-identity", About: "does not look which database it is", Shown: []string{"I1", "Q"}, patch: "N3-no-identity", arrange: func(c *Config) {
		c.Faults, c.Invoices, c.stateless = "rewind-restore", 100, true
		c.integration, c.visibility, c.patience = 15*time.Second, 16*time.Second, 120*time.Second // the portal does not show yet what was forgotten
	}},
	{Name: "N4-no-state-file", About: "does not read what was kept outside the database", Shown: []string{"I1", "Q"}, patch: "N4-no-state-file", arrange: func(c *Config) {
		c.Faults, c.Invoices = "rewind-copy", 100
		c.integration, c.visibility, c.patience = 15*time.Second, 16*time.Second, 120*time.Second
	}},
	{Name: "N5-no-deadline", About: "waits for the database for ever", Shown: []string{"B", "R"}, patch: "N5-no-deadline,N5-no-loop-deadline,N5-no-restart", arrange: func(c *Config) {
		c.Faults, c.Invoices = "blackhole-database", 100
	}},
	{Name: "N6-any-metadata", About: "takes any metadata", Shown: []string{"P"}, sql: `
		CREATE OR REPLACE FUNCTION chorus.legible(j jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT true';`, arrange: func(c *Config) {
		c.Faults, c.Invoices = "poison-rows", 100
	}},
	{Name: "N7-no-inflate-bound", About: "inflates whatever a PDF holds", Shown: []string{"M"}, patch: "N7-no-inflate-bound", arrange: func(c *Config) {
		c.Faults, c.Invoices = "poison-rows", 100
	}},
	{Name: "N8-deaths-not-counted", About: "reads what killed it again and again", Shown: []string{"P"}, patch: "N7-no-inflate-bound,N8-deaths-not-counted", arrange: func(c *Config) {
		c.Faults, c.Invoices, c.most = "poison-rows", 100, 2<<30
	}},
	{Name: "N10-blind", About: "takes an index that is down for an empty one", Shown: []string{"I1"}, patch: "N10-blind", arrange: func(c *Config) {
		c.Faults, c.Invoices = "blank", 100
	}},
	{Name: "N9-no-row-bound", About: "reads every byte and row of an answer", Shown: []string{"M"}, patch: "N9-no-row-bound,N9-no-byte-bound", arrange: func(c *Config) {
		c.Faults, c.Invoices = "poison-answers", 100
	}},
}

func mutantNamed(name string) *mutant {
	k := slices.IndexFunc(mutants, func(m mutant) bool { return m.Name == name })
	if k < 0 {
		return nil
	}
	return &mutants[k]
}

// PrintMutants lists the mistakes and what shows each.
func PrintMutants(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, m := range mutants {
		fmt.Fprintf(w, "%s\t%s\t%s\n", m.Name, m.About, strings.Join(m.Shown, " or "))
	}
	_ = w.Flush()
}

// as arranges the circumstances in which a mutant does harm: a calm portal, nothing but what the mutant needs.
func (c Config) as(m *mutant) Config {
	c.Mutant, c.shown, c.patch, c.sql = m.Name, m.Shown, m.patch, m.sql
	c.Profile, c.Policy, c.Uniqueness, c.Portal, c.Faults, c.Invoices, c.Duration = "calm", "once", "off", "simulator", "none", 400, 0
	c.loaded, c.patience, c.special = false, 60*time.Second, kindGood
	c.lookAfter = 100 * time.Millisecond // who jumps to conclusions is seen to do so
	if m.arrange != nil {
		m.arrange(&c)
	}
	return c
}

// Teeth runs every mutant, or the one of -mutant, and the same circumstances without it, and prints the table of docs/reliability.md. It returns 0 when
// all were noticed, each by an invariant that is meant to, and none of the circumstances alone was.
func Teeth(ctx context.Context, cfg Config, stdout, stderr io.Writer) int {
	caught, wrong, tried := 0, 0, 0
	if cfg.Bin == "" {
		bin, err := os.MkdirTemp("", "choriste-chaos-bin-")
		if err == nil {
			defer func() { _ = os.RemoveAll(bin) }()
			cfg.Bin, err = bin, buildPrograms(ctx, bin, cfg.Race, clockPatch)
		}
		if err != nil {
			fmt.Fprintf(stderr, "chaos: %v\n", err)
			return 1
		}
	}
	held := map[string]string{} // what came of circumstances that several mutants share
	fmt.Fprintf(stdout, "| mutant | the mistake | shown by | without the mistake | last caught |\n|---|---|---|---|---|\n")
	for _, m := range mutants {
		if cfg.Mutant != "" && cfg.Mutant != m.Name {
			continue
		}
		tried++
		one := cfg.as(&m)
		plain := cfg.Bin
		if m.patch != "" {
			one.Bin = "" // built with the mistake
		}
		if cfg.Keep != "" {
			one.Keep = fmt.Sprintf("%s/%s", cfg.Keep, m.Name)
		}
		by, when := "**nothing**", "never"
		rep, err := execute(ctx, one, stderr)
		switch {
		case err != nil:
			by = err.Error()
		case len(rep.caughtBy(m.Shown)) > 0:
			caught++
			by, when = strings.Join(rep.caughtBy(m.Shown), ", "), time.Now().UTC().Format(time.DateOnly)
		}
		control := "there is none"
		if !m.outside {
			keep := one.Keep
			one.Mutant, one.shown, one.patch, one.sql, one.Bin, one.Keep = "", nil, "", "", plain, ""
			same := fmt.Sprintf("%+v", one)
			if keep != "" {
				one.Keep = keep + "-without"
			}
			if control = held[same]; control == "" {
				control = without(ctx, one, stderr)
				held[same] = control
			}
			if control != "held" {
				wrong++
			}
		}
		fmt.Fprintf(stdout, "| `%s` | %s | %s | %s | %s |\n", m.Name, m.About, by, control, when)
		if ctx.Err() != nil {
			return 1
		}
	}
	fmt.Fprintf(stdout, "\nmutants caught %d/%d\n", caught, tried)
	if caught < tried || wrong > 0 {
		return 1
	}
	return 0
}

// without tries the circumstances alone, and says "held" or what did not.
func without(ctx context.Context, cfg Config, progress io.Writer) string {
	rep, err := execute(ctx, cfg, progress)
	switch {
	case err != nil:
		return err.Error()
	case !rep.Passed:
		return "**failed**: " + strings.Join(rep.names(), ", ")
	}
	return "held"
}

// caughtBy lists the violated invariants that are meant to show a mutant.
func (r *report) caughtBy(shown []string) []string {
	return slices.DeleteFunc(r.names(), func(name string) bool { return !slices.Contains(shown, name) })
}

// names lists what made the run fail.
func (r *report) names() []string {
	var all []string
	for _, v := range r.Violations {
		all = append(all, v.Invariant)
	}
	return append(all, r.Problems...)
}
