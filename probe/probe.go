// Package probe measures a portal: what the documentation leaves open (docs/chorus-pro.md §12), with few requests, slowly, and in the form of our settings.
// It follows the plan of docs/chorus-pro.md §14.
package probe

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/choriste/choriste/egress"
	"github.com/choriste/choriste/secret"
)

// Config says what is measured. What has no default is required.
type Config struct {
	APIURL, TokenURL string
	ClientID, Scope  string
	ClientSecret     secret.Text
	Login            string
	Password         secret.Text
	Way              egress.Way

	// Document makes an invoice of this number. nil: nothing is deposited.
	Document func(number string) (Document, error)
	Large    bool          // with Document: also two fluxes of 29 and 31 MB
	Burst    int           // requests sent at once to meet the quota; default 25, 0 < Burst ≤ 100
	Pace     time.Duration // between two other requests; default 250 ms
	For      time.Duration // a deposit is followed for so long; default 15 minutes
	Calls    int           // at most so many requests altogether; default 1000

	Progress func(Words) // is told what goes on; nil: nobody
}

// Document is an invoice that may be deposited.
type Document struct {
	File          []byte
	Name, Syntaxe string
}

// Words are a text in both languages.
type Words struct {
	EN string `json:"en"`
	FR string `json:"fr"`
}

// In is the text in one language.
func (w Words) In(lang string) string {
	if lang == "fr" {
		return w.FR
	}
	return w.EN
}

func both(en, fr string, args ...any) Words {
	return Words{fmt.Sprintf(en, args...), fmt.Sprintf(fr, args...)}
}

// The weights of docs/chorus-pro.md that a result may have.
const (
	Measured = "L" // once, at this portal, now
	Unknown  = "-" // it was not measured
)

// Result is the answer to one question.
type Result struct {
	Step     int    `json:"step"`
	Name     string `json:"name"`
	Question Words  `json:"question"`
	Answer   Words  `json:"answer"`
	Setting  string `json:"setting,omitempty"` // NAME=value, as choriste takes it
	Weight   string `json:"weight"`
	Samples  int    `json:"samples"`
	Seen     []Seen `json:"seen,omitempty"` // what the portal said, without secrets
}

// Seen is one answer as it was.
type Seen struct {
	What    string            `json:"what"`
	Status  int               `json:"status"` // 0: none came
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
	TookMS  int64             `json:"took_ms"`
}

// deposits is how many the steps need: 7 one, 8 two, 11 four, 12 one.
const deposits = 8

// Deposits says how many deposits Run will make at most.
func (cfg Config) Deposits() int {
	switch {
	case cfg.Document == nil:
		return 0
	case cfg.Large:
		return deposits + 2
	}
	return deposits
}

func (cfg *Config) defaults() error {
	if cfg.Burst == 0 {
		cfg.Burst = 25
	}
	if cfg.Pace == 0 {
		cfg.Pace = 250 * time.Millisecond
	}
	if cfg.For == 0 {
		cfg.For = 15 * time.Minute
	}
	if cfg.Calls == 0 {
		cfg.Calls = 1000
	}
	if cfg.Progress == nil {
		cfg.Progress = func(Words) {}
	}
	if cfg.Burst < 0 || cfg.Burst > 100 || cfg.Pace < 0 || cfg.For < time.Second || cfg.Calls < 50 {
		return errors.New("the burst is not between 1 and 100, or a bound is too small")
	}
	return nil
}

// run is one measurement under way.
type run struct {
	Config
	portal *caller
	report func(Result)

	supplier int64  // idStructureCPP of the account's first structure
	number   string // of the invoice of step 7
	flux     string
	found    map[string]any // its row, once a search shows it
	measured measured
}

// measured is what settings are made of.
type measured struct {
	deposits, reported, searchable []time.Duration
}

// Run carries out the plan and calls report for each result. Where nothing answers as Chorus Pro does it goes no further than the tokens. An error means that it could not go on; what was reported stands.
func Run(ctx context.Context, cfg Config, report func(Result)) error {
	if err := cfg.defaults(); err != nil {
		return err
	}
	portal, err := newCaller(cfg)
	if err != nil {
		return err
	}
	defer portal.close()
	r := &run{Config: cfg, portal: portal, report: report}
	for _, step := range []struct {
		about Words
		run   func(context.Context) error
	}{
		{Words{"tokens", "jetons"}, r.tokens},
		{Words{"refusals", "refus"}, r.refusals},
		{Words{"a deposit", "un dépôt"}, r.deposit}, // before the searches, so that there is something to be found
		{Words{"the same again", "le même à nouveau"}, r.duplicate},
		{Words{"page sizes", "tailles de page"}, r.pages},
		{Words{"an empty search", "recherche vide"}, r.empty},
		{Words{"the period of change", "période de changement"}, r.period},
		{Words{"a search by a part of the number", "recherche par une partie du numéro"}, r.prefix},
		{Words{"large fluxes", "grands flux"}, r.large},
		{Words{"names of files", "noms de fichier"}, r.names},
		{Words{"a deposit that is cut off", "un dépôt coupé"}, r.cut},
		{Words{"the quota", "le quota"}, r.quota}, // last: whatever it spends is missed by nobody
	} {
		cfg.Progress(step.about)
		var said *Error
		switch err := step.run(ctx); {
		case errors.As(err, &said):
			return err
		case err != nil:
			return fmt.Errorf("%s: %w", step.about.EN, err)
		}
	}
	return nil
}

// Error is why nothing could be measured, or no more.
type Error struct{ Words }

func (e *Error) Error() string { return e.EN }

// unmeasured reports a question whose requests Chorus Pro did not carry out: what such an answer does not hold proves nothing.
func (r *run) unmeasured(step int, name string, question Words, a answer) {
	r.report(Result{
		Step: step, Name: name, Question: question, Weight: Unknown, Samples: 1, Seen: []Seen{a.Seen},
		Answer: a.behind("not measured", "non mesuré"),
	})
}

// skipped reports a question that was not asked.
func (r *run) skipped(step int, name string, question Words) {
	r.report(Result{Step: step, Name: name, Question: question, Weight: Unknown, Answer: Words{
		"not measured: nothing is deposited without an invoice", "non mesuré : rien n'est déposé sans facture",
	}})
}
