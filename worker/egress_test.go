package worker_test

import (
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/egress"
	"github.com/choriste/choriste/internal/lab/httpproxy"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/worker"
)

// TestThroughABadProxy: tunnels are refused, promised, cut before and behind the portal; every invoice is deposited once, and is not in doubt for a tunnel that was
// refused.
func TestThroughABadProxy(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{AcceptDuplicates: true})
	p := httpproxy.New(t)
	way := func(c *worker.Config) {
		conf := &c.Accounts[0].Chorus
		conf.APIURL, conf.TokenURL = p.Host("portal.test", h.sim.APIURL()), p.Host("token.test", h.sim.TokenURL())
		conf.Way = egress.Way{Proxy: p.URL()}
	}
	h.start(way)
	h.await(h.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Settled)

	refusals := []httpproxy.Behaviour{httpproxy.Challenge("Basic"), httpproxy.Answer(502), httpproxy.HangUp, httpproxy.Answer(403), httpproxy.Say("garbage\r\n\r\n")}
	var n atomic.Int64
	p.Do(func(c net.Conn, r *http.Request, address string) {
		if k := int(n.Add(1)); k <= len(refusals) {
			refusals[k-1](c, r, address)
			return
		}
		httpproxy.Pass(c, r, address)
	})
	h.await(h.insert(invoicetest.Invoice{Numero: "REFUSED"}.UBL()), store.Settled)
	var doubted int
	if err := h.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM chorus.events WHERE to_state = 'in_doubt'`).Scan(&doubted); err != nil {
		t.Fatal(err)
	}
	if doubted != 0 {
		t.Errorf("%d doubts for tunnels that were refused", doubted)
	}

	n.Store(0)
	cuts := []httpproxy.Behaviour{httpproxy.CloseAfter(3000), httpproxy.CloseAfter(100), httpproxy.Promise}
	p.Do(func(c net.Conn, r *http.Request, address string) {
		if k := int(n.Add(1)); k%2 == 0 && k/2 <= len(cuts) {
			cuts[k/2-1](c, r, address)
			return
		}
		httpproxy.Pass(c, r, address)
	})
	for k := range 4 {
		h.insert(invoicetest.Invoice{Numero: fmt.Sprintf("CUT-%d", k)}.UBL())
	}
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		states := h.states()
		if states[store.Settled]+states[store.Parked] == 6 { // what is cut twice waits for a person
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("some are not over after five minutes: %v", states)
		}
	}
	for _, number := range []string{"BEFORE", "REFUSED", "CUT-0", "CUT-1", "CUT-2", "CUT-3"} {
		if got := len(h.sim.Deposits(number)); got > 1 {
			t.Errorf("%s: %d deposits at the portal", number, got)
		}
	}
	if n := h.count(`SELECT count(*) FROM chorus.invoices WHERE state = 'parked' AND reason_code <> 'BUDGET'`); n > 0 || h.states()[store.Parked] > 1 {
		t.Errorf("%v, of which %d for another reason than two losses", h.states(), n)
	}
}
