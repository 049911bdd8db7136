package chorustest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// route is one way into the management door.
type route struct {
	method, path string
	about        string   // for GET / and /openapi.json
	params       []string // of the query; any other is refused
	example      string   // a body
	run          func(*Sim, *http.Request) (any, error)
	serve        func(*Sim, http.ResponseWriter, *http.Request) // in the place of run
}

// routes of the management door: JSON in, JSON out, no credentials. It is for tests and demonstrations and listens on the loopback unless told
// otherwise.
var routes []route

func init() { // the answer of GET / is made of them
	get := func(f func(*Sim) any) func(*Sim, *http.Request) (any, error) {
		return func(s *Sim, _ *http.Request) (any, error) { return f(s), nil }
	}
	routes = []route{
		{method: "GET", path: "/{$}", about: "this list; for browsers the page", params: []string{"q", "lang"}, serve: (*Sim).getHome},
		{method: "GET", path: "/page.css", about: "of the page", serve: pageFile("page.css", "text/css; charset=utf-8")},
		{method: "GET", path: "/page.js", about: "of the page", serve: pageFile("page.js", "text/javascript; charset=utf-8")},
		{method: "POST", path: "/do/{what}", about: "a form of the page", serve: (*Sim).postAct},
		{method: "GET", path: "/openapi.json", about: "this door in OpenAPI 3", run: get((*Sim).manageOpenAPI)},
		{method: "GET", path: "/faults", about: "the queue of faults, and every kind", run: get((*Sim).pendingFaults)},
		{method: "POST", path: "/faults", about: "one fault or a list, for the next requests", example: `{"kind":"commit_then_drop","op":"deposer/flux","times":2}`, run: (*Sim).postFaults},
		{method: "DELETE", path: "/faults", about: "empties the queue", run: get(func(s *Sim) any { s.ClearFaults(); return object{} })},
		{method: "GET", path: "/clock", about: "the virtual time", run: get(func(s *Sim) any { return object{"now": s.Now()} })},
		{method: "POST", path: "/clock", about: "moves it forward, or makes it run faster", example: `{"advance":"36h","speed":60}`, run: (*Sim).postClock},
		{method: "POST", path: "/invoices", about: "an invoice that a person types in at the portal", example: `{"numero":"M-1","dateFacture":"2026-02-01","fournisseur":"99999999800012","destinataire":"99999999700023","montantTTC":"120.00"}`, run: (*Sim).postInvoice},
		{method: "GET", path: "/invoices/{numero}", about: "the deposits and the history of a number", run: (*Sim).getInvoice},
		{method: "POST", path: "/invoices/{numero}/statut", about: "moves the newest invoice of a number", example: `{"statut":"SUSPENDUE","commentaire":"Bon de livraison manquant"}`, run: (*Sim).postStatut},
		{method: "POST", path: "/invoices/{numero}/script", about: "the statuts after DEPOSEE, one each step", example: `[{"statut":"MISE_A_DISPOSITION"},{"statut":"REJETEE","commentaire":"MONTANT_ERR"}]`, run: (*Sim).postScript},
		{method: "POST", path: "/invoices/{numero}/edit", about: "changes what the portal holds of it", example: `{"montantTTC":"99.00"}`, run: (*Sim).postEdit},
		{method: "POST", path: "/invoices/{numero}/hidden", about: "no search shows it any more; false brings it back", example: `{"on":true}`, run: (*Sim).postHidden},
		{method: "GET", path: "/ledger", about: "JSON lines; type may be repeated", params: []string{"type", "op", "numero", "flux", "request", "after"}, serve: (*Sim).getLedger},
		{method: "GET", path: "/open", about: "requests being served, deposits still to land", run: get((*Sim).openRequests)},
		{method: "GET", path: "/stats", about: "counts", run: get(func(s *Sim) any { return s.Stats() })},
		{method: "GET", path: "/violations", about: "requests that no correct client sends", run: get(func(s *Sim) any { return s.Violations() })},
		{method: "GET", path: "/tolerated", about: "what -tolerant took and would otherwise have refused", run: get(func(s *Sim) any { return s.Tolerated() })},
		{method: "GET", path: "/truth", about: "what each answer rests on: section of docs/chorus-pro.md and weight", params: []string{"op"}, run: (*Sim).getTruth},
		{method: "GET", path: "/structures", about: "all suppliers and recipients", run: get((*Sim).everyStructure)},
		{method: "POST", path: "/structures/{siret}", about: "adds or changes one", example: `{"designation":"MAIRIE","publique":true,"services":[{"code":"S-1"}]}`, run: (*Sim).postStructure},
		{method: "POST", path: "/accounts", about: "adds or changes a technical account", example: `{"login":"TECH_2@cpro.fr","password":"pw","expires":"2026-12-24"}`, run: (*Sim).postAccount},
		{method: "POST", path: "/revoke", about: "ends the tokens of an application; {} of all", example: `{"client":"sim"}`, run: (*Sim).postRevoke},
		{method: "POST", path: "/profile", about: "random faults on or off, or of another profile", example: `{"name":"hostile","on":true}`, run: (*Sim).postProfile},
		{method: "POST", path: "/outage", about: "takes a part of the platform down or up", example: `{"on":true,"scope":"api","kind":"503"}`, run: (*Sim).postOutage},
		{method: "POST", path: "/lag", about: "how late searches show changes from now on", example: `{"from":"0s","to":"90s"}`, run: (*Sim).postLag},
		{method: "GET", path: "/scenario", about: "what is played, and what is expected of the client", run: (*Sim).getScenario},
		{method: "POST", path: "/reset", about: "everything as after a new start", run: (*Sim).postReset},
	}
}

// manageHandler serves the routes to whoever may ask: no page of another site, and no name that somebody else's DNS leads here.
func (s *Sim) manageHandler() http.Handler {
	mux := http.NewServeMux()
	for _, rt := range routes {
		mux.HandleFunc(rt.method+" "+rt.path, func(w http.ResponseWriter, r *http.Request) {
			for name := range r.URL.Query() {
				if !slices.Contains(rt.params, name) {
					refuseManage(w, http.StatusBadRequest, fmt.Sprintf("unknown parameter %.60q: %s takes %s", name, rt.path, orNone(rt.params)))
					return
				}
			}
			if rt.serve != nil {
				rt.serve(s, w, r)
				return
			}
			reply(w, r, func(r *http.Request) (any, error) {
				done, err := rt.run(s, r)
				return done, errors.Join(err, s.ledger.flush())
			})
		})
	}
	for path, methods := range methodsByPath() { // less specific than the routes themselves
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", strings.Join(methods, ", "))
			refuseManage(w, http.StatusMethodNotAllowed, r.Method+" is none of "+strings.Join(methods, ", "))
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuseManage(w, http.StatusNotFound, fmt.Sprintf("no such route: %.80q. GET / lists them", r.URL.Path))
	})
	cross := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.knownHost(r.Host) {
			refuseManage(w, http.StatusForbidden, fmt.Sprintf("the host %.80q is not this door's: -host allows a name", r.Host))
			return
		}
		if err := cross.Check(r); err != nil {
			refuseManage(w, http.StatusForbidden, "a page of another site asks")
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func methodsByPath() map[string][]string {
	all := map[string][]string{}
	for _, rt := range routes {
		all[rt.path] = append(all[rt.path], rt.method)
	}
	return all
}

// knownHost tells whether a request may name this host. A name with a dot can be made to lead here by whoever owns it.
func (s *Sim) knownHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	return net.ParseIP(host) != nil || !strings.Contains(host, ".") || strings.HasSuffix(host, ".localhost") || slices.Contains(s.cfg.Hosts, host)
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func reply(w http.ResponseWriter, r *http.Request, f func(*http.Request) (any, error)) {
	r.Body = http.MaxBytesReader(w, r.Body, maxManage)
	answer, err := f(r)
	if err != nil {
		refuseManage(w, http.StatusBadRequest, err.Error())
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

func refuseManage(w http.ResponseWriter, status int, reason string) {
	writeJSON(w, status, object{"error": reason})
}

func writeJSON(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	_ = out.Encode(answer)
}

const maxManage = 8 << 20 // a script of a year, or a structure with a thousand services

// decode reads a body strictly: a misspelt field in a script has to be heard of.
func decode(r *http.Request, into any) error { return strictly(r.Body, into) }

func strictly(r io.Reader, into any) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if string(bytes.TrimSpace(raw)) == "null" {
		return errors.New("the body is null: JSON is wanted")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	var other *json.UnmarshalTypeError
	switch err := d.Decode(into); {
	case errors.Is(err, io.EOF):
		return errors.New("the body is empty: JSON is wanted")
	case errors.As(err, &other):
		return fmt.Errorf("%s: %s is not what belongs there: %s", cmp.Or(other.Field, "the body"), other.Value, kindOf(other.Type))
	case err != nil:
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON")
	}
	return namesOnce(raw)
}

// kindOf says which JSON a type is.
func kindOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Slice:
		return "a list"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return "a whole number"
	}
	return "a text"
}

// getHome lists the routes, and shows browsers the page.
func (s *Sim) getHome(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		s.servePage(w, r, "")
		return
	}
	list := make([]object, 0, len(routes))
	for _, rt := range routes {
		o := object{"method": rt.method, "path": strings.TrimSuffix(rt.path, "{$}"), "about": rt.about}
		if len(rt.params) > 0 {
			o["parameters"] = rt.params
		}
		if rt.example != "" {
			o["example"] = json.RawMessage(rt.example)
		}
		list = append(list, o)
	}
	writeJSON(w, http.StatusOK, object{"door": "management of chorus-sim", "api": s.APIURL(), "routes": list})
}

// GET /ledger?type=accepted&op=deposer/flux&numero=F-1&request=7&after=120: JSON lines.
func (s *Sim) getLedger(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	var after, request int64
	for name, into := range map[string]*int64{"after": &after, "request": &request} {
		if text := q.Get(name); text != "" {
			var err error
			if *into, err = strconv.ParseInt(text, 10, 64); err != nil {
				refuseManage(w, http.StatusBadRequest, fmt.Sprintf("%s: %.40q is not a number", name, text))
				return
			}
		}
	}
	for _, wanted := range q["type"] {
		if !slices.Contains(entryTypes, wanted) {
			refuseManage(w, http.StatusBadRequest, fmt.Sprintf("type: %.40q is none of %s", wanted, strings.Join(entryTypes, ", ")))
			return
		}
	}
	w.Header().Set("Content-Type", "application/jsonl")
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	_ = s.eachEntry(func(e Entry) error {
		numero := ""
		if e.Facts != nil {
			numero = e.Numero
		}
		if e.Seq <= after || request != 0 && e.Request != request || q.Has("type") && !slices.Contains(q["type"], e.Type) ||
			q.Has("op") && q.Get("op") != e.Op || q.Has("numero") && q.Get("numero") != numero || q.Has("flux") && q.Get("flux") != e.Flux {
			return nil
		}
		return out.Encode(e)
	})
}
