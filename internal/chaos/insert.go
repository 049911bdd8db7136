package chaos

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/choriste/choriste/internal/lab/naive"
	"github.com/choriste/choriste/invoice/invoicetest"
)

// The accounts that rows name: one that sends a lot, and one that sends a tenth of it.
const (
	accountDefault = "default"
	accountSmall   = "small"
)

// insert is one invoice that the application sends, and what it was told. A line of inserts.jsonl.
type insert struct {
	Account      string    `json:"account"`
	ExternalRef  string    `json:"external_ref"`
	Numero       string    `json:"numero"`
	Key          string    `json:"key"`
	SHA256       string    `json:"sha256"`
	Kind         string    `json:"kind"`
	ID           int64     `json:"id,omitempty"`
	Acknowledged bool      `json:"acknowledged"`
	Begun        time.Time `json:"begun"` // when it was tried first
	At           time.Time `json:"at"`    // when it was acknowledged

	document []byte
	invoice  invoicetest.Invoice
}

// What is special about an insert.
const (
	kindGood      = "good"
	kindInvalid   = "invalid"   // refused before it is sent
	kindTwin      = "twin"      // the number of another one under another reference, in other words
	kindCancelled = "cancelled" // its cancellation is asked for at once: it may be too late
	kindTyped     = "typed"     // a person has typed the same invoice in at the portal
	kindPoison    = "poison"    // hurts who reads it
	kindOld       = "old"       // inserted during the episodes, and dated before them
)

// The portal's first suppliers and recipients (chorus/chorustest).
var (
	suppliers  = []string{"99999999800012", "99999999800020", "99999998900010"}
	recipients = []string{"99999999700023", "99999999700023", "99999999700023", "12345678200051"}
)

// The dates of invoices, before and after any restore of any run.
var (
	before = time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC)
	after  = time.Date(2036, 1, 15, 0, 0, 0, 0, time.UTC)
)

// plan makes the n-th insert of a seed: the same bytes each time.
func plan(cfg Config, n int) (insert, error) {
	chance := rand.New(rand.NewPCG(cfg.Seed, uint64(n)))
	numero := func(n int) string { return fmt.Sprintf("C%d-%06d", cfg.Seed, n) }
	i := insert{
		Account: accountDefault, ExternalRef: fmt.Sprintf("chaos-%d-%d", cfg.Seed, n), Numero: numero(n), Kind: kindGood,
		invoice: invoicetest.Invoice{
			Numero: numero(n), FournisseurSIRET: suppliers[chance.IntN(len(suppliers))], DestinataireSIRET: recipients[chance.IntN(len(recipients))],
		},
	}
	if chance.IntN(11) == 0 && cfg.Portal == "simulator" {
		i.Account = accountSmall
	}
	switch x := chance.IntN(200); {
	case cfg.Portal == "foreign" || cfg.Naive: // only what any portal takes
	case cfg.special != "":
		if x < 20 && n > 0 {
			i.Kind = cfg.special
		}
	case x < 2:
		i.Kind = kindInvalid
	case x < 4 && n > 0:
		i.Kind = kindTwin
	case x < 6:
		i.Kind = kindCancelled
	case x < 8 && cfg.Uniqueness == "on":
		i.Kind = kindTyped
	}
	// What is dated before a restore is looked up first when it is inserted after it, for ever (docs/protocol.md §3.5). Most of what the episodes insert is dated
	// later, so that it has nothing to wait for.
	i.invoice.Date = before
	if n >= cfg.Invoices {
		if i.invoice.Date = after; n%8 == 0 {
			i.invoice.Date, i.Kind = before, kindOld
		}
	}
	switch i.Kind {
	case kindInvalid:
		i.invoice.Sans = []string{"BT-30"}
	case kindTwin:
		other, err := plan(cfg, n-1)
		if err != nil {
			return i, err
		}
		i.Numero, i.invoice.Numero = other.Numero, other.Numero
		i.invoice.FournisseurSIRET, i.invoice.DestinataireNom = other.invoice.FournisseurSIRET, "UNE AUTRE COMMUNE"
	}
	switch form := chance.IntN(40); {
	case form == 0 && cfg.Portal == "simulator": // the foreign portal reads XML only
		pdf, err := i.invoice.FacturX()
		if err != nil {
			return i, err
		}
		i.document = pdf
	case form < 20:
		i.document = i.invoice.CII()
	default:
		i.document = i.invoice.UBL()
	}
	sum := sha256.Sum256(i.document)
	i.SHA256 = hex.EncodeToString(sum[:])
	i.Key = fmt.Sprintf("%d/%s/%s", i.invoice.Date.Year(), i.invoice.FournisseurSIRET[:9], i.Numero)
	return i, nil
}

// inserter is the application: its own connection, its own memory of what it was promised.
type inserter struct {
	cfg    Config
	url    string
	file   string
	portal *portal
	naive  *naive.Queue // nil: inserts as an application of choriste does

	world *sync.RWMutex // see trial
	done  atomic.Int64
	more  atomic.Int64 // inserted beside those that the run began with

	mu      sync.Mutex // guards what follows
	conn    *pgx.Conn
	out     *os.File
	lines   *json.Encoder
	all     []insert
	retried int
}

// pace is how many invoices a second are inserted at most: more than are deposited, so that there is always a backlog.
const pace = 400

// insertAll inserts every invoice, however often the database goes away meanwhile, and stops early only when ctx ends.
func (in *inserter) insertAll(ctx context.Context) error {
	var err error
	if in.out, err = os.Create(filepath.Clean(in.file)); err != nil {
		return err
	}
	in.lines = json.NewEncoder(in.out)
	every := time.Second / pace
	if in.cfg.Duration > 0 && in.cfg.special == "" { // mutants want a backlog at once
		every = min(in.cfg.Duration/time.Duration(in.cfg.Invoices), time.Second)
	}
	next := time.Now()
	for n := range in.cfg.Invoices {
		next = next.Add(every)
		if err := pause(ctx, time.Until(next)); err != nil {
			return err
		}
		if err := in.one(ctx, in.cfg, n, in.put); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// one plans and inserts the n-th invoice of a run.
func (in *inserter) one(ctx context.Context, cfg Config, n int, put func(context.Context, insert) error) error {
	i, err := plan(cfg, n)
	if err != nil {
		return err
	}
	if i.Kind == kindTyped {
		if err := in.portal.manage(ctx, "/invoices", typed(i)); err != nil {
			return err
		}
	}
	return put(ctx, i)
}

// put inserts an invoice until it is acknowledged, and remembers it.
func (in *inserter) put(ctx context.Context, i insert) error {
	in.world.RLock()
	defer in.world.RUnlock()
	return in.add(ctx, i)
}

// add is put for who holds the world's lock.
func (in *inserter) add(ctx context.Context, i insert) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	i.Begun = time.Now()
	for !i.Acknowledged && ctx.Err() == nil {
		var err error
		if in.conn == nil || in.conn.IsClosed() {
			if in.conn, err = pgx.Connect(ctx, in.url); err != nil {
				in.conn = nil
				_ = pause(ctx, 100*time.Millisecond)
				continue
			}
		}
		i.ID, err = in.insert(ctx, in.conn, i)
		var refused *pgconn.PgError
		switch {
		case err == nil:
			i.Acknowledged, i.At = true, time.Now()
		case errors.As(err, &refused) && refused.Code[:2] == "CH":
			return fmt.Errorf("insert %s: %w", i.ExternalRef, err)
		default:
			in.retried++
			_ = in.conn.Close(ctx)
			_ = pause(ctx, 20*time.Millisecond)
		}
	}
	if i.Kind == kindCancelled && i.Acknowledged {
		_, _ = in.conn.Exec(ctx, `UPDATE chorus.invoices SET cancel_requested_at = now() WHERE id = $1`, i.ID) // too late is an answer too
	}
	i.document = nil
	in.all = append(in.all, i)
	in.done.Add(1)
	return in.lines.Encode(i)
}

// close ends the application's connection.
func (in *inserter) close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.conn != nil {
		_ = in.conn.Close(context.Background())
	}
	if in.out != nil {
		_ = in.out.Close()
	}
}

// tricklePace is how many invoices a second are inserted during the episodes.
const tricklePace = 6

// trickle inserts good invoices until ctx ends.
func (in *inserter) trickle(ctx context.Context) error {
	for pause(ctx, time.Second/tricklePace) == nil {
		if err := in.burst(context.WithoutCancel(ctx), 1); err != nil {
			return err
		}
	}
	return nil
}

// burst inserts some good invoices at once, beside those that the run began with.
func (in *inserter) burst(ctx context.Context, n int) error { return in.good(ctx, n, in.put) }

func (in *inserter) good(ctx context.Context, n int, put func(context.Context, insert) error) error {
	cfg := in.cfg
	cfg.special = kindGood
	for range n {
		if err := in.one(ctx, cfg, cfg.Invoices+int(in.more.Add(1)), put); err != nil {
			return err
		}
	}
	return nil
}

// insert is repeated under the same external_ref until it is acknowledged. What is there already was inserted by a try whose answer was lost.
func (in *inserter) insert(ctx context.Context, conn *pgx.Conn, i insert) (id int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if in.naive != nil {
		return in.naive.Insert(ctx, conn, i.ExternalRef, i.document)
	}
	err = conn.QueryRow(ctx, `
		INSERT INTO chorus.invoices (account, external_ref, document)
		VALUES ($1, $2, $3)
		ON CONFLICT (account, external_ref) DO NOTHING
		RETURNING id`, i.Account, i.ExternalRef, i.document).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		err = conn.QueryRow(ctx, `SELECT id FROM chorus.invoices WHERE account = $1 AND external_ref = $2`, i.Account, i.ExternalRef).Scan(&id)
	}
	return id, err
}

// typed is the same invoice as a person types it in: the facts that make it the same.
func typed(i insert) map[string]any {
	ht, _, ttc := i.invoice.Total()
	return map[string]any{
		"numero": i.Numero, "dateFacture": i.invoice.Date.Format(time.DateOnly), "fournisseur": i.invoice.FournisseurSIRET, "destinataire": i.invoice.DestinataireSIRET,
		"montantHT": ht.StringFixed(2), "montantTTC": ttc.StringFixed(2), "montantAPayer": ttc.StringFixed(2), "devise": "EUR",
	}
}
