package console_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/console"
	"github.com/choriste/choriste/operate"
)

// traffic gives the desk a day of deposits, invoices that wait for payment, and recipients that paid at their own pace.
func (d *desk) traffic() {
	d.Helper()
	d.sql(`
		INSERT INTO chorus.events (at, actor, from_state, to_state)
		SELECT at, 'test', s.was, s.now
		FROM generate_series(date_trunc('hour', now()) - interval '30 hours', now(), '3 minutes') at
		CROSS JOIN (VALUES ('sending', 'deposited', 0), ('deposited', 'integrated', 1)) s (was, now, n)
		WHERE (extract(hour FROM at) BETWEEN 7 AND 19 OR extract(minute FROM at) < 12) AND (extract(epoch FROM at)::bigint / 180 + s.n) % 7 <> 0
		ORDER BY at`)
	if _, err := d.owner.Exec(d.Context(), `INSERT INTO chorus.invoices (external_ref, document) SELECT 'traffic-' || n, 'x' FROM generate_series(1, 25) n`); err != nil {
		d.Fatal(err)
	}
	d.sql(`
		UPDATE chorus.invoices i
		SET state = CASE WHEN n <= 9 THEN 'integrated' ELSE 'settled' END, numero_facture = 'T-' || n, date_facture = current_date - 150, fournisseur_siret = '99999999800012',
		    destinataire_siret = CASE WHEN n <= 9 THEN '00000000007654' ELSE '2169012340' || lpad(days::text, 4, '0') END, devise = 'EUR', montant_ttc = 169.10 + n * 73100, updated_at = clock_timestamp(),
		    statut_courant = CASE WHEN n <= 9 THEN 'MISE_A_DISPOSITION' ELSE 'MISE_EN_PAIEMENT' END,
		    statut_courant_date = now() - make_interval(days => CASE WHEN n <= 9 THEN days ELSE 1 END), available_on = (now() AT TIME ZONE 'Europe/Paris')::date - CASE WHEN n <= 9 THEN days ELSE days + 1 END
		FROM unnest(ARRAY[3, 12, 20, 26, 33, 48, 70, 100, 140, 12, 18, 18, 24, 29, 29, 29, 31, 31, 38, 38, 38, 38, 47, 55, 55]) WITH ORDINALITY x (days, n)
		WHERE i.external_ref = 'traffic-' || n`)
}

// pictures are the addresses of the pictures on a page.
func pictures(page string) (list []string) {
	for _, m := range regexp.MustCompile(`(?:src|srcset)="(/charts/[^"]+)"`).FindAllStringSubmatch(page, -1) {
		list = append(list, html.UnescapeString(m[1]))
	}
	return list
}

// TestCharts: each picture is there, for wide and narrow windows, light and dark, in both languages; its numbers stand beside it as a table.
func TestCharts(t *testing.T) {
	d := newDesk(t)
	if n := len(pictures(d.see("en", "/"))) + len(pictures(d.see("en", "/money"))); n != 0 {
		t.Errorf("%d pictures of nothing", n)
	}
	d.Handler = console.Handler(console.Config{Store: d.store}) // the hours are remembered for a minute
	d.traffic()
	for lang, want := range map[string][]string{"en": {"deposited", "1–30 days late   ", "integrated"}, "fr": {"déposées", "retard 1–30 j   ", "intégrées"}} {
		overview, money := d.see(lang, "/", `alt="`), d.see(lang, "/money", ">31</td>", map[string]string{"en": "804,438.20", "fr": "804\u202f438,20"}[lang]) // of those that are 3 and 18 days late
		list := append(pictures(overview), pictures(money)...)
		if len(list) != 3*4 {
			t.Errorf("%d pictures", len(list))
		}
		all := ""
		for _, at := range list {
			rec := d.get(lang, at)
			if rec.Code != http.StatusOK || rec.Header().Get("Content-Type") != "image/svg+xml" || !strings.Contains(rec.Header().Get("Content-Security-Policy"), "sandbox") {
				t.Errorf("%s: %d %v", at, rec.Code, rec.Header())
			}
			for x := xml.NewDecoder(bytes.NewReader(rec.Body.Bytes())); ; {
				if _, err := x.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatalf("%s: %v", at, err)
				}
			}
			all += rec.Body.String()
		}
		for _, w := range want {
			if !strings.Contains(all, ">"+w+"<") {
				t.Errorf("no picture (%s) says %q", lang, w)
			}
		}
	}
}

// TestChartsDrawNumbersAlone: an address that holds anything else, or too much, is none.
func TestChartsDrawNumbersAlone(t *testing.T) {
	d := newDesk(t)
	for _, bad := range []string{
		"flow.svg", "nothing.svg?a=1", "flow.svg?from=0&a=1", "flow.svg?from=-1&a=1&b=1", "flow.svg?from=0&a=1&b=1,2", "flow.svg?from=0&a=NaN&b=1", "flow.svg?from=0&a=1e9&b=1", "flow.svg?from=0&a=&b=",
		"flow.svg?from=9999999999999&a=1&b=1", "open.svg?a=1", "delays.svg?a=1&of=x", "delays.svg?a=1,2&of=21690123400019", "delays.svg?a=1&of=<script>", "flow.svg?from=0&a=" + strings.Repeat("1,", 50) + "1&b=1",
	} {
		if rec := d.get("en", "/charts/"+bad); rec.Code != http.StatusNotFound {
			t.Errorf("%s: %d %s", bad, rec.Code, rec.Body)
		}
	}
}

// TestFlow: every hour is there, what moved in it is counted, and what is counted before is not forgotten when only the last hours are read again.
func TestFlow(t *testing.T) {
	d := newDesk(t)
	this := time.Now().Truncate(time.Hour)
	if list, err := operate.Flow(t.Context(), d.store.Pool(), this.Add(-2*time.Hour)); err != nil || len(list) != 3 || list[0] != (operate.Hour{From: this.Add(-2 * time.Hour)}) {
		t.Errorf("of nothing: %v %v", list, err)
	}
	for _, e := range []struct {
		before time.Duration
		from   string
		to     string
	}{
		{26 * time.Hour, "sending", "deposited"},
		{3*time.Hour + time.Minute, "deposited", "integrated"},
		{3 * time.Hour, "sending", "deposited"},
		{2*time.Hour + 30*time.Minute, "in_doubt", "deposited"},
		{2*time.Hour + 10*time.Minute, "deposited", "deposited"},
		{time.Hour, "deposited", "integrated"},
		{time.Minute, "deposited", "integrated"},
		{-time.Second, "integrated", "settled"},
	} {
		d.sql(fmt.Sprintf(`INSERT INTO chorus.events (at, actor, from_state, to_state) VALUES (to_timestamp(%d), 'test', '%s', '%s')`, this.Add(-e.before).Unix(), e.from, e.to))
	}
	list, err := operate.Flow(t.Context(), d.store.Pool(), this.Add(-3*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, h := range list {
		got += fmt.Sprintf("%d/%d ", h.Deposited, h.Integrated)
	}
	if got != "2/0 0/0 0/2 0/0 " {
		t.Errorf("got %s", got)
	}
}
