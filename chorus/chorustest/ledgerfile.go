package chorustest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// openLedger opens the file for itself alone. Nothing is changed in a file that is no ledger.
func openLedger(path string, noSync bool) (*ledger, error) {
	l := &ledger{path: path, noSync: noSync, broken: make(chan struct{})}
	l.wake = sync.NewCond(&l.mu)
	if path == "" {
		return l, nil
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	if err = lock(file); err == nil {
		err = looksLikeOne(file)
	}
	if err == nil {
		l.again, err = os.Open(path)
	}
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("ledger %s: %w", path, err)
	}
	l.file = file
	return l, nil
}

// replay hands every whole line of the file to f, with its place, and cuts off a torn last line, which no answer can have been based on.
func (l *ledger) replay(f func(Entry, int64) error) error {
	if l.file == nil {
		return nil
	}
	whole := int64(0)
	info, err := l.again.Stat()
	if err == nil {
		l.end, l.filed = info.Size(), info.Size() // lines before may be asked for
		whole, err = readLines(io.NewSectionReader(l.again, 0, l.end), f)
	}
	if err == nil {
		err = l.file.Truncate(whole)
	}
	if err != nil {
		_, _ = l.file.Close(), l.again.Close()
		return fmt.Errorf("ledger %s: %w", l.path, err)
	}
	l.end, l.filed = whole, whole
	return nil
}

// line reads one line again.
func (l *ledger) line(at int64) (*Entry, error) {
	if l.file == nil {
		return &l.memory[at], nil
	}
	line, err := l.bytesOf(at), error(nil)
	if line == nil {
		line, err = bufio.NewReaderSize(io.NewSectionReader(l.again, at, l.end-at), 2048).ReadBytes('\n')
	}
	if err != nil {
		return nil, err
	}
	return decodeLine(line)
}

// readLines calls f for every whole line, with where it begins, and returns where the last whole line ends.
func readLines(r io.Reader, f func(Entry, int64) error) (int64, error) {
	var whole int64
	in := bufio.NewReaderSize(r, 1<<20)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return whole, nil
		}
		if err != nil {
			return whole, err
		}
		e, err := decodeLine(line)
		if err != nil {
			return whole, fmt.Errorf("line at byte %d: %w", whole, err)
		}
		if err := f(*e, whole); err != nil {
			return whole, fmt.Errorf("line at byte %d: %w", whole, err)
		}
		whole += int64(len(line))
	}
}

// firstBytes begin every ledger.
const firstBytes = `{"seq":`

var errNoLedger = errors.New("this file is no ledger of chorus-sim (it does not begin with " + firstBytes + "); it is left as it is: choose another name, or move it away")

// looksLikeOne tells a file that may be written to from anybody else's.
func looksLikeOne(file *os.File) error {
	begin := make([]byte, len(firstBytes))
	n, err := file.ReadAt(begin, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if string(begin[:n]) != firstBytes[:n] {
		return errNoLedger
	}
	return nil
}

// replay applies a line that was read again. One that does not follow from those before it is no reason to crash.
func (s *Sim) replay(e Entry, at int64) (err error) {
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("%q does not follow from the lines before it: the file was changed, or is of another version", e.Type)
		}
	}()
	if e.Seq <= s.seq {
		return fmt.Errorf("seq %d after %d", e.Seq, s.seq)
	}
	s.apply(&e, at)
	s.forgetPast()
	if e.At.After(s.lastAt) {
		s.lastAt = e.At
	}
	return nil
}

// startAnew forgets every line.
func (l *ledger) startAnew() error {
	l.memory, l.end = nil, 0
	if l.file == nil {
		return nil
	}
	l.mu.Lock()
	for l.busy {
		l.wake.Wait()
	}
	l.busy = true // nobody writes meanwhile
	l.waiting, l.filed = l.waiting[:0], 0
	l.written, l.synced = l.appended, l.appended // who waits for a line that is forgotten waits for nothing
	l.mu.Unlock()
	err := l.file.Truncate(0)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy = false
	l.wake.Broadcast()
	return err
}
