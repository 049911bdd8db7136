package rules_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/choriste/choriste/invoice/rules"
)

var update = flag.Bool("update", false, "write docs/rules.md anew")

const manualFile = "../../docs/rules.md"

const manualHead = `<!-- Made from the data of invoice/rules: go test ./invoice/rules -run TestManual -update -->
# Rules

[English](#in-english) · [français](#en-français)

## In English

What choriste asks of a document before it sends it. The same rules judge in ` + "`choriste check FILE`" + `, before ` + "`choriste submit`" + ` inserts, in ` + "`chorus.checks`" + ` and in the worker
([sql.md](sql.md#what-the-rules-find)). Codes are stable: those of EN 16931 are the official schematron's own ids, those of Chorus Pro and of choriste begin with ` + "`CH-`" + `.

**error**: the document is not sent; the row becomes ` + "`invalid`" + `. **warning**: it is stored and shown, and stops nothing. **off**: the rule is not asked. **fixed**: an error that no setting lowers. Every other rule may be raised or lowered, for all accounts or for one:

` + "```" + `ini
CHORISTE_RULES=BR-CO-10=warning,BR-CL-23=off
` + "```" + `

` + "```" + `yaml
accounts:
  - name: north
    rules: {BR-CO-10: error}   # over CHORISTE_RULES
` + "```" + `

Lowering a rule sends what breaks it. Chorus Pro or the recipient may still refuse it: a flux that is rejected frees its number again, an invoice that its recipient refuses does not. Some things no setting does without: a document that can be
read, and the number, the date and the supplier's SIRET, by which an invoice is found at the portal, so that it is never sent twice. A code that does not exist is refused at the start, with the nearest one.

Weight of the source: S official, P seen in production, L measured, C other clients, G a guess.

`

func TestManual(t *testing.T) {
	var b strings.Builder
	b.WriteString(manualHead)
	rows := func(french bool) {
		for _, r := range rules.Rules() {
			text, remedy, severity := r.Text, r.Remedy, string(r.Severity)
			if french {
				text, remedy = r.TextFR, r.RemedyFR
				severity = map[rules.Severity]string{rules.Error: "erreur", rules.Warning: "avertissement", rules.Off: "non demandée"}[r.Severity]
			}
			if text == "" || r.Code == "" || r.Source == "" || r.Weight == "" {
				t.Errorf("%s: a rule wants a text, a source and a weight", r.Code)
			}
			if rules.Fixed(r.Code) {
				severity += map[bool]string{false: ", fixed", true: ", fixe"}[french]
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s: %s |\n", r.Code, severity, cell(r.Term), cell(text), cell(remedy), r.Weight, cell(r.Source))
		}
	}
	b.WriteString("| code | severity | term | what is wrong | remedy | source |\n| --- | --- | --- | --- | --- | --- |\n")
	rows(false)
	b.WriteString("\n## En français\n\nCe que choriste demande à un document avant de l'envoyer. **erreur** : le document n'est pas envoyé, la ligne devient `invalid`. **avertissement** : conservé et montré, n'arrête rien. **fixe** : aucun réglage ne l'abaisse. " +
		"Toute autre règle peut être relevée ou abaissée (`CHORISTE_RULES`, `rules` d'un compte : `error`, `warning`, `off`). " +
		"Poids de la source : S officielle, P vue en production, L mesurée, C autres logiciels, G supposée.\n\n" +
		"| code | gravité | terme | ce qui ne va pas | remède | source |\n| --- | --- | --- | --- | --- | --- |\n")
	rows(true)
	if *update {
		if err := os.WriteFile(manualFile, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if page, err := os.ReadFile(manualFile); err != nil || string(page) != b.String() {
		t.Errorf("%s is not what the data say: go test ./invoice/rules -run TestManual -update (%v)", manualFile, err)
	}
}

func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;", "%r", "…", "%s", "…", "%d", "…").Replace(s)
}
