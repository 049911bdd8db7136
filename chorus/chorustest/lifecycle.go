package chorustest

import (
	"fmt"
	"slices"
	"time"
)

// Why a flux, or one document of it, is refused: the ledger's refused_as.
const (
	refusedTechnical = "technical" // the document cannot be read, or is not of the declared syntax
	refusedRules     = "rules"     // the document breaks a rule
	refusedStructure = "structure" // supplier, recipient, service or commitment
	refusedDuplicate = "duplicate" // year, SIREN and number are taken
	refusedFault     = "fault"     // a fault asked for it
	refusedIncident  = "incident"  // a fault: the flux ends IN_INCIDENTE and has to be sent again
	refusedVanished  = "vanished"  // a fault: reported as integrated, and not to be found
	refusedForgotten = "forgotten" // a fault: the portal knows nothing of the flux any more
)

// TexteDoublon is what the integration report says of a second copy. The real text is not known [G].
const TexteDoublon = "Une facture portant ce numéro existe déjà pour ce fournisseur. (texte réel inconnu)"

// itinerary is how an ordinary invoice travels when nothing stops it.
var itinerary = []Move{
	{Statut: "EN_COURS_ACHEMINEMENT"},
	{Statut: "MISE_A_DISPOSITION"},
	{Statut: "PRISE_EN_COMPTE_DESTINATAIRE"},
	{Statut: "MANDATEE"},
	{Statut: "MISE_A_DISPOSITION_COMPTABLE"},
	{Statut: "COMPTABILISEE"},
	{Statut: "MISE_EN_PAIEMENT"},
}

// judge decides whether the portal will integrate a document, from the document and from what the portal
// knows now. taken holds the keys of documents of the same flux that were judged before.
func (s *Sim) judge(f *Facts, syntaxe string, taken map[string]bool) (refusedAs, reason string) {
	if f.DefectKind == refusedTechnical {
		return refusedTechnical, f.Defect
	}
	if f.Syntaxe != "" && !slices.Contains(declarable[f.Syntaxe], syntaxe) {
		return refusedTechnical, "IRRECEVABILITE: le document n'est pas de la syntaxe " + syntaxe
	}
	if f.DefectKind != "" {
		return f.DefectKind, f.Defect
	}
	if guess := s.guess(f); guess != "" && !s.cfg.Tolerant {
		return refusedRules, guess
	}
	if reason := s.judgeStructures(f); reason != "" {
		return refusedStructure, cut(reason)
	}
	if k := f.key(); !s.cfg.AcceptDuplicates && (taken[k] || s.isTaken(k)) {
		return refusedDuplicate, TexteDoublon
	}
	return "", ""
}

// guess is what the portal may refuse in a document, as far as it is only guessed that it does.
func (s *Sim) guess(f *Facts) string {
	reason := f.Guess
	if !s.cfg.AcceptFutureDates && f.Date > s.now().AddDate(0, 0, 1).Format("2006-01-02") {
		if reason != "" {
			reason += "|"
		}
		reason += "La date de facture " + f.Date + " est postérieure à la date de dépôt."
	}
	return cut(reason)
}

// fillers are what programs write where they know no commitment.
var fillers = []string{"NA", "N/A", "NC", "NEANT", "NONE", "SANS", "-", "0"}

// judgeStructures applies the rules that depend on who sends and who receives.
func (s *Sim) judgeStructures(f *Facts) string {
	supplier := s.structures[f.Fournisseur]
	if supplier == nil && s.cfg.KnownSuppliersOnly || supplier != nil && (supplier.Inactive || supplier.Publique) {
		return "L'identifiant fournisseur " + f.Fournisseur + " n'est pas reference dans notre systeme."
	}
	recipient := s.structures[f.Destinataire]
	if recipient == nil || !recipient.Publique || recipient.Inactive {
		return "L'identifiant destinataire " + f.Destinataire + " n'est pas reference dans notre systeme."
	}
	const ( // the first of the two says commitment and means the service: so does the portal
		service    = "L'engagement juridique (FichierXml.SupplyChainTradeTransaction.ApplicableHeaderTradeAgreement.BuyerReference.value) est obligatoire."
		engagement = "L'engagement juridique (BuyerOrderReferencedDocument.IssuerAssignedID.value) est obligatoire."
	)
	if f.Service == facturesPubliques {
		return "Le service " + facturesPubliques + " n'est pas autorisé pour un fournisseur privé."
	}
	needsEngagement := recipient.NumeroEJDoitEtreRenseigne
	if f.Service != "" {
		known := false
		for _, sv := range recipient.Services {
			if sv.Code == f.Service && !sv.Inactif {
				known = true
				needsEngagement = needsEngagement || sv.NumeroEngagement
			}
		}
		if !known {
			return "Le service (balise BuyerReference) n'est pas connu de la structure destinataire."
		}
	}
	missing := ""
	if recipient.CodeServiceDoitEtreRenseigne && f.Service == "" {
		missing = service
	}
	needed := needsEngagement || recipient.GestionNumeroEJOuCodeService && f.Service == ""
	if f.Engagement != "" && !recipient.knows(f.Engagement) && (needed || len(recipient.Engagements) > 0) {
		return "L'engagement juridique " + f.Engagement + " n'existe pas."
	}
	if needsEngagement && f.Engagement == "" {
		if missing != "" {
			missing += "|"
		}
		missing += engagement
	}
	if recipient.GestionNumeroEJOuCodeService && f.Service == "" && f.Engagement == "" {
		missing = engagement + "|" + service
	}
	return missing
}

// integrate ends the flux: each document becomes an invoice or is refused, as was decided on arrival.
func (s *Sim) integrate(fl *flux, at time.Time) {
	if fl.done {
		return
	}
	var lines []Entry
	id := s.nextFacture
	for n := range int(fl.documents) {
		if as := fl.fate(n); as != "" {
			lines = append(lines, Entry{At: at, Type: "rejected", Flux: fl.numero, N: n, RefusedAs: as, Reason: fl.line(n).Reason})
			continue
		}
		id++
		lines = append(lines, Entry{At: at, Type: "integrated", Flux: fl.numero, N: n, Facture: id, SearchAt: s.lagged(id, 0, at)})
	}
	s.record(lines...)
}

// step moves an invoice to the next statut of its path.
func (s *Sim) step(f *facture, at time.Time) {
	if next := s.steps[f.path]; !next.end && s.cfg.Step > 0 {
		s.moveTo(f, next.Move, at)
	}
}

func (s *Sim) moveTo(f *facture, m Move, at time.Time) {
	e := Entry{At: at, Type: "statut", Facture: f.number(), Facts: &Facts{Numero: f.facts().Numero}, Statut: m.Statut, Commentaire: m.Commentaire}
	if s.cfg.Lag > 0 {
		e.SearchAt = s.lagged(f.number(), int(f.newest().place), at)
	}
	s.record(e)
}

// lagged draws when the search shows a change; nil when it does not lag.
func (s *Sim) lagged(facture int64, move int, at time.Time) *time.Time {
	if s.cfg.Lag <= 0 {
		return nil
	}
	from := min(s.cfg.LagFrom, s.cfg.Lag)
	shown := at.Add(from + between(s.draw("lag", facture<<16+int64(move)), s.cfg.Lag-from)).Truncate(time.Microsecond)
	return &shown
}

// shown is since when the search knows the change of this line.
func (e *Entry) shown() time.Time {
	if e.SearchAt != nil {
		return *e.SearchAt
	}
	return e.At
}

// SetLag changes, for the changes to come, how late the search shows them, as Config says it at the start. Nothing to any: they are shown at once.
func (s *Sim) SetLag(from, lag time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.LagFrom, s.cfg.Lag = from, lag
}

// waits says whether an invoice in this statut stays there until its supplier acts.
func waits(statut string) bool { return statut == "SUSPENDUE" || statut == "A_RECYCLER" }

// pathAfter is what an invoice will go through by itself once it has reached statut.
func (s *Sim) pathAfter(f *facture, statut string) uint32 {
	next := s.steps[f.path]
	if !next.end && next.Statut == statut {
		return f.path + 1
	}
	if waits(statut) { // goes on from here once completed or recycled
		return f.path
	}
	full := s.fullPath(f)
	if statut == "DEPOSEE" {
		if !next.end { // recycled
			return f.path
		}
		return full
	}
	for i := full; !s.steps[i].end; i++ {
		if s.steps[i].Statut == statut {
			return i + 1
		}
	}
	return 0
}

// fullPath is the script of this invoice, or the ordinary itinerary of its recipient.
func (s *Sim) fullPath(f *facture) uint32 {
	if len(s.scripts) > 0 {
		for _, numero := range []string{f.facts().Numero, "*"} {
			if script, scripted := s.scripts[numero]; scripted {
				return script
			}
		}
	}
	if st := s.structures[f.recipient()]; st != nil && st.StatutMiseEnPaiementNestPasRemonte {
		return s.unpaid
	}
	return s.ordinary
}

// Statut moves the newest invoice of that number to any statut, as its recipient (or the portal) would. It
// must be integrated.
func (s *Sim) Statut(numero, statut, commentaire string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	f := s.find(numero)
	if f == nil {
		return fmt.Errorf("the portal holds no invoice %s", numero)
	}
	s.moveTo(f, Move{statut, commentaire}, s.now())
	return nil
}

// Script sets the statuts that invoices of this number go through after DEPOSEE, one each step. It applies to
// an invoice already integrated from its next passage on.
func (s *Sim) Script(numero string, moves ...Move) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record(Entry{Type: "script", Facts: &Facts{Numero: numero}, Moves: moves})
}
