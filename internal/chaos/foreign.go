package chaos

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

// This file is another portal, made from the public documentation alone: it shares no code, no structure and no habits with chorus/chorustest, so that
// what choriste promises cannot rest on a misunderstanding that it shares with its own simulator. It knows the calls that a deposit needs, accepts
// duplicates, computes every state from the clock when it is asked, and forgets everything at its end.

const foreignArg = "foreign-portal"

type foreign struct {
	sync.Mutex
	clientID, clientSecret, account string

	ledger *os.File
	lines  int
	luck   *rand.Rand
	stormy bool
	tokens map[string]time.Time
	papers []*paper
}

// paper is one document that was deposited.
type paper struct {
	flux, number, issued, seller, buyer, gross, currency string
	id                                                   int64
	came, filed, seen                                    time.Time // deposited; integrated; findable
}

func newForeign(ledger *os.File, seed int64, clientID, clientSecret, account string) *foreign {
	return &foreign{
		clientID: clientID, clientSecret: clientSecret, account: account, ledger: ledger,
		luck: rand.New(rand.NewSource(seed)), tokens: map[string]time.Time{},
	}
}

// Foreign is this portal without its bad weather, for other tests that need a portal which is not the simulator. It keeps its ledger in the file.
func Foreign(ledger *os.File, clientID, clientSecret, login, password string) http.Handler {
	return newForeign(ledger, 1, clientID, clientSecret, login+":"+password)
}

// foreignPortal serves until its standard input closes. SIGUSR1 ends its bad weather.
func foreignPortal(args []string) int {
	if len(args) != 7 {
		fmt.Fprintln(os.Stderr, "usage: LEDGER SEED CLIENT SECRET LOGIN PASSWORD WEATHER")
		return 2
	}
	seed, _ := strconv.ParseInt(args[1], 10, 63)
	ledger, err := os.OpenFile(args[0], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	f := newForeign(ledger, seed, args[2], args[3], args[4]+":"+args[5])
	f.stormy = args[6] != "calm"
	calm := make(chan os.Signal, 1)
	signal.Notify(calm, calmSignal)
	go func() {
		for range calm {
			f.Lock()
			f.stormy = false
			f.Unlock()
		}
	}()
	l, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		l, err = net.Listen("tcp", "127.0.0.1:0") // systems without the whole of 127/8
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	go func() { _ = http.Serve(l, f) }()
	fmt.Printf("{\"api\":\"http://%s\",\"token\":\"http://%s/login/token\"}\n", l.Addr(), l.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

// note writes a line: number, time, what, request, key, file name, hash, flux, id, status.
func (f *foreign) note(what string, request int, p *paper, name, hash string, status int) {
	f.lines++
	key, flux, id := "", "", int64(0)
	if p != nil {
		key, flux, id = p.issued[:4]+"/"+p.seller[:9]+"/"+p.number, p.flux, p.id
	}
	_, err := fmt.Fprintf(f.ledger, "%d\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t%d\t%d\n", f.lines, time.Now().Format(time.RFC3339Nano), what, request, key, name, hash, flux, id, status)
	if err != nil {
		panic(err)
	}
}

func (f *foreign) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // cut off: nothing has arrived
	}
	f.Lock()
	defer f.Unlock()
	if r.URL.Path == "/login/token" {
		f.token(w, r, body)
		return
	}
	bearer := sha256.Sum256([]byte(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")))
	account, _ := base64.StdEncoding.DecodeString(r.Header.Get("cpro-account"))
	switch end, known := f.tokens[hex.EncodeToString(bearer[:])]; {
	case !known || time.Now().After(end):
		w.Header().Set("WWW-Authenticate", `Bearer realm="DefaultRealm", error="invalid_token", error_description="The access token expired."`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	case string(account) != f.account:
		w.Header().Set("WWW-Authenticate", `Bearer realm="PISTE",error="Unauthorized",error_description="login or password incorrects"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	switch strings.TrimPrefix(r.URL.Path, "/cpro/") {
	case "transverses/v1/health-check":
		say(w, `{"statusCodeValue":200,"statusCode":"OK","body":"L'API CPRO est actuellement disponible et fonctionnel."}`)
	case "transverses/v1/recuperer/structures/actives/fournisseur":
		var list []string
		for n, siret := range suppliers {
			list = append(list, fmt.Sprintf(`{"idStructureCPP":%d,"identifiant":%q,"designationStructure":"FOURNISSEUR %d"}`, 700+n, siret, n))
		}
		say(w, `{"codeRetour":0,"libelle":"TRA_MSG_00.000","listeStructures":[`+strings.Join(list, ",")+`]}`)
	case "factures/v1/deposer/flux":
		f.deposit(w, body)
	case "factures/v1/rechercher/fournisseur":
		f.search(w, body)
	case "transverses/v1/consulterCRDetaille":
		f.report(w, body)
	default:
		w.WriteHeader(http.StatusForbidden)
	}
}

func say(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	_, _ = io.WriteString(w, body)
}

func (f *foreign) token(w http.ResponseWriter, r *http.Request, body []byte) {
	f.note("asked", 0, nil, "", "", 0)
	r.Body = io.NopCloser(bytes.NewReader(body))
	if r.ParseForm() != nil || r.PostForm.Get("client_id") != f.clientID || r.PostForm.Get("client_secret") != f.clientSecret {
		w.WriteHeader(http.StatusBadRequest)
		say(w, `{"error":"invalid_client"}`)
		return
	}
	text := make([]byte, tokenLength)
	for k := range text {
		text[k] = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"[f.luck.Intn(57)]
	}
	hash := sha256.Sum256(text)
	f.tokens[hex.EncodeToString(hash[:])] = time.Now().Add(5 * time.Minute)
	f.note("token", 0, nil, "", hex.EncodeToString(hash[:]), 0)
	say(w, fmt.Sprintf(`{"access_token":"%s","token_type":"Bearer","expires_in":300}`, text))
}

func (f *foreign) deposit(w http.ResponseWriter, body []byte) {
	var in struct {
		File []byte `json:"fichierFlux"`
		Name string `json:"nomFichier"`
		Kind string `json:"syntaxeFlux"`
	}
	if json.Unmarshal(body, &in) != nil || len(in.File) == 0 || in.Name == "" || in.Kind == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	p := readPaper(in.File)
	hash := sha256.Sum256(in.File)
	request := f.lines + 1
	if p == nil {
		say(w, `{"codeRetour":20002,"libelle":"Flux illisible"}`)
		return
	}
	f.note("received", request, p, in.Name, hex.EncodeToString(hash[:]), 0)
	mood := 100
	if f.stormy {
		mood = f.luck.Intn(100)
	}
	if mood < 4 || mood >= 4 && mood < 7 { // nothing is taken
		if mood < 4 {
			f.note("answered", request, nil, "", "drop", 0)
			hangUp(w)
			return
		}
		f.note("answered", request, nil, "", "busy", http.StatusServiceUnavailable)
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	now := time.Now()
	p.id = int64(5000000 + len(f.papers))
	p.flux = fmt.Sprintf("CPP0019999%015d", p.id)
	p.came, p.filed = now, now.Add(300*time.Millisecond+time.Duration(f.luck.Intn(500))*time.Millisecond)
	p.seen = p.filed.Add(time.Duration(f.luck.Intn(1500)) * time.Millisecond)
	f.papers = append(f.papers, p)
	f.note("taken", request, p, in.Name, hex.EncodeToString(hash[:]), 0)
	switch {
	case mood < 14:
		f.note("answered", request, p, "", "drop", 0)
		hangUp(w)
	case mood < 19:
		f.note("answered", request, p, "", "500", http.StatusInternalServerError)
		w.WriteHeader(http.StatusInternalServerError)
	default:
		f.note("answered", request, p, "", "", http.StatusOK)
		say(w, fmt.Sprintf(`{"codeRetour":0,"libelle":"TRA_MSG_00.000","numeroFluxDepot":%q,"dateDepot":%q,"syntaxeFlux":%q}`, p.flux, now.Format("2006-01-02"), in.Kind))
	}
}

func hangUp(w http.ResponseWriter) {
	if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = c.Close()
	}
}

// statut is what has become of an integrated invoice by now, and since when.
func (p *paper) statut() (string, time.Time) {
	steps := []string{"DEPOSEE", "EN_COURS_ACHEMINEMENT", "MISE_A_DISPOSITION", "MANDATEE", "MISE_EN_PAIEMENT"}
	n := min(max(int(time.Since(p.filed)/(200*time.Millisecond)), 0), len(steps)-1)
	return steps[n], p.filed.Add(time.Duration(n) * 200 * time.Millisecond)
}

func (f *foreign) search(w http.ResponseWriter, body []byte) {
	var in struct {
		Number string      `json:"numeroFacture"`
		Flux   string      `json:"numeroFluxDepot"`
		Seller int         `json:"idFournisseur"`
		Since  string      `json:"periodeDateHeureEtatCourantDu"`
		Pages  foreignPage `json:"rechercheFactureParFournisseur"`
	}
	in.Pages = foreignPage{Page: 1, Size: 10}
	if json.Unmarshal(body, &in) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	var since time.Time
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999Z0700"} {
		if t, err := time.Parse(form, in.Since); err == nil {
			since = t
		}
	}
	var hits []*paper
	for _, p := range f.papers {
		_, at := p.statut()
		seller := in.Seller == 0 || in.Seller >= 700 && in.Seller-700 < len(suppliers) && p.seller == suppliers[in.Seller-700]
		if time.Now().After(p.seen) && seller && (in.Number == "" || in.Number == p.number) && (in.Flux == "" || in.Flux == p.flux) && !at.Before(since) {
			hits = append(hits, p)
		}
	}
	sort.SliceStable(hits, func(a, b int) bool { return hits[a].id < hits[b].id })
	size := min(max(in.Pages.Size, 1), 50) // less than is asked for: the answer says so
	pages := (len(hits) + size - 1) / size
	var rows []string
	for k := (in.Pages.Page - 1) * size; k >= 0 && k < min(len(hits), in.Pages.Page*size); k++ {
		p := hits[k]
		statut, at := p.statut()
		rows = append(rows, fmt.Sprintf(`{"identifiantFactureCPP":%d,"numeroFacture":%q,"numeroFluxDepot":%q,"typeFacture":"FACTURE","dateFacture":%q,"dateDepot":%q,`+
			`"codeFournisseur":%q,"typeIdentifiantFournisseur":"SIRET","codeDestinataire":%q,"montantTTC":%s,"devise":%q,"statut":%q,"modeDepot":"UPLOAD_API",`+
			`"dateHeureEtatCourant":%q,"commentaireEtatCourant":null}`, p.id, p.number, p.flux, p.issued, p.came.Format("2006-01-02"), p.seller, p.buyer, p.gross,
			p.currency, statut, at.UTC().Format("2006-01-02T15:04:05.000Z07:00")))
	}
	say(w, fmt.Sprintf(`{"codeRetour":0,"libelle":"TRA_MSG_00.000","parametresRetour":{"pageCourante":%d,"pages":%d,"nbResultatsParPage":%d,"total":%d},"listeFactures":[%s]}`,
		in.Pages.Page, pages, size, len(hits), strings.Join(rows, ",")))
}

type foreignPage struct {
	Page int `json:"pageResultatDemandee"`
	Size int `json:"nbResultatsParPage"`
}

func (f *foreign) report(w http.ResponseWriter, body []byte) {
	var in struct {
		Flux string `json:"numeroFluxDepot"`
	}
	_ = json.Unmarshal(body, &in) // an empty number is not found
	for _, p := range f.papers {
		if p.flux != in.Flux {
			continue
		}
		state, at := "IN_DEPOT_PORTAIL_EN_ATTENTE_TRAITEMENT_SE_CPP", p.came
		if time.Now().After(p.filed) {
			state, at = "IN_INTEGRE", p.filed
		}
		say(w, fmt.Sprintf(`{"codeRetour":0,"libelle":"TRA_MSG_00.000","etatCourantDepotFlux":%q,"dateHeureEtatCourantFlux":%q,"listeErreurDP":[],"listeErreurTechnique":[]}`,
			state, at.Format(time.RFC3339)))
		return
	}
	say(w, `{"codeRetour":20001,"libelle":"POQ_MSG_01.003 - Flux introuvable."}`)
}

// readPaper finds the few facts of an XML invoice by the ends of their paths, in either syntax; nil: not all were there.
func readPaper(file []byte) *paper {
	ends := map[string]int{
		"Invoice/ID": 0, "ExchangedDocument/ID": 0,
		"Invoice/IssueDate": 1, "ExchangedDocument/IssueDateTime/DateTimeString": 1,
		"AccountingSupplierParty/Party/PartyIdentification/ID": 2, "AccountingSupplierParty/Party/PartyLegalEntity/CompanyID": 2,
		"SellerTradeParty/SpecifiedLegalOrganization/ID":       2,
		"AccountingCustomerParty/Party/PartyIdentification/ID": 3, "AccountingCustomerParty/Party/PartyLegalEntity/CompanyID": 3,
		"BuyerTradeParty/SpecifiedLegalOrganization/ID": 3,
		"LegalMonetaryTotal/TaxInclusiveAmount":         4, "SpecifiedTradeSettlementHeaderMonetarySummation/GrandTotalAmount": 4,
		"Invoice/DocumentCurrencyCode": 5, "ApplicableHeaderTradeSettlement/InvoiceCurrencyCode": 5,
	}
	var path []string
	var facts [6]string
	d := xml.NewDecoder(bytes.NewReader(file))
	for {
		t, err := d.Token()
		if err != nil {
			break
		}
		switch t := t.(type) {
		case xml.StartElement:
			path = append(path, t.Name.Local)
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			here := strings.Join(path, "/")
			for end, n := range ends {
				if (here == end || strings.HasSuffix(here, "/"+end)) && facts[n] == "" {
					facts[n] = strings.TrimSpace(string(t))
				}
			}
		}
	}
	for _, fact := range facts {
		if fact == "" {
			return nil
		}
	}
	if day, err := time.Parse("20060102", facts[1]); err == nil {
		facts[1] = day.Format("2006-01-02")
	}
	if len(facts[1]) != 10 || len(facts[2]) != 14 {
		return nil
	}
	return &paper{number: facts[0], issued: facts[1], seller: facts[2], buyer: facts[3], gross: facts[4], currency: facts[5]}
}

// readForeign translates a line of the foreign portal's ledger.
func readForeign(line []byte) (entry, error) {
	var e entry
	column := strings.Split(strings.TrimSuffix(string(line), "\n"), "\t")
	if len(column) != 10 {
		return e, fmt.Errorf("%d columns", len(column))
	}
	var err error
	if e.Seq, err = strconv.ParseInt(column[0], 10, 64); err != nil {
		return e, err
	}
	if e.At, err = time.Parse(time.RFC3339Nano, column[1]); err != nil {
		return e, err
	}
	e.Request, _ = strconv.ParseInt(column[3], 10, 64)
	e.Key, e.NomFichier, e.FileSHA256, e.Flux = column[4], column[5], column[6], column[7]
	e.Facture, _ = strconv.ParseInt(column[8], 10, 64)
	e.Status, _ = strconv.Atoi(column[9])
	switch what := column[2]; what {
	case "asked":
		e.Type, e.Op = "request", "token"
	case "token":
		e.Type, e.Token, e.FileSHA256 = "token", e.FileSHA256, ""
	case "received":
		e.Type, e.Op = "request", opDeposit
	case "taken":
		e.Type = "accepted"
	case "answered":
		e.Type, e.Fault, e.FileSHA256 = "answer", e.FileSHA256, ""
	default:
		return e, fmt.Errorf("unknown word %q", what)
	}
	return e, nil
}
