package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
)

const (
	smallAccount = "small"
	smallLogin   = "TECH_SMALL@cpro.fr"
	smallPass    = "small-password"
	smallRows    = 10
)

// fairness gives one account a crowd of invoices, another one ten after them, and returns how soon the portal has all of those.
func fairness(ctx context.Context, w *workshop) (_ []figure, err error) {
	f, err := w.fleet(ctx, "-quota", strconv.Itoa(quota),
		"-account", chorustest.DefaultAccount.Login+":"+chorustest.DefaultAccount.Password, "-account", smallLogin+":"+smallPass)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	settings, err := w.smallAccount()
	if err != nil {
		return nil, err
	}
	if err := f.hire(ctx, 2, "CHORISTE_QUOTA="+strconv.Itoa(quota), settings); err != nil {
		return nil, err
	}
	_, err = f.owner.Exec(ctx, `INSERT INTO chorus.logins (login, account) SELECT $1, name FROM chorus.accounts`, f.app.Config().ConnConfig.User)
	if err != nil {
		return nil, err
	}
	w.say("fairness: inserting %d invoices for one account, %d for another …", w.size.crowd, smallRows)
	if err := f.crowd(ctx, w.size.crowd); err != nil {
		return nil, err
	}
	f.inserted = w.size.crowd
	began := time.Now()
	if err := f.insert(ctx, smallAccount, smallRows); err != nil {
		return nil, err
	}
	var last time.Time
	err = f.await(ctx, "every deposit of the small account", func() (bool, error) {
		requests, err := f.ledger(ctx, "request")
		n := 0
		for _, r := range requests {
			if r.Op == "deposer/flux" && r.Account == smallLogin {
				n++
				last = r.At
			}
		}
		return n >= smallRows, err
	})
	if err != nil {
		return nil, err
	}
	var waiting int
	if err := f.owner.QueryRow(ctx, `SELECT count(*) FROM chorus.invoices WHERE account = 'default' AND state IN ('received', 'ready')`).Scan(&waiting); err != nil {
		return nil, err
	}
	return []figure{
		bar("fairness", fmt.Sprintf("INSERT to the last of %d deposits", smallRows), last.Sub(began).Seconds(), "s", 60),
		fact("fairness", "invoices of the other account waiting meanwhile", float64(waiting), ""),
	}, nil
}

// smallAccount configures a second account and returns the setting that names it.
func (w *workshop) smallAccount() (setting string, err error) {
	password, accounts := filepath.Join(w.dir, "small-password"), filepath.Join(w.dir, "accounts.yaml")
	text := fmt.Sprintf("accounts:\n  - name: %s\n    application: default\n    login: %s\n    password_file: %s\n", smallAccount, smallLogin, password)
	return "CHORISTE_ACCOUNTS_FILE=" + accounts, errors.Join(os.WriteFile(password, []byte(smallPass), 0o600), os.WriteFile(accounts, []byte(text), 0o600))
}

// crowd inserts so many invoices that differ in their number alone, as the application, and lets PostgreSQL write the numbers.
func (f *fleet) crowd(ctx context.Context, rows int) error {
	const most = 5000
	for n := 1; n <= rows; n += most {
		_, err := f.app.Exec(ctx, `
			INSERT INTO chorus.invoices (document)
			SELECT convert_to(replace($1, $2, 'BENCH-' || lpad(n::text, 6, '0')), 'UTF8') FROM generate_series($3::integer, $4) n`,
			string(document(0)), numero(0), n, min(rows, n+most-1))
		if err != nil {
			return err
		}
	}
	return nil
}
