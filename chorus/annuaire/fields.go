package annuaire

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// known are the names that are read, as plain writes them (docs/chorus-pro.md §5.3a).
var known = map[string]bool{
	"identifiant": true, "raisonsociale": true, "structureactive": true,
	"gestionengagement": true, "gestionservice": true, "gestionserviceengagement": true,
	"code": true, "nom": true, "gestionegmt": true, "serviceactif": true,
}

// plain is a name in lower case, of letters and digits alone.
func plain(name string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= 'A' && c <= 'Z':
			return c + 'a' - 'A'
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			return c
		}
		return -1
	}, name)
}

// short is a text without blanks around it, of mostText characters at most. What is not UTF-8 is taken for Windows-1252, as spreadsheets write it in France.
func short(s string) string {
	s = strings.TrimSpace(s)
	if s = s[:min(len(s), 8*mostText)]; !utf8.ValidString(s) {
		if decoded, err := charmap.Windows1252.NewDecoder().String(s); err == nil {
			s = decoded
		}
	}
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	if c := []rune(s); len(c) > mostText {
		s = string(c[:mostText])
	}
	return s
}

func entry(fields map[string]string, services []Service) Entry {
	return Entry{
		SIRET: fields["identifiant"], Name: fields["raisonsociale"], Services: services,
		Active: truth(fields["structureactive"]), ServiceRequired: truth(fields["gestionservice"]),
		EngagementRequired: truth(fields["gestionengagement"]), EitherRequired: truth(fields["gestionserviceengagement"]),
	}
}

// service is one that is active unless it is said otherwise.
func service(fields map[string]string) Service {
	active := truth(fields["serviceactif"])
	return Service{Code: fields["code"], Name: fields["nom"], Active: active == nil || *active, EngagementRequired: truth(fields["gestionegmt"])}
}

// truth is what a text says; nil when that is not known.
func truth(s string) *bool {
	yes := true
	switch strings.ToLower(s) {
	case "true", "1", "oui", "o", "vrai", "yes":
	case "false", "0", "non", "n", "faux", "no":
		yes = false
	default:
		return nil
	}
	return &yes
}
