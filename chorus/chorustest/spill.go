package chorustest

import (
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"time"
)

// passages keeps every statut that an invoice has reached, by numbers from 1 on. The newest stand in memory, the older ones in a file without a name that
// begins when there are so many, and that the system forgets with the process: all of it follows from the ledger.
type passages struct {
	folder string // of the file
	file   *os.File
	newest []byte
	n      uint32 // how many there are
	filed  uint32 // how many of these stand in the file
	failed func(error)
}

const (
	passageBytes   = 34
	passagesInside = 2048 // in memory at most
)

// passage is a statut reached.
type passage struct {
	id     uint32
	older  uint32 // the one before it; 0: it is the first
	place  uint32 // among those of its invoice, from 1 on
	statut string
	at     time.Time
	shown  time.Time // since when the search knows it
	line   int64     // that holds the comment; none: below 0
}

// add appends one, whose statut has this number among the names, and returns its number.
func (p *passages) add(x passage, statut uint16) uint32 {
	if p.n-p.filed == passagesInside {
		p.spill()
	}
	b := p.newest
	b = binary.LittleEndian.AppendUint64(b, uint64(x.at.UnixMicro()))
	b = binary.LittleEndian.AppendUint64(b, uint64(x.shown.UnixMicro()))
	b = binary.LittleEndian.AppendUint64(b, uint64(x.line))
	b = binary.LittleEndian.AppendUint32(b, x.older)
	b = binary.LittleEndian.AppendUint32(b, x.place)
	p.newest = binary.LittleEndian.AppendUint16(b, statut)
	p.n++
	return p.n
}

// spill moves what is in memory to the file.
func (p *passages) spill() {
	err := error(nil)
	if p.file == nil {
		if p.file, err = os.CreateTemp(p.folder, ".chorus-sim-*"); err == nil {
			_ = os.Remove(p.file.Name()) // where a file that is open cannot be removed, close does it
		}
	}
	if err == nil {
		_, err = p.file.WriteAt(p.newest, int64(p.filed)*passageBytes)
	}
	if err != nil {
		p.failed(err)
	}
	p.filed, p.newest = p.n, p.newest[:0]
}

// at reads one again.
func (p *passages) at(n uint32, names *interner) passage {
	b := make([]byte, passageBytes)
	if n > p.filed {
		copy(b, p.newest[int(n-p.filed-1)*passageBytes:])
	} else if _, err := io.ReadFull(io.NewSectionReader(p.file, int64(n-1)*passageBytes, passageBytes), b); err != nil {
		p.failed(err)
	}
	le := binary.LittleEndian
	return passage{
		id: n, at: moment(int64(le.Uint64(b))), shown: moment(int64(le.Uint64(b[8:]))), line: int64(le.Uint64(b[16:])),
		older: le.Uint32(b[24:]), place: le.Uint32(b[28:]), statut: names.texts[le.Uint16(b[32:])],
	}
}

// spillFolder is where that file stands: beside the ledger, where there is room for it.
func (c *Config) spillFolder() string {
	if c.Ledger == "" {
		return ""
	}
	return filepath.Dir(c.Ledger)
}

func (p *passages) close() {
	if p.file != nil {
		_ = p.file.Close()
		_ = os.Remove(p.file.Name())
		p.file = nil
	}
}

func moment(micros int64) time.Time { return time.UnixMicro(micros).UTC() }
