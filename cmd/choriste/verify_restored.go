package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/migrations"
	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

// drill is what `verify --restored` says of a copy, in JSON.
type drill struct {
	store.Restored
	Verified operate.Verified `json:"verified"`
	Age      float64          `json:"age_seconds"` // of the last that the copy knows
	Wrong    []string         `json:"wrong"`
}

// restored checks a restored copy: whether a worker would start on it, whether history is whole, how old it is, and what would be looked up first. PostgreSQL itself refuses to let it
// write anything; it sends nothing, and asks no portal.
func (c verifyCmd) restored(a *app, anchor operate.EvidenceHead) error {
	st, err := a.store() // schema, triggers, indexes and our own rights are looked at
	if err != nil {
		return err
	}
	config := st.Pool().Config()
	config.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	pool, err := pgxpool.NewWithConfig(a.ctx, config)
	if err != nil {
		return err
	}
	defer pool.Close()
	var d drill
	wrong := func(text string) {
		d.Wrong = append(d.Wrong, text)
		if !a.json {
			a.printf("%s\n", text)
		}
	}
	for _, examine := range []func(context.Context, *pgxpool.Pool) (*store.Fault, error){migrations.RightsOfOthers, migrations.Sequences} {
		fault, err := examine(a.ctx, pool)
		if err != nil {
			return err
		}
		if fault != nil {
			wrong(fault.Error())
		}
	}
	if d.Verified, err = operate.VerifyDatabase(a.ctx, pool, anchor, wrong); err != nil {
		return err
	}
	if d.Restored, err = store.New(pool).Restored(a.ctx); err != nil {
		return err
	}
	var last time.Time
	for _, at := range []*time.Time{d.LastEvent, d.LastBeat} {
		if at != nil && at.After(last) {
			last = *at
		}
	}
	d.Age = d.Now.Sub(last).Seconds()
	if last.IsZero() {
		d.Age = -1
		wrong(a.either("the copy knows of no event and of no worker: it is empty", "la copie ne connaît ni événement ni programme : elle est vide"))
	}
	if a.json {
		return errors.Join(a.print(d), differs(len(d.Wrong)))
	}
	c.sayRestored(a, d, last)
	return differs(len(d.Wrong))
}

func (c verifyCmd) sayRestored(a *app, d drill, last time.Time) {
	v := d.Verified
	a.printf(a.either("%d events, %d invoices (%d without their document: purged), %d of them sent, %d exchanges; history stands at event %d, %s\n",
		"%d événements, %d factures (%d sans document : supprimé), %d envoyées, %d échanges ; l'historique en est à l'événement %d, %s\n"),
		v.Events, d.Invoices, d.Purged, v.Attempts, v.Exchanges, v.Head.Seq, v.Head.SHA256)
	a.sayArchived(v.Archived)
	if !last.IsZero() {
		a.printf(a.either("the copy knows of nothing after %s: that is %s ago; what was done since is not in it\n", "la copie ne connaît rien après %s, il y a %s ; ce qui s'est fait depuis n'y est pas\n"),
			store.Stamp(last), d.Now.Sub(last).Round(time.Second))
	}
	if d.LastBeat != nil {
		a.printf(a.either("last heartbeat: %s, of %s\n", "dernier signe de vie : %s, de %s\n"), store.Stamp(*d.LastBeat), *d.Worker)
	}
	if !d.Noticed {
		a.printf(a.either("nothing tells this copy from the original (a copy of the data directory keeps its identity): a worker that starts on it without the original's CHORISTE_STATE_DIR sends what is ready and Chorus Pro does not show yet. "+
			"Start none; to restore it, have what is ready looked up first by chorus.quarantine (docs/operating.md, \"To restore a dump\")\n",
			"rien ne distingue cette copie de l'original (une copie du répertoire de données garde son identité) : un programme qui démarre dessus sans le CHORISTE_STATE_DIR de l'original envoie ce qui est prêt et que Chorus Pro ne montre pas encore. "+
				"N'en démarrez pas ; pour la restaurer, faites d'abord rechercher ce qui est prêt par chorus.quarantine (docs/operating.md, « To restore a dump »)\n"))
	}
	sum := func(w store.LookedUp) string {
		if w.Devise == nil {
			return ""
		}
		return fmt.Sprintf(", %s %s", w.Sum.StringFixed(2), *w.Devise)
	}
	for _, w := range d.Sent {
		a.printf(a.either("sent by a worker that starts on it: %d %s%s\n", "envoyées par un programme qui démarre dessus : %d %s%s\n"), w.Count, w.State, sum(w))
	}
	if len(d.LookedUp) == 0 {
		a.printf(a.either("a worker that starts on it has nothing to look up first\n", "un programme qui démarre dessus n'a rien à rechercher d'abord\n"))
	}
	for _, w := range d.LookedUp {
		a.printf(a.either("looked up first by a worker that starts on it: %d %s%s\n", "à rechercher d'abord par un programme qui démarre dessus : %d %s%s\n"), w.Count, w.State, sum(w))
	}
	a.printf(a.either("nothing was sent, and nothing was written\n", "rien n'a été envoyé, rien n'a été écrit\n"))
}
