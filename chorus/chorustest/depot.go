package chorustest

import (
	"encoding/base64"
	"path"
	"strings"
	"time"
	"unicode/utf8"
)

// interfaces are the digits after CPP001 in a flux number, by syntax. Only these four pairs are known; any other
// syntax gets Factur-X's (docs/chorus-pro.md §6).
var interfaces = map[string]string{
	"IN_DP_E2_CII_FACTURX": "1117", "IN_DP_E1_CII_16B": "1106", "IN_DP_E1_UBL_INVOICE": "1100", "IN_DP_E2_UBL_INVOICE_MIN": "1110",
}

func interfaceOf(syntaxe string) string {
	if code, known := interfaces[syntaxe]; known {
		return code
	}
	return "1117"
}

const maxNom = 50 // of an attachment; of a flux not documented [G]

// checkNom returns what is wrong with a file name, "" if nothing. The historic API documents neither length nor
// characters for a flux; these are the rules of attachments and of the platforms' channel (docs/chorus-pro.md §6.1).
func checkNom(nom string) string {
	switch {
	case nom == "":
		return "the file name is empty"
	case utf8.RuneCountInString(nom) > maxNom:
		return "the file name has more than 50 characters"
	case path.Ext(nom) == "" || path.Ext(nom) == nom:
		return "the file name has no extension"
	}
	for _, r := range nom {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_. ", r) {
			return "the file name holds the character " + string(r)
		}
	}
	return ""
}

// POST factures/v1/deposer/flux: accepted at once, judged later (docs/chorus-pro.md §5.1).
func (s *Sim) deposerFlux(c *call) answer {
	syntaxe, nom := c.body.text("syntaxeFlux"), c.body.text("nomFichier")
	if c.file == nil {
		reason := "fichierFlux is empty"
		if _, err := base64.StdEncoding.DecodeString(c.body.text("fichierFlux")); err != nil {
			reason = "fichierFlux is not base64"
		}
		s.violateLocked(c, reason)
		return refusal(20002, "GDP_MSG_11.999 - Le fichier est vide ou illisible.")
	}
	if reason := checkNom(nom); reason != "" && s.cfg.Tolerant && nom != "" {
		s.tolerateLocked(c.id, c.opName(), reason)
	} else if reason != "" {
		s.violateLocked(c, reason)
		return refusal(20002, "GDP_MSG_11.999 - Le nom du fichier est invalide.")
	}
	if c.documents == nil || len(c.file) > 3*maxFile {
		return refusal(20001, "GDP_MSG_11.022 - Le fichier dépasse la taille maximale autorisée.")
	}
	t := Entry{
		At: c.at, Request: c.id, Client: c.client, Account: c.login, NomFichier: nom, Syntaxe: syntaxe, Documents: c.documents,
		FileSHA256: c.fileSHA, Flux: numeroFlux(syntaxe, s.fluxSeq+1),
	}
	now := s.now()
	if c.fault != nil {
		t.RefusedAs, t.Reason = c.fault.fate()
		if late := c.fault.landing(s, c.id); late > 0 {
			at := now.Add(late)
			t.Type, t.Due, t.At = "scheduled", &at, now
			s.record(t)
			return answer{flux: t.Flux}
		}
	}
	only := ""
	if c.fault != nil {
		only = c.fault.Numero
	}
	s.accept(t, now, only)
	a := ok(object{"numeroFluxDepot": t.Flux, "dateDepot": dayOf(now), "syntaxeFlux": syntaxe})
	a.flux = t.Flux
	return a
}

// land takes up a deposit that was on its way. If the process died meanwhile, the line that announced it is
// in the ledger and it lands in the next one.
func (s *Sim) land(l *landing, at time.Time) {
	switch {
	case l == nil:
	case l.template.Op == "soumettre":
		s.submit(l.template, at)
	default:
		s.accept(l.template, at, "")
	}
}

// accept writes one line per document, all at once. A crash before it leaves no deposit, a crash after it a
// deposit that is known after the restart. What will become of each document is decided here.
//
// A fault's fate is that of one document alone, if only names its number.
func (s *Sim) accept(t Entry, at time.Time, only string) {
	chance := s.draw("depot", t.Request)
	report := at.Add(s.cfg.Hidden)
	integration := at.Add(s.cfg.Integration/2 + between(chance, s.cfg.Integration/2))
	search := at.Add(between(chance, s.cfg.Visibility))
	if search.Before(integration) {
		search = integration
	}
	report, integration, search = report.Truncate(time.Microsecond), integration.Truncate(time.Microsecond), search.Truncate(time.Microsecond)
	taken := map[string]bool{}
	var lines []Entry
	for n, f := range t.Documents {
		as, reason := t.RefusedAs, t.Reason
		if only != "" && f.Numero != only {
			as, reason = "", ""
		}
		if as == "" {
			as, reason = s.judge(f, t.Syntaxe, taken)
		}
		if guess := s.guess(f); as == "" && guess != "" {
			s.tolerateLocked(t.Request, "deposer/flux", guess)
		}
		if as == "" {
			taken[f.key()] = true
		}
		facts := *f
		facts.Mode = "UPLOAD_API"
		lines = append(lines, Entry{
			At: at, Type: "accepted", Request: t.Request, Client: t.Client, Account: t.Account, Flux: t.Flux, N: n,
			NomFichier: t.NomFichier, Syntaxe: t.Syntaxe, FileSHA256: t.FileSHA256, Facts: &facts, Key: f.key(),
			RefusedLater: as != "", RefusedAs: as, Reason: reason, ReportAt: &report, Due: &integration, SearchAt: &search,
		})
	}
	s.record(lines...)
}
