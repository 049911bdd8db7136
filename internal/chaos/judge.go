package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/store/storetest"
)

// judge ends the workers, brings together what everybody knows, and asks every invariant once more.
func (t *trial) judge(ctx context.Context) (*report, error) {
	if t.foundOut() {
		t.fleet.kill() // a mutant may not end by itself, and nothing more is to be learnt from it
	} else if err := t.fleet.stop(); err != nil {
		t.problem("%v", err)
	}
	for _, exit := range t.fleet.selfEnded() {
		if !t.wasCutOff(exit) {
			t.problem("%s", exit.text)
		}
	}
	for _, late := range t.harm.late {
		t.problem("%s", late)
	}
	if err := t.probes.save(); err != nil {
		return nil, err
	}
	if err := pgx.BeginFunc(ctx, t.pool, func(tx pgx.Tx) error { return t.bring(ctx, tx) }); err != nil {
		return nil, err
	}
	if _, err := t.obs.sample(ctx, false); err != nil { // the tokens are in the ledger
		return nil, err
	}
	if err := t.searchSecrets(ctx); err != nil {
		return nil, err
	}
	found, err := t.obs.sample(ctx, true)
	if err != nil {
		return nil, err
	}
	t.samples++
	for _, v := range found {
		t.note(v)
	}
	rep := &report{
		Seed: t.cfg.Seed, Commit: commit(ctx), Invoices: t.cfg.Invoices, Workers: t.cfg.Workers, Profile: t.cfg.Profile, Policy: t.cfg.Policy, Uniqueness: t.cfg.Uniqueness,
		Portal: t.cfg.Portal, Mutant: t.cfg.Mutant, Naive: t.cfg.Naive,
		Samples: t.samples, SlowestSample: t.slowest.Seconds(), StormSeconds: t.calmed.Sub(t.began).Seconds(), SettleSeconds: t.settled.Sub(t.played).Seconds(),
		EpisodeSeconds: t.played.Sub(t.calmed).Seconds(), Harm: t.harm.total(), Skipped: t.stage.skipped, InsertsRetried: t.in.retried, Problems: t.problems,
	}
	for _, v := range t.found {
		rep.Violations = append(rep.Violations, v)
	}
	slices.SortFunc(rep.Violations, func(a, b violation) int { return position(a.Invariant) - position(b.Invariant) })
	if err := t.figures(ctx, rep); err != nil {
		return nil, err
	}
	rep.verdict(t.cfg)
	if !rep.Passed || t.cfg.Keep != "" {
		t.keepDatabase(ctx)
	}
	return rep, nil
}

// commit names what was tried, if git can tell.
func commit(ctx context.Context) string {
	head, err := exec.CommandContext(ctx, "git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return ""
	}
	name := strings.TrimSpace(string(head))
	if changed, err := exec.CommandContext(ctx, "git", "status", "--porcelain").Output(); err != nil || len(changed) > 0 {
		name += "+"
	}
	return name
}

func position(name string) int {
	return slices.IndexFunc(invariants, func(i invariant) bool { return i.Name == name })
}

// wasCutOff tells whether a worker that ended by itself could not reach its database: then that is right.
func (t *trial) wasCutOff(e exit) bool {
	t.stage.mu.Lock()
	defer t.stage.mu.Unlock()
	return slices.ContainsFunc(t.stage.cuts, func(c cut) bool {
		return (c.slot == everyone || c.slot == e.slot) && e.at.After(c.began) && e.at.Before(c.ended.Add(5*time.Second))
	})
}

// keepDatabase writes a dump beside the other artefacts, if there is a pg_dump.
func (t *trial) keepDatabase(ctx context.Context) {
	program := "pg_dump"
	if bin, err := storetest.Find(); err == nil {
		program = filepath.Join(bin, program)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "--format=custom", "--file="+filepath.Join(t.dir, "database.dump"), t.url)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.say("no dump of the database is kept: %v %s", err, out)
	}
}

// write keeps the report beside the other artefacts.
func (r *report) write(file string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(b, '\n'), 0o600)
}

// figures asks the database for what the report says in numbers.
func (t *trial) figures(ctx context.Context, r *report) error {
	q := func(into []any, sql string, args ...any) error {
		if err := t.pool.QueryRow(ctx, sql, args...).Scan(into...); err != nil {
			return fmt.Errorf("figures: %w", err)
		}
		return nil
	}
	l := &r.Line
	line := lineSQL
	if t.cfg.Naive {
		line = naiveLineSQL
	}
	if err := q([]any{&l.Attempted, &l.Acknowledged, &l.Deposited, &l.Recovered, &l.Parked, &l.Rejected, &l.Open, &l.Lost}, line); err != nil {
		return err
	}
	if err := q([]any{&l.Duplicated, &l.Detected}, `
		SELECT count(*), count(*) FILTER (WHERE EXISTS (SELECT FROM chorus.invoices i WHERE chaos.key(i) = k.key AND i.state = 'parked'))
		FROM (SELECT key FROM chaos.held GROUP BY key HAVING count(*) > 1) k`); err != nil {
		return err
	}
	if err := q([]any{&r.Doubt.Created, &r.Doubt.Adopted, &r.Doubt.Absent, &r.Doubt.Parked, &r.Doubt.OldestSeconds}, doubtSQL); err != nil {
		return err
	}
	r.PlainPerSecond = t.plain
	if err := q([]any{&r.DepositsPerSecond}, rateSQL); err != nil {
		return err
	}
	if err := q([]any{&r.KillToVisible.N, &r.KillToVisible.Median, &r.KillToVisible.Max}, visibleSQL); err != nil {
		return err
	}
	if err := q([]any{&r.BackToDeposit.N, &r.BackToDeposit.Median, &r.BackToDeposit.Max}, backSQL); err != nil {
		return err
	}
	if err := q([]any{&r.Overrun}, `SELECT count(*) FROM chaos.ledger WHERE type = 'answer' AND status = 429 AND fault IS NULL`); err != nil {
		return err
	}
	if err := q([]any{&r.MaxRate}, maxRateSQL); err != nil {
		return err
	}
	rows, err := t.pool.Query(ctx, outcomesSQL)
	if err != nil {
		return err
	}
	if r.Episodes, err = pgx.CollectRows(rows, pgx.RowToStructByPos[outcome]); err != nil {
		return err
	}
	if err := q([]any{&r.PeakMemoryMiB}, `SELECT coalesce(max(bytes), 0)::float8 / 1048576 FROM chaos.memory`); err != nil {
		return err
	}
	r.TermToExit = spread(t.harm.drains)
	r.Weather = map[string]int{}
	if err := t.counts(ctx, r.Weather, `SELECT fault, count(*)::int FROM chaos.ledger WHERE type = 'answer' AND fault IS NOT NULL GROUP BY fault`); err != nil {
		return err
	}
	r.Transitions = map[string]int{}
	return t.counts(ctx, r.Transitions, `
		SELECT from_state || ' ' || to_state, count(*)::int FROM chorus.events WHERE from_state <> to_state GROUP BY from_state, to_state`)
}

func (t *trial) counts(ctx context.Context, into map[string]int, sql string) error {
	rows, err := t.pool.Query(ctx, sql)
	if err != nil {
		return err
	}
	var name string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&name, &n}, func() error {
		into[name] = n
		return nil
	})
	return err
}

func spread(all []time.Duration) timing {
	if len(all) == 0 {
		return timing{}
	}
	slices.Sort(all)
	return timing{N: len(all), Median: all[len(all)/2].Seconds(), Max: all[len(all)-1].Seconds()}
}

const (
	// Each insert is in exactly one class.
	lineSQL = `
		WITH class AS (
		    SELECT x.acknowledged, CASE
		        WHEN NOT x.acknowledged THEN 'unacknowledged'
		        WHEN i.id IS NULL THEN 'lost'
		        WHEN i.state = 'parked' THEN 'parked'
		        WHEN i.state IN ('rejected', 'invalid', 'cancelled', 'abandoned') THEN 'rejected'
		        WHEN i.state IN ('received', 'ready', 'sending', 'in_doubt') THEN 'open'
		        WHEN NOT EXISTS (SELECT FROM chaos.ledger l WHERE l.type IN ('accepted', 'portal') AND l.key = x.key) THEN 'lost'
		        WHEN i.attempt_no > 1 OR EXISTS (SELECT FROM chorus.events e WHERE e.invoice_id = i.id AND e.to_state = 'in_doubt') THEN 'recovered'
		        ELSE 'deposited'
		    END AS outcome
		    FROM chaos.inserts x
		    LEFT JOIN chorus.invoices i ON i.account = x.account AND i.external_ref = x.external_ref
		)
		SELECT count(*), count(*) FILTER (WHERE acknowledged), count(*) FILTER (WHERE outcome = 'deposited'), count(*) FILTER (WHERE outcome = 'recovered'),
		       count(*) FILTER (WHERE outcome = 'parked'), count(*) FILTER (WHERE outcome = 'rejected'), count(*) FILTER (WHERE outcome = 'open'), count(*) FILTER (WHERE outcome = 'lost')
		FROM class`

	doubtSQL = `
		WITH step AS (
		    SELECT from_state, to_state, reason_code, at, lead(at, 1, clock_timestamp()) OVER (PARTITION BY invoice_id ORDER BY id) AS until
		    FROM chorus.events
		    WHERE invoice_id IS NOT NULL AND from_state IS DISTINCT FROM to_state
		)
		SELECT count(*) FILTER (WHERE to_state = 'in_doubt'),
		       count(*) FILTER (WHERE from_state = 'in_doubt' AND to_state = 'deposited'),
		       count(*) FILTER (WHERE from_state = 'in_doubt' AND (to_state = 'ready' AND reason_code = 'RESUBMIT' OR to_state = 'parked' AND reason_code IN ('ABSENT', 'BUDGET'))),
		       count(*) FILTER (WHERE from_state = 'in_doubt' AND to_state = 'parked'),
		       coalesce(extract(epoch FROM max(until - at) FILTER (WHERE to_state = 'in_doubt')), 0)::float8
		FROM step`

	// Deposits per second while there was a backlog (until nine tenths had come), without the outages of the database and the pauses that the portal asked
	// for by 429.
	rateSQL = `
		WITH d AS (
		    SELECT min(at) AS t0, percentile_disc(0.9) WITHIN GROUP (ORDER BY at) AS t1
		    FROM chaos.deposits
		    WHERE at < (SELECT calmed FROM chaos.settings)
		), away AS (
		    SELECT range_agg(r * tstzrange(d.t0, d.t1)) AS times
		    FROM (
		        SELECT tstzrange(began, ended) FROM chaos.outages
		        UNION ALL
		        SELECT tstzrange(at, at + interval '1.5 seconds') FROM chaos.ledger WHERE type = 'answer' AND status = 429
		    ) o (r), d
		), away_for AS (
		    SELECT coalesce(sum(extract(epoch FROM upper(r) - lower(r))), 0) AS seconds FROM away, unnest(times) r
		)
		SELECT coalesce((SELECT count(*) FROM chaos.deposits, d WHERE at <= d.t1) / nullif(extract(epoch FROM d.t1 - d.t0) - away_for.seconds, 0), 0)::float8
		FROM d, away_for`

	// From a kill to the moment when the rows of its deposits said so.
	visibleSQL = `
		WITH v AS (
		    SELECT extract(epoch FROM max(coalesce(a.finished_at, clock_timestamp()) - p.ended)) AS s
		    FROM chaos.processes p
		    JOIN chorus.attempts a ON a.worker = p.worker
		    WHERE p.how = 'kill' AND a.claimed_at < p.ended AND coalesce(a.finished_at, clock_timestamp()) > p.ended
		    GROUP BY p.worker
		)
		SELECT count(*), coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY s), 0)::float8, coalesce(max(s), 0)::float8 FROM v`

	// From the end of an outage to the next deposit, where rows were waiting.
	backSQL = `
		WITH step AS (
		    SELECT to_state, at, lead(to_state) OVER w AS next, lead(at) OVER w AS until
		    FROM chorus.events
		    WHERE invoice_id IS NOT NULL AND from_state IS DISTINCT FROM to_state
		    WINDOW w AS (PARTITION BY invoice_id ORDER BY id)
		), b AS (
		    SELECT extract(epoch FROM (SELECT min(d.at) FROM chaos.deposits d WHERE d.at > o.ended) - o.ended) AS s
		    FROM chaos.outages o
		    WHERE (SELECT count(*) FROM step WHERE to_state = 'ready' AND next = 'sending' AND at < o.began AND until > o.ended) >= 20
		)
		SELECT count(s), coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY s), 0)::float8, coalesce(max(s), 0)::float8 FROM b`

	outcomesSQL = `
		SELECT name, extract(epoch FROM ended - began)::float8, NULL::float8, extract(epoch FROM back - ended)::float8, extract(epoch FROM allowed)::float8
		FROM chaos.episodes
		UNION ALL
		SELECT way, extract(epoch FROM lost_to - lost_from)::float8, extract(epoch FROM noticed - possible)::float8, extract(epoch FROM back - possible)::float8,
		       extract(epoch FROM back_within)::float8
		FROM chaos.rewinds
		ORDER BY 1`

	maxRateSQL = `
		SELECT coalesce(max(n), 0)
		FROM (
		    SELECT count(*) OVER (ORDER BY at RANGE BETWEEN CURRENT ROW AND interval '999999 microseconds' FOLLOWING) AS n
		    FROM chaos.ledger
		    WHERE type = 'request' AND op <> 'token'
		) w`
)
