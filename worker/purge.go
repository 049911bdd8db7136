package worker

import (
	"context"
	"time"

	"github.com/choriste/choriste/store"
)

// purgeEvery is how often documents are purged whose time has come. The database believes that the clock was watched when it hears so every two hours.
const purgeEvery = 10 * time.Minute

// purge deletes documents that have been kept for as long as their account says (chorus.retention), one small transaction after the other. What this round does not reach, the next one does.
func (w *Worker) purge(ctx context.Context) error {
	if err := w.nextMonths(ctx); err != nil {
		return err
	}
	accounts, err := w.store.Purgeable(ctx)
	if err != nil {
		return err
	}
	for _, account := range accounts {
		var all store.Purged
		for ctx.Err() == nil {
			p, err := w.store.Purge(ctx, account, store.PurgeBatch)
			if err != nil {
				return err
			}
			all.Add(p)
			if p.Invoices == 0 {
				break
			}
		}
		if all.Invoices > 0 {
			w.cfg.Log.Info("documents were purged", "account", account, "invoices", all.Invoices, "bytes", all.Bytes, "exchanges", all.Exchanges, "files", all.Files)
		}
	}
	return nil
}

// nextMonths has history go on being cut by month, where it is.
func (w *Worker) nextMonths(ctx context.Context) error {
	made, err := w.store.NextMonths(ctx)
	if len(made) > 0 {
		w.cfg.Log.Info("months of history were made (chorus.events)", "months", made)
	}
	return err
}
