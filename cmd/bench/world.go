package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
	"github.com/choriste/choriste/worker"
)

const (
	supplier  = "99999999800012"
	recipient = "99999999700023"
	aDay      = 24 * time.Hour
)

// world is a portal, a database and a worker, all in this process but for PostgreSQL, and all on one virtual clock, which is moved only when nothing is left
// to do. Requests are real ones, over HTTP.
type world struct {
	clock  *storetest.Clock
	sim    *chorustest.Sim
	urls   map[string]string
	owner  *pgxpool.Pool
	app    *pgxpool.Pool
	since  time.Duration // what the clock has been moved by
	say    func(format string, args ...any)
	ending []func() error
}

// world makes one whose worker does not work yet.
func (w *workshop) world(ctx context.Context, cfg chorustest.Config) (_ *world, err error) {
	x := &world{say: w.say}
	defer func() {
		if err != nil {
			err = errors.Join(err, x.close())
		}
	}()
	if x.urls, err = w.database(ctx); err != nil {
		return nil, err
	}
	cfg.Quota, cfg.NoSync = -1, true
	if x.sim, err = chorustest.Start(cfg); err != nil {
		return nil, err
	}
	x.ending = append(x.ending, x.sim.Close)
	if x.clock, err = storetest.NewClock(ctx, x.urls[""]); err != nil {
		return nil, err
	}
	x.clock.With(x.sim)
	x.ending = append(x.ending, func() error { x.clock.Close(); return nil })
	for pool, url := range map[**pgxpool.Pool]string{&x.owner: x.urls[""], &x.app: x.urls["app"]} {
		if *pool, err = pgxpool.New(ctx, url); err != nil {
			return nil, err
		}
		x.ending = append(x.ending, func() error { (*pool).Close(); return nil })
	}
	return x, nil
}

// close ends everything, the last first, and tells what the portal found wrong with what it was sent.
func (x *world) close() error {
	var errs []error
	for k := len(x.ending) - 1; k >= 0; k-- {
		errs = append(errs, x.ending[k]())
	}
	if x.sim != nil {
		for _, v := range x.sim.Violations() {
			errs = append(errs, fmt.Errorf("request %d (%s): %s", v.Request, v.Op, v.Reason))
		}
	}
	return errors.Join(errs...)
}

// work starts the worker, with the settings' defaults but for the quota: its waits are real, and would be longer than everything else.
func (x *world) work(ctx context.Context) error {
	pool, err := store.ConnectWorker(ctx, x.urls["worker"], "bench", worker.Conns(16))
	if err != nil {
		return err
	}
	wk, err := worker.New(worker.Config{
		Pool: pool,
		Accounts: []worker.Account{{Name: "default", Chorus: chorus.Config{
			APIURL: x.sim.APIURL(), TokenURL: x.sim.TokenURL(),
			ClientID: chorustest.DefaultClient.ID, ClientSecret: chorus.Secret(chorustest.DefaultClient.Secret),
			Login: chorustest.DefaultAccount.Login, Password: chorus.Secret(chorustest.DefaultAccount.Password),
		}}},
		Quota: 100_000, Poll: 20 * time.Millisecond, VirtualTime: true,
	})
	if err != nil {
		pool.Close()
		return err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- wk.Run(running) }()
	x.ending = append(x.ending, func() error {
		cancel()
		err := <-done
		pool.Close()
		return err
	})
	return nil
}

// rest returns when there is nothing left to do in the present.
func (x *world) rest(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return x.clock.Rest(ctx)
}

// pass lets so much time go by.
func (x *world) pass(ctx context.Context, d time.Duration) error {
	x.since += d
	return x.clock.Advance(ctx, d)
}

// age lets the time go by since what is there was made, during which workers were alive: what was deposited then is not compared at the start.
func (x *world) age(ctx context.Context, d time.Duration) error {
	if err := x.clock.Advance(ctx, d); err != nil {
		return err
	}
	_, err := x.owner.Exec(ctx, `INSERT INTO chorus.heartbeats (worker) VALUES ('before')`)
	return err
}

// requests are all that the portal was asked so far, by operation.
func (x *world) requests() map[string]int { return maps.Clone(x.sim.Stats().Requests) }

// older puts invoices into portal and database that have long been there: numeros, all with the same statut.
func (x *world) older(ctx context.Context, numeros []string, statut string) error {
	sum := sha256.Sum256([]byte("x"))
	now, err := x.clock.Now(ctx)
	if err != nil {
		return err
	}
	date := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)
	list := make([][]any, len(numeros))
	for k, numero := range numeros {
		id, err := x.sim.TypeIn(chorustest.Facts{
			Numero: numero, Date: date.Format(time.DateOnly), Fournisseur: supplier, Destinataire: recipient, HT: "1250.00", TTC: "1500.00", APayer: "1500.00",
		})
		if err != nil {
			return err
		}
		if statut != "DEPOSEE" {
			if err := x.sim.Statut(numero, statut, ""); err != nil {
				return err
			}
		}
		list[k] = []any{numero, []byte("x"), sum[:], 1, "integrated", "IN_DP_E1_UBL_INVOICE", numero, date, supplier, recipient, "1500.00", "EUR", id, statut, x.sim.Now(), now, now}
	}
	return pgx.BeginFunc(ctx, x.owner, func(tx pgx.Tx) error {
		// As the owner may, without the rules that say that a new row has never been sent.
		if _, err := tx.Exec(ctx, `SET LOCAL session_replication_role = replica`); err != nil {
			return err
		}
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"chorus", "invoices"}, []string{
			"external_ref", "document", "document_sha256", "document_bytes", "state", "syntaxe", "numero_facture", "date_facture", "fournisseur_siret",
			"destinataire_siret", "montant_ttc", "devise", "identifiant_facture_cpp", "statut_courant", "statut_courant_date", "deposited_at", "visible_at",
		}, pgx.CopyFromRows(list))
		return err
	})
}

// freshness is how long it took from each change at the portal to its line in the history, sorted, in seconds: changes since a moment, of rows that the
// portal held before.
func (x *world) freshness(ctx context.Context, since time.Time) ([]float64, error) {
	found, err := x.owner.Query(ctx, `
		SELECT extract(epoch FROM at - (detail ->> 'statut_courant_date')::timestamptz)::float8 AS took
		FROM chorus.events
		WHERE reason_code = 'STATUT' AND (detail ->> 'statut_courant_date')::timestamptz >= $1
		UNION ALL
		-- A change of state does not carry the date; the row does, until the next change, and those that end have none.
		SELECT extract(epoch FROM e.at - i.statut_courant_date)::float8
		FROM chorus.events e
		JOIN chorus.invoices i ON i.id = e.invoice_id
		WHERE e.from_state = 'integrated' AND e.to_state IN ('settled', 'rejected') AND i.statut_courant_date >= $1
		ORDER BY took`, since)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(found, pgx.RowTo[float64])
}
