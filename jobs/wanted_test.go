package jobs

import (
	"testing"
	"time"

	"github.com/choriste/choriste/store"
)

// What an operator's wish to send again leads to: never to ready without a complete search that finds nothing.
func TestWhatAnOperatorWantsSentAgain(t *testing.T) {
	s := Settings{SendWithin: 10 * time.Second, LandingDelay: 15 * time.Minute, VisibilityDelay: 4 * time.Hour, ResolveAfter: 30 * time.Second}
	nothing := search{complete: true, witness: true, later: true}
	absent := []store.Lookup{{Absent: true, Age: time.Hour}, {Absent: true, Age: 2 * time.Hour}}
	old := doubt{outcome: store.Ambiguous, age: 5 * time.Hour, lookups: absent, calm: 5 * time.Hour, search: true, resubmits: 1}
	for _, c := range []struct {
		name   string
		wanted string
		change func(*doubt, *search)
		to     store.State
		code   string
	}{
		{"proven, though the budget is spent", store.ReasonWanted, nil, store.Ready, store.ReasonWanted},
		{"an incident at the portal, proven", store.ReasonWanted, func(d *doubt, _ *search) { d.outcome = store.Accepted }, store.Ready, store.ReasonWanted},
		{"refused as a duplicate, proven", store.ReasonWanted, func(d *doubt, _ *search) { d.outcome = store.Duplicate }, store.Ready, store.ReasonWanted},
		{"inside the horizon", store.ReasonWanted, func(d *doubt, _ *search) { d.age = 4 * time.Hour }, store.InDoubt, ""},
		{"no later deposit, inside twice the horizon", store.ReasonWanted, func(_ *doubt, f *search) { f.later, f.witness = false, false }, store.InDoubt, ""},
		{"no witness", store.ReasonWanted, func(_ *doubt, f *search) { f.witness = false }, store.InDoubt, ""},
		{"the first search", store.ReasonWanted, func(d *doubt, _ *search) { d.lookups = nil }, store.InDoubt, ""},
		{"the portal failed a moment ago", store.ReasonWanted, func(d *doubt, _ *search) { d.calm = 0 }, store.InDoubt, ""},
		{"an incomplete search", store.ReasonWanted, func(_ *doubt, f *search) { f.complete = false }, store.InDoubt, ""},
		{"for a day in vain", store.ReasonWanted, func(d *doubt, f *search) {
			d.age, d.doubted, f.complete = 48*time.Hour, 25*time.Hour, false
			d.lookups = []store.Lookup{{Age: 46 * time.Hour}, {Age: 47 * time.Hour}}
		}, store.Parked, store.ParkTooOld},
		{"for a day, in which nobody looked", store.ReasonWanted, func(d *doubt, f *search) {
			d.age, d.doubted, f.complete = 48*time.Hour, 25*time.Hour, false
			d.lookups = []store.Lookup{{Age: time.Minute}, {Age: 3 * time.Minute}, {Age: 47 * time.Hour}}
		}, store.InDoubt, ""},
		{"never sent, for a day in vain", store.ReasonWanted, func(d *doubt, f *search) {
			*d = doubt{outcome: store.NotSent, search: true, unsent: true, age: 48 * time.Hour, doubted: 48 * time.Hour, looks: 20}
			f.complete = false
		}, store.Parked, store.ParkTooOld},
		{"old, but only just wanted", store.ReasonWanted, func(d *doubt, f *search) { d.age, f.complete = 480*time.Hour, false }, store.InDoubt, ""},
		{"the assumptions are broken", store.ReasonWanted, func(d *doubt, _ *search) { d.broken = true }, store.Parked, store.ParkAbsent},
		{"may not search", store.ReasonWanted, func(d *doubt, _ *search) { d.search = false }, store.Parked, store.ParkAbsent},
		{"it never landed: one search is enough", store.ReasonWanted, func(d *doubt, f *search) {
			*d = doubt{outcome: store.NotLanded, search: true, broken: true}
			f.later, f.witness = true, false
		}, store.Ready, store.ReasonWanted},
		{"it was never sent", store.ReasonWanted, func(d *doubt, _ *search) { *d = doubt{outcome: store.NotSent, search: true} }, store.Ready, store.ReasonWanted},
		{"it never landed, an incomplete search", store.ReasonWanted, func(d *doubt, f *search) { d.outcome, f.complete = store.NotLanded, false }, store.InDoubt, ""},
		{"override, inside the horizon", store.ReasonOverride, func(d *doubt, _ *search) { d.age, d.lookups, d.broken = time.Minute, nil, true }, store.Ready, store.ReasonOverride},
		{"override, an incomplete search", store.ReasonOverride, func(d *doubt, f *search) { d.age, d.lookups, f.complete = time.Minute, nil, false }, store.InDoubt, ""},
		{"override, may not search", store.ReasonOverride, func(d *doubt, _ *search) { d.search = false }, store.Parked, store.ParkAbsent},
		{"it never landed, but a later one may be forgotten", store.ReasonWanted, func(d *doubt, f *search) {
			d.outcome, d.older, d.age = store.NotLanded, true, time.Hour
		}, store.InDoubt, ""},
		{"a rejected flux, but a later one may be forgotten", store.ReasonRetry, func(d *doubt, f *search) { d.older, d.age = true, time.Hour }, store.InDoubt, ""},
		{"a rejected flux, and its attempts are lost", store.ReasonRetry, func(d *doubt, _ *search) { d.outcome, d.standIn, d.age = store.OwnerLost, true, time.Hour }, store.InDoubt, ""},
		{"a rejected flux, a quarantine, and the proof", store.ReasonRetry, func(d *doubt, _ *search) { d.older = true }, store.Ready, store.ReasonRetry},
		{"a rejected flux", store.ReasonRetry, func(d *doubt, _ *search) { *d = doubt{outcome: store.Accepted, search: true} }, store.Ready, store.ReasonRetry},
		{"a rejected flux, an incomplete search", store.ReasonRetry, func(d *doubt, f *search) { *d = doubt{outcome: store.Accepted, search: true}; f.complete = false }, store.InDoubt, ""},
	} {
		d, f := old, nothing
		if c.change != nil {
			c.change(&d, &f)
		}
		d.wanted = wanted(c.wanted)
		got := afterSearch(s, d, f)
		if got.To != c.to || got.ReasonCode != c.code || (got.Reason == "") != (c.code == "") {
			t.Errorf("%s: %+v, want %s %s", c.name, got, c.to, c.code)
		}
		for found, want := range map[search]store.State{
			{complete: true, matches: 1, agree: true}: store.Deposited, {complete: true, matches: 1}: store.Parked, {matches: 2}: store.Parked,
		} {
			if got := afterSearch(s, d, found); got.To != want {
				t.Errorf("%s, and found %+v: %s, want %s", c.name, found, got.To, want)
			}
		}
	}
	for _, code := range []string{store.ReasonQuarantine, store.ReasonOperator, store.ReasonAmbiguous, ""} {
		if wanted(code) != "" {
			t.Errorf("%s is taken for a wish to send again", code)
		}
	}
}
