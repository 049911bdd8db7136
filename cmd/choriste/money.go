package main

import (
	"fmt"
	"slices"

	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

type moneyCmd struct {
	Account   string `help:"Only this account."`
	Recipient string `help:"Only this recipient (BT-47): its SIRET, or the SIREN of all its establishments." aliases:"siret" placeholder:"SIRET"`
	Since     string `help:"What was settled on this day of Paris or later; without it, in the last 30 days." placeholder:"DAY"`
	Until     string `help:"What was settled on this day of Paris or before; without it, until today." placeholder:"DAY"`
	ECBRate   string `name:"ecb-rate" help:"The European Central Bank's rate in percent, for late interest; without it, that of each half-year as chorus.ecb_rates has it." placeholder:"PERCENT"`
	Limit     int    `help:"At most so many recipients; with --csv, invoices, and then a million without it." default:"0"`
	CSV       bool   `name:"csv" help:"Print the invoices themselves as CSV, as a French Excel opens it."`
}

func (c moneyCmd) filter(a *app, st *store.Store) (f operate.MoneyFilter, err error) {
	f.Account, f.Recipient = c.Account, c.Recipient
	if f.Recipient != "" && !digits.MatchString(f.Recipient) {
		return f, usageError{inBoth("--recipient: %q is neither a SIRET (14 digits) nor a SIREN (9)", "--recipient : %q n'est ni un SIRET (14 chiffres) ni un SIREN (9)", f.Recipient)}
	}
	if f.Since, err = dayOf("--since", c.Since); err != nil {
		return f, err
	}
	if f.Until, err = dayOf("--until", c.Until); err != nil {
		return f, err
	}
	if c.ECBRate != "" {
		f.ECBRate.Decimal, err = decimal.NewFromString(c.ECBRate)
		if f.ECBRate.Valid = true; err != nil || len(c.ECBRate) > 8 || f.ECBRate.Decimal.Abs().GreaterThan(decimal.NewFromInt(50)) {
			return f, usageError{inBoth("--ecb-rate: %q is not a rate in percent as 2.15", "--ecb-rate : %q n'est pas un taux en pour cent comme 2.15", c.ECBRate)}
		}
	}
	if c.Account != "" {
		accounts, _, err := st.Known(a.ctx)
		if err == nil && !slices.Contains(accounts, c.Account) {
			err = among("account", c.Account, accounts)
		}
		return f, err
	}
	return f, nil
}

func (c moneyCmd) Run(a *app) error {
	if c.CSV && a.json {
		return usageError{inBoth("choose one of --csv and --json", "choisissez --csv ou --json")}
	}
	limit := map[bool]int{false: 20, true: mostRows}[c.CSV]
	if c.Limit != 0 {
		if err := within(c.Limit); err != nil {
			return err
		}
		limit = c.Limit
	}
	st, err := a.store()
	if err != nil {
		return err
	}
	f, err := c.filter(a, st)
	if err != nil {
		return err
	}
	if c.CSV {
		lines, err := operate.MoneyLines(a.ctx, st.Pool(), f, limit)
		if err != nil {
			return err
		}
		return operate.MoneyCSV(a.raw, lines)
	}
	open, recipients, err := operate.Open(a.ctx, st.Pool(), f, limit)
	if err != nil {
		return err
	}
	settled, _, err := operate.Settled(a.ctx, st.Pool(), f, 0)
	if err != nil {
		return err
	}
	rate, err := operate.LatestRate(a.ctx, st.Pool())
	if err != nil {
		return err
	}
	if a.json {
		return a.moneyJSON(open, recipients, settled, rate)
	}
	words := moneyTexts[a.lang]
	if err := a.moneyTables(words, open, recipients, settled); err != nil {
		return err
	}
	if f.ECBRate.Valid {
		a.printf("\n"+operate.MoneySource(a.lang)+words.given, f.ECBRate.Decimal)
	} else {
		a.printf("\n"+operate.MoneySource(a.lang)+words.rate, rate.Rate, rate.Since)
	}
	return nil
}

// moneyJSON prints one object a line; part says of what.
func (a *app) moneyJSON(open []operate.MoneyOpen, recipients []operate.MoneyRecipient, settled []operate.MoneySettled, rate operate.Rate) error {
	var all []any
	for _, o := range open {
		all = append(all, struct {
			Part string `json:"part"`
			operate.MoneyOpen
		}{"open", o})
	}
	for _, r := range recipients {
		all = append(all, struct {
			Part string `json:"part"`
			operate.MoneyRecipient
		}{"recipient", r})
	}
	for _, s := range settled {
		all = append(all, struct {
			Part string `json:"part"`
			operate.MoneySettled
		}{"settled", s})
	}
	all = append(all, struct {
		Part string `json:"part"`
		operate.Rate
	}{"rate", rate})
	for _, v := range all {
		if err := a.print(v); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) moneyTables(words moneyWords, open []operate.MoneyOpen, recipients []operate.MoneyRecipient, settled []operate.MoneySettled) error {
	if len(open) == 0 && len(settled) == 0 {
		a.printf("%s\n", words.nothing)
		return nil
	}
	w := visible.NewTable(a.out)
	w.Printf(words.open + "\n")
	for _, o := range open {
		w.Printf("%s\t%d\t%s\t%s\t%s\n", operate.StageText(o.Stage, a.lang), o.Invoices, sum(o.Money), dayText(o.Oldest), cost(o.Money))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(recipients) > 0 {
		a.printf("\n")
		w.Printf(words.recipient + "\n")
		for _, r := range recipients {
			w.Printf("%s\t%d\t%s\t%s\t%d\t%s\n", or(r.SIRET, "-"), r.Invoices, sum(r.Money), dayText(r.Oldest), r.Late, cost(r.Money))
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if len(settled) == 0 {
		return nil
	}
	a.printf("\n")
	w.Printf(words.settled + "\n")
	for _, s := range settled {
		days := "-"
		if s.Days.Valid {
			days = s.Days.Decimal.StringFixed(1)
		}
		w.Printf("%s\t%d\t%s\t%s\t%d\t%s\n", operate.SettledText(s.Settled, a.lang), s.Invoices, sum(s.Money), days, s.Late, cost(s.Money))
	}
	return w.Flush()
}

func sum(m operate.Money) string {
	return m.Amount.StringFixed(2) + " " + or(m.Devise, "-")
}

// cost is the interest and the indemnity of what is late.
func cost(m operate.Money) string {
	if m.Late == 0 {
		return "-"
	}
	return fmt.Sprintf("%s %s + %s EUR", m.Interest.StringFixed(2), or(m.Devise, "-"), m.Indemnity)
}

func dayText(d *store.Day) string {
	if d == nil {
		return "-"
	}
	return d.String()
}
