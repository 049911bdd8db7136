package jobs

import (
	"fmt"
	"strings"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/store"
)

// This file compares both sides of an invoice; it asks nobody and changes nothing. What one side does not say speaks neither for nor against.

// standing is what a row of ours claims of an invoice that the portal shows.
type standing int

const (
	compared  standing = iota // to have deposited it
	elsewhere                 // nothing: it was never sent, is given up, or was refused before it became an invoice
	doubtful                  // it may be there: looked up before anything else
	parkedRow                 // a person is to decide
	inTheAir                  // a deposit is under way
)

func standingOf(h store.Held, f chorus.Facture) standing {
	switch h.State {
	case store.Deposited, store.Integrated, store.Settled:
		return compared
	case store.Rejected:
		if own(h, f) {
			return compared
		}
		return elsewhere
	case store.InDoubt, store.Ready:
		return doubtful
	case store.Parked:
		return parkedRow
	case store.Sending:
		return inTheAir
	default:
		return elsewhere
	}
}

// own tells that the portal's invoice is the row's by the portal's own numbers.
func own(h store.Held, f chorus.Facture) bool {
	return h.IdentifiantFactureCPP != 0 && h.IdentifiantFactureCPP == f.IdentifiantFactureCPP ||
		h.NumeroFluxDepot != "" && h.NumeroFluxDepot == f.NumeroFluxDepot
}

// difference is one code of a finding, and its words.
type difference struct{ code, text string }

// differences compares a row with the portal's invoice that belongs to it. watermark is how far the change feed has been read.
func differences(s Settings, watermark time.Time, h store.Held, f chorus.Facture) []difference {
	var all []difference
	add := func(code, here, there string) {
		all = append(all, difference{code, fmt.Sprintf("here %s, at the portal %s", orNone(here), orNone(there))})
	}
	differ := func(code, here, there string) {
		if here != "" && there != "" && here != there {
			add(code, here, there)
		}
	}
	differ(store.FindingNumber, h.NumeroFacture, f.NumeroFacture)
	differ(store.FindingDate, h.DateFacture.Format(time.DateOnly), f.DateFacture.Day())
	differ(store.FindingRecipient, h.DestinataireSIRET, f.CodeDestinataire)
	if h.MontantTTC.Valid && f.MontantTTC.Valid && (!h.MontantTTC.Decimal.Equal(f.MontantTTC.Decimal) || h.Devise != "" && f.Devise != "" && h.Devise != f.Devise) {
		add(store.FindingAmount, money(h.MontantTTC.Decimal.StringFixed(2), h.Devise), money(f.MontantTTC.Decimal.StringFixed(2), f.Devise))
	}
	if h.NumeroFluxDepot != "" && h.NumeroFluxDepot != f.NumeroFluxDepot && (f.NumeroFluxDepot != "" || typedIn(f.ModeDepot)) {
		add(store.FindingFlux, "flux "+h.NumeroFluxDepot, strings.TrimSpace(f.NumeroFluxDepot+" "+f.ModeDepot))
	}
	if statusDiffers(s, watermark, h, f) {
		add(store.FindingStatus, status(h.StatutCourant, h.StatutCourantDate), status(f.Statut, f.DateHeureEtatCourant.Time))
	}
	return all
}

// statusDiffers leaves the change feed its time: what the portal may have shown only since the feed was read last is no difference yet.
func statusDiffers(s Settings, watermark time.Time, h store.Held, f chorus.Facture) bool {
	if f.Statut == "" || f.Statut == h.StatutCourant {
		return false
	}
	latest := f.DateHeureEtatCourant.Time
	if latest.After(watermark.Add(2*oneDay)) || h.StatutCourantDate.After(latest) { // one that is to come is a mistake, and hides nothing
		latest = h.StatutCourantDate
	}
	return latest.Add(s.VisibilityDelay).Before(watermark)
}

// typedIn tells that an invoice came to the portal through a person's hands, without a flux (docs/chorus-pro.md §5.1).
func typedIn(mode string) bool {
	return strings.HasPrefix(mode, "SAISIE") || strings.HasPrefix(mode, "PORTAIL")
}

func orNone(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

func money(amount, currency string) string { return strings.TrimSpace(amount + " " + currency) }

func status(statut string, since time.Time) string {
	if statut == "" || since.IsZero() {
		return statut
	}
	return statut + " since " + since.UTC().Format("2006-01-02 15:04 MST")
}

// portalSide is what the portal says of an invoice, as findings keep it.
func portalSide(f chorus.Facture) store.Side {
	side := store.Side{
		IdentifiantFactureCPP: f.IdentifiantFactureCPP,
		NumeroFacture:         f.NumeroFacture,
		DateFacture:           f.DateFacture.Day(),
		FournisseurSIRET:      f.CodeFournisseur,
		DestinataireSIRET:     f.CodeDestinataire,
		Devise:                f.Devise,
		NumeroFluxDepot:       f.NumeroFluxDepot,
		DateDepot:             f.DateDepot.Day(),
		ModeDepot:             f.ModeDepot,
		Statut:                f.Statut,
		StatutDate:            orNil(f.DateHeureEtatCourant.Time),
	}
	if f.MontantTTC.Valid {
		side.MontantTTC = f.MontantTTC.Decimal.String()
	}
	return side
}

// ourSide is the same of a row of ours.
func ourSide(h store.Held) *store.Side {
	side := store.Side{
		State:                 h.State,
		IdentifiantFactureCPP: h.IdentifiantFactureCPP,
		NumeroFacture:         h.NumeroFacture,
		FournisseurSIRET:      h.FournisseurSIRET,
		DestinataireSIRET:     h.DestinataireSIRET,
		Devise:                h.Devise,
		NumeroFluxDepot:       h.NumeroFluxDepot,
		ModeDepot:             h.ModeDepot,
		EtatFlux:              h.EtatFlux,
		Statut:                h.StatutCourant,
		StatutDate:            orNil(h.StatutCourantDate),
	}
	if !h.DateFacture.IsZero() {
		side.DateFacture = h.DateFacture.Format(time.DateOnly)
	}
	if !h.Day.IsZero() {
		side.DateDepot = h.Day.Format(time.DateOnly)
	}
	if h.MontantTTC.Valid {
		side.MontantTTC = h.MontantTTC.Decimal.String()
	}
	return &side
}

func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
