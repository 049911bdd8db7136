package jobs

import "github.com/prometheus/client_golang/prometheus"

// Metrics count what the jobs of this process do.
type Metrics struct {
	Deposits *prometheus.CounterVec // by outcome
	Lookups  *prometheus.CounterVec // by where the row went
	Unknown  *prometheus.CounterVec // values of the portal that nobody has recorded, by kind
	Panics   prometheus.Counter
	Fenced   prometheus.Counter     // deposits that the fence stopped
	Quota    prometheus.Counter     // answers 429
	Webhooks *prometheus.CounterVec // by endpoint and result
	Missed   prometheus.Counter     // changes that only counting found
	Doubles  prometheus.Counter     // numbers that the portal holds twice
}

// NewMetrics makes them and registers them with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		Deposits: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "choriste_deposits_total", Help: "Deposits that ended, by outcome."}, []string{"outcome"}),
		Lookups:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "choriste_lookups_total", Help: "Searches for an invoice in doubt, by the state it took."}, []string{"to"}),
		Unknown:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "choriste_unknown_values_total", Help: "Values of Chorus Pro that this version does not know, by kind."}, []string{"kind"}),
		Panics:   prometheus.NewCounter(prometheus.CounterOpts{Name: "choriste_panics_total", Help: "Jobs that broke."}),
		Fenced:   prometheus.NewCounter(prometheus.CounterOpts{Name: "choriste_fenced_total", Help: "Deposits stopped before they left because they were late or no longer wanted."}),
		Quota:    prometheus.NewCounter(prometheus.CounterOpts{Name: "choriste_quota_refusals_total", Help: "Answers 429 of the gateway."}),
		Missed:   prometheus.NewCounter(prometheus.CounterOpts{Name: "choriste_feed_missed_total", Help: "Changes that the change feed had not shown and counting found."}),
		Doubles:  prometheus.NewCounter(prometheus.CounterOpts{Name: "choriste_doubles_total", Help: "Invoices parked because Chorus Pro holds another one of their number."}),
		Webhooks: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "choriste_webhook_deliveries_total", Help: "Requests to webhook endpoints, by result: ok or an error code."}, []string{"webhook", "result"}),
	}
	reg.MustRegister(m.Deposits, m.Lookups, m.Unknown, m.Panics, m.Fenced, m.Quota, m.Missed, m.Doubles, m.Webhooks)
	return m
}
