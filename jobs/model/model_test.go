package model

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// specified is the protocol in the world as assumed, with delays that differ from each other so that mixing them up shows.
func specified(change ...func(*Variant)) Variant {
	v := Variant{TSend: 1, D: 2, V: 3, Cancel: true}
	for _, c := range change {
		c(&v)
	}
	return v
}

// unassumed leaves out what cannot hold when D or the horizon is gone: nothing then says that a ready row is safe to send (I4), and who cancels one
// believes the proof of absence.
func unassumed(v *Variant) {
	v.Cancel = false
	v.Watch = []string{I1, I2, I3, Live}
}

// rewound is a world in which a copy takes the database's place unseen, and its witnesses. Until it is noticed, a row may be ready while its invoice exists,
// and who cancels it cancels what was sent.
func rewound(r Rewind, w Witness, change ...func(*Variant)) Variant {
	v := specified(change...)
	v.Rewind, v.Witnesses, v.Cancel = r, w, false
	v.Watch = []string{I1, I2, Live}
	return v
}

// TestModel is the table of docs/protocol.md §3.8; with -v it prints it.
func TestModel(t *testing.T) {
	doc, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]Variant{
		"as specified":                        specified(),
		"a failover, quarantine":              specified(func(v *Variant) { v.Failover = true }),
		"an operator":                         specified(func(v *Variant) { v.Operator = true }),
		"an operator, a failover, quarantine": specified(func(v *Variant) { v.Operator, v.Failover = true, true }),
		"a blind search, neighbours":          specified(func(v *Variant) { v.Blind = true }),
		"a clock set forward, noticed":        specified(func(v *Variant) { v.Steps = true }),
		"U":                                   specified(func(v *Variant) { v.Unique = true }),
		"U, D false":                          specified(func(v *Variant) { v.Unique, v.Late = true, true }, unassumed),
		"U, no horizon":                       specified(func(v *Variant) { v.Unique, v.NoHorizon = true, true }, unassumed),
		"a rewind that forgets only answers":  rewound(OnlyAnswers, 0),
		"a rewind, workers run: `identity`":   rewound(WhileRunning, ByIdentity),
		"a rewind, workers run, one may crash meanwhile: `worker`, `state`": rewound(WhileRunning, ByWorker|ByState),
		"a rewind, workers stopped: `identity`":                             rewound(WhileStopped, ByIdentity),
		"a rewind, workers stopped: `state`":                                rewound(WhileStopped, ByState),
		"a rewind, workers stopped for D + V: `portal`":                     rewound(WhileStopped, ByPortal, func(v *Variant) { v.Down = v.D + v.V }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := Check(v)
			if r.Violation != nil {
				t.Fatalf("after %d states, %s", r.States, r.Violation)
			}
			row := fmt.Sprintf("| %s | %s |", name, thousands(r.States))
			t.Log(row)
			if !strings.Contains(string(doc), row) {
				t.Errorf("docs/protocol.md §3.8 does not say %q", row)
			}
		})
	}
}

// TestTheHorizonIsExact waits one tick less, for every combination of small delays.
func TestTheHorizonIsExact(t *testing.T) {
	for tsend := range 3 {
		for d := 1; d <= 3; d++ {
			for v := 1; v <= 3; v++ {
				variant := Variant{TSend: tsend, D: d, V: v, Unique: tsend == d}
				if r := Check(variant); r.Violation != nil {
					t.Errorf("T_send %d, D %d, V %d: %s", tsend, d, v, r.Violation)
				}
				variant.Unique, variant.Shorten, variant.Watch = false, 1, []string{I1}
				if r := Check(variant); r.Violation == nil {
					t.Errorf("T_send %d, D %d, V %d: one tick less breaks nothing", tsend, d, v)
				}
			}
		}
	}
}

// TestMutationsBreakIt shows that the model has teeth: each mistake is found, and how. With -v it prints the shortest ways to disaster.
func TestMutationsBreakIt(t *testing.T) {
	const twice, falseFailure = I1 + ": two invoices accepted", I3 + ": rejected written while the invoice exists"
	for _, c := range []struct {
		name, about string
		mutate      func(*Variant)
		want        string
	}{
		{"M1", "no intent row", func(v *Variant) { v.NoIntent = true }, twice},
		{"M2", "what is unknown is sent again", func(v *Variant) { v.PlainRetry = true }, twice},
		{"M3", "no fence", func(v *Variant) { v.NoFence = true }, twice},
		{"M4", "one tick off the horizon", func(v *Variant) { v.Shorten = 1 }, twice},
		{"M5", "the first empty search counts", func(v *Variant) { v.NoHorizon = true }, twice},
		{"M6", "silence means not sent", func(v *Variant) { v.TimeoutIsNotSent = true }, twice},
		{"M7", "T1 does not compare", func(v *Variant) { v.BlindClaim = true }, twice},
		{"M8", "a failover without quarantine", func(v *Variant) { v.Failover, v.NoQuarantine = true, true }, twice},
		{"M9", "D false, without U", func(v *Variant) { v.Late = true }, twice},
		{"M10", "a refusal as duplicate is taken for a refusal", func(v *Variant) { v.Unique, v.Late, v.Cancel, v.DuplicateIsFinal = true, true, false, true }, falseFailure},
		{"Q1", "quarantine counts from the remembered attempt", func(v *Variant) { v.Failover, v.QuarantineOldAge = true, true }, twice},
		{"Q2", "quarantine heeds the remembered attempt's owner", func(v *Variant) { v.Failover, v.QuarantineAnswers = true, true }, twice},
		{"Q3", "a parked row's attempt counts as older than the quarantine", func(v *Variant) { v.Operator, v.Failover, v.ParkedOldAge = true, true, true }, twice},
		{"B1", "a blind search is believed", func(v *Variant) { v.Blind, v.BlindBelieved = true, true }, twice},
		{"C1", "ages are believed though the clock was set", func(v *Variant) { v.Steps, v.StepBelieved = true, true }, twice},
		{"O1", "what an operator wants is sent without a search", func(v *Variant) { v.Operator, v.OperatorBlind = true, true }, twice},
		{"R1", "a rewind while workers are stopped, without a witness", func(v *Variant) { v.Rewind = WhileStopped }, twice},
		{"R2", "a rewind while workers run, without a witness", func(v *Variant) { v.Rewind = WhileRunning }, twice},
		{"R3", "the portal alone, workers stopped for less than D + V", func(v *Variant) { v.Rewind, v.Witnesses, v.Down = WhileStopped, ByPortal, v.D+v.V-1 }, twice},
		{"R4", "a worker that crashed comes back before another one has noticed", func(v *Variant) { v.Rewind, v.Witnesses = WhileRunning, ByWorker }, twice},
		{"R5", "what a rewind lost is taken for new", func(v *Variant) { v.Rewind, v.Witnesses, v.LostIsNew = WhileStopped, ByIdentity, true }, twice},
		{"R6", "the age of what a rewind lost counts from the copy", func(v *Variant) { v.Rewind, v.Witnesses, v.LostOldAge = WhileRunning, ByIdentity, true }, twice},
		{"R7", "what the portal shows and no row stands for is not heeded", func(v *Variant) {
			v.Rewind, v.Witnesses, v.Down, v.StrangerIsIgnored = WhileStopped, ByPortal, v.D+v.V, true
		}, twice},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := specified(c.mutate)
			v.Watch = []string{c.want[:2]}
			r := Check(v)
			if r.Violation == nil {
				t.Fatalf("%s breaks nothing in %d states", c.about, r.States)
			}
			if got := r.Violation.Invariant + ": " + r.Violation.About; got != c.want {
				t.Errorf("%s leads to %s, want %s", c.about, got, c.want)
			}
			t.Logf("%s\n%s", c.about, r.Violation)
		})
	}
}

// TestCancellingBelievesTheProof keeps the price of a false D visible: with U no second invoice comes to be, but what was cancelled on the strength of a
// proof of absence may turn up.
func TestCancellingBelievesTheProof(t *testing.T) {
	v := specified(func(v *Variant) { v.Unique, v.Late = true, true }, unassumed)
	v.Cancel = true
	if r := Check(v); r.Violation == nil || r.Violation.Invariant != I3 {
		t.Errorf("found %v, want %s", r.Violation, I3)
	}
}

// TestDeadEndsAreSeen plants one: a request that neither lands nor gets lost leaves its row nowhere to go when nobody may look for it.
func TestDeadEndsAreSeen(t *testing.T) {
	states := []state{{database: database{row: Sending}}, {database: database{row: InDoubt}}, {database: database{row: Parked}}}
	if n := stuck(states, []int32{1, 2, 1}, []int32{2, 3, 3}); n != 1 {
		t.Errorf("state %d is said to be stuck, want 1", n)
	}
	if n := stuck(states, []int32{1, 2}, []int32{1, 2, 2}); n != -1 {
		t.Errorf("state %d is said to be stuck, want none", n)
	}
}

func thousands(n int) string {
	s := fmt.Sprint(n)
	for k := len(s) - 3; k > 0; k -= 3 {
		s = s[:k] + "," + s[k:]
	}
	return s
}
