package jobs

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/jobs/model"
	"github.com/choriste/choriste/store"
)

// This file holds the decisions of decide.go to the model (docs/protocol.md §3.8): a row, its attempts and a portal are simulated in virtual time, and
// whatever happens, every decision must be the model's, and no invoice may exist twice as long as D and V hold.

// The model's words in the store's.
var (
	rows     = [...]store.State{store.Ready, store.Sending, store.InDoubt, store.Deposited, store.Integrated, store.Rejected, store.Parked, store.Cancelled}
	outcomes = [...]store.Outcome{store.NotSent, store.NotLanded, store.Accepted, store.Refused, store.Duplicate, store.Ambiguous}
)

func rowOf(s store.State) model.Row           { return model.Row(slices.Index(rows[:], s)) }
func outcomeOf(o store.Outcome) model.Outcome { return model.Outcome(slices.Index(outcomes[:], o)) }

func TestTheModelSpeaksTheStoresWords(t *testing.T) {
	for i, s := range rows {
		if got := model.Row(i).String(); got != string(s) {
			t.Errorf("row %d is %q in the model, %q in the store", i, got, s)
		}
	}
	for i, o := range outcomes {
		if got := model.Outcome(i).String(); got != string(o) {
			t.Errorf("outcome %d is %q in the model, %q in the store", i, got, o)
		}
	}
	for _, o := range []chorus.Outcome{chorus.NotSent, chorus.NotLanded, chorus.Accepted, chorus.Refused, chorus.Duplicate, chorus.Ambiguous} {
		if !slices.Contains(outcomes[:], store.Outcome(o)) {
			t.Errorf("the store does not know the client's %s", o)
		}
	}
}

// trial is one attempt and what really became of its request. A moment that never comes is forever.
type trial struct {
	began, lands, shows time.Duration
	standIn             bool // for what a failover may have made the database forget
	outcome             store.Outcome
	flux                string
	lookups             []store.Lookup
	untold              *answer // what its owner knows and has not written down
}

const forever = 1 << 62

// world is one row as the store would keep it, and the portal.
type world struct {
	Settings
	t         *rapid.T
	moves     map[[2]model.Row]bool
	now       time.Duration
	holds     bool // D and V
	unique    bool // U
	flawed    bool // the portal refuses the document itself
	row       store.State
	trials    []*trial
	resubmits int
	refusals  int
	looks     int
	flux      string
}

func (w *world) current() *trial { return w.trials[len(w.trials)-1] }

// accepted lists the invoices that exist at the portal.
func (w *world) accepted() (list []*trial) {
	for _, a := range w.trials {
		if a.lands <= w.now && !w.flawed && (!w.unique || a == w.first()) {
			list = append(list, a)
		}
	}
	return list
}

// first is the attempt that landed before all others.
func (w *world) first() *trial {
	return slices.MinFunc(w.trials, func(a, b *trial) int { return cmp.Compare(a.lands, b.lands) })
}

func (w *world) move(to store.State) {
	if to == w.row {
		return
	}
	if !w.moves[[2]model.Row{rowOf(w.row), rowOf(to)}] {
		w.t.Fatalf("the model knows no way from %s to %s", w.row, to)
	}
	w.row, w.looks = to, 0
}

func span(t *rapid.T, least, most time.Duration, label string) time.Duration {
	return time.Duration(rapid.Int64Range(int64(least), int64(most)).Draw(t, label))
}

// deposit is T1, the request, and, unless the owner is slow or dies, T2.
func (w *world) deposit(t *rapid.T) {
	if w.row != store.Ready || len(w.trials) >= 6 {
		t.Skip()
	}
	w.move(store.Sending)
	a := &trial{began: w.now, lands: forever, shows: forever}
	w.trials = append(w.trials, a)
	ans := answer{outcome: store.Ambiguous, fault: chorus.FaultNetwork, wait: -1, refusals: w.refusals}
	switch rapid.SampledFrom([]string{"arrives", "arrives", "arrives", "lost", "turned away", "not sent", "is there already"}).Draw(t, "request") {
	case "arrives":
		landing, showing := w.LandingDelay, w.VisibilityDelay
		if !w.holds {
			landing, showing = 3*w.Horizon(), 3*w.Horizon()
		}
		a.lands = w.now + span(t, 0, w.SendWithin, "leaves") + span(t, 0, landing, "travels")
		a.shows = a.lands + span(t, 0, showing, "hides")
		if rapid.Bool().Draw(t, "answered") {
			ans = answer{outcome: store.Accepted, flux: fmt.Sprintf("F%d", len(w.trials)), wait: -1}
			if w.flawed {
				ans = answer{outcome: store.Refused, fault: chorus.FaultDocument, wait: -1}
			}
			w.now = max(w.now, a.lands)
		}
	case "turned away":
		fault := rapid.SampledFrom([]chorus.Fault{chorus.FaultToken, chorus.FaultAccount, chorus.FaultSubscription, chorus.FaultQuota, chorus.FaultConfiguration})
		ans.outcome, ans.fault = store.NotLanded, fault.Draw(t, "fault")
	case "not sent":
		ans.outcome = store.NotSent
	case "is there already": // somebody else deposited it, where our account cannot see it
		ans.outcome, ans.fault = store.Duplicate, chorus.FaultDocument
	}
	if w.unique && ans.outcome == store.Accepted && a != w.first() {
		ans = answer{outcome: store.Duplicate, fault: chorus.FaultDocument, wait: -1}
	}
	switch rapid.SampledFrom([]string{"writes", "writes", "is slow", "dies"}).Draw(t, "owner") {
	case "writes":
		w.finish(a, ans)
	case "is slow":
		a.untold = &ans
	}
}

// finish is T2, as store.Finish does it.
func (w *world) finish(a *trial, ans answer) {
	e := afterDeposit(w.Settings, ans)
	own := a == w.current() && (w.row == store.Sending || w.row == store.InDoubt)
	want := rows[model.AfterT2(rowOf(w.row), own, w.flux != "" && w.flux == e.NumeroFlux, outcomeOf(e.Outcome))]
	if e.Refusals > 0 && ans.refusals > 0 && own {
		want = store.Parked // the one rule that is not the protocol's: a request that the gateway refuses twice is our own mistake
	}
	if own && e.To != want {
		w.t.Fatalf("%s in state %s leads to %s, want %s", ans.outcome, w.row, e.To, want)
	}
	a.outcome, a.untold = e.Outcome, nil
	if own {
		w.refusals = w.refusals*min(e.Refusals, 1) + e.Refusals
		if e.To == store.Deposited {
			w.flux, a.flux = e.NumeroFlux, e.NumeroFlux
		}
	}
	if want != store.InDoubt || w.row != store.InDoubt {
		w.move(want)
	}
}

func (w *world) tell(t *rapid.T) {
	for _, a := range w.trials {
		if a.untold != nil {
			w.finish(a, *a.untold)
			return
		}
	}
	t.Skip()
}

func (w *world) reap(t *rapid.T) {
	if w.row != store.Sending || w.now <= w.current().began+w.SendWithin {
		t.Skip()
	}
	w.current().outcome = store.OwnerLost
	w.move(store.InDoubt)
}

// quarantine is what a failover brings; nothing was forgotten, in fact, but nobody can know.
func (w *world) quarantine(t *rapid.T) {
	if w.row != store.Ready && w.row != store.Sending && w.row != store.InDoubt || rapid.IntRange(0, 3).Draw(t, "fails over") > 0 {
		t.Skip()
	}
	w.trials = append(w.trials, &trial{began: w.now, lands: forever, shows: forever, outcome: store.OwnerLost, standIn: true})
	w.move(store.InDoubt)
}

func (w *world) wait(t *rapid.T) {
	w.now += span(t, 1, w.Horizon(), "wait")
}

// look is one run of the resolver: the search, the decision, and what store.Resolve makes of it; and the wait for the next one.
func (w *world) look(t *rapid.T) {
	if w.row != store.InDoubt {
		t.Skip()
	}
	a := w.current()
	f := search{
		complete: rapid.IntRange(0, 9).Draw(t, "complete") > 0,
		agree:    rapid.IntRange(0, 19).Draw(t, "agree") > 0,
		later:    rapid.Bool().Draw(t, "later"),
	}
	f.witness = f.later && rapid.IntRange(0, 3).Draw(t, "witness") > 0
	var found *trial
	for _, e := range w.accepted() {
		if e.shows <= w.now {
			f.matches++
			found = e
		}
	}
	if !f.complete && rapid.Bool().Draw(t, "cut") {
		f.matches = 0
	}
	d := doubt{
		outcome: a.outcome, age: w.now - a.began, lookups: a.lookups, resubmits: w.resubmits, resubmit: w.Resubmit, looks: w.looks,
		standIn: a.standIn, calm: span(t, 0, 240*w.ResolveAfter, "calm"), doubted: w.now - a.began, search: true,
	}
	got := afterSearch(w.Settings, d, f)

	// What docs/protocol.md §3.4 asks of a proof, said once more.
	absent := f.matches == 0 && f.complete && (f.witness || !f.later)
	ages := []time.Duration{d.age}
	for _, l := range a.lookups {
		if l.Absent {
			ages = append(ages, l.Age)
		}
	}
	wait := w.SendWithin + w.LandingDelay + w.VisibilityDelay
	if !f.later {
		wait *= 2
	}
	late := 1
	for _, l := range a.lookups {
		if l.Age > wait {
			late++
		}
	}
	tooOld := d.age > wait+24*time.Hour && late >= 3
	proven := absent && len(ages) >= 3 && d.age >= wait && (d.calm >= 120*w.ResolveAfter || d.calm >= d.age-slices.Min(ages))
	want := model.AfterLook(model.Look{
		Found: f.matches, Agree: f.agree, Proven: proven, TooOld: tooOld,
		Resubmit: a.standIn || w.Resubmit && w.resubmits == 0 && a.outcome != store.Duplicate,
	})
	if got.To != rows[want] {
		t.Fatalf("%+v with %+v leads to %s, want %s", d, f, got.To, want)
	}
	code := ""
	switch {
	case want == model.Ready && a.standIn:
		code = store.ReasonQuarantine
	case want == model.Ready:
		code = store.ReasonResubmit
	case want != model.Parked:
	case f.matches == 1:
		code = store.ParkMismatch
	case f.matches > 1:
		code = store.ParkSeveral
	case !proven:
		code = store.ParkTooOld
	case a.outcome == store.Duplicate || !w.Resubmit:
		code = store.ParkAbsent
	default:
		code = store.ParkBudget
	}
	if got.ReasonCode != code || (got.Reason == "") != (code == "") || got.Resubmit != (code == store.ReasonResubmit) {
		t.Fatalf("%+v with %+v gives %+v, want code %q", d, f, got, code)
	}
	a.lookups = append(a.lookups, store.Lookup{Age: d.age, Absent: f.absent()})
	switch want {
	case model.Deposited:
		w.flux = "F" + strconv.Itoa(1+slices.Index(w.trials, found))
	case model.Ready:
		if got.Resubmit {
			w.resubmits++
		}
	case model.InDoubt:
		w.looks++
		if rapid.Bool().Draw(t, "on time") {
			w.now += got.Due
		}
	}
	w.move(got.To)
}

// check is run after every step.
func (w *world) check(t *rapid.T) {
	exist := len(w.accepted())
	if !w.holds {
		return
	}
	if exist > 1 {
		t.Fatal("I1: two invoices exist")
	}
	if exist > 0 && (w.row == store.Rejected || w.row == store.Ready) {
		t.Fatalf("I3, I4: %s while the invoice exists", w.row)
	}
	if exist == 0 && w.row == store.Deposited {
		t.Fatal("I2: deposited while no invoice exists")
	}
	if w.row == store.Ready && slices.ContainsFunc(w.trials, func(a *trial) bool { return a.lands > w.now && a.lands < forever }) {
		t.Fatal("I4: ready while a request is in the air")
	}
}

func TestDecisionsAgainstTheModel(t *testing.T) {
	cases(t, 2000, 50)
	legal := map[[2]model.Row]bool{}
	for _, v := range []model.Variant{{TSend: 1, D: 1, V: 1, Late: true, Unique: true}, {TSend: 1, D: 1, V: 1, Failover: true}} {
		v.Watch = []string{model.I1}
		r := model.Check(v)
		if r.Violation != nil {
			t.Fatal(r.Violation)
		}
		maps.Copy(legal, r.Moves)
	}
	seen := map[store.State]int{}
	rapid.Check(t, func(t *rapid.T) {
		w := &world{
			Settings: Settings{
				SendWithin:      span(t, time.Second, 20*time.Second, "T_send"),
				LandingDelay:    span(t, time.Second, time.Hour, "D"),
				VisibilityDelay: span(t, time.Second, 30*time.Hour, "V"),
				ResolveAfter:    span(t, time.Second, time.Minute, "resolve after"),
				ReportAfter:     time.Minute,
				Resubmit:        rapid.IntRange(0, 3).Draw(t, "policy once") > 0,
			},
			t: t, moves: legal, row: store.Ready,
			holds:  rapid.IntRange(0, 3).Draw(t, "D and V hold") > 0,
			unique: rapid.Bool().Draw(t, "U"),
			flawed: rapid.IntRange(0, 7).Draw(t, "flawed") == 0,
		}
		// Often only one action can be taken. Under many names it is drawn before rapid gives up, which it does after 100 draws.
		t.Repeat(map[string]func(*rapid.T){
			"": w.check, "deposit": w.deposit, "tell": w.tell, "reap": w.reap, "quarantine": w.quarantine, "look": w.look, "look again": w.look,
			"wait": w.wait, "wait again": w.wait, "wait long": w.wait,
		})
		seen[w.row]++
	})
	if t.Failed() {
		return
	}
	for _, s := range []store.State{store.Ready, store.Sending, store.InDoubt, store.Deposited, store.Rejected, store.Parked} {
		if seen[s] == 0 {
			t.Errorf("no run ended in state %s: the simulation does not try it", s)
		}
	}
}

// TestTheScheduleOfSearches: each four times later than the one before, at most 120 times the first, and one exactly when H and 2 H have passed.
func TestTheScheduleOfSearches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Settings{
			SendWithin:      span(t, 0, 20*time.Second, "T_send"),
			LandingDelay:    span(t, 0, time.Hour, "D"),
			VisibilityDelay: span(t, time.Minute, 72*time.Hour, "V"),
			ResolveAfter:    span(t, 10*time.Millisecond, time.Minute, "resolve after"),
		}
		age, want := s.ResolveAfter, s.ResolveAfter
		for looks := 0; age <= 2*s.Horizon() && looks < 5000; looks++ {
			wait := nextLook(s, doubt{age: age, looks: looks})
			want = min(4*want, 120*s.ResolveAfter)
			least, most := want-want/10-1, want+want/10+1
			for _, h := range []time.Duration{s.Horizon(), 2 * s.Horizon()} {
				if age < h && age+wait > h {
					t.Fatalf("the search after the one at %s is %s later and misses the horizon at %s", age, wait, h)
				}
				if age+wait == h {
					least = 1
				}
			}
			if wait < least || wait > most {
				t.Fatalf("search %d at %s: the next one is %s later, want %s give or take a tenth", looks, age, wait, want)
			}
			age += wait
		}
	})
}

// moves says for every outcome and fault where a row goes, and when it is due: at once, in 2 s, after a minute, as the quota asks, or after the delay of
// reports and searches. There is nothing between the lines: a fault that is missing here fails the test.
const moves = `
fault          NOT_SENT  NOT_LANDED   ACCEPTED       REFUSED   DUPLICATE     AMBIGUOUS      OWNER_LOST     unheard-of
-              ready 2s  ready 2s     deposited 30s  rejected  in_doubt      in_doubt 20s   in_doubt 20s   in_doubt 20s
token          ready 2s  ready        deposited 30s  rejected  in_doubt      in_doubt 20s   in_doubt 20s   in_doubt 20s
application    ready 2s  ready 2s     deposited 30s  rejected  in_doubt      in_doubt 20s   in_doubt 20s   in_doubt 20s
account        ready 2s  ready 2s     deposited 30s  rejected  in_doubt      in_doubt 20s   in_doubt 20s   in_doubt 20s
subscription   ready 2s  ready 2s     deposited 30s  rejected  in_doubt      in_doubt 20s   in_doubt 20s   in_doubt 20s
rights         ready 2s  ready 2s     deposited 30s  rejected  in_doubt      in_doubt 20s   in_doubt 20s   in_doubt 20s
quota          ready 2s  ready 7s     deposited 30s  rejected  in_doubt      in_doubt 20s   in_doubt 20s   in_doubt 20s
portal         ready 2s  ready 2s     deposited 30s  rejected  in_doubt      in_doubt 20s   in_doubt 20s   in_doubt 20s
document       ready 2s  ready 2s     deposited 30s  rejected  in_doubt      in_doubt 20s   in_doubt 20s   in_doubt 20s
statut         ready 2s  ready 2s     deposited 30s  rejected  in_doubt      in_doubt 20s   in_doubt 20s   in_doubt 20s
network        ready 2s  ready 2s     deposited 30s  rejected  in_doubt      in_doubt 20s   in_doubt 20s   in_doubt 20s
stopped        ready 2s  ready 2s     deposited 30s  rejected  in_doubt      in_doubt 20s   in_doubt 20s   in_doubt 20s
configuration  ready 2s  ready 1m0s   deposited 30s  rejected  in_doubt      in_doubt 20s   in_doubt 20s   in_doubt 20s
not_yet        ready 2s  ready 2s     deposited 30s  rejected  in_doubt      in_doubt 20s   in_doubt 20s   in_doubt 20s
empty          ready 2s  ready 2s     deposited 30s  rejected  in_doubt      in_doubt 20s   in_doubt 20s   in_doubt 20s
incomplete     ready 2s  ready 2s     deposited 30s  rejected  in_doubt      in_doubt 20s   in_doubt 20s   in_doubt 20s
local          ready 2s  ready 2s     deposited 30s  rejected  in_doubt      in_doubt 20s   in_doubt 20s   in_doubt 20s
unknown        ready 2s  ready 2s     deposited 30s  rejected  in_doubt      in_doubt 20s   in_doubt 20s   in_doubt 20s`

func TestEveryOutcomeAndFault(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(moves), "\n")
	cells := regexp.MustCompile(` {2,}`)
	heads := cells.Split(lines[0], -1)
	var listed []string
	for _, line := range lines[1:] {
		row := cells.Split(line, -1)
		fault := strings.Trim(row[0], "-")
		listed = append(listed, fault)
		for k, want := range row[1:] {
			for refusals := range 3 {
				outcome := store.Outcome(heads[k+1])
				e := afterDeposit(Settings{ReportAfter: 30 * time.Second, ResolveAfter: 20 * time.Second}, answer{
					outcome: outcome, fault: chorus.Fault(fault), flux: "F", libelle: "because", wait: 7 * time.Second, refusals: refusals,
				})
				want := want
				if outcome == store.NotLanded && fault == "configuration" && refusals > 0 {
					want = "parked 1m0s"
				}
				got := string(e.To)
				if e.Due > 0 {
					got += " " + e.Due.String()
				}
				if got != want {
					t.Errorf("%s with fault %q, refused %d times before: %s, want %s", outcome, fault, refusals, got, want)
				}
				if refused := outcome == store.NotLanded && fault == "configuration"; (e.Refusals == 1) != refused {
					t.Errorf("%s with fault %q counts %d refusals", outcome, fault, e.Refusals)
				}
				if slices.Contains(outcomes[:], outcome) != (e.Outcome == outcome) || !slices.Contains(outcomes[:], e.Outcome) {
					t.Errorf("%s is written down as %s", outcome, e.Outcome)
				}
			}
		}
	}
	// The list of faults is the client's source itself.
	source, err := os.ReadFile("../chorus/errors.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`Fault\w+\s+Fault = "(\w+)"`).FindAllStringSubmatch(string(source), -1) {
		if !slices.Contains(listed, m[1]) {
			t.Errorf("fault %q is not in the table", m[1])
		}
	}
}

// cases sets how much rapid tries, unless the command line says so with -rapid.checks or -rapid.steps.
func cases(t *testing.T, checks, steps int) {
	t.Helper()
	given := given()
	for name, n := range map[string]int{"rapid.checks": checks, "rapid.steps": steps} {
		if given[name] {
			continue
		}
		before := flag.Lookup(name).Value.String()
		if err := flag.Set(name, strconv.Itoa(n)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = flag.Set(name, before) })
	}
}

// given lists the flags of the command line.
var given = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { names[f.Name] = true })
	return names
})
