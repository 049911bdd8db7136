package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// The annuaire fills what the portal has not said itself, adds up within one file, and is forgotten where the next file does not have it.
func TestTheAnnuaire(t *testing.T) {
	d := directory{t, storetest.New(t), nil}
	d.st = store.New(d.db.Pool)
	yes, no := true, false
	d.note("3", "")
	direct := d.note("3", "")
	direct.Structure, direct.Active, direct.ServicesListed = 7, true, true
	if err := d.st.RecipientChecked(t.Context(), direct, []store.RecipientService{{Code: "S", ID: 1, Active: true}}, time.Hour); err != nil {
		t.Fatal(err)
	}
	put := func(files ...[]store.Listed) {
		t.Helper()
		if due, err := d.st.TakeAnnuaire(t.Context(), time.Hour); err != nil || !due {
			t.Fatalf("due: %v, %v", due, err)
		}
		if due, err := d.st.TakeAnnuaire(t.Context(), time.Hour); err != nil || due {
			t.Fatalf("due for two: %v, %v", due, err)
		}
		begun, err := d.st.AnnuaireBegins(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, list := range files {
			if err := d.st.PutListed(t.Context(), begun, list); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.st.AnnuaireRead(t.Context(), begun, 3, 2, 0); err != nil {
			t.Fatal(err)
		}
	}
	service := []store.RecipientService{{Code: "S", Active: false, EngagementRequired: &yes}, {Code: "S", Active: true}, {Code: "T"}}
	put([]store.Listed{
		{SIRET: "1", Name: "UN", ServiceRequired: &yes},
		{SIRET: "2", Name: "DEUX", Active: &no, Services: service},
		{SIRET: "3", Name: "TROIS", Active: &no, EngagementRequired: &yes, Services: service},
	}, []store.Listed{{SIRET: "1", EngagementRequired: &yes, Services: service}})

	if got := d.due("default"); got != nil {
		t.Errorf("nobody has named them, and due are %s", got)
	}
	one := d.note("1", "S")
	if !one.Checked || !one.Listed || !one.Active || !one.ServiceRequired || !one.EngagementRequired || one.EitherRequired || !one.ServicesListed || one.Name != "UN" ||
		one.Service == nil || !one.Service.Active || one.Service.ID != 0 {
		t.Errorf("one is %+v %+v", one, one.Service)
	}
	if got := d.due("default"); len(got) != 1 || got[0] != "1" {
		t.Errorf("one is named, and due are %s", got)
	}
	if two := d.note("2", "T"); two.Active || two.Service == nil || two.Service.Active {
		t.Errorf("two is %+v %+v", two, two.Service)
	}
	if three := d.note("3", "T"); three.Listed || !three.Active || three.EngagementRequired || three.Service != nil {
		t.Errorf("what the portal said itself is %+v now", three)
	}
	if named, err := d.st.NamedServices(t.Context(), "1"); err != nil || len(named) != 0 {
		t.Errorf("services without the portal's number would be asked about: %+v, %v", named, err)
	}

	// The portal's own word replaces the file's.
	two := d.note("2", "")
	two.Structure, two.Active, two.ServicesListed = 9, true, false
	if err := d.st.RecipientChecked(t.Context(), two, nil, time.Hour); err != nil {
		t.Fatal(err)
	}
	if two := d.note("2", "S"); two.Listed || !two.Active || two.Service != nil {
		t.Errorf("two is %+v %+v", two, two.Service)
	}
	// The next file does not have the first one any more.
	put([]store.Listed{{SIRET: "4", Active: &yes}})
	if one := d.note("1", "S"); one.Checked || one.Listed || one.Service != nil {
		t.Errorf("one is %+v %+v", one, one.Service)
	}
	for k, news := range []bool{true, false} {
		if got, err := d.st.AnnuaireLater(t.Context(), time.Hour, "not subscribed"); err != nil || got != news {
			t.Errorf("said for the %d. time: %v, %v", k+1, got, err)
		}
	}
}

// TestALargeAnnuaire: a tenth of the public directory, and what the look for due recipients costs with it.
func TestALargeAnnuaire(t *testing.T) {
	d := directory{t, storetest.New(t), nil}
	d.st = store.New(d.db.Pool)
	if _, err := as(t, d.db.URL).Exec(t.Context(), `
		INSERT INTO chorus.recipients (siret, named_at, due_at, checked_at, listed_at) SELECT 'x' || n, 'epoch', 'infinity', now(), now() FROM generate_series(1, 20000) n`); err != nil {
		t.Fatal(err)
	}
	d.note("1", "")
	var plan string
	if err := as(t, d.db.URL).QueryRow(t.Context(), `
		EXPLAIN (FORMAT json) SELECT id FROM chorus.recipients r WHERE r.due_at < 'infinity' AND r.due_at <= clock_timestamp()`).Scan(&plan); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(plan, "recipients_due") {
		t.Errorf("every recipient is looked at: %s", plan)
	}
	if got := d.due("default"); len(got) != 1 {
		t.Errorf("due are %s", got)
	}
}
