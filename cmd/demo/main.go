// Command demo shows the whole product on this machine: a private PostgreSQL, the simulator of Chorus Pro, a worker and the console, and some sample
// invoices that an application inserts by plain SQL. It watches them until every one has become what its sample expects.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"
)

const help = `demo shows choriste at work on this machine, against a simulator of Chorus Pro.

  go run ./cmd/demo                 watch, then look around until Ctrl-C
  go run ./cmd/demo -once           end when every invoice is where its sample expects it (exit 0), or not (exit 1)
  go run ./cmd/demo -once -json     one JSON object a line for each invoice, and a last one with totals

PostgreSQL is a private server in a temporary folder, gone afterwards. With DATABASE_URL set, it is a fresh database on that server, dropped
afterwards; the login needs the rights to create databases and roles. No other database is touched. The four roles chorus_app, chorus_worker,
chorus_operator and chorus_reader, which all databases of a server share, stay.

`

// interrupted is the exit status of a program that a person stopped, as shells have it.
const interrupted = 130

type options struct {
	once, json bool
	timeout    time.Duration
}

func main() {
	ctx, stop := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	// The first signal asks, the second one ends; PostgreSQL ends with us in any case. Go's handler stays: to take it away while a child is being
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
	var o options
	f := flag.NewFlagSet("demo", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.BoolVar(&o.once, "once", false, "end when all invoices are settled")
	f.BoolVar(&o.json, "json", false, "print the results as JSON, one object a line")
	f.DurationVar(&o.timeout, "timeout", 2*time.Minute, "longest wait for the invoices")
	f.Usage = func() {
		fmt.Fprint(stderr, help)
		f.PrintDefaults()
	}
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil: // said by the flag package
		return 2
	case f.NArg() > 0:
		fmt.Fprintf(stderr, "demo: unexpected argument %q\n", f.Arg(0))
		return 2
	}

	samples, err := makeSamples(time.Now())
	if err != nil {
		return failed(ctx, stderr, err)
	}
	h, err := start(ctx, samples, stderr)
	if err != nil {
		return failed(ctx, stderr, err)
	}
	status := o.demonstrate(ctx, h, samples, stdout, stderr)
	if err := h.stop(); err != nil {
		fmt.Fprintf(stderr, "demo: %v\n", err)
		status = max(status, 1)
	}
	return status
}

// demonstrate watches the invoices to their end and says what became of them.
func (o options) demonstrate(ctx context.Context, h *house, samples []sample, stdout, stderr io.Writer) int {
	began := time.Now()
	rows := make([]*row, len(samples))
	for k := range samples {
		rows[k] = &row{sample: samples[k]}
	}
	status := 0
	if err := watch(ctx, h, rows, o.timeout, o.view(stdout)); err != nil {
		status = failed(ctx, stderr, err)
		if !errors.Is(err, errTimeout) {
			return status
		}
	}
	took := time.Since(began)
	if o.json {
		if err := printJSON(stdout, rows, took); err != nil {
			return failed(ctx, stderr, err)
		}
	} else {
		printSummary(stdout, rows, took)
	}
	if o.once {
		return status
	}
	printPlaces(stderr, h)
	select {
	case <-ctx.Done():
	case err := <-h.ended:
		h.ended <- err
		return failed(ctx, stderr, err)
	}
	return status
}

// view is how progress is shown: not at all beside JSON, as a table on a terminal, as lines elsewhere.
func (o options) view(stdout io.Writer) view {
	file, isFile := stdout.(*os.File)
	switch {
	case o.json:
		return func([]*row, []change) {}
	case isFile && term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb":
		t := &table{out: file, colour: os.Getenv("NO_COLOR") == "", size: func() (int, int) {
			width, height, err := term.GetSize(int(file.Fd()))
			if err != nil || width < 1 || height < 1 {
				return 80, 24
			}
			return width, height
		}}
		return t.show
	default:
		return func(rows []*row, news []change) { showLines(stdout, news) }
	}
}

// failed says what went wrong, unless it was only that somebody stopped the program.
func failed(ctx context.Context, stderr io.Writer, err error) int {
	if ctx.Err() != nil {
		fmt.Fprintln(stderr, "demo: stopped")
		return interrupted
	}
	fmt.Fprintf(stderr, "demo: %v\n", err)
	return 1
}
