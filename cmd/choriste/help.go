package main

import (
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/choriste/choriste/operate"
)

type versionCmd struct{}

func (versionCmd) Run(a *app) error {
	if a.json {
		return a.print(about())
	}
	a.printf("choriste %s\n", version())
	return nil
}

// build is what the compiler wrote into the program.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"` // of the sources, where they were under git
	Time     string `json:"time,omitempty"`   // of that commit
	Modified bool   `json:"modified"`         // the sources were not those of the commit
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
	Path     string `json:"path,omitempty"`
}

func about() build {
	b := build{Version: version(), Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Path = info.Path
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "devel"
}

type helpCmd struct {
	Topic []string `arg:"" optional:"" help:"A command; or env: the settings; or query: how invoices are selected."`
}

func (c helpCmd) Run(a *app) error {
	switch strings.Join(c.Topic, " ") {
	case "env":
		return a.manual()
	case "query":
		return a.queryManual()
	default:
		return a.usage(c.Topic...)
	}
}

// queryManual explains the language of --query, from its own table of keys.
func (a *app) queryManual() error {
	if a.json {
		for _, k := range operate.QueryKeys() {
			if err := a.print(k); err != nil {
				return err
			}
		}
		return nil
	}
	a.printf("%s\n", a.either(`
A query is terms, KEY:VALUE, that narrow each other down:

  choriste list --query 'state:rejected siret:21750001600019 number:F-2026* older:30d amount:>1000'

Commas give several values, a minus turns a term around (-state:settled), a star stands for any text, and
quotes take what is in them as it is (number:"F 1"). A word without a key is an invoice by its number, external_ref, flux or id.
The console's addresses have the same language.
`, `
Une requête est une suite de termes, CLÉ:VALEUR, qui se restreignent :

  choriste list --query 'state:rejected siret:21750001600019 number:F-2026* older:30d amount:>1000'

Des virgules donnent plusieurs valeurs, un moins inverse un terme (-state:settled), une étoile remplace
tout texte, et les guillemets prennent leur contenu tel quel (number:"F 1"). Un mot sans clé est une facture par son numéro, sa référence
external_ref, son flux ou son id. Les adresses de la console ont le même langage.
`))
	w := a.table(true)
	for _, k := range operate.QueryKeys() {
		means := k.En
		if a.lang == "fr" {
			means = k.Fr
		}
		w.Printf("%s\t%s\t%s\n", k.Name, k.Example, means)
	}
	return w.Flush()
}
