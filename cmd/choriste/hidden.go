package main

import (
	"errors"
	"io"
	"os"
	"unicode/utf8"

	"golang.org/x/term"
)

// The keys of a terminal that writes nothing by itself.
const (
	keyInterrupt = 'C' & 0x1f
	keyEnd       = 'D' & 0x1f
	keyBackspace = 'H' & 0x1f
	keyKillLine  = 'U' & 0x1f
	keyDelete    = 0x7f
)

var (
	errInterrupted = errors.New("interrupted")
	errTerminalEnd = errors.New("the terminal has ended")
)

// mostHidden bounds a secret that is typed; longer ones are in files.
const mostHidden = 4096

// hidden reads a line from a terminal without showing it. term.ReadPassword waits on when somebody ends the input (Ctrl-D); this one says so.
func hidden(in *os.File) (string, error) {
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return "", err
	}
	line, err := readHidden(in)
	return line, errors.Join(err, term.Restore(int(in.Fd()), before))
}

// readHidden reads byte by byte, so that what is typed for the next question stays there.
func readHidden(in io.Reader) (string, error) {
	var line []byte
	for b := make([]byte, 1); ; {
		n, err := in.Read(b)
		switch {
		case err != nil && n == 0, n == 0:
			return "", errTerminalEnd
		case b[0] == '\r', b[0] == '\n':
			return string(line), nil
		case b[0] == keyInterrupt:
			return "", errInterrupted
		case b[0] == keyEnd:
			if len(line) == 0 {
				return "", errTerminalEnd
			}
		case b[0] == keyBackspace, b[0] == keyDelete:
			_, size := utf8.DecodeLastRune(line)
			line = line[:len(line)-size]
		case b[0] == keyKillLine:
			line = line[:0]
		case len(line) == mostHidden:
			return "", errors.New("what was typed is longer than a secret may be")
		default:
			line = append(line, b[0])
		}
	}
}
