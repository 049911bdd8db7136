package answers_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/choriste/choriste/chorus/answers"
)

const tableFile = "../../migrations/00013_answers.sql"

// TestTable holds the rows of chorus.answers, and what it folds, to the data.
func TestTable(t *testing.T) {
	b, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	var rows strings.Builder
	rows.WriteString("INSERT INTO chorus.answers (kind, code, n, who, retry, pattern, general, message_code, term, column_name, text, text_fr, remedy, remedy_fr, mark, source) VALUES\n")
	for n, e := range answers.All() {
		fmt.Fprintf(&rows, "    (%s, %s, %d, %s, %s, %s, %v, %s, %s, %s,\n     %s,\n     %s,\n     %s,\n     %s, %s, %s),\n", sql(string(e.Kind)), sql(e.Code), n+1, sql(string(e.Who)), sql(string(e.Retry)),
			sql(sqlPattern(e.Pattern)), e.General, sql(e.Message), sql(e.Term), sql(e.Column), sql(e.EN.Means), sql(e.FR.Means), sql(e.EN.Do), sql(e.FR.Do), sql(e.Mark), sql(e.Source))
	}
	u := answers.Unknown(answers.Error, "")
	fmt.Fprintf(&rows, "    ('error', %s, %d, %s, %s, NULL, false, NULL, NULL, NULL,\n     %s,\n     %s,\n     %s,\n     %s, 'own', 'choriste')\n", sql(u.Code), len(answers.All())+1, sql(string(u.Who)), sql(string(u.Retry)),
		sql(u.Text), sql(u.TextFR), sql(u.Remedy), sql(u.RemedyFR))
	text := between(t, string(b), "-- rows\n", "-- end of rows\n", rows.String())
	from, to := answers.Folds()
	text = between(t, text, "RETURNS text LANGUAGE sql IMMUTABLE AS $$\n", "$$;\n",
		"    SELECT btrim(regexp_replace(translate(p_text,\n        U&'"+unicode(from)+"',\n        U&'"+unicode(to)+"'), ' {2,}', ' ', 'g'))\n")
	golden(t, tableFile, text)
}

func between(t *testing.T, text, begin, end, inner string) string {
	t.Helper()
	before, rest, ok := strings.Cut(text, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has lost its marks %q", tableFile, begin)
	}
	return before + begin + inner + end + after
}

func sql(s string) string {
	if s == "" {
		return "NULL"
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

func unicode(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\'':
			b.WriteString("''")
		case r < ' ' || r > '~' || r == '\\':
			fmt.Fprintf(&b, `\%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

var (
	named = regexp.MustCompile(`\(\?P<\w+>`)
	wide  = regexp.MustCompile(`\{([0-9]+),([0-9]{2,})\}`)
)

// sqlPattern is the pattern as PostgreSQL reads it: without names; and without upper bounds, which cost it more than they save, because its texts are cut
// before and only whether they match is asked.
func sqlPattern(p string) string {
	p = named.ReplaceAllString(p, "(?:")
	return wide.ReplaceAllStringFunc(p, func(b string) string {
		switch low := wide.FindStringSubmatch(b)[1]; low {
		case "0":
			return "*"
		case "1":
			return "+"
		default:
			return "{" + low + ",}"
		}
	})
}
