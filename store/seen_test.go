package store_test

import (
	"maps"
	"testing"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// Another row's invoice is its own under exactly its number, whether the portal acknowledged its deposit or it was found there; under another it may be anybody's.
func TestOthersOf(t *testing.T) {
	db := storetest.New(t)
	owner := as(t, db.URL)
	_, err := owner.Exec(t.Context(), `INSERT INTO chorus.invoices (document) SELECT 'x' FROM generate_series(1, 3)`)
	must(t, err)
	for _, sql := range []string{
		`UPDATE chorus.invoices SET state = 'integrated', numero_facture = '42', numero_flux_depot = 'F' || id, identifiant_facture_cpp = 100 + id WHERE id IN (2, 3)`,
		`INSERT INTO chorus.attempts (id, invoice_id, n, worker, nom_fichier, sha256, db_epoch, claimed_at, send_deadline, finished_at, outcome, numero_flux_depot)
		 VALUES (gen_random_uuid(), 2, 1, 'w', 'n', '\x00', 'e', now(), now(), now(), 'ACCEPTED', 'F2'), (gen_random_uuid(), 3, 1, 'w', 'm', '\x00', 'e', now(), now(), now(), 'AMBIGUOUS', NULL)`,
	} {
		_, err = owner.Exec(t.Context(), `BEGIN; SET LOCAL session_replication_role = replica; `+sql+`; COMMIT`)
		must(t, err)
	}
	st := store.New(as(t, db.WorkerURL))
	for _, c := range []struct {
		id      int64
		numbers map[int64]string
		want    map[int64]bool
	}{
		{1, map[int64]string{102: "42", 103: "42"}, map[int64]bool{102: true, 103: true}},
		{1, map[int64]string{102: "0042", 103: "0042"}, map[int64]bool{102: false, 103: false}},
		{2, map[int64]string{102: "42"}, map[int64]bool{}},
		{1, nil, nil},
	} {
		got, err := st.OthersOf(t.Context(), c.id, c.numbers)
		if err != nil || !maps.Equal(got, c.want) {
			t.Errorf("of %d, %v: %v, %v", c.id, c.numbers, got, err)
		}
	}
}
