package worker

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river/riverdriver"
)

// onlyInserts is River's driver without an ear for orders. NOTIFY asks for no right in PostgreSQL: whoever may connect can have River's queues paused, its jobs
// cancelled and its leader resign. Nothing here gives such orders. What is left to hear is that there are new jobs, which does no harm when it is false.
type onlyInserts struct{ riverdriver.Driver[pgx.Tx] }

func (d onlyInserts) GetListener(params *riverdriver.GetListenenerParams) riverdriver.Listener {
	return insertsListener{d.Driver.GetListener(params)}
}

type insertsListener struct{ riverdriver.Listener }

func (l insertsListener) Listen(ctx context.Context, topic string) error {
	if !strings.HasSuffix(topic, "river_insert") {
		return nil
	}
	return l.Listener.Listen(ctx, topic)
}
