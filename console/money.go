package console

import (
	"context"
	"regexp"
	"time"

	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/operate"
)

// mostOwing is how many recipients the page of money names: those that owe most.
const mostOwing = 50

// moneyPage is what choriste money prints.
type moneyPage struct {
	Recipient, Since, Until string // as they were asked for
	Open                    []operate.MoneyOpen
	Recipients              []operate.MoneyRecipient
	Settled                 []operate.MoneySettled
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
		if d.text == "" {
			continue
		}
		t, err := time.Parse(time.DateOnly, d.text)
		if err != nil || t.Year() < 1 {
			return content{}, wrongInput(v.t("A day is written as 2026-11-23.", "Un jour s'écrit comme 2026-11-23."))
		}
		*d.to = t
	}
	var err error
	if p.Open, p.Recipients, err = operate.Open(ctx, c.store.Pool(), f, mostOwing); err != nil {
		return content{}, err
	}
	if p.Settled, err = operate.Settled(ctx, c.store.Pool(), f); err != nil {
		return content{}, err
	}
	if p.Rate, err = operate.LatestRate(ctx, c.store.Pool()); err != nil {
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
