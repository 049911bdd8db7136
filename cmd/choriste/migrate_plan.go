package main

import (
	"fmt"

	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/migrations"
)

// heldUp says whom a lock holds up while it is held, in English and French.
var heldUp = map[migrations.Lock][2]string{
	migrations.RowExclusive:         {"nobody but who changes the same rows", "personne, sauf qui change les mêmes lignes"},
	migrations.ShareUpdateExclusive: {"nobody but maintenance", "personne, sauf l'entretien"},
	migrations.Share:                {"whoever writes, while the rows are read", "qui écrit, le temps de lire les lignes"},
	migrations.ShareRowExclusive:    {"whoever writes, for a moment", "qui écrit, un instant"},
	migrations.AccessExclusive:      {"whoever reads or writes", "qui lit ou écrit"},
	migrations.LockUnknown:          {"nobody knows: read the statement", "nul ne sait : lisez l'instruction"},
}

// plan prints what the pending steps would do.
func (c migrateCmd) plan(a *app, databaseURL string) error {
	list, err := migrations.Plan(a.ctx, databaseURL)
	if err != nil {
		return err
	}
	if a.json {
		for _, p := range list {
			if err := a.print(p); err != nil {
				return err
			}
		}
		return nil
	}
	if len(list) == 0 {
		a.printf(a.either("nothing is pending\n", "rien n'est en attente\n"))
		return nil
	}
	fr := 0
	if a.lang == "fr" {
		fr = 1
	}
	w := visible.NewTable(a.out)
	w.Printf(a.either("STEP\tSTATEMENT\tLOCKS\tROWS\tMB\tHOLDS UP\n", "ÉTAPE\tINSTRUCTION\tVERROUILLE\tLIGNES\tMO\tRETIENT\n"))
	free := 0
	for _, p := range list {
		if p.Lock == "" {
			free++
			continue
		}
		rows, size := "?", ""
		if p.Object != "" {
			size = fmt.Sprintf("%.1f", float64(p.Bytes)/1e6)
			if p.Rows >= 0 {
				rows = fmt.Sprint(p.Rows)
			}
		}
		w.Printf("%d\t%s\t%s\t%s\t%s\t%s\n", p.Version, p.Statement, p.Object, rows, size, heldUp[p.Lock][fr])
	}
	if free < len(list) {
		if err := w.Flush(); err != nil {
			return err
		}
	}
	a.printf(a.either("%d statements more make what is new, and hold up nobody\n", "%d autres instructions créent du nouveau et ne retiennent personne\n"), free)
	a.printf(a.either("Each step is one transaction. It waits for a lock for two seconds at most, is undone, and is tried again for five minutes. Rows are estimates (ANALYZE makes them better).\n",
		"Chaque étape est une transaction. Elle attend un verrou deux secondes au plus, est annulée, puis retentée pendant cinq minutes. Les lignes sont des estimations (ANALYZE les améliore).\n"))
	return nil
}
