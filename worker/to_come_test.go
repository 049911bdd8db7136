package worker_test

import (
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

// A deposit of a day that is to come, at a start: one whose own status is of today is a slip, and holds up nothing. Where the status is to come, too, a clock is wrong:
// after a while a person is asked, who is told so, and whose word lets the account go on.
func TestADepositOfADayThatIsToCome(t *testing.T) {
	t.Parallel()
	for name, fields := range map[string][]string{"a slip": {"dateDepot"}, "a clock": {"dateDepot", "dateHeureEtatCourant"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, &chorustest.Config{})
			var ahead atomic.Bool
			told := h.told(func(_, said []byte) []byte {
				var m map[string]any
				dec := json.NewDecoder(strings.NewReader(string(said)))
				dec.UseNumber()
				if !ahead.Load() || dec.Decode(&m) != nil {
					return nil
				}
				lines, _ := m["listeFactures"].([]any)
				for _, x := range lines {
					f, _ := x.(map[string]any)
					for _, field := range fields {
						f[field] = time.Now().AddDate(0, 0, 3).Format("2006-01-02T15:04:05.000-07:00")
						if field == "dateDepot" {
							f[field] = time.Now().AddDate(0, 0, 3).Format(time.DateOnly)
						}
					}
				}
				b, err := json.Marshal(m)
				if err != nil {
					return nil
				}
				return b
			})
			stop := h.run(told)
			h.await(h.insert(invoicetest.Invoice{Numero: "DAY-0"}.UBL()), store.Settled)
			stop()
			ahead.Store(true)
			h.start(told)
			id := h.insert(invoicetest.Invoice{Numero: "DAY-1"}.UBL())
			if name == "a clock" {
				h.until("a person is asked", `SELECT pause_reason LIKE 'NOT_VOUCHED: Chorus Pro has got a deposit of %' FROM chorus.accounts`)
				h.await(id, store.Ready)
				lines, err := operate.Todos(t.Context(), h.db.Pool, operate.TodoFilter{Kind: "account"})
				if err != nil || len(lines) != 1 || !strings.Contains(lines[0].Cause, "PostgreSQL's clock is behind, or Chorus Pro's is ahead") || !strings.Contains(lines[0].CauseFR, "jour à venir") {
					t.Errorf("todo says %+v, %v", lines, err)
				}
				if err := store.New(h.db.Pool).SetPaused(t.Context(), "default", false, ""); err != nil {
					t.Fatal(err)
				}
			}
			h.await(id, store.Deposited, store.Integrated, store.Settled)
		})
	}
}
