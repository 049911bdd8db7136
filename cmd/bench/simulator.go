package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/choriste/choriste/chorus/chorustest"
)

// simulated measures the simulator itself, as a process of its own with its ledger in a file that waits for the disk: it takes invoices, and then serves a
// mix of requests. The client is this process, and wants CPU as well: what a second of the simulator's own time is enough for is the steadier figure.
func simulated(ctx context.Context, w *workshop) (_ []figure, err error) {
	n := max(2, w.size.accepted)
	w.say("simulator: %d deposits, then a mix for %s …", n, w.size.mix)
	p := plant{}
	if err := p.startSim(w, "-quota", "-1", "-ledger", filepath.Join(w.dir, "ledger.jsonl")); err != nil {
		return nil, fmt.Errorf("chorus-sim: %w", err)
	}
	defer func() {
		_, stopped := p.stop()
		err = errors.Join(err, stopped)
	}()
	v, err := newVisitor(ctx, p.portal)
	if err != nil {
		return nil, err
	}
	pid := p.sim.Process.Pid
	half, err := v.deposit(ctx, pid, n/2)
	if err != nil {
		return nil, err
	}
	whole, err := v.deposit(ctx, pid, n-n/2)
	if err != nil {
		return nil, err
	}
	mixed, err := v.mix(ctx, pid, w.size.mix)
	if err != nil {
		return nil, err
	}
	slope := float64(whole.memory-half.memory) / float64(n-n/2)
	const million, mb = 1_000_000, 1e6
	return []figure{
		fact("simulator", "deposits a second", whole.rate(), "/s"),
		fact("simulator", "deposits a second of its own CPU time", whole.perCPU(), "/s"),
		least("simulator", "requests a second, in four a deposit, a report, a search and a history", mixed.rate(), "/s", 5000),
		fact("simulator", "requests a second of its own CPU time", mixed.perCPU(), "/s"),
		fact("simulator", fmt.Sprintf("peak memory at %d accepted", n), float64(whole.memory)/mb, "MB"),
		fact("simulator", fmt.Sprintf("bytes an invoice, from %d to %d", n/2, n), slope, "B"),
		bar("simulator", "peak memory at 1,000,000 accepted, extrapolated", (float64(whole.memory)+slope*float64(max(0, million-n)))/mb, "MB", 200),
	}, nil
}

// stretch is a part of the run.
type stretch struct {
	requests int64
	took     time.Duration
	cpu      time.Duration // of the simulator
	memory   int64         // its peak so far, bytes
}

func (s stretch) rate() float64 { return float64(s.requests) / s.took.Seconds() }

// perCPU is 0 where the system does not tell.
func (s stretch) perCPU() float64 {
	if s.cpu <= 0 {
		return 0
	}
	return float64(s.requests) / s.cpu.Seconds()
}

// visitors is how many connections ask at once.
const visitors = 8

// visitor is a client of the simulator that does as little as possible by itself.
type visitor struct {
	http   http.Client
	portal doors
	header http.Header
	form   []byte // a document, with the number of the first
	taken  atomic.Int64

	mu     sync.Mutex
	fluxes []string // of what was deposited
}

func newVisitor(ctx context.Context, portal doors) (*visitor, error) {
	v := &visitor{portal: portal, form: document(0)}
	v.http.Transport = &http.Transport{MaxIdleConnsPerHost: visitors, DisableCompression: true}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {chorustest.DefaultClient.ID}, "client_secret": {chorustest.DefaultClient.Secret}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, portal.Token, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := v.do(req, &token); err != nil {
		return nil, err
	}
	account := chorustest.DefaultAccount.Login + ":" + chorustest.DefaultAccount.Password
	v.header = http.Header{
		"Authorization": {"Bearer " + token.AccessToken}, "Content-Type": {"application/json;charset=utf-8"},
		"Cpro-Account": {base64.StdEncoding.EncodeToString([]byte(account))},
	}
	return v, nil
}

func (v *visitor) do(req *http.Request, answer any) error {
	res, err := v.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s %s", req.URL.Path, res.Status, body)
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(body, answer)
}

// said is what is looked at in an answer.
type said struct {
	CodeRetour int                                     `json:"codeRetour"`
	Libelle    string                                  `json:"libelle"`
	Flux       string                                  `json:"numeroFluxDepot"`
	Etat       string                                  `json:"etatCourantDepotFlux"`
	Statut     string                                  `json:"statutCourantCode"`
	Factures   []struct{ IdentifiantFactureCPP int64 } `json:"listeFactures"`
}

func (v *visitor) ask(ctx context.Context, route string, body []byte) (a said, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.portal.API+"/cpro/"+route, bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	req.Header = v.header
	if err = v.do(req, &a); err == nil && a.CodeRetour != 0 {
		err = fmt.Errorf("%s: %d %s", route, a.CodeRetour, a.Libelle)
	}
	return a, err
}

// one deposits the next invoice.
func (v *visitor) one(ctx context.Context) error {
	name := numero(int(v.taken.Add(1)))
	file := base64.StdEncoding.EncodeToString(bytes.ReplaceAll(v.form, []byte(numero(0)), []byte(name)))
	a, err := v.ask(ctx, "factures/v1/deposer/flux", []byte(`{"fichierFlux":"`+file+`","nomFichier":"`+name+`.xml","syntaxeFlux":"IN_DP_E1_UBL_INVOICE","avecSignature":false}`))
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.fluxes = append(v.fluxes, a.Flux)
	return nil
}

// deposit deposits n invoices over all connections.
func (v *visitor) deposit(ctx context.Context, pid, n int) (stretch, error) {
	var left atomic.Int64
	left.Store(int64(n))
	return v.stretch(ctx, pid, func(ctx context.Context) (int64, error) {
		if left.Add(-1) < 0 {
			return 0, nil
		}
		return 1, v.one(ctx)
	})
}

// mix asks by turns for a deposit, and for the report, the row and the history of an older one, for so long.
func (v *visitor) mix(ctx context.Context, pid int, lasts time.Duration) (stretch, error) {
	if err := sleep(ctx, 100*time.Millisecond); err != nil { // until the last one is integrated
		return stretch{}, err
	}
	older := v.fluxes[:len(v.fluxes):len(v.fluxes)]
	var turn atomic.Uint64
	end := time.Now().Add(lasts)
	return v.stretch(ctx, pid, func(ctx context.Context) (int64, error) {
		if !time.Now().Before(end) {
			return 0, nil
		}
		return v.round(ctx, older[turn.Add(1)*7919%uint64(len(older))]) // here and there among them
	})
}

// round is one of each kind.
func (v *visitor) round(ctx context.Context, older string) (requests int64, err error) {
	about := []byte(`{"numeroFluxDepot":"` + older + `"}`)
	if err := v.one(ctx); err != nil {
		return 0, err
	}
	report, err := v.ask(ctx, "transverses/v1/consulterCRDetaille", about)
	if err != nil {
		return 0, err
	}
	found, err := v.ask(ctx, "factures/v1/rechercher/fournisseur", about)
	if err != nil {
		return 0, err
	}
	if report.Etat != "IN_INTEGRE" || len(found.Factures) != 1 {
		return 0, fmt.Errorf("%s: %s, %d invoices", about, report.Etat, len(found.Factures))
	}
	history, err := v.ask(ctx, "factures/v1/consulter/historique", fmt.Appendf(nil, `{"idFacture":%d}`, found.Factures[0].IdentifiantFactureCPP))
	if err == nil && history.Statut == "" {
		err = errors.New("a history without a statut")
	}
	return 4, err
}

// stretch calls next on each connection until it has no more requests.
func (v *visitor) stretch(ctx context.Context, pid int, next func(ctx context.Context) (int64, error)) (stretch, error) {
	var requests atomic.Int64
	began, cpu := time.Now(), timeOf(pid)
	g, ctx := errgroup.WithContext(ctx)
	for range visitors {
		g.Go(func() error {
			for {
				n, err := next(ctx)
				if n == 0 || err != nil {
					return err
				}
				requests.Add(n)
			}
		})
	}
	err := g.Wait()
	return stretch{requests: requests.Load(), took: time.Since(began), cpu: timeOf(pid) - cpu, memory: peakMemory(pid)}, err
}

// timeOf is for how long a process has used a CPU so far; 0 where the system does not tell.
func timeOf(pid int) time.Duration {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0
	}
	var sum time.Duration
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil { // a thread that has ended
			continue
		}
		var ns int64 // the time on a CPU comes first
		if _, err := fmt.Sscan(string(text), &ns); err == nil {
			sum += time.Duration(ns)
		}
	}
	return sum
}
