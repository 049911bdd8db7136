package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/invoice/rules"
)

// checkSummary counts, whatever the number of files.
type checkSummary struct {
	files, ok, stopped, unread int
	rules                      map[string]*summaryRow
}

// summaryRow is how often one rule is broken.
type summaryRow struct {
	Code      string         `json:"code"`
	Severity  rules.Severity `json:"severity"`
	Files     int            `json:"files"`
	Places    int            `json:"places"`
	Term      string         `json:"term,omitempty"`
	Message   string         `json:"message"` // of the first place
	MessageFR string         `json:"message_fr"`
}

func (s *checkSummary) add(r checked) {
	s.files++
	switch {
	case r.Error != "":
		s.unread++
	case r.OK:
		s.ok++
	default:
		s.stopped++
	}
	seen := map[string]bool{}
	for _, f := range r.Findings {
		row := s.rules[f.Code]
		if row == nil {
			row = &summaryRow{Code: f.Code, Severity: f.Severity, Term: f.Term, Message: f.Message, MessageFR: f.MessageFR}
			s.rules[f.Code] = row
		}
		row.Places++
		if !seen[f.Code] {
			row.Files++
			seen[f.Code] = true
		}
	}
}

// print shows the rules, those that most files break first.
func (s *checkSummary) print(a *app, lang string) error {
	rows := make([]*summaryRow, 0, len(s.rules))
	for _, r := range s.rules {
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(x, y *summaryRow) int {
		if x.Files != y.Files {
			return y.Files - x.Files
		}
		return strings.Compare(x.Code, y.Code)
	})
	if a.json {
		for _, r := range rows {
			if err := a.print(r); err != nil {
				return err
			}
		}
		return nil
	}
	words := checkWords[lang]
	a.printf("\n"+words["sum"], s.files, s.ok, s.stopped, s.unread)
	if len(rows) == 0 {
		return nil
	}
	w := visible.NewTable(a.out)
	w.Printf("%s\t%s\t%s\t%s\t%s\t%s\n", words["rule"], words["severity"], words["files"], words["places"], words["term"], words["meaning"])
	for _, r := range rows {
		message := r.Message
		if lang == "fr" {
			message = r.MessageFR
		}
		w.Printf("%s\t%s\t%d\t%d\t%s\t%s\n", r.Code, words[string(r.Severity)], r.Files, r.Places, or(nonEmpty(r.Term), "-"), cutText(message, 80))
	}
	return w.Flush()
}

func (s *checkSummary) err() error {
	switch {
	case s.stopped+s.unread == 0:
		return nil
	case s.unread == 0:
		return fmt.Errorf("%d of %d files would not be sent", s.stopped, s.files)
	default:
		return fmt.Errorf("%d of %d files would not be sent, %d could not be read", s.stopped, s.files, s.unread)
	}
}
