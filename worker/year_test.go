package worker_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/store"
)

const day = 24 * time.Hour

// destiny is what happens to an invoice at the portal, and where its row has to be at the end.
type destiny struct {
	name  string
	of    []int             // of fifty invoices, these; nil: all others
	moves []chorustest.Move // at the portal, five days each
	later map[int]string    // statuts that a person sets so many days after the deposit
	quiet bool              // for a recipient that never reports payments
	ends  store.State
	last  string // statut
	path  string // the states it went through; "" = the ordinary ones
}

func moves(statuts ...string) []chorustest.Move {
	list := make([]chorustest.Move, len(statuts))
	for k, s := range statuts {
		list[k] = chorustest.Move{Statut: s}
	}
	return list
}

// destinies come in the order in which they are tried; the last one is the ordinary one.
var destinies = []destiny{
	{
		name: "suspended and completed", of: []int{7, 31}, moves: moves("MISE_A_DISPOSITION", "SUSPENDUE", "MANDATEE", "COMPTABILISEE", "MISE_EN_PAIEMENT"),
		later: map[int]string{18: "COMPLETEE"}, ends: store.Settled, last: "MISE_EN_PAIEMENT",
	},
	{
		name: "rejected by the recipient", of: []int{13}, moves: moves("MISE_A_DISPOSITION", "PRISE_EN_COMPTE_DESTINATAIRE", "REJETEE"),
		ends: store.Rejected, last: "REJETEE", path: "received ready sending deposited integrated rejected",
	},
	{
		name: "payment never reported", of: []int{3, 11, 19, 27, 43}, moves: moves("MISE_A_DISPOSITION", "MANDATEE", "COMPTABILISEE"), quiet: true,
		ends: store.Settled, last: "COMPTABILISEE",
	},
	{
		name: "on after the end", of: []int{23}, moves: moves("MISE_A_DISPOSITION", "MANDATEE", "COMPTABILISEE", "MISE_EN_PAIEMENT"),
		later: map[int]string{46: "MANDATEE", 60: "MISE_EN_PAIEMENT"}, ends: store.Settled, last: "MISE_EN_PAIEMENT",
		path: "received ready sending deposited integrated settled integrated settled",
	},
	{
		name: "rejected and taken back", of: []int{37}, moves: moves("MISE_A_DISPOSITION", "REJETEE"),
		later: map[int]string{30: "PRISE_EN_COMPTE_DESTINATAIRE", 50: "MISE_EN_PAIEMENT"}, ends: store.Settled, last: "MISE_EN_PAIEMENT",
		path: "received ready sending deposited integrated rejected integrated settled",
	},
	{
		name: "a statut nobody knows", of: []int{41}, moves: moves("MISE_A_DISPOSITION", "EN_COURS_DE_REFLEXION"),
		ends: store.Integrated, last: "EN_COURS_DE_REFLEXION", path: "received ready sending deposited integrated",
	},
	{
		name: "paid", ends: store.Settled, last: "MISE_EN_PAIEMENT",
		moves: moves("EN_COURS_ACHEMINEMENT", "MISE_A_DISPOSITION", "PRISE_EN_COMPTE_DESTINATAIRE", "MANDATEE", "COMPTABILISEE", "MISE_EN_PAIEMENT"),
	},
}

func destinyOf(k int) destiny {
	return destinies[slices.IndexFunc(destinies, func(d destiny) bool { return d.of == nil || slices.Contains(d.of, k%50) })]
}

func text(s *string) string {
	if s == nil {
		return "nothing"
	}
	return *s
}

func numeroOfYear(k int) string { return fmt.Sprintf("YEAR-%04d", k) }

// judgeYear holds every row to its destiny, and the history to its rules.
func (h *house) judgeYear(ctx context.Context, invoices int) {
	h.t.Helper()
	st := store.New(h.db.Pool)
	rows, err := h.db.Pool.Query(ctx, `SELECT id FROM chorus.invoices ORDER BY id`)
	if err != nil {
		h.t.Fatal(err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil || len(ids) != invoices {
		h.t.Fatalf("%d rows, %v", len(ids), err)
	}
	count := map[string]int{}
	for _, id := range ids {
		i, _, err := st.Show(ctx, id)
		if err != nil {
			h.t.Fatal(err)
		}
		var k int
		if _, err := fmt.Sscanf(i.ExternalRef, "YEAR-%d", &k); err != nil {
			h.t.Fatal(err)
		}
		d := destinyOf(k)
		count[d.name]++
		want := d.path
		if want == "" {
			want = "received ready sending deposited integrated settled"
		}
		if path := h.path(id); i.State != d.ends || text(i.StatutCourant) != d.last || path != want {
			h.t.Errorf("%s (%s) is %s after %s with %s; want %s after %s with %s", i.ExternalRef, d.name, i.State, path, text(i.StatutCourant), d.ends, want, d.last)
		}
		if n := len(h.sim.Deposits(i.ExternalRef)); n != 1 {
			h.t.Errorf("%s was deposited %d times", i.ExternalRef, n)
		}
	}
	for _, d := range destinies {
		if count[d.name] == 0 {
			h.t.Errorf("no invoice was %s", d.name)
		}
	}
	h.t.Logf("%v", count)

	var unnumbered, gaps, backwards, stuck int
	deadline := time.Now().Add(10 * time.Second) // numbering is ten times a second, in real time
	for {
		if err := h.db.Pool.QueryRow(ctx, `SELECT count(*) FROM chorus.events WHERE seq IS NULL`).Scan(&unnumbered); err != nil {
			h.t.Fatal(err)
		}
		if unnumbered == 0 || time.Now().After(deadline) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	err = h.db.Pool.QueryRow(ctx, `
		SELECT (SELECT max(seq) - count(*) FROM chorus.events),
		       (SELECT count(*) FROM (SELECT seq < lag(seq) OVER w OR at < lag(at) OVER w AS wrong FROM chorus.events WHERE invoice_id IS NOT NULL WINDOW w AS (PARTITION BY invoice_id ORDER BY id)) e WHERE wrong),
		       (SELECT count(*) FROM chorus.invoices WHERE claim IS NOT NULL OR state NOT IN ('integrated', 'settled', 'rejected'))`).
		Scan(&gaps, &backwards, &stuck)
	if err != nil {
		h.t.Fatal(err)
	}
	if unnumbered != 0 || gaps != 0 || backwards != 0 || stuck != 0 {
		h.t.Errorf("%d events without a number, %d gaps, %d steps backwards, %d rows stuck", unnumbered, gaps, backwards, stuck)
	}
}
