package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store/storetest"
)

// threeFaults breaks three rules at once: the type, the cadre, and the sum of the totals.
func threeFaults(t *testing.T) []byte {
	t.Helper()
	doc := invoicetest.Invoice{Type: "999", Cadre: "S1"}.UBL()
	wrong := bytes.Replace(doc, []byte(`1500.00</cbc:TaxInclusiveAmount>`), []byte(`1501.00</cbc:TaxInclusiveAmount>`), 1)
	if bytes.Equal(doc, wrong) {
		t.Fatal("the sample has no such total")
	}
	return wrong
}

// checkFiles writes files and runs `choriste check` with arguments; %DIR in them is where the files are.
func checkFiles(t *testing.T, files map[string][]byte, env map[string]string, args ...string) (exit int, out, errOut string) {
	t.Helper()
	dir := t.TempDir()
	for name, doc := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, doc, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var o, e bytes.Buffer
	for k := range args {
		args[k] = strings.ReplaceAll(args[k], "%DIR", dir)
	}
	exit = run(t.Context(), args, func(name string) string { return strings.ReplaceAll(env[name], "%DIR", dir) }, &o, &e)
	return exit, strings.ReplaceAll(o.String(), dir+"/", ""), strings.ReplaceAll(e.String(), dir+"/", "")
}

// A syntax that does not exist is wrong usage, fields are for one file and not for a directory, and a place is French in French.
func TestCheckUsage(t *testing.T) {
	files := map[string][]byte{"bad.xml": threeFaults(t), "fields.json": []byte("{}")}
	for _, args := range [][]string{{"check", "--syntaxe", "NONSENSE", "%DIR/bad.xml"}, {"check", "--fields", "%DIR/fields.json", "%DIR"}} {
		if exit, _, errOut := checkFiles(t, files, nil, args...); exit != 2 || !strings.Contains(errOut, "--") {
			t.Errorf("%q: %d, %s", args, exit, errOut)
		}
	}
	if _, out, _ := checkFiles(t, files, nil, "--lang", "fr", "check", "%DIR/bad.xml"); !strings.Contains(out, " (ligne ") || strings.Contains(out, "(line") {
		t.Error(out)
	}
}

// The shape that programs rely on: every fault at once, with its place and remedy, in both languages.
func TestCheckJSON(t *testing.T) {
	exit, out, errOut := checkFiles(t, map[string][]byte{"bad.xml": threeFaults(t), "good.xml": invoicetest.Invoice{}.CII()}, nil,
		"--json", "check", "%DIR/bad.xml", "%DIR/good.xml")
	if exit != 1 || errOut != `{"error":"1 of 2 files would not be sent","status":1}`+"\n" {
		t.Fatalf("exit status %d, %s", exit, errOut)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines:\n%s", len(lines), out)
	}
	var bad struct {
		File, Syntax string
		OK           bool
		Findings     []map[string]string
	}
	if err := json.Unmarshal([]byte(lines[0]), &bad); err != nil {
		t.Fatal(err)
	}
	if bad.File != "bad.xml" || bad.Syntax != "IN_DP_E1_UBL_INVOICE" || bad.OK {
		t.Errorf("%+v", bad)
	}
	terms := map[string]bool{}
	for _, f := range bad.Findings {
		terms[f["term"]] = true
		for _, key := range []string{"code", "severity", "message", "message_fr"} {
			if f[key] == "" {
				t.Errorf("a finding without %s: %v", key, f)
			}
		}
	}
	for _, term := range []string{"BT-3", "BT-23", "BT-112"} {
		if !terms[term] {
			t.Errorf("nothing is said of %s: %v", term, slices.Sorted(maps.Keys(terms)))
		}
	}
	if want := `{"file":"good.xml","syntax":"IN_DP_E1_CII_16B","ok":true,"findings":[]}`; lines[1] != want {
		t.Errorf("%s\ninstead of\n%s", lines[1], want)
	}
}

// With --content, what the file says comes along.
func TestCheckContent(t *testing.T) {
	exit, out, errOut := checkFiles(t, map[string][]byte{"good.xml": invoicetest.Invoice{}.CII(), "none.xml": []byte("<a/>")}, nil,
		"--json", "check", "--content", "%DIR/good.xml", "%DIR/none.xml")
	if exit != 1 || errOut != `{"error":"1 of 2 files would not be sent","status":1}`+"\n" {
		t.Errorf("exit status %d, %s", exit, errOut)
	}
	good, none, _ := strings.Cut(out, "\n")
	if strings.Contains(none, "content") {
		t.Errorf("content of what is no invoice: %s", none)
	}
	var said struct {
		Content struct {
			Number    string
			IssueDate string `json:"issue_date"`
			Seller    struct {
				By struct{ Value, Scheme, Term string } `json:"identified_by"`
			}
			Totals map[string]string
			VAT    []map[string]any
			Lines  []struct {
				Net   string
				Price map[string]string
			}
		}
	}
	if err := json.Unmarshal([]byte(good), &said); err != nil {
		t.Fatal(err)
	}
	c := said.Content
	if c.Number != "F-2026-0001" || c.IssueDate != "2026-01-15" || c.Seller.By.Value != "99999999800012" || c.Seller.By.Term != "BT-30" || c.Totals["with_vat"] != "1500" ||
		len(c.VAT) != 1 || c.VAT[0]["rate"] != "20" || len(c.Lines) != 1 || c.Lines[0].Net != "1250" || c.Lines[0].Price["net"] != "1250" {
		t.Errorf("%+v", c)
	}
	if exit, _, errOut := checkFiles(t, nil, nil, "check", "--content", "%DIR"); exit != 2 || !strings.Contains(errOut, "--json") {
		t.Errorf("exit status %d, %s", exit, errOut)
	}
}

// A file that cannot be read is a line of its own, too.
func TestCheckJSONOfWhatCannotBeRead(t *testing.T) {
	exit, out, errOut := checkFiles(t, map[string][]byte{"good.xml": invoicetest.Invoice{}.CII(), "empty.xml": {}}, nil,
		"--json", "check", "%DIR/nowhere.xml", "%DIR/empty.xml", "%DIR/good.xml")
	if exit != 1 || errOut != `{"error":"0 of 3 files would not be sent, 2 could not be read","status":1}`+"\n" {
		t.Errorf("exit status %d, %s", exit, errOut)
	}
	const want = `{"file":"nowhere.xml","syntax":"","ok":false,"findings":[],"error":"the file cannot be opened: there is none of this name"}
{"file":"empty.xml","syntax":"","ok":false,"findings":[],"error":"the file is empty"}
{"file":"good.xml","syntax":"IN_DP_E1_CII_16B","ok":true,"findings":[]}
`
	if out != want {
		t.Errorf("%s\ninstead of\n%s", out, want)
	}
}

func TestCheckForPeople(t *testing.T) {
	files := map[string][]byte{"a/bad.xml": threeFaults(t), "a/b/good.XML": invoicetest.Invoice{}.UBL(), "a/notes.txt": []byte("no"), "none.pdf": []byte("%PDF-1.7 x")}
	for _, c := range []struct {
		name    string
		env     map[string]string
		args    []string
		exit    int
		out     []string
		none    string
		problem string
	}{
		{"good", nil, []string{"check", "%DIR/a/b/good.XML"}, 0, []string{"good.XML: IN_DP_E1_UBL_INVOICE, ok\n"}, "files:", ""},
		{"French", nil, []string{"check", "--lang", "fr", "%DIR/a/bad.xml"}, 1, []string{"n'est pas envoyé", "erreur CH-CADRE BT-23", "cadre de facturation", "erreur BR-CO-15 BT-112 \"1501.00\""}, "warning", "1 fichiers sur 1"},
		{"a directory", nil, []string{"check", "%DIR/a"}, 1, []string{"b/good.XML: ", "2 files: 1 may be sent, 1 are not sent, 0 could not be read", "CH-CADRE  error     1      1       BT-23"}, "notes.txt", "1 of 2 files"},
		{"unreadable", nil, []string{"check", "%DIR/none.pdf", "%DIR/nowhere.xml"}, 1, []string{"none.pdf: not an invoice that can be read, is not sent\n  error CH-TRUNCATED"}, "panic", "nowhere.xml: the file cannot be opened"},
		{"the summary", nil, []string{"--json", "check", "--summary", "%DIR/a"}, 1, []string{`{"code":"CH-CADRE","severity":"error","files":1,"places":1,"term":"BT-23"`}, `"file":`, "1 of 2 files"},
		{"lowered", map[string]string{"CHORISTE_RULES": "BR-CO-15=warning,BR-CL-01=off"}, []string{"check", "%DIR/a/bad.xml"}, 1, []string{"warning BR-CO-15", "error CH-CADRE"}, "BR-CL-01", "1 of 1"},
		{"an unknown rule", map[string]string{"CHORISTE_RULES": "BR-CO-1O=off"}, []string{"check", "%DIR/a/bad.xml"}, 1, nil, "error", `"BR-CO-1O": the nearest is BR-CO-10`},
		{"an unknown level", map[string]string{"CHORISTE_RULES": "BR-CO-10=on"}, []string{"check", "%DIR/a/bad.xml"}, 1, nil, "error", "a level that is none of error, warning, off"},
		{"an unknown account", nil, []string{"check", "--account", "north", "%DIR/a/bad.xml"}, 1, nil, "error", "account north is not in CHORISTE_ACCOUNTS_FILE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			exit, out, errOut := checkFiles(t, files, c.env, c.args...)
			if exit != c.exit {
				t.Errorf("exit status %d", exit)
			}
			for _, want := range c.out {
				if !strings.Contains(out, want) {
					t.Errorf("it does not say %q:\n%s", want, out)
				}
			}
			if strings.Contains(out, c.none) && c.none != "" {
				t.Errorf("it says %q:\n%s", c.none, out)
			}
			if !strings.Contains(errOut, c.problem) || (c.problem == "") != (errOut == "") {
				t.Errorf("standard error: %s", errOut)
			}
		})
	}
}

// An account's own rules go over those of every account, and no secret is read for them.
func TestCheckByAccount(t *testing.T) {
	files := map[string][]byte{"bad.xml": bytes.ReplaceAll(invoicetest.Invoice{}.UBL(), []byte("1500.00"), []byte("1501.00")), "accounts.yaml": []byte(`
applications: [{name: a, client_id: x, client_secret_file: nowhere}]
accounts:
  - {name: north, application: a, login: TECH_1@cpro.fr, password_file: nowhere, rules: {BR-CO-15: warning}}
`)}
	env := map[string]string{"CHORISTE_ACCOUNTS_FILE": "%DIR/accounts.yaml", "CHORISTE_RULES": "BR-CO-15=off,BR-CO-16=off"}
	exit, out, errOut := checkFiles(t, files, env, "check", "--account", "north", "%DIR/bad.xml")
	if exit != 0 || !strings.Contains(out, "warning BR-CO-15") || strings.Contains(out, "BR-CO-16") {
		t.Errorf("exit status %d\n%s%s", exit, out, errOut)
	}
}

// Many files are checked beside each other, and come out in their order.
func TestCheckMany(t *testing.T) {
	files, args := map[string][]byte{}, []string{"--json", "check"}
	for k := range 200 {
		name := fmt.Sprintf("%03d.xml", k)
		files[name] = invoicetest.Invoice{Numero: fmt.Sprintf("F-%03d", k)}.UBL()
		args = append(args, "%DIR/"+name)
	}
	exit, out, errOut := checkFiles(t, files, nil, args...)
	if exit != 0 {
		t.Fatalf("exit status %d, %s", exit, errOut)
	}
	for k, line := range strings.Split(strings.TrimSpace(out), "\n") {
		if !strings.HasPrefix(line, fmt.Sprintf(`{"file":"%03d.xml",`, k)) {
			t.Fatalf("line %d is %.60s", k, line)
		}
	}
}

// submit inserts nothing that would not be sent, unless it is told to.
func TestSubmitChecks(t *testing.T) {
	db := storetest.New(t)
	dir := t.TempDir()
	bad, good := filepath.Join(dir, "bad.xml"), filepath.Join(dir, "good.xml")
	for name, doc := range map[string][]byte{bad: threeFaults(t), good: invoicetest.Invoice{}.UBL()} {
		if err := os.WriteFile(name, doc, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args []string
		exit int
		want []string
	}{
		{[]string{"submit", bad}, 1, []string{"error CH-CADRE BT-23", "--no-check"}},
		{[]string{"--json", "submit", bad}, 1, []string{`"ok":false,"findings":[{"code":`}},
		{[]string{"submit", "--lang", "fr", bad, good}, 1, []string{"erreur CH-CADRE", "est la facture 1"}},
		{[]string{"--json", "submit", "--no-check", bad}, 0, []string{`"id":2}`}},
		{[]string{"--json", "submit", dir + "/nowhere.xml"}, 1, []string{`/nowhere.xml","syntax":"","ok":false,"findings":[],"error":"the file cannot be opened: there is none of this name"}`}},
	} {
		var out bytes.Buffer
		env := func(name string) string { return map[string]string{"DATABASE_URL": db.AppURL}[name] }
		if exit := run(t.Context(), c.args, env, &out, &out); exit != c.exit {
			t.Errorf("%v: exit status %d", c.args, exit)
		}
		for _, want := range c.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%v does not say %q:\n%s", c.args, want, out.String())
			}
		}
	}
}
