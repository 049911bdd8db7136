package worker_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/invoice/rules"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/worker"
)

// What the rules find is in the database, for the application and all at once: code, term, value, place and words in both languages. Its event names the codes.
func TestFindingsComeBackToTheApplication(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.run(func(c *worker.Config) {
		c.Accounts[0].Rules = map[string]rules.Severity{"BR-CO-15": rules.Warning, "BR-CL-23": rules.Warning}
	})

	doc := invoicetest.Invoice{Numero: "THREE", Type: "999", Cadre: "S1"}.UBL()
	id := h.insert(bytes.Replace(doc, []byte("1500.00</cbc:TaxInclusiveAmount>"), []byte("1501.00</cbc:TaxInclusiveAmount>"), 1))
	got := h.await(id, store.Invalid)
	rows, err := h.app().Query(t.Context(), `
		SELECT term, severity, value, "where" LIKE '%(line %)', message <> message_fr, severity = lag(severity, 1, 'error') OVER (ORDER BY n) OR severity = 'warning', code
		FROM chorus.invoice_findings WHERE invoice_id = $1`, id)
	if err != nil {
		t.Fatal(err)
	}
	terms := map[string]string{}
	var first string
	for rows.Next() {
		var term, severity, value *string
		var place, french, ordered *bool
		var code string
		if err := rows.Scan(&term, &severity, &value, &place, &french, &ordered, &code); err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = code
		}
		if !*ordered || !*french {
			t.Errorf("%s: order %v, French %v", code, *ordered, *french)
		}
		if term != nil {
			terms[*term] = *severity
		}
		if code == "BR-CO-15" && (*value != "1501.00" || !*place) {
			t.Errorf("BR-CO-15 says %v, %v", *value, *place)
		}
	}
	if terms["BT-3"] != "error" || terms["BT-23"] != "error" || terms["BT-112"] != "warning" || *got.ReasonCode != first || got.Findings < 3 {
		t.Errorf("%v; reason code %s, first %s, %d findings", terms, *got.ReasonCode, first, got.Findings)
	}
	if !strings.Contains(*got.Reason, "BT-23") || strings.Contains(*got.Reason, "BR-CO-15") {
		t.Errorf("the reason is what stops it: %s", *got.Reason)
	}
	var codes string
	if err := h.db.Pool.QueryRow(t.Context(), `SELECT detail ->> 'findings' FROM chorus.events WHERE invoice_id = $1 AND to_state = 'invalid'`, id).Scan(&codes); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(codes, `"CH-CADRE"`) || !strings.Contains(codes, `"BR-CO-15"`) {
		t.Errorf("the event names %s", codes)
	}

	// A warning stops nothing, is kept, and named by the event.
	doc = invoicetest.Invoice{Numero: "WARNED"}.UBL()
	id = h.insert(bytes.ReplaceAll(doc, []byte(`unitCode="C62"`), []byte(`unitCode="XYZ1"`)))
	if got := h.await(id, store.Settled, store.Invalid, store.Rejected); got.State != store.Settled {
		t.Fatalf("%s: %v", got.State, *got.Reason)
	}
	h.until("the warning is kept", `SELECT i.findings = 1 AND f.code = 'BR-CL-23' AND f.severity = 'warning' AND e.detail -> 'findings' = '["BR-CL-23"]'
		FROM chorus.invoices i JOIN chorus.invoice_findings f ON f.invoice_id = i.id JOIN chorus.events e ON e.invoice_id = i.id AND e.to_state = 'ready'
		WHERE i.id = $1`, id)
}

// What is read again has new findings only.
func TestFindingsAreThoseOfTheLastReading(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	stop := h.run()
	id := h.insert(invoicetest.Invoice{Numero: "AGAIN", Cadre: "S1"}.UBL())
	h.await(id, store.Invalid)
	stop()
	operator, err := pgxpool.New(t.Context(), h.db.OperatorURL)
	if err != nil {
		t.Fatal(err)
	}
	defer operator.Close()
	if _, err := store.New(operator).Retry(t.Context(), id, "the rule is lowered", nil); err != nil {
		t.Fatal(err)
	}
	if n := h.count(`SELECT count(*) + coalesce(sum(findings), 0) FROM chorus.invoices LEFT JOIN chorus.invoice_findings ON invoice_id = id WHERE code IS NOT NULL OR findings > 0`); n != 0 {
		t.Errorf("%d findings are left", n)
	}
	h.run(func(c *worker.Config) { c.Accounts[0].Rules = map[string]rules.Severity{"CH-CADRE": rules.Off} })
	h.until("it was read again", `SELECT state NOT IN ('received', 'invalid') AND findings = 0 FROM chorus.invoices WHERE id = $1`, id)
}
