package jobs

import (
	"math"
	"time"

	"github.com/choriste/choriste/store"
)

// This file decides what of a change feed is read next; it asks nobody and changes nothing.
//
// The portal's search lags: a change shows some time after the moment that it bears, and a later one may show before an earlier one. A page costs one call,
// whether it is empty or full. So, as long as that costs no more calls, each reading goes back over all that may still come late, and as much further as its
// pages hold. Where so much changes that going back would fill pages of its own, a change is read when it can no longer be late: after the grace, which is
// what was learned of lateness within a day. If that is long, it is read once at once and once more after the grace. Now and then everything since the
// grace began is read at once: what shows later and was not in it tells how late the portal is. And what is settled is counted once more (count.go).

const (
	nearly     = 0.88          // of a page is planned for: not every time brings the same
	longest    = 4 * time.Hour // overlap that is read only because there is room for it; V, if that is longer
	guess      = 15            // readings: the grace while nothing is known of lateness
	endless    = 10_000        // pages
	wideEvery  = 60            // readings
	learnEvery = 3             // likewise, while something is to be learned
	learning   = 60            // readings after what was later than the grace
	soonest    = 12            // a reading comes no sooner after another one than this part of the interval
	ripe       = 8             // readings: what is read a second time waits so long at most for others to fill a page
	checkEvery = 16            // readings; half of it while something is to be learned
	checkAfter = 1             // reading after the grace
)

// feedState is what is known of a change feed when it is to be read.
type feedState struct {
	store.FeedRead
	now        time.Time
	lateness   time.Duration // -1: not known
	every      time.Duration
	visibility time.Duration
	page       int     // rows
	rate       float64 // changes a second, lately
}

// window is a period of changes to be read, [from, to); a zero to is no end.
type window struct {
	from, to time.Time
	again    bool // it will be read once more: what a reading leaves out is not lost
}

// feedPlan is what is read next, and how far the feed has been read then.
type feedPlan struct {
	windows []window
	back    int  // so many known changes may be read again in the pages that the last window needs anyway
	wide    bool // the last window leaves no gap
	apart   bool // overlap costs calls: what is new is read without
	read    store.FeedRead
	next    time.Duration
}

// grace is how long a change is waited for.
func (s feedState) grace() time.Duration {
	if s.lateness < 0 {
		return min(s.visibility, guess*s.every)
	}
	return s.lateness + s.every/soonest
}

// mostLate bounds what is learned of lateness.
func mostLate(every, visibility time.Duration) time.Duration { return max(visibility, 5*every) }

// room is how many changes are planned for a page.
func (s feedState) room() float64 { return nearly * float64(s.page) }

// pages is how many pages a period of this length takes.
func (s feedState) pages(d time.Duration) float64 {
	return max(1, math.Ceil(s.rate*d.Seconds()/s.room()))
}

// fills is how long it takes until so many pages are full, at most the interval between readings.
func (s feedState) fills(pages float64) time.Duration {
	if s.rate <= 0 || pages*s.room() >= s.rate*s.every.Seconds() {
		return s.every
	}
	return time.Duration(pages * s.room() / s.rate * float64(time.Second))
}

// together is the cheapest way to read each time over everything that may still come late: the wait between readings, and the calls a second.
func (s feedState) together() (wait time.Duration, cost float64) {
	cost = math.Inf(1)
	for pages := 1.0; pages < endless; pages++ {
		w := s.every
		if s.rate > 0 {
			w = min(w, time.Duration(pages*s.room()/s.rate*float64(time.Second))-s.grace())
		}
		if w >= s.every/soonest && pages/w.Seconds() < cost {
			wait, cost = w, pages/w.Seconds()
		}
		if w == s.every {
			break
		}
	}
	return wait, cost
}

// slow tells that one page holds more than the interval between two readings brings: a call more is not needed to keep up.
func (s feedState) slow() bool { return s.rate*s.every.Seconds() <= s.room() }

// plan decides what is read next.
func (s feedState) plan() feedPlan {
	const little = 1.03 // more calls are no cost
	p := feedPlan{read: store.FeedRead{Watermark: s.now.Add(-s.grace()), Fresh: s.now}, next: s.within(s.fills(1))}
	wait, cost := s.together()
	switch once := max(1/s.every.Seconds(), s.rate/s.room()); {
	case s.Watermark.IsZero():
		p.windows, p.wide = []window{{from: s.now.Add(-atFirst)}}, true
	case cost <= once*little:
		new := s.now.Sub(s.Fresh)
		p.windows, p.wide, p.next = []window{{from: s.Watermark}}, true, wait
		p.back = int(s.pages(new)*s.room() - s.rate*new.Seconds())
	case s.isWide():
		p.windows, p.wide, p.apart = []window{{from: s.Watermark}}, true, true
		if s.lateness >= 0 { // was the grace long enough?
			p.windows[0].from = s.Watermark.Add(-2 * s.grace())
		}
	case s.grace() <= 2*s.every:
		p.apart = true
		s.later(&p, 0)
	default:
		p.apart = true
		s.twice(&p)
	}
	if p.wide {
		p.read.WideFrom, p.read.WideAt = p.windows[0].from, s.now
	}
	return p
}

// isWide tells that everything is due to be read at once: to learn how late the portal is, or because so much has been left behind.
func (s feedState) isWide() bool {
	every := max(wideEvery*s.every, s.grace())
	if s.learns() {
		every = learnEvery * s.every
	}
	return s.now.Sub(s.WideAt) >= every || s.now.Sub(s.Watermark) > s.grace()+(ripe+2)*s.every
}

// learns tells that nothing is known of lateness yet, or that something came later than the grace, lately.
func (s feedState) learns() bool { return s.lateness < 0 || s.now.Before(s.Learning) }

// later reads what can no longer be late, in full pages, or when it has waited for so long since.
func (s feedState) later(p *feedPlan, waits time.Duration) {
	limit := s.now.Add(-s.grace())
	to := s.cut(s.Watermark, limit)
	p.read.Watermark = s.Watermark
	if full := s.fills(1) * 4 / 5; to.Sub(s.Watermark) >= full && (waits == 0 || !s.slow() || limit.Sub(s.Watermark) >= waits) {
		p.windows = append(p.windows, window{from: s.Watermark, to: to})
		p.read.Watermark = to
	}
	if waits == 0 {
		p.read.Fresh = p.read.Watermark
		p.next = s.within(p.read.Watermark.Add(s.fills(1) + s.grace()).Sub(s.now))
	}
}

// twice reads what is new at once, and what can no longer be late once more.
func (s feedState) twice(p *feedPlan) {
	s.later(p, ripe*s.every)
	to := s.cut(s.Fresh, s.now)
	p.read.Fresh = to
	p.next = s.within(to.Add(s.fills(1)).Sub(s.now))
	if to.Equal(s.now) {
		to = time.Time{} // the portal's clock may be ahead of ours
	}
	p.windows = append(p.windows, window{from: s.Fresh, to: to, again: true})
	if len(p.windows) > 1 && s.slow() {
		p.next += s.every // takes the place of a reading
	}
}

// cut is where a period ends whose pages are full: before the limit, unless all of it fits one page.
func (s feedState) cut(from, limit time.Time) time.Time {
	changes := s.rate * limit.Sub(from).Seconds()
	if changes <= s.room() {
		return limit
	}
	return from.Add(time.Duration(math.Floor(changes/s.room()) * s.room() / s.rate * float64(time.Second)))
}

// within bounds the wait until the next reading.
func (s feedState) within(wait time.Duration) time.Duration {
	return min(max(wait, s.every/soonest), s.every)
}

// check is the settled period that is due to be counted once more; false: none is. Where each reading goes back over all that may be late, none needs to be.
func (s feedState) check(p feedPlan, grain time.Duration) (window, bool) {
	every := checkEvery * s.every
	if s.learns() {
		every /= 2
	}
	to := p.read.Watermark.Add(-checkAfter * s.every).Truncate(grain)
	from := s.Checked
	if to.Sub(from) > 2*checkEvery*s.every {
		from = to.Add(-every).Truncate(grain)
	}
	return window{from: from, to: to}, p.apart && to.Sub(from) >= every
}

// proves tells that a reading shows everything that an earlier one without a gap had not yet, as far as it may be late; or, while little is known, much of it.
func (s feedState) proves(read store.FeedRead) bool {
	switch {
	case s.WideAt.IsZero() || s.now.Sub(s.WideAt) < s.every/2:
		return false
	case s.Watermark.Before(s.WideAt) && !read.Watermark.Before(s.WideAt):
		return true
	default:
		return read.WideAt.Equal(s.now) && s.WideAt.Sub(later(read.WideFrom, s.WideFrom)) >= s.grace()/2
	}
}
