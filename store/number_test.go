package store_test

import (
	"strings"
	"testing"

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
	rows, err := b.worker.Pool().Query(b.ctx, `EXPLAIN SELECT FROM unnest($1::text[]) n JOIN chorus.invoices i ON `+store.Numbered("i", "n"), []string{"low-1"})
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
