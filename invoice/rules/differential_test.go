package rules

import (
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/choriste/choriste/invoice/tree"
)

var (
	mutants = flag.Int("mutants", 60, "documents of each kind that TestDifferential makes by chance")
	every   = flag.Int("every", 8, "TestDifferential takes each of so many of the systematic documents; 1: all")
	seed    = flag.Uint64("seed", 1, "decides what TestDifferential makes")
	foreign = flag.String("documents", "", "a folder of invoices (XML) that TestDifferential judges as well")
)

// saxon is where Debian's libsaxonhe-java puts it.
const saxon = "/usr/share/java/Saxon-HE.jar"

// judges finds the official rules: beside the repository, or where EN16931_XSLT says. They are not part of it.
func judges() string {
	for _, dir := range []string{os.Getenv("EN16931_XSLT"), filepath.Join("..", "..", "..", "shared", "en16931")} {
		if _, err := os.Stat(filepath.Join(dir, "ubl.xslt")); err == nil && dir != "" {
			return dir
		}
	}
	return ""
}

// TestDifferential holds our verdicts against those of the official schematron, rule by rule, on documents with mistakes put in. Where Java, Saxon or the
// official rules are missing there is nothing to compare with; the other tests of this package need none of them.
func TestDifferential(t *testing.T) {
	rules := judges()
	_, errJava := exec.LookPath("java")
	_, errSaxon := os.Stat(saxon)
	if rules == "" || errJava != nil || errSaxon != nil {
		t.Log("nothing to compare with: java, Saxon (libsaxonhe-java) or the official rules are not here")
		return
	}
	chance := rand.New(rand.NewPCG(*seed, 0))
	made := map[string]map[string]string{"ubl": {}, "cii": {}}
	for _, base := range []string{"rich-ubl", "rich-cii", "plain-ubl-creditnote"} {
		kind := "ubl"
		if strings.Contains(base, "cii") {
			kind = "cii"
		}
		text, err := os.ReadFile(filepath.Join("testdata", base+".xml"))
		if err != nil {
			t.Fatal(err)
		}
		all := systematic(t, text)
		for i, name := range slices.Sorted(maps.Keys(all)) {
			if i%*every == 0 {
				made[kind][base+"-"+name] = all[name]
			}
		}
		for n := range *mutants {
			doc := mustParse(t, text)
			for range 1 + chance.IntN(3) {
				mutate(doc, chance)
			}
			made[kind][fmt.Sprintf("%s-r%05d", base, n)] = write(doc)
		}
	}
	if *foreign != "" {
		for name, text := range documentsIn(t, *foreign) {
			doc, err := parseTest([]byte(text))
			if err != nil {
				continue
			}
			made[map[string]string{"u": "ubl", "c": "cii"}[kindOf(doc)]]["foreign-"+name] = text
		}
	}
	fired := map[string]int{}
	for kind, docs := range made {
		compareWith(t, filepath.Join(rules, kind+".xslt"), docs, fired)
	}
	never := slices.DeleteFunc(ids(), func(id string) bool { return fired[id] > 0 })
	t.Logf("%d rules fired; never: %v", len(fired), never)
}

// systematic breaks each element of a document once in each of a few ways.
func systematic(t *testing.T, text []byte) map[string]string {
	made := map[string]string{"as-it-is": string(text)}
	count := len(elementsOf(mustParse(t, text).Root))
	for i := range count {
		for way, change := range map[string]func(*element){
			"without": remove,
			"twice":   repeat,
			"blank": func(e *element) {
				if len(e.Kids) == 0 && !isNumber(e) && !isBoolean(e) && !isDate(e) {
					e.Text = " "
				}
			},
			"bare": func(e *element) { e.Attrs = nil },
			"odd":  odd,
			"odd-attributes": func(e *element) {
				for i := range e.Attrs {
					e.Attrs[i].Value = "XX"
				}
			},
		} {
			doc := mustParse(t, text)
			change(elementsOf(doc.Root)[i])
			made[fmt.Sprintf("%s-%03d", way, i)] = write(doc)
		}
	}
	// What a rule refuses, or allows once, is put in at the first place where the rule looks.
	groups := ublGroups
	if kindOf(mustParse(t, text)) == "c" {
		groups = ciiGroups
	}
	for _, g := range groups {
		for _, r := range g.rules {
			doc := mustParse(t, text)
			e := firstIn(doc, g)
			if e == nil {
				continue
			}
			if name := strings.TrimPrefix(attrNames[r.id], "@"); name != "" {
				setAttr(e, name, "x")
			} else if r.at != "" {
				put(e, strings.Split(r.at, "/"))
				put(e, strings.Split(r.at, "/"))
			}
			made["against-"+r.id] = write(doc)
		}
	}
	return made
}

// odd writes what is of the element's kind and cannot be right: too many decimals, a day of another century, the other answer, a code that there is not.
func odd(e *element) {
	switch {
	case len(e.Kids) > 0:
	case isBoolean(e):
		e.Text = map[string]string{"true": "false", "false": "true"}[e.Text]
	case isDate(e) && strings.Contains(e.Text, "-"):
		e.Text = "1901-01-31"
	case strings.HasSuffix(e.Name, "DateTimeString"):
		e.Text = "19010131"
	case isNumber(e):
		e.Text = "-3.1416"
	default:
		e.Text = "XX"
	}
}

// firstIn is the first element that a group looks at; nil if there is none.
func firstIn(t *document, g group) *element {
	for _, name := range g.on {
		for _, e := range t.elements(name) {
			if g.when == nil || g.when(e) {
				return e
			}
		}
	}
	return nil
}

// put adds a leaf below e, at a path whose last step is always new; a leaf that is there already is repeated.
func put(e *element, path []string) {
	if x := e.One(path[0]); x != nil {
		if len(path) > 1 {
			put(x, path[1:])
		} else {
			repeat(x)
		}
		return
	}
	x := &element{Name: path[0], Parent: e}
	e.Kids = append(e.Kids, x)
	if len(path) > 1 {
		put(x, path[1:])
	}
}

// parseTest reads a document as UBL or CII, whatever its own element is.
func parseTest(text []byte) (*document, error) {
	t, err := tree.Parse(text, func(xml.Name) error { return nil })
	return newDocument(t), err
}

func mustParse(t *testing.T, text []byte) *document {
	t.Helper()
	doc, err := parseTest(text)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func documentsIn(t *testing.T, dir string) map[string]string {
	made := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".xml" {
			return err
		}
		b, err := os.ReadFile(path)
		made[strings.ReplaceAll(strings.TrimPrefix(path, dir), "/", "_")] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// compareWith judges the documents both ways and says where the verdicts part.
func compareWith(t *testing.T, xslt string, docs map[string]string, fired map[string]int) {
	t.Helper()
	in, out := t.TempDir(), t.TempDir()
	for name, text := range docs {
		if err := os.WriteFile(filepath.Join(in, name+".xml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("java", "-cp", saxon, "net.sf.saxon.Transform", "-s:"+in, "-xsl:"+xslt, "-o:"+out)
	_ = cmd.Run() // it fails where one document has no verdict; the others have theirs
	known := map[string]bool{}
	for _, id := range ids() {
		known[id] = true
	}
	var judged, found, missed, invented int
	missing, extra := map[string][]string{}, map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(docs)) {
		want, err := verdict(filepath.Join(out, name+".xml"))
		if err != nil {
			continue // no verdict there
		}
		judged++
		doc, err := parseTest([]byte(docs[name]))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := map[string]bool{}
		for _, f := range check(doc) {
			got[f.Code] = true
		}
		for id := range want {
			fired[id]++
			if got[id] {
				found++
			} else {
				missed++
				missing[id] = append(missing[id], name)
			}
		}
		for id := range got {
			if !want[id] {
				invented++
				extra[id] = append(extra[id], name)
			}
		}
	}
	t.Logf("%s: %d documents judged of %d; verdicts found %d, missed %d, invented %d", filepath.Base(xslt), judged, len(docs), found, missed, invented)
	for what, list := range map[string]map[string][]string{"missed": missing, "invented": extra} {
		for _, id := range slices.Sorted(maps.Keys(list)) {
			if keep := os.Getenv("KEEP_MUTANTS"); keep != "" {
				_ = os.WriteFile(filepath.Join(keep, what+"-"+id+".xml"), []byte(docs[list[id][0]]), 0o600)
			}
			t.Errorf("%s %s in %d documents, as %s", what, id, len(list[id]), list[id][0])
		}
	}
	if judged < len(docs)/3 {
		t.Errorf("only %d of %d documents could be judged", judged, len(docs))
	}
}

// verdict reads the rules that a document breaks, fatally, out of the judge's report.
func verdict(file string) (map[string]bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	fatal := map[string]bool{}
	dec := xml.NewDecoder(f)
	whole := false
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) && whole {
			return fatal, nil
		}
		if err != nil {
			return nil, err
		}
		whole = true // an empty file is what the judge leaves where it fails itself
		e, ok := token.(xml.StartElement)
		if !ok || e.Name.Local != "failed-assert" {
			continue
		}
		var id, flagged string
		for _, a := range e.Attr {
			switch a.Name.Local {
			case "id":
				id = a.Value
			case "flag":
				flagged = a.Value
			}
		}
		if flagged == "fatal" {
			fatal[id] = true
		}
	}
}

// ids lists every rule, once.
func ids() []string {
	all := map[string]bool{}
	for _, groups := range [][]group{ublGroups, ciiGroups} {
		for _, g := range groups {
			for _, r := range g.rules {
				all[r.id] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// TestEveryRuleHasItsTexts: no finding goes out without words in both languages and a remedy.
func TestEveryRuleHasItsTexts(t *testing.T) {
	t.Parallel()
	for _, id := range ids() {
		x, ok := texts[id]
		if !ok || x.en == "" || x.fr == "" || x.remedy == "" || x.remedyFR == "" {
			t.Errorf("%s lacks words: %+v", id, x)
		}
		if strings.ContainsAny(x.en+x.fr, "%") {
			t.Errorf("%s has a gap left in its words: %+v", id, x)
		}
	}
}
