package console

import (
	"context"
	"time"

	"github.com/choriste/choriste/store"
)

// mostWebhooks is how many endpoints the page shows. They stand in a file that somebody wrote by hand.
const mostWebhooks = 100

type webhookList struct {
	List []webhookLine
	More int
}

type webhookLine struct {
	store.Webhook
	Lag   time.Duration
	Deeds []shownDeed
}

func (c *console) webhooks(ctx context.Context, v view) (content, error) {
	list, err := c.reads(ctx).Webhooks(ctx)
	if err != nil {
		return content{}, err
	}
	l := webhookList{More: max(0, len(list)-mostWebhooks)}
	for _, w := range list[:min(len(list), mostWebhooks)] {
		line := webhookLine{Webhook: w, Lag: time.Duration(w.LagSeconds * float64(time.Second))}
		if may := c.mayOnAll(v.Request, Administrator) || w.Account != nil && c.mayOn(v.Request, Administrator, *w.Account); may {
			line.Deeds = c.offered(v, "/webhooks", webhookDeeds, w.Name, possible(w)...)
		}
		l.List = append(l.List, line)
	}
	return content{page: "webhooks", title: "Webhooks", data: l}, nil
}

// possible are the deeds that help an endpoint as it is.
func possible(w store.Webhook) (names []string) {
	if w.PausedAt != nil {
		names = append(names, "resume")
	} else {
		names = append(names, "pause", "test")
	}
	if w.PausedAt == nil && w.FailingSince != nil {
		names = append(names, "resume")
	}
	if w.Stuck != nil {
		names = append(names, "skip")
	}
	if w.Cursor > 0 {
		names = append(names, "replay")
	}
	return append(names, "forget")
}
