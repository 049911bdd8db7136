package console

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/choriste/choriste/store"
)

// What somebody may do, and for which accounts. The database keeps the rest from him (chorus.only_accounts): every statement for his request has his accounts with it, so that a page that
// forgets to ask shows nothing of another's.

// grant is a role for some accounts; nil: for all.
type grant struct {
	role     Role
	accounts []string
}

// rights are what the file of users gives somebody: as a user, and by each of his groups.
type rights []grant

// may tells whether he has the role for any account.
func (r rights) may(role Role) bool {
	return slices.ContainsFunc(r, func(g grant) bool { return g.role.may(role) })
}

// accounts are those for which he has the role.
func (r rights) accounts(role Role) (names []string, all bool) {
	for _, g := range r {
		if !g.role.may(role) {
			continue
		}
		if g.accounts == nil {
			return nil, true
		}
		names = append(names, g.accounts...)
	}
	slices.Sort(names)
	return slices.Compact(names), false
}

// on tells whether he has the role for an account.
func (r rights) on(role Role, account string) bool {
	names, all := r.accounts(role)
	return all || slices.Contains(names, account)
}

// confine has the statements of a context see the accounts for which he has the role.
func (r rights) confine(ctx context.Context, role Role) context.Context {
	if names, all := r.accounts(role); !all {
		return store.OnlyAccounts(ctx, names)
	}
	return ctx
}

// reads is the login with which pages are read: the worker's sees everything, so who may see some accounts only reads through the operator's, which row-level security holds. Where there is
// none, the worker's refuses him.
func (c *console) reads(ctx context.Context) *store.Store {
	if _, confined := store.AccountsOf(ctx); confined && c.operator != nil {
		return c.operator
	}
	return c.store
}

// seenBy names the accounts that a context sees, for what is remembered between requests.
func seenBy(ctx context.Context) string {
	names, confined := store.AccountsOf(ctx)
	if !confined {
		return ""
	}
	return "\x00" + strings.Join(names, "\x00") + "\x00"
}

// may tells whether who asks has the role, for any account.
func (c *console) may(r *http.Request, role Role) bool {
	return c.operator != nil && (c.users == nil || personOf(r).rights.may(role))
}

// mayOn tells whether who asks has the role for an account.
func (c *console) mayOn(r *http.Request, role Role, account string) bool {
	return c.operator != nil && (c.users == nil || personOf(r).rights.on(role, account))
}

// as has the statements of a context act for who asks, on the accounts for which he has the role.
func (c *console) as(ctx context.Context, r *http.Request, role Role) context.Context {
	p := personOf(r)
	ctx = store.WithActor(ctx, p.Actor)
	if c.users == nil {
		return ctx
	}
	return p.rights.confine(store.WithPerson(ctx, c.keysOf(p.who)), role)
}

// acting serves what a role may do, by a form of the session's own.
func (c *console) acting(role Role, build maker) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c.page(func(ctx context.Context, v view) (content, error) {
			if refused, no := c.refuse(w, v, role); no {
				return refused, nil
			}
			return build(c.as(ctx, v.Request, role), v)
		})(w, r)
	}
}

// refuse is the page for who has not the role, or whose form is not of his session.
func (c *console) refuse(w http.ResponseWriter, v view, role Role) (page content, refused bool) {
	v.Body = http.MaxBytesReader(w, v.Body, mostForm)
	if !c.may(v.Request, role) {
		return v.forbidden(role), true
	}
	if v.ParseForm() != nil || !same(v.PostForm.Get("form"), c.formOf(personOf(v.Request))) {
		return v.foreignForm(), true
	}
	return content{}, false
}

// errRole is the error of who has not the role for what he sees.
type errRole Role

func (e errRole) Error() string { return "this is for the role " + string(e) }

// forbidden is the page for who has not the role.
func (v view) forbidden(role Role) content {
	return v.refused(v.t("This is for the role ", "Ceci est réservé au rôle ") + v.named(roles, string(role)) + v.t(", which you do not have here.", ", que vous n'avez pas ici."))
}

func (v view) foreignForm() content {
	return v.refused(v.t("This form is not of your session: open the page again.", "Ce formulaire n'est pas de votre session : rouvrez la page."))
}

func (v view) refused(why string) content {
	return content{page: "error", status: http.StatusForbidden, title: v.t("This is not allowed", "Ce n'est pas permis"), data: why}
}

var roles = map[string]word{
	string(Reader): {"reader", "lecteur (reader)"}, string(Operator): {"operator", "opérateur (operator)"}, string(Administrator): {"administrator", "administrateur (administrator)"},
}

// allowed says, for what is served beside the console (deploy/riverui), whether who asks is an operator of all accounts; without sign-in, everybody who reaches the console.
func (c *console) allowed(w http.ResponseWriter, r *http.Request) {
	status := http.StatusNoContent
	if c.users != nil {
		if _, all := personOf(r).rights.accounts(Operator); !all {
			status = http.StatusForbidden
		}
	}
	w.WriteHeader(status)
}
