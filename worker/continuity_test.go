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

// Where every page of the listing fails once, each is asked for twice: what was read of a comparison is not read again.
func TestAComparisonGoesOnWhereItWasInterrupted(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{MaxPage: 2})
	slow := func(c *worker.Config) { c.Settings.SyncEvery = time.Hour }
	stop := h.run(slow)
	for k := range 9 {
		h.await(h.insert(invoicetest.Invoice{Numero: fmt.Sprintf("BEFORE-%d", k)}.UBL()), store.Settled)
	}
	stop()

	api, err := url.Parse(h.sim.APIURL())
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	asked := map[string]int{}
	portal := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: api.Scheme, Host: api.Host})
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if bytes.Contains(body, []byte("periodeDateDepotDu")) {
			page := string(body[bytes.Index(body, []byte(`"pageResultatDemandee"`)):][:len(`"pageResultatDemandee":1`)])
			mu.Lock()
			asked[page]++
			first := asked[page] == 1
			mu.Unlock()
			if first {
				rw.WriteHeader(http.StatusServiceUnavailable)
				return
			}
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		portal.ServeHTTP(rw, r)
	}))
	t.Cleanup(front.Close)
	id := h.insert(invoicetest.Invoice{Numero: "AFTER"}.UBL())
	h.start(slow, func(c *worker.Config) { c.Accounts[0].Chorus.APIURL = front.URL + api.Path })
	h.await(id, store.Deposited, store.Integrated, store.Settled)
	mu.Lock()
	defer mu.Unlock()
	if len(asked) != 5 {
		t.Fatalf("asked for %v, want five pages", asked)
	}
	for page, times := range asked {
		if times != 2 {
			t.Errorf("%s was asked for %d times, want 2", page, times)
		}
	}
}
