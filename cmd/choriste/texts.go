package main

import (
	"strings"
	"time"

	"github.com/choriste/choriste/store"
)

func or(s *string, otherwise string) string {
	if s == nil {
		return otherwise
	}
	return *s
}

func amount(i store.Status) string {
	if !i.MontantTTC.Valid {
		return "-"
	}
	return strings.TrimSpace(i.MontantTTC.Decimal.StringFixed(2) + " " + or(i.Devise, ""))
}

// reason is the code and the words, cut for a table when most is above zero.
func reason(i store.Status, most int) string {
	text := strings.TrimSpace(or(i.ReasonCode, "") + " " + or(i.Reason, ""))
	if r := []rune(text); most > 0 && len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}

func stamp(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05.000-07:00") }

// minute is stamp, where seconds do not matter.
func minute(t time.Time) string { return t.Local().Format("2006-01-02 15:04 -07:00") }
