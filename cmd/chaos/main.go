// Command chaos runs choriste's workers as real processes against the simulator, kills, stops and starves them on a schedule, crashes PostgreSQL under
// them, and then asks the database and the simulator's ledger whether the promises held (docs/reliability.md).
//
//	go run ./cmd/chaos -seed 1 -invoices 2000
//
// It exits 0 only if every invariant holds.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// config is the command line.
type config struct {
	Seed       uint64
	Invoices   int
	Workers    int
	Duration   time.Duration
	Profile    string
	Policy     string
	Uniqueness string
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

	floor       float64       // deposits per second below which a run says nothing; 0: any
	patience    time.Duration // for everything to end once the faults are over
	shown       []string      // a mutant is found out by one of these: the run may end
	script      []fault       // for the portal, at the start
	outage      time.Duration // of the token endpoint, early on
	crash       string        // CHORISTE_CRASH of every worker
	special     string        // the kind of a tenth of the inserts, and no other
	integration time.Duration // how long the portal takes to show anything
	lookAfter   time.Duration // CHORISTE_RESOLVE_AFTER
}

func main() {
	if len(os.Args) > 1 {
		// The harness starts itself again as the processes it brings along.
		switch os.Args[1] {
		case naiveArg:
			os.Exit(naiveWorker())
		case foreignArg:
			os.Exit(foreignPortal(os.Args[2:]))
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit status: 0 when every invariant holds, 1 when one does not or the run failed, 2 for wrong usage.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg := config{floor: 50, patience: 120 * time.Second, integration: 600 * time.Millisecond, lookAfter: 200 * time.Millisecond}
	f := flag.NewFlagSet("chaos", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Uint64Var(&cfg.Seed, "seed", 1, "`number` that decides documents, faults and their times")
	f.IntVar(&cfg.Invoices, "invoices", 0, "how many are inserted; default: 2000, or 300 with -profile quota")
	f.IntVar(&cfg.Workers, "workers", 3, "worker processes")
	f.DurationVar(&cfg.Duration, "duration", 0, "faults last at least so long; default: until nearly everything was deposited")
	f.StringVar(&cfg.Profile, "profile", "hostile", "calm, hostile, late (deposits land after D), or quota (20 requests a second)")
	f.StringVar(&cfg.Policy, "policy", "once", "what becomes of an invoice proven absent: once (sent again) or never (parked)")
	f.StringVar(&cfg.Uniqueness, "uniqueness", "", "does the portal refuse a second copy: on, off; default: off for odd seeds, on for even ones")
	f.IntVar(&cfg.Quota, "quota", 500, "requests per second that the simulator grants")
	f.StringVar(&cfg.Faults, "faults", "all", "all (but failover), none, or some of "+strings.Join(faultNames, ","))
	f.StringVar(&cfg.Mutant, "mutant", "", "break the product in this way (see -list) and expect to notice")
	f.StringVar(&cfg.Portal, "portal", "simulator", "simulator, or foreign: a small portal that shares no code with it")
	f.StringVar(&cfg.Keep, "keep", "", "keep logs, ledger and dump in this `directory`; failing runs keep them anyway")
	f.StringVar(&cfg.Bin, "bin", "", "use choriste (built with -tags chaos) and chorus-sim of this `directory` instead of building them")
	f.BoolVar(&cfg.Naive, "naive", false, "run a plain River worker instead of choriste, to show what it does")
	f.BoolVar(&cfg.Fsync, "fsync", false, "PostgreSQL waits for the disk")
	f.BoolVar(&cfg.Race, "race", false, "build the workers with the race detector")
	f.BoolVar(&cfg.Untimed, "untimed", false, "judge the invariants alone, not load and times: for a machine that does other work")
	f.BoolVar(&cfg.JSON, "json", false, "print the figures as JSON")
	list := f.Bool("list", false, "list the mutants")
	teeth := f.Bool("teeth", false, "run every mutant and show which are noticed")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if err := cfg.check(f.Args()); err != nil {
		_, _ = fmt.Fprintf(stderr, "chaos: %v\n", err)
		return 2
	}
	switch {
	case *list:
		printMutants(stdout)
		return 0
	case *teeth:
		return runTeeth(ctx, cfg, stdout, stderr)
	}
	if cfg.Mutant != "" {
		cfg = cfg.as(mutantNamed(cfg.Mutant))
	}
	rep, err := execute(ctx, cfg, stderr)
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "chaos: %v\n", err)
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

func (c *config) check(rest []string) error {
	oneOf := func(name, value string, of ...string) error {
		if slices.Contains(of, value) {
			return nil
		}
		return fmt.Errorf("-%s must be one of %s", name, strings.Join(of, ", "))
	}
	if len(rest) > 0 {
		return fmt.Errorf("unexpected argument %q", rest[0])
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
		c.Quota, c.floor = 20, 0
		if c.Duration == 0 {
			c.Duration = time.Minute
		}
	case "late":
		c.Uniqueness, c.floor = "off", 0
		c.Duration = max(c.Duration, 30*time.Second) // something must have time to land
	}
	if c.Naive || c.Portal == "foreign" {
		c.floor = 0
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

// faults reads -faults.
func (c *config) faults() (map[string]bool, error) {
	chosen := map[string]bool{}
	switch c.Faults {
	case "all":
		for _, name := range faultNames {
			// The naive worker has nothing but River's table: without it everything would be lost, which proves nothing.
			chosen[name] = name != "failover" && (name != "truncate" || !c.Naive)
		}
	case "none", "":
	default:
		for name := range strings.SplitSeq(c.Faults, ",") {
			if !slices.Contains(faultNames, name) {
				return nil, fmt.Errorf("-faults: there is no %q, only %s", name, strings.Join(faultNames, ", "))
			}
			chosen[name] = true
		}
	}
	return chosen, nil
}
