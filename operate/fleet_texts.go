package operate

import (
	"fmt"
	"strings"

	"github.com/choriste/choriste/store"
)

// BreakerText says how a portal or an application fares, what follows its name.
func BreakerText(b store.Breaker, lang string) string {
	switch {
	case lang != "fr":
		return b.Text()
	case b.State == "closed" && b.Ramping:
		return "répond de nouveau, les dépôts reprennent peu à peu"
	case b.State == "closed" || b.Since == nil:
		return "en ordre"
	case b.State == "trial":
		return "répond au contrôle, mais à aucun dépôt depuis le " + store.Stamp(*b.Since) + " (" + b.Fault + ") : un dépôt à la fois"
	}
	return "est en panne depuis le " + store.Stamp(*b.Since) + " (" + b.Fault + ") : les dépôts attendent"
}

// ScopeText is what kind of thing a breaker is of.
func ScopeText(scope, lang string) string {
	if lang == "fr" && scope == store.ScopePortal {
		return "portail"
	}
	return scope // application is the same word in both
}

// AccountText is an account's state in one line.
func AccountText(a store.AccountView, lang string) string {
	if lang != "fr" {
		return a.Text()
	}
	if !a.Configured {
		return fmt.Sprintf("aucun worker n'est configuré pour lui ; factures en attente : %d", a.Open)
	}
	var b strings.Builder
	b.WriteString("en service")
	if a.PausedAt != nil {
		b.Reset()
		b.WriteString("en pause depuis le " + store.Stamp(*a.PausedAt))
		if a.PauseReason != nil {
			b.WriteString(" (" + *a.PauseReason + ")")
		}
	}
	if a.ComparingSince != nil && a.PausedAt == nil {
		b.WriteString(", les dépôts attendent depuis le " + store.Stamp(*a.ComparingSince) + " que Chorus Pro énumère ce qu'il détient, au cas où il aurait déjà ce qui attend ici (")
		if a.ComparingPages != nil && *a.ComparingPages > 0 && a.ComparingPage != nil {
			fmt.Fprintf(&b, "page %d sur %d lue", *a.ComparingPage, *a.ComparingPages)
		} else {
			b.WriteString("rien n'est encore énuméré")
		}
		if a.ComparingFault != nil {
			b.WriteString(" ; il a répondu " + *a.ComparingFault)
		}
		b.WriteString(")")
	}
	switch d := a.PasswordDays; {
	case d == nil:
	case *d < 0:
		b.WriteString(", son mot de passe a expiré le " + a.PasswordExpires.String())
	default:
		fmt.Fprintf(&b, ", son mot de passe expire le %s (dans %d jours)", a.PasswordExpires, *d)
	}
	return b.String()
}

// FluxSource says where a flux is known from (chorus.known_fluxes).
func FluxSource(source, lang string) string {
	if lang != "fr" {
		return source
	}
	return strings.NewReplacer("attempt ", "tentative ", "last look-up", "dernière recherche", "the row", "la ligne").Replace(source)
}
