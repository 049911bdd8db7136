package probe

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	healthCheck = "transverses/v1/health-check"
	search      = "factures/v1/rechercher/fournisseur"
	report      = "transverses/v1/consulterCRDetaille"
	structures  = "transverses/v1/recuperer/structures/actives/fournisseur"
	depositing  = "factures/v1/deposer/flux"
)

// tokens (1): does the first one live on beside a second one, and how long?
func (r *run) tokens(ctx context.Context) error {
	first, err := r.portal.fetch(ctx)
	if err != nil {
		return err
	}
	token := first.text("access_token")
	if token == "" {
		return &Error{first.behind(r.TokenURL+" gives no token", r.TokenURL+" ne donne pas de jeton")}
	}
	second, err := r.portal.fetch(ctx)
	if err != nil {
		return err
	}
	r.portal.knows(token)
	a, err := r.portal.send(ctx, http.MethodGet, healthCheck, nil, nil)
	if err != nil {
		return err
	}
	if a.accountRefused() { // once: repeating it might lock the account
		return &Error{a.behind("the technical account is refused, so nothing more is asked (CHORUS_LOGIN, CHORUS_PASSWORD)", "le compte technique est refusé : rien de plus n'est demandé (CHORUS_LOGIN, CHORUS_PASSWORD)")}
	}
	if a.Status == http.StatusUnauthorized {
		r.portal.knows(second.text("access_token"))
	}
	st, err := r.portal.post(ctx, structures, map[string]any{})
	if err != nil {
		return err
	}
	if !a.speaks() && !st.speaks() {
		return &Error{a.behind("nothing at "+r.APIURL+" answers as Chorus Pro does, so nothing is measured (is CHORUS_API_URL right?): "+a.What, "rien sur "+r.APIURL+" ne répond comme Chorus Pro : rien n'est mesuré (CHORUS_API_URL est-il juste ?) : "+a.What)}
	}
	if st.Status == http.StatusUnauthorized {
		return &Error{st.behind("token or technical account are refused, so nothing more is asked", "le jeton ou le compte technique est refusé : rien de plus n'est demandé")}
	}
	result := Result{
		Step: 1, Name: "tokens", Weight: Measured, Samples: 1,
		Question: Words{"Do two tokens of one application live side by side?", "Deux jetons d'une même application vivent-ils côte à côte ?"},
	}
	switch {
	case a.Status == http.StatusUnauthorized && st.carriedOut():
		result.Answer = Words{"no: the first token is refused once a second one was given", "non : le premier jeton est refusé dès qu'un second est octroyé"}
	case a.Status == http.StatusOK && a.speaks(), a.Status != http.StatusUnauthorized && st.carriedOut():
		result.Answer = Words{"yes: the first token is taken after a second one was given", "oui : le premier jeton est accepté après l'octroi d'un second"}
	default:
		result.Weight, result.Answer = Unknown, a.behind("not measured", "non mesuré")
	}
	if a.Status != http.StatusOK {
		result.Seen = []Seen{a.Seen}
	}
	r.report(result)
	life := 0
	if n, is := first.body["expires_in"].(json.Number); is {
		seconds, _ := n.Int64()
		life = int(seconds)
	}
	margin := 2 * time.Minute
	if life > 0 && life < 480 {
		margin = time.Duration(life) * time.Second / 4
	}
	r.report(Result{
		Step: 1, Name: "token-life", Weight: Measured, Samples: 1, Setting: "CHORISTE_TOKEN_MARGIN=" + span(margin),
		Question: Words{"How long does a token live?", "Combien de temps un jeton vit-il ?"},
		Answer:   both("expires_in %s, answered in %d ms", "expires_in %s, répondu en %d ms", cmp.Or(first.text("expires_in"), "-"), first.TookMS),
	})
	if rows := list(st.body["listeStructures"]); len(rows) > 0 {
		if n, is := rows[0]["idStructureCPP"].(json.Number); is {
			r.supplier, _ = n.Int64()
		}
	}
	return nil
}

// refusals (2): the gateway's own answers. No password of the account is tried: that might lock it.
func (r *run) refusals(ctx context.Context) error {
	var seen []Seen
	for _, x := range []struct {
		what, method, route string
		change              func(http.Header)
	}{
		{"no token", http.MethodPost, search, func(h http.Header) { h.Del("Authorization") }},
		{"unknown token", http.MethodPost, search, func(h http.Header) { h.Set("Authorization", "Bearer choriste-probe-0000000000") }},
		{"unknown account", http.MethodPost, search, func(h http.Header) { h.Set("cpro-account", "VEVDSF9QUk9CRV9OT0JPRFlAY3Byby5mcjpub2JvZHk=") }},
		{"no account", http.MethodPost, search, func(h http.Header) { h.Del("cpro-account") }},
		{"undeclared route", http.MethodPost, "factures/v1/choriste/probe", nil},
		{"other method", http.MethodGet, search, nil},
		{"other Content-Type", http.MethodPost, search, func(h http.Header) { h.Set("Content-Type", "text/plain") }},
		{"unknown field", http.MethodPost, search, nil},
	} {
		body := any(map[string]any{})
		switch {
		case x.method == http.MethodGet:
			body = nil
		case x.what == "unknown field":
			body = map[string]any{"numeroFacture": "CHORISTE-PROBE", "choristeProbe": 1}
		}
		a, err := r.portal.send(ctx, x.method, x.route, body, x.change)
		if err != nil {
			return err
		}
		a.What = x.what
		seen = append(seen, a.Seen)
	}
	var said []string
	for _, s := range seen {
		said = append(said, fmt.Sprintf("%s %d", s.What, s.Status))
	}
	r.report(Result{
		Step: 2, Name: "refusals", Weight: Measured, Samples: len(seen), Seen: seen,
		Question: Words{"What does the gateway answer?", "Que répond la passerelle ?"}, Answer: both("%s", "%s", strings.Join(said, ", ")),
	})
	return nil
}

// quota (3): many at once, on the health check.
func (r *run) quota(ctx context.Context) error {
	if r.portal.left -= r.Burst; r.portal.left < 0 {
		return errCalls
	}
	if err := sleep(ctx, 2*time.Second); err != nil { // so that nothing sent before counts
		return err
	}
	answers := make([]answer, r.Burst)
	began := time.Now()
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i], _ = r.portal.request(ctx, http.MethodGet, healthCheck, nil, nil) })
	}
	all.Wait()
	took := time.Since(began)
	passed, refused := 0, []Seen{}
	for _, a := range answers {
		switch a.Status {
		case http.StatusOK:
			passed++
		case http.StatusTooManyRequests:
			refused = append(refused, a.Seen)
		}
	}
	result := Result{
		Step: 3, Name: "quota", Weight: Measured, Samples: r.Burst, Seen: refused[:min(len(refused), 3)],
		Question: Words{"How many requests pass in a second?", "Combien de requêtes passent en une seconde ?"},
		Answer:   both("%d of %d passed, %d were answered 429, in %d ms", "%d sur %d sont passées, %d ont reçu 429, en %d ms", passed, r.Burst, len(refused), took.Milliseconds()),
	}
	switch {
	case passed == 0:
		result.Weight, result.Seen = Unknown, []Seen{answers[0].Seen}
		result.Answer = answers[0].behind("not measured, none passed", "non mesuré, aucune n'est passée")
	case len(refused) > 0 && took < 2*time.Second:
		result.Setting = fmt.Sprintf("CHORISTE_QUOTA=%d", passed)
	default: // no bound was met: what PISTE documents stays
		result.Setting = "CHORISTE_QUOTA=20"
	}
	r.report(result)
	return ctx.Err()
}

// pages (4): what is granted of what is asked for.
func (r *run) pages(ctx context.Context) error {
	var said []string
	var seen []Seen
	most := 0
	for _, size := range []int{1, 10, 100, 500, 1000, 5000} {
		a, err := r.portal.post(ctx, search, r.query(map[string]any{}, size))
		if err != nil {
			return err
		}
		rows := list(a.body["listeFactures"])
		granted := a.text("nbResultatsParPage")
		if p, is := a.body["parametresRetour"].(map[string]any); is {
			granted = fmt.Sprint(p["nbResultatsParPage"])
		}
		if granted == "" {
			said = append(said, fmt.Sprintf("%d: %s", size, a.code()))
			seen = append(seen, a.Seen)
			continue
		}
		said = append(said, fmt.Sprintf("%d: %s", size, granted))
		if n, err := strconv.Atoi(granted); err == nil {
			most = max(most, n)
		}
		for _, row := range rows {
			if r.found == nil && row["dateHeureEtatCourant"] != nil {
				r.found = row
			}
		}
	}
	question := Words{"How many rows does a page hold at most?", "Combien de lignes une page contient-elle au plus ?"}
	if most == 0 {
		r.report(Result{
			Step: 4, Name: "page-size", Weight: Unknown, Question: question, Seen: seen[:min(len(seen), 1)],
			Answer: Words{"not measured: the search finds nothing", "non mesuré : la recherche ne trouve rien"},
		})
		return nil
	}
	r.report(Result{
		Step: 4, Name: "page-size", Weight: Measured, Samples: 6, Seen: seen, Question: question,
		Answer: both("granted of what was asked: %s; at most %d", "accordé sur ce qui était demandé : %s ; au plus %d", strings.Join(said, ", "), most),
	})
	return nil
}

// query asks for a page of the supplier's invoices.
func (r *run) query(q map[string]any, size int) map[string]any {
	if r.supplier != 0 {
		q["idFournisseur"] = r.supplier
	}
	q["rechercheFactureParFournisseur"] = map[string]any{"pageResultatDemandee": 1, "nbResultatsParPage": size}
	return q
}

// empty (5): how nothing is said.
func (r *run) empty(ctx context.Context) error {
	a, err := r.portal.post(ctx, search, r.query(map[string]any{"numeroFacture": newNumber("N"), "periodeDateDepotDu": "1999-01-01", "periodeDateDepotAu": "1999-01-02"}, 10))
	if err != nil {
		return err
	}
	question := Words{"How is an empty search answered?", "Comment une recherche vide est-elle répondue ?"}
	if a.text("codeRetour") == "" {
		r.unmeasured(5, "empty-search", question, a)
		return nil
	}
	rows := "without a list"
	if value, is := a.body["listeFactures"]; is {
		rows = fmt.Sprintf("listeFactures of %d", len(list(value)))
		if value == nil {
			rows = "listeFactures null"
		}
	}
	r.report(Result{
		Step: 5, Name: "empty-search", Weight: Measured, Samples: 1, Seen: []Seen{a.Seen},
		Question: question, Answer: both("%s, %s", "%s, %s", a.code(), rows),
	})
	return nil
}

// period (6): does the period of the last change honour hours, and which zone does it speak?
func (r *run) period(ctx context.Context) error {
	question := Words{"Does the period of the last change honour hours?", "La période du dernier changement tient-elle compte des heures ?"}
	if r.found == nil {
		r.report(Result{
			Step: 6, Name: "change-period", Weight: Unknown, Question: question,
			Answer: Words{"not measured: the account has no invoice that a search shows", "non mesuré : aucune facture du compte n'est trouvée"},
		})
		return nil
	}
	at, err := moment(fmt.Sprint(r.found["dateHeureEtatCourant"]))
	if err != nil {
		r.report(Result{Step: 6, Name: "change-period", Weight: Unknown, Question: question, Answer: both("not measured: dateHeureEtatCourant is %q", "non mesuré : dateHeureEtatCourant vaut %q", fmt.Sprint(r.found["dateHeureEtatCourant"]))})
		return nil
	}
	var refused *answer
	asked := func(from, to time.Duration) (bool, error) {
		const form = "2006-01-02T15:04:05.000Z07:00"
		q := r.query(map[string]any{"numeroFacture": r.found["numeroFacture"], "periodeDateHeureEtatCourantDu": at.Add(from).Format(form), "periodeDateHeureEtatCourantAu": at.Add(to).Format(form)}, 10)
		a, err := r.portal.post(ctx, search, q)
		if !a.carriedOut() {
			refused = &a
		}
		return len(list(a.body["listeFactures"])) > 0, err
	}
	var hit [5]bool
	for i, span := range [][2]time.Duration{{-time.Minute, time.Minute}, {time.Minute, 2 * time.Minute}, {-2 * time.Minute, -time.Minute}, {0, time.Minute}, {time.Hour, 3 * time.Hour}} {
		if hit[i], err = asked(span[0], span[1]); err != nil {
			return err
		}
	}
	if refused != nil {
		r.unmeasured(6, "change-period", question, *refused)
		return nil
	}
	answer := Words{"it honours minutes", "elle tient compte des minutes"}
	switch {
	case hit[0] && (hit[1] || hit[2]):
		answer = Words{"it does not honour minutes: an invoice is found a minute beside its change", "elle ignore les minutes : une facture est trouvée une minute à côté de son changement"}
	case !hit[0] && hit[4]:
		answer = Words{"it reads hours in another zone than it writes them", "elle lit les heures dans un autre fuseau que celui qu'elle écrit"}
	case !hit[0]:
		answer = Words{"unclear: the invoice is not found around its own change", "incertain : la facture n'est pas trouvée autour de son propre changement"}
	case hit[3]:
		answer = Words{"it honours minutes, and its beginning is inclusive", "elle tient compte des minutes, et son début est inclus"}
	}
	r.report(Result{Step: 6, Name: "change-period", Weight: Measured, Samples: len(hit), Question: question, Answer: answer})
	return nil
}

// moment reads a date with its zone, or as Paris has it.
func moment(s string) (time.Time, error) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		paris = time.UTC
	}
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999Z0700", "2006-01-02T15:04:05.999", "2006-01-02 15:04:05", "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(form, s, paris); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no moment", s)
}

// list reads a list of objects, or the one object that stands for a list of one.
func list(v any) (rows []map[string]any) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			if o, is := x.(map[string]any); is {
				rows = append(rows, o)
			}
		}
	case map[string]any:
		rows = append(rows, v)
	}
	return rows
}

// span writes a duration as our settings have them.
func span(d time.Duration) string {
	s := d.Round(time.Second).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-2]
		}
	}
	return s
}

func most(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	return slices.Max(all)
}
