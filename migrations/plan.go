package migrations

import (
	"context"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"
)

// Planned is one statement of a pending step, with the lock that it takes on one table which is there already. A statement that touches several has several lines; one that touches
// none, or only what the plan itself makes, has one without a lock.
type Planned struct {
	Version   int64  `json:"version"`
	Step      string `json:"step"`
	Statement string `json:"statement"` // its beginning
	Object    string `json:"object,omitempty"`
	Lock      Lock   `json:"lock,omitempty"`
	Rows      int64  `json:"rows,omitempty"`  // of the object, as the server estimates; -1: nobody knows
	Bytes     int64  `json:"bytes,omitempty"` // with its indexes
}

// Lock is a lock on a table, in the words of PostgreSQL's manual.
type Lock string

// The locks that statements of migrations take, and LockUnknown for a statement that Plan cannot judge.
const (
	RowExclusive         Lock = "ROW EXCLUSIVE"
	ShareUpdateExclusive Lock = "SHARE UPDATE EXCLUSIVE"
	Share                Lock = "SHARE"
	ShareRowExclusive    Lock = "SHARE ROW EXCLUSIVE"
	AccessExclusive      Lock = "ACCESS EXCLUSIVE"
	LockUnknown          Lock = "unknown"
)

// Locks are all that there are, the weakest first.
var Locks = []Lock{RowExclusive, ShareUpdateExclusive, Share, ShareRowExclusive, AccessExclusive, LockUnknown}

// Plan says what Up would do, and changes nothing.
func Plan(ctx context.Context, databaseURL string) ([]Planned, error) {
	pool, err := open(ctx, databaseURL)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	h, err := fit(ctx, pool)
	if err != nil {
		return nil, err
	}
	var plan []Planned
	if h.version >= riverMigration && h.riverVersion < riverVersion { // lost, or left out of a dump: it is made anew
		plan = append(plan, Planned{Version: riverMigration, Step: "river", Statement: "River's own migrations, each a transaction"})
	}
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, err
	}
	if h.version < riverMigration {
		names = append(names, "00002_river.sql") // in Go
	}
	slices.Sort(names)
	for _, name := range names {
		version, err := goose.NumericComponent(name)
		if err != nil || version <= h.version {
			continue
		}
		if version == riverMigration {
			plan = append(plan, Planned{Version: version, Step: "river", Statement: "River's own migrations, each a transaction"})
			continue
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		for _, statement := range split(string(text)) {
			for _, p := range judge(statement) {
				p.Version, p.Step = version, name
				plan = append(plan, p)
			}
		}
	}
	for i := range plan {
		p := &plan[i]
		if p.Object == "" {
			continue
		}
		err := pool.QueryRow(ctx, `
			SELECT sum(CASE WHEN c.relkind = 'p' THEN 0 ELSE c.reltuples END)::bigint, sum(pg_total_relation_size(c.oid))::bigint
			FROM (SELECT coalesce((SELECT indrelid FROM pg_index WHERE indexrelid = to_regclass($1)), to_regclass($1)) AS oid) o
			JOIN pg_class c ON c.oid = o.oid OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = o.oid) -- with its parts
			GROUP BY o.oid`, p.Object).Scan(&p.Rows, &p.Bytes)
		switch {
		case err == pgx.ErrNoRows: //nolint:errorlint // as it is returned
			p.Object, p.Lock, p.Rows = "", "", 0 // the plan makes it, or it is not there
		case err != nil:
			return nil, err
		}
	}
	return plan, nil
}

// split takes a step apart into its statements, without comments, as goose does: at a semicolon at the end of a line, and where its marks say otherwise.
func split(text string) (list []string) {
	var b strings.Builder
	whole := false
	end := func() {
		if s := strings.Join(strings.Fields(b.String()), " "); s != "" {
			list = append(list, strings.TrimSuffix(s, ";"))
		}
		b.Reset()
	}
	for line := range strings.Lines(text) {
		mark := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(mark, "-- +goose Down"):
			return list
		case strings.HasPrefix(mark, "-- +goose StatementBegin"):
			whole = true
			continue
		case strings.HasPrefix(mark, "-- +goose StatementEnd"):
			whole = false
			end()
			continue
		}
		code, _, _ := strings.Cut(line, "--")
		b.WriteString(code + "\n")
		if !whole && strings.HasSuffix(strings.TrimSpace(code), ";") {
			end()
		}
	}
	end()
	return list
}

const (
	object = `((?:[a-z_]+\.)?[a-z_0-9]+)`
	exists = `(?: IF (?:NOT )?EXISTS)?`
)

// lockRules say which lock a statement takes on which table. The first that fits counts.
var lockRules = []struct {
	statement *regexp.Regexp
	lock      Lock
}{
	{regexp.MustCompile(`^CREATE (?:UNIQUE )?INDEX CONCURRENTLY` + exists + `(?: \S+)? ON (?:ONLY )?` + object), ShareUpdateExclusive},
	{regexp.MustCompile(`^CREATE (?:UNIQUE )?INDEX` + exists + `(?: \S+)? ON (?:ONLY )?` + object), Share},
	{regexp.MustCompile(`^CREATE (?:OR REPLACE )?(?:CONSTRAINT )?TRIGGER \S+ (?:BEFORE|AFTER|INSTEAD OF) .*? ON ` + object), ShareRowExclusive},
	{regexp.MustCompile(`^ALTER TABLE` + exists + `(?: ONLY)? ` + object + ` (?:VALIDATE CONSTRAINT \S+|(?:RE)?SET \([^)]*\)|ALTER (?:COLUMN )?\S+ SET STATISTICS \S+)$`), ShareUpdateExclusive},
	{regexp.MustCompile(`^ALTER TABLE` + exists + `(?: ONLY)? ` + object + ` ADD (?:CONSTRAINT \S+ )?FOREIGN KEY [^,]*$`), ShareRowExclusive},
	{regexp.MustCompile(`^COMMENT ON (?:TABLE|COLUMN) ` + object), ShareUpdateExclusive},
	{regexp.MustCompile(`^ALTER (?:TABLE|VIEW|SEQUENCE|INDEX)` + exists + `(?: ONLY)? ` + object), AccessExclusive},
	{regexp.MustCompile(`^(?:CREATE|ALTER) POLICY \S+ ON ` + object), AccessExclusive},
	{regexp.MustCompile(`^DROP (?:TRIGGER|POLICY|RULE)` + exists + ` \S+ ON ` + object), AccessExclusive},
	{regexp.MustCompile(`^DROP (?:TABLE|VIEW|INDEX|SEQUENCE)` + exists + ` ` + object), AccessExclusive},
	{regexp.MustCompile(`^(?:TRUNCATE|LOCK)(?: TABLE)?(?: ONLY)? ` + object), AccessExclusive},
	{regexp.MustCompile(`^(?:INSERT INTO|UPDATE(?: ONLY)?|DELETE FROM(?: ONLY)?) ` + object), RowExclusive},
	{regexp.MustCompile(`^CREATE OR REPLACE VIEW ` + object), AccessExclusive},
}

// harmless take no lock on a table that anybody else would wait for.
var harmless = regexp.MustCompile(`^(?:CREATE (?:OR REPLACE )?(?:FUNCTION|PROCEDURE|VIEW|TYPE|SCHEMA|SEQUENCE|(?:UNLOGGED )?TABLE|ROLE|DOMAIN)|DROP FUNCTION|COMMENT|GRANT|REVOKE|ALTER (?:FUNCTION|ROLE|DEFAULT PRIVILEGES)|SET|SELECT)\b`)

// references finds the tables that a foreign key points to.
var references = regexp.MustCompile(`\bREFERENCES ` + object)

// judge says what a statement does to tables. A function's body is not looked at: it runs later; a call that changes rows is not seen.
func judge(statement string) (list []Planned) {
	shown := []rune(statement)
	text := string(shown[:min(len(shown), 100)])
	add := func(object string, lock Lock) {
		list = append(list, Planned{Statement: text, Object: object, Lock: lock})
	}
	for _, r := range lockRules {
		if m := r.statement.FindStringSubmatch(statement); m != nil {
			add(m[1], r.lock)
			break
		}
	}
	if strings.HasPrefix(statement, "CREATE TABLE") || strings.HasPrefix(statement, "ALTER TABLE") {
		seen := map[string]bool{}
		for _, m := range references.FindAllStringSubmatch(statement, -1) {
			if !seen[m[1]] {
				add(m[1], ShareRowExclusive)
			}
			seen[m[1]] = true
		}
	}
	if len(list) == 0 && !harmless.MatchString(statement) {
		add("", LockUnknown)
	}
	if len(list) == 0 {
		add("", "")
	}
	return list
}
