package chorus

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

var aPiece = Piece{Nom: "bon.pdf", TypeMime: "application/pdf", Contenu: []byte("attachment-canary")}

// remedies are the requests that change something, each in its shortest form.
func remedies(ctx context.Context, c *Client) map[string]error {
	_, add := c.AjouterFichier(ctx, LaneSubmit, aPiece)
	return map[string]error{
		"ajouter":   add,
		"completer": c.Completer(ctx, LaneSubmit, Completement{IdentifiantFactureCPP: 7, Pieces: []PieceJointe{{5, "bon"}}, Commentaire: "voici"}),
		"recycler":  c.Recycler(ctx, LaneSubmit, Recyclage{IdentifiantFactureCPP: 7, CodeDestinataire: "99999999700023"}),
	}
}

// Every answer, and what is known after it. Only what is known not to have been done may be repeated without looking.
func TestAnswersToRemedies(t *testing.T) {
	const success = `{"codeRetour":0,"libelle":"GCU_MSG_01_000","identifiantFactureCPP":7,"pieceJointeId":5}`
	for _, c := range []struct {
		name    string
		answer  http.HandlerFunc
		outcome Outcome
		fault   Fault
		says    string
	}{
		{"success", answerJSON(200, success), Accepted, "", ""},
		{"success without content", answerJSON(200, `{"codeRetour":0,"libelle":"ok"}`), Ambiguous, FaultPortal, ""},
		{"success about another invoice", answerJSON(200, `{"codeRetour":0,"identifiantFactureCPP":8,"pieceJointeId":0}`), Ambiguous, FaultPortal, ""},
		{"success under another status", answerJSON(202, success), Ambiguous, FaultPortal, ""},
		{"no codeRetour", answerJSON(200, `{"identifiantFactureCPP":7,"pieceJointeId":5}`), Ambiguous, FaultPortal, ""},
		{"empty JSON", answerJSON(200, `{}`), Ambiguous, FaultPortal, ""},
		{"a page", answerJSON(200, `<html>`), Ambiguous, FaultPortal, ""},
		{"500", answerJSON(500, ``), Ambiguous, FaultPortal, ""},
		{"502", answerJSON(502, `<html>`), Ambiguous, FaultPortal, ""},
		{"302", answerJSON(302, ``), Ambiguous, FaultPortal, ""},
		{"429", answerJSON(429, ``), NotLanded, FaultQuota, ""},
		{"403", answerJSON(403, ``), NotLanded, FaultSubscription, ""},
		{"no such invoice", answerJSON(200, `{"codeRetour":20000,"libelle":"GDP_MSG_11.008 - La facture n'existe pas."}`), Refused, FaultStatut, "n'existe pas"},
		{"not entitled", answerJSON(200, `{"codeRetour":20001,"libelle":"GDP_MSG_11.005 - Non habilité."}`), Refused, FaultRights, "Non habilité"},
		{"wrong status", answerJSON(200, `{"codeRetour":20002,"libelle":"GDP_MSG_11.033 - pas Suspendue"}`), Refused, FaultStatut, "pas Suspendue"},
		{"wrong status, by 400", answerJSON(400, `{"codeRetour":20004,"libelle":"GDP_MSG_11.001 - L'état"}`), Refused, FaultStatut, "L'état"},
		{"a code nobody knows", answerJSON(200, `{"codeRetour":20077,"libelle":"XYZ"}`), Refused, FaultUnknown, "XYZ"},
	} {
		p := newPortal(t, c.answer)
		for name, err := range remedies(t.Context(), p.client(t)) {
			if OutcomeOf(err) != c.outcome || FaultOf(err) != c.fault || !strings.Contains(Libelle(err), c.says) {
				t.Errorf("%s, %s: %s %s %q, want %s %s", name, c.name, OutcomeOf(err), FaultOf(err), Libelle(err), c.outcome, c.fault)
			}
			if err != nil && (strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "habilité")) {
				t.Errorf("%s, %s: the error quotes: %s", name, c.name, err)
			}
		}
		for _, r := range p.arrived() {
			if r.header.Get("Idempotency-Key") != "" || r.proto != 1 {
				t.Errorf("%s came over HTTP/%d", r.path, r.proto)
			}
		}
		if n := len(p.arrived()); n != 3 {
			t.Errorf("%s: %d requests arrived, want 3", c.name, n)
		}
	}
}

// An answer that never comes leaves it open whether it was done; a connection that was never made does not.
func TestLostAnswersToRemedies(t *testing.T) {
	p := newPortal(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	for name, err := range remedies(t.Context(), p.client(t)) {
		if OutcomeOf(err) != Ambiguous || FaultOf(err) != FaultNetwork && FaultOf(err) != FaultPortal {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(p.arrived()); n != 3 {
		t.Errorf("%d requests arrived, want 3: none may be repeated", n)
	}
	gone := newPortal(t, answerJSON(200, ""))
	c := gone.client(t)
	if err := c.Health(t.Context()); err == nil { // brings a token
		t.Fatal("healthy without an answer")
	}
	gone.CloseClientConnections()
	gone.Close()
	for name, err := range remedies(t.Context(), c) {
		if OutcomeOf(err) != NotSent {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	for name, err := range remedies(ctx, p.client(t)) {
		if OutcomeOf(err) != NotSent || FaultOf(err) != FaultStopped {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPiecesAreCheckedFirst(t *testing.T) {
	p := newPortal(t, answerJSON(200, `{"codeRetour":20003,"libelle":"La taille du fichier dépasse 10 Mo."}`))
	for _, c := range []struct {
		piece Piece
		good  bool
	}{
		{aPiece, true},
		{Piece{Nom: strings.Repeat("é", 46) + ".pdf", Contenu: []byte("x")}, true},
		{Piece{Nom: strings.Repeat("é", 47) + ".pdf", Contenu: []byte("x")}, false},
		{Piece{Nom: "a.exe", Contenu: []byte("x")}, false},
		{Piece{Nom: "pdf", Contenu: []byte("x")}, false},
		{Piece{Nom: "a.PDF"}, false},
		{Piece{Nom: "a.zip", Contenu: bytes.Repeat([]byte("x"), MaxPiece)}, false},
	} {
		before := len(p.arrived())
		_, err := p.client(t).AjouterFichier(t.Context(), LaneSubmit, c.piece)
		if want := map[bool]Outcome{true: Refused, false: NotSent}[c.good]; OutcomeOf(err) != want || FaultOf(err) != FaultDocument || (len(p.arrived()) > before) != c.good {
			t.Errorf("%s of %d bytes: %v", c.piece.Nom, len(c.piece.Contenu), fmt.Sprint(err))
		}
	}
}
