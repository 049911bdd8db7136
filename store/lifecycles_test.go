package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"pgregory.net/rapid"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// officialStatuts are the 56 of docs/chorus-pro.md §8; the portal has been seen to use others.
var officialStatuts = strings.Fields(`
	BROUILLON A_VALIDER_1 ERREUR_FOURNISSEUR_SUR_VALIDEUR REFUSEE_1 VALIDEE_1 ABSENCE_VALIDATION_1_HORS_DELAI A_VALIDER_2 ERREUR_COTRAITANT_SUR_VALIDEUR
	REFUSEE_2 VALIDEE_2 ABSENCE_VALIDATION_2_HORS_DELAI DEPOSEE ERREUR_FOURNISSEUR_SUR_MOE EN_COURS_ACHEMINEMENT MISE_A_DISPOSITION A_RECYCLER SUSPENDUE
	REJETEE MANDATEE MISE_EN_PAIEMENT COMPTABILISEE MISE_A_DISPOSITION_COMPTABLE ABANDONNEE SUPPRIMEE ASSOCIEE EN_COURS_TRAITEMENT_PIVOT_S A_VALIDER_MOE
	REFUSEE_MOE EN_ATTENTE_RECYCLAGE_FOURNISSEUR ERREUR_MOE_SUR_FOURNISSEUR ERREUR_MOA_SUR_FOURNISSEUR INTERPRETEE_OCR COMPLETEE ERREUR_FOURNISSEUR_SUR_MOA
	ERREUR_MOE_SUR_MOA ERREUR_DESTINATAIRE_PD ERREUR_DESTINATAIRE_EA SERVICE_FAIT NON_CONFORME A_ASSOCIER_MOE ERREUR_DE_MOE MISE_A_DISPOSITION_MOE
	PRISE_EN_COMPTE_MOE A_ASSOCIER_MOA ERREUR_DE_MOA REFUSEE_MOA A_ASSOCIER_FOURNISSEUR REFUSEE_FOURNISSEUR A_COMPLETER TRANSMISE_MOA
	PRISE_EN_COMPTE_DESTINATAIRE REMPLACEE_PAR_A22 DUPLIQUE_APRES_REFUS MISE_A_DISPOSITION_MOA PRISE_EN_COMPTE_MOA TECHNIQUE_INCONNU`)

// putBy is what the caller of Follow says of a statut here: three final ones are enough to try every way.
func putBy(statut string) store.State {
	switch statut {
	case "REJETEE":
		return store.Rejected
	case "MISE_EN_PAIEMENT", "ABANDONNEE", "SUPPRIMEE":
		return store.Settled
	default:
		return store.Integrated
	}
}

// lived is a row and what it has lived through, as far as the portal has told.
type lived struct {
	id, cpp      int64
	numero, flux string
	state        store.State
	statut       string
	at           time.Time
	events       int // of moves and statuts, since it was deposited
}

func (l *lived) final() bool { return l.state == store.Settled || l.state == store.Rejected }

// hear is the rule in words: the latest statut by the portal's date; of two with one date the one that came later, unless the row is over; one without a
// statut, or older, says nothing, except that a deposit that is shown at all has been integrated.
func (l *lived) hear(s store.Seen) {
	switch {
	case l.state == store.Deposited:
		l.events++
		if s.To != store.Integrated {
			l.events++
		}
		l.state, l.statut, l.at = s.To, s.Statut, s.StatutDate
		return
	case s.Statut == "", s.StatutDate.Before(l.at), s.StatutDate.Equal(l.at) && (s.Statut == l.statut || l.final()):
		return
	}
	l.events++
	if l.state == store.Rejected && s.To == store.Settled { // by way of integrated
		l.events++
	}
	l.state, l.statut, l.at = s.To, s.Statut, s.StatutDate
}

// lives is one run of rapid's: a few rows of one account, and the pages that were read.
type lives struct {
	*bench
	feed store.FeedMark
	rows []*lived
	last []store.Seen
}

// deposit makes the rows, as they are once the portal has given flux numbers: by the owner, with the rules switched off, because what comes before is not
// what is tried here.
func (l *lives) deposit(t *rapid.T, owner *pgxpool.Pool, account string) {
	must(t, pgx.BeginFunc(l.ctx, owner, func(tx pgx.Tx) error {
		if _, err := tx.Exec(l.ctx, `SET LOCAL session_replication_role = replica`); err != nil {
			return err
		}
		rows, err := tx.Query(l.ctx, `
			WITH row AS (
			    INSERT INTO chorus.invoices (account, document, document_sha256, document_bytes, state, numero_facture, date_facture, fournisseur_siret, numero_flux_depot,
			                                 deposited_at, due_at)
			    SELECT $1, 'x', sha256('x'), 1, 'deposited', $1 || n, '2026-03-01', '12345678200010', $1 || 'FLUX' || n, clock_timestamp(), clock_timestamp()
			    FROM generate_series(1, 3) n
			    RETURNING id, numero_facture, numero_flux_depot
			), event AS (
			    INSERT INTO chorus.events (invoice_id, actor, to_state) SELECT id, 'test', 'deposited' FROM row
			)
			SELECT id, numero_facture, numero_flux_depot FROM row ORDER BY id`, account)
		if err != nil {
			return err
		}
		l.rows, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (*lived, error) {
			x := &lived{state: store.Deposited}
			err := row.Scan(&x.id, &x.numero, &x.flux)
			x.cpp = 1_000_000 + x.id
			return x, err
		})
		return err
	}))
}

// page draws lines of some of the rows in any order, with any statut and any date, among invoices that nobody here knows.
func (l *lives) page(t *rapid.T) {
	var page []store.Seen
	for _, k := range rapid.Permutation([]int{0, 1, 2, 3}).Draw(t, "order")[:rapid.IntRange(0, 4).Draw(t, "lines")] {
		s := store.Seen{
			Statut:     rapid.SampledFrom(append([]string{"", "STATUT_NOUVEAU", "REJETEE", "MISE_EN_PAIEMENT", "SUPPRIMEE"}, officialStatuts...)).Draw(t, "statut"),
			StatutDate: time.Date(2026, 3, 1, rapid.IntRange(0, 12).Draw(t, "hour"), 0, 0, 0, time.UTC),
			ModeDepot:  "UPLOAD_API",
		}
		s.To = putBy(s.Statut)
		if k == len(l.rows) {
			s.IdentifiantFactureCPP, s.NumeroFacture = l.next(), "STRANGE"
		} else {
			row := l.rows[k]
			s.IdentifiantFactureCPP, s.NumeroFacture, s.NumeroFlux = row.cpp, row.numero, row.flux
			if s.Statut != "" && rapid.Bool().Draw(t, "at the same moment") {
				s.StatutDate = row.at
			}
			if s.StatutDate.IsZero() {
				s.StatutDate = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
			}
			row.hear(s)
		}
		page = append(page, s)
	}
	l.read(t, page)
	l.last = page
}

func (l *lives) read(t *rapid.T, page []store.Seen) store.Followed {
	did, err := l.worker.Follow(l.ctx, page, l.feed)
	must(t, err)
	return did
}

// again reads the last page once more: nothing changes, not even a version.
func (l *lives) again(t *rapid.T) {
	before := l.versions(t)
	if did := l.read(t, l.last); did.Changed != 0 {
		t.Fatalf("the same page again changed %d rows", did.Changed)
	}
	if after := l.versions(t); after != before {
		t.Fatalf("the same page again: versions %s, before %s", after, before)
	}
}

func (l *lives) versions(t *rapid.T) (s string) {
	must(t, l.worker.Pool().QueryRow(l.ctx, `
		SELECT concat_ws(' ', (SELECT string_agg(version::text, ',' ORDER BY id) FROM chorus.invoices WHERE id = ANY ($1)),
		                 (SELECT count(*) FROM chorus.events WHERE invoice_id = ANY ($1)))`, l.ids()).Scan(&s))
	return s
}

func (l *lives) ids() []int64 {
	ids := make([]int64, len(l.rows))
	for k, row := range l.rows {
		ids[k] = row.id
	}
	return ids
}

// check holds every row to what it has heard, and the history to its rules.
func (l *lives) check(t *rapid.T) {
	for _, row := range l.rows {
		got := lived{id: row.id, cpp: row.cpp, numero: row.numero, flux: row.flux}
		var at *time.Time
		var cpp int64
		must(t, l.worker.Pool().QueryRow(l.ctx, `
			SELECT state, coalesce(statut_courant, ''), statut_courant_date, coalesce(identifiant_facture_cpp, 0),
			       (SELECT count(*) FROM chorus.events e
			        WHERE e.invoice_id = i.id AND (from_state <> to_state AND from_state IN ('deposited', 'integrated', 'settled', 'rejected') OR reason_code = 'STATUT'))
			FROM chorus.invoices i WHERE id = $1`, row.id).Scan(&got.state, &got.statut, &at, &cpp, &got.events))
		if at != nil {
			got.at = at.UTC()
		}
		if got != *row {
			t.Fatalf("row\n%+v, want\n%+v", got, *row)
		}
		if row.state != store.Deposited && cpp != row.cpp {
			t.Fatalf("row %d stands for %d, want %d", row.id, cpp, row.cpp)
		}
	}
	l.invariants(t, l.ids())
}

// Whatever the portal tells of a few invoices, in whatever order: each row ends where the latest news by the portal's date put it, and every change is one
// line of history, once.
func TestRandomLives(t *testing.T) {
	db := storetest.New(t)
	b := &bench{ctx: t.Context(), worker: store.New(db.Pool)}
	owner := as(t, db.URL)
	ends := map[store.State]int{}
	rapid.Check(t, func(t *rapid.T) {
		account := fmt.Sprintf("life%d", b.next())
		l := &lives{bench: b}
		must(t, b.worker.EnsureAccounts(b.ctx, []string{account}))
		must(t, b.worker.Structures(b.ctx, account, []store.Structure{{ID: 1, Identifiant: "12345678200010"}}, time.Hour))
		l.feed = store.FeedMark{StructureKey: store.StructureKey{Account: account, ID: 1}, Claim: 1, Lease: time.Hour}
		must(t, pgx.BeginFunc(b.ctx, b.worker.Pool(), func(tx pgx.Tx) error {
			return b.worker.SetStructureClaim(b.ctx, tx, l.feed.StructureKey, l.feed.Claim)
		}))
		l.deposit(t, owner, account)
		for range rapid.IntRange(1, 8).Draw(t, "pages") {
			l.page(t)
			l.check(t)
			if rapid.Bool().Draw(t, "again") {
				l.again(t)
			}
		}
		for _, row := range l.rows {
			ends[row.state]++
		}
	})
	for _, s := range []store.State{store.Integrated, store.Settled, store.Rejected} {
		if ends[s] == 0 {
			t.Errorf("no row ended %s: %v", s, ends)
		}
	}
}
