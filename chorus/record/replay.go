package record

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
)

// player sends the requests of a recording to a simulator that was made to know what the recording speaks of.
type player struct {
	sim   *chorustest.Sim
	scrub *scrubber
	http  *http.Client
	began time.Time
	shift time.Duration     // of dates: the recording's to ours
	days  int               // the same for days
	ids   map[string]string // the portal's numbers, masked, to the simulator's
	token string            // of ours, for those that the recording did not see granted
	start time.Time         // of the virtual clock
	world *world
}

func newPlayer(began time.Time, all []Exchange) (*player, error) {
	w := survey(all)
	sim, err := chorustest.Start(w.config())
	if err != nil {
		return nil, err
	}
	p := &player{
		start: sim.Now(), world: w, sim: sim, scrub: newScrubber(nil), began: began, shift: time.Since(began), ids: map[string]string{},
		http: &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
	day := func(t time.Time) time.Time {
		y, m, d := t.In(chorustest.Paris).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	p.days = int(day(time.Now()).Sub(day(began)).Hours() / 24)
	for _, f := range w.earlier { // what the portal held before the recording began
		f.Date = p.moved(f.Date)
		if id, err := sim.TypeIn(f.Facts); err == nil {
			p.ids[f.id] = text(id)
			if f.statut != "" && f.statut != "DEPOSEE" {
				err = sim.Statut(f.Numero, f.statut, "")
			}
			if err != nil {
				return nil, errors.Join(err, sim.Close())
			}
		}
	}
	return p, nil
}

func (p *player) close(err error) error { return errors.Join(err, p.sim.Close()) }

// play sends one request as it was, at its moment of the virtual clock.
func (p *player) play(x Exchange) (here *Message, skipped string, err error) {
	if behind := time.Duration(x.AtMS)*time.Millisecond - p.sim.Now().Sub(p.start); behind > 0 {
		p.sim.Advance(behind)
	}
	if x.Asked.LeftOut != "" {
		return nil, "the request's body is not in the recording", nil
	}
	if p.namesEarlier(x) {
		return nil, "it speaks of what was deposited before the recording began", nil
	}
	target, err := url.Parse(p.sim.APIURL())
	if err != nil {
		return nil, "", err
	}
	if !strings.HasPrefix(x.Path, "/") { // else the file could name another host
		return nil, "it cannot be sent again", nil
	}
	target.Path, target.RawQuery = x.Path, x.Query
	body, media := p.body(x)
	switch {
	case x.Said == nil, x.Why != "":
		skipped = "no answer"
	case p.world.tooSoon(x):
		skipped = "it was too soon at the portal"
	case x.Said.Status >= http.StatusInternalServerError:
		return nil, "the portal's failure", nil
	case x.Said.Status == http.StatusTooManyRequests: // when is the quota's affair, how is ours
		p.sim.Faults(chorustest.Fault{Kind: "429", Op: "*"})
		defer p.sim.ClearFaults()
	}
	if fate := p.fate(x); fate != "" {
		p.sim.Faults(chorustest.Fault{Kind: fate, Op: "deposer/flux"})
		defer p.sim.ClearFaults()
	}
	req, err := http.NewRequest(x.Method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, "it cannot be sent again", nil
	}
	for name, value := range x.Asked.Headers {
		if name != "Content-Length" && name != "Content-Encoding" {
			req.Header.Set(name, p.header(x, name, value))
		}
	}
	if media != "" {
		req.Header.Set("Content-Type", media)
	}
	res, err := p.http.Do(req)
	if err != nil {
		return nil, "no answer here", nil
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxKept))
	if err != nil {
		return nil, "", err
	}
	here = &Message{Status: res.StatusCode, Bytes: int64(len(answer))}
	here.Headers, _ = p.scrub.headers(res.Header)
	d := json.NewDecoder(bytes.NewReader(answer))
	d.UseNumber()
	if d.Decode(&here.JSON) != nil {
		here.JSON = nil
	}
	return here, skipped, nil
}

// namesEarlier tells that a request names a flux, an invoice or a file which the recording has not seen made, and that the portal knew it: the simulator cannot.
func (p *player) namesEarlier(x Exchange) bool {
	if x.Said == nil {
		return false
	}
	said, _ := x.Said.JSON.(map[string]any)
	rows, lists := said["listeFactures"].([]any)
	return text(said["codeRetour"]) == "0" && (!lists || len(rows) > 0) && p.unknownID(x.Asked.JSON)
}

func (p *player) unknownID(asked any) bool {
	switch v := asked.(type) {
	case []any:
		return slices.ContainsFunc(v, p.unknownID)
	case map[string]any:
		for name, value := range v {
			switch name {
			case "numeroFluxDepot", "idFacture", "identifiantFactureCPP", "pieceJointeId":
				if _, known := p.ids[text(value)]; !known && text(value) != "" {
					return true
				}
			}
			if p.unknownID(value) {
				return true
			}
		}
	}
	return false
}

// fate is what the simulator is told about a deposit whose document the recording does not hold.
func (p *player) fate(x Exchange) string {
	if x.Said == nil {
		return ""
	}
	o, _ := x.Said.JSON.(map[string]any)
	return map[string]string{"IN_REJETE": "commit_then_reject", "IN_INCIDENTE": "commit_then_incident"}[p.world.fates[text(o["numeroFluxDepot"])]]
}

// header puts tokens of ours in the place of the recorded ones.
func (p *player) header(x Exchange, name, value string) string {
	if name != "Authorization" {
		return value
	}
	scheme, token, _ := strings.Cut(value, " ")
	if ours, known := p.ids[token]; known {
		return scheme + " " + ours
	}
	if x.Said == nil || x.Said.Status == http.StatusUnauthorized && strings.Contains(x.Said.Headers["Www-Authenticate"], "token") {
		return value // it was a bad one
	}
	if p.token == "" {
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {chorustest.DefaultClient.ID}, "client_secret": {chorustest.DefaultClient.Secret}, "scope": {"openid"}}
		if res, err := p.http.PostForm(p.sim.TokenURL(), form); err == nil {
			var said struct {
				Token string `json:"access_token"`
			}
			_ = json.NewDecoder(res.Body).Decode(&said) // without one the answer says so
			_ = res.Body.Close()
			p.token = said.Token
		}
	}
	p.ids[token] = p.token
	return scheme + " " + p.token
}

// body is the request's, with numbers, dates and files of ours.
func (p *player) body(x Exchange) (body []byte, media string) {
	if x.Asked.Form != nil {
		form := url.Values{}
		for name, value := range x.Asked.Form {
			form.Set(name, value)
		}
		return []byte(form.Encode()), ""
	}
	if x.Asked.JSON == nil {
		return nil, ""
	}
	syntaxe := ""
	if o, is := x.Asked.JSON.(map[string]any); is {
		syntaxe = text(o["syntaxeFlux"])
	}
	body, err := json.Marshal(p.ours(x.Asked.JSON, syntaxe))
	if err != nil {
		return nil, ""
	}
	return body, ""
}

func (p *player) ours(v any, syntaxe string) any {
	switch v := v.(type) {
	case map[string]any:
		if v["left_out"] != nil {
			return p.file(v, syntaxe)
		}
		o := map[string]any{}
		for name, inner := range v {
			o[name] = p.ours(inner, syntaxe)
		}
		return o
	case []any:
		all := make([]any, 0, len(v))
		for _, inner := range v {
			all = append(all, p.ours(inner, syntaxe))
		}
		return all
	case string:
		if known, is := p.ids[v]; is {
			return known
		}
		return p.moved(v)
	case json.Number:
		if known, is := p.ids[v.String()]; is {
			return json.Number(known)
		}
	}
	return v
}

// file makes a document that says what the recorded one said.
func (p *player) file(o map[string]any, syntaxe string) string {
	var f File
	if b, err := json.Marshal(o); err != nil || json.Unmarshal(b, &f) != nil || len(f.Documents) == 0 {
		return base64.StdEncoding.EncodeToString([]byte("a file that is not in the recording"))
	}
	d := f.Documents[0]
	i := invoicetest.Invoice{
		Numero: d.Numero, FournisseurSIRET: d.Fournisseur, DestinataireSIRET: d.Destinataire, CodeService: d.Service, Engagement: d.Engagement, Cadre: d.Cadre, Devise: d.Devise,
	}
	if day, err := time.Parse("2006-01-02", p.moved(d.Date)); err == nil {
		i.Date = day
	}
	note := d.Type == "AVOIR"
	if note {
		i.Sans = []string{"BT-81"}
	}
	document := i.UBL()
	switch {
	case strings.Contains(syntaxe, "FACTURX"):
		if pdf, err := i.FacturX(); err == nil {
			document = pdf
		}
	case strings.Contains(syntaxe, "CII"):
		if note {
			i.Type = "381"
		}
		document = i.CII()
	case note:
		document = i.CreditNote()
	}
	return base64.StdEncoding.EncodeToString(document)
}

// moved carries a date from the recording's time into ours; anything else stays.
func (p *player) moved(s string) string {
	if !dateForm.MatchString(s) {
		return s
	}
	if day, err := time.Parse("2006-01-02", s); err == nil {
		return day.AddDate(0, 0, p.days).Format("2006-01-02")
	}
	for _, form := range []string{"2006-01-02T15:04:05.000Z07:00", "2006-01-02T15:04:05.000Z0700", "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(form, s, chorustest.Paris); err == nil {
			return t.Add(p.shift.Truncate(time.Millisecond)).Format(form)
		}
	}
	return s
}

// learn takes the simulator's numbers for the portal's out of two answers to the same request.
func (p *player) learn(portal, here any) {
	left, right := portal, here
	if rows, is := left.([]any); is {
		ours, _ := right.([]any)
		for _, row := range rows {
			p.learn(row, partner(row, ours))
		}
		return
	}
	o, is := left.(map[string]any)
	mine, also := right.(map[string]any)
	if !is || !also {
		return
	}
	for name, value := range o {
		switch value.(type) {
		case map[string]any, []any:
			p.learn(value, mine[name])
		case string, json.Number:
			lower := strings.ToLower(name)
			if mine[name] != nil && (strings.HasSuffix(name, "_token") || name == "numeroFluxDepot" || strings.HasPrefix(lower, "id") && !isSIRET(value) || strings.HasSuffix(lower, "id")) {
				p.ids[text(value)] = text(mine[name])
			}
		}
	}
}

func isSIRET(v any) bool { s, is := v.(string); return is && len(s) == 14 && digits(s) }

// partner is the row that speaks of the same thing.
func partner(row any, rows []any) any {
	o, _ := row.(map[string]any)
	for _, name := range []string{"numeroFacture", "identifiantStructure", "identifiant", "codeService", "siret"} {
		value, is := o[name].(string)
		if !is {
			continue
		}
		for _, other := range rows {
			if mine, is := other.(map[string]any); is && mine[name] == value {
				return mine
			}
		}
		return nil
	}
	return nil
}
