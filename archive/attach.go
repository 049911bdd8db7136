package archive

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Attached is what Attach has done.
type Attached struct {
	Month  string `json:"month"`
	Events int64  `json:"events"`
	Before bool   `json:"before"` // it was there already
}

// Attach brings a month back from its file, or the manifest beside it, while others read and write. It refuses what is not, to the byte, what left this database.
func (r *Room) Attach(ctx context.Context, name string) (a Attached, err error) {
	m, dir, err := readManifest(name)
	if err != nil {
		return a, err
	}
	file := filepath.Join(dir, m.File)
	err = r.alone(ctx, func() error {
		rec, err := r.record(ctx, `sha256 = decode($1, 'hex') AND month = $2`, m.SHA256, m.Month)
		switch {
		case err != nil:
			return err
		case rec == nil:
			return refuse("nothing is written down in this database of the archive %s: it left another one, or the database was taken back to before", "rien n'est noté dans cette base de l'archive %s : elle vient d'une autre, ou la base est revenue à un état antérieur", file)
		case rec.AttachedAt != nil:
			a = Attached{rec.Month, rec.Events, true}
			return nil
		}
		// All of it is read before anything is changed.
		if c, err := r.read(ctx, file, nil); err != nil {
			return err
		} else if c != (content{rec.SHA256, rec.Events}) {
			return refuse("%s was altered: it does not hold what left this database", "%s a été modifié : il ne contient pas ce qui a quitté cette base", file)
		}
		p, _, err := r.known(ctx, rec.Month)
		if err != nil {
			return err
		}
		if p != nil && p.pending {
			if err := r.detach(ctx, rec.Month, true); err != nil {
				return err
			}
			p.attached = false
		}
		err = r.insist(ctx, func() error {
			return pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error { return r.load(ctx, tx, *rec, file, p) })
		})
		a = Attached{rec.Month, rec.Events, false}
		return err
	})
	return a, err
}

// load puts the month in, within tx.
func (r *Room) load(ctx context.Context, tx pgx.Tx, rec record, file string, p *part) error {
	if p == nil || !p.attached {
		if p != nil { // a detach did not come to its end
			if _, err := tx.Exec(ctx, `DROP TABLE chorus.events_`+rec.Month); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `SELECT chorus.make_partition($1)`, rec.Month); err != nil {
			return err
		}
		if err := r.copyIn(ctx, tx, rec, file); err != nil {
			return err
		}
		if err := r.at("loaded"); err != nil {
			return err
		}
		r.say(fmt.Sprintf("%d events are loaded; their indexes are made, and their chain is reckoned", rec.Events), fmt.Sprintf("%d événements sont chargés ; leurs index sont construits et leur chaîne est calculée", rec.Events))
		// Whoever reads or writes does not wait for this lock, nor behind it.
		if _, err := tx.Exec(ctx, fmt.Sprintf(`SET LOCAL lock_timeout = '%dms'`, patience.Milliseconds())); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `SELECT chorus.put_partition($1)`, rec.Month); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, `SELECT chorus.month_is_back($1)`, rec.ID)
	return err
}

func (r *Room) copyIn(ctx context.Context, tx pgx.Tx, rec record, file string) error {
	reader, writer := io.Pipe()
	read := make(chan content, 1)
	go func() {
		c, err := r.read(ctx, file, writer)
		read <- c
		_ = writer.CloseWithError(err)
	}()
	_, err := tx.Conn().PgConn().CopyFrom(ctx, reader, `COPY chorus.events_`+rec.Month+` (`+strings.Join(columns, ", ")+`) FROM STDIN`)
	_ = reader.CloseWithError(err)
	c := <-read
	if err != nil {
		return err
	}
	if c != (content{rec.SHA256, rec.Events}) {
		return refuse("%s was altered while it was read: nothing was changed", "%s a été modifié pendant sa lecture : rien n'a changé", file)
	}
	return nil
}
