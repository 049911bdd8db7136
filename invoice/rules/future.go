package rules

import (
	"time"
	_ "time/tzdata" // Europe/Paris also where the system has no zone files

	"github.com/choriste/choriste/invoice"
)

// futureRule is a warning: that Chorus Pro refuses such an invoice is not documented, and some suppliers date theirs ahead.
var futureRule = Rule{
	Code: "CH-DATE-FUTURE", Severity: Warning, Term: "BT-2", Source: "the simulator's guess: docs/simulator.md", Weight: "G",
	Text: "BT-2 (issue date) lies after the day on which the invoice is sent", TextFR: "BT-2 (date d'émission) est postérieure au jour de l'envoi",
	Remedy: "Correct the date, or have it sent later (not_before).", RemedyFR: "Corrigez la date, ou faites-la envoyer plus tard (not_before).",
}

var paris = func() *time.Location {
	l, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		panic("rules: the embedded time zones lack Europe/Paris: " + err.Error())
	}
	return l
}()

// futureDate holds the date against the day in France.
func futureDate(d *invoice.Document, now time.Time) []Finding {
	if now.IsZero() || d.Date.IsZero() || d.Date.Format(time.DateOnly) <= now.In(paris).Format(time.DateOnly) {
		return nil
	}
	return []Finding{chorusRule{Rule: futureRule}.finding(at(d.At("BT-2")))}
}
