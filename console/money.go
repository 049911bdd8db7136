package console

import (
	"context"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/operate"
)

// mostOwing is how many recipients the page of money names: those that owe most.
const mostOwing = 50

// mostDelays is how many recipients are compared by how long they take to pay: those that paid most invoices.
const mostDelays = 12

// moneyPage is what choriste money prints.
type moneyPage struct {
	Recipient, Since, Until string // as they were asked for
	Open                    []operate.MoneyOpen
	Recipients              []operate.MoneyRecipient
	Settled                 []operate.MoneySettled
	OpenChart, DelayChart   *chart // nil: nothing to draw
	Delays                  []operate.MoneyDelay
	Rate                    operate.Rate
	Source                  string
}

var sirenOrSIRET = regexp.MustCompile(`^([0-9]{9}|[0-9]{14})?$`)

func (c *console) money(ctx context.Context, v view) (content, error) {
	q := v.URL.Query()
	p := moneyPage{Recipient: q.Get("recipient"), Since: q.Get("since"), Until: q.Get("until"), Source: operate.MoneySource(v.lang)}
	f := operate.MoneyFilter{Recipient: p.Recipient}
	if !sirenOrSIRET.MatchString(p.Recipient) {
		return content{}, wrongInput(v.t("A recipient is a SIRET (14 digits) or a SIREN (9).", "Un destinataire est un SIRET (14 chiffres) ou un SIREN (9)."))
	}
	for _, d := range []struct {
		text string
		to   *time.Time
	}{{p.Since, &f.Since}, {p.Until, &f.Until}} {
		var err error
		if *d.to, err = v.day(d.text); err != nil {
			return content{}, err
		}
	}
	var err error
	if p.Open, p.Recipients, err = operate.Open(ctx, c.reads(ctx).Pool(), f, mostOwing); err != nil {
		return content{}, err
	}
	if p.Settled, p.Delays, err = operate.Settled(ctx, c.reads(ctx).Pool(), f, mostDelays); err != nil {
		return content{}, err
	}
	p.OpenChart, p.DelayChart = v.openChart(p.Open), v.delayChart(p.Delays)
	if p.Rate, err = operate.LatestRate(ctx, c.reads(ctx).Pool()); err != nil {
		return content{}, err
	}
	return content{page: "money", title: v.t("Money", "Argent"), data: p}, nil
}

// sum is a sum of money that is never missing.
func (v view) sum(amount decimal.Decimal, devise any) string {
	return v.money(decimal.NewNullDecimal(amount), devise)
}

func (v view) stage(name string) string { return operate.StageText(name, v.lang) }

func (v view) settledHow(name string) string { return operate.SettledText(name, v.lang) }

// openChart draws what is open in EUR by stage of the legal clock.
func (v view) openChart(list []operate.MoneyOpen) *chart {
	sums := make([]string, len(operate.Stages))
	some := false
	for k, stage := range operate.Stages {
		sums[k] = "0"
		for _, o := range list {
			if o.Stage == stage && o.Devise != nil && *o.Devise == "EUR" && !o.Amount.IsZero() {
				sums[k], some = o.Amount.StringFixed(0), true
			}
		}
	}
	if !some {
		return nil
	}
	return newChart(v.t("What is open, in EUR, by its age on the legal clock of payment. The numbers are in the table.", "Ce qui est dû, en EUR, selon son âge au regard du délai légal. Les chiffres sont dans le tableau."),
		"open", v.lang, url.Values{"a": {strings.Join(sums, ",")}})
}

// delayChart draws how long recipients took to pay; those without a SIRET are in the table alone.
func (v view) delayChart(list []operate.MoneyDelay) *chart {
	var of, days []string
	for _, d := range list {
		if d.SIRET != nil && sirenOrSIRET.MatchString(*d.SIRET) {
			of, days = append(of, *d.SIRET), append(days, d.Days.Decimal.StringFixed(1))
		}
	}
	if len(of) == 0 {
		return nil
	}
	return newChart(v.t("Days from the start of the legal clock to payment, by recipient. The numbers are in the table.", "Jours entre le départ du délai légal et le paiement, par destinataire. Les chiffres sont dans le tableau."),
		"delays", v.lang, url.Values{"of": {strings.Join(of, ",")}, "a": {strings.Join(days, ",")}})
}
