package store

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
)

// RuleFinding is what a rule says of an invoice's document (docs/rules.md): a row of chorus.invoice_findings.
type RuleFinding struct {
	Code      string `json:"code"`
	Severity  string `json:"severity"`
	Term      string `json:"term,omitempty"`
	Value     string `json:"value,omitempty"`
	Where     string `json:"where,omitempty"`
	Message   string `json:"message"`
	MessageFR string `json:"message_fr"`
	Remedy    string `json:"remedy"`
	RemedyFR  string `json:"remedy_fr"`
}

// mostFindings is how many findings are kept of one document; invoices.findings counts all.
const mostFindings = 100

// fit makes a finding fit for its columns.
func (f RuleFinding) fit() RuleFinding {
	for _, c := range []struct {
		text *string
		most int
	}{
		{&f.Code, 60},
		{&f.Term, 60},
		{&f.Value, 200},
		{&f.Where, 500},
		{&f.Message, 1000},
		{&f.MessageFR, 1000},
		{&f.Remedy, 1000},
		{&f.RemedyFR, 1000},
	} {
		s := strings.ReplaceAll(strings.ToValidUTF8(*c.text, "\uFFFD"), "\x00", "\uFFFD")
		if r := []rune(s); len(r) > c.most {
			s = string(r[:c.most-1]) + "…"
		}
		*c.text = s
	}
	return f
}

// fitting are the findings that are kept.
func fitting(found []RuleFinding) []RuleFinding {
	kept := make([]RuleFinding, 0, min(len(found), mostFindings))
	for _, f := range found[:min(len(found), mostFindings)] {
		kept = append(kept, f.fit())
	}
	return kept
}

// ruleFindings reads findings from a value of jsonb, in their order.
const ruleFindings = `ROWS FROM (jsonb_to_recordset($2::jsonb) AS (
	    code text, severity text, term text, value text, "where" text, message text, message_fr text, remedy text, remedy_fr text
	)) WITH ORDINALITY AS f (code, severity, term, value, "where", message, message_fr, remedy, remedy_fr, n)`

// keepFindings stores what the rules say of a document that has just been read. The change of its row follows in the same transaction, and its event names the codes. Another
// job may have had the row before: then the change fails.
func keepFindings(ctx context.Context, tx pgx.Tx, invoice int64, found []RuleFinding) error {
	if len(found) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO chorus.invoice_findings (invoice_id, n, code, severity, term, value, "where", message, message_fr, remedy, remedy_fr)
		SELECT $1::bigint, f.n, f.code, f.severity, f.term, f.value, f."where", f.message, f.message_fr, nullif(f.remedy, ''), nullif(f.remedy_fr, '')
		FROM `+ruleFindings+`
		ON CONFLICT DO NOTHING`, invoice, fitting(found))
	return err
}

const findingColumns = `code, severity, coalesce(term, ''), coalesce(value, ''), coalesce("where", ''), message, message_fr, coalesce(remedy, ''), coalesce(remedy_fr, '')`

// RuleFindings lists what the rules say of an invoice's document, errors first.
func (s *Store) RuleFindings(ctx context.Context, invoice int64) ([]RuleFinding, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+findingColumns+` FROM chorus.invoice_findings WHERE invoice_id = $1 ORDER BY n`, invoice)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[RuleFinding])
}

// RuleFindingsOf lists the first findings of each of these invoices, at most so many of each.
func (s *Store) RuleFindingsOf(ctx context.Context, invoices []int64, most int) (map[int64][]RuleFinding, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT invoice_id, `+findingColumns+`
		FROM chorus.invoice_findings
		WHERE invoice_id = ANY ($1) AND n <= $2
		ORDER BY invoice_id, n`, invoices, most)
	if err != nil {
		return nil, err
	}
	of := map[int64][]RuleFinding{}
	var id int64
	var f RuleFinding
	_, err = pgx.ForEachRow(rows, []any{&id, &f.Code, &f.Severity, &f.Term, &f.Value, &f.Where, &f.Message, &f.MessageFR, &f.Remedy, &f.RemedyFR}, func() error {
		of[id] = append(of[id], f)
		return nil
	})
	return of, err
}
