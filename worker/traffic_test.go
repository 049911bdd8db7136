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

	"github.com/choriste/choriste/invoice/invoicetest"
)

// traffic is how long faults are planted; zero: each once. make nightly does it for ten minutes.
var traffic = flag.Duration("traffic", 0, "how long TestTraffic plants faults")

// directory are the portal's words about recipients and suppliers that it does not know: the first invoice to a recipient is not held up until it is asked.
var directory = regexp.MustCompile(`n'est pas reference|engagement juridique|service`)

// TestTraffic sends documents with planted faults of every kind through a worker to the portal, among good ones. What a rule stops never reaches the portal; what reaches it is refused there
// only where a rule has warned of it, which by itself is a guess; and nothing that is right is stopped.
func TestTraffic(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	h.until("the account is known", `SELECT true FROM chorus.accounts WHERE name = 'default'`)
	var refused, stopped, sent int
	for round, end := 0, time.Now().Add(*traffic); round == 0 || time.Now().Before(end); round++ {
		planted, right := h.plant(round)
		for deadline := time.Now().Add(5 * time.Minute); h.count(`SELECT count(*) FROM chorus.invoices WHERE state IN ('received', 'ready', 'sending', 'in_doubt', 'deposited')`) > 0; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("some invoices are not over after five minutes")
			}
		}
		rows, err := h.owner().Query(t.Context(), `
			SELECT encode(document_sha256, 'hex'), state::text, coalesce(reason_code, ''), coalesce(reason, ''), findings, (SELECT count(*) FROM chorus.invoice_findings WHERE invoice_id = id AND severity = 'error')
			FROM chorus.invoices`)
		if err != nil {
			t.Fatal(err)
		}
		reached := map[string]bool{}
		for _, e := range h.sim.Ledger() {
			for _, d := range e.Documents {
				reached[d.SHA256] = true
			}
		}
		for rows.Next() {
			var sum, state, code, reason string
			var findings, errors int
			if err := rows.Scan(&sum, &state, &code, &reason, &findings, &errors); err != nil {
				t.Fatal(err)
			}
			name := planted[sum] + right[sum]
			if name == "" {
				continue // of an earlier round
			}
			switch state {
			case "invalid":
				stopped++
				if reached[sum] || errors == 0 && code != "DUPLICATE_NUMBER" {
					t.Errorf("%s is invalid, with %d errors, and at the portal: %v", name, errors, reached[sum])
				}
				if right[sum] != "" {
					t.Errorf("%s is stopped: %s %s", name, code, reason)
				}
			case "rejected":
				refused++
				if findings == 0 && !directory.MatchString(reason) || right[sum] != "" {
					t.Errorf("%s reached the portal, which refused it, and no rule had said a word: %s", name, reason)
				}
			default:
				sent++
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d stopped here, %d sent and taken, %d refused there after a warning", stopped, sent, refused)
	if stopped == 0 || sent == 0 {
		t.Error("nothing was stopped, or nothing was sent")
	}
}

// plant inserts good documents, near ones, broken ones and ones with a fault, under numbers of their own, and returns their names by hash.
func (h *house) plant(round int) (planted, right map[string]string) {
	planted, right = map[string]string{}, map[string]string{}
	n := 0
	insert := func(names map[string]string, name string, doc []byte) {
		n++
		doc = bytes.ReplaceAll(doc, []byte("F-2026-0001"), fmt.Appendf(nil, "T%04d-%05d", round%10000, n))
		sum := sha256.Sum256(doc)
		if key := hex.EncodeToString(sum[:]); planted[key]+right[key] == "" { // documents without that number are the same each time
			names[key] = name
		}
		h.insert(doc)
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
