//go:build long

package worker_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/invoice/invoicetest"
)

// traffic is how long faults are planted; zero: each once. make traffic does it for an hour, make nightly for ten minutes.
var traffic = flag.Duration("traffic", 0, "how long TestTraffic plants faults")

// directory are the portal's words about recipients and suppliers that it does not know: the first invoice to a recipient is not held up until it is asked.
var directory = regexp.MustCompile(`n'est pas reference|engagement juridique|service`)

// rounds is how many rounds of traffic one house has: its ledger and its rows are read whole.
const rounds = 10

// TestTraffic sends documents with planted faults of every kind through a worker to the portal, among good ones. What a rule stops never reaches the portal; what reaches it is refused there
// only where a rule has warned of it, which by itself is a guess; and nothing that is right is stopped.
func TestTraffic(t *testing.T) {
	t.Parallel()
	end := time.Now().Add(*traffic)
	for first := 0; first == 0 || time.Now().Before(end) && !t.Failed(); first += rounds {
		t.Run(fmt.Sprintf("from round %d on", first), func(t *testing.T) {
			h := newHouse(t, nil)
			h.start()
			h.until("the account is known", `SELECT true FROM chorus.accounts WHERE name = 'default'`)
			x := &traffickers{house: h, app: h.app(), owner: h.owner()}
			for round := first; round == first || round < first+rounds && time.Now().Before(end); round++ {
				x.judge(x.plant(round))
			}
			t.Logf("%d stopped here, %d sent and taken, %d refused there after a warning", x.stopped, x.sent, x.refused)
			if x.stopped == 0 || x.sent == 0 {
				t.Error("nothing was stopped, or nothing was sent")
			}
		})
	}
}

// traffickers are a house and what became of its traffic.
type traffickers struct {
	*house
	app, owner             *pgxpool.Pool
	last                   int64 // the last row that was judged
	refused, stopped, sent int
}

// judge waits until the rows of a round are over, and holds what became of each against its name.
func (h *traffickers) judge(planted, right map[string]string) {
	t := h.t
	for deadline, open := time.Now().Add(10*time.Minute), 1; ; time.Sleep(50 * time.Millisecond) {
		if err := h.owner.QueryRow(t.Context(), `SELECT count(*) FROM chorus.invoices WHERE state IN ('received', 'ready', 'sending', 'in_doubt', 'deposited')`).Scan(&open); err != nil {
			t.Fatal(err)
		}
		if open == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d invoices are not over after ten minutes", open)
		}
	}
	reached := map[string]bool{}
	for _, e := range h.sim.Ledger() {
		for _, d := range e.Documents {
			reached[d.SHA256] = true
		}
	}
	rows, err := h.owner.Query(t.Context(), `
		SELECT id, encode(document_sha256, 'hex'), state::text, coalesce(reason_code, ''), coalesce(reason, ''), findings,
		       (SELECT count(*) FROM chorus.invoice_findings WHERE invoice_id = id AND severity = 'error')
		FROM chorus.invoices
		WHERE id > $1
		ORDER BY id`, h.last)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var sum, state, code, reason string
		var findings, errors int
		if err := rows.Scan(&h.last, &sum, &state, &code, &reason, &findings, &errors); err != nil {
			t.Fatal(err)
		}
		name := planted[sum] + right[sum]
		switch state {
		case "invalid":
			h.stopped++
			if code != "DUPLICATE_NUMBER" && (reached[sum] || errors == 0) { // a document that does not bear the round's number went in an earlier one
				t.Errorf("%s is invalid, with %d errors, and at the portal: %v", name, errors, reached[sum])
			}
			if right[sum] != "" {
				t.Errorf("%s is stopped: %s %s", name, code, reason)
			}
		case "rejected":
			h.refused++
			if findings == 0 && !directory.MatchString(reason) || right[sum] != "" {
				t.Errorf("%s reached the portal, which refused it, and no rule had said a word: %s", name, reason)
			}
		default:
			h.sent++
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// plant inserts good documents, near ones, broken ones and ones with a fault, under numbers of their own, and returns their names by hash.
func (h *traffickers) plant(round int) (planted, right map[string]string) {
	planted, right = map[string]string{}, map[string]string{}
	n := 0
	insert := func(names map[string]string, name string, doc []byte) {
		n++
		doc = bytes.ReplaceAll(doc, []byte("F-2026-0001"), fmt.Appendf(nil, "T%04d-%05d", round%10000, n))
		sum := sha256.Sum256(doc)
		if key := hex.EncodeToString(sum[:]); planted[key]+right[key] == "" { // documents without that number are the same each time
			names[key] = name
		}
		if _, err := h.app.Exec(h.t.Context(), `INSERT INTO chorus.invoices (document) VALUES ($1)`, doc); err != nil {
			h.t.Fatal(err)
		}
	}
	for _, b := range invoicetest.Planted() {
		insert(planted, b.Name, b.Document)
	}
	for _, b := range invoicetest.Near() { // which the portal's directory may know nothing of
		insert(planted, b.Name, b.Document)
	}
	for _, b := range invoicetest.Hostile() {
		if len(b.Document) > 0 && len(b.Document) < 10_000 {
			insert(planted, b.Name, b.Document)
		}
	}
	for _, b := range invoicetest.Right(fmt.Sprintf("R%04d", round%10000)) {
		insert(right, b.Name, b.Document)
	}
	return planted, right
}
