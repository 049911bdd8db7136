package store_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// integrated makes a row that the portal holds in a statut.
func integrated(t *testing.T, owner *pgxpool.Pool, set string) (id int64) {
	t.Helper()
	if err := owner.QueryRow(t.Context(), `INSERT INTO chorus.invoices (document) VALUES ('x') RETURNING id`).Scan(&id); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(set, "identifiant_facture_cpp") {
		set += `, identifiant_facture_cpp = id`
	}
	force(t, owner, id, `attempt_no = 1, `+set)
	return id
}

// Every state and statut times every remedy: what the portal would refuse cannot be asked for.
func TestTheWrongRemedyCannotBeAskedFor(t *testing.T) {
	db := storetest.New(t)
	owner, app, operator := as(t, db.URL), store.New(as(t, db.AppURL)), store.New(as(t, db.OperatorURL))
	remedies := map[string]func(id int64) error{
		"complete": func(id int64) error {
			_, err := app.CompleteInvoice(t.Context(), id, "here it is", nil)
			return err
		},
		"recycle": func(id int64) error {
			_, err := operator.RecycleInvoice(t.Context(), id, store.Routing{CodeService: "S"}, "")
			return err
		},
		"replace": func(id int64) error {
			_, err := app.Submit(t.Context(), store.Insertion{Document: []byte("x"), Replaces: id})
			return err
		},
		"retry": func(id int64) error {
			_, err := operator.Retry(t.Context(), id, "because", nil)
			return err
		},
	}
	allowed := map[string]string{
		"integrated SUSPENDUE": "complete", "integrated A_RECYCLER": "recycle", "rejected REJETEE": "replace", "rejected": "retry", "invalid": "retry",
	}
	starts := map[string]string{"rejected": `state = 'rejected', identifiant_facture_cpp = NULL, reason_code = 'FLUX_REJECTED'`, "rejected REJETEE": `state = 'rejected', statut_courant = 'REJETEE'`}
	for _, s := range []string{"SUSPENDUE", "A_RECYCLER", "REJETEE", "COMPLETEE", "DEPOSEE", "MISE_A_DISPOSITION", "MANDATEE", "STATUT_FUTUR"} {
		starts["integrated "+s] = `state = 'integrated', statut_courant = '` + s + `'`
	}
	for _, s := range store.States {
		if name := string(s); name != "rejected" && name != "integrated" {
			starts[name] = `state = '` + name + `', statut_courant = 'SUSPENDUE'`
		}
	}
	for name, set := range starts {
		for remedy, ask := range remedies {
			err := ask(integrated(t, owner, set))
			state := store.SQLState(err)
			if want := allowed[name] == remedy; want != (err == nil) || !want && state != "CH022" && state != "CH014" {
				t.Errorf("%s of %s: %v", remedy, name, err)
			}
		}
	}
}

func TestOneRemedyAtATime(t *testing.T) {
	db := storetest.New(t)
	owner, worker, operator := as(t, db.URL), as(t, db.WorkerURL), store.New(as(t, db.OperatorURL))
	id := integrated(t, owner, `state = 'integrated', statut_courant = 'SUSPENDUE'`)
	first, err := operator.CompleteInvoice(t.Context(), id, " here it is ", []store.Attachment{{Nom: "bon.pdf", Contenu: []byte("canary")}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := operator.CompleteInvoice(t.Context(), id, "again", nil); store.SQLState(err) != "CH022" {
		t.Errorf("a second one beside the first: %v", err)
	}
	for _, state := range []string{"sending", "unknown", "done"} {
		if _, err := worker.Exec(t.Context(), `UPDATE chorus.remedies SET state = $2 WHERE id = $1`, first, state); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := worker.Exec(t.Context(), `UPDATE chorus.remedies SET state = 'requested' WHERE id = $1`, first); store.SQLState(err) != "CH003" {
		t.Errorf("a remedy that is over began again: %v", err)
	}
	if _, err := operator.CompleteInvoice(t.Context(), id, "again", nil); err != nil {
		t.Errorf("another one after the first: %v", err)
	}
	list, _, _, err := operator.Remedies(t.Context(), id)
	if err != nil || len(list) != 2 || list[0].State != store.RemedyDone || list[0].Files != 1 || *list[0].Comment != "here it is" || list[0].FinishedAt == nil ||
		!strings.HasSuffix(list[0].RequestedBy, "operator") {
		t.Errorf("%+v, %v", list, err)
	}
	var codes, details string
	err = owner.QueryRow(t.Context(), `SELECT string_agg(reason_code, ' ' ORDER BY id), string_agg(detail::text, '') FROM chorus.events WHERE invoice_id = $1 AND reason_code LIKE 'REMEDY%'`, id).
		Scan(&codes, &details)
	if err != nil || codes != "REMEDY_REQUESTED REMEDY_DONE REMEDY_REQUESTED" || strings.Contains(details, "canary") || !strings.Contains(details, `"files": 1`) {
		t.Errorf("%s %s, %v", codes, details, err)
	}
}

func TestAttachments(t *testing.T) {
	db := storetest.New(t)
	owner, worker, app := as(t, db.URL), as(t, db.WorkerURL), store.New(as(t, db.AppURL))
	big := bytes.Repeat([]byte("x"), 10<<20)
	for _, c := range []struct {
		nom     string
		contenu []byte
		good    bool
	}{
		{"bon.pdf", []byte("x"), true},
		{"bon de livraison n°3.PDF", []byte("x"), true},
		{strings.Repeat("é", 46) + ".pdf", []byte("x"), true},
		{"large.zip", big[1:], true},
		{strings.Repeat("é", 47) + ".pdf", []byte("x"), false},
		{"bon", []byte("x"), false},
		{".pdf", []byte("x"), false},
		{"", []byte("x"), false},
		{"virus.exe", []byte("x"), false},
		{"../bon.pdf", []byte("x"), false},
		{`c:\bon.pdf`, []byte("x"), false},
		{"bon\n.pdf", []byte("x"), false},
		{"empty.pdf", []byte{}, false},
		{"large.zip", big, false},
	} {
		id := integrated(t, owner, `state = 'integrated', statut_courant = 'SUSPENDUE'`)
		_, err := app.CompleteInvoice(t.Context(), id, "", []store.Attachment{{Nom: c.nom, Contenu: c.contenu}})
		if c.good != (err == nil) || !c.good && store.SQLState(err) != "CH024" {
			t.Errorf("%q of %d bytes: %v", c.nom, len(c.contenu), err)
		}
		if list, _, _, err := store.New(worker).Remedies(t.Context(), id); err != nil || (len(list) == 1) != c.good {
			t.Errorf("%q: %d remedies, %v: a refused file takes the whole completion with it", c.nom, len(list), err)
		}
	}
	id := integrated(t, owner, `state = 'integrated', statut_courant = 'SUSPENDUE'`)
	remedy, err := app.CompleteInvoice(t.Context(), id, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := worker.Exec(t.Context(), `UPDATE chorus.remedies SET claim = 1 WHERE id = $1`, remedy); err != nil {
		t.Fatal(err)
	}
	if _, err := app.Pool().Exec(t.Context(), `SELECT chorus.attach($1, 'late.pdf', 'x')`, remedy); store.SQLState(err) != "CH022" {
		t.Errorf("attached to what had begun: %v", err)
	}
	for name, pool := range map[string]*pgxpool.Pool{"app": app.Pool(), "operator": as(t, db.OperatorURL), "reader": as(t, db.ReaderURL)} {
		for _, attack := range []string{
			`SELECT contenu FROM chorus.remedy_files`, `UPDATE chorus.remedies SET state = 'done'`, `DELETE FROM chorus.remedies`,
			`INSERT INTO chorus.remedies (invoice_id, kind, requested_by) VALUES (1, 'complete', 'me')`, `SELECT (chorus.remediable(1, 'SUSPENDUE')).id`,
		} {
			if _, err := pool.Exec(t.Context(), attack); store.SQLState(err) != "42501" {
				t.Errorf("%s, %s: %v", name, attack, err)
			}
		}
	}
}

// What is not said stays as it was, by the document or by the last time; a service does not follow the invoice to another recipient.
func TestRouting(t *testing.T) {
	db := storetest.New(t)
	owner, operator := as(t, db.URL), store.New(as(t, db.OperatorURL))
	const from = `state = 'integrated', statut_courant = 'A_RECYCLER', destinataire_siret = '11111111111111', code_service = 'OLD', numero_engagement = 'EJ-1'`
	for _, c := range []struct {
		to   store.Routing
		want string
	}{
		{store.Routing{CodeService: "NEW"}, "11111111111111 NEW EJ-1"},
		{store.Routing{Engagement: "EJ-2"}, "11111111111111 OLD EJ-2"},
		{store.Routing{DestinataireSIRET: "22222222222222"}, "22222222222222 - EJ-1"},
		{store.Routing{DestinataireSIRET: "11111111111111"}, "11111111111111 OLD EJ-1"},
		{store.Routing{DestinataireSIRET: "22222222222222", CodeService: "X", Engagement: "EJ-3"}, "22222222222222 X EJ-3"},
		{store.Routing{}, "CH024"},
		{store.Routing{DestinataireSIRET: "222222222"}, "CH024"},
		{store.Routing{Engagement: strings.Repeat("x", 51)}, "CH024"},
	} {
		id := integrated(t, owner, from)
		_, err := operator.RecycleInvoice(t.Context(), id, c.to, "")
		got := store.SQLState(err)
		if err == nil {
			list, _, _, err := operator.Remedies(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			service := "-"
			if list[0].CodeService != nil {
				service = *list[0].CodeService
			}
			got = fmt.Sprint(*list[0].DestinataireSIRET, " ", service, " ", *list[0].NumeroEngagement)
		}
		if got != c.want {
			t.Errorf("%+v: %s, want %s", c.to, got, c.want)
		}
	}
}

func TestReplacing(t *testing.T) {
	db := storetest.New(t)
	owner, worker, app, operator := as(t, db.URL), as(t, db.WorkerURL), store.New(as(t, db.AppURL)), store.New(as(t, db.OperatorURL))
	if err := store.New(worker).EnsureAccounts(t.Context(), []string{"other"}); err != nil {
		t.Fatal(err)
	}
	db.Map(t, "default", "other")
	old := integrated(t, owner, `state = 'rejected', statut_courant = 'REJETEE'`)
	insert := func(account string, replaces int64) (int64, error) {
		return app.Submit(t.Context(), store.Insertion{Account: account, Document: []byte("x"), Replaces: replaces})
	}
	refused := func(what string, err error, state string) {
		t.Helper()
		if store.SQLState(err) != state {
			t.Errorf("%s: %v, want %s", what, err, state)
		}
	}
	_, err := insert("other", old)
	refused("another account's", err, "CH014")
	_, err = insert("default", 999)
	refused("one that is not there", err, "CH014")
	first, err := insert("default", old)
	if err != nil {
		t.Fatal(err)
	}
	_, err = insert("default", old)
	refused("one that is replaced already", err, "CH014")
	_, err = owner.Exec(t.Context(), `UPDATE chorus.invoices SET replaces = NULL WHERE id = $1`, first)
	refused("changing it", err, "CH001")
	if _, replaces, _, err := operator.Remedies(t.Context(), first); err != nil || replaces != old {
		t.Errorf("%d replaces %d, %v", first, replaces, err)
	}

	// A replacement that never reached the portal makes room for another, and does not come back beside it.
	force(t, owner, first, `state = 'invalid'`)
	second, err := insert("default", old)
	if err != nil {
		t.Fatal(err)
	}
	_, err = operator.Retry(t.Context(), first, "because", nil)
	refused("the first one, again", err, "CH022")
	force(t, owner, second, `state = 'rejected', attempt_no = 1`)
	third, err := insert("default", old)
	if err != nil {
		t.Fatal(err)
	}
	_, err = operator.Retry(t.Context(), second, "because", nil)
	refused("the second one, again", err, "CH022")
	// One that the recipient refused, too, is itself what is replaced.
	force(t, owner, third, `state = 'rejected', attempt_no = 1, identifiant_facture_cpp = 12345`)
	_, err = insert("default", old)
	refused("past the third one", err, "CH014")
	if _, err = insert("default", third); err != nil {
		t.Error(err)
	}
	if _, _, by, err := operator.Remedies(t.Context(), old); err != nil || by != third {
		t.Errorf("%d is replaced by %d, %v", old, by, err)
	}
}
