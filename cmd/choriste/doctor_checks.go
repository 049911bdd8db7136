package main

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/fleet"
	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/migrations"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/worker"
)

// settings checks what can be seen without asking anybody: the settings, the secrets, the pair of hosts. All three are told even if the first is wrong.
func (d *doctor) settings() (s settings, ok bool) {
	var missing, wrong, unread, copied, exposed []string
	for _, t := range table {
		v, byEnvironment, err := t.value(d.getenv)
		switch {
		case err != nil && d.getenv(t.name) != "": // and its file, too
			wrong = append(wrong, err.Error())
			continue
		case err != nil:
			unread = append(unread, err.Error())
			continue
		case v == "" && t.required && !(t.orFile && d.getenv(accountsFileVariable) != ""):
			missing = append(missing, t.name)
		case v != "":
			var copy copyError
			if err := t.take(&s, v); errors.As(err, &copy) {
				copied = append(copied, t.source(d.getenv)+" "+copy.text)
			} else if err != nil {
				wrong = append(wrong, t.source(d.getenv)+" "+err.Error())
			}
		}
		if byEnvironment && (t.name != "DATABASE_URL" || hasPassword(v)) {
			exposed = append(exposed, t.name)
		}
	}
	if err := databaseKey(s.DatabaseURL, d.getenv); err != nil {
		unread = append(unread, "DATABASE_URL "+err.Error())
	}
	api, token := s.APIURL, s.TokenURL
	for _, err := range s.configureWay(d.getenv) { // before the accounts, which may take it
		wrong = append(wrong, err.Error())
	}
	hosts := s.hosts() // before the accounts, which get them
	accounts, alsoCopied := accountsOf(&s, d.getenv)
	copied = append(copied, alsoCopied...)
	for _, err := range s.relations() {
		wrong = append(wrong, err.Error())
	}

	before := len(d.results)
	d.list(statusFail, "SETTINGS_MISSING", missing)
	d.list(statusFail, "SETTINGS_INVALID", wrong)
	d.list(statusFail, "ACCOUNTS_INVALID", accounts)
	d.list(statusWarn, "SETTINGS_UNKNOWN", unknown(d.getenv))
	if s.StateDir == "" {
		s.StateDir = systemStateDir(d.getenv)
	}
	if s.StateDir != "" {
		if err := fleet.CheckStateDir(s.StateDir); err != nil {
			d.add(found(statusWarn, "STATE_DIR", visible.Short(s.StateDir), err.Error()))
		}
	}
	d.okUnless(before, layerSettings)
	before = len(d.results)
	d.list(statusFail, "SECRET_FILE", unread)
	d.list(statusFail, "SECRET_WHITESPACE", copied)
	d.list(statusWarn, "SECRET_IN_ENVIRONMENT", exposed)
	d.okUnless(before, layerSecrets)
	d.hosts(s, api, token, hosts)
	return s, d.summary().Healthy
}

const accountsFileVariable = "CHORISTE_ACCOUNTS_FILE"

// accountsOf reads the accounts file, too, and tells what is wrong with it apart from what was badly copied.
func accountsOf(s *settings, getenv func(string) string) (wrong, copied []string) {
	for _, p := range s.configure(getenv) {
		if errors.As(p, new(copyError)) {
			copied = append(copied, p.Error())
			continue
		}
		wrong = append(wrong, p.Error())
	}
	return wrong, copied
}

func (d *doctor) list(status, code string, problems []string) {
	if len(problems) > 0 {
		d.add(found(status, code, strings.Join(problems, "; ")))
	}
}

func (d *doctor) okUnless(before int, layer string) {
	if len(d.results) == before {
		d.ok(layer, "")
	}
}

// hosts judges the pair as it was given, and what is wrong with it.
func (d *doctor) hosts(s settings, api, token string, problems []error) {
	switch {
	case len(problems) == 0 && len(s.foreign) > 0:
		d.add(found(statusWarn, "HOSTS_FOREIGN", "CHORISTE_FOREIGN_HOSTS allows "+strings.Join(s.foreign, ", ")+" in production"))
	case len(problems) == 0:
		d.ok(layerHosts, "")
	case (api == "") != (token == ""):
		d.add(found(statusFail, "HOSTS_HALF"))
	default:
		h, err := chorus.ReadHosts(api, token)
		var wrong *chorus.AddressError
		switch known := err == nil || errors.As(err, &wrong) && wrong.Which == ""; {
		case !known:
			d.add(found(statusFail, "HOSTS_INVALID", problems[0].Error()))
		case len(h.Foreign()) > 0:
			d.add(found(statusFail, "HOSTS_FOREIGN", problems[0].Error()))
		default:
			d.add(found(statusFail, "HOSTS_MIXED", hostOf(api), hostOf(token), s.Env))
		}
	}
}

// accountFacts is what the database tells of an account.
type accountFacts struct {
	known    bool       // the row could be read
	pausedAt *time.Time // nil: not paused
	reason   string
	compared *time.Time // since when its deposits wait for a comparison with the portal; nil: they do not
	worked   *time.Time // when the portal last listed its structures
	expires  *time.Time // the password's end, as the portal said when it last did
	waiting  []string   // SIRETs of the suppliers whose invoices are under way
}

// databasePatience bounds each conversation with PostgreSQL: several hosts may be tried in it.
const databasePatience = 30 * time.Second

// database checks PostgreSQL from the connection up to the environment's mark and the clock, in a session that cannot write. right is false when the
// database is marked for the other portal.
func (d *doctor) database(s settings) (known map[string]accountFacts, right bool) {
	config, err := store.PoolConfig(s.DatabaseURL, map[string]string{
		"chorus.actor": "doctor", "default_transaction_read_only": "on", "statement_timeout": "10s", "lock_timeout": "2s",
	})
	if err != nil {
		panic("doctor: checked before") // without err, which may hold the password
	}
	config.MaxConns = 1
	config.ConnConfig.RuntimeParams["application_name"] = "choriste doctor"
	ctx, cancel := context.WithTimeout(d.ctx, databasePatience)
	defer cancel()
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err == nil {
		defer pool.Close()
		err = pool.Ping(ctx)
	}
	conns := worker.Conns(s.Workers) + 1
	if err != nil {
		d.add(faulty(store.Unreachable(err, conns)))
		d.unchecked(databaseLines[1:]...)
		return nil, true
	}
	unfit, err := store.Examine(ctx, pool)
	switch {
	case err != nil:
		unfit = unanswered(err)
		fallthrough
	case unfit != nil:
		d.add(faulty(unfit))
		d.unchecked(databaseLines[1:]...)
		return nil, true
	}
	before := len(d.results)
	if tight, err := store.Room(ctx, pool, conns); err == nil && tight != nil {
		d.add(faulty(tight))
	}
	if holders := lastingHolders(ctx, pool); len(holders) > 0 {
		d.add(found(statusWarn, "DATABASE_LOCKED", store.HoldersText(holders)))
	}
	d.okUnless(before, layerDatabase)

	known, right = d.schema(ctx, pool, s)
	d.databaseClock(ctx, pool)
	return known, right
}

// faulty is a fault of the database as a line of the report.
func faulty(f *store.Fault) result {
	if f.Warns() {
		return found(statusWarn, f.Code, f.Args...)
	}
	return found(statusFail, f.Code, f.Args...)
}

// schema checks role, migration and mark, and reads what is known of the accounts.
func (d *doctor) schema(ctx context.Context, pool *pgxpool.Pool, s settings) (known map[string]accountFacts, right bool) {
	lines := databaseLines[1:4]
	stop := func(r result, rest []line) (map[string]accountFacts, bool) {
		d.add(r)
		d.unchecked(rest...)
		return nil, true
	}
	var exists bool
	err := pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'chorus_worker')`).Scan(&exists)
	var outsider *store.Fault
	if err == nil && exists {
		outsider, err = store.Member(ctx, pool, "chorus_worker")
	}
	switch {
	case err != nil:
		return stop(locked(ctx, pool, err), lines)
	case !exists: // the migration makes it
		d.unchecked(lines[0])
	case outsider != nil:
		return stop(faulty(outsider), lines[1:])
	default:
		d.ok(layerRole, "")
	}
	for _, examine := range []func(context.Context, *pgxpool.Pool) (*store.Fault, error){migrations.Examine, migrations.Sequences} {
		switch unfit, err := examine(ctx, pool); {
		case err != nil:
			return stop(locked(ctx, pool, err), lines[1:])
		case unfit != nil:
			return stop(faulty(unfit), lines[2:])
		}
	}
	switch others, err := migrations.RightsOfOthers(ctx, pool); {
	case err != nil:
		return stop(locked(ctx, pool, err), lines[2:])
	case others != nil:
		d.add(faulty(others))
	default:
		d.ok(layerMigration, "")
	}

	var mark string
	err = pool.QueryRow(ctx, `SELECT coalesce(environment, '') FROM chorus.installation`).Scan(&mark)
	if err == nil {
		known, err = readAccounts(ctx, pool)
	}
	var differ, orphaned *store.Fault
	if err == nil {
		differ, err = store.Differ(ctx, pool, s.worker().Shared())
	}
	if err == nil {
		orphaned, err = store.Orphaned(ctx, pool)
	}
	switch {
	case err != nil:
		return stop(locked(ctx, pool, err), lines[2:])
	case mark != "" && mark != s.Env:
		d.add(found(statusFail, "ENVIRONMENT_MISMATCH", mark, s.Env))
		return nil, false
	case differ == nil && orphaned == nil:
		d.ok(layerEnvironment, "")
	}
	for _, f := range []*store.Fault{differ, orphaned} {
		if f != nil {
			d.add(faulty(f))
		}
	}
	return known, true
}

// locked is a question that PostgreSQL did not answer, because somebody holds a lock or for another reason.
func locked(ctx context.Context, pool *pgxpool.Pool, err error) result {
	if store.SQLState(err) == "55P03" {
		if holders, err := inTheWay(ctx, pool); err == nil && len(holders) > 0 {
			return found(statusFail, "DATABASE_LOCKED", store.HoldersText(holders))
		}
	}
	return faulty(unanswered(err))
}

// lastingHolders are sessions that hold a lock for longer than everyday work does.
func lastingHolders(ctx context.Context, pool *pgxpool.Pool) []store.LockHolder {
	first, err := inTheWay(ctx, pool)
	if err != nil || len(first) == 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return nil
	case <-time.After(2 * time.Second):
	}
	again, err := inTheWay(ctx, pool)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(again, func(h store.LockHolder) bool {
		return !slices.ContainsFunc(first, func(f store.LockHolder) bool { return f.PID == h.PID })
	})
}

// inTheWay are the holders of locks that somebody must end: not sessions of choriste's own that are at work.
func inTheWay(ctx context.Context, pool *pgxpool.Pool) ([]store.LockHolder, error) {
	holders, err := store.LockHolders(ctx, pool)
	return slices.DeleteFunc(holders, func(h store.LockHolder) bool { return h.Own && !h.StandsStill }), err
}

// unanswered is a question that PostgreSQL did not answer, although it answered others.
func unanswered(err error) *store.Fault {
	var known *store.Fault
	if errors.As(err, &known) {
		return known
	}
	return store.NewFault("DATABASE_ANSWER", cmp.Or(store.SQLState(err), "-"))
}

func readAccounts(ctx context.Context, pool *pgxpool.Pool) (map[string]accountFacts, error) {
	rows, err := pool.Query(ctx, `
		SELECT name, paused_at, coalesce(pause_reason, ''), CASE WHEN compare_since IS NOT NULL THEN compare_asked_at END, structures_at, password_expires,
		       ARRAY (SELECT DISTINCT fournisseur_siret FROM chorus.invoices
		              WHERE account = name AND fournisseur_siret IS NOT NULL AND state IN ('ready', 'sending', 'in_doubt', 'deposited'))
		FROM chorus.accounts`)
	if err != nil {
		return nil, err
	}
	accounts := map[string]accountFacts{}
	var name string
	f := accountFacts{known: true}
	_, err = pgx.ForEachRow(rows, []any{&name, &f.pausedAt, &f.reason, &f.compared, &f.worked, &f.expires, &f.waiting}, func() error {
		accounts[name] = f
		return nil
	})
	return accounts, err
}

func (d *doctor) databaseClock(ctx context.Context, pool *pgxpool.Pool) {
	var there time.Time
	before := time.Now()
	// One round trip: the simple protocol prepares nothing first.
	err := pool.QueryRow(ctx, `SELECT clock_timestamp()`, pgx.QueryExecModeSimpleProtocol).Scan(&there)
	took := time.Since(before)
	if err != nil {
		d.unchecked(line{layerClock, "database"})
		return
	}
	d.add(clock("CLOCK_DATABASE", "database", there.Sub(before.Add(took/2)), took/2))
}

// How far two clocks may differ. The protocol compares moments of one clock only, so a warning is all that seconds deserve; a minute spoils
// certificates, tokens and the dates that searches ask for.
const (
	clockWarn = 2 * time.Second
	clockFail = time.Minute
)

// clock judges an offset that is known to within doubt.
func clock(code, part string, offset, doubt time.Duration) result {
	r := result{Layer: layerClock, Status: statusOK}
	switch sure := offset.Abs() - doubt; {
	case sure > clockFail:
		r = found(statusFail, code, offset.Round(time.Second))
	case sure > clockWarn:
		r = found(statusWarn, code, offset.Round(time.Second))
	}
	r.Part = part
	return r
}
