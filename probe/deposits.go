package probe

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// newNumber is an invoice number that nobody has used: 17 characters, letters and digits.
func newNumber(what string) string {
	return "PRB" + what + strings.ToUpper(strconv.FormatInt(time.Now().UnixNano()/1000, 36))
}

// body is a deposit's.
func (d Document) body() map[string]any {
	return map[string]any{"fichierFlux": base64.StdEncoding.EncodeToString(d.File), "nomFichier": d.Name, "syntaxeFlux": d.Syntaxe, "avecSignature": false}
}

var questionDeposit = Words{"How soon is a deposit answered, reported, integrated and found?", "En combien de temps un dépôt est-il répondu, visible, intégré et trouvé ?"}

// deposit (7): one invoice, followed until a search shows it.
func (r *run) deposit(ctx context.Context) error {
	if r.Document == nil {
		r.skipped(7, "deposit", questionDeposit)
		return nil
	}
	r.number = newNumber("A")
	d, err := r.Document(r.number)
	if err != nil {
		return err
	}
	a, err := r.portal.post(ctx, depositing, d.body())
	if err != nil {
		return err
	}
	r.flux = a.text("numeroFluxDepot")
	if !a.speaks() {
		r.unmeasured(7, "deposit", questionDeposit, a)
		r.flux = ""
		return nil
	}
	if !a.ok() || r.flux == "" {
		r.report(Result{
			Step: 7, Name: "deposit", Weight: Measured, Samples: 1, Seen: []Seen{a.Seen}, Question: questionDeposit,
			Answer: both("the deposit is refused: %s", "le dépôt est refusé : %s", a.code()),
		})
		r.flux = ""
		return nil
	}
	took := time.Duration(a.TookMS) * time.Millisecond
	r.measured.deposits = append(r.measured.deposits, took)
	states, end, seen, err := r.follow(ctx, r.flux, a.at)
	if err != nil {
		return err
	}
	if len(states) > 0 {
		r.measured.reported = append(r.measured.reported, states[len(states)-1].after)
	}
	answer := both("answered in %s; states: %s", "répondu en %s ; états : %s", took, told(states))
	if end != "IN_INTEGRE" {
		answer = both("answered in %s; states: %s; it ends %s, so nothing can be found", "répondu en %s ; états : %s ; il finit %s : rien n'est à trouver", took, told(states), end)
		r.flux = ""
	}
	r.report(Result{Step: 7, Name: "deposit", Weight: Measured, Samples: 1, Seen: seen, Question: questionDeposit, Answer: answer, Setting: "CHORISTE_HTTP_TIMEOUT=" + span(max(60*time.Second, 4*most(r.measured.deposits)))})
	r.report(Result{
		Step: 7, Name: "report", Weight: Measured, Samples: 1, Setting: "CHORISTE_REPORT_AFTER=" + span(max(2*time.Minute, most(r.measured.reported))),
		Question: Words{"When is the first look at a report worth it?", "Quand un premier regard sur le compte rendu vaut-il la peine ?"},
		Answer:   both("the report was final after %s", "le compte rendu était définitif après %s", most(r.measured.reported).Round(time.Millisecond)),
	})
	if r.flux == "" {
		return nil
	}
	return r.visible(ctx, a.at)
}

// state is one that a flux was seen in.
type state struct {
	name  string
	after time.Duration
}

func told(states []state) string {
	var all []string
	for _, s := range states {
		all = append(all, fmt.Sprintf("%s at %s", s.name, s.after.Round(time.Millisecond)))
	}
	return strings.Join(all, ", ")
}

// follow asks for the report until it is final: each second at first, later less often.
func (r *run) follow(ctx context.Context, flux string, since time.Time) (states []state, end string, seen []Seen, err error) {
	for wait := time.Second; time.Since(since) < r.For; wait = min(wait*5/4, 30*time.Second) {
		a, err := r.portal.post(ctx, report, map[string]any{"numeroFluxDepot": flux})
		if err != nil {
			return states, end, seen, err
		}
		name := a.text("etatCourantDepotFlux")
		if name == "" {
			name = a.code()
		}
		if len(states) == 0 || states[len(states)-1].name != name {
			states = append(states, state{name, a.at.Sub(since)})
		}
		switch name {
		case "IN_INTEGRE", "IN_INTEGRE_PARTIEL", "IN_REJETE", "IN_INCIDENTE", "QP_IRRECEVABLE":
			for _, e := range append(list(a.body["listeErreurDP"]), list(a.body["listeErreurTechnique"])...) {
				words, _ := e["libelleErreurDP"].(string)
				if words == "" {
					words, _ = e["libelleErreur"].(string)
				}
				seen = append(seen, Seen{What: "report", Status: a.Status, Body: r.portal.shown(words)})
			}
			return states, name, seen, nil
		}
		if err := sleep(ctx, min(wait, r.For/20)); err != nil {
			return states, end, seen, err
		}
	}
	return states, "no end within " + r.For.String(), seen, nil
}

// visible waits until a search shows the invoice of step 7.
func (r *run) visible(ctx context.Context, since time.Time) error {
	question := Words{"How soon does a search show what was deposited?", "En combien de temps une recherche montre-t-elle le dépôt ?"}
	row, after, last, err := r.find(ctx, r.number, since)
	switch {
	case err != nil:
		return err
	case row == nil && !last.carriedOut():
		r.unmeasured(7, "visibility", question, last)
		return nil
	case row == nil:
		r.report(Result{
			Step: 7, Name: "visibility", Weight: Measured, Samples: 1, Question: question, Setting: "CHORISTE_VISIBILITY_DELAY=" + span(max(4*time.Hour, 8*r.For)),
			Answer: both("not within %s: ask again later for numeroFacture %s", "pas en %s : redemander plus tard numeroFacture %s", r.For, r.number),
		})
		return nil
	}
	r.found = row
	r.measured.searchable = append(r.measured.searchable, after)
	r.report(Result{
		Step: 7, Name: "visibility", Weight: Measured, Samples: 1, Question: question, Setting: "CHORISTE_VISIBILITY_DELAY=" + span(max(4*time.Hour, 10*after)),
		Answer: both("found %s after the deposit's answer; one deposit says nothing of the latest, so not below the default", "trouvé %s après la réponse au dépôt ; un seul dépôt ne dit rien du plus tardif : pas moins que la valeur par défaut", after.Round(time.Millisecond)),
	})
	r.report(Result{
		Step: 7, Name: "first-look", Weight: Measured, Samples: 1, Setting: "CHORISTE_RESOLVE_AFTER=" + span(max(30*time.Second, 2*after)),
		Question: Words{"When is the first look for a lost deposit worth it?", "Quand une première recherche d'un dépôt perdu vaut-elle la peine ?"},
		Answer:   both("twice %s, not below the default", "deux fois %s, pas moins que la valeur par défaut", after.Round(time.Millisecond)),
	})
	return nil
}

// find searches by number until there is a row; nil when there is none in time. last is the last answer.
func (r *run) find(ctx context.Context, number string, since time.Time) (row map[string]any, after time.Duration, last answer, err error) {
	for wait := time.Second; ; wait = min(wait*5/4, 30*time.Second) {
		last, err = r.portal.post(ctx, search, r.query(map[string]any{"numeroFacture": number}, 10))
		if err != nil {
			return nil, 0, last, err
		}
		for _, row := range list(last.body["listeFactures"]) {
			if row["numeroFacture"] == number {
				return row, last.at.Sub(since), last, nil
			}
		}
		if time.Since(since) > r.For {
			return nil, 0, last, nil
		}
		if err := sleep(ctx, min(wait, r.For/20)); err != nil {
			return nil, 0, last, err
		}
	}
}

// duplicate (8): the same invoice after the first was integrated, twice, a moment apart. The words of the refusal are what nobody knows.
func (r *run) duplicate(ctx context.Context) error {
	question := Words{"How is a second copy refused?", "Comment un second exemplaire est-il refusé ?"}
	if r.Document == nil || r.flux == "" {
		r.skipped(8, "duplicate", question)
		return nil
	}
	d, err := r.Document(r.number)
	if err != nil {
		return err
	}
	var said []string
	var all []Seen
	for range 2 {
		a, err := r.portal.post(ctx, depositing, d.body())
		if err != nil {
			return err
		}
		if !a.ok() {
			said, all = append(said, "at the door: "+a.code()), append(all, a.Seen)
			continue
		}
		_, end, seen, err := r.follow(ctx, a.text("numeroFluxDepot"), a.at)
		if err != nil {
			return err
		}
		said, all = append(said, "accepted, then "+end), append(all, seen...)
	}
	r.report(Result{Step: 8, Name: "duplicate", Weight: Measured, Samples: 2, Seen: all, Question: question, Answer: both("%s", "%s", strings.Join(said, "; "))})
	return nil
}

// prefix (9): does the number have to be whole?
func (r *run) prefix(ctx context.Context) error {
	question := Words{"Is numeroFacture matched exactly?", "numeroFacture est-il comparé exactement ?"}
	number, _ := r.found["numeroFacture"].(string)
	if len(number) < 4 {
		r.report(Result{Step: 9, Name: "number-match", Weight: Unknown, Question: question, Answer: Words{"not measured: no invoice is found", "non mesuré : aucune facture trouvée"}})
		return nil
	}
	var hits []string
	for how, part := range map[string]string{"beginning": number[:len(number)-1], "end": number[1:], "lower case": strings.ToLower(number)} {
		if part == number {
			continue
		}
		a, err := r.portal.post(ctx, search, r.query(map[string]any{"numeroFacture": part}, 100))
		if err != nil {
			return err
		}
		if !a.carriedOut() {
			r.unmeasured(9, "number-match", question, a)
			return nil
		}
		for _, row := range list(a.body["listeFactures"]) {
			if row["numeroFacture"] == number {
				hits = append(hits, how)
				break
			}
		}
	}
	answer := Words{"yes: neither a part of it nor another letter case finds it", "oui : ni une partie ni une autre casse ne la trouvent"}
	if len(hits) > 0 {
		answer = both("no: found by its %s", "non : trouvée par : %s", strings.Join(hits, ", "))
	}
	r.report(Result{Step: 9, Name: "number-match", Weight: Measured, Samples: 3, Question: question, Answer: answer})
	return nil
}

// large (10): an archive of 29 MB and one of 31 MB.
func (r *run) large(ctx context.Context) error {
	question := Words{"How large may a flux be?", "Quelle taille un flux peut-il avoir ?"}
	if r.Document == nil || !r.Large {
		r.report(Result{Step: 10, Name: "flux-size", Weight: Unknown, Question: question, Answer: Words{
			"not measured: large fluxes are sent with --invoice and --large alone", "non mesuré : de grands flux ne sont envoyés qu'avec --invoice et --large",
		}})
		return nil
	}
	var said []string
	var seen []Seen
	for _, megabytes := range []int{29, 31} {
		d, err := r.Document(newNumber("L"))
		if err != nil {
			return err
		}
		if d.File, err = padded(d, megabytes<<20); err != nil {
			return err
		}
		d.Name = "choriste-probe.tar.gz"
		a, err := r.portal.post(ctx, depositing, d.body())
		if err != nil {
			return err
		}
		said, seen = append(said, fmt.Sprintf("%d MB: %s in %d ms", megabytes, a.code(), a.TookMS)), append(seen, a.Seen)
	}
	r.report(Result{Step: 10, Name: "flux-size", Weight: Measured, Samples: 2, Seen: seen, Question: question, Answer: both("%s", "%s", strings.Join(said, "; "))})
	return nil
}

// padded is an archive with the invoice and chance, of about this size.
func padded(d Document, size int) ([]byte, error) {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	archive := tar.NewWriter(zip)
	chance := make([]byte, size-len(d.File)-4096)
	_, _ = rand.Read(chance) // never fails
	for name, file := range map[string][]byte{d.Name: d.File, "choriste-probe.bin": chance} {
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(file)), Typeflag: tar.TypeReg}); err != nil {
			return nil, err
		}
		if _, err := archive.Write(file); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	err := zip.Close()
	return out.Bytes(), err
}

// names (11): what may a file be called? The invoice is that of step 7, so that whatever is taken is refused as a copy.
func (r *run) names(ctx context.Context) error {
	question := Words{"Which names of files are taken?", "Quels noms de fichier sont acceptés ?"}
	if r.Document == nil || r.flux == "" {
		r.skipped(11, "file-name", question)
		return nil
	}
	d, err := r.Document(r.number)
	if err != nil {
		return err
	}
	end := d.Name[strings.LastIndexByte(d.Name, '.'):]
	var said []string
	var seen []Seen
	for _, x := range []struct{ what, name string }{
		{"spaces", "choriste probe file" + end}, {"accents", "déposée-à-Évry" + end}, {"60 characters", strings.Repeat("p", 60-len(end)) + end}, {"300 characters", strings.Repeat("p", 300-len(end)) + end},
	} {
		d.Name = x.name
		a, err := r.portal.post(ctx, depositing, d.body())
		if err != nil {
			return err
		}
		word := "taken"
		if !a.ok() {
			word = a.code()
			seen = append(seen, a.Seen)
		}
		said = append(said, x.what+": "+word)
	}
	r.report(Result{Step: 11, Name: "file-name", Weight: Measured, Samples: 4, Seen: seen, Question: question, Answer: both("%s", "%s", strings.Join(said, "; "))})
	return nil
}

// cut (12): a deposit whose connection is closed after its last byte, before the answer.
func (r *run) cut(ctx context.Context) error {
	question := Words{"When does a deposit land whose connection was cut?", "Quand un dépôt dont la connexion a été coupée arrive-t-il ?"}
	if r.Document == nil || r.flux == "" {
		r.skipped(12, "landing", question)
		return nil
	}
	number := newNumber("C")
	d, err := r.Document(number)
	if err != nil {
		return err
	}
	if err := r.portal.pace(ctx); err != nil {
		return err
	}
	since, err := r.portal.abandon(ctx, d.body())
	if err != nil {
		r.report(Result{Step: 12, Name: "landing", Weight: Unknown, Question: question, Answer: both("not measured: %v", "non mesuré : %v", err)})
		return ctx.Err()
	}
	row, after, last, err := r.find(ctx, number, since)
	switch {
	case err != nil:
		return err
	case row == nil && !last.carriedOut():
		r.unmeasured(12, "landing", question, last)
		return nil
	}
	answer := both("it landed, and was found %s later", "il est arrivé, et a été trouvé %s plus tard", after.Round(time.Millisecond))
	delay := max(15*time.Minute, 2*after)
	if row == nil {
		answer = both("not found within %s: it did not land, or shows later; ask again for numeroFacture %s", "introuvable en %s : pas arrivé, ou visible plus tard ; redemander numeroFacture %s", r.For, number)
		delay = max(15*time.Minute, r.For)
	}
	r.report(Result{Step: 12, Name: "landing", Weight: Measured, Samples: 1, Question: question, Answer: answer, Setting: "CHORISTE_LANDING_DELAY=" + span(delay)})
	return nil
}

// abandon writes a whole deposit and closes the connection without reading.
func (c *caller) abandon(ctx context.Context, body any) (time.Time, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return time.Time{}, err
	}
	u, err := url.Parse(strings.TrimRight(c.cfg.APIURL, "/") + "/cpro/" + depositing)
	if err != nil {
		return time.Time{}, err
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	conn, err := c.dial(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return time.Time{}, err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if transport, is := c.http.Transport.(*http.Transport); is && u.Scheme == "https" {
		settings := transport.TLSClientConfig.Clone()
		settings.ServerName = u.Hostname()
		conn = tls.Client(conn, settings)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(b))
	if err != nil {
		return time.Time{}, err
	}
	c.headers(req.Header)
	if err := req.Write(conn); err != nil {
		return time.Time{}, err
	}
	return time.Now(), conn.Close()
}
