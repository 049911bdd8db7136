// Command chorus-sim serves the simulator of PISTE and Chorus Pro until it is signalled. docs/simulator.md is its manual.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/choriste/choriste/chorus/chorustest"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run returns the exit code: 0 after an orderly end, 1 when something failed, 2 for wrong usage.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	cfg, withStdin, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil: // said by the flag package
		return 2
	}
	sim, err := chorustest.Start(cfg)
	if err != nil {
		fmt.Fprintf(stderr, "chorus-sim: %v\n", err)
		return 1
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
		if !withStdin {
			stdin = nil
		}
		if wait(signals, stdin) {
			fmt.Fprintln(stderr, "chorus-sim: standard input has ended, and so does the simulator (-with-stdin)")
		}
	}
	if closed := sim.Close(); err == nil {
		err = closed
	}
	if err != nil {
		fmt.Fprintf(stderr, "chorus-sim: %v\n", err)
		return 1
	}
	return 0
}

// wait returns when a signal comes; or when stdin ends, if it is not nil, and then it is true.
func wait(signals <-chan os.Signal, stdin io.Reader) (ended bool) {
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
	case <-gone:
		return true
	}
}

func parse(args []string, stderr io.Writer) (cfg chorustest.Config, withStdin bool, err error) {
	var clients, accounts pairs
	f := flag.NewFlagSet("chorus-sim", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&cfg.Listen, "listen", "127.0.0.1:0", "`address` of the API and token door")
	f.StringVar(&cfg.Manage, "manage", "127.0.0.1:0", "`address` of the management door; it asks for no credentials")
	f.Uint64Var(&cfg.Seed, "seed", 1, "`number` that decides every chance")
	f.StringVar(&cfg.Profile, "profile", "calm", "random faults: `name` calm, hostile or late")
	f.IntVar(&cfg.Quota, "quota", 20, "requests per second and PISTE application; negative: none")
	f.StringVar(&cfg.Ledger, "ledger", "", "`file` that keeps everything across restarts; default: memory")
	f.BoolVar(&cfg.NoSync, "no-sync", false, "do not fsync the ledger: survives kill -9, not a power cut")
	f.Var(&clients, "client", "`id:secret` of a PISTE application, repeatable (default sim:sim-secret)")
	f.Var(&accounts, "account", "`login:password` of a technical account, repeatable (default TECH_SIM@cpro.fr:sim-password)")
	f.BoolVar(&withStdin, "with-stdin", false, "end when standard input ends, as it does when the program dies that holds its other end")
	anySupplier := f.Bool("any-supplier", true, "register unknown suppliers by their first invoice")
	f.BoolVar(&cfg.AcceptFutureDates, "accept-future-dates", false, "do not refuse an invoice that is dated later than its deposit")
	f.BoolVar(&cfg.AcceptDuplicates, "accept-duplicates", false, "do not refuse a second invoice of the same year, SIREN and number")
	f.DurationVar(&cfg.Hidden, "hidden", 0, "a new flux is \"introuvable\" for so long (default 2ms)")
	f.DurationVar(&cfg.Integration, "integration", 0, "a deposit is integrated within (default 8ms)")
	f.DurationVar(&cfg.Visibility, "visibility", 0, "V: the search shows an invoice up to so long after its deposit")
	f.DurationVar(&cfg.LagFrom, "lag-from", 0, "the search shows each integration and each statut so much later at least, if there is a -lag")
	f.DurationVar(&cfg.Lag, "lag", 0, "and so much at most, drawn for each: a later one may show before an earlier one")
	f.DurationVar(&cfg.Step, "step", 0, "from one statut to the next; 0: only by the management door")
	f.DurationVar(&cfg.Late, "late", 0, "fault commit_late: lands within (default 2m)")
	f.DurationVar(&cfg.LateAfterD, "late-after-d", 0, "fault late_after_D: lands after (default 20m)")
	f.DurationVar(&cfg.TokenLife, "token-life", 0, "life of a token (default 1h)")
	f.DurationVar(&cfg.HangFor, "hang-for", 0, "how long a hanging answer holds its connection (default 5m)")
	f.IntVar(&cfg.MaxPage, "max-page", 100, "most `rows` granted per page")
	f.StringVar(&cfg.Empty, "empty", "", "how an empty search answers: `codeRetour` 0 or 20000; default: by turns")
	f.BoolVar(&cfg.SubstringNumbers, "substring-numbers", false, "numeroFacture matches anywhere in the number")
	f.BoolVar(&cfg.PeriodsByDay, "periods-by-day", false, "the period of the last statut change ignores hours")
	f.BoolVar(&cfg.PeriodsIgnored, "periods-ignored", false, "the period of the last statut change is ignored")
	f.DurationVar(&cfg.PeriodsShift, "periods-shift", 0, "the period of the last statut change takes changes for so much later")
	f.Func("swagger", "official Swagger 2.0 `file` to check requests against, repeatable", func(name string) error {
		cfg.Swagger = append(cfg.Swagger, name)
		return nil
	})
	if err := f.Parse(args); err != nil {
		return cfg, false, err
	}
	if f.NArg() > 0 {
		err := fmt.Errorf("unexpected argument %q", f.Arg(0))
		fmt.Fprintln(stderr, err)
		return cfg, false, err
	}
	cfg.KnownSuppliersOnly = !*anySupplier
	for _, p := range clients {
		cfg.Clients = append(cfg.Clients, chorustest.Client{ID: p[0], Secret: p[1]})
	}
	for _, p := range accounts {
		cfg.Accounts = append(cfg.Accounts, chorustest.Account{Login: p[0], Password: p[1]})
	}
	return cfg, withStdin, nil
}

// pairs collects name:secret flags.
type pairs [][2]string

func (p *pairs) String() string { return "" }

func (p *pairs) Set(text string) error {
	name, secret, ok := strings.Cut(text, ":")
	if !ok || name == "" || secret == "" {
		return fmt.Errorf("not of the form name:secret")
	}
	*p = append(*p, [2]string{name, secret})
	return nil
}
