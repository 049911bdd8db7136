package worker_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/worker"
)

// account is one of the simulator's, used with its default application.
func (h *house) account(name, login, password string) worker.Account {
	a := h.config().Accounts[0]
	a.Name, a.Chorus.Login, a.Chorus.Password = name, login, chorus.Secret(password)
	return a
}

// standard is the account that the simulator knows by itself, with another password if wanted.
func (h *house) standard(password string) worker.Account {
	return h.account("default", chorustest.DefaultAccount.Login, password)
}

func (h *house) insertFor(account, numero string) int64 {
	h.t.Helper()
	h.db.Map(h.t, "default", account) // with several accounts, an application uses those that are mapped to its login
	var id int64
	err := h.app().QueryRow(h.t.Context(), `INSERT INTO chorus.invoices (account, document) VALUES ($1, $2) RETURNING id`,
		account, invoicetest.Invoice{Numero: numero}.UBL()).Scan(&id)
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

// until waits for a condition in SQL.
func (h *house) until(what, sql string, args ...any) {
	h.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) { // on a machine that does much else
		var ok bool
		if err := h.db.Pool.QueryRow(h.t.Context(), `SELECT coalesce((`+sql+`), false)`, args...).Scan(&ok); err != nil {
			h.t.Fatal(err)
		}
		if ok {
			return
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("not within two minutes: %s", what)
		}
	}
}

func (h *house) untilRefused(account string) {
	h.t.Helper()
	h.until("the account is paused", `SELECT pause_reason = 'ACCOUNT_REFUSED' FROM chorus.accounts WHERE name = $1`, account)
}

// answers counts what the simulator answered: with a status, to one operation or to all but one.
func (h *house) answers(status int, token bool) (n int) {
	tokens := map[int64]bool{}
	for _, e := range h.sim.Ledger() {
		if e.Type == "request" && e.Op == "token" {
			tokens[e.Request] = true
		}
		if e.Type == "answer" && e.Status == status && tokens[e.Request] == token {
			n++
		}
	}
	return n
}

func (h *house) noDoubts() {
	h.t.Helper()
	var n int
	if err := h.db.Pool.QueryRow(h.t.Context(), `SELECT count(*) FROM chorus.events WHERE to_state = 'in_doubt'`).Scan(&n); err != nil || n != 0 {
		h.t.Errorf("%d rows were in doubt, %v", n, err)
	}
}

func (h *house) load(prefix string, n int) (ids []int64) {
	for k := range n {
		ids = append(ids, h.insert(invoicetest.Invoice{Numero: fmt.Sprintf("%s-%02d", prefix, k)}.UBL()))
	}
	return ids
}

// gently is a pace a second. What leaves in the second in which the first refusal comes may be refused, too: on a loaded machine, as much as the pace allows.
func gently(c *worker.Config) { c.Quota = inASecond }

const inASecond = 5

func TestAPasswordIsRotatedUnderLoad(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	w := h.start(gently)
	ids := h.load("ROTATE", 24)
	h.until("some are sent", `SELECT count(*) >= 5 FROM chorus.attempts WHERE outcome = 'ACCEPTED'`)
	if err := h.sim.SetAccount(chorustest.DefaultAccount.Login, func(a *chorustest.Account) { a.Password = "rotated" }); err != nil {
		t.Fatal(err)
	}
	h.untilRefused("default")
	if err := w.SetAccounts([]worker.Account{h.standard("rotated")}); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		h.await(id, store.Deposited, store.Integrated, store.Settled)
	}
	if n := h.answers(401, false); n < 1 || n > inASecond {
		t.Errorf("%d calls were refused, want 1 to %d", n, inASecond)
	}
	h.noDoubts()
	for k := range ids {
		if n := len(h.sim.Deposits(fmt.Sprintf("ROTATE-%02d", k))); n != 1 {
			t.Errorf("ROTATE-%02d was deposited %d times", k, n)
		}
	}
}

func TestAClientSecretIsRotatedUnderLoad(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	w := h.start(gently)
	ids := h.load("SECRET", 16)
	h.until("some are sent", `SELECT count(*) >= 4 FROM chorus.attempts WHERE outcome = 'ACCEPTED'`)
	if err := h.sim.SetClient(chorustest.DefaultClient.ID, func(c *chorustest.Client) { c.Secret = "rotated" }); err != nil {
		t.Fatal(err)
	}
	h.sim.Revoke("")
	h.until("the client secret is refused", `SELECT failure = 'application' FROM chorus.tokens`)
	a := h.config().Accounts[0]
	a.Chorus.ClientSecret = "rotated"
	if err := w.SetAccounts([]worker.Account{a}); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		h.await(id, store.Deposited, store.Integrated, store.Settled)
	}
	if n := h.answers(400, true); n < 1 || n > 2 {
		t.Errorf("%d requests for tokens were refused, want 1 or 2", n)
	}
	if n := h.answers(401, false); n > inASecond {
		t.Errorf("%d calls were refused, want at most %d", n, inASecond)
	}
	h.noDoubts()
	var secrets int
	if err := h.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM chorus.secrets`).Scan(&secrets); err != nil || secrets != 2 {
		t.Errorf("%d client secrets are known to have been used, %v", secrets, err)
	}
}

// A wrong password from the beginning, in three processes: the fleet tries it once. The other account does not notice.
func TestARefusedAccountIsTriedOnceByTheFleet(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{Accounts: []chorustest.Account{chorustest.DefaultAccount, {Login: "TECH_NORTH@cpro.fr", Password: "right"}}})
	with := func(password string) []worker.Account {
		return []worker.Account{h.standard(chorustest.DefaultAccount.Password), h.account("north", "TECH_NORTH@cpro.fr", password)}
	}
	var fleet []*worker.Worker
	for range 3 {
		fleet = append(fleet, h.start(func(c *worker.Config) { c.Accounts = with("wrong") }))
	}
	h.untilRefused("north")
	north := h.insertFor("north", "NORTH-1")
	h.await(h.insertFor("default", "SOUTH-1"), store.Settled)
	h.await(north, store.Received, store.Ready)
	if n := h.answers(401, false); n != 1 {
		t.Errorf("%d calls were refused, want one", n)
	}
	for _, w := range fleet {
		if err := w.SetAccounts(with("right")); err != nil {
			t.Fatal(err)
		}
	}
	h.await(north, store.Settled)
	if n := h.answers(401, false); n != 1 {
		t.Errorf("%d calls were refused in the end, want one", n)
	}
	var events string
	err := h.db.Pool.QueryRow(t.Context(), `
		SELECT string_agg(reason_code || ' ' || (detail ->> 'reason'), ', ' ORDER BY id) FROM chorus.events WHERE detail ->> 'account' = 'north'`).Scan(&events)
	if err != nil || events != "PAUSED ACCOUNT_REFUSED, RESUMED another password is configured" {
		t.Errorf("history says %q, %v", events, err)
	}
}

func TestAnOperatorsPauseIsTheOperators(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	w := h.start()
	h.until("the account is accepted", `SELECT accepted IS NOT NULL FROM chorus.accounts WHERE name = 'default'`)
	pool, err := pgxpool.New(t.Context(), h.db.OperatorURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	operator := store.New(pool)
	if err := operator.SetPaused(t.Context(), "default", true, "holidays"); err != nil {
		t.Fatal(err)
	}
	if err := h.sim.SetAccount(chorustest.DefaultAccount.Login, func(a *chorustest.Account) { a.Password = "other" }); err != nil {
		t.Fatal(err)
	}
	if err := w.SetAccounts([]worker.Account{h.standard("another")}); err != nil {
		t.Fatal(err)
	}
	id := h.insert(invoicetest.Invoice{Numero: "PAUSED-1"}.UBL())
	time.Sleep(1500 * time.Millisecond) // longer than the worker takes to look again
	if got := h.await(id, store.Ready); got.Attempts != 0 || h.answers(401, false) != 0 {
		t.Errorf("%d attempts, %d refusals while it was paused", got.Attempts, h.answers(401, false))
	}
	if err := operator.SetPaused(t.Context(), "default", false, ""); err != nil {
		t.Fatal(err)
	}
	h.untilRefused("default") // the password is still not the portal's
	if err := h.sim.SetAccount(chorustest.DefaultAccount.Login, func(a *chorustest.Account) { a.Password = "another" }); err != nil {
		t.Fatal(err)
	}
	if err := operator.SetPaused(t.Context(), "default", false, ""); err != nil { // nothing else can tell that the portal was changed
		t.Fatal(err)
	}
	h.await(id, store.Settled)
	if n := h.answers(401, false); n != 1 {
		t.Errorf("%d calls were refused, want one", n)
	}
}

func TestAccountsComeAndGo(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{Accounts: []chorustest.Account{chorustest.DefaultAccount, {Login: "TECH_NORTH@cpro.fr", Password: "right"}}})
	w := h.start()
	first, north := h.standard(chorustest.DefaultAccount.Password), h.account("north", "TECH_NORTH@cpro.fr", "right")
	set := func(list ...worker.Account) {
		t.Helper()
		if err := w.SetAccounts(list); err != nil {
			t.Fatal(err)
		}
	}
	set(first, north)
	h.until("the new account is known", `SELECT true FROM chorus.accounts WHERE name = 'north'`)
	h.await(h.insertFor("north", "COMES-1"), store.Settled)

	set(first)
	gone := h.insertFor("north", "GOES-1")
	h.await(h.insertFor("default", "STAYS-1"), store.Settled)
	h.await(gone, store.Received)

	broken := north
	broken.Chorus.Password = ""
	err := w.SetAccounts([]worker.Account{first, broken, broken})
	if err == nil || !strings.Contains(err.Error(), "password") || !strings.Contains(err.Error(), "twice") {
		t.Errorf("two problems were reported as %v", err)
	}
	h.await(h.insertFor("default", "STAYS-2"), store.Settled)

	north.Suppliers = []string{"11111111100010"}
	set(first, north)
	got := h.await(gone, store.Invalid)
	if *got.ReasonCode != "CH-SUPPLIER" || !strings.Contains(*got.Reason, "BT-30") || !strings.Contains(*got.Reason, "column account") {
		t.Errorf("%s %s", *got.ReasonCode, *got.Reason)
	}
}

// A job may come to a worker that does not know the account: it gives the row back for a moment, and says so once.
func TestWorkersWithOtherAccounts(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{Accounts: []chorustest.Account{chorustest.DefaultAccount, {Login: "TECH_NORTH@cpro.fr", Password: "right"}}})
	var log lines
	h.start(loudly(t, &log))
	h.start(func(c *worker.Config) {
		c.Accounts = append(c.Accounts, h.account("north", "TECH_NORTH@cpro.fr", "right"))
	})
	h.until("the account is known", `SELECT true FROM chorus.accounts WHERE name = 'north'`)
	for k := range 30 {
		h.insertFor("north", fmt.Sprintf("OTHER-%d", k))
	}
	h.until("all are deposited", `SELECT count(numero_flux_depot) = 30 FROM chorus.invoices`)
	saysOnce(t, &log, "account north is not configured in this process")
}

// What is asked for an account, and not for a row of its own, is passed on in the same way: nothing has failed, and who has the account asks soon.
func TestWhatIsAskedForAnotherAccountIsPassedOn(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	var log lines
	h.start(loudly(t, &log))
	h.exec(`INSERT INTO chorus.accounts (name, next_at) VALUES ('north', clock_timestamp() + interval '1 hour')`)
	h.exec(`INSERT INTO chorus.recipients (siret, account, due_at) VALUES ('11111111100010', 'north', clock_timestamp() + interval '1 hour')`)
	h.exec(`
		INSERT INTO river.river_job (kind, queue, state, priority, max_attempts, args)
		SELECT kind, 'follow', 'available', 1, 1, args
		FROM (VALUES ('discover', '{"account": "north"}'::jsonb),
		             ('recipient', (SELECT jsonb_build_object('account', 'north', 'id', id) FROM chorus.recipients WHERE account = 'north')),
		             ('compare', '{"account": "north"}'),
		             ('sync', '{"account": "north", "structure": 1}')) x (kind, args)`)
	h.until("the jobs are over", `SELECT count(*) = 4 FROM river.river_job WHERE finalized_at IS NOT NULL AND args ->> 'account' = 'north'`)
	h.until("the structures are asked for soon", `SELECT next_at < clock_timestamp() + interval '1 minute' FROM chorus.accounts WHERE name = 'north'`)
	h.until("the recipient is asked about soon", `SELECT due_at < clock_timestamp() + interval '1 minute' FROM chorus.recipients WHERE account = 'north'`)
	if n := h.count(`SELECT count(*) FROM river.river_job WHERE args ->> 'account' = 'north' AND state <> 'completed'`); n > 0 {
		t.Errorf("%d jobs have failed", n)
	}
	saysOnce(t, &log, "account north is not configured in this process")
	if found := log.with("a job failed"); len(found) > 0 {
		t.Errorf("a failure is told of: %s", found[0])
	}
}

func TestCredentialsThatEndAreAnnounced(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	ends := time.Now().In(paris).AddDate(0, 0, 20)
	if err := h.sim.SetAccount(chorustest.DefaultAccount.Login, func(a *chorustest.Account) {
		a.Password, a.Expires = chorustest.DefaultAccount.Password, ends
	}); err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	w := h.start(func(c *worker.Config) { c.Registry = reg })
	h.until("the end of the password is announced", `
		SELECT detail = jsonb_build_object('account', 'default', 'days', 20, 'expires', $1::text) FROM chorus.events WHERE reason_code = 'PASSWORD_EXPIRES'`,
		ends.Format(time.DateOnly))
	rec := httptest.NewRecorder()
	w.Handler(reg).ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	for _, want := range []string{
		`choriste_account_password_days{account="default"} 20`, `choriste_client_secret_days{application="default"} 0`, `choriste_account_paused{account="default"} 0`,
	} {
		if !strings.Contains(rec.Body.String(), want) {
			t.Errorf("the metrics lack %s", want)
		}
	}

	// What follows is the database's own: each step is said once.
	owner, err := pgxpool.New(t.Context(), h.db.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(owner.Close)
	st := store.New(h.db.Pool)
	var secret []byte
	if err := owner.QueryRow(t.Context(), `SELECT hash FROM chorus.secrets`).Scan(&secret); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		sql  string
		want []store.Reminder
	}{
		{`SELECT 1`, nil},
		{`UPDATE chorus.accounts SET password_expires = password_expires - 4`, nil}, // 16
		{`UPDATE chorus.accounts SET password_expires = password_expires - 2`, []store.Reminder{{Code: "PASSWORD_EXPIRES", What: "default", Days: 14}}},
		{`UPDATE chorus.accounts SET password_expires = password_expires - 20`, []store.Reminder{{Code: "PASSWORD_EXPIRES", What: "default", Days: -6}}},
		{`UPDATE chorus.secrets SET since = since - interval '79 days'`, nil},
		{`UPDATE chorus.secrets SET since = since - interval '1 day'`, []store.Reminder{{Code: "SECRET_AGES", What: "default", Days: 80}}},
		{`UPDATE chorus.secrets SET since = since - interval '9 days'`, nil},
		{`UPDATE chorus.secrets SET since = since - interval '40 days'`, []store.Reminder{{Code: "SECRET_AGES", What: "default", Days: 129}}},
		{`SELECT 1`, nil},
	} {
		if _, err := owner.Exec(context.WithoutCancel(t.Context()), c.sql); err != nil {
			t.Fatal(err)
		}
		got, err := st.Remind(t.Context(), []string{"default"}, [][]byte{secret})
		if err != nil || fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("after %s: %v, want %v; %v", c.sql, got, c.want, err)
		}
	}
}
