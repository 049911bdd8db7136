package console

import (
	"context"
	"net/http"
	"time"

	"github.com/choriste/choriste/store"
)

// Setting is one of those that the process runs with, as a page may show it.
type Setting struct {
	Name    string
	Value   string // "" of a secret, and of what is not set
	Secret  bool   // it says only whether it is set; but an address has its value without the password
	From    string // one of those below; "": it is not set
	File    string // that holds it
	Changed time.Time
}

// Where a setting comes from.
const (
	FromDefault     = "default"
	FromEnvironment = "environment"
	FromFile        = "file"
	FromOthers      = "others" // other settings, or the system's variables
)

// settingsPage is what the worker that serves the page runs with.
type settingsPage struct {
	List    []Setting
	Secrets []credential
}

func (c *console) settings(ctx context.Context, v view) (content, error) {
	if _, confined := store.AccountsOf(ctx); confined { // logins and addresses of others are among them
		return content{
			page: "error", status: http.StatusForbidden, title: v.t("This is not allowed", "Ce n'est pas permis"),
			data: v.t("The settings are for those who see all accounts.", "Les réglages sont pour qui voit tous les comptes."),
		}, nil
	}
	p := settingsPage{}
	if c.shown != nil {
		p.List = c.shown()
	}
	list, err := c.store.Credentials(ctx)
	p.Secrets = credentials(list)
	return content{page: "settings", title: v.t("Settings", "Réglages"), data: p}, err
}

// credentials says how old client secrets are.
func credentials(list []store.CredentialView) (aged []credential) {
	for _, s := range list {
		days := 0
		if s.SecretSince != nil {
			days = int(time.Since(*s.SecretSince).Hours() / 24)
		}
		aged = append(aged, credential{s, days, days >= secretOld})
	}
	return aged
}

var sources = map[string]word{
	FromDefault: {"default", "par défaut"}, FromEnvironment: {"environment", "environnement"}, FromFile: {"file", "fichier"}, FromOthers: {"other settings", "autres réglages"},
}

// source is where a setting comes from.
func (v view) source(from string) string { return v.named(sources, from) }
