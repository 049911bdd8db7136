package operate

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Where is the query as a condition on chorus.invoice_status, its values as parameters after those that args holds. No character of a value is in the condition.
func (q Query) Where(args []any) (string, []any) {
	c := condition{args: args}
	var clauses []string
	for _, t := range q.terms {
		var any []string
		for _, v := range t.values {
			any = append(any, c.of(t.key, v))
		}
		clause := "(" + strings.Join(any, " OR ") + ")"
		if t.not {
			clause = "(" + clause + " IS NOT TRUE)" // what has no value is not that value
		}
		clauses = append(clauses, clause)
	}
	if len(clauses) == 0 {
		return "true", c.args
	}
	return strings.Join(clauses, " AND "), c.args
}

// listed is that an invoice is on the list of what needs a person. The list is made once, as an array whose ids the primary key finds: joined, it was compared with every row, thousands with thousands.
func listed(of string) string {
	return "id = ANY (ARRAY(SELECT invoice FROM chorus.todo WHERE " + of + "))"
}

// waiting are the rejected fluxes whose retry waits for a second person: asked for once more, it is refused.
const waiting = "SELECT r.invoice_id FROM chorus.requests r JOIN chorus.invoice_status i ON i.id = r.invoice_id WHERE r.decision IS NULL AND r.until > " + now +
	" AND r.seen = i.updated_at AND i.state = 'rejected' AND (SELECT second_person IS NOT NULL FROM chorus.installation)"

// now is the database's clock, read once: with a clock that is read for each row, no index is of use.
const now = "(SELECT clock_timestamp())"

// condition collects parameters.
type condition struct{ args []any }

// arg adds a parameter and names it.
func (c *condition) arg(v any) string {
	c.args = append(c.args, v)
	return "$" + strconv.Itoa(len(c.args))
}

func (c *condition) of(k *queryKey, v value) string {
	switch {
	case k == anyName:
		return c.named(v)
	case k.name == "is":
		return map[string]string{
			isUnpaid:    "state IN ('deposited', 'integrated')",
			isUnusual:   "id IN (SELECT invoice_id FROM chorus.events WHERE reason_code IN ('UNKNOWN_STATUT', 'BACKWARDS'))",
			isListed:    listed("invoice IS NOT NULL"),
			isDismissed: "id IN (SELECT invoice_id FROM chorus.dismissals)",
			// What was taken off the list, or corrected under its number, is not sent in the place of that.
			isRetriable: "((state = 'invalid' OR state = 'rejected' AND identifiant_facture_cpp IS NULL) AND purged_at IS NULL" +
				" AND " + listed("kind IN ('invalid', 'rejected')") +
				" AND id NOT IN (" + waiting + "))",
		}[v.text()]
	}
	if k.name == "ref" && !v.pattern() { // in the view, whose accounts the index begins with
		return "id IN (SELECT id FROM chorus.invoice_status WHERE external_ref = " + c.arg(v.text()) + "::text)"
	}
	switch test := v.test.(type) {
	case int64:
		return k.columns[0] + " = " + c.arg(test) + "::bigint"
	case time.Duration:
		than := " < "
		if k.name == "newer" {
			than = " >= "
		}
		return k.columns[0] + than + now + " - " + c.arg(test) + "::interval"
	case span[decimal.Decimal]:
		return between(test, func(than string, d decimal.Decimal) string {
			return k.columns[0] + than + c.arg(d.String()) + "::text::numeric"
		})
	case span[day]:
		if k.kind == kindDay {
			return between(test, func(than string, d day) string { return k.columns[0] + than + c.day(d) })
		}
		return between(test, func(than string, d day) string {
			switch than { // a day ends where the next one begins
			case " <= ":
				return k.columns[0] + " < " + c.begin(d, 1)
			case " > ":
				return k.columns[0] + " >= " + c.begin(d, 1)
			}
			return k.columns[0] + than + c.begin(d, 0)
		})
	}
	if k.kind == kindSIRET && len(v.text()) == len("123456789") {
		v.parts = []string{v.text(), ""} // all establishments
	}
	var any []string
	for _, column := range k.columns {
		any = append(any, c.like(column, v, k.indexed))
	}
	return strings.Join(any, " OR ")
}

// between compares with both ends of a span.
func between[T any](s span[T], compare func(than string, end T) string) string {
	var both []string
	if s.from != nil {
		than := " >= "
		if s.fromOpen {
			than = " > "
		}
		both = append(both, compare(than, *s.from))
	}
	if s.to != nil {
		than := " <= "
		if s.toOpen {
			than = " < "
		}
		both = append(both, compare(than, *s.to))
	}
	return "(" + strings.Join(both, " AND ") + ")"
}

// day is a date of SQL.
func (c *condition) day(d day) string {
	if d.date != "" {
		return c.arg(d.date) + "::text::date"
	}
	const today = "(" + now + " AT TIME ZONE 'Europe/Paris')"
	switch d.month {
	case "first":
		return "(date_trunc('month', " + today + ") - make_interval(months => " + c.arg(d.back) + "::integer))::date"
	case "last":
		return "(date_trunc('month', " + today + ") + make_interval(months => 1 - " + c.arg(d.back) + "::integer) - interval '1 day')::date"
	}
	return "(" + today + "::date - " + c.arg(d.back) + "::integer)"
}

// begin is the moment at which a day begins in Paris, some days later.
func (c *condition) begin(d day, later int) string {
	return "((" + c.day(d) + " + " + strconv.Itoa(later) + ")::timestamp AT TIME ZONE 'Europe/Paris')"
}

// like compares a column with a text that may hold stars.
func (c *condition) like(column string, v value, indexed bool) string {
	if !v.pattern() {
		return column + " = " + c.arg(v.text()) + "::text"
	}
	escape := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)
	var parts []string
	for _, p := range v.parts {
		parts = append(parts, escape.Replace(p))
	}
	clause := column + " LIKE " + c.arg(strings.Join(parts, "%")) + "::text"
	if prefix := v.parts[0]; indexed && prefix != "" { // LIKE is no condition that the view lets an index see; these are
		clause = fmt.Sprintf("(%[1]s >= %[2]s::text AND %[1]s < %[3]s::text AND %[4]s)", column, c.arg(prefix), c.arg(prefix+"\U0010FFFF"), clause)
	}
	return clause
}

// named finds an invoice by any of its names. Each name has an index of its own.
func (c *condition) named(v value) string {
	if v.pattern() {
		var any []string
		for _, column := range anyName.columns {
			any = append(any, c.like(column, v, false))
		}
		return strings.Join(any, " OR ")
	}
	text := c.arg(v.text()) + "::text"
	var any []string
	for _, column := range anyName.columns {
		any = append(any, "SELECT id FROM chorus.invoice_status WHERE "+column+" = "+text)
	}
	if n, err := strconv.ParseInt(v.text(), 10, 64); err == nil {
		any = append(any, "SELECT id FROM chorus.invoice_status WHERE identifiant_facture_cpp = "+c.arg(n)+"::bigint", "SELECT "+c.arg(n)+"::bigint")
	}
	return "id IN (" + strings.Join(any, " UNION ALL ") + ")"
}
