package main

import (
	"bufio"
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
// All that is read of this terminal is read by the same reader: what was typed for the next questions already comes with it.
func hidden(terminal *os.File, in *bufio.Reader) (string, error) {
	before, err := term.MakeRaw(int(terminal.Fd()))
	if err != nil {
		return "", err
	}
	line, err := readHidden(in)
	return line, errors.Join(err, term.Restore(int(terminal.Fd()), before))
}

func readHidden(in io.ByteReader) (string, error) {
	var line []byte
	for {
		b, err := in.ReadByte()
		if err != nil {
			return "", errTerminalEnd
		}
		switch b {
		case '\r', '\n':
			return string(line), nil
		case keyInterrupt:
			return "", errInterrupted
		case keyEnd, 0: // 0 is a Ctrl-D that was typed before the question
			if len(line) == 0 {
				return "", errTerminalEnd
			}
		case keyBackspace, keyDelete:
			_, size := utf8.DecodeLastRune(line)
			line = line[:len(line)-size]
		case keyKillLine:
			line = line[:0]
		default:
			if len(line) == mostHidden {
				return "", errors.New("what was typed is longer than a secret may be")
			}
			line = append(line, b)
		}
	}
}
