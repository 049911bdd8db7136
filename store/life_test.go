package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// held inserts a row that the portal holds, in this state and with these columns.
func held(t *testing.T, owner *pgxpool.Pool, state store.State, set string) (id int64) {
	t.Helper()
	if err := owner.QueryRow(t.Context(), `INSERT INTO chorus.invoices (document) VALUES ('x') RETURNING id`).Scan(&id); err != nil {
		t.Fatal(err)
	}
	force(t, owner, id, fmt.Sprintf(`state = '%s', identifiant_facture_cpp = %d, numero_facture = 'N-%d', fournisseur_siret = '99999999800012', %s`, state, 1000+id, id, set))
	return id
}

// reasonCodes lists the reason codes in the history of an invoice.
func reasonCodes(t *testing.T, pool *pgxpool.Pool, id int64) []string {
	t.Helper()
	rows, err := pool.Query(t.Context(), `SELECT reason_code FROM chorus.events WHERE invoice_id = $1 AND reason_code IS NOT NULL ORDER BY id`, id)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestUnusualMovesAreSaid(t *testing.T) {
	db := storetest.New(t)
	owner, worker := as(t, db.URL), as(t, db.WorkerURL)
	var unusual []int64
	for _, c := range []struct{ from, to, want string }{
		{"DEPOSEE", "EN_COURS_ACHEMINEMENT", "[STATUT]"},
		{"DEPOSEE", "COMPTABILISEE", "[STATUT]"}, // jumped over a few
		{"PRISE_EN_COMPTE_DESTINATAIRE", "SUSPENDUE", "[STATUT]"},
		{"PRISE_EN_COMPTE_DESTINATAIRE", "COMPLETEE", "[STATUT]"}, // jumped over the suspension
		{"COMPLETEE", "MISE_A_DISPOSITION", "[STATUT]"},
		{"A_RECYCLER", "DEPOSEE", "[STATUT]"},
		{"VALIDEE_1", "DEPOSEE", "[STATUT]"},
		{"REJETEE", "DUPLIQUE_APRES_REFUS", "[STATUT]"},
		{"TRANSMISE_MOA", "A_VALIDER_MOE", "[STATUT]"}, // whose order nobody knows
		{"STATUT_FUTUR", "MISE_A_DISPOSITION", "[STATUT]"},
		{"MANDATEE", "MISE_A_DISPOSITION", "[STATUT BACKWARDS]"},
		{"MISE_EN_PAIEMENT", "COMPTABILISEE", "[STATUT BACKWARDS]"},
		{"REJETEE", "MISE_EN_PAIEMENT", "[STATUT BACKWARDS]"},
		{"MISE_EN_PAIEMENT", "SUSPENDUE", "[STATUT BACKWARDS]"},
		{"MISE_A_DISPOSITION", "STATUT_FUTUR", "[STATUT UNKNOWN_STATUT]"},
		{"MISE_A_DISPOSITION", "TECHNIQUE_INCONNU", "[STATUT UNKNOWN_STATUT]"},
		{"STATUT_FUTUR", "STATUT_LOINTAIN", "[STATUT UNKNOWN_STATUT]"},
	} {
		id := held(t, owner, store.Integrated, `statut_courant = '`+c.from+`'`)
		if _, err := worker.Exec(t.Context(), `UPDATE chorus.invoices SET statut_courant = $2, statut_commentaire = 'x' WHERE id = $1`, id, c.to); err != nil {
			t.Fatal(err)
		}
		got := reasonCodes(t, owner, id)
		if fmt.Sprint(got) != c.want {
			t.Errorf("%s to %s: %v, want %s", c.from, c.to, got, c.want)
		}
		if len(got) > 1 {
			unusual = append(unusual, id)
		}
	}
	st := store.New(as(t, db.OperatorURL))
	counts, err := st.Unusual(t.Context())
	if err != nil || fmt.Sprint(counts) != "[{UNKNOWN_STATUT 3 3} {BACKWARDS 4 4}]" {
		t.Errorf("counted %v, %v", counts, err)
	}
	q, err := operate.ParseQuery("is:unusual")
	if err != nil {
		t.Fatal(err)
	}
	list, err := operate.Invoices(t.Context(), st, operate.Listing{Query: q})
	if err != nil || len(list) != len(unusual) {
		t.Errorf("%d listed, %d are unusual, %v", len(list), len(unusual), err)
	}
}

// Every status, with a recipient that never reports payments, one that does, and one of whom nobody knows.
func TestWhatTheQuietPeriodSettles(t *testing.T) {
	db := storetest.New(t)
	owner, st := as(t, db.URL), store.New(db.Pool)
	if _, err := db.Pool.Exec(t.Context(), `INSERT INTO chorus.recipients (siret, never_reports_payment) VALUES ('1', true), ('2', false)`); err != nil {
		t.Fatal(err)
	}
	rows, err := owner.Query(t.Context(), `SELECT code FROM chorus.statuts UNION ALL VALUES ('STATUT_FUTUR')`)
	if err != nil {
		t.Fatal(err)
	}
	statuts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	ordered := map[string]bool{"MANDATEE": true, "MISE_A_DISPOSITION_COMPTABLE": true, "COMPTABILISEE": true}
	atTheRecipient := map[string]bool{"MISE_A_DISPOSITION": true, "PRISE_EN_COMPTE_DESTINATAIRE": true, "COMPLETEE": true, "SERVICE_FAIT": true}
	const quiet = 90 * 24 * time.Hour
	type row struct {
		statut, siret string
		settles       bool
	}
	want := map[int64]row{}
	for _, statut := range statuts {
		for _, siret := range []string{"1", "2", "3"} {
			for _, age := range []string{"89 days", "91 days"} {
				id := held(t, owner, store.Integrated, fmt.Sprintf(
					`statut_courant = '%s', destinataire_siret = '%s', statut_courant_date = clock_timestamp() - interval '%s'`, statut, siret, age))
				want[id] = row{statut, siret, age == "91 days" && (ordered[statut] || siret == "1" && atTheRecipient[statut])}
			}
		}
	}
	n, err := st.Quiet(t.Context(), quiet)
	if err != nil || n != 3*3+4 {
		t.Errorf("%d settled, %v", n, err)
	}
	for id, w := range want {
		got, _, err := st.Show(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if settled := got.State == store.Settled; settled != w.settles || settled && *got.ReasonCode != store.ReasonQuiet {
			t.Errorf("%+v is %s", w, got.State)
		}
	}
}

// Which rows have their reason asked for, whoever writes the status.
func TestAStatutWithoutItsReasonHasItAskedFor(t *testing.T) {
	db := storetest.New(t)
	owner, worker := as(t, db.URL), as(t, db.WorkerURL)
	for _, c := range []struct {
		from, to, statut, comment string
		due                       bool
	}{
		{"deposited", "integrated", "SUSPENDUE", "", true},
		{"deposited", "integrated", "SUSPENDUE", "Bon de livraison manquant", false},
		{"deposited", "integrated", "MISE_A_DISPOSITION", "", false},
		{"integrated", "integrated", "A_RECYCLER", "", true},
		{"integrated", "integrated", "REFUSEE_1", "", true},
		{"integrated", "integrated", "STATUT_FUTUR", "", false},
		{"integrated", "rejected", "REJETEE", "", true},
		{"integrated", "rejected", "REJETEE", "MONTANT_ERR", false},
		{"settled", "integrated", "SUSPENDUE", "", true},
		{"integrated", "settled", "MISE_EN_PAIEMENT", "", false},
	} {
		id := held(t, owner, store.State(c.from), `statut_courant = 'DEPOSEE'`)
		var due bool
		err := worker.QueryRow(t.Context(), `
			UPDATE chorus.invoices SET state = $2, statut_courant = $3, statut_commentaire = nullif($4, '') WHERE id = $1
			RETURNING reason_due_at IS NOT NULL`, id, c.to, c.statut, c.comment).Scan(&due)
		if err != nil || due != c.due {
			t.Errorf("%+v: due %v, %v", c, due, err)
		}
		// It moves on: nobody needs the reason any more.
		err = worker.QueryRow(t.Context(), `
			UPDATE chorus.invoices SET state = 'integrated', statut_courant = 'PRISE_EN_COMPTE_DESTINATAIRE', statut_commentaire = NULL WHERE id = $1
			RETURNING reason_due_at IS NOT NULL`, id).Scan(&due)
		if err != nil || due {
			t.Errorf("%+v, and then taken by the recipient: due %v, %v", c, due, err)
		}
	}
}

// dueFor has the row given to a job for its reason, as the dispatcher does, and taken by it.
func dueFor(t *testing.T, st *store.Store, id, claim int64) store.Invoice {
	t.Helper()
	err := pgx.BeginFunc(t.Context(), st.Pool(), func(tx pgx.Tx) error {
		ids, err := st.Due(t.Context(), tx, store.StepHistory, 8, map[string]float64{"default": 1})
		if err != nil || fmt.Sprint(ids) != fmt.Sprint([]int64{id}) {
			return fmt.Errorf("due are %v, %w", ids, err)
		}
		return st.SetClaims(t.Context(), tx, ids, []int64{claim})
	})
	if err != nil {
		t.Fatal(err)
	}
	i, err := st.TakeForReason(t.Context(), id, claim, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestAReasonIsStoredForTheStatutItBelongsTo(t *testing.T) {
	db := storetest.New(t)
	owner, st := as(t, db.URL), store.New(db.Pool)
	id := held(t, owner, store.Integrated, `statut_courant = 'MISE_A_DISPOSITION'`)
	set := func(statut, state, code string) {
		t.Helper()
		_, err := db.Pool.Exec(t.Context(), `
			UPDATE chorus.invoices
			SET statut_courant = $2, statut_courant_date = clock_timestamp(), statut_commentaire = NULL, state = $3, reason_code = nullif($4, '')
			WHERE id = $1`, id, statut, state, code)
		if err != nil {
			t.Fatal(err)
		}
	}
	earlier := []store.Passage{{Statut: "DEPOSEE"}, {Statut: "EN_COURS_ACHEMINEMENT", At: time.Now()}, {Statut: "SUSPENDUE", Comment: "why"}}

	// Nothing is said yet: later, and the history is made up for once.
	set("SUSPENDUE", "integrated", "")
	i := dueFor(t, st, id, 1)
	if err := st.Reasoned(t.Context(), i, store.Reason{Earlier: earlier}); err != nil {
		t.Fatal(err)
	}
	i = dueFor(t, st, id, 2)
	if i.Looks != 1 {
		t.Errorf("looked %d times", i.Looks)
	}
	// Meanwhile it has another status: that one's comment is not this one.
	set("COMPLETEE", "integrated", "")
	if err := st.Reasoned(t.Context(), i, store.Reason{Comment: "why", Earlier: earlier}); err != nil {
		t.Fatal(err)
	}
	got, _, err := st.Show(t.Context(), id)
	if err != nil || got.StatutCommentaire != nil {
		t.Errorf("the comment of another status was stored; %v", err)
	}
	set("REJETEE", "rejected", store.ReasonRecipient)
	i = dueFor(t, st, id, 3)
	if err := st.Reasoned(t.Context(), i, store.Reason{Comment: "Doublon"}); err != nil {
		t.Fatal(err)
	}
	got, _, err = st.Show(t.Context(), id)
	if err != nil || *got.StatutCommentaire != "Doublon" || *got.Reason != "Doublon" || *got.ReasonCode != store.ReasonRecipient {
		t.Errorf("stored %+v, %v", got, err)
	}
	if codes := fmt.Sprint(reasonCodes(t, owner, id)); codes != "[STATUT STATUT STATUT STATUT RECIPIENT REASON]" {
		t.Errorf("the history says %s", codes)
	}
	// Given up: not asked for again.
	set("A_RECYCLER", "integrated", "")
	i = dueFor(t, st, id, 4)
	if err := st.Reasoned(t.Context(), i, store.Reason{GiveUp: true}); err != nil {
		t.Fatal(err)
	}
	var due bool
	if err := owner.QueryRow(t.Context(), `SELECT reason_due_at IS NOT NULL OR claim IS NOT NULL FROM chorus.invoices WHERE id = $1`, id).Scan(&due); err != nil || due {
		t.Errorf("still due, or claimed; %v", err)
	}
	for _, url := range []string{db.AppURL, db.OperatorURL, db.ReaderURL} {
		_, err := as(t, url).Exec(t.Context(), `SELECT chorus.earlier_statuts($1, 4, '{X}', '{null}', '{null}')`, id)
		if store.SQLState(err) != "42501" {
			t.Errorf("somebody else wrote history: %v", err)
		}
	}
}
