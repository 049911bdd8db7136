//go:build chaos

package jobs

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/crash"
	"github.com/choriste/choriste/store"
)

// mutate makes the mistakes about a deposit's outcome that the tests must notice.
func mutate(a answer) store.Outcome {
	switch {
	case crash.Mutant(crash.PlainRetry) && a.outcome == store.Ambiguous:
		return store.NotSent
	case crash.Mutant(crash.TimeoutNotSent) && a.outcome == store.Ambiguous && a.fault == chorus.FaultNetwork:
		return store.NotSent
	case crash.Mutant(crash.DuplicateRejects) && a.outcome == store.Duplicate:
		return store.Refused
	default:
		return a.outcome
	}
}

// withoutIntent deposits first and writes it down afterwards.
func (j *Jobs) withoutIntent(ctx context.Context, inv store.Invoice, deposit *chorus.Deposit, attempt pgtype.UUID, name string) error {
	receipt, err := deposit.Send(ctx, time.Time{})
	ans := answer{outcome: store.Outcome(chorus.OutcomeOf(err)), fault: chorus.FaultOf(err), flux: receipt.NumeroFluxDepot, wait: -1}
	a, err := j.Store.Begin(ctx, inv, store.Intent{Attempt: attempt, Worker: j.Worker, NomFichier: name, Memory: j.Memory.Get(), SendWithin: j.Settings.SendWithin})
	if err != nil {
		return err
	}
	j.finish(a, afterDeposit(j.Settings, ans))
	return nil
}
