package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/choriste/choriste/store"
)

// A number is made bare alike in Go and in SQL: a row that one finds and the other does not would be sent twice.
func TestANumberIsMadeBareAlike(t *testing.T) {
	b := newBench(t)
	same := func(t rapid.TB, number string) {
		var sql string
		if err := b.worker.Pool().QueryRow(b.ctx, `SELECT chorus.bare_number($1)`, number).Scan(&sql); err != nil {
			t.Fatal(err)
		}
		if got := store.BareNumber(number); got != sql {
			t.Errorf("%q is %q in Go and %q in SQL", number, got, sql)
		}
	}
	for number, want := range map[string]string{"low-1": "LOW-1", "F  2026-7": "F2026-7", "0042": "42", "00": "", " é\u00a0a\u202f ": "éA", "a+B_c/9": "A+B_C/9", "\t1\r\n\v\f": "1"} {
		if got := store.BareNumber(number); got != want {
			t.Errorf("%q becomes %q, want %q", number, got, want)
		}
		same(t, number)
	}
	rapid.Check(t, func(r *rapid.T) {
		same(r, strings.ReplaceAll(rapid.String().Draw(r, "number"), "\x00", ""))
	})
}

// What another writing of a number costs: the few numbers that are not bare have an index of their own, and none of these statements reads a table whole.
func TestANumberInAnotherWritingIsFoundByIndex(t *testing.T) {
	b := newBench(t)
	tx, err := b.worker.Pool().Begin(b.ctx)
	must(t, err)
	defer func() { must(t, tx.Rollback(b.ctx)) }()
	_, err = tx.Exec(b.ctx, `SET LOCAL enable_seqscan = off`) // the table is empty
	must(t, err)
	rows, err := tx.Query(b.ctx, `EXPLAIN SELECT FROM unnest($1::text[]) n CROSS JOIN `+store.OfNumber("i", "n"), []string{"low-1"})
	must(t, err)
	var plan []string
	for rows.Next() {
		var line string
		must(t, rows.Scan(&line))
		plan = append(plan, line)
	}
	must(t, rows.Err())
	if text := strings.Join(plan, "\n"); !strings.Contains(text, "invoices_bare_number") || !strings.Contains(text, "invoices_numero") {
		t.Errorf("it is found by\n%s", text)
	}
}

// What the portal holds in another writing of a row's number is noticed by each that compares: the comparison of a start, if it is worth the same; the feed, which has the
// row looked up, and keeps the line for that; and what is inserted later. Another row's invoice disturbs nobody.
func TestANumberInAnotherWritingIsCompared(t *testing.T) {
	b := newFeedBench(t)
	at := time.Now().Add(-time.Minute)
	low := func(f store.Seen) store.Seen {
		f.NumeroFacture = " 00" + strings.ToLower(f.NumeroFacture)
		return f
	}
	unsent := func(f store.Seen) (id int64) {
		found, _, err := b.worker.Unsent(b.ctx, "default", time.Now(), time.Now(), []store.Seen{f})
		must(t, err)
		return found[0]
	}
	set := func(id int64, what string) {
		_, err := b.owner.Exec(b.ctx, fmt.Sprintf(`SET session_replication_role = replica; UPDATE chorus.invoices SET %s WHERE id = %d; RESET session_replication_role`, what, id))
		must(t, err)
	}
	id := b.ready(t, "default")
	set(id, `montant_ttc = 1500.1`)
	line := low(seen(id, 5, "F5", at))
	if got := unsent(line); got != id {
		t.Errorf("the comparison finds row %d, want %d", got, id)
	}
	other := line
	other.MontantTTC = decimal.NewNullDecimal(decimal.RequireFromString("7"))
	if got := unsent(other); got != 0 {
		t.Errorf("one that is worth something else is taken for row %d", got)
	}
	b.follow(t, line)
	if state, _, _ := b.state(t, id); state != store.InDoubt || b.strangers(t) != 1 {
		t.Errorf("the feed has shown it, and the row is %s; %d strangers", state, b.strangers(t))
	}
	like, err := b.worker.StrangersLike(b.ctx, store.Invoice{NumeroFacture: fmt.Sprintf("N%d", id), FournisseurSIRET: line.FournisseurSIRET, DateFacture: line.DateFacture})
	must(t, err)
	if len(like) != 1 || like[0].NumeroFacture != line.NumeroFacture {
		t.Errorf("a look-up knows of %+v", like)
	}
	var shown bool
	must(t, b.worker.Pool().QueryRow(b.ctx, `SELECT chorus.shown($1, $2, $3)`, fmt.Sprintf("N%d", id), line.FournisseurSIRET, line.DateFacture).Scan(&shown))
	if !shown {
		t.Error("what is inserted later is not looked up first")
	}
	// 0N7 is another row's, whose deposit was acknowledged by that flux.
	theirs := b.deposited(t, "F7")
	waits := b.ready(t, "default")
	set(waits, fmt.Sprintf(`numero_facture = '0N%d'`, theirs))
	b.follow(t, seen(theirs, 7, "F7", at))
	if state, _, _ := b.state(t, waits); state != store.Ready {
		t.Errorf("another row's invoice has made it %s", state)
	}
	// 0N8 is another row's, which was found there under that very number when the answer to its deposit had been lost.
	adopted := b.deposited(t, "F8")
	set(adopted, fmt.Sprintf(`numero_facture = '0N%d', identifiant_facture_cpp = 8`, adopted))
	_, err = b.owner.Exec(b.ctx, `SET session_replication_role = replica`)
	must(t, err)
	_, err = b.owner.Exec(b.ctx, `UPDATE chorus.attempts SET outcome = 'AMBIGUOUS', numero_flux_depot = NULL WHERE invoice_id = $1`, adopted)
	must(t, err)
	waits = b.ready(t, "default")
	set(waits, fmt.Sprintf(`numero_facture = 'N%d'`, adopted))
	line = seen(adopted, 8, "F8", at)
	line.NumeroFacture = fmt.Sprintf("0N%d", adopted)
	b.follow(t, line)
	if state, _, _ := b.state(t, waits); state != store.Ready {
		t.Errorf("an invoice that another row has adopted has made it %s", state)
	}
	others, err := b.worker.OthersOf(b.ctx, waits, map[int64]string{8: line.NumeroFacture})
	if must(t, err); !others[8] {
		t.Error("a look-up takes for its own what another row has adopted")
	}
}
