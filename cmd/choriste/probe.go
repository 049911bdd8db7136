package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/probe"
	"github.com/choriste/choriste/worker"
)

// probeCmd measures the portal that the settings lead to, and prints what it finds as settings. No database is needed.
type probeCmd struct {
	Invoice    string        `help:"Deposit this invoice (UBL or CII), eight times under two new numbers, and follow it; without it nothing is deposited." type:"path" placeholder:"FILE"`
	Large      bool          `help:"With --invoice: also an archive of 29 and one of 31 MB."`
	Yes        bool          `help:"Do not ask before depositing."`
	Production bool          `help:"The production portal is meant. Nothing is deposited there."`
	Account    string        `help:"The technical account that is used." default:"default"`
	For        time.Duration `help:"Follow each deposit for so long at most." default:"15m"`
	Pace       time.Duration `help:"Between two requests." default:"250ms"`
	Burst      int           `help:"Send so many requests at once to meet the quota; it is shared with your workers." default:"25"`
}

func (c probeCmd) Run(a *app) error {
	s, err := load(withoutDatabase(a.getenv))
	if err != nil {
		return err
	}
	account, err := accountCalled(s.Accounts, c.Account)
	if err != nil {
		return err
	}
	cfg := probe.Config{
		APIURL: account.Chorus.APIURL, TokenURL: account.Chorus.TokenURL, ClientID: account.Chorus.ClientID, ClientSecret: account.Chorus.ClientSecret, Scope: s.Scope, Login: account.Chorus.Login,
		Password: account.Chorus.Password, Way: account.Chorus.Way, Large: c.Large, Burst: c.Burst, Pace: c.Pace, For: c.For,
		Progress: func(w probe.Words) { a.warnf("… %s\n", w.In(a.lang)) },
	}
	host := account.Chorus.APIURL
	if u, err := url.Parse(host); err == nil {
		host = u.Host
	}
	switch production := s.Env == "production" || chorus.IsProduction(cfg.APIURL) || chorus.IsProduction(cfg.TokenURL); {
	case production && !c.Production:
		return usageError{fmt.Errorf("%s is production: say --production if that is meant; nothing is deposited there", host)}
	case production && c.Invoice != "":
		return usageError{errors.New("nothing is deposited in production: leave --invoice out")}
	case c.Large && c.Invoice == "":
		return usageError{errors.New("--large needs --invoice")}
	}
	if c.Invoice != "" {
		if cfg.Document, err = numbered(c.Invoice); err != nil {
			return err
		}
		if err := c.consent(a, host, cfg.Deposits()); err != nil {
			return err
		}
	}
	var failing error
	var settings []string
	err = probe.Run(a.ctx, cfg, func(r probe.Result) {
		if r.Setting != "" {
			settings = append(settings, r.Setting)
		}
		if a.json {
			failing = a.print(r)
			return
		}
		printResult(a, r)
	})
	if err == nil {
		err = failing
	}
	if err == nil && !a.json {
		a.printf(a.either("\n# As settings. Measured once, at %s, on %s: weight L. No time is below its default.\n", "\n# En réglages. Mesuré une fois, sur %s, le %s : poids L. Aucune durée n'est sous sa valeur par défaut.\n"), host, time.Now().Format("2006-01-02"))
		for _, line := range settings {
			a.printf("%s\n", line)
		}
	}
	return err
}

func printResult(a *app, r probe.Result) {
	a.printf("(%d) %s\n    %s [%s]\n", r.Step, r.Question.In(a.lang), r.Answer.In(a.lang), r.Weight)
	for _, seen := range r.Seen {
		a.printf("    %s: HTTP %d, %d ms %s\n", seen.What, seen.Status, seen.TookMS, oneLine(seen.Body))
		for _, name := range []string{"Www-Authenticate", "Retry-After", "X-Rate-Limit", "X-Correlationid"} {
			if value := seen.Headers[name]; value != "" {
				a.printf("      %s: %s\n", name, value)
			}
		}
	}
	if r.Setting != "" {
		a.printf("    %s\n", r.Setting)
	}
}

// consent asks before anything is deposited.
func (c probeCmd) consent(a *app, host string, n int) error {
	a.warnf(a.either("%d deposits will be made at %s, of the invoice %s under new numbers (PRB…). Its recipient there may see them.\n",
		"%d dépôts seront faits sur %s, de la facture %s sous de nouveaux numéros (PRB…). Son destinataire là-bas pourra les voir.\n"), n, host, c.Invoice)
	if c.Yes {
		return nil
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return usageError{errors.New("nobody can be asked here: add --yes")}
	}
	a.warnf("%s", a.either("Go on? [y/N] ", "Continuer ? [o/N] "))
	line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	if said := strings.ToLower(strings.TrimSpace(line)); said != "y" && said != "o" && said != "yes" && said != "oui" {
		return errors.New("nothing was deposited")
	}
	return nil
}

// numbered reads an invoice and gives copies of it with other numbers.
func numbered(name string) (func(string) (probe.Document, error), error) {
	raw, err := os.ReadFile(filepath.Clean(name))
	if err != nil {
		return nil, err
	}
	d, err := invoice.Read(raw)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case d.Syntaxe != invoice.SyntaxeUBL && d.Syntaxe != invoice.SyntaxeCII:
		return nil, fmt.Errorf("%s is %s: a UBL or CII file is needed, whose number can be changed", name, d.Syntaxe)
	}
	with := func(number string) (probe.Document, error) {
		file := bytes.Replace(raw, []byte(">"+d.Numero+"<"), []byte(">"+number+"<"), 1)
		again, err := invoice.Read(file)
		if err != nil || again.Numero != number {
			return probe.Document{}, fmt.Errorf("%s: its number (BT-1) cannot be changed", name)
		}
		return probe.Document{File: file, Name: "choriste-probe.xml", Syntaxe: d.Syntaxe}, nil
	}
	_, err = with("PRB0")
	return with, err
}

func accountCalled(all []worker.Account, name string) (worker.Account, error) {
	for _, account := range all {
		if account.Name == name {
			return account, nil
		}
	}
	return worker.Account{}, fmt.Errorf("there is no account %s in the settings", name)
}

// withoutDatabase lets settings be read where there is no database.
func withoutDatabase(getenv func(string) string) func(string) string {
	return func(name string) string {
		if v := getenv(name); v != "" || name != "DATABASE_URL" || getenv("DATABASE_URL_FILE") != "" {
			return v
		}
		return "postgres://nobody.invalid/none"
	}
}
