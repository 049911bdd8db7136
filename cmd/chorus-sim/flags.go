package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/choriste/choriste/chorus/chorustest"
)

// options are what the command line says.
type options struct {
	cfg              chorustest.Config
	withStdin, serve bool
	version          bool
	sample, scenario string
	health           bool
}

const usage = `Usage: chorus-sim [flags]             serves until it is signalled
       chorus-sim -scenario NAME|FILE  plays a scenario, and exits with 1 when the client did not do what it expects
       chorus-sim -sample DIR          writes sample invoices
       chorus-sim record -to URL FILE  keeps what a client and the portal say to each other, without anybody's data
       chorus-sim compare FILE         replays that against the simulator, and prints where the answers differ
       chorus-sim -version

Without flags: the API at http://127.0.0.1:18080, the management door and its page at http://127.0.0.1:18081,
PISTE application sim:sim-secret, technical account TECH_SIM@cpro.fr:sim-password. Manual: docs/simulator.md

`

const helpHint = "chorus-sim -help lists what there is"

func parse(args []string, stderr io.Writer) (o options, err error) {
	cfg := &o.cfg
	var clients, accounts pairs
	f := flag.NewFlagSet("chorus-sim", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {} // after a mistake the flags would hide what it was
	f.StringVar(&cfg.Listen, "listen", "127.0.0.1:18080", "`address` of the API and token door; port 0 takes a free one")
	f.StringVar(&cfg.Manage, "manage", "127.0.0.1:18081", "`address` of the management door; it asks for no credentials")
	f.Func("host", "`name` under which browsers may call the management door, beside addresses, localhost and names without a dot; repeatable", func(name string) error {
		if name == "" || strings.ContainsAny(name, " /:") {
			return errors.New("not the name of a host")
		}
		cfg.Hosts = append(cfg.Hosts, strings.ToLower(name))
		return nil
	})
	f.Uint64Var(&cfg.Seed, "seed", 1, "`number` that decides every chance")
	f.StringVar(&cfg.Profile, "profile", "calm", "random faults: `name` calm, hostile or late")
	f.IntVar(&cfg.Quota, "quota", 20, "requests per second and PISTE application; negative: none")
	f.StringVar(&cfg.Ledger, "ledger", "", "`file` that keeps everything across restarts; default: memory")
	f.BoolVar(&cfg.NoSync, "no-sync", false, "do not fsync the ledger: survives kill -9, not a power cut")
	f.Var(&clients, "client", "`id:secret` of a PISTE application, repeatable (default sim:sim-secret)")
	f.Var(&accounts, "account", "`login:password` of a technical account, repeatable (default TECH_SIM@cpro.fr:sim-password)")
	f.BoolVar(&o.withStdin, "with-stdin", false, "end when standard input ends, whatever it is (default: if it is a pipe)")
	f.BoolVar(&o.serve, "serve", false, "do not end when standard input does")
	f.BoolVar(&o.version, "version", false, "print the version and end")
	f.BoolVar(&o.health, "health", false, "ask the simulator whose management door is at -manage whether it serves, and end: for containers")
	f.StringVar(&o.sample, "sample", "", "write sample invoices into this `directory` and end")
	f.StringVar(&o.scenario, "scenario", "", "play a `file`, or one of: "+strings.Join(chorustest.Scenarios(), ", "))
	verbose := f.Bool("v", false, "one line on standard error for each request")
	f.BoolVar(&cfg.Tolerant, "tolerant", false, "take what is only guessed to be refused, and record it (GET /tolerated)")
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
	f.StringVar(&cfg.Empty, "empty", "", "how an empty search answers: `codeRetour` 20000, 0, or turns (default 20000; hostile: turns)")
	f.BoolVar(&cfg.SubstringNumbers, "substring-numbers", false, "numeroFacture matches anywhere in the number")
	f.BoolVar(&cfg.PeriodsByDay, "periods-by-day", false, "the period of the last statut change ignores hours")
	f.BoolVar(&cfg.PeriodsIgnored, "periods-ignored", false, "the period of the last statut change is ignored")
	f.DurationVar(&cfg.PeriodsShift, "periods-shift", 0, "the period of the last statut change takes changes for so much later")
	f.Func("swagger", "official Swagger 2.0 `file` to check requests against, repeatable", func(name string) error {
		cfg.Swagger = append(cfg.Swagger, name)
		return nil
	})
	err = f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stderr, usage)
		f.PrintDefaults()
		return o, err
	case err != nil:
		fmt.Fprintln(stderr, helpHint)
		return o, err
	case f.NArg() > 0:
		err := fmt.Errorf("unexpected argument %q", f.Arg(0))
		fmt.Fprintf(stderr, "%v\n%s\n", err, helpHint)
		return o, err
	}
	said := map[string]bool{}
	f.Visit(func(x *flag.Flag) {
		said[x.Name] = true
		if x.Value.String() == "" && slices.Contains([]string{"listen", "manage", "ledger", "sample", "scenario", "profile", "empty"}, x.Name) { // a variable of a script that is not set
			err = errors.Join(err, fmt.Errorf("-%s is given without a value", x.Name))
		}
	})
	if o.serve && o.withStdin {
		err = errors.Join(err, errors.New("-serve and -with-stdin contradict each other"))
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return o, err
	}
	for name, address := range map[string]string{"listen": cfg.Listen, "manage": cfg.Manage} {
		if err := isAddress(address); err != nil {
			err = fmt.Errorf("-%s %s: %w", name, address, err)
			fmt.Fprintln(stderr, err)
			return o, err
		}
	}
	if o.scenario != "" { // it says these, unless the command line does
		if !said["seed"] {
			cfg.Seed = 0
		}
		if !said["profile"] {
			cfg.Profile = ""
		}
		if !said["quota"] {
			cfg.Quota = 0
		}
	}
	if *verbose {
		cfg.Log = func(line string) { fmt.Fprintln(stderr, line) }
	}
	cfg.KnownSuppliersOnly = !*anySupplier
	for _, p := range clients {
		cfg.Clients = append(cfg.Clients, chorustest.Client{ID: p[0], Secret: p[1]})
	}
	for _, p := range accounts {
		cfg.Accounts = append(cfg.Accounts, chorustest.Account{Login: p[0], Password: p[1]})
	}
	return o, nil
}

// isAddress tells what is wrong with an address to listen at, before anybody tries.
func isAddress(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return errors.New("not of the form 127.0.0.1:18080")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("the port %q is no number up to 65535", port)
	}
	return nil
}

// pairs collects name:secret flags.
type pairs [][2]string

func (p *pairs) String() string { return "" }

func (p *pairs) Set(text string) error {
	name, secret, ok := strings.Cut(text, ":")
	if !ok || name == "" || secret == "" {
		return fmt.Errorf("not of the form name:secret")
	}
	if slices.ContainsFunc(*p, func(other [2]string) bool { return other[0] == name }) {
		return fmt.Errorf("%s is given twice", name)
	}
	*p = append(*p, [2]string{name, secret})
	return nil
}
