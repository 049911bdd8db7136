package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// Every state, parked for every reason, times every command of an operator: refused in words, or safe. Safe means that nothing may leave because of it:
// no row becomes ready or sending.
func TestNoCommandMakesARowSendable(t *testing.T) {
	db := storetest.New(t)
	owner, app, operator := as(t, db.URL), as(t, db.AppURL), store.New(as(t, db.OperatorURL))
	type start struct{ name, set string }
	var starts []start
	for _, s := range store.States {
		starts = append(starts, start{string(s), `attempt_no = 1, state = '` + string(s) + `'`})
	}
	for _, code := range []string{
		store.ParkAbsent, store.ParkSeveral, store.ParkMismatch, store.ParkContradiction, store.ParkBudget, store.ParkTooOld, store.ParkPoison,
		store.ParkConfiguration, store.ParkIncident,
	} {
		starts = append(starts, start{"parked " + code, `attempt_no = 1, state = 'parked', reason_code = '` + code + `'`})
	}
	starts = append(
		starts,
		start{"refused by the recipient", `attempt_no = 1, state = 'rejected', reason_code = 'RECIPIENT', identifiant_facture_cpp = id, statut_courant = 'REJETEE'`},
		start{"never sent", `state = 'parked', reason_code = 'POISON', attempt_no = 0`},
		start{"at the portal", `attempt_no = 1, state = 'parked', reason_code = 'CONTRADICTION', identifiant_facture_cpp = id`},
	)
	commands := map[string]func(id int64) (store.State, error){
		"cancel": func(id int64) (store.State, error) { return operator.Cancel(t.Context(), id) },
		"retry":  func(id int64) (store.State, error) { return operator.Retry(t.Context(), id, "because", nil) },
	}
	for _, r := range []store.Resolution{
		{Action: store.ActionAccept},
		{Action: store.ActionAccept, Flux: "OURS"},
		{Action: store.ActionAccept, Flux: "INVENTED"},
		{Action: store.ActionAccept, Override: true},
		{Action: store.ActionLookup},
		{Action: store.ActionLookup, Override: true},
		{Action: store.ActionResubmit},
		{Action: store.ActionResubmit, Override: true},
		{Action: store.ActionResubmit, Flux: "OURS"},
		{Action: store.ActionAbandon},
		{Action: store.ActionAbandon, Override: true},
		{Action: "ready"},
	} {
		commands[fmt.Sprintf("resolve %s %s %t", r.Action, r.Flux, r.Override)] = func(id int64) (store.State, error) {
			r := r
			r.Reason = "because"
			if r.Flux == "OURS" {
				r.Flux = fmt.Sprint("F", id)
			}
			return operator.ResolveParked(t.Context(), id, r)
		}
	}
	// What is allowed, by where it leads; everything else is refused.
	allowed := func(from, command string) store.State {
		state, code, _ := strings.Cut(from, " ")
		switch {
		case command == "cancel" && (state == "received" || state == "ready"):
			return store.Cancelled
		case command == "cancel" && (state == "sending" || state == "in_doubt" || state == "cancelled"):
			return store.State(state)
		case command == "retry" && state == "invalid":
			return store.Received
		case command == "retry" && state == "rejected":
			return store.InDoubt
		case !strings.HasPrefix(command, "resolve"):
			return ""
		case state != "parked" && from != "never sent" && from != "at the portal":
			return ""
		}
		switch command {
		case "resolve accept  false":
			if from != "at the portal" && code != store.ParkContradiction && code != store.ParkSeveral && code != store.ParkMismatch {
				return store.Deposited
			}
		case "resolve accept OURS false":
			return store.Deposited
		case "resolve lookup  false":
			if from != "never sent" {
				return store.InDoubt
			}
		case "resolve resubmit  false", "resolve resubmit  true":
			if from != "at the portal" && code != store.ParkContradiction {
				return store.InDoubt
			}
		case "resolve abandon  false":
			if code == store.ParkIncident {
				return store.Abandoned
			}
		case "resolve abandon  true":
			return store.Abandoned
		}
		return ""
	}
	for _, from := range starts {
		rows, err := app.Query(t.Context(), `INSERT INTO chorus.invoices (document) SELECT 'x' FROM generate_series(1, $1) RETURNING id`, len(commands))
		if err != nil {
			t.Fatal(err)
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			t.Fatal(err)
		}
		unruled(t, owner, `
			INSERT INTO chorus.attempts (id, invoice_id, n, worker, nom_fichier, sha256, db_epoch, claimed_at, send_deadline, finished_at, outcome, numero_flux_depot)
			SELECT gen_random_uuid(), id, 1, 'w', 'f' || id, 'x', 'e', now(), now(), now(), 'ACCEPTED', 'F' || id FROM unnest($1::bigint[]) id`, ids)
		forceAll(t, owner, ids, from.set)
		for name, command := range commands {
			got, err := command(ids[0])
			ids = ids[1:]
			want := allowed(from.name, name)
			switch state := store.SQLState(err); {
			case want == "" && (len(state) != 5 || state[:2] != "CH" || store.Message(err) == ""):
				t.Errorf("%s, %s: %q %v, want a refusal in words", from.name, name, got, err)
			case want != "" && (err != nil || got != want):
				t.Errorf("%s, %s: %q %v, want %s", from.name, name, got, err, want)
			case got == store.Ready || got == store.Sending && from.name != "sending":
				t.Errorf("%s, %s makes it %s", from.name, name, got)
			}
		}
	}
}

// What is known of a parked row: the fluxes of its attempts, those of the last look-up, and none that another row holds.
func TestWhatIsKnownOfAParkedInvoice(t *testing.T) {
	db := storetest.New(t)
	owner, app, operator := as(t, db.URL), as(t, db.AppURL), store.New(as(t, db.OperatorURL))
	insert := func() (id int64) {
		if err := app.QueryRow(t.Context(), `INSERT INTO chorus.invoices (document) VALUES ('x') RETURNING id`).Scan(&id); err != nil {
			t.Fatal(err)
		}
		return id
	}
	id, other := insert(), insert()
	force(t, owner, other, `state = 'deposited', numero_flux_depot = 'THEIRS'`)
	unruled(t, owner, `
		INSERT INTO chorus.attempts (id, invoice_id, n, worker, nom_fichier, sha256, db_epoch, claimed_at, send_deadline, finished_at, outcome, numero_flux_depot, evidence)
		VALUES (gen_random_uuid(), $1, 1, 'w', 'f1', 'x', 'e', now() - interval '2 days', now(), now() - interval '1 day', 'ACCEPTED', 'FIRST', '{"lookups": [{"flux": "OLD"}]}'),
		       (gen_random_uuid(), $1, 2, 'w', 'f2', 'x', 'e', now(), now(), now(), 'AMBIGUOUS', NULL,
		        '{"lookups": [{"found": 0}, {"found": 3, "flux": "SECOND", "fluxes": ["FIRST", "THEIRS", "SECOND"]}]}')`, id)
	force(t, owner, id, `state = 'parked', reason_code = 'SEVERAL', attempt_no = 2`)
	fluxes, actions, err := operator.Resolutions(t.Context(), id)
	if err != nil || fmt.Sprint(fluxes) != "[{FIRST attempt 1, last look-up} {SECOND last look-up}]" {
		t.Errorf("%v, %v", fluxes, err)
	}
	refusals := map[store.Action]string{}
	for _, a := range actions {
		refusals[a.Action] = a.Refusal
	}
	if len(refusals) != 4 || !strings.Contains(refusals[store.ActionAccept], "FIRST or SECOND") || refusals[store.ActionLookup] != "" ||
		refusals[store.ActionResubmit] != "" || !strings.Contains(refusals[store.ActionAbandon], "attempt 1 was accepted as FIRST") {
		t.Errorf("%q", refusals)
	}
	if _, err := operator.ResolveParked(t.Context(), id, store.Resolution{Action: store.ActionAccept, Flux: "THEIRS", Reason: "x"}); store.SQLState(err) != "CH022" {
		t.Errorf("another row's flux was accepted: %v", err)
	}
	if _, err := operator.ResolveParked(t.Context(), id, store.Resolution{Action: store.ActionAccept, Flux: "FIRST", Reason: " "}); store.SQLState(err) != "CH021" {
		t.Errorf("accepted without a reason: %v", err)
	}
	if _, err := operator.ResolveParked(t.Context(), id, store.Resolution{Action: store.ActionAccept, Flux: "FIRST", Reason: "seen by Claire"}); err != nil {
		t.Fatal(err)
	}
	// One event says who, why, and which flux; and the deposit is as old as it is.
	var line string
	err = owner.QueryRow(t.Context(), `
		SELECT concat_ws(' ', e.from_state, e.to_state, e.reason_code, e.detail ->> 'reason', e.detail ->> 'numero_flux_depot', i.deposited_at < now() - interval '23 hours')
		FROM chorus.events e JOIN chorus.invoices i ON i.id = e.invoice_id
		WHERE e.invoice_id = $1 ORDER BY e.id DESC LIMIT 1`, id).Scan(&line)
	if err != nil || line != "parked deposited OPERATOR seen by Claire FIRST t" {
		t.Errorf("%s, %v", line, err)
	}
}

// An invoice that was given up may be at the portal all the same: another of its number is looked up before it is sent.
func TestANumberThatWasGivenUpIsLookedUpFirst(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		state string
		sent  int
		want  store.State
	}{{"abandoned", 1, store.InDoubt}, {"abandoned", 0, store.Ready}, {"rejected", 1, store.Ready}} {
		first := b.ready(t, "default")
		force(t, b.owner, first, fmt.Sprintf(`state = '%s', attempt_no = %d`, c.state, c.sent))
		id, err := b.app.Submit(t.Context(), store.Insertion{Document: []byte("<Invoice/>")})
		must(t, err)
		inv, err := b.worker.Take(t.Context(), id, b.claim(t, store.StepValidate, "default")[id], store.Received, 1<<40)
		must(t, err)
		got, err := b.worker.Validated(t.Context(), inv, protocolFacts(fmt.Sprintf("N%d", first)))
		if err != nil || got != c.want {
			t.Errorf("after one that was %s with %d attempts: %s, %v", c.state, c.sent, got, err)
		}
	}
}

// After a quarantine a later attempt than the ones that are remembered may be forgotten: what was known before proves nothing.
func TestAnAttemptIsNoOlderThanTheLastQuarantine(t *testing.T) {
	b := newBench(t)
	id := b.ready(t, "default")
	a := b.sent(t, id, "default", true)
	_, err := b.worker.Reap(t.Context(), 0, 0)
	must(t, err)
	inv, err := b.worker.Take(t.Context(), id, b.claim(t, store.StepResolve, "default")[id], store.InDoubt, time.Hour)
	must(t, err)
	must(t, b.worker.Resolve(t.Context(), inv, a, store.Lookup{Absent: true}, store.Doubt{To: store.Parked, ReasonCode: store.ParkAbsent}))
	_, err = b.owner.Exec(t.Context(), `ALTER TABLE chorus.attempts DISABLE TRIGGER USER; UPDATE chorus.attempts SET claimed_at = now() - interval '10 hours'`)
	must(t, err)
	before, err := b.worker.Attempts(t.Context(), id)
	must(t, err)
	if before[0].Older || before[0].Age < 9*time.Hour || len(before[0].Lookups) != 1 {
		t.Errorf("before: %+v", before[0])
	}
	_, err = b.owner.Exec(t.Context(), `UPDATE chorus.installation SET quarantined_at = now(), suspect_until = now() + interval '1 hour'`)
	must(t, err)
	after, err := b.worker.Attempts(t.Context(), id)
	must(t, err)
	if !after[0].Older || after[0].Age > time.Hour || len(after[0].Lookups) != 0 {
		t.Errorf("after: %+v", after[0])
	}
	// Its owner, too, can only speak of what is remembered.
	_, err = b.operator.ResolveParked(t.Context(), id, store.Resolution{Action: store.ActionLookup, Reason: "x"})
	must(t, err)
	must(t, b.worker.Finish(t.Context(), a, store.Ending{Outcome: store.NotSent, To: store.Ready}))
	if i, _, err := b.worker.Show(t.Context(), id); err != nil || i.State != store.InDoubt {
		t.Errorf("that the remembered attempt was not sent makes the row %s, %v", i.State, err)
	}
}

// What was adopted is older than its adoption: it does not witness that what was sent before the adoption can be found.
func TestWhatWasAdoptedIsNoWitness(t *testing.T) {
	b := newBench(t)
	must(t, b.worker.Slots(t.Context(), 3))
	old := b.ready(t, "default")
	b.sent(t, old, "default", false)
	lost := b.ready(t, "default")
	b.sent(t, lost, "default", false)
	attempts, err := b.worker.Attempts(t.Context(), lost)
	must(t, err)
	inv, _, err := b.worker.Show(t.Context(), lost)
	must(t, err)
	asks := func(when string, wantVisible, wantAny bool) {
		t.Helper()
		visible, some, err := b.worker.Witness(t.Context(), store.Invoice{ID: lost, Account: "default", FournisseurSIRET: *inv.FournisseurSIRET}, attempts[0], 0)
		if must(t, err); visible != wantVisible || some != wantAny {
			t.Errorf("%s: visible %v, any %v", when, visible, some)
		}
	}
	asks("nothing came later", false, false)
	force(t, b.owner, old, `state = 'deposited', deposited_at = clock_timestamp(), visible_at = clock_timestamp()`)
	asks("an older one was adopted", false, false)
	young := b.ready(t, "default")
	c := b.sent(t, young, "default", false)
	must(t, b.worker.Finish(t.Context(), c, store.Ending{Outcome: store.Accepted, NumeroFlux: "YOUNG", To: store.Deposited}))
	asks("a younger one was acknowledged", false, true)
	force(t, b.owner, young, `state = 'rejected'`)
	asks("and refused: it will never be found, and is not waited for", false, false)
	force(t, b.owner, young, `state = 'deposited'`)
	force(t, b.owner, young, `visible_at = clock_timestamp()`)
	asks("and can be found", true, true)
}

// A flux that is rejected while somebody asks for its retry needs a second person as well.
func TestRetryOfWhatIsBeingRejected(t *testing.T) {
	b := newBench(t)
	must(t, b.worker.SetSecondPerson(t.Context(), time.Hour, ""))
	id := b.ready(t, "default")
	a := b.sent(t, id, "default", false)
	must(t, b.worker.Finish(t.Context(), a, store.Ending{Outcome: store.Accepted, NumeroFlux: "F1", To: store.Deposited}))
	tx, err := b.owner.Begin(t.Context())
	must(t, err)
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	_, err = tx.Exec(t.Context(), `UPDATE chorus.invoices SET state = 'rejected', reason_code = 'FLUX_REJECTED' WHERE id = $1`, id)
	must(t, err)
	retried := make(chan store.State, 1)
	go func() {
		state, err := b.operator.Retry(context.WithoutCancel(t.Context()), id, "because", nil)
		if err != nil {
			state = store.State(err.Error())
		}
		retried <- state
	}()
	for waits, end := false, time.Now().Add(20*time.Second); !waits && time.Now().Before(end); {
		must(t, b.owner.QueryRow(t.Context(), `
			SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%chorus.retry%')`).Scan(&waits))
	}
	must(t, tx.Commit(t.Context()))
	if state := <-retried; state != store.Asked {
		t.Errorf("one person is enough: %s", state)
	}
}
