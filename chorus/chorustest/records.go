package chorustest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// fluxRecord is what is kept of an accepted deposit; of an invoice that came in another way it holds the times alone.
type fluxRecord struct {
	at, integrateAt int64  // microseconds
	first           uint32 // its first document; the others follow it
	seq             uint32 // its number beyond firstFlux; 0: none, or in oddFluxes
	account         uint16 // of names
	syntaxe         uint16 // likewise
	documents       uint16
	delay           uint8 // of the report, in delays
	done            bool
}

// documentRecord is what is kept of a document inside a flux, and of the invoice that it became.
type documentRecord struct {
	line    int64  // of the ledger, that brought it
	since   int64  // when the newest statut was reached, microseconds
	passage uint32 // its newest statut; 0: it is no invoice yet, or never
	flux    uint32
	id      uint32 // identifiantFactureCPP beyond firstFacture
	hash    uint32 // of the number that it came with
	older   uint32 // the document before it with this hash
	key     uint32 // hash of what is unique, if it takes it

	fournisseur, destinataire uint32 // of parties, as is the next
	service                   uint32
	path                      uint32 // the next statut, in the steps
	statut                    uint16 // of names, as are the next
	refusedAs, genre          uint16
	mode, cadre               uint16
	is                        flags
}

// flags of a document.
type flags uint16

const (
	isHidden      flags = 1 << iota // no search shows it any more
	isRejetTraite                   // its supplier has taken note of its rejection
	isTelechargee                   // by its recipient
	isLagging                       // the search showed its newest statut later than it was reached
	isCommented                     // its newest statut has a comment
	isRevised                       // its facts, or its flux, are in revisions
	isRenumbered                    // and its number is another one
	isSubmitted                     // it came beside its PDF
)

func (is *flags) set(flag flags, on bool) {
	if *is &^= flag; on {
		*is |= flag
	}
}

// revision is what the portal holds of an invoice that was changed after it came in.
type revision struct {
	line  int64 // with its facts
	moved bool  // and the flux is another one
	flux  string
}

// step is a statut to come; the last one of a path has nothing but end.
type step struct {
	Move
	end bool
}

// holdings are the records, and how they are found.
type holdings struct {
	fluxes    table[fluxRecord]
	documents table[documentRecord]

	bySeq     []uint32          // fluxes
	oddFluxes map[string]uint32 // those whose number the simulator would not have given
	byID      []uint32          // documents that are invoices, by identifiantFactureCPP
	byNumero  index             // the newest document of each hash
	taken     index             // documents whose key is integrated or will be

	revisions  map[uint32]revision
	renumbered map[string][]uint32 // documents whose number was changed, by the new one
	showLater  map[uint32]int64    // fluxes that the search shows later than they are integrated

	names, parties interner
	delays         []time.Duration
	steps          []step
	passages       passages

	recent [recentLines]struct { // lines that were read or written last
		at   int64
		line *Entry
	}
}

const recentLines = 1024

func newHoldings() holdings {
	return holdings{
		names: newInterner(), parties: newInterner(), oddFluxes: map[string]uint32{}, revisions: map[uint32]revision{}, renumbered: map[string][]uint32{},
		showLater: map[uint32]int64{}, steps: []step{{end: true}},
	}
}

// name is the number of one of few texts.
func (h *holdings) name(text string) uint16 {
	n := h.names.number(text)
	if n > 0xffff {
		panic("too many names")
	}
	return uint16(n)
}

func (h *holdings) nameOf(n uint16) string { return h.names.texts[n] }

// addPath keeps a path and returns where it begins.
func (h *holdings) addPath(moves []Move) uint32 {
	begin := uint32(len(h.steps))
	for _, m := range moves {
		h.steps = append(h.steps, step{Move: m})
	}
	h.steps = append(h.steps, step{end: true})
	return begin
}

// addFlux keeps a flux under its number; "" for what came in another way.
func (h *holdings) addFlux(numero, syntaxe string) (n uint32, fl *fluxRecord) {
	n, fl = h.fluxes.add()
	fl.syntaxe = h.name(syntaxe)
	if numero == "" {
		return n, fl
	}
	seq := seqOf(numero)
	if seq == 0 || seq > uint32(len(h.bySeq))+maxPending || numeroFlux(syntaxe, int64(seq)) != numero {
		h.oddFluxes[numero] = n
		return n, fl
	}
	for uint32(len(h.bySeq)) <= seq {
		h.bySeq = append(h.bySeq, 0)
	}
	fl.seq, h.bySeq[seq] = seq, n
	return n, fl
}

// maxPending is how many numbers may be given before the first of them is used.
const maxPending = 1 << 20

// seqOf reads the end of a flux number that the simulator gave; 0 when it is another one.
func seqOf(numero string) uint32 {
	if len(numero) != 25 || !strings.HasPrefix(numero, "CPP001") {
		return 0
	}
	n, err := strconv.ParseUint(numero[10:], 10, 64)
	if err != nil || n <= firstFlux || n-firstFlux > 1<<31 {
		return 0
	}
	return uint32(n - firstFlux)
}

// numeroFlux is the number of the flux that gets this place in the sequence.
func numeroFlux(syntaxe string, seq int64) string {
	digits := strconv.FormatInt(firstFlux+seq, 10)
	return "CPP001" + interfaceOf(syntaxe) + "000000000000000"[:max(0, 15-len(digits))] + digits
}

// numberOf is the number of a flux; "" when what it holds came in another way.
func (h *holdings) numberOf(n uint32) string {
	fl := h.fluxes.at(n)
	if fl.seq != 0 {
		return numeroFlux(h.nameOf(fl.syntaxe), int64(fl.seq))
	}
	for numero, odd := range h.oddFluxes {
		if odd == n {
			return numero
		}
	}
	return ""
}

// fluxNumbered finds a flux; 0 when there is none.
func (h *holdings) fluxNumbered(numero string) uint32 {
	if seq := seqOf(numero); seq != 0 && int(seq) < len(h.bySeq) && h.bySeq[seq] != 0 && h.numberOf(h.bySeq[seq]) == numero {
		return h.bySeq[seq]
	}
	return h.oddFluxes[numero]
}

// addDocument keeps a document of a flux, under the number in its facts.
func (h *holdings) addDocument(flux uint32, line int64, numero string) (n uint32, d *documentRecord) {
	n, d = h.documents.add()
	d.line, d.flux, d.hash = line, flux, hash(numero)
	slot := h.byNumero.slot(d.hash, func(n uint32) uint32 { return h.documents.at(n).hash }, func(uint32) bool { return true })
	d.older = *slot
	h.byNumero.put(slot, n)
	return n, d
}

// take makes the key of a document taken, and register keeps who it is from and to.
func (s *Sim) take(n uint32, f *Facts) {
	d := s.documents.at(n)
	d.key = hash(f.key())
	if slot := s.takenSlot(f.key()); *slot == 0 {
		s.taken.put(slot, n)
	}
	s.describe(d, f)
}

func (s *Sim) takenSlot(key string) *uint32 {
	return s.taken.slot(hash(key), func(n uint32) uint32 { return s.documents.at(n).key }, func(n uint32) bool {
		return s.facts(s.documents.at(n).line).key() == key
	})
}

// isTaken tells whether an invoice with this key is integrated or will be.
func (s *Sim) isTaken(key string) bool { return *s.takenSlot(key) != 0 }

// describe keeps what searches among all invoices look at.
func (s *Sim) describe(d *documentRecord, f *Facts) {
	d.fournisseur, d.destinataire, d.service = s.parties.number(f.Fournisseur), s.parties.number(f.Destinataire), s.parties.number(f.Service)
	d.genre, d.mode, d.cadre = s.name(f.Type), s.name(f.Mode), s.name(f.Cadre)
}

// line reads a line of the ledger again. Callers hold the lock.
func (s *Sim) line(at int64) *Entry {
	if at < 0 {
		return &Entry{Facts: &Facts{}}
	}
	kept := &s.recent[recentPlace(at)]
	if kept.line == nil || kept.at != at {
		e, err := s.ledger.line(at)
		if err != nil { // what is not known any more cannot be answered
			s.ledger.fail(err)
			return &Entry{Facts: &Facts{}}
		}
		kept.at, kept.line = at, e
	}
	return kept.line
}

// remind keeps a line that will soon be asked for.
func (s *Sim) remind(e *Entry, at int64) {
	kept := &s.recent[recentPlace(at)]
	kept.at, kept.line = at, e
}

func recentPlace(at int64) uint64 { return uint64(at) * 0x9e3779b97f4a7c15 >> 54 } // of 1024

// facts are those of a line.
func (s *Sim) facts(line int64) *Facts {
	if e := s.line(line); e.Facts != nil {
		return e.Facts
	}
	return &Facts{}
}

// numbered are the invoices of a number, the newest last. Callers hold the lock.
func (s *Sim) numbered(numero string) []uint32 {
	all := s.documentsOf(numero, func(d *documentRecord) bool { return d.id != 0 && d.is&isRenumbered == 0 })
	slices.SortFunc(all, func(a, b uint32) int { return int(s.documents.at(a).id) - int(s.documents.at(b).id) })
	return append(all, s.renumbered[numero]...)
}

// documentsOf are the documents that came with a number, the newest first.
func (s *Sim) documentsOf(numero string, wanted func(*documentRecord) bool) (all []uint32) {
	if len(s.byNumero.slots) == 0 {
		return nil
	}
	h := hash(numero)
	n := *s.byNumero.slot(h, func(n uint32) uint32 { return s.documents.at(n).hash }, func(uint32) bool { return true })
	for ; n != 0; n = s.documents.at(n).older {
		if d := s.documents.at(n); wanted(d) && s.facts(d.line).Numero == numero {
			all = append(all, n)
		}
	}
	return all
}

// renumber changes the number under which an invoice is found.
func (s *Sim) renumber(n uint32, from, to string) {
	d := s.documents.at(n)
	if d.is&isRenumbered != 0 {
		s.renumbered[from] = slices.DeleteFunc(s.renumbered[from], func(o uint32) bool { return o == n })
	}
	d.is.set(isRenumbered, true)
	s.renumbered[to] = append(s.renumbered[to], n)
}

// idOf is the place of an identifiantFactureCPP among all; false when none can be there.
func idOf(facture int64) (uint32, bool) {
	if facture <= firstFacture || facture-firstFacture > 1<<31 {
		return 0, false
	}
	return uint32(facture - firstFacture), true
}

// giveID makes a document an invoice.
func (s *Sim) giveID(n uint32, facture int64) error {
	id, is := idOf(facture)
	if !is || int(id) > len(s.byID)+maxPending {
		return fmt.Errorf("identifiantFactureCPP %d", facture)
	}
	for len(s.byID) <= int(id) {
		s.byID = append(s.byID, 0)
	}
	s.byID[id], s.documents.at(n).id = n, id
	return nil
}
