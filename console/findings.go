package console

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/choriste/choriste/store"
)

// mostDifferences is how many findings a page shows: each has a table.
const mostDifferences = 25

// findingList is what reconciliations found and nobody has closed.
type findingList struct {
	Totals   []store.FindingTotal
	Compared *time.Time // when a comparison ended last; nil: never, so that nothing is known
	Code     string
	State    string
	List     []difference
	Next     string
	Going    int         // comparisons that go on
	Deeds    []shownDeed // a comparison
}

func (c *console) findings(ctx context.Context, v view) (content, error) {
	q := v.URL.Query()
	l := findingList{Code: q.Get("code"), State: q.Get("state")}
	after, err := strconv.ParseInt("0"+q.Get("after"), 10, 64)
	if err != nil {
		return content{}, wrongInput(v.t("This is no page of the list.", "Ce n'est pas une page de la liste."))
	}
	if l.State != "" && l.State != "open" && l.State != "accepted" || len(l.Code) > 40 {
		return content{}, wrongInput(v.t("Findings are open or accepted.", "Un écart est ouvert (open) ou accepté (accepted)."))
	}
	if l.Totals, err = c.reads(ctx).FindingTotals(ctx); err != nil {
		return content{}, err
	}
	if l.Code != "" && !slices.ContainsFunc(l.Totals, func(t store.FindingTotal) bool { return t.Code == l.Code }) {
		l.Code = ""
	}
	if l.Compared, err = c.reads(ctx).LastCompared(ctx, "", ""); err != nil {
		return content{}, err
	}
	list, err := c.reads(ctx).FindingPage(ctx, store.FindingFilter{Code: l.Code, State: l.State, Before: after, Limit: mostDifferences + 1})
	if err != nil {
		return content{}, err
	}
	if len(list) > mostDifferences {
		list = list[:mostDifferences]
		next := url.Values{"after": {strconv.FormatInt(list[mostDifferences-1].ID, 10)}}
		for name, value := range map[string]string{"code": l.Code, "state": l.State} {
			if value != "" {
				next.Set(name, value)
			}
		}
		l.Next = "/findings?" + next.Encode()
	}
	for _, f := range list {
		l.List = append(l.List, difference{f, sides(f), c.findingDeeds(v, f)})
	}
	runs, err := c.reads(ctx).LatestRuns(ctx, "", "", mostDifferences)
	if err != nil {
		return content{}, err
	}
	for _, r := range runs {
		if !r.Ended() {
			l.Going++
		}
	}
	if c.may(v.Request, Operator) {
		l.Deeds = c.offered(v, "/findings", findingDeeds, "", "compare")
	}
	return content{page: "findings", title: v.t("What differs from Chorus Pro", "Ce qui diffère de Chorus Pro"), data: l}, nil
}
