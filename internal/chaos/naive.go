package chaos

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/choriste/choriste/migrations"
)

// This file is what anybody would write first: a River job for each invoice, enqueued in the transaction that inserts it, which deposits the document and
// fails if that fails, so that River tries again. It exists to show that the harness sees what happens then.

const naiveArg = "naive-worker"

const naiveSQL = `
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

type naiveArgs struct {
	ID int64 `json:"id"`
}

func (naiveArgs) Kind() string { return "deposit" }

// naiveQueue is the application's side.
type naiveQueue struct {
	client *river.Client[pgx.Tx]
}

// naiveFleet prepares the tables and says how a naive worker is started.
func (t *trial) naiveFleet(ctx context.Context) (*naiveQueue, func(int) *exec.Cmd, error) {
	if _, err := t.pool.Exec(ctx, naiveSQL); err != nil {
		return nil, nil, err
	}
	client, err := river.NewClient(riverpgxv5.New(nil), &river.Config{Schema: migrations.RiverSchema})
	if err != nil {
		return nil, nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	t.in.url = t.url // it writes River's tables too
	return &naiveQueue{client}, func(int) *exec.Cmd {
		cmd := exec.Command(self, naiveArg)
		cmd.Env = append(os.Environ(),
			"NAIVE_DATABASE="+withLogin(t.url, "chaos_worker", t.secrets.Database), "NAIVE_API="+t.portal.API, "NAIVE_TOKEN="+t.portal.Token,
			"NAIVE_CLIENT="+t.secrets.ClientID, "NAIVE_SECRET="+t.secrets.ClientSecret, "NAIVE_ACCOUNT="+t.secrets.Login+":"+t.secrets.Password)
		return cmd
	}, nil
}

func (q *naiveQueue) insert(ctx context.Context, conn *pgx.Conn, i insert) (id int64, err error) {
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
			INSERT INTO naive.invoices (external_ref, document) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id`, i.ExternalRef, i.document).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // an insert whose answer was lost
		}
		if err != nil {
			return err
		}
		_, err = q.client.InsertTx(ctx, tx, naiveArgs{id}, nil)
		return err
	})
	return id, err
}

// open counts the jobs that River still has to do.
func (q *naiveQueue) open(ctx context.Context, pool *pgxpool.Pool) (n int, err error) {
	err = pool.QueryRow(ctx, `SELECT count(*) FROM river.river_job WHERE kind = 'deposit' AND finalized_at IS NULL`).Scan(&n)
	return n, err
}

// naiveLineSQL is lineSQL for the naive worker, which tells nothing of what it does.
const naiveLineSQL = `
	SELECT count(*), count(*) FILTER (WHERE acknowledged), count(*) FILTER (WHERE held), 0, 0, 0, 0, count(*) FILTER (WHERE acknowledged AND NOT held)
	FROM (SELECT x.acknowledged, EXISTS (SELECT FROM chaos.held h WHERE h.key = x.key) AS held FROM chaos.inserts x) i`

// naiveWorker is the process.
func naiveWorker() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := workNaively(ctx); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "naive:", err)
		return 1
	}
	return 0
}

func workNaively(ctx context.Context) error {
	pool, err := pgxpool.New(ctx, os.Getenv("NAIVE_DATABASE"))
	if err != nil {
		return err
	}
	defer pool.Close()
	oauth := clientcredentials.Config{
		ClientID: os.Getenv("NAIVE_CLIENT"), ClientSecret: os.Getenv("NAIVE_SECRET"), TokenURL: os.Getenv("NAIVE_TOKEN"), Scopes: []string{"openid"},
	}
	client := oauth.Client(context.Background())
	client.Timeout = tHTTP
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[naiveArgs]) error {
		return depositNaively(ctx, pool, client, job.Args.ID)
	}))
	queue, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Schema: migrations.RiverSchema, Workers: workers, Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 10}},
		JobTimeout: 5 * time.Second, RescueStuckJobsAfter: 6 * time.Second, RetryPolicy: impatient{},
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

// impatient is River's retrying in seconds instead of weeks.
type impatient struct{}

func (impatient) NextRetry(job *rivertype.JobRow) time.Time {
	return time.Now().Add(time.Duration(job.Attempt) * time.Second)
}

func depositNaively(ctx context.Context, pool *pgxpool.Pool, client *http.Client, id int64) error {
	var document []byte
	if err := pool.QueryRow(ctx, `SELECT document FROM naive.invoices WHERE id = $1`, id).Scan(&document); err != nil {
		return err
	}
	syntaxe, name := "IN_DP_E1_UBL_INVOICE", fmt.Sprintf("naive-%d.xml", id)
	switch {
	case bytes.HasPrefix(document, []byte("%PDF")):
		syntaxe, name = "IN_DP_E2_CII_FACTURX", fmt.Sprintf("naive-%d.pdf", id)
	case bytes.Contains(document, []byte("CrossIndustryInvoice")):
		syntaxe = "IN_DP_E1_CII_16B"
	}
	body, err := json.Marshal(map[string]any{"fichierFlux": document, "nomFichier": name, "syntaxeFlux": syntaxe, "avecSignature": false})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, os.Getenv("NAIVE_API")+"/cpro/factures/v1/deposer/flux", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json;charset=utf-8")
	req.Header.Set("cpro-account", base64.StdEncoding.EncodeToString([]byte(os.Getenv("NAIVE_ACCOUNT"))))
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		CodeRetour int    `json:"codeRetour"`
		Flux       string `json:"numeroFluxDepot"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK || answer.CodeRetour != 0 {
		return fmt.Errorf("HTTP %d, codeRetour %d", res.StatusCode, answer.CodeRetour)
	}
	_, err = pool.Exec(ctx, `UPDATE naive.invoices SET state = 'deposited', flux = $2 WHERE id = $1`, id, answer.Flux)
	return err
}
