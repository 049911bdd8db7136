package jobs

import (
	"fmt"
	"testing"
	"time"

	"github.com/choriste/choriste/store"
)

// What is read next, of a feed that is read once a minute and whose pages have a hundred rows.
func TestWhatOfAFeedIsReadNext(t *testing.T) {
	now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	const busy = 97.0 / 60 // changes a second: 20,000 invoices a day
	for _, c := range []struct {
		name     string
		rate     float64
		lateness time.Duration
		read     store.FeedRead
		want     string // windows, from and to as ages
		settled  time.Duration
		back     int
		wide     bool
		next     time.Duration
	}{
		{
			name: "never read", lateness: -1,
			want: "24h0m0s-", settled: 15 * time.Minute, wide: true, next: time.Minute,
		},
		{
			name: "quiet, nothing known", lateness: -1, read: store.FeedRead{Watermark: ago(16 * time.Minute), Fresh: ago(time.Minute), WideAt: ago(time.Minute)},
			want: "16m0s-", settled: 15 * time.Minute, back: 88, wide: true, next: time.Minute,
		},
		{
			name: "500 a day, ten minutes late", rate: 2.4 / 60, lateness: 10 * time.Minute,
			read: store.FeedRead{Watermark: ago(11 * time.Minute), Fresh: ago(time.Minute), WideAt: ago(time.Minute)},
			want: "11m0s-", settled: 10*time.Minute + 5*time.Second, back: 85, wide: true, next: time.Minute,
		},
		{
			name: "20,000 a day, hardly late", rate: busy, lateness: 2 * time.Second,
			read: store.FeedRead{Watermark: ago(61 * time.Second), Fresh: ago(61 * time.Second), WideAt: ago(5 * time.Minute)},
			want: "1m1s-7s", settled: 7 * time.Second, next: 54 * time.Second,
		},
		{
			name: "20,000 a day, hardly late, time to learn", rate: busy, lateness: 2 * time.Second,
			read: store.FeedRead{Watermark: ago(61 * time.Second), Fresh: ago(61 * time.Second), WideAt: ago(60 * time.Minute)},
			want: "1m15s-", settled: 7 * time.Second, wide: true, next: 54 * time.Second,
		},
		{
			name: "20,000 a day, two pages and a bit have gathered", rate: busy, lateness: 90 * time.Second,
			read: store.FeedRead{Watermark: ago(215 * time.Second), Fresh: ago(215 * time.Second), WideAt: ago(5 * time.Minute)},
			want: "3m35s-1m46s", settled: 106 * time.Second, next: 43 * time.Second,
		},
		{
			name: "20,000 a day, nothing has gathered", rate: busy, lateness: 90 * time.Second,
			read: store.FeedRead{Watermark: ago(100 * time.Second), Fresh: ago(100 * time.Second), WideAt: ago(5 * time.Minute)},
			want: "", settled: 100 * time.Second, next: 49 * time.Second,
		},
		{
			name: "20,000 a day, ten minutes late: at once and once more", rate: busy, lateness: 10 * time.Minute,
			read: store.FeedRead{Watermark: ago(11 * time.Minute), Fresh: ago(54 * time.Second), WideAt: ago(5 * time.Minute)},
			want: "11m0s-10m6s 54s-", settled: 10*time.Minute + 6*time.Second, next: 54 * time.Second,
		},
		{
			name: "20,000 a day, nothing known", rate: busy, lateness: -1,
			read: store.FeedRead{Watermark: ago(16 * time.Minute), Fresh: ago(54 * time.Second), WideAt: ago(5 * time.Minute)},
			want: "16m0s-", settled: 15 * time.Minute, wide: true, next: 54 * time.Second,
		},
		{
			name: "20,000 a day, after an hour of silence", rate: busy, lateness: 2 * time.Second,
			read: store.FeedRead{Watermark: ago(time.Hour), Fresh: ago(time.Hour), WideAt: ago(time.Hour)},
			want: "1h0m14s-", settled: 7 * time.Second, wide: true, next: 54 * time.Second,
		},
		{
			name: "500 a day, one was hours late: the second look waits", rate: 2.4 / 60, lateness: 3 * time.Hour,
			read: store.FeedRead{Watermark: ago(3*time.Hour + 5*time.Minute), Fresh: ago(time.Minute), WideAt: ago(time.Hour)},
			want: "1m0s-", settled: 3*time.Hour + 5*time.Minute, next: time.Minute,
		},
		{
			name: "and takes the place of a reading", rate: 2.4 / 60, lateness: 3 * time.Hour,
			read: store.FeedRead{Watermark: ago(3*time.Hour + 9*time.Minute), Fresh: ago(time.Minute), WideAt: ago(time.Hour)},
			want: "3h9m0s-3h0m5s 1m0s-", settled: 3*time.Hour + 5*time.Second, next: 2 * time.Minute,
		},
	} {
		s := feedState{FeedRead: c.read, now: now, lateness: c.lateness, every: time.Minute, visibility: 4 * time.Hour, page: 100, rate: c.rate}
		p := s.plan()
		got := ""
		for _, w := range p.windows {
			if got != "" {
				got += " "
			}
			got += now.Sub(w.from).Round(time.Second).String() + "-"
			if !w.to.IsZero() {
				got += now.Sub(w.to).Round(time.Second).String()
			}
		}
		if got != c.want || p.wide != c.wide || p.back != c.back {
			t.Errorf("%s: reads %q, wide %t, back %d; want %q, %t, %d", c.name, got, p.wide, p.back, c.want, c.wide, c.back)
		}
		if settled := now.Sub(p.read.Watermark).Round(time.Second); settled != c.settled {
			t.Errorf("%s: settled %s ago, want %s", c.name, settled, c.settled)
		}
		if p.next.Round(time.Second) != c.next {
			t.Errorf("%s: again in %s, want %s", c.name, p.next, c.next)
		}
	}
}

// Whatever changes and however late: nothing is called settled that has not been read after the grace, and no reading waits for longer than two intervals.
func TestNothingIsSettledUnread(t *testing.T) {
	for _, perMinute := range []float64{0, 0.1, 2.4, 20, 80, 97, 400, 3000} {
		for _, lateness := range []time.Duration{-1, 0, 2 * time.Second, 90 * time.Second, 10 * time.Minute, 3 * time.Hour} {
			t.Run(fmt.Sprint(perMinute, " a minute, ", lateness), func(t *testing.T) {
				now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
				s := feedState{now: now, lateness: lateness, every: time.Minute, visibility: 4 * time.Hour, page: 100, rate: perMinute / 60}
				var settled, fresh time.Time
				for range 500 {
					p := s.plan()
					s.Watermark, s.Fresh = later(s.Watermark, p.read.Watermark), later(s.Fresh, p.read.Fresh)
					if p.wide {
						s.WideFrom, s.WideAt = p.read.WideFrom, p.read.WideAt
					}
					for _, w := range p.windows {
						end := w.to
						if end.IsZero() {
							end = s.now
						}
						if !end.After(w.from) {
							t.Fatalf("reads from %s to %s", w.from, end)
						}
						if !w.from.After(settled) || settled.IsZero() { // read after the grace, without a gap
							if old := s.now.Add(-s.grace()); old.Before(end) {
								end = old
							}
							settled = later(settled, end)
						}
						if !w.from.After(fresh) || fresh.IsZero() {
							fresh = later(fresh, w.to)
							if w.to.IsZero() {
								fresh = s.now
							}
						}
					}
					if s.Watermark.After(settled) {
						t.Fatalf("settled until %s, read in time until %s", s.Watermark, settled)
					}
					if s.Fresh.After(fresh) {
						t.Fatalf("fresh until %s, read until %s", s.Fresh, fresh)
					}
					if late := s.now.Sub(s.Watermark) - s.grace(); late > 9*time.Minute {
						t.Fatalf("what can no longer be late waits for %s", late)
					}
					if p.next < time.Minute/soonest || p.next > 2*time.Minute {
						t.Fatalf("the next reading comes after %s", p.next)
					}
					s.now = s.now.Add(p.next)
				}
			})
		}
	}
}
