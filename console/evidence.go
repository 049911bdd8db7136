package console

import (
	"bytes"
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
	v := view{r, languageOf(r)}
	if refused, no := c.refuse(w, v); no {
		render(w, v, refused.status, refused)
		return
	}
	ctx, leave, err := c.enter(r)
	var archive bytes.Buffer
	id, bad := strconv.ParseInt(r.PathValue("id"), 10, 64)
	switch {
	case err != nil:
	case bad != nil || id < 1 || id == math.MaxInt64:
		leave()
		err = errNotFound
	default:
		_, err = operate.WriteEvidence(store.WithActor(ctx, personOf(r).Name), c.operator.Pool(), &archive, []int64{id})
		leave()
	}
	if err != nil {
		status, body := failed(v, refusal(err))
		render(w, v, status, body)
		return
	}
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s-%d.zip"`, v.t("evidence", "preuve"), id))
	_, _ = w.Write(archive.Bytes())
}
