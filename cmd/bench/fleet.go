package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/chorus/chorustest"
)

// fleet is a portal, a database, and any number of workers over them, each a separate process.
type fleet struct {
	plant // its own worker is not used
	w     *workshop
	login string // database address of the workers
	owner *pgxpool.Pool
	crew  []*exec.Cmd
	logs  []string

	inserted int
}

// fleet makes portal and database; no worker runs yet.
func (w *workshop) fleet(ctx context.Context, sim ...string) (_ *fleet, err error) {
	urls, err := w.database(ctx)
	if err != nil {
		return nil, err
	}
	f := &fleet{plant: plant{url: urls[""]}, w: w, login: urls["worker"]}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	if f.app, err = pgxpool.New(ctx, urls["app"]); err != nil {
		return nil, err
	}
	if f.owner, err = pgxpool.New(ctx, urls[""]); err != nil {
		return nil, err
	}
	if err := f.startSim(w, sim...); err != nil {
		return nil, fmt.Errorf("chorus-sim: %w", err)
	}
	return f, nil
}

// hire starts so many workers and returns when all are at work.
func (f *fleet) hire(ctx context.Context, n int, settings ...string) error {
	from := len(f.crew)
	for range n {
		log := filepath.Join(f.w.dir, fmt.Sprintf("worker-%d-%d.log", f.w.made, len(f.crew)))
		worker, err := f.startWorker(f.w, f.login, log, settings)
		if err != nil {
			return fmt.Errorf("choriste work: %w", err)
		}
		f.crew, f.logs = append(f.crew, worker), append(f.logs, log)
	}
	for _, log := range f.logs[from:] {
		if err := ready(ctx, log); err != nil {
			return err
		}
	}
	return nil
}

// close ends workers and portal. What a worker says at its end is not looked at: a fleet that is measured has said everything before.
func (f *fleet) close() error {
	for _, worker := range f.crew {
		_ = worker.Process.Signal(syscall.SIGTERM)
	}
	for _, worker := range f.crew {
		_ = worker.Wait()
	}
	if f.owner != nil {
		f.owner.Close()
	}
	_, err := f.stop()
	return err
}

// ask makes one request at the portal's management door; with a body it is a POST.
func (f *fleet) ask(ctx context.Context, path string, body, answer any) error {
	method, content := http.MethodGet, io.Reader(nil)
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		method, content = http.MethodPost, bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, f.portal.Manage+path, content)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the portal's management door answered %s to %s", res.Status, path)
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(res.Body).Decode(answer)
}

// ledger returns the portal's lines of these types.
func (f *fleet) ledger(ctx context.Context, types ...string) (entries []chorustest.Entry, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.portal.Manage+"/ledger?"+url.Values{"type": types}.Encode(), nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	for d := json.NewDecoder(res.Body); ; {
		var e chorustest.Entry
		switch err := d.Decode(&e); {
		case errors.Is(err, io.EOF):
			return entries, nil
		case err != nil:
			return nil, err
		}
		entries = append(entries, e)
	}
}

// insert writes so many small invoices for an account, a hundred a statement.
func (f *fleet) insert(ctx context.Context, account string, rows int) error {
	const most = 100
	for n := 0; n < rows; n += most {
		docs := make([][]byte, min(most, rows-n))
		for k := range docs {
			f.inserted++
			docs[k] = document(f.inserted)
		}
		if _, err := f.app.Exec(ctx, `INSERT INTO chorus.invoices (account, document) SELECT $1, unnest($2::bytea[])`, account, docs); err != nil {
			return err
		}
	}
	return nil
}

// await asks until it is so, for as long as patience lasts.
func (f *fleet) await(ctx context.Context, what string, so func() (bool, error)) error {
	for end := time.Now().Add(patience); ; {
		yes, err := so()
		if yes || err != nil {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("after %s there is not yet %s", patience, what)
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// deposited waits until so many invoices have been acknowledged.
func (f *fleet) deposited(ctx context.Context, rows int) error {
	return f.await(ctx, strconv.Itoa(rows)+" deposits", func() (bool, error) {
		var n int
		err := f.app.QueryRow(ctx, `SELECT count(*) FROM chorus.invoice_status WHERE state IN ('deposited', 'integrated')`).Scan(&n)
		return n >= rows, err
	})
}
