package console

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

// A run is an act on several invoices that was confirmed. It is this process's, as a session is, and only says how far it got: what was done is in the rows and their history. Whoever may act
// finds all of them at /acts. After a restart nothing goes on by itself; a run's address says so, and leads to a new confirmation of what is left.

const (
	// mostRuns is how many go on at once, one for each person; mostRunsKept is how many are remembered.
	mostRuns, mostRunsKept = 3, 50
	// runWithin is how long one may take.
	runWithin = sessionWhole
	// mostRefused is how many refusals of one are shown.
	mostRefused = 50
)

// run is one, and how far it is.
type run struct {
	act     act
	query   string
	limit   int
	once    string // of the confirmation that began it: sent twice, it begins one
	who     person
	total   int
	perMin  int
	began   time.Time
	stopped context.CancelFunc
	only    []string // the accounts on which who began it may act
	all     bool     // on all of them

	mu      sync.Mutex
	done    int
	asked   int // nothing is done yet: each waits for a second person
	failed  int
	refused []refusedInvoice
	ended   time.Time // zero: it goes on
	cut     word      // why it ended before its end
	stopper string    // who stopped it
}

// refusedInvoice is one that the database refused the act on.
type refusedInvoice struct {
	ID  int64
	Why string
}

// shownIn tells whether a context sees every account that the run may be about.
func (r *run) shownIn(ctx context.Context) bool {
	names, confined := store.AccountsOf(ctx)
	return !confined || !r.all && !slices.ContainsFunc(r.only, func(a string) bool { return !slices.Contains(names, a) })
}

// runs are known by what their addresses hold.
type runs struct {
	mu   sync.Mutex
	list map[string]*run
}

// find returns the run of an address; nil: there is none that the context sees.
func (s *runs) find(ctx context.Context, key string) *run {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.list[key]; r != nil && r.shownIn(ctx) {
		return r
	}
	return nil
}

// begunBy is the address of the one that a confirmation began; "" when it began none.
func (s *runs) begunBy(once string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, r := range s.list {
		if once != "" && r.once == once {
			return r.address(k)
		}
	}
	return ""
}

// add takes one in, unless too many go on. The one that ended longest ago is forgotten for it.
func (s *runs) add(r *run) (key string, own, all bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	going, oldest, since := 0, "", time.Now()
	for k, other := range s.list {
		at, on := other.end()
		switch {
		case on && other.who.Actor == r.who.Actor, r.once != "" && other.once == r.once: // the latter may have ended meanwhile
			return "", true, false
		case on:
			going++
		case at.Before(since):
			oldest, since = k, at
		}
	}
	if going >= mostRuns {
		return "", false, true
	}
	if len(s.list) >= mostRunsKept {
		delete(s.list, oldest)
	}
	key = secret()
	s.list[key] = r
	return key, false, false
}

func (r *run) end() (at time.Time, goesOn bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended, r.ended.IsZero()
}

// address is that of the run with this key. It holds the selection, too, so that what is left is found when the run is not known any more.
func (r *run) address(key string) string {
	selection, _ := url.Parse(manyAt(r.act.Name, r.query, r.limit))
	return "/acts/" + key + "?" + selection.RawQuery
}

// begin starts a run of what was confirmed, and returns its address.
func (c *console) begin(ctx context.Context, v view, m many, perMinute int) (at string, err error) {
	p := personOf(v.Request)
	names, confined := store.AccountsOf(ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), runWithin)
	r := &run{act: m.Act, query: m.Query, limit: m.Limit, once: m.Once, who: p, only: names, all: !confined, total: len(m.list), perMin: perMinute, began: time.Now(), stopped: cancel}
	key, own, all := c.runs.add(r)
	switch {
	case own && c.runs.begunBy(m.Once) != "": // meanwhile
		cancel()
		return c.runs.begunBy(m.Once), nil
	case own:
		cancel()
		return "", wrongInput(v.t("What you began before goes on: wait for its end, or stop it.", "Ce que vous avez lancé avant continue : attendez la fin, ou arrêtez-le."))
	case all:
		cancel()
		return "", wrongInput(v.t("Others act on several invoices now: try again when they are done.", "D'autres agissent sur plusieurs factures en ce moment : réessayez ensuite."))
	}
	go func() {
		defer cancel()
		defer r.broke() // the worker is not to end with it
		c.carryOut(ctx, r, m.list, m.Reason)
	}()
	return r.address(key), nil
}

// errMayNot is the error of a run by somebody who may not act any more.
var errMayNot = errors.New("who began it may not act any more")

// carryOut does it to one invoice after the other, as it was shown. What the database's rules refuse is noted; any other error ends it.
func (c *console) carryOut(ctx context.Context, r *run, list []operate.Chosen, reason string) {
	_, err := operate.Each(ctx, list, r.perMin, func(i operate.Chosen) error {
		ctx := ctx
		if c.users != nil {
			now := c.rightsOf(r.who.who)
			if !now.may(Operator) {
				return errMayNot
			}
			ctx = now.confine(ctx, Operator)
		}
		state, err := r.act.many.Do(ctx, c.operator, i.ID, reason, &i.UpdatedAt)
		var refused english
		if err != nil && !errors.As(refusal(err), &refused) {
			return err
		}
		r.count(i.ID, state, string(refused))
		return nil
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = time.Now()
	switch {
	case err == nil:
	case errors.Is(err, errMayNot):
		r.cut = word{"Who began it may not act any more.", "Qui l'a lancé n'a plus le droit d'agir."}
	case ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled):
		r.cut = word{strings.TrimSuffix("It was stopped by "+r.stopper, " by ") + ".", strings.TrimSuffix("Arrêté par "+r.stopper, " par ") + "."}
	case ctx.Err() != nil:
		r.cut = word{"It took too long.", "Cela a duré trop longtemps."}
	default:
		r.cut = word{"It was interrupted: " + store.Message(err) + ".", "Interrompu : " + store.Message(err) + "."}
	}
}

// broke ends a run that panicked: what was done until then stays done.
func (r *run) broke() {
	if recover() == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended, r.cut = time.Now(), word{"It broke: a fault of the program. What was done stays done.", "Interrompu par une erreur du programme. Ce qui est fait reste fait."}
}

func (r *run) count(id int64, state store.State, refused string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case refused != "":
	case state == store.Asked:
		r.asked++
		return
	default:
		r.done++
		return
	}
	r.failed++
	if len(r.refused) < mostRefused {
		r.refused = append(r.refused, refusedInvoice{id, refused})
	}
}

// progress is what the page of a run shows.
type progress struct {
	Known   bool
	GoesOn  bool
	Act     act
	Who     string
	Done    int
	Asked   int // of a second person
	Total   int
	Looked  int // at how many
	Failed  int
	Refused []refusedInvoice
	More    int // refused ones that are not shown
	Cut     string
	Began   time.Time
	Took    time.Duration
	Stop    string
	Still   bool   // it does not reload by itself
	Turn    string // the same page, of the other kind
	Rest    string // the confirmation of what is left
	Back    string
	Form    string
}

// progress shows how far a run is.
func (c *console) progress(ctx context.Context, v view) (content, error) {
	if !c.may(v.Request, Operator) {
		return v.forbidden(Operator), nil
	}
	q := v.URL.Query()
	p := progress{Rest: manyAt(q.Get("act"), q.Get("q"), 0), Back: addresses{query: q.Get("q")}.to("/invoices", "", ""), Form: c.formOf(personOf(v.Request))}
	if limit := q.Get("limit"); limit != "" {
		p.Rest += "&limit=" + url.QueryEscape(limit)
	}
	r := c.runs.find(c.as(ctx, v.Request, Operator), v.PathValue("run"))
	if r == nil {
		if !q.Has("act") {
			return content{}, errNotFound
		}
		return content{page: "run", title: v.t("This act is not known here any more", "Cette action n'est plus connue ici"), data: p}, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p.Known, p.GoesOn, p.Act, p.Who, p.Total, p.Began = true, r.ended.IsZero(), r.act, r.who.Name, r.total, r.began
	p.Done, p.Asked, p.Failed, p.Looked = r.done, r.asked, r.failed, r.done+r.asked+r.failed
	p.Refused, p.More, p.Cut = append([]refusedInvoice(nil), r.refused...), r.failed-len(r.refused), v.word(r.cut)
	at := r.address(v.PathValue("run"))
	p.Stop = strings.Replace(at, "?", "/stop?", 1)
	if p.Still, p.Turn = q.Has("still"), at; !p.Still {
		p.Turn += "&still=1"
	}
	if !p.GoesOn {
		p.Took = r.ended.Sub(r.began)
	}
	return content{page: "run", title: v.word(r.act.Label) + v.t(": ", " : ") + v.howMany(r.total), data: p, again: p.GoesOn && !p.Still, live: p.GoesOn && !p.Still}, nil
}

// runLine is a line of the list of runs.
type runLine struct {
	progress
	Link string
}

// goingOn lists the runs that are remembered, the latest first, for whoever may act: each may be stopped by all of them.
func (c *console) goingOn(ctx context.Context, v view) content {
	c.runs.mu.Lock()
	defer c.runs.mu.Unlock()
	var list []runLine
	for key, r := range c.runs.list {
		if !r.shownIn(ctx) {
			continue
		}
		r.mu.Lock()
		list = append(list, runLine{progress{GoesOn: r.ended.IsZero(), Act: r.act, Who: r.who.Name, Done: r.done, Asked: r.asked, Total: r.total, Failed: r.failed, Cut: v.word(r.cut), Began: r.began}, r.address(key)})
		r.mu.Unlock()
	}
	slices.SortFunc(list, func(a, b runLine) int { return b.Began.Compare(a.Began) })
	return content{page: "runs", title: v.t("Acts on several invoices", "Actions sur plusieurs factures"), data: list}
}

// going is how many go on.
func (s *runs) going(ctx context.Context) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.list {
		if _, on := r.end(); on && r.shownIn(ctx) {
			n++
		}
	}
	return n
}

// stop ends a run after the invoice that it is at.
func (c *console) stop(ctx context.Context, v view) (content, error) {
	one := c.runs.find(ctx, v.PathValue("run"))
	if one == nil {
		return content{}, errNotFound
	}
	one.mu.Lock()
	if one.stopper == "" {
		one.stopper = personOf(v.Request).Name
	}
	one.mu.Unlock()
	one.stopped()
	return content{to: one.address(v.PathValue("run"))}, nil
}
