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
	switch made, err := w.store.NextMonths(ctx); {
	case err != nil:
		return err
	case len(made) > 0:
		w.cfg.Log.Info("the months to come of history were made (chorus.events)", "months", made)
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
