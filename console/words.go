package console

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

// Words of the pages that are not in a template: numbers, times, and the names of states, kinds and the like.

// word is a text in both languages.
type word struct{ en, fr string }

func (v view) word(w word) string { return v.t(w.en, w.fr) }

// named is the word for a name of the database, or the name itself.
func (v view) named(words map[string]word, name string) string {
	if w, known := words[name]; known {
		return v.word(w)
	}
	return shown(name)
}

var states = map[string]word{
	"received": {"received", "reçue"}, "invalid": {"invalid", "invalide"}, "ready": {"ready", "prête"}, "sending": {"sending", "en cours d'envoi"},
	"in_doubt": {"in doubt", "en doute"}, "parked": {"parked", "à trancher"}, "deposited": {"deposited", "déposée"}, "integrated": {"integrated", "intégrée"},
	"rejected": {"rejected", "rejetée"}, "settled": {"settled", "close"}, "cancelled": {"cancelled", "annulée"}, "abandoned": {"abandoned", "abandonnée"},
}

// state is a state as a badge.
func (v view) state(s any) template.HTML {
	name := shown(s)
	if _, known := states[name]; !known {
		return template.HTML(template.HTMLEscapeString(name)) //nolint:gosec // escaped
	}
	return template.HTML(`<span class="state ` + name + `">` + template.HTMLEscapeString(v.named(states, name)) + `</span>`) //nolint:gosec // of the table above
}

var kinds = map[string]word{
	"account": {"account paused", "compte en pause"}, "feed": {"late feed", "flux tardif"}, "finding": {"both sides differ", "écart avec le portail"},
	"in_doubt": {"in doubt", "en doute"}, "invalid": {"invalid", "invalide"}, "maintenance": {"portal closed", "portail fermé"}, "outage": {"outage", "panne"},
	"parked": {"to be decided", "à trancher"}, "password": {"password ends", "mot de passe expire"}, "rejected": {"rejected", "rejetée"},
	"remedy": {"remedy refused", "démarche refusée"}, "resubmission": {"resubmission off", "renvoi suspendu"}, "rights": {"missing right", "droit manquant"},
	"stalled": {"stands still", "à l'arrêt"}, "statut": {"waits for the supplier", "attend le fournisseur"}, "webhook": {"webhook", "webhook"},
	"unread": {"not followed", "non suivi"}, "worker": {"no worker", "aucun worker"},
	"request": {"second person", "deuxième personne"},
}

func (v view) kind(name string) string { return v.named(kinds, name) }

var actors = map[string]word{
	"supplier": {"the supplier", "le fournisseur"}, "recipient": {"the recipient", "le destinataire"}, "portal": {"Chorus Pro", "Chorus Pro"},
	"operator": {"you", "vous"}, "nobody": {"nobody", "personne"},
}

func (v view) who(name any) string { return v.named(actors, fmt.Sprint(name)) }

var retries = map[string]word{
	"never": {"The same document would be refused again.", "Le même document serait refusé de nouveau."},
	"after_change": {
		"The same document may go again once somebody has changed what stands in the way.", "Le même document peut repartir une fois levé ce qui s'y oppose.",
	},
	"look_up":   {"Never without a search that shows that the portal does not hold it.", "Jamais sans une recherche qui montre que le portail ne la détient pas."},
	"automatic": {"It goes on by itself.", "Cela reprend de lui-même."}, "none": {"", ""},
	"unclassified": {"Nothing is sent again because of it.", "Rien n'est renvoyé à cause d'elle."},
}

func (v view) retry(name any) string { return v.named(retries, fmt.Sprint(name)) }

var outcomes = map[string]word{
	"NOT_SENT": {"was not sent", "pas partie"}, "NOT_LANDED": {"did not arrive", "pas arrivée"}, "ACCEPTED": {"accepted", "acceptée"},
	"REFUSED": {"refused", "refusée"}, "DUPLICATE": {"refused as a duplicate", "refusée comme doublon"},
	"AMBIGUOUS": {"no certain answer", "réponse incertaine"}, "OWNER_LOST": {"its worker was lost", "son worker a disparu"},
}

func (v view) outcome(name any) string { return v.named(outcomes, shown(name)) }

func (v view) yesno(b *bool) string {
	switch {
	case b == nil:
		return v.t("not known", "inconnu")
	case *b:
		return v.t("yes", "oui")
	}
	return v.t("no", "non")
}

// clock is a moment with its zone, and for programs and pointers in UTC.
func clock(at any) template.HTML { return moment(at, store.Stamp) }

// minute is a moment to the minute, for tables.
func minute(at any) template.HTML {
	return moment(at, func(t time.Time) string { return t.Local().Format("2006-01-02 15:04") })
}

func moment(at any, format func(time.Time) string) template.HTML {
	t, ok := at.(time.Time)
	if p, pointer := at.(*time.Time); pointer && p != nil {
		t, ok = *p, true
	}
	if !ok || t.IsZero() {
		return ""
	}
	utc := t.UTC().Format("2006-01-02T15:04:05.000Z")
	return template.HTML(`<time datetime="` + utc + `" title="` + utc + `">` + format(t) + `</time>`) //nolint:gosec // figures alone
}

func day(d *store.Day) string {
	if d == nil {
		return ""
	}
	return d.String()
}

// span is a duration in its two largest units.
func (v view) span(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < time.Minute:
		return strconv.FormatInt(int64(d.Seconds()), 10) + " s"
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf(v.t("%d d %d h", "%d j %d h"), int(d.Hours())/24, int(d.Hours())%24)
}

// count is a whole number with its thousands apart.
func (v view) count(n any) string { return v.grouped(fmt.Sprint(n)) }

// grouped puts a space (French) or a comma between thousands. They never stand at the end of a line.
func (v view) grouped(digits string) string {
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	var parts []string
	for len(digits) > 3 {
		parts = append([]string{digits[len(digits)-3:]}, parts...)
		digits = digits[:len(digits)-3]
	}
	return sign + strings.Join(append([]string{digits}, parts...), v.t(",", "\u202f"))
}

// money is an amount in its currency.
func (v view) money(amount decimal.NullDecimal, devise any) string {
	if !amount.Valid {
		return ""
	}
	whole, cents, _ := strings.Cut(amount.Decimal.StringFixed(2), ".")
	return strings.TrimRight(v.grouped(whole)+v.t(".", ",")+cents+"\u00a0"+shown(devise), "\u00a0")
}

// number is a quantity, a price or a rate as it is written in the language, with all its decimals.
func (v view) number(n decimal.NullDecimal) string {
	if !n.Valid {
		return ""
	}
	whole, decimals, _ := strings.Cut(n.Decimal.String(), ".")
	if decimals == "" {
		return v.grouped(whole)
	}
	return v.grouped(whole) + v.t(".", ",") + decimals
}

// breaker says how a portal or an application fares.
func (v view) breaker(b store.Breaker) string {
	if v.lang != "fr" {
		return shown("The " + b.Scope + " " + b.Name + " " + b.Text() + ".")
	}
	return shown(map[string]string{store.ScopePortal: "Le portail ", store.ScopeApplication: "L'application "}[b.Scope] + b.Name + " " + operate.BreakerText(b, "fr") + ".")
}
