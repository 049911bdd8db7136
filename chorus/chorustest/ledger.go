package chorustest

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"sync"
	"time"
)

// Entry is one line of the ledger. Everything that the simulator knows follows from its ledger: it changes
// its state only by appending a line, and a new process that reads the lines again is in the same state.
//
// A field that is absent is false, 0 or "". Facts are the fields of Facts, side by side with the others.
// Types, with the fields they use beside seq, at and type:
//
//	start      seed, profile: of a process, or of a reset, which empties the file before it
//	request    request, op, account, client, facts or documents, flux, nomFichier, file_sha256 (of the decoded
//	           file), bytes (its size), reused (not the connection's first request), userAgent, idempotencyKey,
//	           incomplete
//	scheduled  request, flux, due, documents: a deposit that will land later
//	accepted   request, flux, n, facts, key, refused_later, refused_as, reason, report_at, due (integration),
//	           search_at: one line per document, n counts the documents of a flux from 0
//	integrated flux, n, identifiantFactureCPP, search_at (when the search shows it, if it lags)
//	rejected   flux, n, refused_as, reason
//	statut     identifiantFactureCPP, numero, statut, commentaire, search_at (likewise)
//	recycled   identifiantFactureCPP, facts: the recipient or references of a recycled invoice
//	submitted  request, identifiantFactureCPP, facts, key, search_at: an invoice whose fields came beside its PDF; refused_as: its key was taken when it landed
//	portal     identifiantFactureCPP, facts: an invoice typed in at the portal by a person
//	edited     identifiantFactureCPP, flux, facts: changed at the portal by nobody's request, as it stands afterwards
//	hidden     identifiantFactureCPP, numero, hidden: no search shows it any more, or one does again
//	rejetTraite, telechargee  identifiantFactureCPP, numero: taken note of by its supplier; fetched by its recipient. detached: piece
//	piece      piece (pieceJointeId), bytes, sha256
//	answer     request, status, codeRetour, flux, fault, sent: written before the answer leaves
//	close      request, sent: the exchange is over; sent = every byte was handed to the network without error
//	token      client, token (a hash), due (its end); revoke: client, or nobody for all
//	structure  structure: a recipient or supplier as the management door left it
//	clock      offset_ms; script: numero, moves; violation, tolerated: request, op, reason
type Entry struct {
	Seq     int64     `json:"seq"`
	At      time.Time `json:"at"` // virtual time
	Type    string    `json:"type"`
	Request int64     `json:"request,omitempty"`
	Op      string    `json:"op,omitempty"`
	Client  string    `json:"client,omitempty"`
	Account string    `json:"account,omitempty"`

	*Facts
	Documents  []*Facts `json:"documents,omitempty"`
	NomFichier string   `json:"nomFichier,omitempty"`
	Syntaxe    string   `json:"syntaxeFlux,omitempty"`
	FileSHA256 string   `json:"file_sha256,omitempty"`

	Bytes          int64  `json:"bytes,omitempty"`
	Reused         bool   `json:"reused,omitempty"`
	UserAgent      string `json:"userAgent,omitempty"`
	IdempotencyKey string `json:"idempotencyKey,omitempty"`
	Incomplete     bool   `json:"incomplete,omitempty"`

	Flux         string     `json:"flux,omitempty"`
	N            int        `json:"n,omitempty"`
	Key          string     `json:"key,omitempty"`
	RefusedLater bool       `json:"refused_later,omitempty"`
	RefusedAs    string     `json:"refused_as,omitempty"`
	Reason       string     `json:"reason,omitempty"`
	ReportAt     *time.Time `json:"report_at,omitempty"`
	Due          *time.Time `json:"due,omitempty"`
	SearchAt     *time.Time `json:"search_at,omitempty"`

	Facture     int64  `json:"identifiantFactureCPP,omitempty"`
	Statut      string `json:"statut,omitempty"`
	Commentaire string `json:"commentaire,omitempty"`
	Hidden      *bool  `json:"hidden,omitempty"`
	Moves       []Move `json:"moves,omitempty"`
	Piece       int64  `json:"piece,omitempty"`

	Status      int    `json:"status,omitempty"`
	CodeRetour  string `json:"codeRetour,omitempty"`
	Fault       string `json:"fault,omitempty"`
	Sent        *bool  `json:"sent,omitempty"`
	Correlation string `json:"correlation,omitempty"`

	Structure *Structure `json:"structure,omitempty"`

	Token    string `json:"token,omitempty"`
	OffsetMS int64  `json:"offset_ms,omitempty"`
	Seed     uint64 `json:"seed,omitempty"`
	Profile  string `json:"profile,omitempty"`
}

// entryTypes are all types of lines.
var entryTypes = strings.Fields("start request tolerated scheduled accepted integrated rejected statut recycled rejetTraite telechargee edited hidden portal piece detached submitted structure answer close token revoke clock script violation")

// ledger keeps the lines: in a file when there is one, else in memory.
//
// Lines are appended under the simulator's lock, and wait in memory to be handed to the file: all that wait are, by one write, before any answer leaves that could
// tell of one of them (settle), before anybody reads the file here, and every 50 ms. So what was answered is in the file, and the file has no gap: a process that
// is killed loses lines from the end on, of which nobody has heard. Lines that belong together are appended together and handed over together.
type ledger struct {
	path   string
	file   *os.File // to be written
	again  *os.File // the same, to be read
	noSync bool
	memory []Entry
	end    int64 // where the next line begins
	lines  []byte

	mu       sync.Mutex // guards what follows; never held together with a system call
	wake     *sync.Cond
	busy     bool   // somebody is writing, or waits for the disk
	leaving  []byte // lines that he is writing
	waiting  []byte // lines behind these
	filed    int64  // how much of the file there was before them
	appended int64  // the newest line
	written  int64  // the newest line in the file
	synced   int64  // the newest line known to be on disk
	failed   error
	broken   chan struct{} // closed when failed is set
}

const (
	maxUnwritten = 64 << 10  // bytes that may wait
	maxIdle      = 128 << 10 // of room that is kept for them
)

// append numbers the places of the lines and lets them wait. It returns where each stands.
func (l *ledger) append(entries ...Entry) []int64 {
	at := make([]int64, len(entries))
	if l.file == nil {
		for i := range entries {
			at[i] = int64(len(l.memory) + i)
		}
		l.memory = append(l.memory, entries...)
		return at
	}
	l.lines = l.lines[:0]
	for i := range entries {
		at[i] = l.end + int64(len(l.lines))
		l.lines = encodeLine(l.lines, &entries[i])
	}
	if l.await(entries[len(entries)-1].Seq) > maxUnwritten {
		_ = l.flush()
	}
	if cap(l.lines) > maxIdle {
		l.lines = nil
	}
	return at
}

// await puts the lines, up to this one, behind those that wait, and says how many bytes wait.
func (l *ledger) await(seq int64) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed != nil { // a line after one that is torn would make the file unreadable
		return 0
	}
	l.waiting = append(l.waiting, l.lines...)
	l.end += int64(len(l.lines))
	l.appended = seq
	return len(l.waiting)
}

// fail keeps the first failure, after which nothing is promised any more.
func (l *ledger) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failLocked(err)
}

// failLocked is fail for those that hold l.mu.
func (l *ledger) failLocked(err error) {
	if err != nil && l.failed == nil {
		l.failed = err
		close(l.broken)
	}
}

// settle returns when everything appended so far is on disk. An error means that the simulator can promise nothing any more: no answer may leave.
func (l *ledger) settle() error { return l.handOver(!l.noSync) }

// flush returns when everything appended so far is in the file, which a process that is killed leaves behind; only a power cut may take it.
func (l *ledger) flush() error { return l.handOver(false) }

// handOver writes what waits, and waits for the disk if that is asked. Callers that come while another one does share what is done next.
func (l *ledger) handOver(sync bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	file, mine := l.file, l.appended // nothing is appended where there is no file
	for l.failed == nil && (l.written < mine || sync && l.synced < mine) {
		if l.busy {
			l.wake.Wait()
			continue
		}
		target := l.appended
		l.leaving, l.waiting = l.waiting, l.leaving[:0]
		l.busy = true
		l.mu.Unlock()
		n, err := 0, error(nil)
		if len(l.leaving) > 0 {
			n, err = file.Write(l.leaving)
		}
		if err == nil && sync {
			err = file.Sync()
		}
		l.mu.Lock()
		l.busy = false
		l.filed += int64(n)
		if l.leaving = l.leaving[:0]; cap(l.leaving) > maxIdle {
			l.leaving = nil
		}
		if l.failLocked(err); err == nil {
			l.written = target
			if sync {
				l.synced = target
			}
		}
		l.wake.Broadcast()
	}
	return l.failed
}

// bytesOf is a line that is not in the file yet; nil when it is.
func (l *ledger) bytesOf(at int64) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	from, behind := at-l.filed, l.leaving
	if from >= int64(len(behind)) {
		from, behind = from-int64(len(behind)), l.waiting
	}
	if at < l.filed || from >= int64(len(behind)) {
		return nil
	}
	line, _, _ := bytes.Cut(behind[from:], []byte("\n"))
	return bytes.Clone(line) // the room is used again
}

func (l *ledger) close() error {
	if l.file == nil {
		return nil
	}
	err := l.settle()
	return errors.Join(err, l.file.Close(), l.again.Close())
}

// each calls f for every line written so far, oldest first.
func (l *ledger) each(f func(Entry) error) error {
	if l.file == nil {
		for _, e := range l.memory {
			if err := f(e); err != nil {
				return err
			}
		}
		return nil
	}
	file, err := os.Open(l.path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	_, err = readLines(file, func(e Entry, _ int64) error { return f(e) })
	return err
}

// record gives the entries their numbers, appends them and changes the state by them. Callers hold the lock.
func (s *Sim) record(entries ...Entry) {
	now := s.now()
	for i := range entries {
		s.seq++
		entries[i].Seq = s.seq
		if entries[i].At.IsZero() {
			entries[i].At = now
		}
	}
	for i, at := range s.ledger.append(entries...) {
		s.apply(&entries[i], at)
	}
}

// Ledger returns every line so far.
func (s *Sim) Ledger() []Entry {
	var all []Entry
	_ = s.eachEntry(func(e Entry) error {
		all = append(all, e)
		return nil
	})
	return all
}

// eachEntry calls f for every line so far, without holding the lock.
func (s *Sim) eachEntry(f func(Entry) error) error {
	s.mu.Lock()
	s.catchUp()
	snapshot := &ledger{path: s.ledger.path, file: s.ledger.file, memory: s.ledger.memory}
	s.mu.Unlock()
	_ = s.ledger.flush() // what could be written can be read, all the same
	return snapshot.each(f)
}

func yes(b bool) *bool { return &b }
