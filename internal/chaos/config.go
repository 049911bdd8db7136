// Package chaos is the fault harness: it runs choriste's workers as real processes against the simulator, does harm to them, to their database and to
// their network, and asks the database and the simulator's ledger whether the promises held (docs/reliability.md).
package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/choriste/choriste/internal/lab/naive"
)

// Config says what a run is like. Check completes and judges it.
type Config struct {
	Seed       uint64
	Invoices   int // 0: as many as the profile needs
	Workers    int
	Duration   time.Duration
	Profile    string
	Policy     string
	Uniqueness string // empty: as the seed says
	Quota      int
	Faults     string
	Mutant     string
	Portal     string
	Keep       string
	Bin        string
	Naive      bool
	Fsync      bool
	Race       bool
	Untimed    bool // judge no load and no times
	JSON       bool

	loaded      bool          // a run with few deposits a second says nothing
	patience    time.Duration // for everything to end once the faults are over
	shown       []string      // a mutant is found out by one of these: the run may end
	script      []fault       // for the portal, at the start
	outage      time.Duration // of the token endpoint, early on
	crash       string        // CHORISTE_CRASH of every worker
	special     string        // the kind of a tenth of the inserts, and no other
	patch       string        // a mistake that the workers are built with
	stateless   bool          // no worker keeps anything outside the database
	integration time.Duration // how long the portal takes to show anything
	visibility  time.Duration // V, as the workers are told it
	most        uint64        // bytes that a worker may have of the system; 0: as much as there is
	sql         string        // what is changed of the schema
	lookAfter   time.Duration // CHORISTE_RESOLVE_AFTER
}

// Child tells whether the program was started by the harness as one of the processes that it brings along. It has then run to its end with this status.
func Child(args []string) (status int, child bool) {
	if len(args) == 0 {
		return 0, false
	}
	switch args[0] {
	case naive.Command:
		return naive.Main(), true
	case foreignArg:
		return foreignPortal(args[1:]), true
	}
	return 0, false
}

// Run does one run, prints its report, and returns the exit status: 0 when every invariant holds, 1 when one does not or the run failed.
func Run(ctx context.Context, cfg Config, stdout, stderr io.Writer) int {
	if cfg.Mutant != "" {
		cfg = cfg.as(mutantNamed(cfg.Mutant))
	}
	rep, err := execute(ctx, cfg, stderr)
	if err != nil {
		fmt.Fprintf(stderr, "chaos: %v\n", err)
		return 1
	}
	if cfg.JSON {
		out := json.NewEncoder(stdout)
		out.SetEscapeHTML(false)
		if err := out.Encode(rep); err != nil {
			return 1
		}
	} else {
		rep.print(stdout)
	}
	if !rep.Passed {
		return 1
	}
	return 0
}

// Check fills in what was left open and says what is wrong.
func (c *Config) Check() error {
	c.loaded, c.patience, c.integration, c.visibility, c.lookAfter = true, 120*time.Second, 600*time.Millisecond, delay, 200*time.Millisecond
	oneOf := func(name, value string, of ...string) error {
		if slices.Contains(of, value) {
			return nil
		}
		return fmt.Errorf("-%s must be one of %s", name, strings.Join(of, ", "))
	}
	if c.Invoices == 0 {
		c.Invoices = 2000
		if c.Profile == "quota" {
			c.Invoices = 300
		}
	}
	if c.Invoices < 1 || c.Workers < 1 || c.Workers > 50 {
		return errors.New("-invoices and -workers must be at least 1, -workers at most 50")
	}
	if c.Uniqueness == "" {
		c.Uniqueness = []string{"on", "off"}[c.Seed%2]
	}
	switch c.Profile {
	case "quota":
		c.Quota, c.loaded = 20, false
		if c.Duration == 0 {
			c.Duration = time.Minute
		}
	case "late":
		c.Uniqueness, c.loaded = "off", false
		c.Duration = max(c.Duration, 30*time.Second) // something must have time to land
	}
	if c.Naive || c.Portal == "foreign" {
		c.loaded = false
	}
	var mutant error
	if c.Mutant != "" && mutantNamed(c.Mutant) == nil {
		mutant = fmt.Errorf("-mutant: there is no %q, see -list", c.Mutant)
	}
	_, faults := c.faults()
	return errors.Join(
		oneOf("profile", c.Profile, "calm", "hostile", "late", "quota"),
		oneOf("policy", c.Policy, "once", "never"),
		oneOf("uniqueness", c.Uniqueness, "on", "off"),
		oneOf("portal", c.Portal, "simulator", "foreign"),
		mutant, faults,
	)
}

// patches are those that the workers are built with.
func (c *Config) patches() []string {
	if c.patch == "" {
		return []string{clockPatch}
	}
	return append([]string{clockPatch}, strings.Split(c.patch, ",")...)
}

// horizon is H, docs/protocol.md §4.2.
func (c *Config) horizon() time.Duration { return tSend + delay + c.visibility }

// FaultNames lists what may be chosen in Config.Faults.
func FaultNames() []string {
	names := slices.Clone(stormNames)
	for _, e := range episodes {
		names = append(names, e.name)
	}
	return names
}

// faults reads Faults. A name stands for all that begin with it and a dash: rewind for every way to go back in time.
func (c *Config) faults() (map[string]bool, error) {
	chosen := map[string]bool{}
	switch c.Faults {
	case "all":
		for _, name := range FaultNames() {
			chosen[name] = c.standard(name)
		}
	case "none", "":
	default:
		for wanted := range strings.SplitSeq(c.Faults, ",") {
			known := false
			for _, name := range FaultNames() {
				if name == wanted || strings.HasPrefix(name, wanted+"-") {
					chosen[name], known = true, true
				}
			}
			if !known {
				return nil, fmt.Errorf("-faults: there is no %q, only %s", wanted, strings.Join(FaultNames(), ", "))
			}
		}
	}
	return chosen, nil
}

// standard tells what belongs to "all" in such a run.
func (c *Config) standard(name string) bool {
	switch {
	case slices.Contains(stormNames, name):
		// The naive worker has nothing but River's table: without it everything would be lost, which proves nothing.
		return name != "truncate" || !c.Naive
	case c.Naive || c.Portal == "foreign" || c.Profile == "quota" || c.Profile == "late":
		return false // what the episodes judge is not what such a run is about
	}
	return true
}
