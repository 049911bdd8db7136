package chaos

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

func newCredentials() credentials {
	canary := func(what string) string { return "canary-" + what + "-" + rand.Text()[:12] + `+/=%&"é` }
	return credentials{
		ClientID: "chaos", ClientSecret: canary("application"), Login: "TECH_CHAOS@cpro.fr", Password: canary("account"),
		SmallLogin: "TECH_SMALL@cpro.fr", SmallPassword: canary("small"), Database: canary("database"), OtherID: "chaos-other", OtherSecret: canary("other"),
	}
}

// withLogin is the same address with another login.
func withLogin(address, name, password string) string {
	u, err := url.Parse(address)
	if err != nil {
		panic(err) // the cluster's own address
	}
	u.User = url.UserPassword(name, password)
	return u.String()
}

// canary is a text that must not be found, and what it is.
type canary struct{ what, text string }

// canaries are the secrets in every encoding in which they could slip out.
func (c credentials) canaries() []canary {
	var all []canary
	for what, secret := range map[string]string{"client secret": c.ClientSecret, "account password": c.Password, "small account password": c.SmallPassword, "database password": c.Database, "other client secret": c.OtherSecret} {
		quoted, _ := json.Marshal(secret) // a string can always be
		plain := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(secret)
		all = append(all,
			canary{what, secret},
			canary{what + ", as JSON", plain},
			canary{what + ", as JSON for HTML", string(quoted[1 : len(quoted)-1])},
			canary{what + ", URL-encoded", url.QueryEscape(secret)},
			canary{what + ", in a URL", url.PathEscape(secret)},
			canary{what + ", in hexadecimal", hex.EncodeToString([]byte(secret))},
		)
		// Base64 looks different at each of three positions in what it encodes; the ends depend on the neighbours.
		for shift := range 3 {
			text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + secret))
			text = text[[]int{0, 2, 3}[shift] : len(text)-4]
			all = append(all, canary{what + ", in base64", text}, canary{what + ", in URL base64", strings.NewReplacer("+", "-", "/", "_").Replace(text)})
		}
	}
	return all
}

// tokenLength is that of the simulator's tokens, of which the ledger keeps the hashes.
const tokenLength = 54

var (
	words  = regexp.MustCompile(`[A-Za-z0-9]{54,200}`)
	digits = regexp.MustCompile(`^[0-9a-f]*$`)
)

// scan looks for secrets and tokens in a text and returns what it found.
func scan(text string, secrets []canary, tokens map[string]bool) []string {
	var found []string
	for _, c := range secrets {
		if strings.Contains(text, c.text) {
			found = append(found, c.what)
		}
	}
	if len(tokens) == 0 {
		return found
	}
	for _, word := range words.FindAllString(text, -1) {
		if digits.MatchString(word) {
			continue // a hash, or a document
		}
		for k := range len(word) - tokenLength + 1 {
			if tokens[sha(word[k:k+tokenLength])] {
				return append(found, "access token")
			}
		}
	}
	return found
}

func sha(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// searchSecrets looks for secrets in everything that the workers left behind, and notes what it finds for invariant S.
func (t *trial) searchSecrets(ctx context.Context) error {
	rows, err := t.pool.Query(ctx, `SELECT token FROM chaos.ledger WHERE type = 'token' AND token IS NOT NULL`)
	if err != nil {
		return err
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	tokens := map[string]bool{}
	for _, hash := range list {
		tokens[hash] = true
	}
	secrets := t.secrets.canaries()
	places := map[string]func() (string, error){}
	for _, pattern := range []string{"worker-*.log", "metrics.txt"} {
		files, _ := filepath.Glob(filepath.Join(t.dir, pattern)) // a constant pattern
		for _, file := range files {
			places[filepath.Base(file)] = func() (string, error) {
				b, err := os.ReadFile(file)
				return string(b), err
			}
		}
	}
	tables, err := tables(ctx, t.pool)
	if err != nil {
		return err
	}
	for table, columns := range tables {
		places[table] = func() (string, error) { return dump(ctx, t.pool, table, columns) }
	}
	for place, read := range places {
		text, err := read()
		if err != nil {
			return fmt.Errorf("%s: %w", place, err)
		}
		for _, what := range scan(text, secrets, tokens) {
			if _, err := t.pool.Exec(ctx, `INSERT INTO chaos.leaks VALUES ($1, $2)`, place, what); err != nil {
				return err
			}
		}
	}
	return nil
}

// tables lists those of the product, and the columns of each. The documents are left out: I5 sees that they are what was inserted, and the poison among them
// is large.
func tables(ctx context.Context, pool *pgxpool.Pool) (map[string]string, error) {
	rows, err := pool.Query(ctx, `
		SELECT format('%I.%I', schemaname, tablename), string_agg(quote_ident(attname), ', ' ORDER BY attnum)
		FROM pg_tables
		JOIN pg_attribute ON attrelid = format('%I.%I', schemaname, tablename)::regclass AND attnum > 0 AND NOT attisdropped
		WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'chaos') AND NOT (schemaname = 'chorus' AND tablename = 'invoices' AND attname = 'document')
		GROUP BY 1`)
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	var table, columns string
	_, err = pgx.ForEachRow(rows, []any{&table, &columns}, func() error {
		all[table] = columns
		return nil
	})
	return all, err
}

// dump is a whole table as text.
func dump(ctx context.Context, pool *pgxpool.Pool, table, columns string) (string, error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Release()
	var b strings.Builder
	_, err = conn.Conn().PgConn().CopyTo(ctx, &b, `COPY (SELECT `+columns+` FROM `+table+`) TO STDOUT`)
	return b.String(), err
}
