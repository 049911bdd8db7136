package worker_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/worker"
)

// What the portal holds takes longer to list than a job may run. It is read slice by slice, each page once and no two at a time, and what waits is sent in the end.
func TestAComparisonThatTakesLongerThanAJob(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{MaxPage: 2})
	slow := func(c *worker.Config) { c.Settings.SyncEvery = time.Hour }
	stop := h.run(slow)
	h.await(h.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Settled)
	stop()
	const pages = 60
	for k := range 2*pages - 2 {
		if _, err := h.sim.TypeIn(chorustest.Facts{Numero: fmt.Sprintf("BY-HAND-%d", k), Date: "2026-02-01", Fournisseur: "99999999800012", Destinataire: "11000001100011"}); err != nil {
			t.Fatal(err)
		}
	}
	api, err := url.Parse(h.sim.APIURL())
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	asked, at, most := map[string]int{}, 0, 0
	portal := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: api.Scheme, Host: api.Host})
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if bytes.Contains(body, []byte("periodeDateDepotDu")) {
			_, page, _ := bytes.Cut(body, []byte(`"pageResultatDemandee":`))
			page, _, _ = bytes.Cut(page, []byte(`,`))
			mu.Lock()
			asked[string(page)]++
			at++
			most = max(most, at)
			mu.Unlock()
			time.Sleep(600 * time.Millisecond)
			mu.Lock()
			at--
			mu.Unlock()
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		portal.ServeHTTP(rw, r)
	}))
	t.Cleanup(front.Close)
	id := h.insert(invoicetest.Invoice{Numero: "AFTER"}.UBL())
	h.start(slow, func(c *worker.Config) { c.Accounts[0].Chorus.APIURL = front.URL + api.Path })
	read := func(n int) {
		t.Helper()
		for end := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
			mu.Lock()
			got := len(asked)
			mu.Unlock()
			if got >= n {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%d pages were asked for", got)
			}
		}
	}
	read(pages / 2)
	var state string
	if err := h.db.Pool.QueryRow(t.Context(), `SELECT state FROM chorus.invoices WHERE id = $1`, id).Scan(&state); err != nil || state != "ready" {
		t.Errorf("while it is read: %s, %v", state, err)
	}
	h.until("it is said how far it is", `SELECT compare_page > 10 AND compare_pages = $1 FROM chorus.accounts WHERE name = 'default'`, pages)
	read(pages)
	h.await(id, store.Deposited, store.Integrated, store.Settled)
	mu.Lock()
	defer mu.Unlock()
	for page, times := range asked {
		if times != 1 {
			t.Errorf("page %s was asked for %d times", page, times)
		}
	}
	if most != 1 {
		t.Errorf("%d pages were asked for at once", most)
	}
}
