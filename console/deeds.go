package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/choriste/choriste/store"
)

// A deed is done to something that is no invoice: an account, a webhook, a difference, or what holds for all accounts. What the command of that name does, by the same function of the database.
// Differences are an operator's; accounts, webhooks and what holds for all are an administrator's.
type deed struct {
	Name         string // in the address
	Label, About word
	Reason       bool // is asked for
	From         bool // asks for the number of an event

	do func(ctx context.Context, s *store.Store, name string, form url.Values) error
}

var accountDeeds = []deed{
	{
		Name: "pause", Label: word{"Pause", "Mettre en pause"}, Reason: true,
		About: word{"nothing of this account is sent or followed until it is resumed; documents are read", "plus rien de ce compte n'est déposé ni suivi jusqu'à sa reprise ; les documents sont lus"},
		do: func(ctx context.Context, s *store.Store, name string, form url.Values) error {
			return s.SetPaused(ctx, name, true, form.Get("reason"))
		},
	},
	{
		Name: "resume", Label: word{"Resume", "Reprendre"},
		About: word{
			"a worker tries the password, and Chorus Pro lists what it has got since the pause before anything is sent; five wrong passwords lock a technical account",
			"un worker essaie le mot de passe, et Chorus Pro liste ce qu'il a reçu depuis la pause avant tout dépôt ; cinq mots de passe faux verrouillent un compte technique",
		},
		do: func(ctx context.Context, s *store.Store, name string, _ url.Values) error {
			_, _, err := s.Resume(ctx, name)
			return err
		},
	},
}

var webhookDeeds = []deed{
	{
		Name: "pause", Label: word{"Pause", "Mettre en pause"}, Reason: true, About: word{"it is told nothing until it is resumed; nothing is lost", "il ne reçoit plus rien jusqu'à sa reprise ; rien n'est perdu"},
		do: func(ctx context.Context, s *store.Store, name string, form url.Values) error {
			return s.PauseWebhook(ctx, name, form.Get("reason"))
		},
	},
	{
		Name: "resume", Label: word{"Resume", "Reprendre"}, About: word{"it goes on where it stopped; what it did not take is tried at once", "il reprend où il s'était arrêté ; ce qu'il n'a pas pris est essayé aussitôt"},
		do: func(ctx context.Context, s *store.Store, name string, _ url.Values) error {
			return s.PauseWebhook(ctx, name, "")
		},
	},
	{
		Name: "test", Label: word{"Test", "Essayer"}, About: word{"it is told of a webhook.test, behind what waits", "il reçoit un webhook.test, après ce qui attend"},
		do: func(ctx context.Context, s *store.Store, name string, _ url.Values) error {
			_, err := s.TestWebhook(ctx, name)
			return err
		},
	},
	{
		Name: "skip", Label: word{"Skip the event", "Sauter l'événement"}, Reason: true, About: word{"the one event that it does not take is given up, and it goes on with the next", "le seul événement qu'il ne prend pas est abandonné, et il continue avec le suivant"},
		do: func(ctx context.Context, s *store.Store, name string, form url.Values) error {
			_, err := s.SkipWebhook(ctx, name, form.Get("reason"))
			return err
		},
	},
	{
		Name: "replay", Label: word{"Replay", "Rejouer"}, From: true, About: word{"everything from this event on is delivered again, in order, before newer ones", "tout est livré de nouveau à partir de cet événement, dans l'ordre, avant les plus récents"},
		do: func(ctx context.Context, s *store.Store, name string, form url.Values) error {
			from, err := strconv.ParseInt(form.Get("from"), 10, 64)
			if err != nil {
				from = 0 // which the database refuses, and says what would be right
			}
			return s.ReplayWebhook(ctx, name, from)
		},
	},
	{
		Name: "forget", Label: word{"Forget", "Oublier"}, About: word{"it is taken away, with its place: only what no worker is configured with any more", "il est retiré, avec sa place : seulement ce pour quoi plus aucun worker n'est configuré"},
		do: func(ctx context.Context, s *store.Store, name string, _ url.Values) error {
			return s.ForgetWebhook(ctx, name)
		},
	},
}

var findingDeeds = []deed{
	{
		Name: "accept", Label: word{"Accept the difference", "Accepter l'écart"}, Reason: true,
		About: word{"it is known and right so, and counts no more; nothing is changed here or at Chorus Pro", "il est connu et voulu, et ne compte plus ; rien n'est changé ici ni à Chorus Pro"},
		do: func(ctx context.Context, s *store.Store, name string, form url.Values) error {
			id, err := strconv.ParseInt(name, 10, 64)
			if err != nil {
				return errNotFound
			}
			return s.AcceptFinding(ctx, id, form.Get("reason"))
		},
	},
	{
		Name: "reopen", Label: word{"Open it again", "Le rouvrir"}, Reason: true, About: word{"it was accepted by mistake, and counts again", "il a été accepté par erreur, et compte de nouveau"},
		do: func(ctx context.Context, s *store.Store, name string, form url.Values) error {
			id, err := strconv.ParseInt(name, 10, 64)
			if err != nil {
				return errNotFound
			}
			return s.ReopenFinding(ctx, id, form.Get("reason"))
		},
	},
	{
		Name: "compare", Label: word{"Compare now", "Comparer maintenant"},
		About: word{"what was deposited is compared with Chorus Pro, in a moment and by a worker; it costs some calls", "ce qui a été déposé est comparé avec Chorus Pro, dans un instant et par un worker ; cela coûte quelques appels"},
		do: func(ctx context.Context, s *store.Store, _ string, _ url.Values) error {
			asked, err := s.Reconcile(ctx, "", "", time.Time{}, time.Time{})
			if store.SQLState(err) == "CH020" || err == nil && len(asked) == 0 {
				return errNothingToCompare
			}
			return err
		},
	},
}

var resubmissionDeeds = []deed{{
	Name: "allow", Label: word{"Let resubmission go on", "Permettre de nouveau les renvois"}, Reason: true,
	About: word{"what is proven absent is sent again by itself, as before; look first at what was sent twice", "ce dont l'absence est prouvée est de nouveau renvoyé, comme avant ; regardez d'abord ce qui a été envoyé deux fois"},
	do: func(ctx context.Context, s *store.Store, _ string, form url.Values) error {
		return s.AllowResubmit(ctx, form.Get("reason"))
	},
}}

// errNothingToCompare is an error of who asks for a comparison.
var errNothingToCompare = errors.New("there is nothing to compare")

// shownDeed is one on a page, for who may.
type shownDeed struct {
	deed
	At, Object, Form string
}

// offered are the deeds of these names, at an address, on an object.
func (c *console) offered(v view, at string, list []deed, object string, names ...string) (shown []shownDeed) {
	for _, d := range list {
		if slices.Contains(names, d.Name) {
			shown = append(shown, shownDeed{d, at + "/" + d.Name, object, c.formOf(personOf(v.Request))})
		}
	}
	return shown
}

// doing serves deeds on what a page shows, and leads back to it.
func (c *console) doing(list []deed, page string) maker {
	return func(ctx context.Context, v view) (content, error) {
		k := slices.IndexFunc(list, func(d deed) bool { return d.Name == v.PathValue("act") })
		if k < 0 {
			return content{}, errNotFound
		}
		d, reason := list[k], strings.TrimSpace(v.PostForm.Get("reason"))
		if d.Reason && (reason == "" || len(reason) > mostReason) {
			return content{}, wrongInput(v.sayWhy())
		}
		switch err := d.do(ctx, c.operator, v.PostForm.Get("name"), v.PostForm); {
		case errors.Is(err, errNothingToCompare):
			return content{}, wrongInput(v.t("No supplier structure of these accounts has deposited invoices: there is nothing to compare.", "Aucune structure fournisseur de ces comptes n'a déposé de facture : il n'y a rien à comparer."))
		case store.SQLState(err) == "CH020": // or it is another account's
			return content{}, errNotFound
		case store.SQLState(err) == "42501":
			return content{}, forbiddenWhy(v.t("This holds for all accounts: it is for an administrator of all of them.", "Cela vaut pour tous les comptes : c'est réservé à un administrateur de tous."))
		case err != nil:
			return content{}, refusal(err)
		}
		if at := v.before(); at != "/" {
			page = at
		}
		return content{to: page}, nil
	}
}

// mayOnAll tells whether who asks has the role for all accounts, as what is everybody's needs it.
func (c *console) mayOnAll(r *http.Request, role Role) bool {
	if !c.may(r, role) {
		return false
	}
	if c.users == nil {
		return true
	}
	_, all := personOf(r).rights.accounts(role)
	return all
}
