package worker_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/jobs"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
	"github.com/choriste/choriste/worker"
)

// house is one database, one simulator, and as many workers as a test starts.
type house struct {
	t    *testing.T
	db   *storetest.Database
	sim  *chorustest.Sim
	apps *pgxpool.Pool // as an application; see app
}

func newHouse(t *testing.T, c *chorustest.Config) *house {
	t.Helper()
	if c == nil {
		c = &chorustest.Config{}
	}
	if c.Step == 0 {
		c.Step = 20 * time.Millisecond
	}
	if c.Quota == 0 {
		c.Quota = -1
	}
	return &house{t: t, db: storetest.New(t), sim: chorustest.New(t, c)}
}

// quick are delays that make a test take seconds where production takes hours.
func quick() jobs.Settings {
	return jobs.Settings{
		HTTPTimeout: 2 * time.Second, SendWithin: time.Second, LandingDelay: 500 * time.Millisecond, VisibilityDelay: 500 * time.Millisecond,
		ReportAfter: 200 * time.Millisecond, ResolveAfter: 100 * time.Millisecond, SyncEvery: 150 * time.Millisecond,
	}
}

func (h *house) config() worker.Config {
	level := slog.LevelError
	if os.Getenv("CHORISTE_TEST_LOG") != "" {
		level = slog.LevelInfo
	}
	return worker.Config{
		Accounts: []worker.Account{{Name: "default", Chorus: chorus.Config{
			APIURL: h.sim.APIURL(), TokenURL: h.sim.TokenURL(),
			ClientID: chorustest.DefaultClient.ID, ClientSecret: chorus.Secret(chorustest.DefaultClient.Secret),
			Login: chorustest.DefaultAccount.Login, Password: chorus.Secret(chorustest.DefaultAccount.Password),
		}}},
		Settings: quick(), Quota: 2000,
		Reap: 200 * time.Millisecond, Sweep: 200 * time.Millisecond, Drain: 5 * time.Second,
		Log: slog.New(slog.NewTextHandler(h.t.Output(), &slog.HandlerOptions{Level: level})),
	}
}

// start runs a worker until the end of the test.
func (h *house) start(change ...func(*worker.Config)) *worker.Worker {
	h.t.Helper()
	w, _ := h.launch(change)
	return w
}

// run is a worker that the test stops before its end.
func (h *house) run(change ...func(*worker.Config)) (stop func()) {
	h.t.Helper()
	_, stop = h.launch(change)
	return stop
}

// launch runs a worker as a login with a worker's rights and nothing more.
func (h *house) launch(change []func(*worker.Config)) (*worker.Worker, func()) {
	h.t.Helper()
	cfg := h.config()
	for _, c := range change {
		c(&cfg)
	}
	pool, err := store.ConnectWorker(h.t.Context(), h.db.WorkerURL, "test", worker.Conns(4)) // each begins cold, which costs a test more than waiting for one
	if err != nil {
		h.t.Fatal(err)
	}
	cfg.Pool = pool
	w, err := worker.New(cfg)
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Errorf("worker: %v", err)
		}
		pool.Close()
	})
	h.t.Cleanup(stop)
	return w, stop
}

// app is an application's pool, in the test's own goroutine. One is kept: the first insert of a session costs a hundred times as much as the next.
func (h *house) app() *pgxpool.Pool {
	h.t.Helper()
	if h.apps == nil || h.apps.Config().ConnString() != h.db.AppURL {
		cfg, err := pgxpool.ParseConfig(h.db.AppURL)
		if err != nil {
			h.t.Fatal(err)
		}
		cfg.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return true } // tests end connections
		pool, err := pgxpool.NewWithConfig(h.t.Context(), cfg)
		if err != nil {
			h.t.Fatal(err)
		}
		h.t.Cleanup(pool.Close)
		h.apps = pool
	}
	return h.apps
}

func (h *house) insert(doc []byte) int64 {
	h.t.Helper()
	pool := h.app()
	var id int64
	if err := pool.QueryRow(h.t.Context(), `INSERT INTO chorus.invoices (document) VALUES ($1) RETURNING id`, doc).Scan(&id); err != nil {
		h.t.Fatal(err)
	}
	return id
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// await returns the row once it is in one of the states.
func (h *house) await(id int64, states ...store.State) store.Status {
	h.t.Helper()
	st := store.New(h.db.Pool)
	deadline := time.Now().Add(2 * time.Minute) // on a machine that does much else
	for {
		i, attempts, err := st.Show(h.t.Context(), id)
		if err != nil {
			h.t.Fatal(err)
		}
		for _, s := range states {
			if i.State == s {
				return i
			}
		}
		if time.Now().After(deadline) {
			text := func(s *string) string {
				if s == nil {
					return ""
				}
				return *s
			}
			for _, a := range attempts {
				h.t.Logf("attempt %d: %s %s", a.N, text(a.Outcome), a.Evidence)
			}
			h.t.Fatalf("invoice %d is %s (%s %s), want %v", id, i.State, text(i.ReasonCode), text(i.Reason), states)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// path is the states that an invoice has been in.
func (h *house) path(id int64) string {
	h.t.Helper()
	events, err := store.New(h.db.Pool).Events(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	var states []string
	for _, e := range events {
		if e.FromState == nil || *e.FromState != *e.ToState {
			states = append(states, *e.ToState)
		}
	}
	return strings.Join(states, " ")
}

func TestOneInvoiceGoesAllTheWay(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	inv := invoicetest.Invoice{Numero: "WAY-1"}
	doc := inv.CII()
	id := h.insert(doc)
	got := h.await(id, store.Settled)

	if path := h.path(id); path != "received ready sending deposited integrated settled" {
		t.Errorf("went through %s", path)
	}
	deposits := h.sim.Deposits("WAY-1")
	if len(deposits) != 1 {
		t.Fatalf("%d deposits at the portal, want 1", len(deposits))
	}
	if want := fmt.Sprintf("%x", sha256.Sum256(doc)); deposits[0].Facts.SHA256 != want {
		t.Errorf("the portal got other bytes than were inserted")
	}
	if *got.NumeroFluxDepot != deposits[0].Flux || *got.IdentifiantFactureCPP != deposits[0].Facture || *got.StatutCourant != "MISE_EN_PAIEMENT" {
		t.Errorf("row says flux %s, facture %d, statut %s; the portal %+v", *got.NumeroFluxDepot, *got.IdentifiantFactureCPP, *got.StatutCourant, deposits[0])
	}
	if *got.NumeroFacture != "WAY-1" || got.MontantTTC.Decimal.String() != "1500" || *got.Devise != "EUR" {
		t.Errorf("read %s %s %s", *got.NumeroFacture, got.MontantTTC.Decimal, *got.Devise)
	}
}

func TestEveryKindOfDocument(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	pdf, err := invoicetest.Invoice{Numero: "KIND-PDF"}.FacturX()
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]int64{
		"KIND-UBL": h.insert(invoicetest.Invoice{Numero: "KIND-UBL"}.UBL()),
		"KIND-CN":  h.insert(invoicetest.Invoice{Numero: "KIND-CN", Sans: []string{"BT-81"}}.CreditNote()),
		"KIND-CII": h.insert(invoicetest.Invoice{Numero: "KIND-CII", DestinataireSIRET: "12345678200044", CodeService: "SERVICE_DEST_SERV_OBL", Engagement: "EJ-1"}.CII()),
		"KIND-PDF": h.insert(pdf),
	}
	for numero, id := range ids {
		if got := h.await(id, store.Settled, store.Rejected, store.Invalid); got.State != store.Settled {
			t.Errorf("%s is %s: %s", numero, got.State, *got.Reason)
		}
	}
}

func TestLostAnswersAreFoundAgain(t *testing.T) {
	t.Parallel()
	all := represented(t, "commit_then_drop", "commit_then_500", "commit_then_truncated")
	for _, kind := range []string{"commit_then_drop", "commit_then_500", "commit_then_502_html", "commit_then_truncated", "commit_then_empty_json", "commit_then_null", "html_200"} {
		if !all.runs(kind) {
			continue
		}
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, &chorustest.Config{Visibility: 200 * time.Millisecond})
			h.start()
			h.sim.Faults(chorustest.Fault{Kind: kind, Commit: true})
			id := h.insert(invoicetest.Invoice{Numero: "LOST-1"}.UBL())
			h.await(id, store.Settled)
			if path := h.path(id); path != "received ready sending in_doubt deposited integrated settled" {
				t.Errorf("went through %s", path)
			}
			if n := len(h.sim.Deposits("LOST-1")); n != 1 {
				t.Errorf("%d deposits at the portal, want 1", n)
			}
		})
	}
}

// seen has the portal show an invoice of the supplier: before that, nothing that it does not show counts as absent.
func (h *house) seen() {
	h.t.Helper()
	h.await(h.insert(invoicetest.Invoice{Numero: "SEEN"}.UBL()), store.Settled)
}

func TestWhatNeverArrivedIsSentOnceMore(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	h.seen()
	h.sim.Faults(chorustest.Fault{Kind: "drop_before_commit"})
	id := h.insert(invoicetest.Invoice{Numero: "NEVER-1"}.UBL())
	h.await(id, store.Settled)
	if path := h.path(id); path != "received ready sending in_doubt ready sending deposited integrated settled" {
		t.Errorf("went through %s", path)
	}
	attempts, err := store.New(h.db.Pool).Attempts(t.Context(), id)
	if err != nil || len(attempts) != 2 {
		t.Fatalf("%d attempts, %v", len(attempts), err)
	}
	absent := 0
	for _, l := range attempts[0].Lookups {
		if l.Absent {
			absent++
		}
	}
	if last := attempts[0].Lookups[len(attempts[0].Lookups)-1]; absent < 3 || last.Age < 2*quick().Horizon() {
		t.Errorf("sent again after %d absent look-ups, the last %s after the attempt", absent, last.Age)
	}
}

func TestNeverMeansThatAPersonDecides(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start(func(c *worker.Config) { c.Never = true })
	h.seen()
	h.sim.Faults(chorustest.Fault{Kind: "drop_before_commit"})
	id := h.insert(invoicetest.Invoice{Numero: "NEVER-2"}.UBL())
	if got := h.await(id, store.Parked); *got.ReasonCode != store.ParkAbsent {
		t.Errorf("parked as %s", *got.ReasonCode)
	}
	if n := len(h.sim.Deposits("NEVER-2")); n != 0 {
		t.Errorf("%d deposits at the portal, want none", n)
	}
}

func TestThePortalsReasonIsKept(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	id := h.insert(invoicetest.Invoice{Numero: "REFUSED-1", DestinataireSIRET: "12345678200036"}.UBL()) // wants a commitment number
	got := h.await(id, store.Rejected)
	if *got.ReasonCode != store.ReasonFluxRejected || !strings.Contains(*got.Reason, "engagement") {
		t.Errorf("%s %s", *got.ReasonCode, *got.Reason)
	}
}

func TestTheRecipientsWordIsKept(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{Scripts: map[string][]chorustest.Move{
		"WORD-1": {{Statut: "MISE_A_DISPOSITION"}, {Statut: "SUSPENDUE", Commentaire: "Bon de livraison manquant"}},
		"WORD-2": {{Statut: "MISE_A_DISPOSITION"}, {Statut: "REJETEE", Commentaire: "Doublon de facturation"}},
	}})
	h.start()
	suspended := h.insert(invoicetest.Invoice{Numero: "WORD-1"}.UBL())
	refused := h.insert(invoicetest.Invoice{Numero: "WORD-2"}.UBL())
	if got := h.await(refused, store.Rejected); *got.ReasonCode != store.ReasonRecipient || *got.Reason != "Doublon de facturation" || *got.StatutCourant != "REJETEE" {
		t.Errorf("refused: %s %s %s", *got.ReasonCode, *got.Reason, *got.StatutCourant)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if got := h.await(suspended, store.Integrated); *got.StatutCourant == "SUSPENDUE" {
			if *got.StatutCommentaire != "Bon de livraison manquant" {
				t.Errorf("suspended: %s", *got.StatutCommentaire)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the suspension was not seen")
		}
	}
}

func TestProbesAndMetrics(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	reg := prometheus.NewRegistry()
	w := h.start(func(c *worker.Config) { c.Registry = reg })
	h.await(h.insert(invoicetest.Invoice{}.UBL()), store.Settled)
	srv := httptest.NewServer(w.Handler(reg))
	t.Cleanup(srv.Close)
	for path, want := range map[string]string{
		"/healthz": "ok", "/readyz": "ready",
		"/metrics": `choriste_invoices{state="settled"} 1`,
	} {
		res, err := http.Get(srv.URL + path) //nolint:noctx // a test
		if err != nil {
			t.Fatal(err)
		}
		body := make([]byte, 1<<16)
		n, _ := res.Body.Read(body)
		for {
			m, err := res.Body.Read(body[n:])
			n += m
			if err != nil {
				break
			}
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK || !strings.Contains(string(body[:n]), want) {
			t.Errorf("%s: %d, no %q in %s", path, res.StatusCode, want, body[:min(n, 200)])
		}
	}
}

// A person typed the invoice in at the portal while it was waiting here, or before it was inserted: it is adopted, not sent.
func TestWhatThePortalHoldsAlreadyIsNotSent(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	h.await(h.insert(invoicetest.Invoice{Numero: "TYPED-0"}.UBL()), store.Settled) // the structure is known and followed
	doc := invoicetest.Invoice{Numero: "TYPED-1"}.UBL()
	var id int64
	err := h.app().QueryRow(t.Context(), `
		INSERT INTO chorus.invoices (document, not_before) VALUES ($1, now() + interval '1 hour') RETURNING id`, doc).Scan(&id)
	if err != nil {
		t.Fatal(err)
	}
	h.await(id, store.Ready)
	facts := h.sim.Deposits("TYPED-0")[0].Facts
	facts.Numero = "TYPED-1"
	if _, err := h.sim.TypeIn(facts); err != nil {
		t.Fatal(err)
	}
	h.await(id, store.Integrated, store.Settled)
	if path := h.path(id); !strings.HasPrefix(path, "received ready in_doubt deposited integrated") {
		t.Errorf("went through %s", path)
	}
	facts.Numero = "TYPED-2"
	if _, err := h.sim.TypeIn(facts); err != nil {
		t.Fatal(err)
	}
	h.until("it is seen", `SELECT EXISTS (SELECT FROM chorus.strangers WHERE numero_facture = 'TYPED-2')`)
	id = h.insert(invoicetest.Invoice{Numero: "TYPED-2"}.UBL())
	h.await(id, store.Integrated, store.Settled)
	if path := h.path(id); !strings.HasPrefix(path, "received ready in_doubt deposited integrated") {
		t.Errorf("went through %s", path)
	}
	for _, e := range h.sim.Ledger() {
		if e.Type == "request" && (strings.HasPrefix(e.NomFichier, "TYPED-1") || strings.HasPrefix(e.NomFichier, "TYPED-2")) {
			t.Errorf("it was sent as %s", e.NomFichier)
		}
	}
}

// The portal refuses a deposit as a duplicate of what a person typed in, and its report does not say so: the invoice is adopted, not rejected.
func TestARejectionWithoutAReasonIsLookedInto(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	stop := h.run()
	h.await(h.insert(invoicetest.Invoice{Numero: "TYPED-0"}.UBL()), store.Settled)
	stop()
	h.blind()
	facts := h.sim.Deposits("TYPED-0")[0].Facts
	facts.Numero = "TYPED-1"
	if _, err := h.sim.TypeIn(facts); err != nil {
		t.Fatal(err)
	}
	// Not shown until it is sent: what the portal shows at the start is taken for a deposit that the database has forgotten.
	if err := h.sim.Hide("TYPED-1", true); err != nil {
		t.Fatal(err)
	}
	h.sim.Faults(chorustest.Fault{Op: "consulterCRDetaille", Kind: "no_detail", Times: -1})
	id := h.insert(invoicetest.Invoice{Numero: "TYPED-1"}.UBL())
	h.start()
	h.await(id, store.Deposited, store.InDoubt)
	if err := h.sim.Hide("TYPED-1", false); err != nil {
		t.Fatal(err)
	}
	h.await(id, store.Integrated, store.Settled)
	if path := h.path(id); !strings.HasPrefix(path, "received ready sending deposited in_doubt deposited integrated") {
		t.Errorf("went through %s", path)
	}
}

// The report on our flux is another's, who was refused: the invoice is not rejected, and its number is not free.
func TestAnothersReportRejectsNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{AcceptDuplicates: true, Visibility: 4 * time.Second})
	h.sim.Faults(chorustest.Fault{Op: "consulterCRDetaille", Kind: "another", Times: 2})
	h.start(func(c *worker.Config) { c.Settings.VisibilityDelay = 5 * time.Second })
	id := h.insert(invoicetest.Invoice{Numero: "OURS-1"}.UBL())
	h.until("a person can read that a refusal is not believed", `SELECT state = 'deposited' AND reason LIKE '%seems to be another one''s%' FROM chorus.invoice_status WHERE id = $1`, id)
	h.await(id, store.Integrated, store.Settled)
	if path := h.path(id); !strings.HasPrefix(path, "received ready sending deposited integrated") {
		t.Errorf("went through %s", path)
	}
	if !slices.ContainsFunc(h.sim.Ledger(), func(e chorustest.Entry) bool { return e.Op == "consulterCRDetaille" }) {
		t.Error("no report was asked for")
	}
}
