package console

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"

	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

// evidence hands out the archive of one invoice, as choriste evidence writes it. The reading goes into the history under the name of who signed in, so it is asked
// for by a form. It is made whole before the first byte leaves: an error is a page.
func (c *console) evidence(w http.ResponseWriter, r *http.Request) {
	c.download(w, r, "application/zip", func(ctx context.Context, v view, i store.Status) (string, []byte, error) {
		var archive bytes.Buffer
		_, err := operate.WriteEvidence(ctx, c.operator.Pool(), &archive, []int64{i.ID})
		return fmt.Sprintf("%s-%d.zip", v.t("evidence", "preuve"), i.ID), archive.Bytes(), err
	})
}

// download hands out a file about one invoice that is made by who may act, or says in a page why not.
func (c *console) download(w http.ResponseWriter, r *http.Request, kind string, make func(ctx context.Context, v view, i store.Status) (name string, body []byte, err error)) {
	v := view{r, languageOf(r)}
	if refused, no := c.refuse(w, v, Operator); no {
		render(w, v, refused.status, refused)
		return
	}
	var name string
	var file []byte
	ctx, leave, err := c.enter(r)
	if err == nil {
		var i store.Status
		if i, err = c.actedOn(c.as(ctx, r, Operator), v); err == nil {
			name, file, err = make(c.as(ctx, r, Operator), v, i)
		}
		leave()
	}
	if err != nil {
		status, body := failed(v, refusal(err))
		render(w, v, status, body)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	_, _ = w.Write(file)
}

// invoiceID is the invoice in the address.
func invoiceID(r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id < 1 || id == math.MaxInt64 {
		return 0, errNotFound
	}
	return id, nil
}
