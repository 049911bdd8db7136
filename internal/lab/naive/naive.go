// Package naive is what anybody would write first: a River job for each invoice, enqueued in the transaction that inserts it, which deposits the document and
// fails if that fails, so that River tries again. It loses and doubles invoices: the harness shows that it sees so, and cmd/bench what it saves.
package naive

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/choriste/choriste/migrations"
)

// Command is the argument by which a program that calls Main becomes a worker.
const Command = "naive-worker"

// Schema makes the table of invoices, for the owner of the database to run.
const Schema = `
CREATE SCHEMA naive;
CREATE TABLE naive.invoices (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    external_ref text NOT NULL UNIQUE,
    document     bytea NOT NULL,
    state        text NOT NULL DEFAULT 'ready',
    flux         text
);
GRANT USAGE ON SCHEMA naive TO chorus_worker;
GRANT SELECT, UPDATE ON naive.invoices TO chorus_worker;`

// timeout is how long a request may take.
const timeout = 2 * time.Second

type args struct {
	ID int64 `json:"id"`
}

func (args) Kind() string { return "deposit" }

// Queue is the application's side.
type Queue struct {
	client *river.Client[pgx.Tx]
}

// NewQueue makes one.
func NewQueue() (*Queue, error) {
	client, err := river.NewClient(riverpgxv5.New(nil), &river.Config{Schema: migrations.RiverSchema, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	return &Queue{client}, nil
}

// Insert inserts an invoice and enqueues its job, in one transaction.
func (q *Queue) Insert(ctx context.Context, conn Beginner, externalRef string, document []byte) (id int64, err error) {
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
			INSERT INTO naive.invoices (external_ref, document) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id`, externalRef, document).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // an insert whose answer was lost
		}
		if err != nil {
			return err
		}
		_, err = q.client.InsertTx(ctx, tx, args{id}, nil)
		return err
	})
	return id, err
}

// Beginner is a connection, or a pool of them.
type Beginner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

// Open counts the jobs that River still has to do.
func Open(ctx context.Context, pool *pgxpool.Pool) (n int, err error) {
	err = pool.QueryRow(ctx, `SELECT count(*) FROM river.river_job WHERE kind = 'deposit' AND finalized_at IS NULL`).Scan(&n)
	return n, err
}

// Setup is what a worker is told.
type Setup struct {
	Database, API, Token   string // addresses
	ClientID, ClientSecret string
	Account                string        // login:password
	AtOnce                 int           // jobs
	Cooldown               time.Duration // between two fetches of jobs
}

// Environment is the setup as the worker's process reads it.
func (s Setup) Environment() []string {
	return []string{
		"NAIVE_DATABASE=" + s.Database, "NAIVE_API=" + s.API, "NAIVE_TOKEN=" + s.Token, "NAIVE_CLIENT=" + s.ClientID, "NAIVE_SECRET=" + s.ClientSecret,
		"NAIVE_ACCOUNT=" + s.Account, "NAIVE_AT_ONCE=" + strconv.Itoa(s.AtOnce), "NAIVE_COOLDOWN=" + s.Cooldown.String(),
	}
}

// Main is the worker's process; it ends with SIGTERM.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := work(ctx); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "naive:", err)
		return 1
	}
	return 0
}

func work(ctx context.Context) error {
	atOnce, err := strconv.Atoi(os.Getenv("NAIVE_AT_ONCE"))
	if err != nil {
		return err
	}
	cooldown, err := time.ParseDuration(os.Getenv("NAIVE_COOLDOWN"))
	if err != nil {
		return err
	}
	pool, err := pgxpool.New(ctx, os.Getenv("NAIVE_DATABASE"))
	if err != nil {
		return err
	}
	defer pool.Close()
	client := newClient(os.Getenv("NAIVE_TOKEN"), os.Getenv("NAIVE_CLIENT"), os.Getenv("NAIVE_SECRET"), atOnce)
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[args]) error {
		return deposit(ctx, pool, client, job.Args.ID)
	}))
	queue, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Schema: migrations.RiverSchema, Workers: workers, Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: atOnce}},
		FetchCooldown: cooldown,
		JobTimeout:    5 * time.Second, RescueStuckJobsAfter: 6 * time.Second, RetryPolicy: impatient{},
	})
	if err != nil {
		return err
	}
	for queue.Start(context.WithoutCancel(ctx)) != nil { // the database is away
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
	<-ctx.Done()
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return queue.Stop(drain)
}

// newClient logs in as often as it must.
func newClient(token, id, secret string, atOnce int) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = atOnce
	oauth := clientcredentials.Config{ClientID: id, ClientSecret: secret, TokenURL: token, Scopes: []string{"openid"}}
	client := oauth.Client(context.WithValue(context.Background(), oauth2.HTTPClient, &http.Client{Transport: transport}))
	client.Timeout = timeout
	return client
}

// impatient is River's retrying in seconds instead of weeks.
type impatient struct{}

func (impatient) NextRetry(job *rivertype.JobRow) time.Time {
	return time.Now().Add(time.Duration(job.Attempt) * time.Second)
}

func deposit(ctx context.Context, pool *pgxpool.Pool, client *http.Client, id int64) error {
	var document []byte
	if err := pool.QueryRow(ctx, `SELECT document FROM naive.invoices WHERE id = $1`, id).Scan(&document); err != nil {
		return err
	}
	flux, err := post(ctx, client, os.Getenv("NAIVE_API"), os.Getenv("NAIVE_ACCOUNT"), id, document)
	if err != nil {
		return err
	}
	_, err = pool.Exec(ctx, `UPDATE naive.invoices SET state = 'deposited', flux = $2 WHERE id = $1`, id, flux)
	return err
}

func post(ctx context.Context, client *http.Client, api, account string, id int64, document []byte) (flux string, err error) {
	syntaxe, name := "IN_DP_E1_UBL_INVOICE", fmt.Sprintf("naive-%d.xml", id)
	switch {
	case bytes.HasPrefix(document, []byte("%PDF")):
		syntaxe, name = "IN_DP_E2_CII_FACTURX", fmt.Sprintf("naive-%d.pdf", id)
	case bytes.Contains(document, []byte("CrossIndustryInvoice")):
		syntaxe = "IN_DP_E1_CII_16B"
	}
	body, err := json.Marshal(map[string]any{"fichierFlux": document, "nomFichier": name, "syntaxeFlux": syntaxe, "avecSignature": false})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, api+"/cpro/factures/v1/deposer/flux", bytes.NewReader(body)) //nolint:gosec // the address of a portal in the lab
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json;charset=utf-8")
	req.Header.Set("cpro-account", base64.StdEncoding.EncodeToString([]byte(account)))
	res, err := client.Do(req) //nolint:gosec // as above
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		CodeRetour int    `json:"codeRetour"`
		Flux       string `json:"numeroFluxDepot"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusOK || answer.CodeRetour != 0 {
		return "", fmt.Errorf("HTTP %d, codeRetour %d", res.StatusCode, answer.CodeRetour)
	}
	return answer.Flux, nil
}
