package console

import (
	"context"
	"fmt"
	"net/url"

	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

// mostTodo is how many lines of what needs a person the page holds; the counts are of all.
const mostTodo = 50

// overview is the first page: what needs a person, and how everything fares.
type overview struct {
	Todo     []todoLine
	Counts   []todoCount
	More     int // lines that are not shown
	Kind     string
	All      string // the list of those of the kind, where they are invoices of a state
	States   []store.StateCount
	Closure  *store.Window
	Breakers []store.Breaker // those that are not simply closed
	Accounts []store.AccountView
	Alive    int
	Workers  []store.WorkerView
	Secrets  []credential
	Hours    []operate.Hour
	Flow     *chart // of the hours; nil where nothing flowed
	Saved    []operate.View
	Views    []viewLink // of the saved ones, with their counts
}

// todoLine is a line with its way to the page about it.
type todoLine struct {
	operate.Todo
	ID, Link string // ID is "" where several lines would have the same
}

type todoCount struct {
	operate.TodoCount
	Link string
}

// credential says how old what is used is.
type credential struct {
	store.CredentialView
	SecretDays int
	Old        bool // the client secret: PISTE's last a year at most, and are better changed earlier
}

// secretOld is the age from which a client secret is shown as old, in days: the history says so at 80 (Remind).
const secretOld = 80

// todoStates are the states of the invoices of some kinds of lines.
var todoStates = map[string]store.State{
	"invalid": store.Invalid, "rejected": store.Rejected, "parked": store.Parked, "in_doubt": store.InDoubt, "statut": store.Integrated, "remedy": store.Integrated,
}

func (c *console) overview(ctx context.Context, v view) (content, error) {
	o := overview{Kind: v.URL.Query().Get("kind")}
	if o.Kind != "" {
		if _, known := kinds[o.Kind]; !known {
			return content{}, wrongInput(v.t("There is no such kind of line.", "Ce genre de ligne n'existe pas."))
		}
	}
	if state := todoStates[o.Kind]; state != "" {
		o.All = addresses{query: "is:listed state:" + string(state)}.to("/invoices", "", "")
	}
	o, err := current(ctx, c, v, "overview "+o.Kind, func(ctx context.Context) (overview, error) {
		if err := c.todo(ctx, &o); err != nil {
			return o, err
		}
		if err := c.fleet(ctx, &o); err != nil {
			return o, err
		}
		var err error
		if o.Hours, err = c.lastHours(ctx); err != nil {
			return o, err
		}
		o.Saved, err = operate.Views(ctx, c.reads(ctx))
		o.Views = viewLinks(o.Saved, "", c.countViews(ctx, v, o.Saved))
		return o, err
	})
	o.Flow = v.flowChart(o.Hours)
	return content{page: "overview", title: v.t("Overview", "Vue d'ensemble"), data: o, live: true}, err
}

// todo fills in what needs a person.
func (c *console) todo(ctx context.Context, o *overview) error {
	list, counts, err := operate.TodoPage(ctx, c.reads(ctx).Pool(), operate.TodoFilter{Kind: o.Kind, Limit: mostTodo})
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, t := range list {
		line := todoLine{Todo: t, Link: todoLink(t)}
		if t.Invoice != nil {
			if id := fmt.Sprintf("t-%s-%d", t.Kind, *t.Invoice); !seen[id] {
				line.ID, seen[id] = id, true
			}
		}
		o.Todo = append(o.Todo, line)
	}
	for _, n := range counts {
		o.Counts = append(o.Counts, todoCount{n, "/?kind=" + url.QueryEscape(n.Kind)})
		if o.Kind == "" || o.Kind == n.Kind {
			o.More += n.Count
		}
	}
	o.More = max(0, o.More-len(list))
	return nil
}

// todoLink leads to the page on which the line is dealt with.
func todoLink(t operate.Todo) string {
	switch {
	case t.Kind == "finding":
		return "/findings"
	case t.Invoice != nil:
		return fmt.Sprintf("/invoices/%d", *t.Invoice)
	case t.Kind == "resubmission", t.Kind == "request":
		return "/accounts#resubmission"
	case t.Kind == "webhook":
		return "/webhooks"
	case t.Account != nil:
		return "/accounts"
	}
	return ""
}

// fleet fills in the states, the accounts, and what is between them and the portal.
func (c *console) fleet(ctx context.Context, o *overview) (err error) {
	if o.States, err = c.reads(ctx).Stats(ctx); err != nil {
		return err
	}
	if o.Closure, err = c.reads(ctx).Closure(ctx); err != nil {
		return err
	}
	breakers, err := c.reads(ctx).Breakers(ctx)
	if err != nil {
		return err
	}
	for _, b := range breakers {
		if b.State != "closed" || b.Ramping {
			o.Breakers = append(o.Breakers, b)
		}
	}
	if o.Accounts, err = c.reads(ctx).Accounts(ctx); err != nil {
		return err
	}
	if o.Workers, err = c.reads(ctx).Workers(ctx); err != nil {
		return err
	}
	for _, w := range o.Workers {
		if w.Alive {
			o.Alive++
		}
	}
	list, err := c.reads(ctx).Credentials(ctx)
	o.Secrets = credentials(list)
	return err
}
