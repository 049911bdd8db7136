package operate

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/store"
)

// MoneyFilter selects lines of chorus.money; zero values select all.
type MoneyFilter struct {
	Account   string
	Recipient string              // SIRET or SIREN
	Since     time.Time           // what was settled on this day of Paris or later; zero: in the last 30 days
	Until     time.Time           // and no later than this day; zero: today
	ECBRate   decimal.NullDecimal // percent a year, instead of those in chorus.ecb_rates
}

func (f MoneyFilter) args(limit int) pgx.NamedArgs {
	day := func(t time.Time) *string {
		if t.IsZero() {
			return nil
		}
		s := t.Format(time.DateOnly)
		return &s
	}
	return pgx.NamedArgs{"account": f.Account, "recipient": f.Recipient, "since": day(f.Since), "until": day(f.Until), "rate": f.ECBRate, "limit": limit}
}

// The parts of the statements below. Interest is computed anew where another rate is asked for.
const (
	moneyOf      = ` (@account = '' OR account = @account) AND (@recipient = '' OR destinataire_siret LIKE @recipient || '%') `
	moneyOpen    = moneyOf + `AND open `
	moneySettled = moneyOf + `AND NOT open AND settled_on
	    BETWEEN (SELECT coalesce(@since::text::date, (clock_timestamp() AT TIME ZONE 'Europe/Paris')::date - 30))
	    AND (SELECT coalesce(@until::text::date, (clock_timestamp() AT TIME ZONE 'Europe/Paris')::date)) `
	moneyInterest = ` CASE WHEN @rate::numeric IS NULL THEN interest WHEN interest IS NOT NULL THEN chorus.late_interest(amount, days_late, @rate::numeric + 8) END `
)

// Money is a sum in one currency, with VAT; credit notes are subtracted. What late payment costs is Interest, in that currency, and Indemnity, in EUR.
type Money struct {
	Devise    *string         `json:"devise"`
	Invoices  int             `json:"invoices"`
	Amount    decimal.Decimal `json:"amount"`
	Late      int             `json:"late"` // of the invoices
	Interest  decimal.Decimal `json:"interest"`
	Indemnity decimal.Decimal `json:"indemnity"`
}

// MoneyOpen is what Chorus Pro holds and nobody has paid, of one stage of the legal clock.
type MoneyOpen struct {
	Stage  string     `json:"stage"`
	Oldest *store.Day `json:"oldest"` // the first day on which the clock of one of them began
	Money
}

// MoneyRecipient is what one recipient owes.
type MoneyRecipient struct {
	SIRET  *string    `json:"destinataire_siret"`
	Oldest *store.Day `json:"oldest"`
	Money
}

// openSums are what is open, added up by stage, recipient and currency: the sums that are kept, or for another rate the lines themselves.
func (f MoneyFilter) openSums() string {
	if !f.ECBRate.Valid {
		return `SELECT * FROM chorus.money_open(@account, @recipient)`
	}
	return `
		SELECT stage, destinataire_siret, devise, min(available_on) AS oldest, count(*) AS invoices, sum(amount) AS amount, count(indemnity) AS late, sum(` + moneyInterest + `) AS interest,
		       sum(indemnity) AS indemnity
		FROM chorus.money
		WHERE` + moneyOpen + `
		GROUP BY stage, destinataire_siret, devise`
}

// Open adds up what is open, by stage of the legal clock and currency, and by recipient and currency, the largest sums first: at most so many of them. All is read once for both.
func Open(ctx context.Context, db *pgxpool.Pool, f MoneyFilter, recipients int) (byStage []MoneyOpen, byRecipient []MoneyRecipient, err error) {
	rows, err := db.Query(ctx, `
		SELECT stage, destinataire_siret, oldest, devise, invoices, amount, late, interest, indemnity, of_stage
		FROM (
		    SELECT stage, destinataire_siret, min(oldest) AS oldest, devise, sum(invoices)::bigint AS invoices, coalesce(sum(amount), 0) AS amount, sum(late)::bigint AS late,
		           coalesce(sum(interest), 0) AS interest, coalesce(sum(indemnity), 0)::bigint AS indemnity, grouping(stage) = 0 AS of_stage,
		           row_number() OVER (PARTITION BY grouping(stage) ORDER BY sum(amount) DESC NULLS LAST, destinataire_siret) AS n
		    FROM (`+f.openSums()+`) each
		    GROUP BY GROUPING SETS ((stage, devise), (destinataire_siret, devise))
		) x
		WHERE of_stage OR n <= @limit
		ORDER BY of_stage DESC, CASE WHEN of_stage THEN array_position('{not_started,stopped,in_time,due_soon,late_30,late_60,late_90,late_more}', stage) END, CASE WHEN of_stage THEN devise END, n`,
		pgx.QueryExecModeCacheDescribe, f.args(recipients))
	if err != nil {
		return nil, nil, err
	}
	var stage, siret *string
	var oldest *store.Day
	var m Money
	var ofStage bool
	_, err = pgx.ForEachRow(rows, []any{&stage, &siret, &oldest, &m.Devise, &m.Invoices, &m.Amount, &m.Late, &m.Interest, &m.Indemnity, &ofStage}, func() error {
		if ofStage {
			byStage = append(byStage, MoneyOpen{*stage, oldest, m})
		} else {
			byRecipient = append(byRecipient, MoneyRecipient{siret, oldest, m})
		}
		return nil
	})
	return byStage, byRecipient, err
}

// MoneySettled is what was settled in a period, and how: paid, quiet, given_up, deleted or other. Days is how long payment took by the legal clock, on average.
type MoneySettled struct {
	Settled string              `json:"settled"`
	Days    decimal.NullDecimal `json:"days"`
	Money
}

// MoneyDelay is how long one recipient took to pay, by the legal clock, on average over what it paid in the period.
type MoneyDelay struct {
	SIRET    *string             `json:"destinataire_siret"`
	Invoices int                 `json:"invoices"`
	Days     decimal.NullDecimal `json:"days"`
	Late     int                 `json:"late"` // of the invoices
}

// Settled adds up what was settled in the period, by how, and currency; and how long recipients took to pay, those that paid most invoices, the slowest of them first: at most so many. All is read
// once for both.
func Settled(ctx context.Context, db *pgxpool.Pool, f MoneyFilter, recipients int) (list []MoneySettled, delays []MoneyDelay, err error) {
	rows, err := db.Query(ctx, `
		SELECT settled, destinataire_siret, round(days / nullif(paid, 0), 1) AS days, devise, invoices, amount, late, interest, indemnity, paid, paid_late, of_settled
		FROM (
		    SELECT settled, destinataire_siret, devise, sum(invoices)::bigint AS invoices, coalesce(sum(amount), 0) AS amount, sum(late)::bigint AS late,
		           coalesce(sum(interest), 0) AS interest, coalesce(sum(indemnity), 0)::bigint AS indemnity,
		           sum(days) AS days, sum(paid)::bigint AS paid, sum(paid_late)::bigint AS paid_late, grouping(settled) = 0 AS of_settled,
		           row_number() OVER (PARTITION BY grouping(settled) ORDER BY sum(paid) DESC, destinataire_siret) AS n
		    FROM (
		        SELECT settled, destinataire_siret, devise, count(*) AS invoices, sum(amount) AS amount, count(indemnity) AS late, sum(`+moneyInterest+`) AS interest, sum(indemnity) AS indemnity,
		               sum(settled_on - available_on) FILTER (WHERE settled = 'paid') AS days, count(available_on) FILTER (WHERE settled = 'paid') AS paid,
		               count(available_on) FILTER (WHERE settled = 'paid' AND days_late > 0) AS paid_late
		        FROM chorus.money
		        WHERE`+moneySettled+`
		        GROUP BY settled, destinataire_siret, devise
		    ) each
		    GROUP BY GROUPING SETS ((settled, devise), (destinataire_siret))
		) x
		WHERE of_settled OR paid > 0 AND n <= @limit
		ORDER BY of_settled DESC, array_position('{paid,quiet,given_up,deleted,other}', settled), CASE WHEN of_settled THEN devise END, days DESC, destinataire_siret`,
		pgx.QueryExecModeCacheDescribe, f.args(recipients)) // planned for these values, as plannedAnew has it
	if err != nil {
		return nil, nil, err
	}
	var s MoneySettled
	var how *string
	var d MoneyDelay
	var ofSettled bool
	_, err = pgx.ForEachRow(rows, []any{&how, &d.SIRET, &d.Days, &s.Devise, &s.Invoices, &s.Amount, &s.Late, &s.Interest, &s.Indemnity, &d.Invoices, &d.Late, &ofSettled}, func() error {
		if ofSettled {
			s.Settled, s.Days = *how, d.Days
			list = append(list, s)
		} else {
			delays = append(delays, d)
		}
		d = MoneyDelay{} // a missing number would leave the last one's digits
		return nil
	})
	return list, delays, err
}

// MoneyLine is one invoice.
type MoneyLine struct {
	Invoice     int64               `json:"invoice"`
	Numero      *string             `json:"numero_facture"`
	Date        *store.Day          `json:"date_facture"`
	Account     string              `json:"account"`
	Fournisseur *string             `json:"fournisseur_siret"`
	Recipient   *string             `json:"destinataire_siret"`
	Name        *string             `json:"destinataire_nom"`
	Amount      decimal.NullDecimal `json:"amount"`
	Devise      *string             `json:"devise"`
	Settled     string              `json:"settled"`
	Statut      *string             `json:"statut_courant"`
	SettledOn   *store.Day          `json:"settled_on"`
	AvailableOn *store.Day          `json:"available_on"`
	SuspendedOn *store.Day          `json:"suspended_on"`
	CompletedOn *store.Day          `json:"completed_on"`
	DueOn       *store.Day          `json:"due_on"`
	Stage       *string             `json:"stage"`
	DaysLate    int                 `json:"days_late"`
	Rate        decimal.NullDecimal `json:"rate"`
	Interest    decimal.NullDecimal `json:"interest"`
	Indemnity   decimal.NullDecimal `json:"indemnity"`
}

// MoneyLines lists what is open, and what was settled in the period, the first that is due first.
func MoneyLines(ctx context.Context, db *pgxpool.Pool, f MoneyFilter, limit int) ([]MoneyLine, error) {
	rows, err := db.Query(ctx, `
		SELECT invoice, numero_facture, date_facture, account, fournisseur_siret, destinataire_siret, destinataire_nom, amount, devise, settled, statut_courant,
		       settled_on, available_on, suspended_on, completed_on, due_on, stage, days_late, CASE WHEN days_late > 0 THEN coalesce(@rate::numeric + 8, rate) END,`+moneyInterest+`, indemnity
		FROM chorus.money
		WHERE`+moneyOpen+`OR`+moneySettled+`
		ORDER BY NOT open, due_on, invoice
		LIMIT @limit`, pgx.QueryExecModeCacheDescribe, f.args(limit))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[MoneyLine])
}

// Rate is the last one that is known of the European Central Bank's, in percent, and since when.
type Rate struct {
	Since store.Day       `json:"ecb_rate_since"`
	Rate  decimal.Decimal `json:"ecb_rate"`
}

// LatestRate reads it.
func LatestRate(ctx context.Context, db *pgxpool.Pool) (r Rate, err error) {
	err = db.QueryRow(ctx, `SELECT semester, rate FROM chorus.ecb_rates ORDER BY semester DESC LIMIT 1`).Scan(&r.Since, &r.Rate)
	return r, err
}
