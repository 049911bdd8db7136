package jobs

import (
	"fmt"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus"
)

func TestTheReasonIsTheLatestOfItsStatut(t *testing.T) {
	day := func(n int) chorus.Date { return chorus.Date{Time: time.Date(2026, 11, n, 9, 0, 0, 0, time.UTC)} }
	suspended := func(id int64, n int, comment string) chorus.HistoStatut {
		return chorus.HistoStatut{ID: id, Code: "SUSPENDUE", DatePassage: day(n), Commentaire: comment}
	}
	completed := chorus.HistoStatut{ID: 2, Code: "COMPLETEE", DatePassage: day(2), Commentaire: "voici"}
	for _, c := range []struct {
		name    string
		statuts []chorus.HistoStatut
		comment string
		codes   string
	}{
		{"none", nil, "", ""},
		{"newest first", []chorus.HistoStatut{suspended(3, 3, "again"), completed, suspended(1, 1, "first")}, "again", "SUSPENDUE COMPLETEE SUSPENDUE "},
		{"oldest first", []chorus.HistoStatut{suspended(1, 1, "first"), completed, suspended(3, 3, "again")}, "again", "SUSPENDUE COMPLETEE SUSPENDUE "},
		{"the same minute", []chorus.HistoStatut{suspended(9, 1, "again"), suspended(1, 1, "first")}, "again", "SUSPENDUE SUSPENDUE "},
		{"an older reason is not this one", []chorus.HistoStatut{suspended(3, 3, ""), completed, suspended(1, 1, "first")}, "", "SUSPENDUE COMPLETEE SUSPENDUE "},
		{"another statut's comment", []chorus.HistoStatut{completed}, "", "COMPLETEE "},
		{"a line without a statut", []chorus.HistoStatut{{ID: 4, Commentaire: "x"}, suspended(3, 3, "y")}, "y", "SUSPENDUE "},
	} {
		comment, all := reasonOf("SUSPENDUE", chorus.History{Statuts: c.statuts})
		codes := ""
		for _, p := range all {
			codes += fmt.Sprint(p.Statut, " ")
		}
		if comment != c.comment || codes != c.codes {
			t.Errorf("%s: %q, %s", c.name, comment, codes)
		}
	}
}

func TestAHistoryWithoutAReasonIsReadEverMoreSeldom(t *testing.T) {
	j := &Jobs{Settings: Settings{ReportAfter: 2 * time.Minute}}
	var sum, last time.Duration
	for looks := range mostHistories - 1 {
		wait := j.nextHistory(looks)
		if looks < 5 && wait < 2*last || wait > 27*time.Hour {
			t.Errorf("look %d after %s, the one before after %s", looks, wait, last)
		}
		sum, last = sum+wait, wait
	}
	if sum < 3*24*time.Hour || sum > 8*24*time.Hour {
		t.Errorf("given up after %s", sum)
	}
}
