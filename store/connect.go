package store

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// sessionSettings are set on every connection of ours, whatever the server, the database, the role, the address or a pooler set before. Each of them
// changes what our statements mean or how long they may hang; what only changes their speed is the administrator's (jit aside, which costs more than
// any of our statements). A setting that the server does not know is left out.
var sessionSettings = map[string]string{
	"search_path": "pg_catalog, pg_temp", // our statements name the schema of everything else; a function or operator of another's may mean something else

	"synchronous_commit":             "on",             // a deposit must not leave before its attempt is on disk
	"default_transaction_isolation":  "read committed", // above it, workers that share rows collide (40001)
	"default_transaction_deferrable": "off",

	"statement_timeout":                   statementTimeout.String(),
	"lock_timeout":                        "7s", // less than a round of a loop: that a lock is missing is said, not that the server is silent
	"idle_in_transaction_session_timeout": "60s",
	"idle_session_timeout":                "0", // the pool keeps idle connections
	"transaction_timeout":                 "0", // PostgreSQL 17

	// How values are read and written.
	"DateStyle":                   "ISO, MDY",
	"IntervalStyle":               "postgres",
	"TimeZone":                    "UTC",
	"bytea_output":                "hex",
	"extra_float_digits":          "1",
	"standard_conforming_strings": "on",
	"array_nulls":                 "on",
	"transform_null_equals":       "off",
	"quote_all_identifiers":       "off", // names of the catalogue are compared as they are printed

	"client_min_messages": "warning", // T1 heeds what is said at its commit (inTxForGood)

	// What makes of a right statement an error, or a warning.
	"exit_on_error":                    "off",
	"plpgsql.extra_errors":             "none",
	"plpgsql.extra_warnings":           "none",
	"restrict_nonsystem_relation_kind": "", // PostgreSQL 17

	"row_security":    "on", // off turns a filter into an error
	"jit":             "off",
	"plan_cache_mode": "auto",
}

// triggersOff is the one setting that only a superuser may change and that must be right: with replica, none of our rules hold.
const triggersOff = "session_replication_role"

// warned is kept with a connection that was sent a warning.
const warned = "warned"

// Application is the application_name of our connections.
const Application = "choriste"

// How long a connection may take: to be made, to each host, and to answer its first question.
const (
	connectWithin = 10 * time.Second
	settleWithin  = 10 * time.Second
)

// Connect opens a pool whose connections name actor in the history they write, and have the session settings above. maxConns 0 leaves pgx's default.
// Nothing is asked of the server yet. What goes wrong later is put into words by Unreachable.
func Connect(ctx context.Context, databaseURL, actor string, maxConns int) (*pgxpool.Pool, error) {
	return connect(ctx, databaseURL, maxConns, map[string]string{"chorus.actor": actor})
}

// ConnectWorker is Connect for a worker. Its statements are the same day and night and find rows by their keys, whatever the values are: each is planned once for each connection.
// PostgreSQL would plan many of them anew each time, which takes longer than to run them.
func ConnectWorker(ctx context.Context, databaseURL, actor string, maxConns int) (*pgxpool.Pool, error) {
	return connect(ctx, databaseURL, maxConns, map[string]string{"chorus.actor": actor, "plan_cache_mode": "force_generic_plan"})
}

func connect(ctx context.Context, databaseURL string, maxConns int, also map[string]string) (*pgxpool.Pool, error) {
	config, err := PoolConfig(databaseURL, also)
	if err != nil {
		return nil, err
	}
	if maxConns > 0 {
		config.MaxConns = int32(maxConns) //nolint:gosec // a handful
	}
	return NewPool(ctx, config, Waits{})
}

// PoolConfig reads a database URL and has every connection set the session settings above, and those of also over them, in one round trip after it
// was made. They are no startup parameters: PgBouncer refuses those. Statements are always prepared and kept, whatever default_query_exec_mode says: other
// modes send some of our arguments with types that PostgreSQL cannot guess.
func PoolConfig(databaseURL string, also map[string]string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		return nil, fault("DATABASE_ADDRESS") // without err, which may quote the password
	}
	settings := maps.Clone(sessionSettings)
	maps.Copy(settings, also)

	config.PrepareConn = unconfined
	config.MinConns, config.MinIdleConns = 0, 0 // the address may not keep more than we need
	conn := config.ConnConfig
	conn.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	conn.StatementCacheCapacity, conn.DescriptionCacheCapacity = 512, 512
	if conn.ConnectTimeout <= 0 || conn.ConnectTimeout > connectWithin {
		conn.ConnectTimeout = connectWithin
	}
	for name := range conn.RuntimeParams {
		for ours := range sessionSettings {
			if strings.EqualFold(name, ours) {
				delete(conn.RuntimeParams, name)
			}
		}
	}
	// These two are startup parameters that PgBouncer knows. The encoding is one because it holds for the settings themselves.
	conn.RuntimeParams["application_name"] = Application
	conn.RuntimeParams["client_encoding"] = "UTF8"
	wanted, err := json.Marshal(settings)
	if err != nil {
		return nil, err
	}
	s := &session{wanted: wanted, second: conn.Config.Copy()}
	conn.AfterConnect = s.settle
	conn.OnNotice = func(c *pgconn.PgConn, n *pgconn.Notice) { // within whatever the connection is asked, never beside it
		if n.SeverityUnlocalized == "WARNING" {
			c.CustomData()[warned] = true
		}
	}
	return config, nil
}

// session is what every connection of one pool goes through.
type session struct {
	wanted []byte         // the settings as a JSON object
	second *pgconn.Config // of a connection that goes through nothing
	probed atomic.Int64   // when a pooler was last seen to keep a session together, in Unix nanoseconds
}

// probeEvery is how long a pooler is believed to keep its mode.
const probeEvery = time.Minute

// settleSQL is asked before the search path is ours: so each name in it bears its schema.
const settleSQL = `
	SELECT pg_catalog.pg_backend_pid()::pg_catalog.text,
	       pg_catalog.current_setting('` + triggersOff + `'),
	       (SELECT pg_catalog.count(pg_catalog.set_config(key, value, false))
	        FROM pg_catalog.jsonb_each_text($1::pg_catalog.jsonb)
	        WHERE pg_catalog.current_setting(key, true) IS NOT NULL OR pg_catalog.starts_with(key, 'chorus.'))::pg_catalog.text`

// pidSQL is asked of a session that has not our settings, too.
const pidSQL = `SELECT pg_catalog.pg_backend_pid()::pg_catalog.text`

// settle sets the session's settings and refuses a session in which they would not hold.
func (s *session) settle(ctx context.Context, conn *pgconn.PgConn) error {
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	row, err := one(ctx, conn, settleSQL, s.wanted)
	if SQLState(err) == "57014" { // a default statement_timeout that is too short even for this
		if _, err = conn.Exec(ctx, `SET statement_timeout = 0`).ReadAll(); err == nil {
			row, err = one(ctx, conn, settleSQL, s.wanted)
		}
	}
	if err != nil {
		if pgconn.Timeout(err) || ctx.Err() != nil {
			return fault("DATABASE_SILENT", settleWithin)
		}
		return err
	}
	if row[1] == "replica" {
		return fault("DATABASE_TRIGGERS")
	}
	// PgBouncer and its like make up the number that a connection is told at its start.
	if direct := row[0] == strconv.FormatUint(uint64(conn.PID()), 10); direct {
		return nil
	}
	now := time.Now().UnixNano()
	if last := s.probed.Load(); last != 0 && time.Duration(now-last) < probeEvery {
		return nil
	}
	if err := s.probe(ctx, conn, row[0]); err != nil {
		return err
	}
	s.probed.Store(now)
	return nil
}

// probe finds out whether a pooler leaves this connection its server process between two transactions: only then do the settings hold, and prepared
// statements and LISTEN work. A second connection begins transactions, each of which takes a server process right after we have given ours back, if we do; if it takes ours, or
// has us moved to another one, the pooler is in transaction mode. In statement mode the transaction itself is refused.
func (s *session) probe(ctx context.Context, conn *pgconn.PgConn, pid string) error {
	mode := fault("DATABASE_POOL_MODE")
	second, err := pgconn.ConnectConfig(ctx, s.second)
	if err != nil {
		return err
	}
	defer func() { _ = second.Close(context.WithoutCancel(ctx)) }()
	// Waiting here tells that every server process belongs to somebody, as in session mode: ours as well.
	begin, cancel := context.WithTimeout(ctx, settleWithin/5)
	defer cancel()
	if _, err := second.Exec(begin, `BEGIN`).ReadAll(); err != nil {
		if begin.Err() != nil && ctx.Err() == nil {
			return nil
		}
		return mode
	}
	for k := range 24 {
		time.Sleep(time.Duration(k%3) * time.Millisecond) // others must have time to be given our process
		for _, c := range []*pgconn.PgConn{second, conn} {
			row, err := one(ctx, c, pidSQL)
			if err != nil || (row[0] == pid) != (c == conn) {
				return mode
			}
		}
		if _, err := second.Exec(ctx, `ROLLBACK`).ReadAll(); err != nil {
			return mode
		}
		if row, err := one(ctx, conn, pidSQL); err != nil || row[0] != pid {
			return mode
		}
		if _, err := second.Exec(ctx, `BEGIN`).ReadAll(); err != nil {
			return mode
		}
	}
	return nil
}

// one runs a query with text arguments in one round trip, without preparing it, and returns its only row.
func one(ctx context.Context, conn *pgconn.PgConn, sql string, args ...[]byte) ([]string, error) {
	result := conn.ExecParams(ctx, sql, args, nil, nil, nil).Read()
	if result.Err != nil {
		return nil, result.Err
	}
	if len(result.Rows) != 1 {
		return nil, errors.New("the server gave no answer to the first question")
	}
	row := make([]string, len(result.Rows[0]))
	for i, v := range result.Rows[0] {
		row[i] = string(v)
	}
	return row, nil
}
