// Command chaos runs choriste's workers as real processes against the simulator, kills, stops and starves them on a schedule, crashes PostgreSQL under
// them, and then asks the database and the simulator's ledger whether the promises held (docs/reliability.md).
//
//	go run ./cmd/chaos -seed 1 -invoices 2000
//
// It exits 0 only if every invariant holds.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/choriste/choriste/internal/chaos"
	"github.com/choriste/choriste/jobs"
)

func main() {
	jobs.ServeReading()
	if status, child := chaos.Child(os.Args[1:]); child {
		os.Exit(status)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit status: 0 when every invariant holds, 1 when one does not or the run failed, 2 for wrong usage.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var cfg chaos.Config
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
	f.StringVar(&cfg.Faults, "faults", "all", "all, none, or some of "+strings.Join(chaos.FaultNames(), ","))
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
	err := cfg.Check()
	if f.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if err != nil {
		fmt.Fprintf(stderr, "chaos: %v\n", err)
		return 2
	}
	switch {
	case *list:
		chaos.PrintMutants(stdout)
		return 0
	case *teeth:
		return chaos.Teeth(ctx, cfg, stdout, stderr)
	}
	return chaos.Run(ctx, cfg, stdout, stderr)
}
