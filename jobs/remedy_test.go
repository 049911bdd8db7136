package jobs

import (
	"testing"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/store"
)

// What a history shows of a remedy whose answer was lost. Only an invoice that still waits may be completed, or recycled, once more.
func TestWhatAHistoryShowsOfARemedy(t *testing.T) {
	sent := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	history := func(current string, passed ...any) chorus.History {
		h := chorus.History{StatutCourantCode: current}
		for k := 0; k < len(passed); k += 2 {
			at := sent.Add(time.Duration(passed[k+1].(int)) * time.Hour)
			h.Statuts = append(h.Statuts, chorus.HistoStatut{Code: passed[k].(string), DatePassage: chorus.Date{Time: at}})
		}
		return h
	}
	for _, c := range []struct {
		name string
		kind store.RemedyKind
		h    chorus.History
		want store.RemedyState
	}{
		{"still suspended", store.Complete, history("SUSPENDUE", "SUSPENDUE", -2, "DEPOSEE", -9), store.RemedyRequested},
		{"completed", store.Complete, history("COMPLETEE", "COMPLETEE", 1, "SUSPENDUE", -2), store.RemedyDone},
		{"completed, by a clock that is behind", store.Complete, history("COMPLETEE", "COMPLETEE", -1, "SUSPENDUE", -2), store.RemedyDone},
		{"completed and gone on", store.Complete, history("MANDATEE", "MANDATEE", 3, "COMPLETEE", 1, "SUSPENDUE", -2), store.RemedyDone},
		{"completed and suspended again", store.Complete, history("SUSPENDUE", "SUSPENDUE", 3, "COMPLETEE", 1, "SUSPENDUE", -2), store.RemedyDone},
		{"completed the last time only", store.Complete, history("SUSPENDUE", "SUSPENDUE", -2, "COMPLETEE", -3, "SUSPENDUE", -4), store.RemedyRequested},
		{"refused meanwhile", store.Complete, history("REJETEE", "REJETEE", 1, "SUSPENDUE", -2), store.RemedyDone},
		{"an older status than it waited in", store.Complete, history("MISE_A_DISPOSITION", "SUSPENDUE", -2, "MISE_A_DISPOSITION", -5), store.RemedyUnknown},
		{"a status that nobody knows", store.Complete, history("STATUT_FUTUR", "STATUT_FUTUR", 1, "SUSPENDUE", -2), store.RemedyUnknown},
		{"no history", store.Complete, history("MANDATEE"), store.RemedyUnknown},
		{"recycled", store.Recycle, history("DEPOSEE", "DEPOSEE", 1, "A_RECYCLER", -2, "DEPOSEE", -9), store.RemedyDone},
		{"still to be recycled", store.Recycle, history("A_RECYCLER", "A_RECYCLER", -2, "DEPOSEE", -9), store.RemedyRequested},
		{"recycled and not wanted again", store.Recycle, history("A_RECYCLER", "A_RECYCLER", 3, "DEPOSEE", 1, "A_RECYCLER", -2), store.RemedyDone},
	} {
		if got := remedied(store.Remedy{Kind: c.kind, SentAt: sent}, c.h); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
