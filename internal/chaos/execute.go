package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/crash"
	"github.com/choriste/choriste/migrations"
	"github.com/choriste/choriste/store/storetest"
)

// The delays that the workers are told, in place of hours; §4.2 of docs/protocol.md.
const (
	tSend = 2 * time.Second
	tHTTP = 2 * time.Second
	delay = 3 * time.Second // D, and V where nothing else is said
)

// trial is one run of the harness.
type trial struct {
	cfg      Config
	dir      string
	progress io.Writer
	secrets  credentials

	cluster *storetest.Cluster
	data    string // its directory
	url     string // of the database, as the superuser
	pool    *pgxpool.Pool
	portal  *portal
	network network
	workers *settings
	fleet   *fleet
	harm    *harm
	in      *inserter
	obs     *observer
	probes  *sampler
	stage   stage
	world   sync.RWMutex // write-locked while the database forgets: nobody else may learn from it or tell it anything meanwhile

	began      time.Time
	calmed     time.Time // the storm ended
	played     time.Time // the episodes ended
	settled    time.Time // nothing moved any more
	found      map[string]violation
	samples    int
	lastSample time.Time
	plain      float64       // plain transactions a second of this machine
	latest     time.Duration // the time that the last sample took
	slowest    time.Duration // of the samples
	problems   []string      // what makes the run fail beside the invariants
}

// execute runs one trial and keeps its artefacts if it fails, or if asked to.
func execute(ctx context.Context, cfg Config, progress io.Writer) (*report, error) {
	dir, err := directory(cfg.Keep)
	if err != nil {
		return nil, err
	}
	t := &trial{cfg: cfg, dir: dir, progress: progress, secrets: newCredentials(), found: map[string]violation{}}
	rep, err := t.run(ctx)
	kept := cfg.Keep != "" || err != nil || !rep.Passed
	if !kept {
		return rep, os.RemoveAll(dir)
	}
	t.say("kept in %s", dir)
	if rep != nil {
		rep.Artefacts = dir
		err = errors.Join(err, rep.write(filepath.Join(dir, "report.json")))
	}
	return rep, err
}

// directory is an empty one: another run's ledger in it would be taken for this one's.
func directory(wanted string) (string, error) {
	if wanted == "" {
		return os.MkdirTemp("", "choriste-chaos-")
	}
	dir, err := filepath.Abs(wanted)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	files, err := os.ReadDir(dir)
	if err == nil && len(files) > 0 {
		err = fmt.Errorf("%s is not empty", dir)
	}
	return dir, err
}

func (t *trial) say(format string, args ...any) {
	_, _ = fmt.Fprintf(t.progress, "chaos: "+format+"\n", args...)
}

func (t *trial) problem(format string, args ...any) {
	t.problems = append(t.problems, fmt.Sprintf(format, args...))
}

func (t *trial) run(ctx context.Context) (rep *report, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer func() { err = errors.Join(err, t.close()) }()
	if err := t.prepare(ctx); err != nil {
		return nil, err
	}
	t.began = time.Now()
	t.lastSample = t.began
	t.say("seed %d, %d invoices, %d workers, profile %s, uniqueness %s, policy %s, faults %s", t.cfg.Seed, t.cfg.Invoices, t.cfg.Workers, t.cfg.Profile,
		t.cfg.Uniqueness, t.cfg.Policy, t.cfg.Faults)

	probing, probed := context.WithCancel(ctx)
	var probes sync.WaitGroup
	probes.Go(func() { t.probes.run(probing) })
	defer probes.Wait()
	defer probed()
	inserting, enough := context.WithCancel(ctx)
	inserted := make(chan error, 1)
	harming, calm := context.WithCancel(ctx)
	var busy sync.WaitGroup
	busy.Go(func() { inserted <- t.in.insertAll(inserting) })
	busy.Go(func() { t.harm.run(harming) })
	err = t.storm(ctx, inserted)
	calm()
	enough()
	busy.Wait() // what was broken is put together again before anything ends
	if err := errors.Join(err, t.harm.failed); err != nil {
		return nil, err
	}
	if err := t.portal.calm(ctx); err != nil {
		return nil, err
	}
	t.calmed = time.Now()
	t.say("the storm is over after %s", t.calmed.Sub(t.began).Round(time.Second))
	if err := t.playEpisodes(ctx); err != nil {
		return nil, err
	}
	t.played = time.Now()
	if err := t.settle(ctx); err != nil {
		return nil, err
	}
	probed()
	probes.Wait()
	return t.judge(ctx)
}

// prepare builds and starts everything.
func (t *trial) prepare(ctx context.Context) error {
	bin, err := filepath.Abs(t.cfg.Bin)
	if err != nil {
		return err
	}
	if t.cfg.Bin == "" {
		bin = filepath.Join(t.dir, "bin")
		t.say("building")
		if err := buildPrograms(ctx, bin, t.cfg.Race, t.cfg.patches()...); err != nil {
			return err
		}
	}
	// Beside the artefacts, whose directory the server's user may not enter.
	if t.data, err = os.MkdirTemp("", "choriste-chaos-pg-"); err != nil {
		return err
	}
	t.cluster, err = storetest.Start(ctx, storetest.Options{
		Dir: t.data, Fsync: t.cfg.Fsync, Settings: map[string]string{"track_commit_timestamp": "on", "max_wal_size": "1GB", "hot_standby": "off"},
	})
	if err != nil {
		return err
	}
	if err := t.database(ctx); err != nil {
		return err
	}
	if err := t.measureMachine(ctx); err != nil {
		return err
	}
	if t.portal, err = startPortal(ctx, t.cfg, t.dir, bin, t.secrets); err != nil {
		return err
	}
	if err := t.arrange(ctx); err != nil {
		return err
	}
	if t.network, err = newNetwork(t.cfg.Workers, t.url, t.portal); err != nil {
		return err
	}
	t.obs = &observer{pool: t.pool, ledger: ledgerReader{path: t.portal.ledger, foreign: t.cfg.Portal == "foreign"}, world: &t.world}
	t.in = &inserter{
		cfg: t.cfg, world: &t.world, url: withLogin(t.url, "chaos_app", t.secrets.Database), file: filepath.Join(t.dir, "inserts.jsonl"), portal: t.portal,
	}
	if t.workers, err = t.newSettings(bin); err != nil {
		return err
	}
	command, ports := t.workers.command, t.workers.ports
	if t.cfg.Naive {
		if t.in.naive, command, err = t.naiveFleet(ctx); err != nil {
			return err
		}
		ports, t.obs.only = nil, []string{"I1"}
	}
	if t.fleet, err = newFleet(t.cfg.Workers, t.dir, command); err != nil {
		return err
	}
	t.probes = newSampler(t.fleet, ports, t.dir)
	t.harm = &harm{
		cfg: t.cfg, fleet: t.fleet, cluster: t.cluster, admin: t.pool, login: "chaos_worker", slow: t.slowness(), counts: map[string]int{}, missed: map[string]int{},
	}
	return nil
}

// arrange tells the portal what a mutant needs.
func (t *trial) arrange(ctx context.Context) error {
	if len(t.cfg.script) > 0 {
		if err := t.portal.manage(ctx, "/faults", t.cfg.script); err != nil {
			return err
		}
	}
	if t.cfg.outage > 0 {
		go func() {
			if err := t.closeTokenDoor(ctx); err != nil && ctx.Err() == nil {
				t.say("the token endpoint: %v", err)
			}
		}()
	}
	return nil
}

// closeTokenDoor lets the work begin, and then revokes every token and grants no other for a while.
func (t *trial) closeTokenDoor(ctx context.Context) error {
	time.Sleep(3 * time.Second)
	if err := t.portal.manage(ctx, "/outage", map[string]any{"on": true, "scope": "token", "kind": "429_bare"}); err != nil {
		return err
	}
	if err := t.portal.manage(ctx, "/revoke", map[string]any{}); err != nil {
		return err
	}
	time.Sleep(t.cfg.outage)
	return t.portal.manage(ctx, "/outage", map[string]any{"on": false, "scope": "token"})
}

// databaseName is that of the workers' database, which episodes drop and make anew.
const databaseName = "choriste"

// maintain executes a statement in another database.
func (t *trial) maintain(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, t.cluster.URL(""))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	_, err = conn.Exec(ctx, sql)
	return err
}

// database makes the schema, the logins and the harness's own tables.
func (t *trial) database(ctx context.Context) error {
	if err := t.maintain(ctx, `CREATE DATABASE `+databaseName); err != nil {
		return err
	}
	t.url = t.cluster.URL(databaseName)
	if err := migrations.Up(ctx, t.url, nil); err != nil {
		return err
	}
	config, err := pgxpool.ParseConfig(t.url)
	if err != nil {
		return err
	}
	config.ConnConfig.RuntimeParams["default_transaction_read_only"] = "off" // whatever an episode says to the others
	config.ConnConfig.RuntimeParams["default_transaction_isolation"] = "read committed"
	if t.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return err
	}
	password := strings.ReplaceAll(t.secrets.Database, "'", "''")
	// The application does not wait for a worker to make its account known.
	statements := schemaSQL + fmt.Sprintf("INSERT INTO chorus.accounts (name) VALUES ('%s');\n", accountSmall)
	for _, role := range []string{"worker", "app"} {
		statements += fmt.Sprintf("CREATE ROLE chaos_%s LOGIN PASSWORD '%s' IN ROLE chorus_%s;\n", role, password, role)
	}
	for _, account := range []string{accountDefault, accountSmall} {
		statements += fmt.Sprintf("INSERT INTO chorus.logins (login, account) VALUES ('chaos_app', '%s');\n", account)
	}
	statements += t.cfg.sql
	if t.cfg.Mutant == crash.NoUniqueIndex {
		statements += "DROP INDEX chorus.invoices_business_key;\n"
	}
	if _, err := t.pool.Exec(ctx, statements); err != nil {
		return err
	}
	quota, tokenRate := 0, 2*t.cfg.Workers+2
	if t.cfg.Profile == "quota" {
		quota = t.cfg.Quota
	}
	_, err = t.pool.Exec(ctx, `
		INSERT INTO chaos.settings (d, h, silence, quota, token_rate, never) VALUES ($1, $2, $3, $4, $5, $6)`,
		delay, t.cfg.horizon(), tHTTP+30*time.Second, quota, tokenRate, t.cfg.Policy == "never")
	return err
}

// close ends every process, in the order that leaves the most to read.
func (t *trial) close() error {
	var all error
	if t.fleet != nil {
		all = errors.Join(all, t.fleet.stop())
	}
	if t.portal != nil {
		all = errors.Join(all, t.portal.stop())
	}
	t.network.close()
	if t.in != nil {
		t.in.close()
	}
	if t.pool != nil {
		t.pool.Close()
	}
	if t.cluster != nil {
		all = errors.Join(all, t.cluster.Stop())
	}
	if t.data != "" {
		all = errors.Join(all, os.RemoveAll(t.data))
	}
	if t.cfg.Bin == "" { // built again in a moment
		all = errors.Join(all, os.RemoveAll(filepath.Join(t.dir, "bin")))
	}
	return all
}
