package console

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/choriste/choriste/operate"
)

// Saved views are queries under a name, for everybody. Their links hold the query itself, so that a page says what it shows, and each reader sees the rows that he may see.

// viewLink is a saved view with its way to the list.
type viewLink struct {
	operate.View
	Link  string
	Here  bool             // the list is of its query
	Count *operate.Counted // nil: not counted (yet), or it would take too long
}

func viewLinks(list []operate.View, query string, counted map[string]*operate.Counted) (links []viewLink) {
	for _, v := range list {
		links = append(links, viewLink{v, addresses{query: v.Query}.to("/invoices", "", ""), v.Query == query, counted[v.Query]})
	}
	return links
}

// mayChangeViews tells whether who asks may save and delete views: what is everybody's is for who sees all accounts, as the database has it.
func (c *console) mayChangeViews(v view) bool {
	return c.mayOnAll(v.Request, Operator)
}

// changingViews serves a change of them.
func (c *console) changingViews(v view, change func(reason string) error) error {
	if !c.mayChangeViews(v) {
		return forbiddenWhy(v.t("Views are everybody's: an operator of all accounts saves and deletes them.", "Les vues sont à tous : un opérateur de tous les comptes les enregistre et les supprime."))
	}
	reason := strings.TrimSpace(v.PostForm.Get("reason"))
	if len(reason) > mostReason {
		return wrongInput(v.t("A reason has 1,000 characters at most.", "Un motif a au plus 1 000 caractères."))
	}
	return v.wrong(refusal(change(reason)))
}

// saveView saves the query of the list, and leads to it.
func (c *console) saveView(ctx context.Context, v view) (content, error) {
	var saved operate.View
	err := c.changingViews(v, func(reason string) (err error) {
		saved, err = operate.SaveView(ctx, c.operator, v.PostForm.Get("name"), v.PostForm.Get("q"), reason)
		return err
	})
	return content{to: addresses{query: saved.Query}.to("/invoices", "", "")}, err
}

// deleteView deletes one, and leads back.
func (c *console) deleteView(ctx context.Context, v view) (content, error) {
	err := c.changingViews(v, func(reason string) error {
		return operate.DeleteView(ctx, c.operator, v.PostForm.Get("name"), reason)
	})
	return content{to: v.before()}, err
}

const (
	// countsLast is how long the counts of views are shown; countsWithin is how long counting them may take, and countsWait how long the first page waits for them.
	countsLast, countsWithin, countsWait = time.Minute, 30 * time.Second, 150 * time.Millisecond
	// mostCounts is for people of how many sets of accounts they are kept.
	mostCounts = 100
)

// counts are those of views, by the accounts that they are of. They are counted beside the pages, once a minute for everybody who sees the same.
type counts struct {
	mu   sync.Mutex
	list map[string]*count
}

type count struct {
	at     time.Time // when counting began last
	done   chan struct{}
	going  bool
	counts map[string]*operate.Counted // by the query
}

// countViews returns the counts that there are, and begins counting anew when they are old.
func (c *console) countViews(ctx context.Context, v view, list []operate.View) map[string]*operate.Counted {
	if len(list) == 0 {
		return nil
	}
	s, key := &c.counts, seenBy(ctx)
	s.mu.Lock()
	one := s.list[key]
	if one == nil {
		if len(s.list) >= mostCounts {
			clear(s.list)
		}
		one = &count{}
		s.list[key] = one
	}
	if !one.going && time.Since(one.at) >= countsLast {
		one.at, one.going, one.done = time.Now(), true, make(chan struct{})
		go c.countAnew(context.WithoutCancel(ctx), v, one, list)
	}
	first, done := one.counts == nil, one.done
	s.mu.Unlock()
	if first {
		select {
		case <-done:
		case <-time.After(countsWait):
		case <-ctx.Done():
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return one.counts
}

// countAnew counts each view in a turn of its own, so that pages wait for one of them at most. What was not reached in time has no count.
func (c *console) countAnew(ctx context.Context, v view, one *count, list []operate.View) {
	ctx, cancel := context.WithTimeout(ctx, countsWithin)
	defer cancel()
	counted := map[string]*operate.Counted{}
	for _, saved := range list {
		at, leave, err := c.enter(v.WithContext(ctx))
		if err != nil {
			break
		}
		n, err := saved.Count(at, c.reads(at))
		leave()
		if err != nil {
			break
		}
		counted[saved.Query] = n
	}
	c.counts.mu.Lock()
	defer c.counts.mu.Unlock()
	one.counts, one.going = counted, false
	close(one.done)
}
