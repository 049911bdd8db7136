package main

import (
	"errors"

	"github.com/choriste/choriste/operate"
)

type viewsCmd struct {
	List   viewsListCmd   `cmd:"" default:"1" help:"List the saved views: queries under a name, for everybody."`
	Save   viewsSaveCmd   `cmd:"" help:"Save a query under a name, in the place of what stood under it."`
	Delete viewsDeleteCmd `cmd:"" help:"Delete a saved view."`
}

type viewsListCmd struct{}

func (viewsListCmd) Run(a *app) error {
	st, err := a.store()
	if err != nil {
		return err
	}
	list, err := operate.Views(a.ctx, st)
	if err != nil {
		return err
	}
	if a.json {
		for _, v := range list {
			if err := a.print(v); err != nil {
				return err
			}
		}
		return nil
	}
	w := a.table(false)
	w.Printf(a.either("NAME\tQUERY\tSAVED\tBY\n", "NOM\tREQUÊTE\tENREGISTRÉE\tPAR\n"))
	for _, v := range list {
		w.Printf("%s\t%s\t%s\t%s\n", cell(v.Name), cell(v.Query), minute(v.At), cell(v.By))
	}
	return w.Flush()
}

type viewsSaveCmd struct {
	Name   string `arg:"" help:"Its name, of 60 characters at most."`
	Query  string `arg:"" help:"What it selects, as 'is:unpaid older:30d': choriste help query."`
	Reason string `help:"Why; kept in the audit trail." placeholder:"TEXT"`
}

func (c viewsSaveCmd) Run(a *app) error {
	st, err := a.store()
	if err != nil {
		return err
	}
	v, err := operate.SaveView(a.ctx, st, c.Name, c.Query, c.Reason)
	if errors.As(err, new(*operate.QueryError)) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	if a.json {
		return a.print(map[string]string{"name": v.Name, "query": v.Query})
	}
	a.printf(a.either("saved: choriste list --view %s\n", "enregistrée : choriste list --view %s\n"), shellWord(v.Name))
	return nil
}

type viewsDeleteCmd struct {
	Name   string `arg:"" help:"Its name."`
	Reason string `help:"Why; kept in the audit trail." placeholder:"TEXT"`
}

func (c viewsDeleteCmd) Run(a *app) error {
	st, err := a.store()
	if err != nil {
		return err
	}
	if err := operate.DeleteView(a.ctx, st, c.Name, c.Reason); err != nil {
		return err
	}
	if a.json {
		return a.print(map[string]any{"name": c.Name, "deleted": true})
	}
	a.printf(a.either("view %s is deleted\n", "la vue %s est supprimée\n"), c.Name)
	return nil
}
