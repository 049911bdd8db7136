package answers_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/choriste/choriste/chorus/answers"
)

var update = flag.Bool("update", false, "write docs/answers.md and the rows of chorus.answers anew")

// tongue is what docs/answers.md says in one language.
type tongue struct {
	title   string
	columns string
	about   map[answers.Kind][2]string // heading, and what stands under it
	who     map[answers.Who]string
	again   map[answers.Retry]string
	words   func(answers.Entry) answers.Words
}

var tongues = []tongue{
	{
		title:   "## In English",
		columns: "| code | it means | what to do | who | again? | where | source |",
		about: map[answers.Kind][2]string{
			answers.Reason:  {"### Reason codes", "`chorus.invoice_status.reason_code`. Those of `invalid`, of `parked`, then the others."},
			answers.Error:   {"### Texts of the report", "The portal has no codes for these: the codes are ours, the example is a text that the entry explains. When an invoice is `rejected` with `FLUX_REJECTED`, `reason` holds the texts, joined by `|` and cut by the portal after some 200 characters. An element that a text names is shown with its term of EN 16931."},
			answers.Return:  {"### `codeRetour` and message codes", "The numbers mean something else from one operation to the next. A `codeRetour` that is not here is unclassified: of a deposit it is treated as one that may have arrived, and looked up."},
			answers.Flux:    {"### States of a flux", "`etatCourantDepotFlux`. One that is not here is asked about again, counted and logged."},
			answers.Statut:  {"### Statuses", "`statut_courant`. What may follow stands in [states.md](states.md#every-status)."},
			answers.Motive:  {"### Motives of recipients", "They come as text in `statut_commentaire`. Two lists are in use. After `REJETEE` the next invoice needs a new number; after `A_RECYCLER` and `SUSPENDUE` it keeps its own."},
			answers.Gateway: {"### The gateway", "What PISTE answers by itself. `choriste doctor` names the layer that is at fault."},
		},
		who: map[answers.Who]string{
			answers.Supplier: "you (data)", answers.Recipient: "recipient", answers.Portal: "portal", answers.Operator: "operator", answers.Nobody: "nobody",
		},
		again: map[answers.Retry]string{
			answers.Never: "no", answers.AfterChange: "after the change", answers.LookUp: "after a search", answers.Automatic: "by itself", answers.None: "-", answers.Unclassified: "unclassified",
		},
		words: func(e answers.Entry) answers.Words { return e.EN },
	},
	{
		title:   "## En français",
		columns: "| code | sens | que faire | qui | renvoi ? | où | source |",
		about: map[answers.Kind][2]string{
			answers.Reason:  {"### Codes motifs", "`chorus.invoice_status.reason_code`. Ceux d'`invalid`, de `parked`, puis les autres."},
			answers.Error:   {"### Textes du compte rendu", "Le portail n'a pas de code pour ces textes : les codes sont les nôtres, l'exemple est un texte que l'entrée explique. Pour une facture `rejected` avec `FLUX_REJECTED`, `reason` contient ces textes, joints par `|` et coupés par le portail vers 200 caractères. Un élément nommé par le texte est montré avec son terme EN 16931."},
			answers.Return:  {"### `codeRetour` et codes message", "Les numéros changent de sens d'une opération à l'autre. Un `codeRetour` absent d'ici n'est pas classé : pour un dépôt, on considère qu'il a pu arriver, et on le recherche."},
			answers.Flux:    {"### États d'un flux", "`etatCourantDepotFlux`. Un état absent d'ici est redemandé, compté et journalisé."},
			answers.Statut:  {"### Statuts", "`statut_courant`. Ce qui peut suivre est dans [states.md](states.md#every-status)."},
			answers.Motive:  {"### Motifs des destinataires", "Ils arrivent en texte dans `statut_commentaire`. Deux listes ont cours. Après `REJETEE`, la facture suivante prend un nouveau numéro ; après `A_RECYCLER` et `SUSPENDUE`, elle garde le sien."},
			answers.Gateway: {"### La passerelle", "Ce que PISTE répond de lui-même. `choriste doctor` nomme la couche en cause."},
		},
		who: map[answers.Who]string{
			answers.Supplier: "vous (données)", answers.Recipient: "destinataire", answers.Portal: "portail", answers.Operator: "exploitation", answers.Nobody: "personne",
		},
		again: map[answers.Retry]string{
			answers.Never: "non", answers.AfterChange: "après changement", answers.LookUp: "après recherche", answers.Automatic: "automatique", answers.None: "-", answers.Unclassified: "non classé",
		},
		words: func(e answers.Entry) answers.Words { return e.FR },
	},
}

const manualHead = `<!-- Made from the data of chorus/answers: go test ./chorus/answers -run TestManual -update -->

# What an answer means

Every answer that is known of Chorus Pro, of PISTE, of the recipients, and choriste's own reason codes: what it means, who must act, what to do, and whether the
same document may be sent again. Look one up by its code or by its text as it stands in the portal or in ` + "`reason`" + `:

` + "```" + `
$ choriste explain "L'engagement juridique (….BuyerReference.value) est obligatoire."
$ choriste explain --lang fr MONTANT_ERR
$ choriste explain --json 20001
` + "```" + `

` + "`choriste show ID`" + ` explains what its row says, as do the console, [webhooks](webhooks.md#what-is-sent) and the view [` + "`chorus.invoice_help`" + `](sql.md#what-to-do-about-it). What no entry knows is *unclassified*: it is kept as it came, counted (` + "`choriste_unknown_values_total`" + `), shown as such, and nothing is sent again because of it. ` + "`choriste explain --unclassified`" + ` lists what your database has met.

*Source*: **S** official, **P** production code, **L** measured live by others, **C** third party, **A** our assumption, **G** guess ([chorus-pro.md](chorus-pro.md)); *own* is choriste itself.

[In English](#in-english) · [En français](#en-français)
`

// TestManual holds docs/answers.md to the data.
func TestManual(t *testing.T) {
	var b strings.Builder
	b.WriteString(manualHead)
	for _, in := range tongues {
		fmt.Fprintf(&b, "\n%s\n", in.title)
		for _, kind := range answers.Kinds {
			fmt.Fprintf(&b, "\n%s\n\n%s\n\n%s\n|%s\n", in.about[kind][0], in.about[kind][1], in.columns, strings.Repeat(" --- |", 7))
			for _, e := range answers.Of(kind) {
				where := e.Term
				if e.Column != "" {
					where = strings.TrimPrefix(where+" `"+e.Column+"`", " ")
				}
				code := "`" + e.Code + "`"
				if e.Pattern != "" {
					code += "<br>" + plain(e.Example)
				}
				if len(e.On) > 0 {
					code += "<br>" + strings.Join(e.On, "<br>")
				}
				w := in.words(e)
				fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s: %s |\n", code, plain(w.Means), plain(w.Do), in.who[e.Who], in.again[e.Retry], where, e.Mark, plain(e.Source))
			}
		}
	}
	golden(t, "../../docs/answers.md", b.String())
}

// plain keeps a text from being read as Markdown or HTML, outside of code.
func plain(s string) string {
	parts := strings.Split(s, "`")
	for k := 0; k < len(parts); k += 2 {
		parts[k] = strings.NewReplacer("|", `\|`, "<", "&lt;", "_", `\_`, "*", `\*`).Replace(parts[k])
	}
	return strings.Join(parts, "`")
}

func golden(t *testing.T, file, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != want {
		t.Errorf("%s is not what the data say: go test ./chorus/answers -update (%v)", file, err)
	}
}
