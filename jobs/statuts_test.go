package jobs

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// The table in Go and the one that migrations made of it.
func TestStatutsInTheDatabase(t *testing.T) {
	db := storetest.New(t)
	rows, err := db.Pool.Query(t.Context(), `
		SELECT code, next_actor, terminal, state, stage, awaits_payment, needs_reason, successors, en, fr FROM chorus.statuts`)
	if err != nil {
		t.Fatal(err)
	}
	type line struct {
		Code, Next    string
		Terminal      bool
		State         string
		Stage         int
		Awaits, Needs bool
		Successors    []string
		EN, FR        string
	}
	stored, err := pgx.CollectRows(rows, pgx.RowToStructByPos[line])
	if err != nil {
		t.Fatal(err)
	}
	if len(stored) != len(chorus.Statuts()) {
		t.Errorf("%d in the database, %d in Go", len(stored), len(chorus.Statuts()))
	}
	for _, s := range chorus.Statuts() {
		i := slices.IndexFunc(stored, func(l line) bool { return l.Code == s.Code })
		if i < 0 {
			t.Errorf("%s is not in the database", s.Code)
			continue
		}
		got := stored[i]
		if got.Next != string(s.Next) || got.Terminal != s.Terminal() || got.State != string(to(s.Code)) || got.Stage != s.Stage ||
			got.Awaits != s.AwaitsPayment || got.Needs != s.NeedsReason || !slices.Equal(got.Successors, s.Successors) || got.EN != s.EN || got.FR != s.FR {
			t.Errorf("the database says %+v, Go says %+v", got, s)
		}
	}
}

// Where each status puts a row, and that the table does not contradict itself.
func TestEveryStatutPutsARowSomewhere(t *testing.T) {
	ends := map[string]store.State{
		"REJETEE":          store.Rejected,
		"MISE_EN_PAIEMENT": store.Settled, "ABANDONNEE": store.Settled, "SUPPRIMEE": store.Settled,
		"REMPLACEE_PAR_A22": store.Settled, "DUPLIQUE_APRES_REFUS": store.Settled,
	}
	for _, s := range chorus.Statuts() {
		want, ends := ends[s.Code]
		if !ends {
			want = store.Integrated
		}
		if got := to(s.Code); got != want || s.Terminal() != ends {
			t.Errorf("%s puts a row to %s (terminal %v), want %s", s.Code, got, s.Terminal(), want)
		}
		if ends != (s.Next == chorus.ActorNone) && s.Code != "REJETEE" {
			t.Errorf("%s: terminal %v, and next is %s", s.Code, ends, s.Next)
		}
		if s.AwaitsPayment && s.Next != chorus.ActorAccountant || s.NeedsReason && s.Next != chorus.ActorSupplier {
			t.Errorf("%s: next is %s", s.Code, s.Next)
		}
		for _, next := range s.Successors {
			if info, known := chorus.StatutInfo(next); !known || next == s.Code || ends && !info.Terminal() {
				t.Errorf("%s is no usual successor of %s", next, s.Code)
			}
		}
	}
	for _, unknown := range []string{"STATUT_FUTUR", "", "mise_en_paiement", "MISE_EN_PAIEMENT ", "PAYEE"} {
		if got := to(unknown); got != store.Integrated {
			t.Errorf("%q puts a row to %s: what is not known is neither success nor failure", unknown, got)
		}
	}
}
