package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/worker"
)

// application is one PISTE application's token: fetched once, and once more when the API refuses it. The fleet's token in the database is not touched.
type application struct {
	endpoint *chorus.TokenEndpoint
	token    chorus.Token
	fetched  int64
	err      error // is final: a refused secret is not tried twice
}

// Token implements chorus.TokenSource. The doctor does one thing at a time, so nothing is locked.
func (p *application) Token(ctx context.Context) (chorus.Token, error) {
	if p.token.Value == "" && p.err == nil {
		p.fetched++
		p.token, p.err = p.endpoint.Fetch(ctx)
		p.token.Generation = p.fetched
	}
	return p.token, p.err
}

// Reject implements chorus.TokenSource.
func (p *application) Reject(context.Context, chorus.Token) { p.token = chorus.Token{} }

// The three APIs that the product calls, as PISTE calls them.
const (
	apiTransverses = "transverses"
	apiStructures  = "structures"
	apiFactures    = "factures"
)

var accountLines = []line{
	{layerToken, ""},
	{layerAPI, ""},
	{layerSubscription, apiTransverses},
	{layerSubscription, apiStructures},
	{layerSubscription, apiFactures},
	{layerAccount, ""},
	{layerAccount, "password"},
	{layerAccount, "pause"},
	{layerStructures, ""},
	{layerSearch, ""},
	{layerQuota, ""},
}

// exam is the examination of one account. Each of accountLines gets one result, the worst that was found.
type exam struct {
	worker.Account
	d     *doctor
	facts accountFacts
	found map[line]result
}

// worse orders the statuses; what was not checked is the least of them.
var worse = map[string]int{statusOK: 1, statusWarn: 2, statusFail: 3}

func (e *exam) set(part string, r result) {
	l := line{r.Layer, part}
	if worse[r.Status] > worse[e.found[l].Status] {
		r.Part = part
		e.found[l] = r
	}
}

func (e *exam) ok(layer, part string) { e.set(part, result{Layer: layer, Status: statusOK}) }

// account examines one account, and reports all its lines whether they could be checked or not.
func (d *doctor) account(a worker.Account, facts accountFacts, applications map[string]*application, reached bool) {
	e := &exam{d: d, Account: a, facts: facts, found: map[line]result{}}
	e.pause()
	if reached {
		e.portal(applications)
	}
	for _, l := range accountLines {
		r, checked := e.found[l]
		if !checked {
			r = result{Layer: l.layer, Part: l.part, Status: statusUnchecked}
		}
		r.Account = a.Name
		d.add(r)
	}
}

func (e *exam) pause() {
	switch {
	case !e.facts.known:
	case e.facts.pausedAt != nil:
		e.set("pause", found(statusWarn, "ACCOUNT_PAUSED", store.Stamp(*e.facts.pausedAt), oneLine(e.facts.reason)))
	case e.facts.compared != nil:
		e.set("pause", found(statusWarn, "ACCOUNT_COMPARING", store.Stamp(*e.facts.compared)))
	default:
		e.ok(layerAccount, "pause")
	}
}

// portal goes from the token to the right to search. Six requests when all is well.
func (e *exam) portal(applications map[string]*application) {
	p := applications[e.Chorus.ClientID]
	if p == nil {
		endpoint, err := chorus.NewTokenEndpoint(e.Chorus)
		if err != nil {
			e.set("", found(statusFail, "TOKEN_ADDRESS", err.Error()))
			return
		}
		p = &application{endpoint: endpoint}
		applications[e.Chorus.ClientID] = p
	}
	if _, err := p.Token(e.d.ctx); err != nil {
		e.set("", noToken(err))
		return
	}
	e.ok(layerToken, "")
	e.Chorus.Tokens = p
	client, err := chorus.New(e.Chorus)
	if err != nil {
		e.set("", found(statusFail, "API_ADDRESS", err.Error()))
		return
	}
	if e.calls(client) {
		e.ok(layerQuota, "")
	}
}

// calls makes the requests, until one of them says that more are of no use; then it is false.
func (e *exam) calls(client *chorus.Client) bool {
	goOn, err := e.call(apiTransverses, func() error { return client.Health(e.d.ctx) })
	if !goOn {
		return false
	}
	var structures []chorus.Structure
	if chorus.FaultOf(err) != chorus.FaultSubscription {
		goOn, err = e.call(apiTransverses, func() (err error) {
			structures, err = client.Structures(e.d.ctx, chorus.LaneSync)
			return err
		})
		if !goOn {
			return false
		}
		e.structures(structures, err)
	}

	id := int64(1) // no structure of ours: any answer but a 403 shows that the API is subscribed
	if len(structures) > 0 {
		id = structures[0].IDStructureCPP
	}
	var detail chorus.StructureDetail
	goOn, err = e.call(apiStructures, func() (err error) {
		detail, err = client.Structure(e.d.ctx, chorus.LaneSync, id)
		return err
	})
	if !goOn {
		return false
	}
	if len(structures) > 0 && chorus.FaultOf(err) != chorus.FaultSubscription {
		e.password(detail.DateExpirationMotPasseCompteTech, err)
	}
	return e.search(client, structures)
}

// searched is how many structures are tried for the right to search.
const searched = 3

// search looks for the invoices of one day, one page of one row: what counts is whether it may.
func (e *exam) search(client *chorus.Client, structures []chorus.Structure) bool {
	ask := []chorus.Structure{{}} // without a structure it shows the subscription, not the right
	if len(structures) > 0 {
		ask = structures[:min(len(structures), searched)]
	}
	today := time.Now()
	for _, st := range ask {
		q := chorus.Query{IDFournisseur: st.IDStructureCPP, DepotDu: today, DepotAu: today, PageSize: 1}
		goOn, err := e.call(apiFactures, func() error {
			for _, err := range client.SearchPages(e.d.ctx, chorus.LaneSync, q) {
				return err
			}
			return nil
		})
		switch fault := chorus.FaultOf(err); {
		case !goOn:
			return false
		case fault == chorus.FaultSubscription:
			return true
		case st.IDStructureCPP == 0:
		case fault == chorus.FaultRights:
			e.set("", found(statusFail, "SEARCH_FORBIDDEN", st.Identifiant))
		case err != nil:
			e.set("", found(statusFail, "SEARCH_UNKNOWN", answer(err)))
		default:
			e.ok(layerSearch, "")
		}
	}
	return true
}

// call makes one request and files what it says of the layers below the operation itself. The error is then of the operation, or a missing
// subscription; without goOn, no more may be asked: the account would come nearer to its lock, or the quota to its end.
func (e *exam) call(api string, do func() error) (goOn bool, err error) {
	e.sleep(time.Duration(2 * float64(time.Second) / e.Quota)) // half of what PISTE grants: the fleet is at work, and there may be many accounts
	err = do()
	if chorus.FaultOf(err) == chorus.FaultQuota {
		if err = e.again(err, do); chorus.FaultOf(err) != chorus.FaultQuota {
			e.set("", found(statusWarn, "QUOTA_TIGHT"))
		}
	}
	var failed *chorus.Error
	if errors.As(err, &failed) && failed.Op == "oauth/token" { // the first token was good, the second is not to be had
		e.set("", noToken(err))
		return false, err
	}
	switch chorus.FaultOf(err) {
	case chorus.FaultQuota:
		e.set("", found(statusFail, "QUOTA_SPENT", wait(err)))
	case chorus.FaultNetwork:
		e.set("", found(statusFail, "API_UNREACHABLE", answer(err)))
	case chorus.FaultPortal:
		e.set("", found(statusFail, "API_DOWN", answer(err)))
	case chorus.FaultConfiguration:
		e.set("", found(statusFail, "API_ADDRESS", answer(err)))
	case chorus.FaultToken:
		e.set("", found(statusFail, "TOKEN_REFUSED"))
	case chorus.FaultAccount:
		e.ok(layerAPI, "")
		e.ok(layerSubscription, api)
		e.refused()
	case chorus.FaultStopped, chorus.FaultLocal: // somebody pressed Ctrl-C
	case chorus.FaultSubscription:
		e.ok(layerAPI, "")
		e.set(api, found(statusFail, "SUBSCRIPTION_"+strings.ToUpper(api)))
		return true, err
	case chorus.FaultUnknown:
		if failed == nil || failed.Exchange.CodeRetour == nil {
			e.set("", found(statusFail, "API_UNKNOWN", answer(err)))
			return false, err
		}
		fallthrough
	default: // the operation has been reached
		e.ok(layerAPI, "")
		e.ok(layerSubscription, api)
		e.ok(layerAccount, "")
		return true, err
	}
	return false, err
}

// longestWait is the longest that a busy gateway may ask for and be asked again.
const longestWait = 5 * time.Second

// again waits as the gateway asks and tries once more: beside a busy fleet a request may well come too soon.
func (e *exam) again(err error, do func() error) error {
	after, said := chorus.RetryAfter(err)
	if !said {
		after = time.Second
	}
	if after > longestWait {
		return err
	}
	e.sleep(max(after, time.Second))
	return do()
}

func (e *exam) sleep(d time.Duration) {
	select {
	case <-e.d.ctx.Done():
	case <-time.After(d):
	}
}

func (e *exam) refused() {
	switch {
	case e.facts.expires != nil && e.facts.expires.Before(time.Now()):
		e.set("", found(statusFail, "ACCOUNT_EXPIRED", e.facts.expires.Format(time.DateOnly)))
	case e.facts.worked != nil:
		e.set("", found(statusFail, "ACCOUNT_STOPPED", e.facts.worked.Local().Format(time.DateOnly)))
	default:
		e.set("", found(statusFail, "ACCOUNT_REFUSED"))
	}
}

func (e *exam) structures(list []chorus.Structure, err error) {
	switch {
	case chorus.FaultOf(err) == chorus.FaultSubscription:
	case err != nil:
		e.set("", found(statusFail, "STRUCTURES_UNKNOWN", answer(err)))
	case len(list) == 0:
		e.set("", found(statusFail, "STRUCTURES_NONE"))
	default:
		missing := slices.Concat(e.facts.waiting, e.Suppliers)
		slices.Sort(missing)
		missing = slices.DeleteFunc(slices.Compact(missing), func(siret string) bool {
			return slices.ContainsFunc(list, func(st chorus.Structure) bool { return st.Identifiant == siret })
		})
		if len(missing) == 0 {
			e.ok(layerStructures, "")
			return
		}
		shown := missing[:min(len(missing), 5)]
		e.set("", found(statusWarn, "STRUCTURE_MISSING", len(missing), strings.Join(shown, ", ")))
	}
}

// expiryWarn is how early the end of a password is announced: a new one needs the structure's principal manager (docs/chorus-pro.md §3.6).
const expiryWarn = 60

func (e *exam) password(expires chorus.Date, err error) {
	if e.Chorus.NoAccount {
		e.ok(layerAccount, "password")
		return
	}
	if err != nil || expires.Time.IsZero() {
		e.set("password", found(statusWarn, "EXPIRY_UNKNOWN"))
		return
	}
	days := int(time.Until(expires.Time).Hours() / 24)
	if days > expiryWarn {
		e.ok(layerAccount, "password")
		return
	}
	e.set("password", found(statusWarn, "ACCOUNT_EXPIRES", max(days, 0), expires.Time.Format(time.DateOnly)))
}

func noToken(err error) result {
	var e *chorus.Error
	switch chorus.FaultOf(err) {
	case chorus.FaultApplication:
		return found(statusFail, "TOKEN_CLIENT")
	case chorus.FaultQuota:
		return found(statusFail, "QUOTA_SPENT", wait(err))
	case chorus.FaultConfiguration:
		if errors.As(err, &e) && e.Detail == "invalid_scope" {
			return found(statusFail, "TOKEN_SCOPE")
		}
		return found(statusFail, "TOKEN_ADDRESS", answer(err))
	default:
		return found(statusFail, "TOKEN_DOWN", answer(err))
	}
}

// answer is what came back, in codes that need no translation; our own words where nothing came.
func answer(err error) string {
	var e *chorus.Error
	switch {
	case !errors.As(err, &e):
		return "-"
	case e.Exchange.CodeRetour != nil:
		return strings.TrimSpace(fmt.Sprintf("HTTP %d, codeRetour %d %s", e.Exchange.Status, *e.Exchange.CodeRetour, e.Exchange.Message))
	case e.Exchange.Status != 0:
		return "HTTP " + strconv.Itoa(e.Exchange.Status)
	default:
		return e.Detail
	}
}

func wait(err error) string {
	after, said := chorus.RetryAfter(err)
	if !said {
		return "Retry-After: -"
	}
	return "Retry-After: " + after.String()
}
