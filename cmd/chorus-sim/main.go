// Command chorus-sim serves the simulator of PISTE and Chorus Pro until it is signalled. docs/simulator.md is its manual.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/chorus/record"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run returns the exit code: 0 after an orderly end, 1 when something failed, 2 for wrong usage, 3 when compare finds a difference.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	err := dispatch(args, stdin, stdout, stderr)
	var wrong *chorustest.UsageError
	var asked *record.UsageError
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, new(said)):
		return 2
	}
	fmt.Fprintf(stderr, "chorus-sim: %v\n", err)
	switch {
	case errors.As(err, &wrong), errors.As(err, &asked):
		return 2
	case errors.As(err, new(differsError)):
		return exitDiffers
	}
	return 1
}

func dispatch(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if len(args) > 0 && args[0] == "record" {
		return recording(args[1:], stdout, stderr)
	}
	if len(args) > 0 && args[0] == "compare" {
		return comparing(args[1:], stdout, stderr)
	}
	o, err := parse(args, stderr)
	switch {
	case err != nil:
		return said{err}
	case o.version:
		_, err = fmt.Fprintln(stdout, "chorus-sim", version())
		return err
	case o.health:
		return healthy(o.cfg.Manage)
	case o.sample != "":
		return writeSamples(o.sample, stdout)
	}
	return serve(o, stdin, stdout, stderr)
}

func serve(o options, stdin io.Reader, stdout, stderr io.Writer) error {
	var err error
	if o.scenario != "" {
		if o.cfg.Scenario, err = chorustest.ReadScenario(o.scenario); err != nil {
			return err
		}
	}
	go keepHeadroom()
	sim, err := chorustest.Start(o.cfg)
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	doors, err := json.Marshal(struct {
		API    string `json:"api"`
		Token  string `json:"token"`
		Manage string `json:"manage"`
	}{sim.APIURL(), sim.TokenURL(), sim.ManageURL()})
	if err == nil {
		_, err = fmt.Fprintf(stdout, "%s\n", doors)
	}
	if err == nil {
		if !o.withStdin && (o.serve || !isPipe(stdin)) {
			stdin = nil
		}
		if wait(signals, stdin, sim.Broken()) {
			fmt.Fprintln(stderr, "chorus-sim: standard input has ended, and so does the simulator (-serve: it goes on)")
		}
	}
	return errors.Join(err, unmet(sim.Expectations()), sim.Close())
}

// unmet names what the scenario expected of the client and did not see; nil when all went well.
func unmet(expected []chorustest.Expectation) error {
	var all []error
	for _, x := range expected {
		if !x.Met {
			bounds, err := json.Marshal(x)
			all = append(all, fmt.Errorf("expected of the client, and not so: %s", bounds), err)
		}
	}
	return errors.Join(all...)
}

// isPipe tells that another program holds the other end of standard input: when it dies, nobody needs the simulator any more. A terminal, a file and
// /dev/null are nobody's.
func isPipe(stdin io.Reader) bool {
	file, is := stdin.(*os.File)
	if !is {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0
}

// wait returns when a signal comes, or nothing can be promised any more; or when stdin ends, if it is not nil, and then it is true.
func wait(signals <-chan os.Signal, stdin io.Reader, broken <-chan struct{}) (ended bool) {
	gone := make(chan struct{})
	if stdin != nil {
		go func() {
			defer close(gone)
			_, _ = io.Copy(io.Discard, stdin)
		}()
	}
	select {
	case <-signals:
		return false
	case <-broken: // the ledger: Close says why
		return false
	case <-gone:
		return true
	}
}

// healthy asks a running simulator for its time.
func healthy(manage string) error {
	host, port, err := net.SplitHostPort(manage)
	if err != nil {
		return &chorustest.UsageError{Field: "manage", Reason: err.Error()}
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	client := &http.Client{Timeout: 5 * time.Second}
	res, err := client.Get("http://" + net.JoinHostPort(host, port) + "/clock")
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the management door answers %d", res.StatusCode)
	}
	return nil
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "devel"
}
