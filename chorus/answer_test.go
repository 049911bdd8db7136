package chorus

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// hostileAnswers cost much more memory than their bytes when they are built whole. All are successes as far as their first keys go. What may be wrong with a list is in one
// list each, or in every one.
func hostileAnswers(everyList bool) map[string]func() string {
	object := func(rest string) string {
		return `{"codeRetour":0,"idFacture":1,"statutCourantCode":"X","etatCourantDepotFlux":"IN_INTEGRE","identifiantFactureCPP":1,"pieceJointeId":1,` + rest + `}`
	}
	many := func(part string, bytes int) string {
		return strings.TrimSuffix(strings.Repeat(part+",", bytes/(len(part)+1)), ",")
	}
	var keys strings.Builder
	for i := range 600_000 {
		fmt.Fprintf(&keys, `"%x":0,`, i)
	}
	m := map[string]func() string{
		"keys":      func() string { return object(strings.TrimSuffix(keys.String(), ",")) },
		"unknown":   func() string { return object(`"x":[` + many(`{"a":[1]}`, 7<<20) + `]`) },
		"text":      func() string { return object(`"libelle":"` + strings.Repeat("a", 7<<20) + `"`) },
		"number":    func() string { return object(`"montantTTC":` + strings.Repeat("9", 7<<20)) },
		"deep":      func() string { return object(`"x":` + strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000)) },
		"deeper":    func() string { return object(`"x":` + strings.Repeat("[", 3<<20) + strings.Repeat("]", 3<<20)) },
		"open":      func() string { return strings.Repeat(`{"a":`, 1<<20) },
		"too large": func() string { return object(`"listeFactures":[` + many(`{}`, 12<<20) + `]`) },
	}
	lists := []string{"listeFactures", "listeErreurDP", "listeErreurTechnique", "listeStructures"}
	for k, kind := range []struct {
		name string
		rows func() string // made when it is asked for: what is kept meanwhile lets the heap grow by as much again
	}{
		{"rows of ", func() string { return many(`{}`, 7<<20) }},
		{"objects of ", func() string {
			return many(`{"identifiantFactureCPP":1,"statut":"`+strings.Repeat("x", 900)+`"}`, 7<<20)
		}},
		{"wide rows of ", func() string { return `{` + strings.TrimSuffix(keys.String(), ",") + `}` }},
		{"lists in ", func() string { return many(`[]`, 7<<20) }},
	} {
		for l, list := range lists {
			if everyList || l == k {
				m[kind.name+list] = func() string { return object(`"` + list + `":[` + kind.rows() + `]`) }
			}
		}
	}
	m["statuts"] = func() string {
		return object(`"historiquesDesStatuts":{"histoStatut":[` + many(`{}`, 7<<20) + `],"pagesHistoStatut":1}`)
	}
	return m
}

// TestHostileAnswersCostTheirBytes: every operation, each answer, sixteen at a time, and memory stays within what large answers may take together.
func TestHostileAnswersCostTheirBytes(t *testing.T) {
	costTheirBytes(t, hostileAnswers(false))
}

func costTheirBytes(t *testing.T, answers map[string]func() string) {
	var body atomic.Pointer[string]
	client := newPortal(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, *body.Load()) }).client(t)
	calls := []func() error{
		func() error { _, err := client.Search(t.Context(), LaneSync, Query{}); return err },
		func() error { _, err := client.Report(t.Context(), LaneReport, "CPP1"); return err },
		func() error { _, err := client.History(t.Context(), LaneSync, 1); return err },
		func() error { _, err := client.Structures(t.Context(), LaneSync); return err },
		func() error { _, err := client.FindStructure(t.Context(), LaneSync, "1"); return err },
		func() error { _, _, err := client.Services(t.Context(), LaneSync, 1); return err },
		func() error { _, err := client.ServiceNeedsEngagement(t.Context(), LaneSync, 1, 2); return err },
		func() error { _, err := client.EngagementKnown(t.Context(), LaneSync, 1, "E"); return err },
		func() error { _, err := client.Structure(t.Context(), LaneSync, 1); return err },
		func() error { return client.Health(t.Context()) },
	}
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	peak := watchHeap(t)
	for name, answer := range answers {
		text := answer()
		body.Store(&text)
		began := time.Now()
		var all sync.WaitGroup
		for _, call := range calls {
			all.Go(func() { _ = call() })
		}
		all.Wait()
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("%s: %s", name, took)
		}
	}
	if most := peak() - before.HeapAlloc; most > 160<<20 {
		t.Errorf("%d MiB were held at once", most>>20)
	}
}

// watchHeap returns how large the heap was at most since it was called.
func watchHeap(t *testing.T) func() uint64 {
	done, most := make(chan struct{}), make(chan uint64)
	go func() {
		var m runtime.MemStats
		var peak uint64
		for {
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
			select {
			case <-done:
				most <- peak
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	t.Helper()
	return func() uint64 { close(done); return <-most }
}

// TestAnswersBeyondTheLimits: each ends as an unreadable answer, never as a success.
func TestAnswersBeyondTheLimits(t *testing.T) {
	for name, body := range map[string]string{
		"rows":  `{"codeRetour":0,"listeFactures":[` + strings.Repeat("{},", maxRows) + `{}]}`,
		"depth": `{"codeRetour":0,"listeFactures":[],"x":` + strings.Repeat("[", maxNesting) + strings.Repeat("]", maxNesting) + `}`,
		"keys":  `{"codeRetour":0,"listeFactures":[` + wide(maxKeys+1) + `]}`,
	} {
		client := newPortal(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }).client(t)
		if _, err := client.Search(t.Context(), LaneSync, Query{}); FaultOf(err) != FaultPortal && FaultOf(err) != FaultUnknown {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A search whose pages never end, ends.
	full := `{"codeRetour":0,"listeFactures":[` + strings.Repeat("{},", maxRows-1) + `{}]}`
	client := newPortal(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, full) }).client(t)
	if l, err := client.Search(t.Context(), LaneSync, Query{}); err != nil || l.Complete || len(l.Factures) != maxListing+maxRows {
		t.Errorf("%d rows, complete: %t, %v", len(l.Factures), l.Complete, err)
	}
}

func wide(n int) string {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, `,"k%d":1`, i)
	}
	return "{" + b.String()[1:] + "}"
}

// TestTextsAreFitForTheDatabase: what PostgreSQL refuses in a text or JSON cannot show a time in never comes out of an answer.
func TestTextsAreFitForTheDatabase(t *testing.T) {
	hostile := "\\u0000\x00a\xff\xfe\\ud800 \\u202e\\u001b[31m é" + strings.Repeat("é", 2000)
	o, err := parseAnswer([]byte(`{"libelle":"`+strings.ReplaceAll(hostile, "\x00", "")+`","d":"9999-12-31T23:59:59Z","z":"0000-01-01","n":1e400}`), redactor{})
	if err != nil {
		t.Fatal(err)
	}
	text := o.text("libelle")
	if strings.ContainsAny(text, "\x00\x1b\u202e") || strings.ToValidUTF8(text, "") != text || len(text) > maxText || !strings.HasSuffix(text, "…") {
		t.Errorf("%q", text)
	}
	for _, key := range []string{"d", "z"} {
		if d := o.date(key); !d.Time.IsZero() || d.Raw == "" {
			t.Errorf("%s: %v", key, d)
		}
	}
	if m := o.money("n"); m.Valid {
		t.Errorf("money %v", m.Decimal.Exponent())
	}
}
