package console

import (
	"context"

	"github.com/choriste/choriste/chorus/answers"
	"github.com/choriste/choriste/operate"
)

// mostCauses is how many groups the page of causes shows.
const mostCauses = 100

// causeLine is a cause with the list of its invoices, and what it means.
type causeLine struct {
	operate.Cause
	Link string
	Help []answers.Help
}

// causes groups the invoices that need somebody by state and reason. It reads those on the list, as the list of what needs somebody does, and no others.
func (c *console) causes(ctx context.Context, v view) (content, error) {
	listed, err := operate.ParseQuery("is:listed state:invalid,rejected,parked,in_doubt")
	if err != nil {
		return content{}, err
	}
	list, err := operate.Causes(ctx, c.reads(ctx), listed, mostCauses)
	if err != nil {
		return content{}, err
	}
	var lines []causeLine
	for _, cause := range list {
		q := "is:listed state:" + string(cause.State)
		if cause.Reason != nil {
			q += " reason:" + quoted(*cause.Reason)
		}
		lines = append(lines, causeLine{cause, addresses{query: q}.to("/invoices", "", ""), answers.For(cause.Reason, nil, nil, nil)})
	}
	return content{page: "causes", title: v.t("Causes", "Causes"), data: lines}, nil
}
