package worker_test

import (
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// Whatever stands between a worker and its database, or in its address, an invoice is followed to its end, and its history names who did it.
func TestOddWaysToTheDatabase(t *testing.T) {
	t.Parallel()
	mode := func(value string) func(*testing.T, string) string {
		return func(t *testing.T, address string) string {
			u, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			q := u.Query()
			q.Set("default_query_exec_mode", value)
			u.RawQuery = q.Encode()
			return u.String()
		}
	}
	for name, way := range map[string]func(*testing.T, string) string{
		"PgBouncer in session mode": func(t *testing.T, address string) string {
			through, ok := storetest.PgBouncer(t, address, "session")
			if !ok {
				t.Log("PgBouncer is not installed: the direct way is tried")
				return address
			}
			return through
		},
		"simple_protocol": mode("simple_protocol"),
		"exec":            mode("exec"),
		"describe_exec":   mode("describe_exec"),
		"cache_describe":  mode("cache_describe"),
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, nil)
			h.db.WorkerURL = way(t, h.db.WorkerURL)
			stop := h.run()
			id := h.insert(invoicetest.Invoice{}.UBL())
			h.await(id, store.Settled)
			stop()
			owner, err := pgxpool.New(t.Context(), h.db.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer owner.Close()
			var others int
			if err := owner.QueryRow(t.Context(), `SELECT count(*) FROM chorus.events WHERE invoice_id = $1 AND to_state <> 'received' AND actor NOT LIKE '%/test'`, id).Scan(&others); err != nil || others > 0 {
				t.Errorf("%d events name somebody else, %v", others, err)
			}
		})
	}
}
