package console

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

// act is something that a person may do with one invoice: what the command of that name does, by the same function. None is offered for what may be in the air or in doubt.
type act struct {
	Name   string // in the address
	Label  word
	About  word
	Reason bool // is asked for; every act but cancel keeps it in the history
	Flux   bool // may name one of several known fluxes

	when func(store.Status) bool
	off  bool // for what was taken off the list, and for nothing else
	do   func(ctx context.Context, s *store.Store, id int64, form url.Values) error
	many *operate.Deed // the same for several invoices at once, where that may be
}

// deedOf is a deed done to one invoice.
func deedOf(d *operate.Deed) func(context.Context, *store.Store, int64, url.Values) error {
	return func(ctx context.Context, s *store.Store, id int64, form url.Values) error {
		_, err := d.Do(ctx, s, id, form.Get("reason"), seen(form))
		return err
	}
}

// seen is the updated_at of the page that a form comes from: what was decided there is not done to another situation. Only a cancellation is, whatever the invoice has come to before it is sent.
func seen(form url.Values) *time.Time {
	n, _ := strconv.ParseInt(form.Get("at"), 10, 64) // nothing: of a time when there was no invoice
	at := time.UnixMicro(n)
	return &at
}

func in(states ...store.State) func(store.Status) bool {
	return func(i store.Status) bool { return slices.Contains(states, i.State) }
}

// resolveBy is choriste resolve with one of its actions.
func resolveBy(action store.Action) func(context.Context, *store.Store, int64, url.Values) error {
	return func(ctx context.Context, s *store.Store, id int64, form url.Values) error {
		_, err := s.ResolveParked(ctx, id, store.Resolution{Action: action, Reason: form.Get("reason"), Flux: form.Get("flux"), Seen: seen(form)})
		return err
	}
}

var acts = []act{
	{
		Name: "retry", Label: word{"Retry", "Relancer"}, Reason: true,
		About: word{"reads an invalid document again; looks a rejected flux up first, and sends it again when it is not there", "relit un document invalide ; recherche d'abord un flux rejeté, et le renvoie s'il n'y est pas"},
		when: func(i store.Status) bool {
			return i.State == store.Invalid || i.State == store.Rejected && i.IdentifiantFactureCPP == nil
		},
		do: deedOf(&operate.Retry), many: &operate.Retry,
	},
	{
		Name: "dismiss", Label: word{"Take off the list", "Retirer de la liste"}, Reason: true,
		About: word{"it was settled otherwise, or will not be sent", "réglée autrement, ou ne sera pas envoyée"},
		when:  in(store.Invalid, store.Rejected),
		do:    deedOf(&operate.Dismissal), many: &operate.Dismissal,
	},
	{
		Name: "restore", Label: word{"Put back on the list", "Remettre sur la liste"}, Reason: true,
		About: word{"it was taken off by mistake: it needs somebody again, and can be retried", "retirée par erreur : elle attend de nouveau quelqu'un, et peut être relancée"},
		when:  in(store.Invalid, store.Rejected), off: true,
		do: deedOf(&operate.Return), many: &operate.Return,
	},
	{
		Name: "cancel", Label: word{"Cancel", "Annuler"}, About: word{"it is not sent", "elle n'est pas envoyée"}, when: in(store.Received, store.Ready),
		do: func(ctx context.Context, s *store.Store, id int64, _ url.Values) error {
			_, err := s.Cancel(ctx, id)
			return err
		},
	},
	{
		Name: "accept", Label: word{"Accept the flux", "Accepter le flux"}, Reason: true, Flux: true,
		About: word{"the known flux is this invoice's: its report is read next", "le flux connu est celui de cette facture : son compte rendu est lu ensuite"},
		when:  in(store.Parked), do: resolveBy("accept"),
	},
	{
		Name: "lookup", Label: word{"Look up again", "Rechercher de nouveau"}, Reason: true, About: word{"by the ordinary rules", "selon les règles ordinaires"},
		when: in(store.Parked), do: resolveBy("lookup"),
	},
	{
		Name: "resubmit", Label: word{"Send again once proven absent", "Renvoyer si prouvée absente"}, Reason: true,
		About: word{"it is looked up, and sent only when it is shown not to be there", "elle est recherchée, et renvoyée seulement s'il est montré qu'elle n'y est pas"},
		when:  in(store.Parked), do: resolveBy("resubmit"),
	},
	{
		Name: "abandon", Label: word{"Give up", "Abandonner"}, Reason: true, About: word{"nothing more is done about it", "plus rien n'est fait pour elle"},
		when: in(store.Parked), do: resolveBy("abandon"),
	},
}

// actsOn are those that are possible for an invoice.
func actsOn(i store.Status, fluxes []store.KnownFlux, possible []store.PossibleAction, off bool) []act {
	var list []act
	for _, a := range acts {
		refused := slices.ContainsFunc(possible, func(p store.PossibleAction) bool {
			return string(p.Action) == a.Name && p.Refusal != "" && !(a.Flux && len(fluxes) > 0)
		})
		if a.when(i) && !refused && a.off == off {
			list = append(list, a)
		}
	}
	return list
}

// mostReason is how long a reason is at most, in bytes.
const mostReason = 1000

func (v view) sayWhy() string {
	return v.t("Say why, in at most 1,000 characters: it goes into the history.", "Dites pourquoi, en 1 000 caractères au plus : cela entre dans l'historique.")
}

// act does it, and leads back to the invoice.
func (c *console) act(ctx context.Context, v view) (content, error) {
	k := slices.IndexFunc(acts, func(a act) bool { return a.Name == v.PathValue("act") })
	if k < 0 {
		return content{}, errNotFound
	}
	i, err := c.actedOn(ctx, v)
	if err != nil {
		return content{}, err
	}
	reason := strings.TrimSpace(v.PostForm.Get("reason"))
	switch {
	case !acts[k].when(i):
		return content{}, wrongInput(v.t("This is not possible any more: the invoice is ", "Ce n'est plus possible : la facture est ") + v.named(states, string(i.State)) + ".")
	case acts[k].Reason && !seen(v.PostForm).Equal(i.UpdatedAt):
		return content{}, wrongInput(v.t("Nothing was done: the invoice has changed since this page was shown. Look at it again.",
			"Rien n'a été fait : la facture a changé depuis l'affichage de cette page. Regardez-la de nouveau."))
	case acts[k].Reason && (reason == "" || len(reason) > mostReason):
		return content{}, wrongInput(v.sayWhy())
	}
	if err := acts[k].do(ctx, c.operator, i.ID, v.PostForm); err != nil {
		return content{}, refusal(err)
	}
	return content{to: "/invoices/" + strconv.FormatInt(i.ID, 10)}, nil
}

// actedOn is the invoice in the address, for who may act on its account. Who may only see it is told so; to others there is none.
func (c *console) actedOn(ctx context.Context, v view) (store.Status, error) {
	id, err := invoiceID(v.Request)
	if err != nil {
		return store.Status{}, err
	}
	i, _, err := c.reads(ctx).Show(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		if _, _, seen := c.reads(v.Context()).Show(v.Context(), id); seen == nil {
			return i, errRole(Operator)
		}
	}
	return i, err
}

// refusal is an error of who asked, where the database's rules say so.
func refusal(err error) error {
	switch code := store.SQLState(err); {
	case strings.HasPrefix(code, "CH"):
		return english(store.Message(err))
	case code == "22021": // a NUL, or bytes that are no UTF-8
		return errNoText
	}
	return err
}

// errNoText is the error of who sent what the database keeps in no text.
var errNoText = errors.New("a text has a byte that no text has")

// formOf is what the forms of a person carry; without sign-in, a text of this process.
func (c *console) formOf(p person) string {
	if c.users == nil {
		return c.own
	}
	return p.form
}
