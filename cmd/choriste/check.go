package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
	"golang.org/x/term"

	"github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/invoice/rules"
)

type checkCmd struct {
	Files       []string `arg:"" name:"file" help:"Factur-X PDF, CII or UBL files; - is standard input; a directory stands for the .pdf and .xml files in it and below."`
	Account     string   `help:"By the rules of this account, as CHORISTE_ACCOUNTS_FILE has them." default:"default"`
	SyntaxeFlux string   `name:"syntaxe" help:"The syntaxeFlux that is to be declared; by itself it is recognised."`
	Fields      string   `help:"For one PDF without XML: the file with what it says, as JSON (docs/sql.md)." type:"path" placeholder:"FILE"`
	Summary     bool     `help:"Only how often each rule is broken."`
	Content     bool     `help:"With --json: what the file says too, its parties, lines, VAT and totals, in EN 16931's terms (docs/documents.md)."`
}

// checked is what is said of one file.
type checked struct {
	File     string          `json:"file"`
	Syntax   string          `json:"syntax"`
	OK       bool            `json:"ok"`
	Findings []rules.Finding `json:"findings"`
	Error    string          `json:"error,omitempty"` // it could not be read, or was not inserted

	Content *invoice.Content `json:"content,omitempty"` // where it is asked for
}

// unread is what is said of a file that could not be read.
func unread(name string, err error) checked {
	return checked{File: name, Findings: []rules.Finding{}, Error: oneLine(err.Error())}
}

func (c checkCmd) Run(a *app) error {
	collectSooner(a.getenv)
	levels, known, err := levelsOf(a.getenv, c.Account)
	if err != nil {
		return err
	}
	if !known {
		return fmt.Errorf("account %s is not in CHORISTE_ACCOUNTS_FILE: name another one, or leave --account out", c.Account)
	}
	if err := knownSyntaxe(c.SyntaxeFlux); err != nil {
		return err
	}
	if c.Content && (!a.json || c.Summary) {
		return usageError{errors.New("--content is for --json: add it")}
	}
	var fields []byte
	if c.Fields != "" {
		if info, err := os.Stat(c.Files[0]); len(c.Files) > 1 || err == nil && info.IsDir() {
			return usageError{errors.New("--fields is for one file: give it alone")}
		}
		if fields, err = readFields(c.Fields); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(a.ctx)
	defer cancel()
	s := checkSummary{rules: map[string]*summaryRow{}}
	progress := a.progress(c.Summary)
	for result := range c.judge(ctx, fields, rules.Options{SyntaxeFlux: c.SyntaxeFlux, Levels: levels, Now: time.Now()}) {
		r := <-result
		s.add(r)
		progress(s.files)
		switch {
		case a.json && !c.Summary:
			err = a.print(r)
		case r.Error != "":
			a.warnf("choriste: %s: %s\n", r.File, r.Error)
		case c.Summary:
		default:
			a.show(r, a.lang)
		}
		if err != nil {
			return err
		}
	}
	progress(-1)
	if a.ctx.Err() != nil {
		return errors.New("stopped before the end")
	}
	if s.files == 0 {
		return errors.New("there is no file to check: of a directory, .pdf and .xml files are read")
	}
	if c.Summary || s.files > 1 && !a.json {
		if err := s.print(a, a.lang); err != nil {
			return err
		}
	}
	return s.err()
}

// knownSyntaxe refuses a --syntaxe that is none of Chorus Pro's.
func knownSyntaxe(s string) error {
	if s == "" || slices.Contains(invoice.Syntaxes, s) {
		return nil
	}
	return usageError{fmt.Errorf("--syntaxe %s is none of Chorus Pro's: leave it out, or give one of %s", oneLine(s), strings.Join(invoice.Syntaxes, " "))}
}

// Documents in memory share a budget, and so do processors: reading a document takes up to eight times its size.
const (
	checkBudget = 64 << 20
	checkCost   = 8
	checkAhead  = 64 // results that wait for one before them
)

// judge checks the files beside each other and gives the results in their order.
func (c checkCmd) judge(ctx context.Context, fields []byte, o rules.Options) <-chan chan checked {
	results := make(chan chan checked, checkAhead)
	room := semaphore.NewWeighted(checkBudget)
	go func() {
		defer close(results)
		var g errgroup.Group
		g.SetLimit(runtime.GOMAXPROCS(0))
		_ = eachFile(c.Files, func(name string, size int64, err error) error {
			result := make(chan checked, 1)
			select {
			case results <- result:
			case <-ctx.Done():
				return ctx.Err()
			}
			if err != nil {
				result <- unread(name, err)
				return nil
			}
			n := min(size*checkCost, checkBudget)
			if err := room.Acquire(ctx, n); err != nil {
				result <- unread(name, err)
				return err
			}
			g.Go(func() error {
				defer room.Release(n)
				result <- checkFile(name, size, fields, o, c.Content)
				return nil
			})
			return nil
		})
		_ = g.Wait()
	}()
	return results
}

// eachFile calls do for every file that the names stand for, with its size as far as it is known.
func eachFile(names []string, do func(name string, size int64, err error) error) error {
	for _, name := range names {
		if name == "-" {
			if err := do(name, invoice.MaxBytes, nil); err != nil {
				return err
			}
			continue
		}
		if info, err := os.Stat(name); err != nil || !info.IsDir() {
			var size int64
			if err == nil {
				size = info.Size()
			}
			if err := do(name, size, nil); err != nil { // reading it says what is wrong with it
				return err
			}
			continue
		}
		err := filepath.WalkDir(name, func(path string, e fs.DirEntry, err error) error {
			switch ext := strings.ToLower(filepath.Ext(path)); {
			case err != nil:
				return do(path, 0, errors.New("the directory cannot be read"))
			case e.IsDir() || ext != ".xml" && ext != ".pdf":
				return nil
			}
			info, err := e.Info()
			if err != nil {
				return do(path, 0, errors.New("the file cannot be read"))
			}
			return do(path, info.Size(), nil)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// checkFile reads and judges one file.
func checkFile(name string, size int64, fields []byte, o rules.Options, content bool) checked {
	if found := rules.TooLarge(int(size)); found != nil {
		return checked{File: name, Findings: found}
	}
	doc, err := readFile(name)
	if err != nil {
		return unread(name, err)
	}
	return judgeFile(name, doc, fields, o, content)
}

// judgeFile says what the rules say of a document, and of the fields beside it; and what it says itself, where that is asked for.
func judgeFile(name string, doc, fields []byte, o rules.Options, content bool) (r checked) {
	defer func() {
		if broke := recover(); broke != nil { // its value could quote the document
			r = unread(name, errors.New("this file breaks the program that reads it: please report it to the makers of choriste"))
		}
	}()
	var report rules.Report
	if fields != nil {
		report = rules.JudgeFields(fields, doc, o)
	} else {
		report = rules.Judge(doc, o)
	}
	r = checked{File: name, OK: report.OK(), Findings: append([]rules.Finding{}, report.Findings...)}
	if report.Document != nil {
		r.Syntax = report.Document.Syntaxe
		if content {
			r.Content = report.Document.Content()
		}
	}
	return r
}

// checkWords are the labels.
var checkWords = map[string]map[string]string{
	"en": {
		"ok": "ok", "stopped": "is not sent", "error": "error", "warning": "warning", "do": "→", "also": "and with it:", "more": "and %d more", "none": "not an invoice that can be read",
		"rule": "RULE", "severity": "SEVERITY", "files": "FILES", "places": "PLACES", "term": "TERM", "meaning": "MEANING",
		"sum": "%d files: %d may be sent, %d are not sent, %d could not be read\n",
	},
	"fr": {
		"ok": "ok", "stopped": "n'est pas envoyé", "error": "erreur", "warning": "avertissement", "do": "→", "also": "et avec cela :", "more": "et %d autres", "none": "pas une facture lisible",
		"rule": "RÈGLE", "severity": "GRAVITÉ", "files": "FICHIERS", "places": "ENDROITS", "term": "TERME", "meaning": "SENS",
		"sum": "%d fichiers : %d peuvent être envoyés, %d ne sont pas envoyés, %d n'ont pu être lus\n",
	},
}

// show prints what is said of a file for people.
func (a *app) show(r checked, lang string) {
	words := checkWords[lang]
	verdict := words["ok"]
	if !r.OK {
		verdict = words["stopped"]
	}
	a.printf("%s: %s, %s\n", r.File, or(nonEmpty(r.Syntax), words["none"]), verdict)
	a.causes(r.Findings, words, lang)
}

// mostFollowing is how many findings are named that go with another one.
const mostFollowing = 6

// causes prints findings, those with one cause together.
func (a *app) causes(found []rules.Finding, words map[string]string, lang string) {
	for _, c := range rules.Causes(found) {
		a.finding(c.Finding, words, lang)
		if len(c.Follow) == 0 {
			continue
		}
		var also []string
		for _, f := range c.Follow[:min(len(c.Follow), mostFollowing)] {
			what := strings.TrimSpace(f.Code + " " + f.Term)
			if f.Code == c.Code && f.Term == c.Term {
				what = rules.Place(f.Where, lang)
			}
			also = append(also, what)
		}
		if more := len(c.Follow) - len(also); more > 0 {
			also = append(also, fmt.Sprintf(words["more"], more))
		}
		a.printf("      %s %s\n", words["also"], strings.Join(also, ", "))
	}
}

func (a *app) finding(f rules.Finding, words map[string]string, lang string) {
	message, remedy := f.Message, f.Remedy
	if lang == "fr" {
		message, remedy = f.MessageFR, f.RemedyFR
	}
	line := words[string(f.Severity)] + " " + f.Code
	if f.Term != "" {
		line += " " + f.Term
	}
	if f.Value != "" {
		line += fmt.Sprintf(" %q", f.Value)
	}
	a.printf("  %s: %s\n", line, message)
	if f.Where != "" {
		a.printf("      %s\n", rules.Place(f.Where, lang))
	}
	if remedy != "" {
		a.printf("      %s %s\n", words["do"], remedy)
	}
}

func nonEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// progress shows on a terminal how far a long run is, when nothing else does: what is printed goes elsewhere, or comes at the end.
func (a *app) progress(atTheEnd bool) func(n int) {
	errOut, isFile := a.log.(*os.File)
	if !isFile || !term.IsTerminal(int(errOut.Fd())) || !atTheEnd && term.IsTerminal(int(os.Stdout.Fd())) {
		return func(int) {}
	}
	last, shown := time.Now(), false
	return func(n int) {
		switch {
		case n < 0 && shown:
			_, _ = fmt.Fprint(errOut, "\r\x1b[K")
		case n >= 0 && time.Since(last) > time.Second:
			last, shown = time.Now(), true
			_, _ = fmt.Fprintf(errOut, "\r%d…", n)
		}
	}
}
