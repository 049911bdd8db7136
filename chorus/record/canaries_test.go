package record

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/choriste/choriste/invoice/invoicetest"
)

// canaries are one of everything that may not stand in a recording.
var canaries = map[string]string{
	"client id": "canary-client-4711", "client secret": "Canary:Secret/+=92831", "token": "CanaryTokenZxYwV0192837465", "granted token": "CanaryGranted5647382910",
	"login": "TECH_CANARY_77@cpro.fr", "password": "Canary!pa:ss\"w0rd", "cookie": "canarycookie=918273", "number": "CAN-2026/009182", "siret": "73282932000074", "siren": "732829320", "vat": "FR44732829320",
	"name": "CANARYDUPONT", "first name": "canarymarie", "e-mail": "canary.marie@mairie-canary.fr", "amount": "918273.46", "iban": "FR7630006000011234567890189", "agent": "CanaryAgent/9.1",
	"id": "918273645546", "comment": "canarycomment", "document": "CANARYDESIGNATION",
}

// disguises are the ways in which an echo may write something.
func disguises(s string) map[string]string {
	j, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return map[string]string{
		"plain": s, "json": string(j), "url": url.QueryEscape(s), "hex": hex.EncodeToString([]byte(s)), "xml": "<a b='" + s + "'>" + s + "</a>",
		"base64 at 0": base64.StdEncoding.EncodeToString([]byte(s)), "base64 at 1": base64.StdEncoding.EncodeToString([]byte("x" + s)), "base64 at 2": base64.StdEncoding.EncodeToString([]byte("xy" + s)),
		"base64 of base64": base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(s)))), "url base64": base64.URLEncoding.EncodeToString([]byte(s)),
	}
}

// shown lists the canaries that a file shows, in whatever disguise. The ends of a base64 text depend on what stands beside it, so they are left away.
func shown(file []byte) (found []string) {
	lower := strings.ToLower(string(file))
	for name, canary := range canaries {
		for how, text := range disguises(canary) {
			if strings.HasPrefix(how, "base64") || how == "url base64" {
				text = strings.TrimRight(text, "=")
				text = text[4 : len(text)-2]
			}
			if how == "xml" {
				continue // holds it plain
			}
			if strings.Contains(lower, strings.ToLower(text)) {
				found = append(found, name+" as "+how)
			}
		}
	}
	return found
}

// started records what is said to a server with TLS.
func started(t *testing.T, portal http.Handler, change func(*Config)) *Recorder {
	t.Helper()
	server := httptest.NewTLSServer(portal)
	t.Cleanup(server.Close)
	cfg := Config{Listen: "127.0.0.1:0", To: server.URL, File: filepath.Join(t.TempDir(), "recording"), Roots: x509.NewCertPool()}
	cfg.Roots.AddCert(server.Certificate())
	if change != nil {
		change(&cfg)
	}
	r, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _, _ = r.Close() })
	return r
}

func closed(t *testing.T, r *Recorder) []byte {
	t.Helper()
	if _, _, err := r.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(r.cfg.File)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// TestNothingOfAnybodyIsKept: a portal that echoes every canary everywhere, and a client that sends each of them.
func TestNothingOfAnybodyIsKept(t *testing.T) {
	everything := map[string]any{"codeRetour": 0, "libelle": "TRA_MSG_00.000"}
	var words []string
	for name, canary := range canaries {
		words = append(words, canary)
		for how, text := range disguises(canary) {
			everything[name+how] = text
			everything[text] = how                                                                                   // as a key
			for _, key := range []string{"libelle", "statut", "designationStructure", "access_token"}[:len(how)%4] { // a little of each: the whole takes a minute
				everything["list "+name+how+key] = []any{map[string]any{key: text}, map[string]any{key: "La facture " + text + " existe déjà."}}
			}
		}
	}
	sentence := "La facture de " + strings.Join(words, ", de ") + " existe déjà."
	everything["libelle"] = sentence
	invoice := invoicetest.Invoice{
		Numero: canaries["number"], FournisseurSIRET: canaries["siret"], FournisseurNom: canaries["name"], DestinataireNom: canaries["first name"], IBAN: canaries["iban"],
		Lignes: []invoicetest.Ligne{{Designation: canaries["document"]}},
	}
	page := "<html><head><title>" + sentence + "</title></head><body>" + sentence + "<!-- " + sentence + " --></body></html>"
	portal := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, _ := io.ReadAll(r.Body)
		h := w.Header()
		h.Set("Set-Cookie", canaries["cookie"])
		h.Set("X-Echo", sentence)
		h.Set("Location", "https://elsewhere.example/"+url.PathEscape(sentence))
		h.Set("Www-Authenticate", `Bearer realm="`+canaries["name"]+`", error="invalid_token", error_description="`+sentence+`"`)
		h.Set("Retry-After", canaries["amount"])
		h.Set("X-Rate-Limit", sentence)
		h.Set("X-Canarydupont", "1")
		switch r.URL.Path {
		case tokenPath:
			h.Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":3600,"scope":%q}`, canaries["granted token"], canaries["name"])
		case "/page":
			h.Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, page)
		case "/raw":
			h.Set("Content-Type", "application/"+canaries["name"])
			_, _ = w.Write(asked)
		case "/xml":
			h.Set("Content-Type", "text/xml")
			_, _ = w.Write(invoice.UBL())
		default:
			h.Set("Content-Type", "application/json;charset=utf-8")
			_ = json.NewEncoder(w).Encode(everything)
		}
	})
	r := started(t, portal, nil)
	send := func(path, contentType string, body []byte) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.URL()+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", contentType)
		req.Header.Set("Authorization", "Bearer "+canaries["token"])
		req.Header.Set("Cpro-Account", base64.StdEncoding.EncodeToString([]byte(canaries["login"]+":"+canaries["password"])))
		req.Header.Set("Cookie", canaries["cookie"])
		req.Header.Set("User-Agent", canaries["agent"])
		req.Header.Set("X-"+canaries["first name"], "1")
		req.Header.Set("X-Customer", sentence)
		res, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {canaries["client id"]}, "client_secret": {canaries["client secret"]}, "scope": {canaries["name"]}, canaries["comment"]: {sentence}}
	send(tokenPath, "application/x-www-form-urlencoded", []byte(form.Encode()))
	all, err := json.Marshal(everything)
	if err != nil {
		t.Fatal(err)
	}
	pdf, err := invoice.FacturX()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/cpro/factures/v1/rechercher/fournisseur", "/cpro/" + canaries["siret"] + "/" + canaries["name"], "/cpro/v1?x=" + url.QueryEscape(sentence) + "&" + url.QueryEscape(canaries["name"]) + "=1", "/page", "/raw", "/xml"} {
		send(path, "application/json;charset=utf-8", all)
		send(path, "application/x-www-form-urlencoded", []byte(form.Encode()))
		send(path, "application/json", []byte(sentence))
	}
	for _, document := range [][]byte{invoice.UBL(), invoice.CII(), pdf, []byte(sentence)} {
		for _, lead := range []string{"", "x", "xy"} {
			file := base64.StdEncoding.EncodeToString(append([]byte(lead), document...))
			body, err := json.Marshal(map[string]any{"fichierFlux": file, "nomFichier": canaries["name"] + ".xml", "syntaxeFlux": "IN_DP_E1_UBL_INVOICE", "autre": file, "pieceJointeFichier": file[1:]})
			if err != nil {
				t.Fatal(err)
			}
			send("/cpro/factures/v1/deposer/flux", "application/json", body)
		}
	}
	file := closed(t, r)
	if found := shown(file); len(found) > 0 {
		t.Errorf("the recording shows %d: %s", len(found), strings.Join(found, ", "))
	}
	if n := bytes.Count(file, []byte("\n")); n != 1+1+6*3+4*3 {
		t.Errorf("%d lines", n)
	}
	if !bytes.Contains(file, []byte("existe déjà.")) || !bytes.Contains(file, []byte("IN_DP_E1_UBL_INVOICE")) {
		t.Error("the portal's own words are gone as well")
	}
}

// TestTheSameByTheSame: what is one thing stays one thing, in requests, answers, sentences and documents.
func TestTheSameByTheSame(t *testing.T) {
	s := newScrubber(nil)
	invoice := invoicetest.Invoice{Numero: "F-2026/77", FournisseurSIRET: "73282932000074"}
	file, is := s.file(base64.StdEncoding.EncodeToString(invoice.CII())).(File)
	if !is || len(file.Documents) != 1 {
		t.Fatalf("%+v", file)
	}
	d := file.Documents[0]
	body, is := s.value("", map[string]any{
		"numeroFacture": "F-2026/77", "siret": "73282932000074", "siren": "732829320", "tva": "FR44732829320", "montantTTC": json.Number("1500"), "libelle": "La facture F-2026/77 de 73282932000074 (1500.00) existe déjà.",
		"idFacture": json.Number("41207733"), "id": "41207733", "nom": "Dupont DUPONT", "codeRetour": json.Number("20001"), "dateDepot": "2026-11-29", "montantHT": json.Number("0"),
	}).(map[string]any)
	if !is {
		t.Fatal("no object")
	}
	numero, siret := d.Numero, d.Fournisseur
	nom, _, _ := strings.Cut(text(body["nom"]), " ")
	for what, pair := range map[string][2]any{
		"number": {body["numeroFacture"], numero}, "SIRET": {body["siret"], siret}, "SIREN": {body["siren"], siret[:9]}, "VAT number": {text(body["tva"])[4:], siret[:9]},
		"amount": {text(body["montantTTC"]), strings.TrimSuffix(d.TTC, ".00")}, "id": {text(body["idFacture"]), body["id"]}, "name": {strings.ToUpper(nom), strings.Fields(text(body["nom"]))[1]},
		"sentence": {body["libelle"], "La facture " + numero + " de " + siret + " (" + d.TTC + ") existe déjà."}, "code": {text(body["codeRetour"]), "20001"}, "day": {body["dateDepot"], "2026-11-29"}, "nought": {text(body["montantHT"]), "0"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %v and %v", what, pair[0], pair[1])
		}
	}
	seen := map[string]string{}
	for n := range 5000 { // and different things stay different
		name := fmt.Sprintf("F-%d", n)
		masked := s.text(name)
		if other, is := seen[masked]; is || masked == name {
			t.Fatalf("%s and %s are both %s", name, other, masked)
		}
		seen[masked] = name
	}
}
