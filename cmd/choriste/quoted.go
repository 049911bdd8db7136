package main

import (
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/choriste/choriste/internal/visible"
)

// errorLines passes on what is written to standard error, with the arguments and settings that it quotes cut to what fits into a line. It is the one place for
// that: errors come from everywhere, the parser of the command line and PostgreSQL among them.
type errorLines struct {
	out  io.Writer
	long *strings.Replacer
}

// newErrorLines knows what may be quoted at length.
func newErrorLines(out io.Writer, args []string, getenv func(string) string) *errorLines {
	var texts []string
	for _, a := range args {
		texts = append(texts, a)
		if name, value, ok := strings.Cut(a, "="); ok {
			texts = append(texts, name, value)
		}
		texts = append(texts, strings.Split(a, ",")...)
	}
	for _, t := range table {
		if !t.secret {
			texts = append(texts, getenv(t.name))
		}
	}
	var pairs []string
	texts = slices.DeleteFunc(texts, func(s string) bool { return len(s) <= visible.MostShort })
	slices.SortFunc(texts, func(a, b string) int { return len(b) - len(a) }) // the whole before its parts
	for _, t := range slices.Compact(texts) {
		quoted := strconv.Quote(t)
		for _, form := range []string{t, oneLine(t), visible.Text(t), oneLine(visible.Text(t)), quoted[1 : len(quoted)-1]} {
			pairs = append(pairs, form, visible.Short(t))
		}
	}
	return &errorLines{out, strings.NewReplacer(pairs...)}
}

// Write implements io.Writer.
func (e *errorLines) Write(b []byte) (int, error) {
	if _, err := e.long.WriteString(e.out, string(b)); err != nil {
		return 0, err
	}
	return len(b), nil
}
