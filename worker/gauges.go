package worker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

// gauges ask the database when they are read.
type gauges struct{ w *Worker }

var (
	countDesc  = prometheus.NewDesc("choriste_invoices", "Invoices by state.", []string{"state"}, nil)
	ageDesc    = prometheus.NewDesc("choriste_oldest_seconds", "Age of the oldest invoice in a state that is not final.", []string{"state"}, nil)
	pausedDesc = prometheus.NewDesc("choriste_account_paused", "1 while an account is paused, by an operator or because Chorus Pro refused it.", []string{"account"}, nil)
	endsDesc   = prometheus.NewDesc("choriste_account_password_days", "Days left of an account's password, as Chorus Pro told last.", []string{"account"}, nil)
	secretDesc = prometheus.NewDesc("choriste_client_secret_days", "Days since this fleet first used the client secret.", []string{"application"}, nil)
	oddDesc    = prometheus.NewDesc("choriste_unusual_statuts_total", "Statuts of Chorus Pro that are unknown, and moves that went back, by kind.", []string{"kind"}, nil)
	feedDesc   = prometheus.NewDesc("choriste_feeds_degraded", "Change feeds of an account whose filter Chorus Pro does not honour as it should.", []string{"account"}, nil)
	unreadDesc = prometheus.NewDesc("choriste_feed_age_seconds", "Time since the change feed of a supplier structure was last read to its end, where invoices are open.", []string{"account", "supplier"}, nil)
	todoDesc   = prometheus.NewDesc("choriste_todo", "What needs a person, by kind: the lines of choriste todo.", []string{"kind"}, nil)
	foundDesc  = prometheus.NewDesc("choriste_findings", "Open findings of reconciliations, by code.", []string{"code"}, nil)
	openDesc   = prometheus.NewDesc("choriste_breaker_open", "1 while deposits are held back because a portal or a PISTE application fails, for the whole fleet.", []string{"scope", "name"}, nil)
)

func (g gauges) Describe(ch chan<- *prometheus.Desc) {
	ch <- countDesc
	ch <- ageDesc
	ch <- openDesc
	ch <- foundDesc
	ch <- pausedDesc
	ch <- endsDesc
	ch <- secretDesc
	ch <- oddDesc
	ch <- feedDesc
	ch <- unreadDesc
	ch <- todoDesc
}

// Collect asks each question by itself: one that is not answered is counted as an error of the page and keeps nothing else from it.
func (g gauges) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var all samples
	defer all.emit(ch)
	for desc, ask := range map[*prometheus.Desc]func(context.Context, *samples) error{
		openDesc: g.breakers, pausedDesc: g.accounts, secretDesc: g.secrets, oddDesc: g.unusual, feedDesc: g.feeds, unreadDesc: g.unread, foundDesc: g.findings, countDesc: g.states, todoDesc: g.todo,
	} {
		if err := ask(ctx, &all); err != nil {
			ch <- prometheus.NewInvalidMetric(desc, errors.New(store.Message(err)))
		}
	}
}

// samples are what is to be shown. Rows of the database may have the same labels, those of one portal under two addresses for instance: the page has room for
// one sample of each, and the greatest is the one to look at.
type samples struct{ list []sample }

type sample struct {
	desc   *prometheus.Desc
	kind   prometheus.ValueType
	value  float64
	labels []string
}

func (s *samples) gauge(d *prometheus.Desc, value float64, labels ...string) {
	s.add(sample{d, prometheus.GaugeValue, value, labels})
}

func (s *samples) add(n sample) {
	for k, label := range n.labels {
		n.labels[k] = strings.ToValidUTF8(label, "\uFFFD")
	}
	for k, old := range s.list {
		if old.desc == n.desc && slices.Equal(old.labels, n.labels) {
			s.list[k].value = max(old.value, n.value)
			return
		}
	}
	s.list = append(s.list, n)
}

func (s *samples) emit(ch chan<- prometheus.Metric) {
	for _, n := range s.list {
		ch <- prometheus.MustNewConstMetric(n.desc, n.kind, n.value, n.labels...)
	}
}

func (g gauges) breakers(ctx context.Context, all *samples) error {
	list, err := g.w.store.Breakers(ctx)
	for _, b := range list {
		all.gauge(openDesc, one(b.State != "closed"), b.Scope, b.Name)
	}
	return err
}

func one(so bool) float64 {
	if so {
		return 1
	}
	return 0
}

// accounts shows what this process is configured with; nothing of an account whose password nobody knows the end of.
func (g gauges) accounts(ctx context.Context, all *samples) error {
	ours := g.w.jobs.Accounts()
	list, err := g.w.store.Accounts(ctx)
	for _, a := range list {
		if ours[a.Account] == nil {
			continue
		}
		all.gauge(pausedDesc, one(a.PausedAt != nil), a.Account)
		if a.PasswordDays != nil {
			all.gauge(endsDesc, float64(*a.PasswordDays), a.Account)
		}
	}
	return err
}

func (g gauges) secrets(ctx context.Context, all *samples) error {
	days, _, err := g.w.secrets(ctx)
	for name, n := range days {
		all.gauge(secretDesc, float64(n), name)
	}
	return err
}

func (g gauges) unusual(ctx context.Context, all *samples) error {
	list, err := g.w.store.Unusual(ctx)
	for _, u := range list {
		all.add(sample{oddDesc, prometheus.CounterValue, float64(u.Count), []string{u.ReasonCode}})
	}
	return err
}

func (g gauges) feeds(ctx context.Context, all *samples) error {
	ours := g.w.jobs.Accounts()
	degraded, err := g.w.store.Degraded(ctx)
	for name, n := range degraded {
		if ours[name] != nil {
			all.gauge(feedDesc, float64(n), name)
		}
	}
	return err
}

func (g gauges) unread(ctx context.Context, all *samples) error {
	ages, err := g.w.store.FeedAges(ctx, g.w.names())
	for _, a := range ages {
		all.gauge(unreadDesc, a.Age.Seconds(), a.Account, a.Identifiant)
	}
	return err
}

func (g gauges) findings(ctx context.Context, all *samples) error {
	counts, err := g.w.store.OpenFindings(ctx)
	for code, n := range counts {
		all.gauge(foundDesc, float64(n), code)
	}
	return err
}

// todo counts what somebody must act on. Every kind has a sample, so that an alert on one clears.
func (g gauges) todo(ctx context.Context, all *samples) error {
	counts, err := operate.TodoCounts(ctx, g.w.store.Pool(), operate.TodoFilter{})
	if err != nil {
		return err
	}
	sums := map[string]int{}
	for _, n := range counts {
		if n.Acts {
			sums[n.Kind] += n.Count
		}
	}
	for _, kind := range operate.Kinds {
		all.gauge(todoDesc, float64(sums[kind]), kind)
	}
	return nil
}

func (g gauges) states(ctx context.Context, all *samples) error {
	stats, err := g.w.store.Stats(ctx)
	for _, s := range stats {
		all.gauge(countDesc, float64(s.Count), string(s.State))
		all.gauge(ageDesc, s.Oldest.Seconds(), string(s.State))
	}
	return err
}
