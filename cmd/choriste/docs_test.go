package main

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store/storetest"
	"github.com/choriste/choriste/worker"
)

// The manuals are compared with what they describe, so that neither changes alone.

var update = flag.Bool("update", false, "write the table of docs/settings.md")

func manualPage(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// section is what stands under a heading, up to the next one of any level.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, "\n"+heading+"\n")
	if !ok {
		t.Fatalf("no heading %q", heading)
	}
	if i := regexp.MustCompile(`(?m)^#+ `).FindStringIndex(rest); i != nil {
		rest = rest[:i[0]]
	}
	return rest
}

// cells are the rows of the tables in text, without their headings.
func cells(text string) [][]string {
	var rows [][]string
	inTable := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case !strings.HasPrefix(line, "|"):
			inTable = false
		case strings.HasPrefix(line, "| ---"):
			inTable = true
		case inTable:
			row := strings.Split(strings.Trim(line, "|"), "|")
			for i := range row {
				row[i] = strings.TrimSpace(row[i])
			}
			rows = append(rows, row)
		}
	}
	return rows
}

var code = regexp.MustCompile("`([^`]+)`")

// codes are the words in code type in one column of the tables in text.
func codes(text string, column int) []string {
	var all []string
	for _, row := range cells(text) {
		for _, m := range code.FindAllStringSubmatch(row[column], -1) {
			all = append(all, m[1])
		}
	}
	return all
}

// same reports what one list has and the other has not.
func same(t *testing.T, what string, documented, real []string) {
	t.Helper()
	for _, r := range real {
		if !slices.Contains(documented, r) {
			t.Errorf("%s: %s is not documented", what, r)
		}
	}
	for _, d := range documented {
		if !slices.Contains(real, d) {
			t.Errorf("%s: %s is documented and does not exist", what, d)
		}
	}
	if len(real) == 0 {
		t.Errorf("%s: nothing to compare with", what)
	}
}

func query(t *testing.T, url, sql string, args ...any) []string {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	rows, err := pool.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestSettingsManual(t *testing.T) {
	const begin, end = "run Settings -update -->\n", "<!-- end -->"
	page := manualPage(t, "settings.md")
	before, rest, ok := strings.Cut(page, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("docs/settings.md has lost its marks")
	}
	var b strings.Builder
	b.WriteString("\n| name | default | meaning |\n| --- | --- | --- |\n")
	for _, s := range table {
		name, def := "`"+s.name+"`", "`"+s.def+"`"
		if s.secret {
			name += " or `" + s.name + "_FILE`"
		}
		switch {
		case s.orFile:
			def = "required without `CHORISTE_ACCOUNTS_FILE`"
		case s.required:
			def = "required"
		case s.def == "":
			def = "none"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", name, def, strings.ReplaceAll(s.about, "|", `\|`))
	}
	b.WriteString("\n")
	want := before + begin + b.String() + end + after
	if *update {
		if err := os.WriteFile("../../docs/settings.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if page != want {
		t.Error("docs/settings.md is not what settings.go says: go test ./cmd/choriste -run Settings -update")
	}
}

func TestSettingsOfTheOtherPortal(t *testing.T) {
	for _, c := range []struct {
		env, api, token string
		good            bool
	}{
		{"", "", "", true},
		{"production", "https://api.piste.gouv.fr", "https://oauth.piste.gouv.fr/api/oauth/token", true},
		{"", "https://API.piste.gouv.fr.", "https://oauth.piste.gouv.fr/api/oauth/token", false},
		{"production", "https://sandbox-api.piste.gouv.fr", "https://sandbox-oauth.piste.gouv.fr/api/oauth/token", false},
		{"production", "https://api.piste.gouv.fr", "https://sandbox-oauth.piste.gouv.fr/api/oauth/token", false},
		{"production", "https://portail.example", "https://portail.example/token", false},
	} {
		env := map[string]string{
			"DATABASE_URL": "postgres:///x", "PISTE_CLIENT_ID": "x", "PISTE_CLIENT_SECRET": "x", "CHORUS_LOGIN": "x", "CHORUS_PASSWORD": "x",
			"CHORUS_ENV": c.env, "CHORUS_API_URL": c.api, "CHORUS_TOKEN_URL": c.token,
		}
		if _, err := load(func(name string) string { return env[name] }); (err == nil) != c.good {
			t.Errorf("%q with %q: %v", c.env, c.api, err)
		}
	}
}

// The unit in docs/operating.md hands secrets over by LoadCredential, whose files show the mode 0440 on some kernels and 0400 on others.
func TestSecretFilesOfSystemd(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		mode        os.FileMode
		credentials string
		good        bool
	}{
		{0o400, "", true},
		{0o600, "", true},
		{0o440, "", false},
		{0o440, dir, true},
		{0o440, dir + "/elsewhere", false},
		{0o444, dir, false},
		{0o460, dir, false},
	} {
		file := filepath.Join(dir, fmt.Sprintf("%o", c.mode))
		if err := os.WriteFile(file, []byte("secret\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, c.mode); err != nil {
			t.Fatal(err)
		}
		env := map[string]string{"CHORUS_PASSWORD_FILE": file, "CREDENTIALS_DIRECTORY": c.credentials}
		s, err := load(func(name string) string { return env[name] }, "CHORUS_PASSWORD")
		if (err == nil) != c.good || c.good && s.Password.Reveal() != "secret" {
			t.Errorf("mode %o, credentials in %q: %v", c.mode, c.credentials, err)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStatesManual(t *testing.T) {
	db := storetest.New(t)
	page := manualPage(t, "states.md")

	var states []string
	for _, row := range cells(section(t, page, "## States")) {
		states = append(states, row[0]+" "+row[1])
	}
	same(t, "states", states, query(t, db.URL, `SELECT format('%s%s%s %s', chr(96), name, chr(96), CASE WHEN final THEN 'yes' ELSE 'no' END) FROM chorus.states`))

	var moves []string
	for _, row := range cells(section(t, page, "## Moves")) {
		moves = append(moves, strings.Trim(row[0], "`")+" to "+strings.Trim(row[1], "`"))
	}
	same(t, "moves", moves, query(t, db.URL, `SELECT from_state || ' to ' || to_state FROM chorus.transitions`))

	same(t, "states in French", codes(section(t, page, "## Pour le service comptable"), 0), query(t, db.URL, `SELECT name FROM chorus.states`))
}

// constants are the values of a file's string constants whose names begin so.
func constants(t *testing.T, file, prefix string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		rest, ok := strings.CutPrefix(spec.Names[0].Name, prefix)
		if !ok || rest == "" || strings.ToLower(rest[:1]) == rest[:1] { // ParkAbsent, not Parked
			return true
		}
		if lit, ok := spec.Values[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
			v, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, v)
		}
		return true
	})
	if len(values) == 0 {
		t.Fatalf("%s has no constants %s…", file, prefix)
	}
	return values
}

func TestReasonCodesManual(t *testing.T) {
	page := manualPage(t, "states.md")
	parks := constants(t, "../../store/state.go", "Park")
	reasons := constants(t, "../../store/state.go", "Reason")
	const duplicate = "DUPLICATE_NUMBER"                    // the one of these that makes a row invalid
	problems := []string{duplicate, "UNREADABLE", "POISON"} // the last two are written by SQL; rules have a page of their own
	reasons = append(slices.DeleteFunc(reasons, func(r string) bool { return r == duplicate }), "RETRY")

	invalid := section(t, page, "## `invalid`: what is wrong with the document")
	same(t, "invalid", codes(invalid, 0), problems)
	for _, row := range cells(invalid) {
		if len(row) != 4 || row[1] == "" || row[2] == "" || row[3] == "" {
			t.Errorf("%s wants a text in English, one in French and a remedy", row[0])
		}
	}
	same(t, "parked", codes(section(t, page, "## `parked`: a person must decide"), 0), parks)
	other, _, _ := strings.Cut(section(t, page, "## Other reasons"), "Usual texts")
	same(t, "other reasons", codes(other, 0), reasons)
}

func TestStatutsManual(t *testing.T) {
	page := manualPage(t, "states.md")
	for _, statut := range codes(section(t, page, "## The status at Chorus Pro"), 0) {
		if _, known := chorus.StatutInfo(statut); !known {
			t.Errorf("%s is no status of Chorus Pro", statut)
		}
	}
	var documented, real []string
	for _, row := range cells(section(t, page, "## Every status")) {
		documented = append(documented, strings.Join(row, " | "))
	}
	for _, s := range chorus.Statuts() {
		stage := ""
		if s.Stage > 0 {
			stage = strconv.Itoa(s.Stage)
		}
		if s.Terminal() {
			stage += " **T**"
		}
		var then []string
		for _, next := range s.Successors {
			then = append(then, "`"+next+"`")
		}
		real = append(real, strings.Join([]string{"`" + s.Code + "`", s.FR, s.EN, string(s.Next), stage, strings.Join(then, ", ")}, " | "))
	}
	same(t, "every status", documented, real)
}

func TestSQLManual(t *testing.T) {
	db := storetest.New(t)
	page := manualPage(t, "sql.md")

	same(t, "columns to write", codes(section(t, page, "## Columns you may write"), 0), query(t, db.URL, `
		SELECT DISTINCT column_name::text
		FROM information_schema.column_privileges
		WHERE grantee = 'chorus_app' AND table_schema = 'chorus' AND table_name = 'invoices' AND privilege_type IN ('INSERT', 'UPDATE')`))
	same(t, "columns to read", codes(section(t, page, "## How is my invoice?"), 0), query(t, db.URL, `
		SELECT column_name::text FROM information_schema.columns WHERE table_schema = 'chorus' AND table_name = 'invoice_status'`))

	errorsText := section(t, page, "## Errors")
	for _, constraint := range query(t, db.URL, `
		SELECT conname::text FROM pg_constraint WHERE conrelid = 'chorus.invoices'::regclass AND contype <> 'p'
		UNION SELECT 'invoices_business_key'`) {
		if !strings.Contains(errorsText, "`"+constraint+"`") {
			t.Errorf("the constraint %s is not documented", constraint)
		}
	}
	sqlFiles, err := filepath.Glob("../../migrations/*.sql")
	if err != nil || len(sqlFiles) == 0 {
		t.Fatalf("no migrations: %v", err)
	}
	raised := map[string]bool{}
	for _, name := range sqlFiles {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`'(CH\d{3})'`).FindAllStringSubmatch(string(b), -1) {
			raised[m[1]] = true
		}
	}
	var ours, documented []string
	for c := range raised {
		ours = append(ours, c)
	}
	for _, c := range codes(errorsText, 0) {
		if strings.HasPrefix(c, "CH") {
			documented = append(documented, c)
		}
	}
	same(t, "SQLSTATE", documented, ours)
}

// described collects the names of the metrics that are registered, also of those that have no value yet.
type described struct {
	prometheus.Registerer
	names map[string]bool
}

func (d described) MustRegister(all ...prometheus.Collector) {
	for _, c := range all {
		ch := make(chan *prometheus.Desc, 100)
		c.Describe(ch)
		close(ch)
		for desc := range ch {
			if m := regexp.MustCompile(`fqName: "(\w+)"`).FindStringSubmatch(desc.String()); m != nil {
				d.names[m[1]] = true
			}
		}
	}
}

func TestMetricsManual(t *testing.T) {
	db, sim := storetest.New(t), chorustest.New(t, nil)
	d := described{names: map[string]bool{}}
	_, err := worker.New(worker.Config{Pool: db.Pool, Registry: d, Accounts: []worker.Account{{Name: "default", Chorus: chorus.Config{
		APIURL: sim.APIURL(), TokenURL: sim.TokenURL(), ClientID: "sim", ClientSecret: "sim-secret", Login: "TECH_SIM@cpro.fr", Password: "sim-password",
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range d.names {
		names = append(names, name)
	}
	page := manualPage(t, "operating.md")
	same(t, "metrics", codes(section(t, page, "### Metrics"), 0), names)
	for _, m := range regexp.MustCompile(`\bchoriste_[a-z_]+`).FindAllString(section(t, page, "### Alerts"), -1) {
		if !d.names[m] {
			t.Errorf("an alert asks for %s, which is not measured", m)
		}
	}
}

func TestCommandsManual(t *testing.T) {
	var real []string
	for i := range reflect.TypeFor[cli]().NumField() {
		if f := reflect.TypeFor[cli]().Field(i); f.Tag.Get("cmd") != "" || strings.Contains(string(f.Tag), `cmd:""`) {
			real = append(real, strings.ToLower(f.Name))
		}
	}
	var documented []string
	for _, row := range cells(section(t, manualPage(t, "operating.md"), "## Commands")) {
		documented = append(documented, strings.Fields(strings.TrimPrefix(row[0], "`choriste "))[0])
	}
	for i, d := range documented {
		documented[i] = strings.Trim(d, "`")
	}
	same(t, "commands", documented, real)
}

var (
	codeBlock   = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	headingLine = regexp.MustCompile(`(?m)^#+ (.*)$`)
	notInAnchor = regexp.MustCompile(`[^\p{L}\p{N}_-]`)
)

// anchors are where links to the headings of a page lead, in their order.
func anchors(page string) (list []string) {
	for _, h := range headingLine.FindAllStringSubmatch(codeBlock.ReplaceAllString(page, ""), -1) {
		anchor := "#" + notInAnchor.ReplaceAllString(strings.ToLower(strings.ReplaceAll(h[1], " ", "-")), "")
		for n, first := 1, anchor; slices.Contains(list, anchor); n++ {
			anchor = fmt.Sprintf("%s-%d", first, n)
		}
		list = append(list, anchor)
	}
	return list
}

// Every page is in the index, and every link between pages leads somewhere.
func TestManualsHangTogether(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	index := manualPage(t, "README.md")
	link := regexp.MustCompile(`\]\(([^)\s:#]*)(#[^)\s]*)?\)`)
	headings := map[string][]string{}
	for _, page := range pages {
		name := filepath.Base(page)
		if name != "README.md" && !strings.Contains(index, "]("+name+")") {
			t.Errorf("%s is not in the index", name)
		}
		for _, m := range link.FindAllStringSubmatch(manualPage(t, name), -1) {
			target, to := m[1], m[2]
			if target == "" {
				target = name
			}
			if headings[target] == nil {
				b, err := os.ReadFile(filepath.Join("../../docs", target))
				if err != nil {
					t.Errorf("%s leads to %s, which is not there", name, target)
					continue
				}
				headings[target] = append([]string{""}, anchors(string(b))...)
			}
			if !slices.Contains(headings[target], to) {
				t.Errorf("%s leads to %s%s, and there is no such heading", name, target, to)
			}
		}
	}
}

// The codes that --reason-code takes are the documented ones.
func TestReasonCodesOfFilters(t *testing.T) {
	page := manualPage(t, "states.md")
	other, _, _ := strings.Cut(section(t, page, "## Other reasons"), "Usual texts")
	documented := slices.Concat(codes(section(t, page, "## `invalid`: what is wrong with the document"), 0), codes(section(t, page, "## `parked`: a person must decide"), 0), codes(other, 0))
	same(t, "--reason-code", append(documented, ruleCodes()...), operate.ReasonCodes())
	if !slices.IsSorted(operate.ReasonCodes()) {
		t.Error("the reason codes are not in order")
	}
}

// A database that is made for a restore is the owner's, or the next migration may make nothing in it.
func TestRestoredDatabasesHaveTheirOwner(t *testing.T) {
	for _, page := range []string{"operating.md", "operating.fr.md"} {
		b, err := os.ReadFile("../../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		list := regexp.MustCompile(`createdb [^&`+"`"+`]*choriste\b`).FindAllString(string(b), -1)
		if len(list) == 0 {
			t.Errorf("%s makes no database for a restore", page)
		}
		for _, command := range list {
			if !strings.Contains(command, "--owner=choriste_owner ") {
				t.Errorf("%s: %s", page, command)
			}
		}
	}
}
