// Command choriste deposits the invoices of a PostgreSQL table at Chorus Pro and follows them until they are paid.
//
//	choriste migrate up     prepare the database
//	choriste work           run a worker
//	choriste help env       the settings
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/signal"
	"os/user"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/jackc/pgx/v5/pgxpool"
	kongcompletion "github.com/jotaen/kong-completion"

	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/jobs"
	"github.com/choriste/choriste/migrations"
	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

type cli struct {
	JSON        bool             `name:"json" help:"Print JSON, one object a line; errors, too."`
	Lang        string           `help:"Language of what people read: en or fr; by default that of the environment (LC_ALL, LC_MESSAGES, LANG)." enum:"en,fr" default:"${lang}"`
	EnvFile     string           `name:"env-file" help:"A file with settings, NAME=VALUE a line; the environment's go over them." placeholder:"FILE"`
	VersionFlag kong.VersionFlag `name:"version" help:"Print the version."`

	Init       initCmd       `cmd:"" help:"Make a set-up: settings, files of secrets, logins, the database's schema; then examine it. Overwrites nothing; can be run again."`
	Todo       todoCmd       `cmd:"" help:"Say what needs a person, since when, why, and what to do; also without any command."`
	Migrate    migrateCmd    `cmd:"" help:"Bring the database to the schema this program needs."`
	Work       workCmd       `cmd:"" help:"Deposit and follow invoices until stopped."`
	Doctor     doctorCmd     `cmd:"" help:"Name the broken layer of a set-up, and the next step."`
	Probe      probeCmd      `cmd:"" help:"Measure a portal: what its documentation leaves open, in the form of settings; no database is needed."`
	Check      checkCmd      `cmd:"" help:"Say what is wrong with invoice files before they are inserted; no database is needed."`
	Submit     submitCmd     `cmd:"" help:"Insert invoice files, as an application would."`
	List       listCmd       `cmd:"" help:"List invoices."`
	Views      viewsCmd      `cmd:"" help:"List the saved views; save or delete one."`
	Show       showCmd       `cmd:"" help:"Show one invoice and every request made for it."`
	Events     eventsCmd     `cmd:"" help:"Show the history of one invoice; with --follow, what happens from now on."`
	Audit      auditCmd      `cmd:"" help:"Say who did what, when, why, and to what."`
	Stats      statsCmd      `cmd:"" help:"Count invoices by state, with the age of the oldest."`
	Watch      watchCmd      `cmd:"" help:"Show what needs a person and the figures again and again, until interrupted."`
	Digest     digestCmd     `cmd:"" help:"Print or mail the day's figures, what needs a person, and the money."`
	Money      moneyCmd      `cmd:"" help:"Say what is open, by age and recipient, what was paid, and what late payment costs."`
	Evidence   evidenceCmd   `cmd:"" help:"Write one archive that proves what was sent, when, and what was answered."`
	Verify     verifyCmd     `cmd:"" help:"Check an archive of evidence, or the database: name what was altered, removed or inserted."`
	Partition  partitionCmd  `cmd:"" help:"Cut history by month once it is large; have a month leave for a file, and bring it back."`
	Purge      purgeCmd      `cmd:"" help:"Say whose documents have been kept long enough; delete them; set how long they stay; erase an account."`
	Retry      retryCmd      `cmd:"" help:"Have invalid invoices read again, or rejected fluxes sent again."`
	Agree      agreeCmd      `cmd:"" help:"Agree to what another person asked for, which is done then (CHORISTE_SECOND_PERSON)."`
	Refuse     refuseCmd     `cmd:"" help:"Refuse what another person asked for, or take back what you asked for yourself."`
	Resolve    resolveCmd    `cmd:"" help:"Show what is known of a parked invoice, and take it out of that state."`
	Complete   completeCmd   `cmd:"" help:"Complete an invoice that its recipient has suspended, with words, files, or both."`
	Recycle    recycleCmd    `cmd:"" help:"Route an invoice anew that went to the wrong place; same number."`
	Replace    replaceCmd    `cmd:"" help:"Insert a new invoice, with a new number, for one that its recipient refused."`
	Cancel     cancelCmd     `cmd:"" help:"Ask for an invoice not to be sent."`
	Pause      pauseCmd      `cmd:"" help:"Stop sending and following an account's invoices."`
	Resume     resumeCmd     `cmd:"" help:"Go on with a paused account."`
	Explain    explainCmd    `cmd:"" help:"Say what an answer of Chorus Pro, PISTE or choriste means, who must act, and what to do."`
	Webhooks   webhooksCmd   `cmd:"" help:"List the webhooks; test, pause, resume, replay or skip."`
	Password   passwordCmd   `cmd:"" help:"Make what stands for a password in the file of those who may sign in to the console."`
	Completion completionCmd `cmd:"" help:"Print what has a shell complete commands, flags and values."`
	Man        manCmd        `cmd:"" help:"Write the manual pages into a directory, as packages have them."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
	Help       helpCmd       `cmd:"" help:"Show this help, or the settings: help env."`

	Reconcile reconcileCmd `cmd:"" help:"Compare with the portal what was deposited, and report what differs."`
}

// app is what the commands share.
type app struct {
	ctx    context.Context //nolint:containedctx // of the command line, handed to one command
	out    io.Writer
	raw    io.Writer // out, for what was made visible already
	err    io.Writer
	log    io.Writer // of the worker: colours and all
	getenv func(string) string
	json   bool
	lang   string // en or fr
	screen screen
	usage  func(command ...string) error

	command string        // as kong names it
	pool    *pgxpool.Pool // of store
}

func main() {
	jobs.ServeReading()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() { // the first signal asks, the second one kills
		<-ctx.Done()
		stop()
	}()
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// usageError is the command line's fault: exit status 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// joined makes one argument of a flag and a value that begins with a minus, as in --sort -amount: the parser takes such a value for a flag.
func joined(args []string) []string {
	var out []string
	for _, arg := range args {
		last := len(out) - 1
		if len(arg) > 1 && arg[0] == '-' && arg[1] != '-' && last >= 0 && slices.Contains([]string{"--sort", "--query", "-q"}, out[last]) {
			out[last] = strings.Replace(out[last]+"="+arg, "-q=", "--query=", 1)
			continue
		}
		out = append(out, arg)
	}
	return out
}

func run(ctx context.Context, args []string, getenv func(string) string, stdout, errOut io.Writer) int {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	out := &output{to: stdout, end: end}
	shown := newErrorLines(&visible.Writer{Out: errOut}, args, getenv) // errors may quote what others wrote
	var c cli
	exited := -1
	lang := languageSaid(args, getenv)
	parser := parserOf(&c, lang, out, errOut, func(code int) { exited = code })
	if getenv("COMP_LINE") != "" { // a shell asks what may come next
		kongcompletion.Register(parser, kongcompletion.WithExitFunc(func(code int) { exited = code }))
		return max(exited, 0)
	}
	a := &app{ctx: ctx, out: out, raw: out, err: shown, log: errOut, getenv: getenv, json: slices.Contains(args, "--json"), lang: lang}
	if len(args) == 0 {
		args = []string{"help"}
		if getenv("DATABASE_URL")+getenv("DATABASE_URL_FILE") != "" {
			args = []string{"todo"}
		}
	}
	k, err := parser.Parse(joined(args))
	if broken := out.result(nil); broken != nil {
		return a.end(broken)
	}
	if exited >= 0 {
		return exited // --help
	}
	a.lang = cmp.Or(c.Lang, a.lang)
	if err != nil {
		a.fail(parseError{err}, 2)
		return 2
	}
	a.json, a.out = c.JSON, &visible.Writer{Out: out, JSON: c.JSON}
	if c.EnvFile != "" {
		if a.getenv, err = withEnvironment(getenv, c.EnvFile); err != nil {
			a.fail(err, 1)
			return 1
		}
	}
	a.screen = screenOf(stdout, getenv)
	a.usage = func(command ...string) error {
		_, err := parser.Parse(append(command, "--help")) // prints it; what follows --help is not its error
		if exited < 0 {
			return usageError{err}
		}
		return nil
	}
	a.command = k.Command()
	defer a.close()
	return a.end(out.result(k.Run(a)))
}

// end says what went wrong, and returns the exit status.
func (a *app) end(err error) int {
	status := statusOf(err)
	if err != nil && !closedPipe(err) {
		a.fail(err, status)
	}
	return status
}

// parserOf reads command lines into c, and prints help in a language.
func parserOf(c *cli, lang string, out, errOut io.Writer, exit func(code int)) *kong.Kong {
	vars := kong.Vars{"version": "choriste " + version(), "lang": lang, "sorts": strings.Join(operate.SortKeys(), ", "), "acts": strings.Join(operate.ActKindNames(), ", ")}
	parser, err := kong.New(c,
		kong.Name("choriste"),
		kong.Description("A durable invoice queue and worker for Chorus Pro. Settings are environment variables: choriste help env."),
		kong.Writers(out, errOut),
		kong.Exit(exit),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Help(printHelp(lang)),
		vars,
	)
	if err != nil {
		panic(err) // the commands above are wrong
	}
	if lang == "fr" {
		speakFrench(parser.Model, vars)
	}
	return parser
}

// statusOf is the exit status for an error: docs/operating.md has them all.
func statusOf(err error) int {
	var broken brokenError
	switch {
	case err == nil:
		return 0
	case errors.As(err, new(outputError)):
		return 1
	case errors.As(err, &broken):
		return broken.exit
	case errors.As(err, new(findingsError)):
		return exitFindings
	case errors.As(err, new(uncomparedError)):
		return exitUncompared
	case errors.As(err, new(usageError)):
		return 2
	}
	return 1
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// store opens the database for one command of an operator, whose name goes into the history.
func (a *app) store() (*store.Store, error) {
	s, err := load(a.getenv, "DATABASE_URL")
	if err != nil {
		return nil, err
	}
	who := "operator"
	if u, err := user.Current(); err == nil {
		who = u.Username
	}
	const conns = 2
	pool, err := store.Connect(a.ctx, s.DatabaseURL, "choriste:"+who, conns)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(a.ctx, 30*time.Second) // several hosts take their time
	defer cancel()
	a.pool = pool
	if err := pool.Ping(ctx); err != nil {
		return nil, store.Unreachable(err, conns)
	}
	if err := migrations.Check(ctx, pool); err != nil {
		return nil, err
	}
	return store.New(pool), nil
}

// print writes v as one line of JSON.
func (a *app) print(v any) error { return printTo(a.out, v) }

func printTo(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// asJSON is --json, asked for by -o.
func (a *app) asJSON() { a.json, a.out = true, &visible.Writer{Out: a.raw, JSON: true} }

func (a *app) printf(format string, args ...any) {
	_, _ = io.WriteString(a.out, visible.Sprintf(format, args...))
}

func (a *app) warnf(format string, args ...any) {
	_, _ = io.WriteString(a.err, visible.Sprintf(format, args...))
}
