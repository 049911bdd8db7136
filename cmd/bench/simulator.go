package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/choriste/choriste/chorus/chorustest"
)

// simulated measures the simulator itself, as a process of its own with its ledger in a file that waits for the disk: it takes invoices, and then serves a
// mix of requests, and once more with a million invoices. The client is this process and shares the machine, so it does as little as possible, and the CPU time of both is told apart: that of the
// simulator for a request is the steadier figure.
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
	whole, err := v.deposit(ctx, pid, n)
	if err != nil {
		return nil, err
	}
	mixed, err := v.mix(ctx, pid, w.size.mix)
	if err != nil {
		return nil, err
	}
	w.say("simulator: a start with %d accepted, then the mix for %s …", w.size.held, w.size.mix)
	many, err := held(ctx, w)
	if err != nil {
		return nil, err
	}
	const mb = 1e6
	return []figure{
		fact("simulator", "deposits a second", whole.rate(), "/s"),
		fact("simulator", "CPU time of a deposit", micros(whole.cpu, whole.requests), "µs"),
		least("simulator", "requests a second, in four a deposit, a report, a search and a history", mixed.rate(), "/s", 5000),
		fact("simulator", "CPU time of a request of these", micros(mixed.cpu, mixed.requests), "µs"),
		fact("simulator", "beside it, of this client for one", micros(mixed.client, mixed.requests), "µs"),
		fact("simulator", fmt.Sprintf("peak memory at %d accepted", n), float64(whole.memory)/mb, "MB"),
		fact("simulator", fmt.Sprintf("requests a second of the mix, with %d accepted", w.size.held), many.rate(), "/s"),
		bar("simulator", fmt.Sprintf("peak memory at %d accepted, from a start with their ledger on", w.size.held), float64(many.memory)/mb, "MB", 200),
	}, nil
}

// stretch is a part of the run.
type stretch struct {
	requests int64
	took     time.Duration
	cpu      time.Duration // of the simulator
	client   time.Duration // of this process
	memory   int64         // the simulator's peak so far, bytes
}

func (s stretch) rate() float64 { return float64(s.requests) / s.took.Seconds() }

// micros is the CPU time of one request; 0 where the system does not tell.
func micros(cpu time.Duration, requests int64) float64 {
	return float64(cpu.Microseconds()) / float64(max(1, requests))
}

// visitors is how many connections ask at once.
const visitors = 16

// visitor is a client of the simulator that does as little as possible by itself: it writes requests to its connections as they are and looks at the answers'
// bytes. net/http would want as much CPU time as the simulator.
type visitor struct {
	host  string
	head  string // of every request, behind the route
	form  []byte // a document, with the number of the first
	taken atomic.Int64

	mu     sync.Mutex
	fluxes []string // of what was deposited
}

// line is one of its connections.
type line struct {
	*visitor
	conn net.Conn
	in   *bufio.Reader
	out  []byte // a request
	file []byte // the document of a deposit
	said []byte // the body of the newest answer
}

func newVisitor(ctx context.Context, portal doors) (*visitor, error) {
	v := &visitor{host: strings.TrimPrefix(portal.API, "http://"), form: document(0)}
	l, err := v.open(ctx)
	if err != nil {
		return nil, err
	}
	defer l.close()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {chorustest.DefaultClient.ID}, "client_secret": {chorustest.DefaultClient.Secret}}
	v.head = " HTTP/1.1\r\nHost: " + v.host + "\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: "
	if err := l.post("/api/oauth/token", []byte(form.Encode())); err != nil {
		return nil, err
	}
	account := chorustest.DefaultAccount.Login + ":" + chorustest.DefaultAccount.Password
	v.head = " HTTP/1.1\r\nHost: " + v.host + "\r\nUser-Agent: bench\r\nAuthorization: Bearer " + string(l.word(`"access_token":"`)) +
		"\r\ncpro-account: " + base64.StdEncoding.EncodeToString([]byte(account)) + "\r\nContent-Type: application/json;charset=utf-8\r\nContent-Length: "
	return v, nil
}

// open makes a connection. What is waited for on it ends with ctx.
func (v *visitor) open(ctx context.Context) (*line, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", v.host)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	return &line{visitor: v, conn: conn, in: bufio.NewReaderSize(conn, 16<<10)}, nil
}

func (l *line) close() { _ = l.conn.Close() }

// post sends one request and reads its answer, which has a Content-Length and the status 200.
func (l *line) post(path string, body []byte) error {
	l.out = append(append(append(l.out[:0], "POST "...), path...), l.head...)
	l.out = append(append(strconv.AppendInt(l.out, int64(len(body)), 10), "\r\n\r\n"...), body...)
	if err := l.conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	if _, err := l.conn.Write(l.out); err != nil {
		return err
	}
	status, length := "", -1
	for {
		text, err := l.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if text = bytes.TrimRight(text, "\r\n"); len(text) == 0 {
			break
		}
		if status == "" {
			status = string(text)
		}
		if n, is := bytes.CutPrefix(text, []byte("Content-Length: ")); is {
			if length, err = strconv.Atoi(string(n)); err != nil {
				return err
			}
		}
	}
	if length < 0 || length > 1<<20 {
		return fmt.Errorf("%s: %s, Content-Length %d", path, status, length)
	}
	l.said = slices.Grow(l.said[:0], length)[:length]
	if _, err := io.ReadFull(l.in, l.said); err != nil {
		return err
	}
	if !strings.HasPrefix(status, "HTTP/1.1 200 ") {
		return fmt.Errorf("%s: %s %s", path, status, l.said)
	}
	return nil
}

// word is what follows in the newest answer, to the end of the text or number.
func (l *line) word(before string) []byte {
	_, rest, _ := bytes.Cut(l.said, []byte(before))
	end := bytes.IndexAny(rest, `",}`)
	return rest[:max(0, end)]
}

// ask calls an operation.
func (l *line) ask(route string, body []byte) error {
	err := l.post("/cpro/"+route, body)
	if err == nil && !bytes.Contains(l.said, []byte(`"codeRetour":0,`)) {
		err = fmt.Errorf("%s: %s", route, l.said)
	}
	return err
}

// one deposits the next invoice.
func (l *line) one() error {
	name := numero(int(l.taken.Add(1)))
	l.file = append(l.file[:0], `{"nomFichier":"`+name+`.xml","syntaxeFlux":"IN_DP_E1_UBL_INVOICE","avecSignature":false,"fichierFlux":"`...)
	l.file = append(base64.StdEncoding.AppendEncode(l.file, bytes.ReplaceAll(l.form, []byte(numero(0)), []byte(name))), `"}`...)
	if err := l.ask("factures/v1/deposer/flux", l.file); err != nil {
		return err
	}
	flux := string(l.word(`"numeroFluxDepot":"`))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fluxes = append(l.fluxes, flux)
	return nil
}

// deposit deposits n invoices over all connections.
func (v *visitor) deposit(ctx context.Context, pid, n int) (stretch, error) {
	var left atomic.Int64
	left.Store(int64(n))
	return v.stretch(ctx, pid, func(l *line) (int64, error) {
		if left.Add(-1) < 0 {
			return 0, nil
		}
		return 1, l.one()
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
	return v.stretch(ctx, pid, func(l *line) (int64, error) {
		if !time.Now().Before(end) {
			return 0, nil
		}
		return l.round(older[turn.Add(1)*7919%uint64(len(older))]) // here and there among them
	})
}

// round is one of each kind.
func (l *line) round(older string) (requests int64, err error) {
	about := []byte(`{"numeroFluxDepot":"` + older + `"}`)
	if err := l.one(); err != nil {
		return 0, err
	}
	if err := l.ask("transverses/v1/consulterCRDetaille", about); err != nil {
		return 0, err
	}
	if etat := l.word(`"etatCourantDepotFlux":"`); string(etat) != "IN_INTEGRE" {
		return 0, fmt.Errorf("%s: %s", about, etat)
	}
	if err := l.ask("factures/v1/rechercher/fournisseur", about); err != nil {
		return 0, err
	}
	id := l.word(`"identifiantFactureCPP":`)
	if len(id) == 0 {
		return 0, fmt.Errorf("%s: not found", about)
	}
	if err := l.ask("factures/v1/consulter/historique", fmt.Appendf(nil, `{"idFacture":%s}`, id)); err != nil {
		return 0, err
	}
	if len(l.word(`"statutCourantCode":"`)) == 0 {
		return 0, errors.New("a history without a statut")
	}
	return 4, nil
}

// stretch calls next on each connection until it has no more requests.
func (v *visitor) stretch(ctx context.Context, pid int, next func(l *line) (int64, error)) (stretch, error) {
	var requests atomic.Int64
	began, cpu, own := time.Now(), timeOf(pid), ownTime()
	g, ctx := errgroup.WithContext(ctx)
	for range visitors {
		g.Go(func() error {
			l, err := v.open(ctx)
			if err != nil {
				return err
			}
			defer l.close()
			for {
				n, err := next(l)
				if n == 0 || err != nil {
					return err
				}
				requests.Add(n)
			}
		})
	}
	err := g.Wait()
	return stretch{requests: requests.Load(), took: time.Since(began), cpu: timeOf(pid) - cpu, client: ownTime() - own, memory: peakMemory(pid)}, err
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
