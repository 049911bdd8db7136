package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/term"

	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/store"
)

// screen is what is known of where the output goes. The zero value is a file or a pipe: lines are as long as they are, and nothing is coloured.
type screen struct {
	width  int // characters of a line; 0 = no end
	colour bool
}

// screenOf looks at the output. NO_COLOR (no-color.org) and TERM=dumb turn colours off, COLUMNS sets the width.
func screenOf(out io.Writer, getenv func(string) string) screen {
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return screen{}
	}
	s := screen{width: 80, colour: getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		s.width = width
	}
	if columns, err := strconv.Atoi(getenv("COLUMNS")); err == nil && columns > 0 {
		s.width = columns
	}
	return s
}

// table is one that fits the screen, with the states in colour. A whole one is as wide as it is.
func (a *app) table(whole bool) *visible.Table {
	width, paint := a.screen.width, paintStates
	if whole {
		width = 0
	}
	if !a.screen.colour {
		paint = nil
	}
	return visible.NewTable(a.raw).Fit(width, paint) // what the table is given was made visible
}

var (
	stateCell    = regexp.MustCompile(`(^|  )(invalid|rejected|parked|abandoned|in_doubt|settled|integrated)(  |$)`)
	stateColours = map[string]string{"invalid": "31", "rejected": "31", "parked": "31", "abandoned": "31", "in_doubt": "33", "settled": "32", "integrated": "32"}
)

// paintStates colours the first cell of a line that is a state: red for what needs a person, yellow for a doubt, green for what is well.
func paintStates(line string) string {
	at := stateCell.FindStringSubmatchIndex(line)
	if at == nil {
		return line
	}
	state := line[at[4]:at[5]]
	return line[:at[4]] + "\x1b[" + stateColours[state] + "m" + state + "\x1b[0m" + line[at[5]:]
}

// language is that of the environment, en or fr.
func language(getenv func(string) string) string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := getenv(name); v != "" {
			if strings.HasPrefix(v, "fr") {
				return "fr"
			}
			return "en"
		}
	}
	return "en"
}

// either chooses the words of the language.
func (a *app) either(en, fr string) string {
	if a.lang == "fr" {
		return fr
	}
	return en
}

// fail prints an error: one line, or with --json one object.
func (a *app) fail(err error, status int) {
	text := oneLine(a.words(err))
	if !a.json {
		_, _ = fmt.Fprintf(a.err, "choriste: %s\n", text)
		return
	}
	line := struct {
		Error  string `json:"error"`
		Status int    `json:"status"`
		Code   string `json:"code,omitempty"` // of a fault (docs/doctor.md), or a SQLSTATE of class CH (docs/sql.md)
	}{text, status, codeOf(err)}
	_ = printTo(a.err, line)
}

func codeOf(err error) string {
	var fault *store.Fault
	if errors.As(err, &fault) {
		return fault.Code
	}
	if code := store.SQLState(err); strings.HasPrefix(code, "CH") {
		return code
	}
	return ""
}

// errorInBoth is an error in both languages.
type errorInBoth struct{ en, fr string }

func (e errorInBoth) Error() string { return e.en }

// inBoth is an error for people, in English and French.
func inBoth(en, fr string, args ...any) error {
	return errorInBoth{fmt.Sprintf(en, args...), fmt.Sprintf(fr, args...)}
}

// inWords is an error in the language, where it has words in it.
func (a *app) inWords(err error) string {
	var line parseError
	if errors.As(err, &line) {
		return line.Text(a.lang)
	}
	var both errorInBoth
	if errors.As(err, &both) && a.lang == "fr" {
		return strings.Replace(err.Error(), both.en, both.fr, 1) // with what stands around it
	}
	var said interface {
		error
		Text(lang string) string
	}
	if errors.As(err, &said) { // with what stands around it
		return strings.Replace(err.Error(), said.Error(), said.Text(a.lang), 1)
	}
	var document *invoice.Problem
	if errors.As(err, &document) && a.lang == "fr" {
		return strings.Replace(err.Error(), document.Message, document.MessageFR, 1)
	}
	if a.lang == "fr" {
		return frenchOf(err.Error())
	}
	return err.Error()
}
