package annuaire_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/choriste/choriste/chorus/annuaire"
)

// pack makes a zip of a file.
func pack(t testing.TB, name string, write func(w io.Writer)) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	write(w)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func text(s string) func(io.Writer) { return func(w io.Writer) { _, _ = io.WriteString(w, s) } }

// read gives each entry as a line.
func read(t testing.TB, file []byte) (lines []string, counts annuaire.Counts, err error) {
	t.Helper()
	says := func(b *bool) string {
		if b == nil {
			return "?"
		}
		return fmt.Sprint(*b)[:1]
	}
	counts, err = annuaire.Read(t.Context(), file, func(e annuaire.Entry) error {
		line := e.SIRET + " " + e.Name + " " + says(e.Active) + says(e.ServiceRequired) + says(e.EngagementRequired) + says(e.EitherRequired)
		for _, s := range e.Services {
			line += fmt.Sprintf(" [%s %s %s%s]", s.Code, s.Name, fmt.Sprint(s.Active)[:1], says(s.EngagementRequired))
		}
		lines = append(lines, line)
		return nil
	})
	return lines, counts, err
}

const structures = `<?xml version="1.0" encoding="%s"?>
<a:Annuaire xmlns:a="urn:a"><a:Structures>
 <a:Structure><a:TypeIdentifiant>1</a:TypeIdentifiant><a:Identifiant>21750001600019</a:Identifiant><a:RaisonSociale>MAIRIE D'ÉVRY</a:RaisonSociale>
  <a:GestionStatutMiseEnPaiement>false</a:GestionStatutMiseEnPaiement><a:GestionEngagement>true</a:GestionEngagement><a:GestionService>false</a:GestionService>
  <a:GestionServiceEngagement>false</a:GestionServiceEngagement><a:StructureActive>true</a:StructureActive><a:Adresse><a:CodePostal>91000</a:CodePostal></a:Adresse>
  <a:Services><a:Service><a:Code>S-1</a:Code><a:Nom>Un</a:Nom><a:GestionEGMT>true</a:GestionEGMT><a:ServiceActif>false</a:ServiceActif></a:Service>
   <a:Service><a:Code>S-2</a:Code><a:Nom/></a:Service></a:Services></a:Structure>
 <a:Structure><a:Identifiant>99999999700049</a:Identifiant><a:StructureActive>0</a:StructureActive></a:Structure>
 <a:Structure><a:Identifiant>PARTICULIER-1</a:Identifiant><a:StructureActive>1</a:StructureActive></a:Structure>
</a:Structures></a:Annuaire>`

const (
	evry      = "21750001600019 MAIRIE D'ÉVRY tftf [S-1 Un ft] [S-2  t?]"
	dissolved = "99999999700049  f???"
)

func utf16le(s string) string {
	b := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

// TestRead: the names of the public directory, as XML and CSV, in the encodings that are met.
func TestRead(t *testing.T) {
	latin := strings.NewReplacer("É", "\xc9").Replace
	table := "TypeIdentifiant;Identifiant;RaisonSociale;EmetteurEdi;GestionEngagement;GestionService;GestionServiceEngagement;StructureActive;Adresse\r\n" +
		"1;21750001600019;MAIRIE D'ÉVRY;false;true;false;false;true;\"1; rue\r\nX\"\r\n" + "1;99999999700049;;;;;;FALSE;\r\n"
	short := "21750001600019 MAIRIE D'ÉVRY tftf"
	for name, x := range map[string]struct {
		file string
		in   string
		want []string
	}{
		"XML":              {"a.xml", fmt.Sprintf(structures, "UTF-8"), []string{evry, dissolved}},
		"XML with a mark":  {"a.xml", "\ufeff" + fmt.Sprintf(structures, "UTF-8"), []string{evry, dissolved}},
		"XML in Latin-1":   {"a.XML", latin(fmt.Sprintf(structures, "ISO-8859-1")), []string{evry, dissolved}},
		"XML in UTF-16":    {"a.xml", utf16le(fmt.Sprintf(structures, "UTF-16")), []string{evry, dissolved}},
		"CSV":              {"d/a.csv", table, []string{short, dissolved}},
		"CSV with a mark":  {"a.csv", "\ufeff" + table, []string{short, dissolved}},
		"CSV in Windows's": {"a.csv", latin(table), []string{short, dissolved}},
		"CSV in UTF-16":    {"a.csv", utf16le(table), []string{short, dissolved}},
		"CSV of services":  {"a.txt", "Identifiant,RaisonSociale,Code,Nom,GestionEGMT,ServiceActif\n21750001600019,M,S-1,\"Un, deux\",True,False\n", []string{"21750001600019 M ???? [S-1 Un, deux ft]"}},
	} {
		lines, _, err := read(t, pack(t, x.file, text(x.in)))
		if err != nil || strings.Join(lines, "\n") != strings.Join(x.want, "\n") {
			t.Errorf("%s: %v\n%s", name, err, strings.Join(lines, "\n"))
		}
	}
}

// TestHostileFiles: each is refused, and costs no more than its limits.
func TestHostileFiles(t *testing.T) {
	annuaire.Lower(t, 16<<20, 30_000)
	whole := pack(t, "a.xml", text(fmt.Sprintf(structures, "UTF-8")))
	corrupt := bytes.Clone(whole)
	corrupt[60] ^= 0xff
	many := func(n int, piece string) func(io.Writer) {
		return func(w io.Writer) {
			for range n {
				_, _ = io.WriteString(w, piece)
			}
		}
	}
	files := func(n int) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for k := range n {
			_, _ = z.Create(fmt.Sprint(k, ".csv"))
		}
		_ = z.Close()
		return b.Bytes()
	}
	for name, x := range map[string]struct {
		file []byte
		want string
	}{
		"empty":             {nil, "whole zip"},
		"not a zip":         {[]byte("<html>maintenance</html>"), "whole zip"},
		"a zip cut":         {whole[:len(whole)-30], "whole zip"},
		"a zip damaged":     {corrupt, ""},
		"too many files":    {files(101), "100 files"},
		"no known file":     {pack(t, "a.xlsx", text("x")), "no recipient"},
		"other names":       {pack(t, "a.csv", text("siret;denomination\n21750001600019;MAIRIE\n")), "no recipient"},
		"nothing of use":    {pack(t, "a.csv", text("Identifiant;StructureActive\n21750001600019;peut-être\n")), "no recipient"},
		"XML cut":           {pack(t, "a.xml", text(fmt.Sprintf(structures, "UTF-8")[:900])), "XML"},
		"not XML":           {pack(t, "a.xml", text("Identifiant;StructureActive\n21750001600019;1")), ""},
		"another encoding":  {pack(t, "a.xml", text(fmt.Sprintf(structures, "EBCDIC-1047"))), "XML"},
		"not what it says":  {pack(t, "a.xml", text(strings.ReplaceAll(fmt.Sprintf(structures, "UTF-8"), "É", "\xc9"))), "XML"},
		"crossed elements":  {pack(t, "a.xml", text("<a><b></a></b>")), "XML"},
		"entities":          {pack(t, "a.xml", text(`<!DOCTYPE a [<!ENTITY b "c">]><a><Identifiant>&b;</Identifiant></a>`)), "XML"},
		"deep":              {pack(t, "a.xml", many(1000, "<a>")), "nested"},
		"a long text":       {pack(t, "a.xml", func(w io.Writer) { text("<a>")(w); many(64, strings.Repeat("x", 1<<14))(w) }), "64 KiB"},
		"a long attribute":  {pack(t, "a.xml", func(w io.Writer) { text(`<a b="`)(w); many(64, strings.Repeat("x", 1<<14))(w) }), "64 KiB"},
		"a long line":       {pack(t, "a.csv", func(w io.Writer) { text("Identifiant;Nom\n1;")(w); many(64, strings.Repeat("x", 1<<14))(w) }), "64 KiB"},
		"a quote not ended": {pack(t, "a.csv", func(w io.Writer) { text("Identifiant;Nom\n\"1")(w); many(1<<16, "x\n\n;")(w) }), "64 KiB"},
		"many services": {pack(t, "a.xml", func(w io.Writer) {
			text("<a><b><Identifiant>21750001600019</Identifiant>")(w)
			many(20_001, "<Service><Code>1</Code></Service>")(w)
		}), "20,000"},
		"many recipients": {pack(t, "a.csv", func(w io.Writer) {
			text("Identifiant;StructureActive\n")(w)
			many(30_001, "21750001600019;1\n")(w)
		}), "1,000,000"},
		"a bomb": {pack(t, "a.xml", func(w io.Writer) { text("<a>")(w); many(1<<8+1, "<!--"+strings.Repeat(" ", 1<<16-7)+"-->")(w) }), "1 GiB"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := read(t, x.file)
			var refused annuaire.Refused
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), x.want) {
				t.Errorf("%v, want %q", err, x.want)
			}
		})
	}

	// What is not the file's fault is given as it is.
	if _, err := annuaire.Read(t.Context(), whole, func(annuaire.Entry) error { return io.ErrClosedPipe }); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("yield's error: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := annuaire.Read(ctx, whole, func(annuaire.Entry) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that ends: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(fmt.Sprintf(structures, "UTF-8"), true)
	f.Add("Identifiant;StructureActive\n21750001600019;1\n", false)
	f.Fuzz(func(t *testing.T, in string, xml bool) {
		name := "a.csv"
		if xml {
			name = "a.xml"
		}
		lines, counts, err := read(t, pack(t, name, text(in)))
		if err == nil && (len(lines) == 0 || counts.Entries != len(lines)) {
			t.Errorf("%d lines, %+v", len(lines), counts)
		}
	})
}
