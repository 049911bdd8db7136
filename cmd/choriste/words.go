package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/choriste/choriste/probe"
	"github.com/choriste/choriste/store"
)

// words puts an error of a command into one line that says what to do. It is the one place that knows PostgreSQL's codes.
func (a *app) words(err error) string {
	var known *store.Fault
	var server *pgconn.PgError
	var measuring *probe.Error
	switch {
	case errors.As(err, &measuring):
		return measuring.In(a.lang)
	case errors.As(err, &known):
		var at misplaced
		if errors.As(err, &at) {
			return at.text(known, a.lang)
		}
		before, _, ok := strings.Cut(err.Error(), known.Error()) // where, or what was done till then
		if !ok {
			before = ""
		}
		return before + known.Text(a.lang)
	case !errors.As(err, &server):
		if !ofFile(err) && (store.Away(err) || errors.Is(err, context.DeadlineExceeded)) {
			return a.either("the connection to PostgreSQL was lost: what was asked may have been done or not; look (choriste show, choriste list) before asking again",
				"la connexion à PostgreSQL est perdue : ce qui a été demandé est fait ou ne l'est pas ; regardez (choriste show, choriste list) avant de redemander")
		}
		if errors.Is(err, context.Canceled) {
			return a.either("interrupted: if something was to be changed, choriste show and choriste audit say whether it was",
				"interrompu : si quelque chose devait changer, choriste show et choriste audit disent si c'est fait")
		}
		return a.inWords(err)
	}
	switch code := server.Code; {
	case strings.HasPrefix(code, "CH"):
		return a.said(server.Message)
	case code == "42501":
		if f := a.role(); f != nil {
			return f.Text(a.lang)
		}
		return a.either("the login of DATABASE_URL may not do this: ", "le login de DATABASE_URL ne peut pas faire cela : ") + server.Message
	case code == "25006":
		return store.NewFault("DATABASE_READONLY", "-").Text(a.lang)
	case code == "57014", code == "55P03":
		return fmt.Sprintf(a.either("PostgreSQL gave up waiting (SQLSTATE %s): another session holds what is needed, or the server is busy; try again, and see pg_stat_activity if it stays",
			"PostgreSQL a cessé d'attendre (SQLSTATE %s) : une autre session détient ce qu'il faut, ou le serveur est occupé ; réessayez, et voyez pg_stat_activity si cela dure"), code)
	case code == store.DiskFullState:
		return a.either("PostgreSQL's disk is full: nothing was changed; make room on the server (the log of transactions, too), and ask again",
			"le disque de PostgreSQL est plein : rien n'a changé ; faites de la place sur le serveur (journal des transactions compris), et redemandez")
	case store.Away(err):
		return fmt.Sprintf(a.either("PostgreSQL ended the connection (SQLSTATE %s): what was asked may have been done or not; look (choriste show, choriste list) before asking again",
			"PostgreSQL a mis fin à la connexion (SQLSTATE %s) : ce qui a été demandé est fait ou ne l'est pas ; regardez (choriste show, choriste list) avant de redemander"), code)
	case store.Collided(err):
		return fmt.Sprintf(a.either("others changed the same rows at this moment (SQLSTATE %s): ask again", "d'autres ont changé les mêmes lignes au même moment (SQLSTATE %s) : redemandez"), code)
	case code[:2] == "42", code == "3F000":
		return fmt.Sprintf(a.either("the schema of this database is not the one that this program knows (SQLSTATE %s): choriste doctor says more", "le schéma de cette base n'est pas celui que ce programme connaît (SQLSTATE %s) : choriste doctor en dit plus"), code)
	default:
		return store.Message(err)
	}
}

// said is what the database's rules say, in the language where that is known.
func (a *app) said(text string) string {
	if a.lang == "fr" {
		text, _ = store.InFrench(text)
	}
	return text
}

// misplaced is a fault of another address than that of DATABASE_URL, which the texts name.
type misplaced struct {
	place string
	error
}

func (m misplaced) Unwrap() error { return m.error }

func (m misplaced) Error() string {
	return m.place + ": " + strings.ReplaceAll(m.error.Error(), "DATABASE_URL", m.place)
}

func (m misplaced) text(f *store.Fault, lang string) string {
	return m.place + ": " + strings.ReplaceAll(f.Text(lang), "DATABASE_URL", m.place)
}

// inPlaceOf says which flag, file or setting an address stands in.
func inPlaceOf(place string, err error) error { return misplaced{place, err} }

// role finds out which role the login lacks for the command.
func (a *app) role() *store.Fault {
	if a.pool == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(a.ctx), 5*time.Second)
	defer cancel()
	lacks, err := store.Member(ctx, a.pool, a.roles()...)
	if err != nil {
		return nil
	}
	return lacks // nil: it has one of them, and something else is forbidden
}

// roles are the ones of which a login needs one for the command: to look, to insert, or to act.
func (a *app) roles() []string {
	switch command, sub, _ := strings.Cut(a.command, " "); command {
	case "list", "show", "events", "stats", "money", "audit":
		return []string{"chorus_reader", "chorus_operator"}
	case "todo":
		if !strings.HasPrefix(sub, "dismiss") && !strings.HasPrefix(sub, "restore") {
			return []string{"chorus_reader", "chorus_operator"}
		}
	case "submit", "replace":
		return []string{"chorus_operator", "chorus_app"}
	case "webhooks", "views":
		if strings.HasPrefix(sub, "list") {
			return []string{"chorus_reader", "chorus_operator"}
		}
	}
	return []string{"chorus_operator"}
}

// close ends what store has opened. The words for an error may still ask the database.
func (a *app) close() {
	if a.pool != nil {
		a.pool.Close()
	}
}
