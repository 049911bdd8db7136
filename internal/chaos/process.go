package chaos

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// process is one life of a worker.
type process struct {
	slot    int
	cmd     *exec.Cmd
	name    string // as attempts name it: host:pid
	started time.Time
	ended   time.Time
	how     string        // kill, term, end or exit; set before a signal that ends it
	done    chan struct{} // closed when it is gone
}

// exit is the end of a process that nobody had asked to end.
type exit struct {
	slot int
	at   time.Time
	text string
}

// fleet keeps one worker running in each slot. Its methods may be called at once from several faults; each works on a slot that no other has.
type fleet struct {
	command func(slot int) *exec.Cmd
	logs    string
	host    string

	mu     sync.Mutex
	slots  []*process // the living, by slot
	busy   []bool
	past   []*process
	closed bool
	exits  []exit // processes that ended by themselves
}

func newFleet(n int, logs string, command func(slot int) *exec.Cmd) (*fleet, error) {
	host, _ := os.Hostname() // as the worker asks for it
	f := &fleet{command: command, logs: logs, host: host, slots: make([]*process, n), busy: make([]bool, n)}
	for slot := range n {
		if err := f.start(slot); err != nil {
			return nil, errors.Join(err, f.stop())
		}
	}
	return f, nil
}

// start begins the next life of a slot.
func (f *fleet) start(slot int) error {
	log, err := os.OpenFile(logFile(f.logs, slot), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	p := &process{slot: slot, cmd: f.command(slot), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = ownGroup() // a terminal's Ctrl-C is for us
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	p.started = time.Now()
	if err := p.cmd.Start(); err != nil {
		return err
	}
	p.name = fmt.Sprintf("%s:%d", f.host, p.cmd.Process.Pid)
	f.slots[slot] = p
	go f.watch(p)
	return nil
}

// watch notes the end of a life, and begins another when nobody asked for the end.
func (f *fleet) watch(p *process) {
	err := p.cmd.Wait()
	f.mu.Lock()
	p.ended = time.Now()
	f.past = append(f.past, p)
	itself := p.how == ""
	if itself {
		p.how = "exit"
		f.exits = append(f.exits, exit{p.slot, p.ended, fmt.Sprintf("worker %d (%s) ended by itself: %v", p.slot, p.name, err)})
	}
	f.mu.Unlock()
	close(p.done)
	if itself {
		time.Sleep(200 * time.Millisecond) // as a supervisor would
		_ = f.start(p.slot)
	}
}

// take finds a slot that nobody works on, from the wanted one on, and returns its living process; give returns the slot.
func (f *fleet) take(wanted int) *process {
	f.mu.Lock()
	defer f.mu.Unlock()
	for k := range f.slots {
		slot := (wanted + k) % len(f.slots)
		if p := f.slots[slot]; !f.busy[slot] && p != nil && p.how == "" {
			f.busy[slot] = true
			return p
		}
	}
	return nil
}

func (f *fleet) give(p *process) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.busy[p.slot] = false
}

// end sends a signal that ends p, and waits for it; false when it had to be killed.
func (f *fleet) end(p *process, how string, sig syscall.Signal, within time.Duration) bool {
	f.mu.Lock()
	if p.how == "" {
		p.how = how
	}
	f.mu.Unlock()
	_ = p.cmd.Process.Signal(sig) // it may be gone already
	select {
	case <-p.done:
		return true
	case <-time.After(within):
		f.mu.Lock()
		p.how = "kill"
		f.mu.Unlock()
		_ = p.cmd.Process.Kill()
		<-p.done
		return false
	}
}

// stop ends every worker in an orderly way, for good.
func (f *fleet) stop() error {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	return f.stopAll("end")
}

// kill ends every worker at once, for good.
func (f *fleet) kill() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	for _, p := range f.living() {
		f.end(p, "kill", syscall.SIGKILL, drainWithin)
	}
}

// stopAll ends every worker in an orderly way. startAll begins the next life of each.
func (f *fleet) stopAll(how string) error {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var all error
	for _, p := range f.living() {
		wg.Go(func() {
			if !f.end(p, how, syscall.SIGTERM, drainWithin) {
				mu.Lock()
				all = errors.Join(all, fmt.Errorf("worker %d did not end within %s", p.slot, drainWithin))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return all
}

func (f *fleet) startAll() error {
	for slot := range f.slots {
		if err := f.start(slot); err != nil {
			return err
		}
	}
	return nil
}

// restart ends the worker of one slot in an orderly way and begins its next life.
func (f *fleet) restart(slot int) error {
	if p := f.in(slot); p != nil && !f.end(p, "term", syscall.SIGTERM, drainWithin) {
		return fmt.Errorf("worker %d did not end within %s", slot, drainWithin)
	}
	return f.start(slot)
}

// living lists the processes that have not ended.
func (f *fleet) living() []*process {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []*process
	for _, p := range f.slots {
		if p != nil && p.ended.IsZero() {
			all = append(all, p)
		}
	}
	return all
}

// in is the process that lives in a slot, or nil.
func (f *fleet) in(slot int) *process {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.slots[slot]; p != nil && p.ended.IsZero() {
		return p
	}
	return nil
}

// freeze stops every worker where it stands; thaw lets all go on.
func (f *fleet) freeze() { f.signal(stopSignal) }
func (f *fleet) thaw()   { f.signal(contSignal) }

func (f *fleet) signal(sig syscall.Signal) {
	for _, p := range f.living() {
		_ = p.cmd.Process.Signal(sig) // gone meanwhile: its watcher knows
	}
}

// drainWithin is how long a worker may take from SIGTERM to its end.
const drainWithin = 30 * time.Second

// processes lists every life, living ones with no end.
func (f *fleet) processes() []process {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []process
	for _, p := range f.past {
		all = append(all, *p)
	}
	for _, p := range f.slots {
		if p != nil && p.ended.IsZero() {
			all = append(all, *p)
		}
	}
	return all
}

// selfEnded lists the processes that ended although nobody asked them to.
func (f *fleet) selfEnded() []exit {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]exit{}, f.exits...)
}

// freePort finds a port of 127.0.0.1 that a restarted process can have again.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil //nolint:forcetypeassert // a TCP listener
}
