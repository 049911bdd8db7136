package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/crash"
	"github.com/choriste/choriste/migrations"
	"github.com/choriste/choriste/store/storetest"
)

// The delays that the workers are told, in place of hours; §4.2 of docs/protocol.md.
const (
	tSend = 2 * time.Second
	tHTTP = 2 * time.Second
	delay = 3 * time.Second // D, and V
)

func horizon() time.Duration { return tSend + 2*delay }

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
	fleet   *fleet
	harm    *harm
	in      *inserter
	obs     *observer
	metrics *scraper

	began      time.Time
	calmed     time.Time // the faults ended
	settled    time.Time // nothing moved any more
	found      map[string]violation
	samples    int
	lastSample time.Time
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
	t.say("faults are over after %s", t.calmed.Sub(t.began).Round(time.Second))
	if err := t.settle(ctx); err != nil {
		return nil, err
	}
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
		if err := build(ctx, bin, t.cfg.Race); err != nil {
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
	if t.portal, err = startPortal(ctx, t.cfg, t.dir, bin, t.secrets); err != nil {
		return err
	}
	if err := t.arrange(ctx); err != nil {
		return err
	}
	var world sync.RWMutex
	t.obs = &observer{pool: t.pool, ledger: ledgerReader{path: t.portal.ledger, foreign: t.cfg.Portal == "foreign"}, world: &world}
	t.in = &inserter{
		cfg: t.cfg, world: &world, url: withLogin(t.url, "chaos_app", t.secrets.Database), file: filepath.Join(t.dir, "inserts.jsonl"), portal: t.portal,
	}
	command, ports, err := t.workerCommand(bin)
	if err != nil {
		return err
	}
	if t.cfg.Naive {
		if t.in.naive, command, err = t.naiveFleet(ctx); err != nil {
			return err
		}
		ports, t.obs.only = nil, []string{"I1"}
	}
	if t.fleet, err = newFleet(t.cfg.Workers, t.dir, command); err != nil {
		return err
	}
	t.metrics = &scraper{ports: ports, file: filepath.Join(t.dir, "metrics.txt")}
	t.harm = &harm{
		cfg: t.cfg, fleet: t.fleet, cluster: t.cluster, data: t.data, admin: t.pool, login: "chaos_worker", world: &world,
		counts: map[string]int{}, missed: map[string]int{},
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

// database makes the schema, the logins and the harness's own tables.
func (t *trial) database(ctx context.Context) error {
	t.url = t.cluster.URL("")
	if err := migrations.Up(ctx, t.url, nil); err != nil {
		return err
	}
	var err error
	if t.pool, err = pgxpool.New(ctx, t.url); err != nil {
		return err
	}
	password := strings.ReplaceAll(t.secrets.Database, "'", "''")
	// The application does not wait for a worker to make its account known.
	statements := schemaSQL + fmt.Sprintf("INSERT INTO chorus.accounts (name) VALUES ('%s');\n", accountSmall)
	for _, role := range []string{"worker", "app"} {
		statements += fmt.Sprintf("CREATE ROLE chaos_%s LOGIN PASSWORD '%s' IN ROLE chorus_%s;\n", role, password, role)
	}
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
		delay, horizon(), tHTTP+30*time.Second, quota, tokenRate, t.cfg.Policy == "never")
	return err
}

// workerCommand says how a worker is started; secrets come in files, as in production.
func (t *trial) workerCommand(bin string) (func(slot int) *exec.Cmd, []int, error) {
	files := map[string]string{
		"small":        t.secrets.SmallPassword,
		"DATABASE_URL": withLogin(t.url, "chaos_worker", t.secrets.Database), "PISTE_CLIENT_SECRET": t.secrets.ClientSecret, "CHORUS_PASSWORD": t.secrets.Password,
	}
	secrets := filepath.Join(t.dir, "secrets")
	if err := os.MkdirAll(secrets, 0o700); err != nil {
		return nil, nil, err
	}
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"),
		"CHORUS_API_URL=" + t.portal.API, "CHORUS_TOKEN_URL=" + t.portal.Token,
		"PISTE_CLIENT_ID=" + t.secrets.ClientID, "CHORUS_LOGIN=" + t.secrets.Login,
		fmt.Sprintf("CHORISTE_QUOTA=%d", t.cfg.Quota), "CHORISTE_INDOUBT_RESUBMIT=" + t.cfg.Policy,
		"CHORISTE_SEND_WITHIN=" + tSend.String(), "CHORISTE_HTTP_TIMEOUT=" + tHTTP.String(),
		"CHORISTE_LANDING_DELAY=" + delay.String(), "CHORISTE_VISIBILITY_DELAY=" + delay.String(),
		"CHORISTE_RESOLVE_AFTER=" + t.cfg.lookAfter.String(), "CHORISTE_REPORT_AFTER=500ms", "CHORISTE_SYNC_EVERY=500ms", "CHORISTE_QUIET_PERIOD=3s",
		"CHORISTE_REAP_EVERY=1s", "CHORISTE_SWEEP_EVERY=1s", "CHORISTE_SHUTDOWN_TIMEOUT=5s", "CHORISTE_LOG=json",
	}
	for name, value := range files {
		file := filepath.Join(secrets, name)
		if err := os.WriteFile(file, []byte(value), 0o600); err != nil {
			return nil, nil, err
		}
		if name != "small" {
			env = append(env, name+"_FILE="+file)
		}
	}
	if t.cfg.Portal == "simulator" {
		file := filepath.Join(t.dir, "accounts.yaml")
		text := fmt.Sprintf("accounts:\n  - {name: %s, application: default, login: %s, password_file: secrets/small}\n", accountSmall, t.secrets.SmallLogin)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return nil, nil, err
		}
		env = append(env, "CHORISTE_ACCOUNTS_FILE="+file)
	}
	env = append(env, "CHORISTE_MUTANT="+t.cfg.Mutant, "CHORISTE_CRASH="+t.cfg.crash)
	ports := make([]int, t.cfg.Workers)
	for slot := range ports {
		var err error
		if ports[slot], err = freePort(); err != nil {
			return nil, nil, err
		}
	}
	return func(slot int) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, "choriste"), "work")
		cmd.Env = append(env[:len(env):len(env)], fmt.Sprintf("CHORISTE_LISTEN=127.0.0.1:%d", ports[slot]))
		return cmd
	}, ports, nil
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
