package jobs

import (
	"errors"
	"sync"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/chorus/answers"
)

// What the dictionary of answers does not know is counted here and kept where it came: nothing is decided by it. choriste explain --unclassified lists it.

// countTexts counts the messages of a report that nobody has recorded yet.
func (j *Jobs) countTexts(report string) {
	for _, h := range answers.Report(report) {
		if h.Retry == answers.Unclassified {
			j.Metrics.Unknown.WithLabelValues("error_text").Inc()
		}
	}
}

// countCode counts a codeRetour that nobody has recorded yet.
func (j *Jobs) countCode(err error) {
	var e *chorus.Error
	if errors.As(err, &e) && e.Fault == chorus.FaultUnknown && e.Exchange.CodeRetour != nil {
		j.Metrics.Unknown.WithLabelValues("code_retour").Inc()
	}
}

// countMotive counts a motive that is in neither list, each once in a process: the change feed shows the same invoice many times.
func (j *Jobs) countMotive(comment string) {
	if code := answers.UnknownMotive(comment); code != "" && j.motives.first(code) {
		j.Metrics.Unknown.WithLabelValues("motif").Inc()
	}
}

// texts remembers so many texts and no more.
type texts struct {
	mu   sync.Mutex
	seen map[string]bool
}

const mostTexts = 1000

// first tells whether a text is new and remembered now.
func (t *texts) first(text string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seen[text] || len(t.seen) >= mostTexts {
		return false
	}
	if t.seen == nil {
		t.seen = map[string]bool{}
	}
	t.seen[text] = true
	return true
}
