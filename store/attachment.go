package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Attachment is a file for an invoice.
type Attachment struct {
	Nom     string
	Mime    string
	Contenu []byte
}

// pieceFor is how long the portal's number of a file that no invoice names yet is used: what it does with such files is not known.
const pieceFor = time.Hour

// SubmissionFile is a file that goes with the submission of a PDF without XML. Its contents are read one file at a time.
type SubmissionFile struct {
	ID      int64
	Nom     string
	Mime    string
	Octets  int
	PieceID int64 // the portal's; 0: to be uploaded
}

// SubmissionFiles lists the files that go with an invoice's submission. None is added once the invoice has been read.
func (s *Store) SubmissionFiles(ctx context.Context, i Invoice) ([]SubmissionFile, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT id, nom, mime, octets, coalesce(CASE WHEN uploaded_at > clock_timestamp() - $2::interval THEN piece_id END, 0)
		FROM chorus.attachments
		WHERE invoice_id = $1 AND goes = 'submission'
		ORDER BY id`, i.ID, pieceFor)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[SubmissionFile])
}

// SubmissionContents returns the bytes of one file.
func (s *Store) SubmissionContents(ctx context.Context, f SubmissionFile) ([]byte, error) {
	var contents []byte
	err := s.pool.QueryRow(ctx, `SELECT contenu FROM chorus.attachments WHERE id = $1`, f.ID).Scan(&contents)
	return contents, err
}

// SubmissionUploaded writes down the portal's number of a file, and keeps the invoice's claim for another lease. A crash before it has the file uploaded once more; the first upload then
// belongs to nothing.
func (s *Store) SubmissionUploaded(ctx context.Context, i Invoice, f SubmissionFile, piece int64, lease time.Duration) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		err := ours(tx.Exec(ctx, `
			UPDATE chorus.invoices SET claimed_until = clock_timestamp() + $3::interval WHERE id = $1 AND claim = $2 AND state = 'ready'`, i.ID, i.Claim, lease))
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE chorus.attachments SET piece_id = $2, uploaded_at = clock_timestamp() WHERE id = $1`, f.ID, piece)
		return err
	})
}

// AttachmentView is an attachment as people read it.
type AttachmentView struct {
	ID        int64     `json:"id"`
	Nom       string    `json:"nom"`
	Octets    int       `json:"octets"`
	Goes      string    `json:"goes"`      // submission or completion
	RemedyID  *int64    `json:"remedy_id"` // the completion that has it
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"`
}

// Attachments lists what applications have attached to an invoice.
func (s *Store) Attachments(ctx context.Context, invoice int64) ([]AttachmentView, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT id, nom, octets, goes, remedy_id, created_at, created_by
		FROM chorus.attachments
		WHERE invoice_id = $1
		ORDER BY id`, invoice)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[AttachmentView])
}
