package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/invoice/rules"
)

// saxon is where Debian's libsaxonhe-java puts it.
const saxon = "/usr/share/java/Saxon-HE.jar"

// checking measures the full check of a document: how many small ones a second of one core's time is enough for, beside Saxon with the official rules where both are here
// (EN16931_XSLT names the folder of cii.xslt and ubl.xslt); what a large one takes; and how soon an application that asks in chorus.checks is answered.
func checking(ctx context.Context, w *workshop) ([]figure, error) {
	w.say("check: small documents …")
	docs, err := smallDocuments(w.size.samples)
	if err != nil {
		return nil, err
	}
	var figures []figure
	rates := map[string]float64{}
	for _, f := range []struct {
		form string
		bar  float64
	}{{"CII", 2000}, {"UBL", 2000}, {"Factur-X", 800}} {
		rate, err := judged(ctx, docs[f.form])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.form, err)
		}
		rates[f.form] = rate
		figures = append(figures, least("check", "small "+f.form+" a second of one core", rate, "", f.bar))
	}
	for _, form := range []string{"CII", "UBL"} {
		rate, err := saxonRate(ctx, w, form, docs[form])
		if err != nil {
			return nil, err
		}
		if rate > 0 {
			figures = append(figures, least("check", form+": as many as Saxon with the official rules, times", rates[form]/rate, "", 10))
		}
	}
	large, err := largeDocument(ctx, w)
	if err != nil {
		return nil, err
	}
	asked, err := asking(ctx, w)
	return append(append(figures, large...), asked...), err
}

// smallDocuments are n good invoices of each form.
func smallDocuments(n int) (map[string][][]byte, error) {
	docs := map[string][][]byte{}
	for k := range n {
		i := invoicetest.Invoice{Numero: numero(k)}
		pdf, err := i.FacturX()
		if err != nil {
			return nil, err
		}
		docs["CII"], docs["UBL"], docs["Factur-X"] = append(docs["CII"], i.CII()), append(docs["UBL"], i.UBL()), append(docs["Factur-X"], pdf)
	}
	return docs, nil
}

// judged is how many documents a second of one core's time is enough for, the collector's included: others may want the same machine.
func judged(ctx context.Context, docs [][]byte) (float64, error) {
	rules.Judge(docs[0], rules.Options{}) // what is made once
	before, n := ownTime(), 0
	for ownTime()-before < time.Second {
		for _, doc := range docs {
			if report := rules.Judge(doc, rules.Options{}); !report.OK() {
				return 0, fmt.Errorf("the sample is refused: %s", report.Findings[0].Code)
			}
		}
		if n += len(docs); ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}
	return float64(n) / (ownTime() - before).Seconds(), nil
}

// saxonRate is how many of the documents Saxon judges in a second of one core's time, its start included; 0 when it is not here.
func saxonRate(ctx context.Context, w *workshop, form string, docs [][]byte) (float64, error) {
	xslt := filepath.Join(os.Getenv("EN16931_XSLT"), map[string]string{"CII": "cii.xslt", "UBL": "ubl.xslt"}[form])
	_, errJava := exec.LookPath("java")
	_, errSaxon := os.Stat(saxon)
	_, errRules := os.Stat(xslt)
	if missing := errors.Join(errJava, errSaxon, errRules); missing != nil {
		w.say("check: %s is not compared with Saxon: java, %s (libsaxonhe-java) or the official rules (EN16931_XSLT) are not here", form, saxon)
		return 0, nil
	}
	w.say("check: %d %s by Saxon …", len(docs), form)
	in, out := filepath.Join(w.dir, form+"-in"), filepath.Join(w.dir, form+"-out")
	for _, dir := range []string{in, out} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return 0, err
		}
	}
	for k, doc := range docs {
		if err := os.WriteFile(filepath.Join(in, fmt.Sprintf("%06d.xml", k)), doc, 0o600); err != nil {
			return 0, err
		}
	}
	java := exec.CommandContext(ctx, "java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=4", "-cp", saxon, "net.sf.saxon.Transform", "-s:"+in, "-xsl:"+xslt, "-o:"+out)
	if text, err := java.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("saxon: %w: %s", err, text)
	}
	return float64(len(docs)) / (java.ProcessState.UserTime() + java.ProcessState.SystemTime()).Seconds(), nil
}

// largeDocument checks one of nearly 10 MB in this process, for the time, and by `choriste check`, for the memory.
func largeDocument(ctx context.Context, w *workshop) ([]figure, error) {
	w.say("check: a large document …")
	lines := func(n int) []byte {
		i := invoicetest.Invoice{Numero: "LARGE", Lignes: make([]invoicetest.Ligne, n)}
		for k := range i.Lignes {
			i.Lignes[k].PrixUnitaire = decimal.NewNullDecimal(decimal.New(int64(k%1000+1), -2))
		}
		return i.CII()
	}
	const some = 100
	doc := lines(w.size.large * some / len(lines(some))) // no larger, since what is no line counts as one here
	before := ownTime()
	report := rules.Judge(doc, rules.Options{})
	took := ownTime() - before
	if !report.OK() {
		return nil, fmt.Errorf("the large sample is refused: %s", report.Findings[0].Code)
	}
	file := filepath.Join(w.dir, "large.xml")
	if err := os.WriteFile(file, doc, 0o600); err != nil {
		return nil, err
	}
	check := exec.CommandContext(ctx, filepath.Join(w.dir, "choriste"), "check", file)
	check.Env = []string{"PATH=" + os.Getenv("PATH")}
	var said bytes.Buffer
	check.Stdout, check.Stderr = &said, &said
	if err := check.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- check.Wait() }()
	var most int64
	for running := true; running; {
		select {
		case err := <-ended:
			if err != nil {
				return nil, fmt.Errorf("choriste check: %w: %s", err, said.Bytes())
			}
			running = false
		case <-time.After(2 * time.Millisecond):
			most = max(most, peakMemory(check.Process.Pid))
		}
	}
	peak, size := float64(most)/(1<<20), float64(len(doc))/(1<<20)
	return []figure{
		fact("check", "large document", size, "MB"),
		bar("check", "large document, one core's time", took.Seconds(), "s", 1),
		fact("check", "large document, peak memory", peak, "MB"),
		bar("check", "peak memory beyond four times the document", peak-4*size, "MB", 40),
	}, nil
}

// asking asks in chorus.checks at random moments, as an application does before its commit, and reads how long after the INSERT each answer was there.
func asking(ctx context.Context, w *workshop) ([]figure, error) {
	p, err := w.plant(ctx)
	if err != nil {
		return nil, err
	}
	n := w.size.warmUp + w.size.samples
	w.say("check: %d questions, about %.0f s …", n, (time.Duration(n) * w.size.every).Seconds())
	took, err := ask(ctx, p, n, w.size.every)
	if _, stopped := p.stop(); err == nil {
		err = stopped
	}
	if err != nil {
		return nil, err
	}
	took = took[w.size.warmUp:]
	slices.Sort(took)
	return []figure{
		fact("check", "INSERT to answer, p50", percentile(took, 50), "ms"),
		bar("check", "INSERT to answer, p99", percentile(took, 99), "ms", 1000),
		fact("check", "INSERT to answer, max", took[len(took)-1], "ms"),
	}, nil
}

// ask returns the milliseconds that each answer took, in the order of the questions.
func ask(ctx context.Context, p *plant, n int, every time.Duration) ([]float64, error) {
	for k := range n {
		if _, err := p.app.Exec(ctx, `INSERT INTO chorus.checks (document) VALUES ($1)`, document(k)); err != nil {
			return nil, err
		}
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		rows, err := p.app.Query(ctx, `SELECT extract(epoch FROM done_at - created_at)::float8 * 1000 FROM chorus.checks WHERE done_at IS NOT NULL ORDER BY id`)
		if err != nil {
			return nil, err
		}
		took, err := pgx.CollectRows(rows, pgx.RowTo[float64])
		if err != nil || len(took) == n {
			return took, err
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("only %d of %d questions were answered", len(took), n)
		}
	}
}
