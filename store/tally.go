package store

import "context"

// mostFolded is how many events one round folds at most; a sweep in five seconds leaves fewer.
const mostFolded = 200_000

// FoldMoves adds what has moved since the last time to the tallies of invoices by state (migrations/00019_tallies.sql), and returns how many events that were. One process does so at a time;
// the others return at once. A crash leaves the moves for the next round.
func (s *Store) FoldMoves(ctx context.Context) (events int64, err error) {
	err = s.pool.QueryRow(ctx, `SELECT chorus.fold_moves($1)`, mostFolded).Scan(&events)
	return events, err
}

// Recount sets the tallies right by counting, once a night: only rows that were changed past the database's rules make a difference.
func (s *Store) Recount(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, `SELECT chorus.recount(true)`)
	return err
}
