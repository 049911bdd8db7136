package main

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/choriste/choriste/store/storetest"
)

// example is one of docs/sql.md, and how it is run.
type example struct {
	heading, fence, file string
	before, after        string                // what stands around it in a program
	connect              string                // what it connects by
	with                 func(*url.URL) string // and what the test puts in its place
	has                  []string              // a command that succeeds where the driver is there; none: always
	run                  []string
}

var examples = []example{
	{
		heading: "### Go (pgx)", fence: "go", file: "main.go",
		before: `package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func insert(ctx context.Context) error {
`,
		after:   "\treturn nil\n}\n\nfunc main() {\n\tif err := insert(context.Background()); err != nil {\n\t\tpanic(err)\n\t}\n}\n",
		connect: "postgres://erp@localhost/choriste", with: (*url.URL).String, run: []string{"go", "run"},
	},
	{
		heading: "### Python (psycopg 3)", fence: "python", file: "main.py", connect: "postgresql://erp@localhost/choriste", with: (*url.URL).String,
		has: []string{"/usr/bin/python3", "-c", "import psycopg"}, run: []string{"/usr/bin/python3"},
	},
	{
		heading: "### PHP (PDO)", fence: "php", file: "main.php", before: "<?php\n", connect: "'pgsql:host=localhost;dbname=choriste', 'erp'",
		with: func(u *url.URL) string {
			password, _ := u.User.Password()
			return "'pgsql:host=" + u.Hostname() + ";port=" + u.Port() + ";dbname=" + strings.Trim(u.Path, "/") + "', '" + u.User.Username() + "', '" + password + "'"
		},
		has: []string{"php", "-r", `exit(extension_loaded("pdo_pgsql") ? 0 : 1);`}, run: []string{"php"},
	},
	{
		heading: "### Java (JDBC)", fence: "java", file: "Main.java",
		before:  "import java.nio.file.*;\nimport java.sql.*;\n\npublic class Main {\n    public static void main(String[] args) throws Exception {\n",
		after:   "    }\n}\n",
		connect: "jdbc:postgresql://localhost/choriste?user=erp",
		with: func(u *url.URL) string {
			password, _ := u.User.Password()
			return "jdbc:postgresql://" + u.Host + u.Path + "?user=" + u.User.Username() + "&password=" + password
		},
		has: []string{"test", "-e", "/usr/share/java/postgresql.jar", "-a", "-x", "/usr/bin/java"}, run: []string{"java", "-cp", "/usr/share/java/postgresql.jar"},
	},
	{
		heading: "### Node (pg)", fence: "js", file: "main.js", connect: "postgres://erp@localhost/choriste", with: (*url.URL).String,
		has: []string{"node", "-e", "require('pg')"}, run: []string{"node"},
	},
	{
		heading: "### ODBC (pyodbc)", fence: "python", file: "main.py", connect: "Server=localhost;Database=choriste;Uid=erp;",
		with: func(u *url.URL) string {
			password, _ := u.User.Password()
			return "Server=" + u.Hostname() + ";Port=" + u.Port() + ";Database=" + strings.Trim(u.Path, "/") + ";Uid=" + u.User.Username() + ";Pwd=" + password + ";"
		},
		has: []string{"/usr/bin/python3", "-c", "import pyodbc; assert 'PostgreSQL Unicode' in pyodbc.drivers()"}, run: []string{"/usr/bin/python3"},
	},
}

// The examples of the page insert, and say so when the invoice was there already, as they stand.
func TestExamplesOfThePage(t *testing.T) {
	page := manualPage(t, "sql.md")
	for _, e := range examples {
		t.Run(e.heading, func(t *testing.T) {
			_, text, ok := strings.Cut(section(t, page, e.heading), "```"+e.fence+"\n")
			text, _, closed := strings.Cut(text, "```")
			if !ok || !closed || strings.Count(text, e.connect) != 1 {
				t.Fatal("the page has no such example, or it connects otherwise")
			}
			if len(e.has) > 0 {
				if out, err := exec.CommandContext(t.Context(), e.has[0], e.has[1:]...).CombinedOutput(); err != nil {
					t.Skipf("%s has no driver for PostgreSQL here: %v %s", e.heading, err, out)
				}
			}
			db := storetest.New(t)
			address, err := url.Parse(db.AppURL)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			number := strings.TrimSuffix(text[strings.Index(text, "F-2026-08"):][:len("F-2026-08xx.xml")], ".xml")[:len("F-2026-08xx")]
			if err := os.WriteFile(filepath.Join(dir, number+".xml"), []byte("\x00 not UTF-8: \xff"), 0o600); err != nil {
				t.Fatal(err)
			}
			program := e.before + strings.Replace(text, e.connect, e.with(address), 1) + e.after
			program = strings.ReplaceAll(program, number+".xml", filepath.Join(dir, number+".xml"))
			file := filepath.Join(dir, e.file)
			if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"inserted as 1\n", "it was there\n"} {
				out, err := exec.CommandContext(t.Context(), e.run[0], append(e.run[1:], file)...).CombinedOutput()
				if err != nil || !strings.HasSuffix(string(out), want) {
					t.Errorf("%v: said %q, want %q", err, out, want)
				}
			}
			if got := query(t, db.URL, `SELECT external_ref || ' ' || encode(document, 'hex') FROM chorus.invoices`); len(got) != 1 || got[0] != number+" 00206e6f74205554462d383a20ff" {
				t.Errorf("inserted is %v", got)
			}
		})
	}
}
