package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// One row that cannot be read must not hide the others. The rules of the insert keep such rows out; a superuser, or a version without these rules, may
// have let them in: an infinite date, an amount that is no number.

// ReasonUnreadable stands in a status in place of what could not be read.
const ReasonUnreadable = "UNREADABLE"

// Statuses runs a query whose columns are those of chorus.invoice_status; when one of them cannot be read, each by itself, with a mark in its place.
func (s *Store) Statuses(ctx context.Context, sql string, args ...any) ([]Status, error) {
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, rowToStatus)
	if !unreadable(ctx, err) {
		return list, err
	}
	rows, err = s.pool.Query(ctx, `SELECT id FROM (`+sql+`) x`, args...)
	if err != nil {
		return nil, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, err
	}
	list = nil
	for _, id := range ids {
		one, err := status(ctx, s.pool, id)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
		case err != nil:
			return nil, err
		default:
			list = append(list, one)
		}
	}
	return list, nil
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// status reads one row of chorus.invoice_status, or pgx.ErrNoRows; of one that cannot be read, what can.
func status(ctx context.Context, q querier, id int64) (Status, error) {
	rows, err := q.Query(ctx, `SELECT * FROM chorus.invoice_status WHERE id = $1`, id)
	if err != nil {
		return Status{}, err
	}
	one, err := pgx.CollectExactlyOneRow(rows, rowToStatus)
	if !unreadable(ctx, err) {
		return one, err
	}
	code, words := ReasonUnreadable, "a column of this row holds what no program can read: see it in psql"
	one = Status{ReasonCode: &code, Reason: &words}
	err = q.QueryRow(ctx, `SELECT id, external_ref, account, state, CASE WHEN isfinite(updated_at) THEN updated_at ELSE to_timestamp(0) END FROM chorus.invoice_status WHERE id = $1`, id).
		Scan(&one.ID, &one.ExternalRef, &one.Account, &one.State, &one.UpdatedAt)
	return one, err
}

func rowToStatus(row pgx.CollectableRow) (Status, error) {
	s, err := pgx.RowToStructByPos[Status](row)
	if s.DateDepot != nil && !printable(s.DateDepot.Time) {
		s.DateDepot = nil
	}
	if s.StatutCourantDate != nil && !printable(*s.StatutCourantDate) {
		s.StatutCourantDate = nil
	}
	for _, t := range []*time.Time{&s.CreatedAt, &s.UpdatedAt} {
		if !printable(*t) {
			*t = time.Time{}
		}
	}
	return s, err
}

// printable tells whether JSON has a form for the moment.
func printable(t time.Time) bool { y := t.UTC().Year(); return y > 0 && y < 9999 }

// unreadable tells that the database answered, and that the answer could not be made into values.
func unreadable(ctx context.Context, err error) bool {
	var scan pgx.ScanArgError
	var server *pgconn.PgError
	return err != nil && ctx.Err() == nil && errors.As(err, &scan) && !errors.As(err, &server)
}
