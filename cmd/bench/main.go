// Command bench measures what the README says: how soon a deposit leaves after the application's INSERT, how many invoices a second one worker takes
// through, beside what River alone does, and how much memory that needs. docs/benchmarks.md explains each figure.
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
	"runtime"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/choriste/choriste/internal/lab/naive"
)

const help = `bench measures choriste on this machine, against a simulator of Chorus Pro and a private PostgreSQL.

  go run ./cmd/bench [-json] [-only TEXT] [-invoices N] [NAME…]

  start        of a worker, from exec to ready, alone and beside a live one
  check        of documents by all rules, beside Saxon, and how soon chorus.checks is answered
  latency      from the application's INSERT to the arrival of the deposit, while the worker is idle
  throughput   invoices a second, beside a naive worker, three bare transactions and River alone, and what each costs the database
  cost         statements, commits, row versions and WAL that an invoice costs the database
  idle         what a worker with nothing to do asks of the database
  memory       of the worker, while it takes those through
  quota        eight workers share twenty requests a second
  permits      what one of the shared budget costs, and how many it gives
  token        how often a fleet asks for one, and how soon one is there when the worker that asked was killed
  fairness     ten invoices of one account after 100,000 of another
  outage       six hours of it, in fast motion
  calls        to the portal that an invoice costs, from deposit to payment
  freshness    from a change at the portal to its row, at portals that show changes at once or late
  open         what watching open invoices costs, few and many
  console      what people and Prometheus ask for, over a million invoices (-history)
  simulator    requests a second that chorus-sim serves, and its memory (-accepted, -held, -seconds); by itself it needs no PostgreSQL

Without a name, all of them. It exits 0 only if every bar stated for the named measurements holds. docs/benchmarks.md explains the figures.

`

// figure is one line of the result.
type figure struct {
	Measurement string   `json:"measurement"`
	Name        string   `json:"name"`
	Value       float64  `json:"value"`
	Unit        string   `json:"unit"`
	Most        *float64 `json:"at_most,omitempty"`  // the bar, if there is one
	Least       *float64 `json:"at_least,omitempty"` // likewise
	Holds       bool     `json:"holds"`              // true without a bar
}

// bar makes a figure that must not be above most.
func bar(measurement, name string, value float64, unit string, most float64) figure {
	return figure{Measurement: measurement, Name: name, Value: value, Unit: unit, Most: &most, Holds: value <= most}
}

// least makes a figure that must not be below least.
func least(measurement, name string, value float64, unit string, least float64) figure {
	return figure{Measurement: measurement, Name: name, Value: value, Unit: unit, Least: &least, Holds: value >= least}
}

// fact makes a figure that only informs.
func fact(measurement, name string, value float64, unit string) figure {
	return figure{Measurement: measurement, Name: name, Value: value, Unit: unit, Holds: true}
}

var names = []string{"start", "check", "latency", "throughput", "cost", "idle", "memory", "quota", "permits", "token", "fairness", "outage", "calls", "freshness", "open", "console", "simulator"}

// measurements are those that stand alone; throughput, idle and memory are one.
var measurements = []struct {
	name string
	make func(context.Context, *workshop) ([]figure, error)
}{
	{"start", starts},
	{"check", checking},
	{"latency", latency},
	{"cost", cost},
	{"quota", sharedQuota},
	{"permits", permits},
	{"token", sharedToken},
	{"fairness", fairness},
	{"outage", outage},
	{"calls", calls},
	{"freshness", fresh},
	{"open", open},
	{"console", desk},
	{"simulator", simulated},
}

// interrupted is the exit status of a program that a person stopped, as shells have it.
const interrupted = 130

func main() {
	if len(os.Args) == 2 && os.Args[1] == naive.Command { // a process that we have started
		os.Exit(naive.Main())
	}
	ctx, stop := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	// The first signal asks, the second one ends. Go's handler stays: to take it away while a child is being
	// forked, which the same Ctrl-C has reached, crashes both.
	go func() {
		<-signals
		stop()
		<-signals
		os.Exit(interrupted)
	}()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	asJSON := f.Bool("json", false, "print JSON, one object a line")
	s := full
	f.IntVar(&s.invoices, "invoices", s.invoices, "of throughput: take so many through")
	f.IntVar(&s.counted, "counted", s.counted, "of cost: take so many through")
	f.StringVar(&s.only, "only", "", "of freshness: measure the volumes and lags with this `text` in their names only, as \"500 a day, shown after 0-90 s\"")
	f.IntVar(&s.history, "history", s.history, "of console: so many invoices")
	f.IntVar(&s.accepted, "accepted", s.accepted, "of simulator: deposit so many invoices")
	f.IntVar(&s.held, "held", s.held, "of simulator: start it with a ledger of so many")
	seconds := f.Float64("seconds", s.mix.Seconds(), "of simulator: serve the mix of requests for so long")
	f.Usage = func() {
		fmt.Fprint(stderr, help)
		f.PrintDefaults()
	}
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil: // said by the flag package
		return 2
	}
	s.mix = time.Duration(*seconds * float64(time.Second))
	wanted := f.Args()
	if len(wanted) == 0 {
		wanted = names
	}
	for _, name := range wanted {
		if !slices.Contains(names, name) {
			fmt.Fprintf(stderr, "bench: there is no measurement %q: only %s\n", name, strings.Join(names, ", "))
			return 2
		}
	}
	figures, err := measure(ctx, wanted, s, stderr)
	if len(figures) > 0 { // what was measured before something went wrong, too
		err = errors.Join(err, show(stdout, figures, *asJSON))
	}
	if ctx.Err() != nil {
		fmt.Fprintln(stderr, "bench: stopped")
		return interrupted
	}
	if err != nil {
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return 1
	}
	if slices.ContainsFunc(figures, func(f figure) bool { return !f.Holds }) {
		return 1
	}
	return 0
}

// measure makes the wanted measurements, one after the other, so that none disturbs another.
func measure(ctx context.Context, wanted []string, s size, progress io.Writer) (figures []figure, err error) {
	if load, known := busy(); known { // by others: the programs are not even built
		figures = append(figures, fact("machine", "load average at the start", load, ""))
	}
	database := slices.ContainsFunc(wanted, func(name string) bool { return name != "simulator" })
	w, err := newWorkshop(ctx, s, database, progress)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	for _, m := range measurements {
		if slices.Contains(wanted, m.name) {
			fs, err := m.make(ctx, w)
			if err != nil {
				return figures, fmt.Errorf("%s: %w", m.name, err)
			}
			figures = append(figures, fs...)
		}
	}
	if slices.ContainsFunc(wanted, func(name string) bool { return slices.Contains([]string{"throughput", "idle", "memory"}, name) }) {
		fs, err := throughput(ctx, w)
		if err != nil {
			return figures, fmt.Errorf("throughput: %w", err)
		}
		for _, f := range fs {
			if slices.Contains(wanted, f.Measurement) {
				figures = append(figures, f)
			}
		}
	}
	return figures, nil
}

// busy is how many processes have wanted a CPU during the last minute, where the system tells. Figures from a busy machine say little.
func busy() (load float64, known bool) {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0, false
	}
	_, err = fmt.Sscan(string(text), &load)
	return load, err == nil
}

// show prints a table or JSON.
func show(out io.Writer, figures []figure, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		for _, f := range figures {
			if err := enc.Encode(f); err != nil {
				return err
			}
		}
		return nil
	}
	fmt.Fprintf(out, "%s/%s, %d CPUs, %s\n\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, f := range figures {
		verdict := ""
		switch {
		case f.Most != nil:
			verdict = "at most " + number(*f.Most)
		case f.Least != nil:
			verdict = "at least " + number(*f.Least)
		}
		switch {
		case verdict == "":
		case f.Holds:
			verdict += ": holds"
		default:
			verdict += ": DOES NOT HOLD"
		}
		fmt.Fprintf(w, "%s\t%s\t%s %s\t%s\n", f.Measurement, f.Name, number(f.Value), f.Unit, verdict)
	}
	return w.Flush()
}

// number has as many digits as mean something.
func number(v float64) string {
	switch {
	case v == 0, v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default: // bars have three
		return fmt.Sprintf("%.4g", v)
	}
}
