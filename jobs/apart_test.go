package jobs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/invoice/rules"
)

// The texts of documents that break the process which reads them, in the ways in which one can.
const (
	breaksKilled   = "breaks: killed"
	breaksStack    = "breaks: stack"
	breaksMemory   = "breaks: memory"
	breaksAsked    = "breaks: asked"
	breaksSilently = "breaks: silently"
)

// TestMain lets the test's own program be the reader that readApart starts.
func TestMain(m *testing.M) {
	declared, child := os.LookupEnv(readEnv)
	if !child {
		apartReady = true
		os.Exit(m.Run())
	}
	doc, _ := io.ReadAll(os.Stdin)
	switch strings.TrimPrefix(string(doc), "{}") { // fields come first
	case breaksKilled:
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case breaksStack:
		limitReader()
		deeper(nil)
	case breaksMemory:
		limitReader()
		for all := [][]byte{}; ; {
			all = append(all, bytes.Repeat([]byte("x"), 16<<20))
		}
	case breaksAsked:
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
		time.Sleep(time.Minute)
	case breaksSilently:
		os.Exit(0)
	}
	if ReadFor(bytes.NewReader(doc), os.Stdout, declared) != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

func deeper(b []byte) int { return deeper(append(b, make([]byte, 1000)...)) + 1 } //nolint:staticcheck // it is meant to overflow the stack

// TestReadApart: what is read in another process is what is read in this one, and one that dies of a document condemns it, unless somebody ended it.
func TestReadApart(t *testing.T) {
	i := invoicetest.Invoice{Numero: "F-7"}
	pdf, err := i.FacturX()
	if err != nil {
		t.Fatal(err)
	}
	for name, doc := range map[string][]byte{"UBL": i.UBL(), "CII": i.CII(), "Factur-X": pdf, "nothing": []byte("hello")} {
		facts, problems, err := readApart(t.Context(), doc, nil, rules.Options{})
		want, wantProblems := read(doc, nil, rules.Options{})
		if err != nil || facts.NumeroFacture != want.NumeroFacture || !facts.MontantTTC.Decimal.Equal(want.MontantTTC.Decimal) || !facts.DateFacture.Equal(want.DateFacture) ||
			len(problems) != len(wantProblems) || len(problems) > 0 && problems[0] != wantProblems[0] {
			t.Errorf("%s: %+v, %v, %v; want %+v, %v", name, facts, problems, err, want, wantProblems)
		}
	}
	for _, doc := range []string{breaksKilled, breaksStack, breaksMemory, breaksSilently} {
		began := time.Now()
		if _, _, err := readApart(t.Context(), []byte(doc), nil, rules.Options{}); !errors.Is(err, errDied) {
			t.Errorf("%s: %v", doc, err)
		}
		if took := time.Since(began); took > apartTimeout+5*time.Second {
			t.Errorf("%s: %s", doc, took)
		}
	}
	if _, _, err := readApart(t.Context(), []byte(breaksAsked), nil, rules.Options{}); err == nil || errors.Is(err, errDied) {
		t.Errorf("asked to end: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := readApart(ended, i.UBL(), nil, rules.Options{}); err != nil && errors.Is(err, errDied) {
		t.Errorf("at a shutdown: %v", err)
	}
}

// TestDocumentsWaitForEachOther: small ones pass, large ones share what there is, and one that needs it all goes alone.
func TestDocumentsWaitForEachOther(t *testing.T) {
	const soon = 20 * time.Millisecond
	all, ok := hold(t.Context(), invoice.MaxBytes, costOfReading, soon)
	if !ok {
		t.Fatal("the first one waits")
	}
	if small, ok := hold(t.Context(), smallDocument, costOfReading, soon); !ok {
		t.Error("a small one waits")
	} else {
		small()
	}
	if _, ok := hold(t.Context(), smallDocument+1, costOfSending, soon); ok {
		t.Error("two go where there is room for one")
	}
	all()
	var held []func()
	for {
		release, ok := hold(t.Context(), invoice.MaxBytes, costOfSending, soon)
		if !ok {
			break
		}
		held = append(held, release)
	}
	if len(held) != 3 {
		t.Errorf("%d deposits of 10 MB at once, want 3", len(held))
	}
	for _, release := range held {
		release()
	}
	if p := invoice.TooLarge(invoice.MaxBytes + 1); p == nil || !strings.Contains(p.Message, "10 MB") {
		t.Errorf("%v", p)
	}
}

// TestFieldsDoNotSpareADocumentFromBeingReadApart: the PDF beside fields is opened too, and may break whoever opens it.
func TestFieldsDoNotSpareADocumentFromBeingReadApart(t *testing.T) {
	_, _, err := readApart(t.Context(), []byte(breaksKilled), []byte("{}"), rules.Options{})
	if !errors.Is(err, errDied) {
		t.Errorf("read as %v", err)
	}
	i := invoicetest.Invoice{Numero: "F-8"}
	pdf, err := i.PDF()
	if err != nil {
		t.Fatal(err)
	}
	if facts, found, err := readApart(t.Context(), pdf, i.Fields(), rules.Options{}); err != nil || len(found) > 0 || facts.NumeroFacture != "F-8" || facts.Syntaxe != invoice.SyntaxePDF {
		t.Errorf("%+v, %v, %v", facts, found, err)
	}
}
