package worker_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/worker"
)

// The portal shows two invoices under one number of its own, for as long as it likes: the others on the page go their way, and nothing is written on the wrong row.
func TestAFeedThatRepeatsANumber(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{Step: 300 * time.Millisecond})
	api, err := url.Parse(h.sim.APIURL())
	if err != nil {
		t.Fatal(err)
	}
	var wrong atomic.Bool
	var times atomic.Int64
	portal := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: api.Scheme, Host: api.Host})
	portal.ModifyResponse = func(r *http.Response) error {
		if !wrong.Load() || !strings.HasSuffix(r.Request.URL.Path, "/rechercher/fournisseur") {
			return nil
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		var answer map[string]any
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.UseNumber()
		if decoder.Decode(&answer) == nil {
			rows, _ := answer["listeFactures"].([]any)
			var first map[string]any
			for _, row := range rows {
				row, _ := row.(map[string]any)
				if numero, _ := row["numeroFacture"].(string); !strings.HasPrefix(numero, "PAIR") {
					continue
				}
				if first == nil {
					first = row
					continue
				}
				row["identifiantFactureCPP"] = first["identifiantFactureCPP"]
				times.Add(1)
			}
			body, _ = json.Marshal(answer)
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
		return nil
	}
	front := httptest.NewServer(portal)
	t.Cleanup(front.Close)

	wrong.Store(true)
	pair := []int64{h.insert(invoicetest.Invoice{Numero: "PAIR-1"}.UBL()), h.insert(invoicetest.Invoice{Numero: "PAIR-2"}.UBL())}
	h.start(func(c *worker.Config) { c.Accounts[0].Chorus.APIURL = front.URL + api.Path })
	h.until("the portal repeats a number", `SELECT count(*) = 2 FROM chorus.invoices WHERE state NOT IN ('received', 'ready', 'sending')`)
	for end := time.Now().Add(20 * time.Second); times.Load() == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no page shows both")
		}
	}
	before := times.Load()
	h.await(h.insert(invoicetest.Invoice{Numero: "ALONE"}.UBL()), store.Settled)
	if times.Load() == before {
		t.Error("meanwhile no page has shown a number twice")
	}
	wrong.Store(false)
	for _, id := range pair {
		h.await(id, store.Settled)
	}
}
