package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/choriste/choriste/internal/visible"
)

// showLines prints changes as they come: time, external_ref, state, reason.
func showLines(out io.Writer, news []change) {
	for _, c := range news {
		fmt.Fprintln(out, strings.TrimRight(visible.Sprintf("%s %s %-10s %s", c.at.Local().Format("15:04:05.000"), c.ref, c.state, c.text), " "))
	}
}

// table is redrawn in place: each frame is one write that goes back up over the last one, so nothing flickers.
type table struct {
	out    io.Writer
	colour bool
	size   func() (width, height int)

	width, height int // of the terminal at the last frame
	lines         int // of the last frame
}

func (t *table) show(rows []*row, _ []change) {
	width, height := t.size()
	var b strings.Builder
	switch {
	case t.lines == 0:
	case width != t.width || height != t.height: // the terminal has folded the last frame anew, nobody knows into how many lines
		b.WriteString("\x1b[H\x1b[2J")
	default:
		fmt.Fprintf(&b, "\x1b[%dA\r", t.lines)
	}
	frame := t.frame(rows, width, height)
	for _, line := range frame {
		b.WriteString(line + "\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	t.width, t.height, t.lines = width, height, len(frame)
	_, _ = io.WriteString(t.out, b.String())
}

// frame is what fits: when the terminal is low, rows that are done make room for those that are not.
func (t *table) frame(rows []*row, width, height int) []string {
	shown := rows
	if room := max(height-3, 1); len(rows) > room { // head, foot, and the cursor's own line
		shown = nil
		for _, done := range []bool{false, true} {
			for _, r := range rows {
				if (r.missing() == "") == done && len(shown) < room {
					shown = append(shown, r)
				}
			}
		}
	}
	lines := []string{t.line(width, cell{2, "", ""}, cell{16, "EXTERNAL_REF", dim}, cell{12, "STATE", dim}, cell{30, "STATUT AT CHORUS PRO", dim}, cell{0, "", dim})}
	for _, r := range shown {
		mark, note := "", r.about
		if r.missing() == "" {
			mark = "✓"
		}
		if why := cmp.Or(r.reason, r.comment); why != "" {
			note = why
		}
		lines = append(lines, t.line(width, cell{2, mark, green}, cell{16, r.ref, ""}, cell{12, r.state, colours[r.state]}, cell{30, r.statut, ""}, cell{0, note, dim}))
	}
	foot := fmt.Sprintf("%d of %d as expected", asExpected(rows), len(rows))
	if hidden := len(rows) - len(shown); hidden > 0 {
		foot += fmt.Sprintf(" (%d not shown)", hidden)
	}
	return append(lines, t.line(width, cell{0, foot, dim}))
}

const (
	dim    = "\x1b[2m"
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	plain  = "\x1b[0m"
)

var colours = map[string]string{
	"invalid": red, "rejected": red, "in_doubt": yellow, "parked": yellow, "sending": yellow, "settled": green, "integrated": green,
}

// cell is a text in so many columns; 0 are all that are left.
type cell struct {
	columns int
	text    string
	colour  string
}

// line sets cells side by side in at most width-1 columns: some terminals fold a line that fills them all.
func (t *table) line(width int, cells ...cell) string {
	var b strings.Builder
	left := width - 1
	for _, c := range cells {
		columns := c.columns
		if columns == 0 || columns > left {
			columns = left
		}
		text := cut(c.text, columns)
		if c.columns > 0 {
			text += strings.Repeat(" ", columns-utf8.RuneCountInString(text))
		}
		left -= columns
		if t.colour && c.colour != "" && text != "" {
			text = c.colour + text + plain
		}
		b.WriteString(text)
	}
	return b.String()
}

// cut shortens a text to one line of so many columns. Our texts hold no characters wider than one.
func cut(text string, columns int) string {
	text = visible.Text(strings.Join(strings.Fields(text), " "))
	if utf8.RuneCountInString(text) <= columns {
		return text
	}
	if columns < 1 {
		return ""
	}
	return string([]rune(text)[:columns-1]) + "…"
}

// printSummary says what became of the invoices, and what is missing.
func printSummary(out io.Writer, rows []*row, took time.Duration) {
	fmt.Fprintf(out, "\n%d of %d invoices are as expected after %.1f s: %s.\n", asExpected(rows), len(rows), took.Seconds(), counts(rows))
	for _, r := range rows {
		if text := r.missing(); text != "" {
			fmt.Fprintf(out, "  %s (%s): %s\n", r.ref, r.about, text)
		}
	}
}

// counts lists how many rows are in each state, most first.
func counts(rows []*row) string {
	n := map[string]int{}
	var states []string
	for _, r := range rows {
		if n[r.state] == 0 {
			states = append(states, r.state)
		}
		n[r.state]++
	}
	slices.SortStableFunc(states, func(a, b string) int { return n[b] - n[a] })
	for k, s := range states {
		if s == "" {
			s = "not inserted"
		}
		states[k] = fmt.Sprintf("%d %s", n[states[k]], s)
	}
	return strings.Join(states, ", ")
}

// printPlaces says where to look while everything still runs.
func printPlaces(out io.Writer, h *house) {
	fmt.Fprintf(out, `
The console is open at %s until Ctrl-C. From another terminal:

  export DATABASE_URL='%s'
  go run ./cmd/choriste list
  go run ./cmd/choriste show 2                  # its answer was lost
  go run ./cmd/choriste submit invoice.xml      # one of yours; it goes to the simulator
  psql "$DATABASE_URL" -c 'SELECT * FROM chorus.invoice_status'

`, h.console, h.url)
}

// printJSON prints a line for each invoice and one with totals.
func printJSON(out io.Writer, rows []*row, took time.Duration) error {
	type line struct {
		ID         int64           `json:"id"`
		Ref        string          `json:"external_ref"`
		Numero     string          `json:"numero_facture"`
		About      string          `json:"about"`
		OK         bool            `json:"ok"`
		Missing    string          `json:"missing,omitempty"`
		State      string          `json:"state"`
		ReasonCode string          `json:"reason_code,omitempty"`
		Reason     string          `json:"reason,omitempty"`
		Statut     string          `json:"statut_courant,omitempty"`
		Comment    string          `json:"statut_commentaire,omitempty"`
		Flux       *string         `json:"numero_flux_depot,omitempty"`
		Facture    *int64          `json:"identifiant_facture_cpp,omitempty"`
		Path       []string        `json:"path"`
		Attempts   int             `json:"attempts"`
		Deposits   int             `json:"deposits"`
		Metadata   json.RawMessage `json:"metadata,omitempty"`
		Expected   want            `json:"expected"`
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	states := map[string]int{}
	for _, r := range rows {
		states[r.state]++
		missing := r.missing()
		err := enc.Encode(line{
			ID: r.id, Ref: r.ref, Numero: r.numero, About: r.about, OK: missing == "", Missing: missing, State: r.state, ReasonCode: r.reasonCode,
			Reason: r.reason, Statut: r.statut, Comment: r.comment, Flux: r.flux, Facture: r.facture, Path: r.path, Attempts: r.attempts,
			Deposits: r.deposits, Metadata: r.metadata, Expected: r.want,
		})
		if err != nil {
			return err
		}
	}
	return enc.Encode(struct {
		Invoices int            `json:"invoices"`
		OK       int            `json:"ok"`
		States   map[string]int `json:"states"`
		Seconds  float64        `json:"seconds"`
	}{len(rows), asExpected(rows), states, took.Round(time.Millisecond).Seconds()})
}
