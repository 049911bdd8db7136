package main

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/chorus/record"
)

// exitDiffers is the status of compare when an answer differs; 1 is a failure, 2 wrong usage.
const exitDiffers = 3

const recordUsage = `Usage: chorus-sim record -to https://sandbox-api.piste.gouv.fr [flags] FILE

Passes every request of a client on to the portal, and keeps it and its answer in FILE, which must not exist yet. Every secret, name, number, SIRET, e-mail
address and amount is replaced, the same by the same; files are left out. Point the client at the two addresses that it prints. It ends with Ctrl-C.

`

// recording serves the proxy until a signal comes or the recording is full.
func recording(args []string, stdout, stderr io.Writer) error {
	cfg := record.Config{Log: func(line string) { fmt.Fprintln(stderr, line) }}
	f := flag.NewFlagSet("chorus-sim record", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() { fmt.Fprint(stderr, recordUsage); f.PrintDefaults() }
	f.StringVar(&cfg.To, "to", "", "`address` of the portal's API, without /cpro; requests go nowhere else")
	f.StringVar(&cfg.Token, "token", "", "`address` of its token endpoint (default: PISTE's for PISTE's API, else /api/oauth/token at -to)")
	f.StringVar(&cfg.Listen, "listen", "127.0.0.1:18090", "`address` that the client calls")
	f.BoolVar(&cfg.Production, "production", false, "the production portal is meant")
	f.DurationVar(&cfg.For, "for", time.Hour, "ends after so long")
	f.Int64Var(&cfg.MaxBytes, "max-size", 100<<20, "ends before the file is larger than so many `bytes`")
	f.Func("keep", "a `word` of the portal's messages that may stay; repeatable", func(word string) error {
		cfg.Keep = append(cfg.Keep, word)
		return nil
	})
	f.Func("ca", "`file` with certificates that are trusted beside the system's", func(name string) error {
		pem, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if cfg.Roots, err = x509.SystemCertPool(); err == nil && !cfg.Roots.AppendCertsFromPEM(pem) {
			err = errors.New("no certificate is in it")
		}
		return err
	})
	if err := f.Parse(args); err != nil {
		return said{err}
	}
	if f.NArg() != 1 || cfg.To == "" {
		return &chorustest.UsageError{Field: "record", Reason: "needs -to ADDRESS and one FILE, flags before it (chorus-sim record -help)"}
	}
	if err := isAddress(cfg.Listen); err != nil {
		return &chorustest.UsageError{Field: "-listen " + cfg.Listen, Reason: err.Error()}
	}
	cfg.File = f.Arg(0)
	r, err := record.Start(cfg)
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	doors, err := json.Marshal(struct {
		API   string `json:"api"`
		Token string `json:"token"`
	}{r.URL(), r.TokenURL()})
	if err == nil {
		_, err = fmt.Fprintf(stdout, "%s\n", doors)
	}
	if err == nil {
		select {
		case <-signals:
		case <-r.Ended():
		}
	}
	kept, why, failed := r.Close()
	if why != "" {
		why = ": " + why
	}
	fmt.Fprintf(stderr, "chorus-sim: %d exchanges are in %s%s\n", kept, cfg.File, why)
	return errors.Join(err, failed)
}

// said is an error that was printed already.
type said struct{ error }

func (s said) Unwrap() error { return s.error }

// differsError is the result of compare when an answer differs.
type differsError struct{ record.Totals }

func (e differsError) Error() string {
	return strconv.Itoa(e.Differ) + " of " + strconv.Itoa(e.Requests) + " answers differ"
}

// comparing replays a recording against the simulator and prints where the answers differ.
func comparing(args []string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("chorus-sim compare", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprint(stderr, "Usage: chorus-sim compare [-json] FILE\n\nSends the requests of a recording to the simulator and prints where its answers differ from the portal's.\nExit status 0: nowhere; 3: somewhere; 1: it failed.\n\n")
		f.PrintDefaults()
	}
	asJSON := f.Bool("json", false, "one JSON object a line")
	if err := f.Parse(args); err != nil {
		return said{err}
	}
	if f.NArg() != 1 {
		return &chorustest.UsageError{Field: "compare", Reason: "needs one FILE of chorus-sim record, and flags before it"}
	}
	file, err := os.Open(f.Arg(0))
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	out := json.NewEncoder(stdout)
	out.SetEscapeHTML(false)
	totals, err := record.Compare(file, func(c record.Compared) {
		if *asJSON {
			_ = out.Encode(c)
			return
		}
		printCompared(stdout, c)
	})
	if err != nil {
		return err
	}
	if *asJSON {
		_ = out.Encode(totals)
	} else {
		fmt.Fprintf(stdout, "%d requests: %d answered alike, %d not, %d not compared\n", totals.Requests, totals.Same, totals.Differ, totals.Skipped)
	}
	if totals.Differ > 0 {
		return differsError{totals}
	}
	return nil
}

func printCompared(w io.Writer, c record.Compared) {
	route := strings.TrimPrefix(c.Path, "/cpro/")
	if c.Skipped != "" {
		fmt.Fprintf(w, "%4d  %s: not compared: %s\n", c.N, route, c.Skipped)
		return
	}
	if len(c.Differs) > 0 {
		fmt.Fprintf(w, "%4d  %s\n", c.N, route)
	}
	var only []string // keys that only the simulator's answers have, mostly with null
	for _, d := range c.Differs {
		if d.What == "key" && d.Portal == "absent" {
			only = append(only, d.Where)
			continue
		}
		fmt.Fprintf(w, "      %s: %s at the portal, %s here\n", strings.TrimSpace(d.What+" "+d.Where), orNothing(d.Portal), orNothing(d.Simulator))
	}
	if len(only) > 0 {
		fmt.Fprintf(w, "      keys that are here alone: %s\n", strings.Join(only, ", "))
	}
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
