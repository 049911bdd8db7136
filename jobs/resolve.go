package jobs

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/crash"
	"github.com/choriste/choriste/store"
)

// resolve looks for an invoice in doubt by its business key and adopts it, looks again later, sends it once more, or asks a person. Every look-up is kept
// with the attempt it is about. A crash leaves the row in doubt, to be looked up again.
func (j *Jobs) resolve(ctx context.Context, id, claim int64) error {
	inv, err := j.Store.Take(ctx, id, claim, store.InDoubt, j.Settings.lease())
	if err != nil {
		return err
	}
	acct, err := j.account(inv.Account)
	if err != nil {
		return cmp.Or(j.Store.Release(ctx, inv, j.Settings.passOn()), err)
	}
	attempts, err := j.Store.Attempts(ctx, id)
	if err != nil {
		return err
	}
	// An operator may want one sent that was parked before its first attempt.
	last := store.Attempt{InvoiceID: id, Outcome: store.NotSent, Age: inv.InDoubtFor}
	if n := len(attempts); n > 0 {
		last = attempts[n-1]
	} else if wanted(inv.ReasonCode) == "" {
		return j.Store.Release(ctx, inv, time.Minute)
	}
	may, broken, calm, err := j.Store.Search(ctx, inv.Account)
	if err != nil {
		return err
	}
	if inv.ReasonCode == store.ReasonQuarantine {
		if !last.StandIn { // whose age says when the latest that it stands for can have left
			// A later attempt than the one that is remembered may have left just before the database forgot it.
			last.Age = min(last.Age, inv.InDoubtFor)
		}
		last.Lookups = slices.DeleteFunc(last.Lookups, func(l store.Lookup) bool { return l.At.Before(inv.InDoubtSince) })
	}
	look, held := func(ctx context.Context, acct *Account, inv store.Invoice, last store.Attempt) (search, store.Seen, store.Lookup, error) {
		return j.lookUp(ctx, acct, inv, last)
	}, inv.ReasonCode == store.ReasonQuarantine && last.StandIn && !last.Since.IsZero()
	now := last.Age
	if held {
		look = func(ctx context.Context, acct *Account, inv store.Invoice, _ store.Attempt) (search, store.Seen, store.Lookup, error) {
			return j.lookUpListed(ctx, acct, inv, &last)
		}
	}
	found, seen, lookup, err := look(ctx, acct, inv, last)
	if err == nil && !held && proven(j.Settings, doubt{age: last.Age, lookups: last.Lookups, calm: calm}, found) {
		found, err = j.listAround(ctx, acct, inv, last, found)
	}
	if err := crash.Point(crash.ResolverAfterSearch); err != nil {
		return err
	}
	if wait, ok := busy(err); ok {
		return j.Store.Release(ctx, inv, about(wait))
	}
	if err != nil && (ctx.Err() != nil || store.SQLState(err) != "") {
		return err
	}
	if fault := chorus.FaultOf(err); err != nil {
		j.blame(ctx, acct, err)
		if fault == chorus.FaultRights {
			may = false
			if err := j.Store.CanSearch(ctx, inv.Account, false); err != nil {
				return err
			}
		}
		lookup.Code = string(fault)
	}
	d := afterSearch(j.Settings, doubt{
		outcome: last.Outcome, age: last.Age, lookups: last.Lookups, resubmits: inv.Resubmits,
		standIn: last.StandIn, resubmit: j.Settings.Resubmit && may && !broken, calm: calm, looks: inv.Looks,
		doubted: inv.InDoubtFor, wanted: wanted(inv.ReasonCode), older: last.Older, search: may, broken: broken,
		unsent: len(attempts) == 0, duplicate: inv.ReasonCode == store.ReasonDuplicate,
	}, found)
	switch { // the database would refuse it
	case d.To == store.Ready && inv.IdentifiantFactureCPP != 0:
		d = park(store.ParkAbsent, "Chorus Pro has held it as an invoice, and does not show it any more")
	case d.To == store.Ready && inv.NumeroFluxDepot != "":
		d = park(store.ParkAbsent, "Chorus Pro had taken in the flux "+inv.NumeroFluxDepot+", and shows no invoice of it")
	}
	switch {
	case d.To == store.Deposited:
		d.Seen = &seen
	case d.To == store.InDoubt && lookup.Code == string(chorus.FaultRights):
		d.Reason = cannotLook
	case d.To == store.InDoubt && found.lag:
		d.Reason = clockWrong
		lookup.Code = codeClock
	case d.To == store.InDoubt && found.blind:
		d.Reason = blindSearch
		lookup.Code = codeBlind
	case d.To == store.InDoubt && found.unseen && lookup.Code == "":
		d.Reason = nothingSeen
		lookup.Code = codeUnseen
	case d.To == store.InDoubt && lookup.Code == "" && slices.Contains([]string{string(chorus.FaultRights), codeBlind, codeUnseen, codeClock}, lastCode(last)):
		d.Reason = looking
	}
	if d.To == store.InDoubt && held && lookup.Code == "" {
		looks := wholeLooks(last.Lookups)
		if found.complete {
			looks++
		}
		d.Due = nextListed(j.Settings, now, looks)
	}
	if found.flux != "" { // what a person may accept
		lookup.Flux, lookup.Fluxes = found.flux, []string{found.flux}
	}
	lookup.Found, lookup.Witness, lookup.Complete, lookup.Absent = found.matches, found.witness, found.complete, found.absent()
	j.Log.Info("looked up", "invoice", id, "attempt", last.ID, "found", found.matches, "complete", found.complete, "witness", found.witness, "to", d.To,
		"reason_code", d.ReasonCode)
	j.Metrics.Lookups.WithLabelValues(string(d.To)).Inc()
	return j.Store.Resolve(ctx, inv, last, lookup, d)
}

// lastCode is why the look-up before this one said nothing, "" when it did.
func lastCode(a store.Attempt) string {
	if n := len(a.Lookups); n > 0 {
		return a.Lookups[n-1].Code
	}
	return ""
}

// mostFluxes bounds what is kept of a portal that holds many invoices of one number.
const mostFluxes = 10

// lookUp searches the portal for the invoice; listed is what a listing has shown of its number.
func (j *Jobs) lookUp(ctx context.Context, acct *Account, inv store.Invoice, last store.Attempt, listed ...chorus.Facture) (search, store.Seen, store.Lookup, error) {
	lookup := store.Lookup{Age: last.Age}
	structure, err := j.Store.StructureOf(ctx, inv.Account, inv.FournisseurSIRET)
	if err != nil {
		return search{}, store.Seen{}, lookup, err
	}
	var f search
	// Asked before the search: a deposit that becomes findable during it is no witness for it.
	f.witness, f.later, err = j.Store.Witness(ctx, inv, last, 0)
	if err != nil {
		return search{}, store.Seen{}, lookup, err
	}
	if structure == 0 { // Chorus Pro shows nothing of a supplier that the account is not attached to: only what it does show proves that it would
		f.later = true
	}
	searched := time.Now()
	// All deposits of the number, however old: a refusal as duplicate, or a forgotten deposit, may be about one from long before our first attempt.
	listing, err := acct.Client.Search(ctx, chorus.LaneResolve, chorus.Query{NumeroFacture: inv.NumeroFacture, IDFournisseur: structure})
	lookup.Pages = listing.Pages
	if err != nil {
		return search{later: f.later}, store.Seen{}, lookup, err
	}
	if j.Weather.Open(acct) { // as good as a probe
		if err := j.answers(ctx, acct); err != nil {
			return search{later: f.later}, store.Seen{}, lookup, err
		}
	}
	f.complete = listing.Complete
	var match chorus.Facture
	is := sameKey
	if !slices.ContainsFunc(listing.Factures, func(f chorus.Facture) bool { return sameKey(inv, f) }) {
		if is, err = j.likeKeyOf(ctx, inv, listing.Factures); err != nil {
			return search{}, store.Seen{}, lookup, err
		}
	}
	for _, candidate := range listing.Factures {
		if is(inv, candidate) && !takenBack(inv, candidate) {
			f.matches++
			match = candidate
			if candidate.NumeroFluxDepot != "" && len(lookup.Fluxes) < mostFluxes {
				lookup.Fluxes = append(lookup.Fluxes, candidate.NumeroFluxDepot)
			}
		}
	}
	if f.matches == 0 {
		if len(listing.Factures) > 0 && !slices.ContainsFunc(listing.Factures, func(f chorus.Facture) bool {
			return strings.Contains(store.BareNumber(f.NumeroFacture), store.BareNumber(inv.NumeroFacture))
		}) {
			f.complete = false // other numbers and none like ours: the answer to somebody else's question
		}
		if f.complete {
			at := last.ClaimedAt
			if at.IsZero() { // it was never sent
				at = inv.InDoubtSince
			}
			f, err = j.sighted(ctx, acct, inv, structure, at, j.Settings.sightsFrom(searched, last.Age), f, shownIn{})
		}
		if err == nil {
			f, err = j.elsewhere(ctx, inv, f, listed)
		}
		if err == nil && f.untried && !last.StandIn && !f.later { // it may be that the account sees nothing of this supplier, without a word
			f.later, f.unseen = true, true
		}
		return f, store.Seen{}, lookup, err
	}
	var differ bool
	f.differs, differ = unlike(inv, match)
	f.agree, f.alike = f.differs == "", f.differs != "" && !differ
	lookup.Flux = match.NumeroFluxDepot
	return f, seenOf(match), lookup, nil
}

// sameKey tells whether the portal's invoice has our business key. What the portal does not say speaks neither for nor against.
func sameKey(inv store.Invoice, f chorus.Facture) bool {
	if f.NumeroFacture != inv.NumeroFacture {
		return false
	}
	if !f.DateFacture.Time.IsZero() && f.DateFacture.Time.Year() != inv.DateFacture.Year() {
		return false
	}
	return len(f.CodeFournisseur) < 9 || f.CodeFournisseur[:9] == inv.Siren()
}

// takenBack tells whether the portal's invoice is one that a person typed in there and has deleted or given up since. It is not ours, which came by a flux, and keeps
// nobody from sending it: taken for ours, it would be over without ever having been sent.
func takenBack(inv store.Invoice, f chorus.Facture) bool {
	return !inv.HasFields && f.NumeroFluxDepot == "" && (f.Statut == "ABANDONNEE" || f.Statut == "SUPPRIMEE")
}

// likeKey tells whether the portal's invoice may have our business key in other letters: in capitals, with other blanks, without the zeros at the head of its number; or of
// a supplier that it names by something else than a SIRET. Nobody knows what the portal makes of a number. Such a one is no absence: a person looks at it.
func likeKey(inv store.Invoice, f chorus.Facture) bool {
	if store.BareNumber(f.NumeroFacture) != store.BareNumber(inv.NumeroFacture) {
		return false
	}
	f.NumeroFacture, f.CodeFournisseur = inv.NumeroFacture, digits(f.CodeFournisseur)
	return sameKey(inv, f)
}

// likeKeyOf is likeKey without what is known to be another invoice of ours.
func (j *Jobs) likeKeyOf(ctx context.Context, inv store.Invoice, found []chorus.Facture) (func(store.Invoice, chorus.Facture) bool, error) {
	like := map[int64]string{}
	for _, f := range found {
		if likeKey(inv, f) {
			like[f.IdentifiantFactureCPP] = f.NumeroFacture
		}
	}
	others, err := j.Store.OthersOf(ctx, inv.ID, like)
	return func(inv store.Invoice, f chorus.Facture) bool {
		return likeKey(inv, f) && !others[f.IdentifiantFactureCPP]
	}, err
}

// agrees tells whether the portal's invoice is ours: date, amount, supplier and recipient are said and equal, and so are currency and kind where the portal says them.
func agrees(inv store.Invoice, f chorus.Facture) bool {
	text, _ := unlike(inv, f)
	return text == ""
}

var iso4217 = regexp.MustCompile(`^[A-Z]{3}$`)

// creditNote tells whether this is the type of a credit note: BT-3 of UNTDID 1001 (EN 16931 allows these for credit notes), or the portal's own word.
func creditNote(kind string) bool {
	switch kind {
	case "AVOIR", "81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "502", "503", "532":
		return true
	}
	return false
}

// unlike says in which of them the portal's invoice does not agree with ours, in the words of the columns, which both languages share: ours ≠ the portal's. It differs
// only where both say something, and not the same: what one side does not say speaks neither for nor against, and no more does another way to write it.
func unlike(inv store.Invoice, f chorus.Facture) (text string, differ bool) {
	var all []string
	compareAs := func(column, ours, theirs string, written func(string) string) {
		if ours != theirs || ours == "" {
			all = append(all, column+" "+said(ours)+" ≠ "+said(theirs))
			ours, theirs = written(ours), written(theirs)
			differ = differ || ours != "" && theirs != "" && ours != theirs
		}
	}
	compare := func(column, ours, theirs string) {
		compareAs(column, ours, theirs, func(s string) string { return s })
	}
	if f.NumeroFacture != inv.NumeroFacture { // likeKey
		compareAs("numero_facture", inv.NumeroFacture, f.NumeroFacture, store.BareNumber)
	}
	compare("date_facture", isoDay(inv.DateFacture), isoDay(f.DateFacture.Time))
	ours, theirs := "", ""
	if inv.MontantTTC.Valid {
		ours = inv.MontantTTC.Decimal.StringFixed(2)
	}
	if f.MontantTTC.Valid {
		theirs = f.MontantTTC.Decimal.StringFixed(2)
		if inv.MontantTTC.Valid && ours == theirs && !f.MontantTTC.Decimal.Equal(inv.MontantTTC.Decimal) {
			ours, theirs = inv.MontantTTC.Decimal.String(), f.MontantTTC.Decimal.String()
		}
	}
	compare("montant_ttc", ours, theirs)
	// These two only where the portal says them in a form that can be compared.
	if f.Devise != inv.Devise && iso4217.MatchString(f.Devise) {
		compare("devise", inv.Devise, f.Devise)
	}
	if theirs := f.TypeFacture == "AVOIR"; (theirs || f.TypeFacture == "FACTURE") && theirs != creditNote(inv.TypeFacture) {
		compare("type_facture", inv.TypeFacture, f.TypeFacture)
	}
	compareAs("fournisseur_siret", inv.FournisseurSIRET, f.CodeFournisseur, digits)
	compareAs("destinataire_siret", inv.DestinataireSIRET, f.CodeDestinataire, digits)
	return strings.Join(all, "; "), differ
}

// digits is a SIRET without blanks, "" where a party is named by something else, which cannot be compared with one.
func digits(code string) string {
	code = strings.ReplaceAll(code, " ", "")
	if strings.Trim(code, "0123456789") != "" {
		return ""
	}
	return code
}

func isoDay(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

// said is a value in such a text: not longer than any that is right, and a dash where there is none.
func said(value string) string {
	const longest = 40
	value = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '(' || r == ')' {
			return '?'
		}
		return r
	}, value)
	if r := []rune(value); len(r) > longest {
		value = string(r[:longest]) + "…"
	}
	return cmp.Or(value, "–")
}

// seenOf translates an invoice of the portal into what the store keeps of it.
func seenOf(f chorus.Facture) store.Seen {
	return store.Seen{
		IdentifiantFactureCPP: f.IdentifiantFactureCPP,
		NumeroFacture:         f.NumeroFacture,
		FournisseurSIRET:      f.CodeFournisseur,
		DateFacture:           f.DateFacture.Time,
		DestinataireSIRET:     f.CodeDestinataire,
		MontantTTC:            f.MontantTTC,
		Devise:                f.Devise,
		NumeroFlux:            f.NumeroFluxDepot,
		DateDepot:             f.DateDepot.Time,
		ModeDepot:             f.ModeDepot,
		Statut:                f.Statut,
		StatutDate:            f.DateHeureEtatCourant.Time,
		Commentaire:           f.CommentaireEtatCourant,
		To:                    to(f.Statut),
	}
}
