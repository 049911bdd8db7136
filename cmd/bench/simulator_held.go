package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
)

// held starts the simulator with a ledger of so many accepted invoices, each integrated, and asks the mix of it: what it holds in memory is then measured and not drawn on from
// a few thousand, of which the collector's pauses are the larger part. Depositing them would take minutes on an idle machine and hours on another.
func held(ctx context.Context, w *workshop) (_ stretch, err error) {
	ledger := filepath.Join(w.dir, "held.jsonl")
	if err := writeLedger(ledger, w.size.held); err != nil {
		return stretch{}, err
	}
	defer func() { err = errors.Join(err, os.Remove(ledger)) }()
	p := plant{}
	if err := p.startSim(w, "-quota", "-1", "-ledger", ledger); err != nil {
		return stretch{}, fmt.Errorf("chorus-sim: %w", err)
	}
	defer func() {
		_, stopped := p.stop()
		err = errors.Join(err, stopped)
	}()
	v, err := newVisitor(ctx, p.portal)
	if err != nil {
		return stretch{}, err
	}
	v.taken.Store(int64(w.size.held))
	for n := range min(w.size.held, 10_000) { // some of them are asked for
		v.fluxes = append(v.fluxes, fluxNumber(n*(w.size.held/min(w.size.held, 10_000))))
	}
	return v.mix(ctx, p.sim.Process.Pid, w.size.mix)
}

// fluxNumber is what the simulator gives to the flux of this place, from 0 on.
func fluxNumber(n int) string { return fmt.Sprintf("CPP0011100000000%09d", 912_345+n) }

// writeLedger writes what the simulator would have written if so many invoices had been deposited, one a millisecond, the last a minute ago.
func writeLedger(name string, n int) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(file, 1<<20)
	lines := json.NewEncoder(out)
	at := time.Now().UTC().Truncate(time.Microsecond).Add(-time.Minute - time.Duration(n)*time.Millisecond)
	err = lines.Encode(chorustest.Entry{Seq: 1, At: at, Type: "start", Profile: "calm"})
	for k := 0; k < n && err == nil; k++ {
		at = at.Add(time.Millisecond)
		numero, flux := numero(k), fluxNumber(k)
		err = errors.Join(
			lines.Encode(chorustest.Entry{
				Seq: int64(2*k + 2), At: at, Type: "accepted", Request: int64(k + 1), Client: chorustest.DefaultClient.ID, Account: chorustest.DefaultAccount.Login,
				Facts: &chorustest.Facts{
					Numero: numero, Date: at.Format("2006-01-02"), Annee: at.Year(), Type: "FACTURE", Fournisseur: "99999999800012", Siren: "999999998",
					Destinataire: "99999999700023", Cadre: "A1", HT: "1250.00", TTC: "1500.00", APayer: "1500.00", Devise: "EUR", Mode: "UPLOAD_API",
				},
				NomFichier: numero + ".xml", Syntaxe: "IN_DP_E1_UBL_INVOICE", Flux: flux, Key: fmt.Sprintf("%d/999999998/%s", at.Year(), numero),
				ReportAt: &at, Due: &at, SearchAt: &at,
			}),
			lines.Encode(chorustest.Entry{Seq: int64(2*k + 3), At: at, Type: "integrated", Flux: flux, Facture: int64(41_207_733 + k)}),
		)
	}
	return errors.Join(err, out.Flush(), file.Close())
}
