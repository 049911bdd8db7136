package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/store"
)

// feedBench is a bench whose account has a supplier structure, claimed for ever.
type feedBench struct {
	*bench
	mark store.FeedMark
}

func newFeedBench(t testing.TB) *feedBench {
	t.Helper()
	b := &feedBench{bench: newBench(t)}
	must(t, b.worker.Structures(b.ctx, "default", []store.Structure{{ID: 7, Identifiant: "12345678200010"}}, time.Hour))
	b.mark = store.FeedMark{StructureKey: store.StructureKey{Account: "default", ID: 7}, Claim: 1, Lease: time.Hour, MostLate: time.Hour, Unsure: time.Hour}
	must(t, pgx.BeginFunc(b.ctx, b.worker.Pool(), func(tx pgx.Tx) error {
		return b.worker.SetStructureClaim(b.ctx, tx, b.mark.StructureKey, 1)
	}))
	return b
}

// deposited makes a row that the portal acknowledged as this flux.
func (b *feedBench) deposited(t testing.TB, flux string) int64 {
	id := b.ready(t, "default")
	must(t, b.worker.Finish(b.ctx, b.sent(t, id, "default", false), store.Ending{Outcome: store.Accepted, NumeroFlux: flux, To: store.Deposited}))
	return id
}

// seen is what the portal shows of the row's number.
func seen(row int64, cpp int64, flux string, at time.Time) store.Seen {
	return store.Seen{
		IdentifiantFactureCPP: cpp, NumeroFacture: fmt.Sprintf("N%d", row), FournisseurSIRET: "12345678200010", DestinataireSIRET: "99999999700023",
		DateFacture: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), MontantTTC: decimal.NewNullDecimal(decimal.RequireFromString("1500.10")), Devise: "EUR",
		NumeroFlux: flux, ModeDepot: "EDI_XML_STRUCT", Statut: "DEPOSEE", StatutDate: at, To: store.Integrated,
	}
}

func (b *feedBench) follow(t testing.TB, page ...store.Seen) store.Followed {
	t.Helper()
	did, err := b.worker.Follow(b.ctx, page, b.mark)
	must(t, err)
	return did
}

func (b *feedBench) strangers(t testing.TB) int {
	t.Helper()
	var n int
	must(t, b.worker.Pool().QueryRow(b.ctx, `SELECT count(*) FROM chorus.strangers`).Scan(&n))
	return n
}

// state is where a row stands and why, and whether the assumptions on delays are still believed in.
func (b *feedBench) state(t testing.TB, id int64) (state store.State, code string, broken bool) {
	t.Helper()
	must(t, b.worker.Pool().QueryRow(b.ctx, `
		SELECT state, coalesce(reason_code, ''), assumption_broken_at IS NOT NULL FROM chorus.invoices, chorus.installation WHERE id = $1`, id).Scan(&state, &code, &broken))
	return state, code, broken
}

func TestAStrangerIsKeptUntilARowTakesItsPlace(t *testing.T) {
	b := newFeedBench(t)
	at := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	id := b.ready(t, "default")
	a := b.sent(t, id, "default", false)
	// The portal shows the invoice before its receipt has been written.
	s := seen(id, 41, "CPP41", at)
	if did := b.follow(t, s, s); did.Unknown != 2 || b.strangers(t) != 1 {
		t.Fatalf("%+v, %d strangers", did, b.strangers(t))
	}
	var ttc, devise, to, issued string
	var changed time.Time
	must(t, b.worker.Pool().QueryRow(b.ctx, `SELECT montant_ttc::text, devise, destinataire_siret, date_facture::text, statut_date FROM chorus.strangers`).
		Scan(&ttc, &devise, &to, &issued, &changed))
	if ttc != "1500.1" || devise != "EUR" || to != "99999999700023" || issued != "2026-03-01" || !changed.Equal(at) {
		t.Errorf("kept as %s %s %s %s %s", ttc, devise, to, issued, changed)
	}
	// Another account that sees the same structure keeps it, too.
	must(t, b.worker.EnsureAccounts(b.ctx, []string{"other"}))
	must(t, b.worker.Structures(b.ctx, "other", []store.Structure{{ID: 7, Identifiant: "12345678200010"}}, time.Hour))
	second := b.mark
	second.Account = "other"
	must(t, pgx.BeginFunc(b.ctx, b.worker.Pool(), func(tx pgx.Tx) error {
		return b.worker.SetStructureClaim(b.ctx, tx, second.StructureKey, 1)
	}))
	if _, err := b.worker.Follow(b.ctx, []store.Seen{s}, second); err != nil || b.strangers(t) != 2 {
		t.Fatalf("%d strangers (%v)", b.strangers(t), err)
	}
	older := s
	older.StatutDate, older.Statut = at.Add(-time.Hour), "ANCIEN"
	b.follow(t, older)
	var statut string
	must(t, b.worker.Pool().QueryRow(b.ctx, `SELECT statut FROM chorus.strangers WHERE account = 'default'`).Scan(&statut))
	if statut != "DEPOSEE" {
		t.Errorf("an older line made it %s", statut)
	}
	must(t, b.worker.Finish(b.ctx, a, store.Ending{Outcome: store.Accepted, NumeroFlux: "CPP41", To: store.Deposited}))
	if did := b.follow(t, s); did.Changed != 1 || b.strangers(t) != 0 {
		t.Errorf("%+v, %d strangers", did, b.strangers(t))
	}
	if state, _, _ := b.state(t, id); state != store.Integrated {
		t.Errorf("the row is %s", state)
	}
}

func TestWhatThePortalHoldsTwiceIsNoticed(t *testing.T) {
	at := time.Now().Add(-time.Minute)
	for _, c := range []struct {
		name   string
		do     func(*testing.T, *feedBench) int64
		code   string
		broken bool
	}{
		{"typed in beside ours", func(t *testing.T, b *feedBench) int64 {
			id := b.deposited(t, "F1")
			b.follow(t, seen(id, 1, "F1", at))
			b.follow(t, seen(id, 2, "", at))
			return id
		}, store.ParkContradiction, false},
		{"typed in before ours was shown", func(t *testing.T, b *feedBench) int64 {
			id := b.deposited(t, "F1")
			b.follow(t, seen(id, 2, "", at))
			if state, _, _ := b.state(t, id); state != store.Deposited {
				t.Errorf("parked while the portal may still refuse ours")
			}
			b.follow(t, seen(id, 1, "F1", at))
			return id
		}, store.ParkContradiction, false},
		{"typed in and refused by the recipient", func(t *testing.T, b *feedBench) int64 {
			id := b.deposited(t, "F1")
			b.follow(t, seen(id, 1, "F1", at))
			other := seen(id, 2, "", at)
			other.Statut, other.To = "REJETEE", store.Rejected
			b.follow(t, other)
			return id
		}, "", false},
		{"of another year", func(t *testing.T, b *feedBench) int64 {
			id := b.deposited(t, "F1")
			other := seen(id, 2, "", at)
			other.DateFacture = other.DateFacture.AddDate(-1, 0, 0)
			b.follow(t, seen(id, 1, "F1", at), other)
			return id
		}, "", false},
		{"of another supplier", func(t *testing.T, b *feedBench) int64 {
			id := b.deposited(t, "F1")
			other := seen(id, 2, "", at)
			other.FournisseurSIRET = "99999999800012"
			b.follow(t, seen(id, 1, "F1", at), other)
			return id
		}, "", false},
		{"the one judged absent landed after all", func(t *testing.T, b *feedBench) int64 {
			id, _ := b.judgedAbsent(t)
			must(t, b.worker.Finish(b.ctx, b.sent(t, id, "default", false), store.Ending{Outcome: store.Accepted, NumeroFlux: "F2", To: store.Deposited}))
			b.follow(t, seen(id, 1, "F1", at), seen(id, 2, "F2", at))
			return id
		}, store.ParkContradiction, true},
		{"the one judged absent landed after all, and is written otherwise", func(t *testing.T, b *feedBench) int64 {
			id, _ := b.judgedAbsent(t)
			must(t, b.worker.Finish(b.ctx, b.sent(t, id, "default", false), store.Ending{Outcome: store.Accepted, NumeroFlux: "F2", To: store.Deposited}))
			first := seen(id, 1, "F1", at)
			first.NumeroFacture = strings.ToLower(first.NumeroFacture)
			first.MontantTTC = decimal.NullDecimal{}
			b.follow(t, first, seen(id, 2, "F2", at))
			return id
		}, store.ParkContradiction, true},
		{"another system's, written otherwise", func(t *testing.T, b *feedBench) int64 {
			id := b.deposited(t, "F1")
			other := seen(id, 2, "F2", at)
			other.NumeroFacture = "0" + other.NumeroFacture
			b.follow(t, seen(id, 1, "F1", at), other)
			return id
		}, "", false},
		{"the second one was refused, the first landed after all", func(t *testing.T, b *feedBench) int64 {
			id, _ := b.judgedAbsent(t)
			must(t, b.worker.Finish(b.ctx, b.sent(t, id, "default", false), store.Ending{Outcome: store.Refused, To: store.Rejected, ReasonCode: store.ReasonRefused}))
			b.follow(t, seen(id, 1, "F1", at))
			return id
		}, store.ParkContradiction, false},
		{"refused, and typed in by a person since", func(t *testing.T, b *feedBench) int64 {
			id := b.ready(t, "default")
			must(t, b.worker.Finish(b.ctx, b.sent(t, id, "default", false), store.Ending{Outcome: store.Refused, To: store.Rejected, ReasonCode: store.ReasonRefused}))
			b.follow(t, seen(id, 1, "", at))
			return id
		}, store.ReasonRefused, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newFeedBench(t)
			id := c.do(t, b)
			state, code, broken := b.state(t, id)
			if code != c.code || (state == store.Parked) != (code == store.ParkContradiction) || broken != c.broken {
				t.Errorf("the row is %s %q, assumptions broken: %t", state, code, broken)
			}
		})
	}
}

// What an operator has settled is not brought up again by the same double.
func TestADoubleIsSaidOnce(t *testing.T) {
	b := newFeedBench(t)
	at := time.Now().Add(-time.Minute)
	id := b.deposited(t, "F1")
	other := seen(id, 2, "", at)
	if did := b.follow(t, seen(id, 1, "F1", at), other); did.Doubles != 1 {
		t.Fatalf("%+v", did)
	}
	force(t, b.owner, id, `state = 'integrated'`)
	other.StatutDate = at.Add(time.Second)
	if did := b.follow(t, other); did.Doubles != 0 {
		t.Errorf("said again: %+v", did)
	}
	if state, _, _ := b.state(t, id); state != store.Integrated {
		t.Errorf("the row is %s", state)
	}
}

// One page of a hundred changes is stored in 25 ms at most (on the machine of docs/benchmarks.md).
func BenchmarkPageOfAHundred(b *testing.B) {
	bench := newFeedBench(b)
	rows := make([]int64, 100)
	for k := range rows {
		rows[k] = bench.deposited(b, fmt.Sprintf("P%d", k))
	}
	page := make([]store.Seen, len(rows))
	at := time.Now().Add(-time.Hour)
	for b.Loop() {
		at = at.Add(time.Second)
		for k, id := range rows {
			page[k] = seen(id, int64(1000+k), fmt.Sprintf("P%d", k), at)
		}
		if did := bench.follow(b, page...); did.Changed != len(page) {
			b.Fatalf("%+v", did)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/page")
}

// A date without seconds cannot tell whether it is newer than that of a final row in the same minute: the row stays, and the line is asked for again.
func TestAVagueDateIsAskedForAgain(t *testing.T) {
	b := newFeedBench(t)
	minute := time.Now().Add(-time.Hour).Truncate(time.Minute)
	id := b.deposited(t, "F1")
	paid := seen(id, 1, "F1", minute.Add(20*time.Second))
	paid.Statut, paid.To = "MISE_EN_PAIEMENT", store.Settled
	b.follow(t, paid)
	back := seen(id, 1, "F1", minute)
	back.Statut = "SUSPENDUE"
	b.mark.Last, b.mark.Keep, b.mark.Read.Watermark = true, true, minute.Add(10*time.Minute)
	if did := b.follow(t, back); did.Changed != 0 || !did.Unsure.Equal(minute) {
		t.Errorf("%+v", did)
	}
	watermark := func() (at time.Time) {
		must(t, b.worker.Pool().QueryRow(b.ctx, `SELECT watermark FROM chorus.structures WHERE id_structure_cpp = 7`).Scan(&at))
		return at
	}
	if !watermark().Equal(minute) {
		t.Errorf("read up to %s, want %s", watermark(), minute)
	}
	back.StatutDate = minute.Add(40 * time.Second)
	if did := b.follow(t, back); did.Changed != 1 || !watermark().Equal(b.mark.Read.Watermark) {
		t.Errorf("%+v, read up to %s", did, watermark())
	}
	if state, _, _ := b.state(t, id); state != store.Integrated {
		t.Errorf("the row is %s", state)
	}
}

// What a reading learns of how late changes are shown, and how long deposits take to be.
func TestWhatAFeedTeaches(t *testing.T) {
	b := newFeedBench(t)
	at := time.Now().Add(-time.Hour).Truncate(time.Minute).Add(time.Second)
	b.mark.Last, b.mark.Keep, b.mark.MostLate, b.mark.Now = true, true, 40*time.Second, time.Now()
	id := b.deposited(t, "F1")
	lateness := func() time.Duration {
		st, err := b.worker.TakeStructure(b.ctx, b.mark.StructureKey, 1, time.Hour)
		must(t, err)
		return st.Lateness
	}
	learned := func(what string, want time.Duration) {
		t.Helper()
		if got := lateness(); got != want {
			t.Errorf("%s: %s late, want %s", what, got, want)
		}
	}
	b.follow(t)
	learned("nothing was seen", -time.Second)
	b.mark.Was = store.FeedRead{WideFrom: at.Add(-time.Hour), WideAt: at.Add(25 * time.Second)}
	b.follow(t, seen(id, 1, "F1", at))
	learned("an acknowledgement that had not been known when it would have been shown", -time.Second)
	for _, c := range []struct {
		what     string
		from, to time.Duration // of the reading before, from the change on
		proves   bool
		grace    time.Duration
		want     time.Duration
	}{
		{"after the reading", -time.Hour, -time.Second, false, 0, -time.Second},
		{"after it, and nothing else was late", -time.Hour, -time.Second, true, 0, 0},
		{"before it", -time.Hour, 12 * time.Second, false, 0, 12 * time.Second},
		{"before it by less", -time.Hour, 5 * time.Second, true, 0, 12 * time.Second},
		{"before it began", time.Second, 30 * time.Second, false, 0, 12 * time.Second},
		{"settled, and none of those was shown in time", time.Second, 30 * time.Second, false, 5 * time.Second, 20 * time.Second},
		{"later than is believed", -time.Hour, time.Hour, false, 0, 40 * time.Second},
	} {
		at = at.Add(time.Second)
		b.mark.Was, b.mark.Proves, b.mark.Grace = store.FeedRead{WideFrom: at.Add(c.from), WideAt: at.Add(c.to)}, c.proves, c.grace
		if c.grace > 0 {
			b.mark.Was.Watermark = at.Add(time.Second)
		}
		b.follow(t, seen(id, 1, "F1", at))
		learned(c.what, c.want)
	}
	_, err := b.worker.Pool().Exec(b.ctx, `UPDATE chorus.feed_lateness SET hour = hour - interval '23 hours'`)
	must(t, err)
	learned("after 23 hours", 40*time.Second)
	_, err = b.worker.Pool().Exec(b.ctx, `UPDATE chorus.feed_lateness SET hour = hour - interval '1 hour'`)
	must(t, err)
	learned("after a day", -time.Second)
	wait, err := b.worker.UsualWait(b.ctx, "default", "12345678200010")
	if err != nil || wait <= 0 || wait > time.Minute {
		t.Errorf("usually %s, %v", wait, err)
	}
}

// A line whose date is still to come is kept as of now, and is no news when it is read again.
func TestADateToComeIsNewsOnce(t *testing.T) {
	t.Parallel()
	b := newFeedBench(t)
	id := b.deposited(t, "F1")
	line := seen(id, 41, "F1", time.Now().AddDate(0, 0, 3))
	if did := b.follow(t, line); did.Changed != 1 {
		t.Fatalf("%+v", did)
	}
	for range 3 {
		if did := b.follow(t, line); did.Changed != 0 || did.Known != 1 {
			t.Errorf("read again: %+v", did)
		}
	}
	line.Statut, line.StatutDate = "MISE_A_DISPOSITION", time.Now().Add(time.Minute)
	if did := b.follow(t, line); did.Changed != 1 {
		t.Errorf("what came later: %+v", did)
	}
}

// Under Chorus Pro's number of ours somebody else's invoice is shown, as paid: ours is not.
func TestAnothersInvoiceUnderOurIdentifier(t *testing.T) {
	t.Parallel()
	b := newFeedBench(t)
	id := b.deposited(t, "F1")
	at := time.Now().Add(-time.Hour)
	b.follow(t, seen(id, 41, "F1", at))
	line := seen(id, 41, "F77", at.Add(time.Minute))
	line.NumeroFacture, line.MontantTTC, line.Statut, line.To = "AUTRE-77", decimal.NewNullDecimal(decimal.NewFromInt(1)), "MISE_EN_PAIEMENT", store.Settled
	if did := b.follow(t, line); did.Others != 1 || did.Changed != 0 {
		t.Errorf("%+v", did)
	}
	if state, _, _ := b.state(t, id); state != store.Integrated {
		t.Errorf("the row is %s", state)
	}
	// In another writing it is ours.
	line = seen(id, 41, "F1", at.Add(2*time.Minute))
	line.NumeroFacture, line.Statut, line.To = "00"+strings.ToLower(line.NumeroFacture), "MISE_EN_PAIEMENT", store.Settled
	if did := b.follow(t, line); did.Others != 0 || did.Changed != 1 {
		t.Errorf("%+v", did)
	}
}
