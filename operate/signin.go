package operate

import (
	"context"

	"github.com/choriste/choriste/store"
)

// SignIn is somebody who signed in to the console, or was refused.
type SignIn struct {
	Person    string // as history names him; "": nobody was believed
	By        string // password, openid or proxy
	From, Via string // the address; the proxy that says so, or ""
	Name      string // who he said he was, where that is known to be a name
	Why       string // a key of signInRefusals; "": he signed in
	Times     int    // of this person or name, for this cause, within the hour
}

// NoteSignIn writes it to the history.
func NoteSignIn(ctx context.Context, st *store.Store, s SignIn) error {
	_, err := st.Pool().Exec(ctx, `SELECT chorus.note_sign_in(nullif($1, ''), $2, $3, nullif($4, ''), nullif($5, ''), nullif($6, ''), $7)`, s.Person, s.By, s.From, s.Via, s.Name, s.Why, s.Times)
	return err
}

// signInRefusals says why somebody was refused, in English and French.
var signInRefusals = map[string][2]string{
	"WRONG_PASSWORD": {"wrong password", "mot de passe faux"},
	"UNKNOWN_NAME":   {"no such name with a password", "aucun nom de ce genre avec un mot de passe"},
	"TOO_MANY":       {"too many tries", "trop d'essais"},
	"NO_ROLE":        {"no role here", "aucun rôle ici"},
	"PROVIDER":       {"not taken from the provider: the worker's log says why", "non admise du fournisseur : le journal du worker dit pourquoi"},
	"HEADER":         {"who asks is not believed from there, or is said in a form that is not taken", "le nom ne vient pas du proxy, ou a une forme qui n'est pas admise"},
}

// Why is the reason for people: what somebody wrote, or why a sign-in was refused.
func (a Act) Why(lang string) string {
	if a.Reason == nil {
		return ""
	}
	text, refusal := signInRefusals[*a.Reason]
	switch {
	case a.Act != "sign-in-refused" || !refusal:
		return *a.Reason
	case lang == "fr":
		return text[1]
	}
	return text[0]
}
