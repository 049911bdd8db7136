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
	Lag time.Duration
}

func (c *console) webhooks(ctx context.Context, v view) (content, error) {
	list, err := c.reads(ctx).Webhooks(ctx)
	if err != nil {
		return content{}, err
	}
	l := webhookList{More: max(0, len(list)-mostWebhooks)}
	for _, w := range list[:min(len(list), mostWebhooks)] {
		l.List = append(l.List, webhookLine{w, time.Duration(w.LagSeconds * float64(time.Second))})
	}
	return content{page: "webhooks", title: "Webhooks", data: l}, nil
}
