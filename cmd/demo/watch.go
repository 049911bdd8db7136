package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// row is a sample and what an application knows of it by SQL.
type row struct {
	sample
	id         int64 // 0 until it has been inserted
	state      string
	reasonCode string
	reason     string
	statut     string
	comment    string
	flux       *string
	facture    *int64
	attempts   int
	metadata   json.RawMessage
	path       []string // the states it has been in
	deposits   int      // of its document that the portal holds
}

// change is one line of chorus.events.
type change struct {
	at         time.Time
	ref, state string
	text       string
}

// view shows all rows and what has changed since the last time.
type view func(rows []*row, news []change)

var errTimeout = errors.New("not every invoice became what its sample expects in time")

const (
	look        = 100 * time.Millisecond // between two looks at the database
	insertEvery = 200 * time.Millisecond
	changeMind  = 1500 * time.Millisecond // from the insert of the invoice for tomorrow to its cancellation
)

// watch is the application: it inserts the invoices one after the other and reads what becomes of them, until all are as expected.
func watch(ctx context.Context, h *house, rows []*row, limit time.Duration, show view) error {
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	tick := time.NewTicker(look)
	defer tick.Stop()
	began, inserted, seq := time.Now(), 0, int64(0)
	cancelled := map[int64]bool{}
	for {
		if inserted < len(rows) && time.Since(began) >= time.Duration(inserted)*insertEvery {
			if err := insert(ctx, h, rows[inserted]); err != nil {
				return err
			}
			inserted++
		}
		for k, r := range rows[:inserted] {
			if r.later && !cancelled[r.id] && time.Since(began) >= time.Duration(k)*insertEvery+changeMind {
				if _, err := h.app.Exec(ctx, `UPDATE chorus.invoices SET cancel_requested_at = now() WHERE id = $1`, r.id); err != nil {
					return err
				}
				cancelled[r.id] = true
			}
		}
		news, err := read(ctx, h, rows[:inserted], &seq)
		if err != nil {
			return err
		}
		show(rows, news)
		if inserted == len(rows) && asExpected(rows) == len(rows) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-timeout.C:
			return errTimeout
		case err := <-h.ended:
			h.ended <- err
			return fmt.Errorf("the worker ended: %w", err)
		}
	}
}

// insert is all that an application has to do.
func insert(ctx context.Context, h *house, r *row) error {
	switch {
	case r.later:
		return h.app.QueryRow(ctx, `INSERT INTO chorus.invoices (external_ref, document, not_before) VALUES ($1, $2, now() + interval '1 day') RETURNING id`,
			r.ref, r.document).Scan(&r.id)
	case r.sample.metadata != "":
		return h.app.QueryRow(ctx, `INSERT INTO chorus.invoices (external_ref, document, metadata) VALUES ($1, $2, $3) RETURNING id`,
			r.ref, r.document, r.sample.metadata).Scan(&r.id)
	default:
		return h.app.QueryRow(ctx, `INSERT INTO chorus.invoices (external_ref, document) VALUES ($1, $2) RETURNING id`, r.ref, r.document).Scan(&r.id)
	}
}

// read brings the rows up to date and returns the events after seq, as any consumer of the outbox would. The events come first: a row is then never
// older than its path.
func read(ctx context.Context, h *house, rows []*row, seq *int64) ([]change, error) {
	byID := make(map[int64]*row, len(rows))
	for _, r := range rows {
		byID[r.id] = r
	}
	events, err := h.app.Query(ctx, `
		SELECT seq, at, invoice_id, to_state, from_state IS DISTINCT FROM to_state,
		       coalesce(reason_code, ''), coalesce(detail ->> 'reason', detail ->> 'statut_commentaire', ''), coalesce(detail ->> 'statut_courant', '')
		FROM chorus.events
		WHERE seq > $1 AND invoice_id IS NOT NULL
		ORDER BY seq`, *seq)
	if err != nil {
		return nil, err
	}
	var (
		news                 []change
		id                   int64
		c                    change
		moved                bool
		code, reason, statut string
	)
	_, err = pgx.ForEachRow(events, []any{seq, &c.at, &id, &c.state, &moved, &code, &reason, &statut}, func() error {
		r := byID[id]
		if r == nil {
			return nil // somebody else's, inserted while we watch
		}
		if moved {
			r.path = append(r.path, c.state)
		}
		c.ref = r.ref
		if code == "STATUT" || strings.HasPrefix(reason, code+":") { // the kind of event, or said already
			code = ""
		}
		c.text = join(statut, code, reason)
		news = append(news, c)
		return nil
	})
	if err != nil {
		return nil, err
	}

	ids := make([]int64, len(rows))
	for k, r := range rows {
		ids[k] = r.id
	}
	status, err := h.app.Query(ctx, `
		SELECT id, state, coalesce(reason_code, ''), coalesce(reason, ''), coalesce(statut_courant, ''), coalesce(statut_commentaire, ''),
		       numero_flux_depot, identifiant_facture_cpp, attempts, metadata
		FROM chorus.invoice_status
		WHERE id = ANY ($1)`, ids)
	if err != nil {
		return nil, err
	}
	var n row
	_, err = pgx.ForEachRow(status, []any{&id, &n.state, &n.reasonCode, &n.reason, &n.statut, &n.comment, &n.flux, &n.facture, &n.attempts, &n.metadata}, func() error {
		r := byID[id]
		r.state, r.reasonCode, r.reason, r.statut, r.comment = n.state, n.reasonCode, n.reason, n.statut, n.comment
		r.flux, r.facture, r.attempts, r.metadata = n.flux, n.facture, n.attempts, n.metadata
		return nil
	})
	for _, r := range rows {
		r.deposits = held(h, r)
	}
	return news, err
}

// held counts the copies of a row's own document at the portal.
func held(h *house, r *row) int {
	sum := sha256.Sum256(r.document)
	n := 0
	for _, d := range h.portal.Deposits(r.numero) {
		if d.Facts.SHA256 == hex.EncodeToString(sum[:]) {
			n++
		}
	}
	return n
}

// asExpected counts the rows that have become what their sample expects.
func asExpected(rows []*row) int {
	n := 0
	for _, r := range rows {
		if r.missing() == "" {
			n++
		}
	}
	return n
}

// missing says what is not yet as the sample expects, "" when nothing is.
func (r *row) missing() string {
	w := r.want
	var texts []string
	differs := func(what, got, want string) {
		if got != want {
			texts = append(texts, fmt.Sprintf("%s is %q, want %q", what, got, want))
		}
	}
	differs("state", r.state, w.State)
	differs("statut_courant", r.statut, w.Statut)
	differs("reason_code", r.reasonCode, w.ReasonCode)
	if !strings.Contains(r.reason+"\n"+r.comment, w.Text) {
		texts = append(texts, fmt.Sprintf("neither reason nor comment says %q", w.Text))
	}
	if !passed(r.path, w.Via) {
		texts = append(texts, fmt.Sprintf("went through %v, want %v", r.path, w.Via))
	}
	if len(r.path) == 0 || r.path[len(r.path)-1] != r.state { // events are numbered, and so seen, a moment after the row
		texts = append(texts, "its last event is still to come")
	}
	if r.deposits != w.Deposits {
		texts = append(texts, fmt.Sprintf("the portal holds it %d times, want %d", r.deposits, w.Deposits))
	}
	if !sameJSON(r.metadata, r.sample.metadata) {
		texts = append(texts, "the metadata came back changed")
	}
	return strings.Join(texts, "; ")
}

// passed tells whether path holds all of via, in their order.
func passed(path, via []string) bool {
	for _, state := range path {
		if len(via) > 0 && via[0] == state {
			via = via[1:]
		}
	}
	return len(via) == 0
}

// sameJSON compares as jsonb does: spaces do not count.
func sameJSON(got json.RawMessage, want string) bool {
	if want == "" {
		return len(got) == 0
	}
	var a, b any
	if json.Unmarshal(got, &a) != nil || json.Unmarshal([]byte(want), &b) != nil {
		return false
	}
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

func join(words ...string) string {
	var kept []string
	for _, w := range words {
		if w != "" {
			kept = append(kept, w)
		}
	}
	return strings.Join(kept, " ")
}
