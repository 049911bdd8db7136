package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// directory is a house with recipients in it.
type directory struct {
	t  *testing.T
	db *storetest.Database
	st *store.Store
}

func (d directory) note(siret, service string) store.Recipient {
	d.t.Helper()
	r, err := d.st.NoteRecipient(d.t.Context(), "default", siret, service)
	if err != nil {
		d.t.Fatal(err)
	}
	return r
}

func (d directory) due(accounts ...string) (sirets []string) {
	d.t.Helper()
	err := pgx.BeginFunc(d.t.Context(), d.db.Pool, func(tx pgx.Tx) error {
		keys, err := d.st.DueRecipients(d.t.Context(), tx, 8, time.Hour, accounts)
		for _, k := range keys {
			r, err := d.st.Recipient(d.t.Context(), k.ID)
			if err != nil || k.Account != "default" {
				d.t.Errorf("%+v: %+v, %v", k, r, err)
			}
			sirets = append(sirets, r.SIRET)
		}
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	slices.Sort(sirets)
	return sirets
}

func (d directory) set(change, siret string) {
	d.t.Helper()
	if _, err := as(d.t, d.db.URL).Exec(d.t.Context(), `UPDATE chorus.recipients SET `+change+` WHERE siret = $1`, siret); err != nil {
		d.t.Fatal(err)
	}
}

func TestRecipientsAreAskedAboutOnceAWeek(t *testing.T) {
	d := directory{t, storetest.New(t), nil}
	d.st = store.New(d.db.Pool)
	for _, siret := range []string{"3", "1", "3", "2"} {
		if r := d.note(siret, ""); r.Checked {
			t.Errorf("%s is known: %+v", siret, r)
		}
	}
	if got := d.due("other"); got != nil {
		t.Errorf("another account asks about %s", got)
	}
	if got := fmt.Sprint(d.due("default", "other")); got != "[1 2 3]" {
		t.Errorf("due are %s", got)
	}
	if got := d.due("default"); got != nil {
		t.Errorf("due again are %s", got)
	}
	for siret, structure := range map[string]int64{"1": 25784153, "2": 0} { // the second is not known to the portal
		r := d.note(siret, "")
		r.Structure, r.Active, r.NeverReportsPayment = structure, true, true
		if err := d.st.RecipientChecked(t.Context(), r, nil, 7*24*time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	var told string
	err := as(t, d.db.URL).QueryRow(t.Context(), `
		SELECT string_agg(concat_ws(' ', siret, id_structure_cpp, active, never_reports_payment, service_required, extract(day FROM due_at - checked_at)), '; ' ORDER BY siret)
		FROM chorus.recipients`).Scan(&told)
	if err != nil || told != "1 25784153 t t f 7; 2 7; 3" {
		t.Errorf("stored %q, %v", told, err)
	}
	if r := d.note("2", ""); !r.Checked || r.Structure != 0 {
		t.Errorf("what the portal does not know is %+v", r)
	}
	// Nobody names it any more: it is not asked about, unless invoices to it are open.
	for _, siret := range []string{"1", "2"} {
		d.set(`due_at = '-infinity', named_at = named_at - interval '61 days'`, siret)
	}
	held(t, as(t, d.db.URL), store.Integrated, `destinataire_siret = '1'`)
	if got := fmt.Sprint(d.due("default")); got != "[1]" {
		t.Errorf("due are %s", got)
	}
	// Named again, it is.
	d.note("2", "")
	if got := fmt.Sprint(d.due("default")); got != "[2]" {
		t.Errorf("due are %s", got)
	}
	// One that an invoice waits for comes first, and is asked about at once.
	d.note("3", "")
	d.set(`checked_at = clock_timestamp() - interval '1 day'`, "3")
	r := d.note("3", "")
	if err := d.st.AskRecipient(t.Context(), r.ID, time.Hour); err != nil {
		t.Fatal(err)
	}
	if r := d.note("3", ""); r.Waited == 0 || r.Age < 23*time.Hour {
		t.Errorf("asked for: %+v", r)
	}
	if got := fmt.Sprint(d.due("default")); got != "[3]" {
		t.Errorf("due are %s", got)
	}
}

func TestServicesOfARecipient(t *testing.T) {
	d := directory{t, storetest.New(t), nil}
	d.st = store.New(d.db.Pool)
	d.note("1", "VOIRIE")
	r := d.note("1", "VOIRIE")
	r.Structure, r.Active, r.ServicesListed = 7, true, true
	check := func(services ...store.RecipientService) {
		t.Helper()
		if err := d.st.RecipientChecked(t.Context(), r, services, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	// The same code twice: the active one counts.
	check(store.RecipientService{Code: "VOIRIE", ID: 1}, store.RecipientService{Code: "VOIRIE", ID: 2, Active: true, Name: "Voirie"}, store.RecipientService{Code: "OLD", ID: 3, Active: true})
	if got := d.note("1", "VOIRIE"); got.Service == nil || got.Service.ID != 2 || !got.Service.Active || got.Service.EngagementRequired != nil {
		t.Errorf("the service is %+v", got.Service)
	}
	// Named by an invoice, it is due to be asked about.
	if got := fmt.Sprint(d.due("default")); got != "[1]" {
		t.Errorf("due are %s", got)
	}
	named, err := d.st.NamedServices(t.Context(), "1")
	if err != nil || len(named) != 1 || named[0].Code != "VOIRIE" {
		t.Errorf("named are %+v, %v", named, err)
	}
	if err := d.st.ServiceChecked(t.Context(), "1", "VOIRIE", true); err != nil {
		t.Fatal(err)
	}
	check(store.RecipientService{Code: "VOIRIE", ID: 2, Active: true})
	if got := d.note("1", "VOIRIE"); got.Service == nil || got.Service.EngagementRequired == nil || !*got.Service.EngagementRequired {
		t.Errorf("the service is %+v", got.Service)
	}
	if got := d.note("1", "OLD"); got.Service != nil || !got.ServicesListed {
		t.Errorf("a service that is gone is %+v", got.Service)
	}
	// A list that is not whole takes nothing away.
	r.ServicesListed = false
	check()
	if got := d.note("1", "VOIRIE"); got.Service == nil || got.ServicesListed {
		t.Errorf("after half a list: %+v", got)
	}
	// Which account asked is nobody else's business.
	if _, err := as(t, d.db.AppURL).Exec(t.Context(), `SELECT account FROM chorus.recipients`); store.SQLState(err) != "42501" {
		t.Errorf("an application reads who asked: %v", err)
	}
}
