package jobs

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/invoice/rules"
	"github.com/choriste/choriste/store"
)

// Whether the recipient knows the commitment number (BT-13) that an invoice bears can be asked of the State alone (docs/chorus-pro.md §5.4). It is asked where an account wants it, before
// the invoice is sent. What is found is a warning, unless the rule is raised; that nothing could be found out stops nothing.

const (
	stateSIREN = "110002011"

	engagementKnown   = time.Hour   // for so long an answer counts
	engagementUnknown = time.Minute // one that could stop an invoice, where the rule is raised
	engagementFailed  = time.Minute // for so long an account does not ask again after a failure,
	engagementRefused = time.Hour   // or when it may not ask

	engagementsKept = 10_000 // answers, in this process
)

// engagements are the answers that still count.
type engagements struct {
	mu      sync.Mutex
	answers map[engagementKey]engagementAnswer
	silent  map[string]time.Time // until when an account does not ask
}

type engagementKey struct {
	structure int64
	numero    string
}

type engagementAnswer struct {
	known bool
	until time.Time
}

// get gives an answer that counts; ask: there is none, and the account may ask.
func (e *engagements) get(account string, key engagementKey) (known, ask bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if a, is := e.answers[key]; is && time.Now().Before(a.until) {
		return a.known, false
	}
	return true, time.Now().After(e.silent[account])
}

func (e *engagements) put(key engagementKey, known bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.answers == nil || len(e.answers) >= engagementsKept {
		e.answers = map[engagementKey]engagementAnswer{}
	}
	a := engagementAnswer{known, time.Now().Add(engagementKnown)}
	if !known {
		a.until = time.Now().Add(engagementUnknown)
	}
	e.answers[key] = a
}

// rest keeps an account from asking.
func (e *engagements) rest(account string, wait time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.silent == nil {
		e.silent = map[string]time.Time{}
	}
	e.silent[account] = time.Now().Add(wait)
}

// unknownEngagement is what is found when the State demands a commitment number and does not know the one that the invoice bears.
func (j *Jobs) unknownEngagement(ctx context.Context, acct *Account, facts store.Facts) []rules.Finding {
	if !acct.Engagements || facts.Engagement == "" || !strings.HasPrefix(facts.DestinataireSIRET, stateSIREN) || !acct.Gate.Open() || j.Weather.Open(acct) {
		return nil
	}
	r, err := j.Store.NoteRecipient(ctx, acct.Name, facts.DestinataireSIRET, facts.CodeService)
	demanded := r.EngagementRequired || r.EitherRequired || r.Service != nil && r.Service.EngagementRequired != nil && *r.Service.EngagementRequired
	if err != nil || r.Structure == 0 || !demanded {
		return nil
	}
	key := engagementKey{r.Structure, facts.Engagement}
	known, ask := j.engagement.get(acct.Name, key)
	if ask {
		limited, cancel := context.WithTimeout(ctx, j.Settings.SendWithin/2) // well within the lease
		defer cancel()
		if known, err = acct.Client.EngagementKnown(limited, chorus.LaneReport, r.Structure, facts.Engagement); err != nil {
			j.engagementFailed(ctx, acct, err)
			return nil
		}
		j.engagement.put(key, known)
	}
	if known {
		return nil
	}
	return rules.JudgeRecipient(rules.Recipient{
		SIRET: r.SIRET, Name: r.Name, Known: true, Active: true, Engagement: facts.Engagement, EngagementUnknown: true, CheckedAt: time.Now(),
	}, acct.Rules)
}

func (j *Jobs) engagementFailed(ctx context.Context, acct *Account, err error) {
	if _, waits := busy(err); waits || ctx.Err() != nil {
		return
	}
	wait := engagementFailed
	if refusedHere(err) {
		wait = engagementRefused
	} else {
		j.blame(ctx, acct, err)
	}
	j.engagement.rest(acct.Name, wait)
	j.Log.Warn("commitments could not be asked for: invoices go without", "account", acct.Name, "fault", chorus.FaultOf(err), "error", err, "again in", wait)
}
