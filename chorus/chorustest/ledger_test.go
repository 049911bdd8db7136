package chorustest_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
)

// program runs the built command until it is killed.
type program struct {
	cmd   *exec.Cmd
	stdin io.Closer
	doors struct{ API, Token, Manage string }
}

func run(t *testing.T, binary string, args ...string) *program {
	t.Helper()
	p := &program{cmd: exec.Command(binary, append([]string{"-with-stdin", "-listen", "127.0.0.1:0", "-manage", "127.0.0.1:0"}, args...)...)}
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdin = in
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); _ = p.cmd.Wait() })
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(line, &p.doors); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return p
}

// build makes the command once for all tests.
func build(t *testing.T) string {
	t.Helper()
	binary, err := builtOnce()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

var builtOnce = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(workFolder, "chorus-sim")
	out, err := exec.Command("go", "build", "-o", binary, "github.com/choriste/choriste/cmd/chorus-sim").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return binary, nil
})

// workFolder outlives single tests.
var workFolder string

func TestMain(m *testing.M) {
	var err error
	if workFolder, err = os.MkdirTemp("", "chorustest"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(workFolder)
	os.Exit(code)
}

func TestKillLosesNothingAccepted(t *testing.T) {
	binary := build(t)
	file := filepath.Join(t.TempDir(), "ledger.jsonl")
	args := []string{"-ledger", file, "-quota", "-1", "-integration", "10ms"}
	answered := map[string]string{} // number to flux
	var mu sync.Mutex
	for round := range 3 {
		p := run(t, binary, args...)
		c := dial(t, p.doors.API, p.doors.Token)
		var senders sync.WaitGroup
		for w := range 4 {
			senders.Go(func() {
				for i := 0; ; i++ {
					numero := fmt.Sprintf("F-%d-%d-%d", round, w, i)
					flux := c.deposit(facture(numero)).text("numeroFluxDepot")
					if flux == "" {
						return // killed
					}
					mu.Lock()
					answered[numero] = flux
					mu.Unlock()
				}
			})
		}
		time.Sleep(150 * time.Millisecond) // long enough for some deposits of each sender, on an idle machine
		for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
			mu.Lock()
			n := len(answered)
			mu.Unlock()
			if n >= 10*(round+1) {
				break
			}
		}
		if err := p.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = p.cmd.Wait()
		senders.Wait()
	}
	if len(answered) < 10 {
		t.Fatalf("only %d deposits answered", len(answered))
	}
	if err := appendText(file, `{"seq":99999999,"type":"acc`); err != nil { // a line that the kill tore
		t.Fatal(err)
	}
	s, c := start(t, &chorustest.Config{Ledger: file, Quota: -1, Empty: "0"})
	s.Advance(time.Second)
	for numero, flux := range answered {
		rows := c.search(m{"numeroFacture": numero}).found()
		if len(rows) != 1 || rows[0]["numeroFluxDepot"] != flux {
			t.Errorf("%s, answered as %s: %v", numero, flux, rows)
		}
	}
	checkLedger(t, s.Ledger())
}

func appendText(file, text string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

func TestProgramEndsWithItsInput(t *testing.T) {
	binary := build(t)
	p := run(t, binary, "-client", "a:b", "-account", "l:p")
	c := &client{t: t, api: p.doors.API, url: p.doors.Token, account: "l:p", http: dialless()}
	c.token = c.askToken("a", "b").text("access_token")
	if r := c.report("x"); r.status != 200 {
		t.Errorf("given credentials: %d", r.status)
	}
	if r := c.askToken("sim", "sim-secret"); r.status != 400 {
		t.Errorf("default credentials beside given ones: %d", r.status)
	}
	if err := p.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("end: %v", err)
	}
	var exit *exec.ExitError
	err := exec.Command(binary, "-profile", "sunny").Run()
	if !asExit(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("unknown profile: %v", err)
	}
	err = exec.Command(binary, "-client", "nosecret").Run()
	if !asExit(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("wrong usage: %v", err)
	}
}

// TestReplay compares what a second simulator answers with what the first did.
func TestReplay(t *testing.T) {
	cfg := chorustest.Config{Ledger: filepath.Join(t.TempDir(), "ledger"), NoSync: true, Quota: -1, Step: time.Hour, HangFor: time.Millisecond, Empty: "0"}
	first, err := chorustest.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, first.APIURL(), first.TokenURL())
	first.Faults(chorustest.Fault{Kind: "commit_late", Numero: "F-2"}, chorustest.Fault{Kind: "commit_then_reject", Numero: "F-3"})
	first.Script("F-4", chorustest.Move{Statut: "SUSPENDUE", Commentaire: "bon ?"})
	for i := range 6 {
		c.deposit(facture(fmt.Sprintf("F-%d", i)))
	}
	if _, err := first.TypeIn(chorustest.Facts{Numero: "M-1", Date: "2026-02-01", Fournisseur: "99999999800012", Destinataire: "99999999700023"}); err != nil {
		t.Fatal(err)
	}
	first.Advance(30*time.Minute + 500*time.Millisecond)
	state := func(s *chorustest.Sim) (all []any) {
		all = append(all, numeros(c.search(m{"idFournisseur": 26300991})))
		for i := range 6 {
			for _, d := range s.Deposits(fmt.Sprintf("F-%d", i)) {
				all = append(all, d.Flux, d.At.UnixMicro(), d.Facture, d.Statut, d.RefusedAs, d.Facts)
			}
		}
		return all
	}
	before := state(first)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := chorustest.New(t, &cfg)
	c.api, c.url = second.APIURL(), second.TokenURL() // with the token of the first
	if after := state(second); !reflect.DeepEqual(before, after) {
		t.Errorf("before\n%v\nafter\n%v", before, after)
	}
	second.Advance(10 * time.Hour)
	if d := second.Deposits("F-4"); d[0].Statut != "SUSPENDUE" {
		t.Errorf("the script after the restart: %+v", d)
	}
	if d := second.Deposits("F-0"); d[0].Statut != "MISE_EN_PAIEMENT" {
		t.Errorf("the itinerary after the restart: %+v", d)
	}
	c.login()
	if a, b := c.accepted(facture("F-6")), second.Deposits("F-5")[0].Flux; a <= b {
		t.Errorf("flux numbers go on: %s after %s", a, b)
	}
	checkLedger(t, second.Ledger())
}

// TestHostileLedger sends many invoices through hostile weather and checks that the ledger adds up.
func TestHostileLedger(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s, c := start(t, &chorustest.Config{
				Profile: "hostile", Seed: seed, Quota: -1, HangFor: 20 * time.Millisecond, Late: 50 * time.Millisecond,
				Visibility: 20 * time.Millisecond, AcceptDuplicates: true,
			})
			c.http.Timeout = time.Second
			answered := map[string]string{}
			var mu sync.Mutex
			var senders sync.WaitGroup
			for w := range 4 {
				mine := *c
				senders.Go(func() {
					for i := range 50 {
						numero := fmt.Sprintf("F-%d-%d", w, i)
						r := mine.deposit(facture(numero))
						if flux := r.text("numeroFluxDepot"); r.err == nil && flux != "" {
							mu.Lock()
							answered[numero] = flux
							mu.Unlock()
						}
						for r.status == 401 && mine.token != "" { // until the door gives one
							if token := mine.askToken("sim", "sim-secret").text("access_token"); token != "" {
								mine.token = token
								break
							}
						}
						mine.search(m{"numeroFacture": numero})
					}
				})
			}
			senders.Wait()
			s.Weather(false)
			s.Advance(time.Second)
			for numero, flux := range answered {
				if d := s.Deposits(numero); len(d) != 1 || d[0].Flux != flux {
					t.Errorf("%s, answered as %s: %+v", numero, flux, d)
				}
			}
			checkLedger(t, s.Ledger())
			if n := len(s.Stats().Faults); n < 10 {
				t.Errorf("only %d kinds of fault: %v", n, s.Stats().Faults)
			}
		})
	}
}

// checkLedger wants what every ledger keeps, whatever happened.
func checkLedger(t *testing.T, entries []chorustest.Entry) {
	t.Helper()
	requests, answers, closes := map[int64]chorustest.Entry{}, map[int64]int{}, map[int64]int{}
	accepted, ended := map[string]chorustest.Entry{}, map[string]int{}
	invoices := map[int64]string{}
	for i, e := range entries {
		if e.Seq != int64(i)+1 {
			t.Fatalf("line %d has seq %d", i+1, e.Seq)
		}
		at := fmt.Sprintf("%s/%d", e.Flux, e.N)
		switch e.Type {
		case "request":
			requests[e.Request] = e
		case "answer":
			answers[e.Request]++
		case "close":
			closes[e.Request]++
		case "accepted":
			r := requests[e.Request]
			if r.Type == "" || r.FileSHA256 != e.FileSHA256 || e.At.Before(r.At) {
				t.Errorf("accepted without its request: %+v", e)
			}
			if _, twice := accepted[at]; twice {
				t.Errorf("flux %s accepted twice", at)
			}
			accepted[at] = e
		case "integrated", "rejected":
			a, known := accepted[at]
			if !known || a.RefusedLater != (e.Type == "rejected") || e.At.Before(a.At) {
				t.Errorf("%s does not follow from %+v", e.Type, a)
			}
			ended[at]++
			if e.Facture != 0 {
				if other, taken := invoices[e.Facture]; taken {
					t.Errorf("identifiantFactureCPP %d for %s and %s", e.Facture, other, at)
				}
				invoices[e.Facture] = at
			}
		}
	}
	for id := range requests {
		if answers[id] > 1 || closes[id] > 1 || answers[id] < closes[id] {
			t.Errorf("request %d has %d answers and %d ends", id, answers[id], closes[id])
		}
	}
	for at, n := range ended {
		if n != 1 {
			t.Errorf("flux %s ended %d times", at, n)
		}
	}
}
