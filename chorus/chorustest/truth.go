package chorustest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Truth says what one behaviour of the simulator rests on: the section of docs/chorus-pro.md and the weight that it has there.
type Truth struct {
	Op      string `json:"op"` // operation as in the ledger; gateway, documents or * (every operation)
	When    string `json:"when"`
	Answer  string `json:"answer"`
	Section string `json:"section"`
	Weight  string `json:"weight"` // S official, P production code, L measured by others, C third party, A assumed, G guessed
}

// Truths are all of them; docs/chorus-pro.md §11 has the same table.
func Truths() []Truth {
	return []Truth{
		{"token", "id and secret are right", "200, access_token of 54 characters, expires_in 3600", "§3.1", "S L"},
		{"token", "id or secret is wrong", "400 invalid_client, the same bytes for both", "§3.2", "L"},
		{"token", "the form is no client_credentials", "400 unsupported_grant_type or invalid_request", "§3.2", "G"},
		{"token", "another token is alive", "both live on", "§3.1", "A"},
		{"gateway", "no token", "400, Unable to find token in the message", "§3.5", "L"},
		{"gateway", "the token is unknown or revoked", "401, Unable to find the access token in persistent storage", "§3.4", "C"},
		{"gateway", "the token has expired", "401, The access token expired", "§3.4", "C"},
		{"gateway", "the route is unknown or not subscribed", "403 without a body, never 404", "§3.5", "L"},
		{"gateway", "the method is another one", "403", "§3.5", "G"},
		{"gateway", "beyond 20 requests in a second", "429, Retry-After 1, X-Rate-Limit", "§3.5", "S"},
		{"gateway", "a request that is refused with 429", "does not use the quota up", "§3.5", "G"},
		{"gateway", "cpro-account is missing or wrong, or its password has expired", "401, login or password incorrects", "§3.4", "P L"},
		{"gateway", "five wrong passwords in a row", "the account is locked", "§3.4", "G"},
		{"gateway", "another Content-Type", "415", "§3.5", "S P"},
		{"gateway", "more than 45 MB", "413", "§3.5", "G"},
		{"*", "the body is no JSON object, or a field is missing or of a wrong type", "400, codeRetour 20002, a message code of its own invention", "§3.5", "C"},
		{"*", "a field is unknown", "the same; taken with -tolerant", "§4", "G"},
		{"*", "nothing is found", "codeRetour 20000 TRA_MSG_00.015; -empty: 0, or by turns", "§5.1", "P"},
		{"*", "it is not the account's", "codeRetour 20001 GDP_MSG_11.005 under 200", "§9", "C"},
		{"*", "a key has no value", "null, never left away", "§4", "S P"},
		{"health-check", "always", "statusCodeValue 200, no codeRetour", "§3.7", "L"},
		{"deposer/flux", "the file is base64 and has a name", "numeroFluxDepot at once, whatever stands in it", "§5.1", "S"},
		{"deposer/flux", "more than 10 MB, or 30 MB in an archive", "codeRetour 20001 GDP_MSG_11.022", "§9", "C"},
		{"deposer/flux", "nomFichier has other characters, or more than 50", "refused; taken with -tolerant", "§6.1", "G"},
		{"deposer/flux", "the number of the flux", "CPP001, digits of the interface, 15 digits", "§6.2", "P L"},
		{"deposer/pdf", "a PDF", "pieceJointeId, everything else null", "§5.2a", "P"},
		{"soumettre", "a PDF was deposited", "identifiantFactureCPP at once", "§5.2a", "S"},
		{"soumettre", "something is wrong", "codeRetour 20010 or 20020, invented texts", "§5.2a", "G"},
		{"consulterCRDetaille", "the flux is unknown, or not yet visible", "20001 POQ_MSG_01.003", "§5.2", "C L"},
		{"consulterCRDetaille", "it is on its way", "IN_DEPOT_PORTAIL_…, IN_RECU, IN_TRAITE_SE_CPP, IN_EN_ATTENTE_TRAITEMENT_CPP, IN_EN_COURS_TRAITEMENT_CPP", "§7", "P"},
		{"consulterCRDetaille", "it is over", "IN_INTEGRE, IN_INTEGRE_PARTIEL, IN_REJETE, IN_INCIDENTE", "§7", "P L"},
		{"consulterCRDetaille", "a document is refused", "listeErreurDP: messages joined by |, cut at 200 characters", "§7.1", "P"},
		{"consulterCR", "the flux is Factur-X", "20001 POQ_MSG_01.003, as an operation that fails", "§5.2", "P"},
		{"consulterCR", "another flux", "a PDF of a few lines", "§5.5", "G"},
		{"documents", "a rule is broken", "L'element … est obligatoire. Which rules: docs/simulator.md", "§5.5", "P"},
		{"documents", "BT-12, BT-13, a name, a note or an attachment's name is too long", "refused as missing; taken with -tolerant", "§6.3", "G"},
		{"documents", "BT-23 is none of A1 to A25, as S5", "refused", "§6.3", "L"},
		{"documents", "an identifier of the recipient has scheme 0224", "it is the service code", "§6.3", "S"},
		{"documents", "year, SIREN and number are taken", "IN_REJETE", "§10", "S"},
		{"documents", "the same", "the words of it", "§10", "G"},
		{"rechercher/fournisseur", "always", "every filter of the description; pages of 10 unless asked", "§5.1", "S"},
		{"rechercher/fournisseur", "more than 100 a page", "100 (-max-page)", "§5.1", "G"},
		{"rechercher/fournisseur", "periodeDateHeureEtatCourant", "honours hours, both ends included", "§5.1", "G"},
		{"consulter/historique", "always", "every statut with its comment, dates without zone", "§4.1", "S P"},
		{"completer", "the invoice is not SUSPENDUE", "20002 GDP_MSG_11.033", "§9", "C"},
		{"recycler", "the invoice is not A_RECYCLER", "20004 GDP_MSG_11.001", "§9", "C"},
		{"consulter/fournisseur", "always", "every key; lines, VAT by rate and attachments are empty", "§5.5", "S"},
		{"consulter/recipiendaire", "idFacture of the recipient's side", "another number than the supplier's", "§5.5", "P"},
		{"traiter/recue", "SUSPENDUE, REJETEE, A_RECYCLER without a motive", "20003", "§5.5", "G"},
		{"traiter/factureAValider", "action", "VALIDER, REFUSER, ERREUR", "§5.5", "G"},
		{"telecharger/groupe", "PDF, PIVOT, ZIP", "base64; files made of the facts, not the document", "§5.5", "S"},
		{"structures/consulter", "a supplier of the account's", "dateExpirationMotPasseCompteTech", "§3.6", "S"},
		{"ajouter/fichier", "more than 10 MB", "20003", "§9", "C"},
		{"engagementsJuridiques/rechercher", "the recipient knows the commitment", "one element", "§5.4", "P"},
		{"telecharger/annuaire/destinataire", "always", "a zip of XML", "§5.3a", "A"},
		{"recuperer/…", "always", "lists of code and libelle", "§5.5", "G"},
	}
}

// GET /truth?op=deposer/flux: those of one operation, with what holds for every one.
func (s *Sim) getTruth(r *http.Request) (any, error) {
	op := r.URL.Query().Get("op")
	all := []Truth{}
	known := op == "" || op == "token" || slices.Contains(operationNames(), op)
	for _, t := range Truths() {
		known = known || t.Op == op
		if op == "" || t.Op == op || t.Op == "*" && op != "token" || strings.HasSuffix(t.Op, "…") && strings.HasPrefix(op, strings.TrimSuffix(t.Op, "…")) {
			all = append(all, t)
		}
	}
	if !known {
		return nil, fmt.Errorf("op: unknown operation %.60q: it is none of token, %s", op, strings.Join(operationNames(), ", "))
	}
	return all, nil
}
