package console

import (
	"context"
	"net/url"
	"regexp"

	"github.com/choriste/choriste/store"
)

// mostRecipients is how many recipients a page shows.
const mostRecipients = 50

type recipientList struct {
	Prefix string
	List   []store.RecipientView
	Next   string
}

var siretStart = regexp.MustCompile(`^[0-9]{0,14}$`)

func (c *console) recipients(ctx context.Context, v view) (content, error) {
	q := v.URL.Query()
	l := recipientList{Prefix: q.Get("siret")}
	after := q.Get("after")
	if !siretStart.MatchString(l.Prefix) || !siretStart.MatchString(after) {
		return content{}, wrongInput(v.t("A SIRET has digits alone.", "Un SIRET n'a que des chiffres."))
	}
	var err error
	if l.List, err = c.reads(ctx).RecipientPage(ctx, l.Prefix, after, mostRecipients+1); err != nil {
		return content{}, err
	}
	if len(l.List) > mostRecipients {
		l.List = l.List[:mostRecipients]
		l.Next = "/recipients?" + url.Values{"siret": {l.Prefix}, "after": {l.List[mostRecipients-1].SIRET}}.Encode()
	}
	return content{page: "recipients", title: v.t("Recipients", "Destinataires"), data: l}, nil
}
