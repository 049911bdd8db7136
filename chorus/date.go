package chorus

import (
	"time"
	_ "time/tzdata" // Europe/Paris also where the system has no zone files
)

// Date is a moment as the portal wrote it. Time is zero when Raw is empty or in a form we do not know; no call fails for it.
type Date struct {
	Raw  string
	Time time.Time
}

// Day is the day in Paris, as 2006-01-02; "" when the moment is not known.
func (d Date) Day() string { return dayFrom(d.Time) }

var paris = func() *time.Location {
	l, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		panic("chorus: the embedded time zones lack Europe/Paris: " + err.Error())
	}
	return l
}()

// Day is the day of a moment in Paris, where the portal lives.
func Day(t time.Time) string { return t.In(paris).Format(time.DateOnly) }

// StartOfDay is the beginning of that day.
func StartOfDay(t time.Time) time.Time {
	y, m, d := t.In(paris).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, paris)
}

// dateLayouts are the forms of docs/chorus-pro.md §4.1. Parsing accepts a fraction after the seconds by itself.
var dateLayouts = []string{
	"2006-01-02T15:04:05Z07:00",
	"2006-01-02T15:04:05Z0700",
	"2006-01-02T15:04:05",
	"2006-01-02 15:04:05",
	"2006-01-02 15:04",
	"2006-01-02",
}

// parseDate reads a moment, and says it in Paris time, whatever its zone: the day of an invoice, told as 2025-12-31T23:00:00Z, is the first of January. One without a
// zone is Paris time.
func parseDate(raw string) Date {
	d := Date{Raw: raw}
	for _, layout := range dateLayouts {
		if t, err := time.ParseInLocation(layout, raw, paris); err == nil {
			// Beyond these years a moment is a mistake, and neither JSON nor every database can hold it.
			if y := t.Year(); y >= 1900 && y <= 2200 {
				d.Time = t.In(paris)
			}
			break
		}
	}
	return d
}

// The forms sent in searches, docs/chorus-pro.md §4.1: production clients send days, with the last second of the last day;
// the period of the last change takes a moment.
func dayFrom(t time.Time) string { return format(t, "2006-01-02", "") }
func dayTo(t time.Time) string   { return format(t, "2006-01-02", "T23:59:59") }
func moment(t time.Time) string  { return format(t, "2006-01-02T15:04:05.000-07:00", "") }

func format(t time.Time, layout, suffix string) string {
	if t.IsZero() {
		return ""
	}
	return t.In(paris).Format(layout) + suffix
}
