package console_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/console"
	reader "github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/invoice/invoicetest"
)

// sent is a file of a form.
type sent struct {
	name     string
	contents []byte
}

// formWith is a form with files, as a browser sends it, its hidden fields first.
func formWith(form url.Values, files ...sent) (body *bytes.Buffer, kind string) {
	body = new(bytes.Buffer)
	w := multipart.NewWriter(body)
	for _, name := range []string{"form", "at"} {
		_ = w.WriteField(name, form.Get(name))
	}
	if len(files) == 0 { // none was chosen
		_, _ = w.CreateFormFile("file", "")
	}
	for _, f := range files {
		part, _ := w.CreateFormFile("file", f.name)
		_, _ = part.Write(f.contents)
	}
	for name := range form {
		if name != "form" && name != "at" {
			_ = w.WriteField(name, form.Get(name))
		}
	}
	_ = w.Close()
	return body, w.FormDataContentType()
}

// sendBody sends a form that is written already.
func (v *visitor) sendBody(path, kind string, body io.Reader) *httptest.ResponseRecorder {
	v.Helper()
	r := httptest.NewRequestWithContext(v.Context(), http.MethodPost, path, body)
	r.Host = "console.example"
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Origin", "https://console.example")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if v.cookie != nil {
		r.AddCookie(v.cookie)
	}
	rec := httptest.NewRecorder()
	v.ServeHTTP(rec, r)
	return rec
}

// remedy sends the form of a remedy as the page of the invoice has it.
func (v *visitor) remedy(id int64, name string, set url.Values, files ...sent) *httptest.ResponseRecorder {
	v.Helper()
	at := fmt.Sprintf("/invoices/%d/%s", id, name)
	page := v.send(http.MethodGet, fmt.Sprintf("/invoices/%d", id), nil).Body.String()
	form := fieldsIn(page, at)
	if len(form) == 0 { // it is not offered
		form = fieldsIn(page, fmt.Sprintf("/invoices/%d/evidence", id))
		form.Set("at", fmt.Sprint(v.updated(id)))
	}
	for name, values := range set {
		form[name] = values
	}
	body, kind := formWith(form, files...)
	return v.sendBody(at, kind, body)
}

// one is the only row of a statement as a text.
func (d *desk) one(sql string, args ...any) (text string) {
	d.Helper()
	rows, err := d.owner.Query(d.Context(), sql, args...)
	if err != nil {
		d.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		d.Fatal(err)
	}
	return strings.Join(list, " | ")
}

// waiting are three invoices, each of which waits for its supplier in one of the ways.
func (d *desk) waiting() (suspended, misrouted, refused int64) {
	suspended = d.invoice("F-suspended", "integrated", "statut_courant = 'SUSPENDUE', statut_courant_date = now(), identifiant_facture_cpp = 11")
	misrouted = d.invoice("F-misrouted", "integrated", "statut_courant = 'A_RECYCLER', statut_courant_date = now(), identifiant_facture_cpp = 12, code_service = 'OLD'")
	refused = d.invoice("F-refused", "rejected", "reason_code = 'RECIPIENT', statut_courant = 'REJETEE', statut_courant_date = now(), identifiant_facture_cpp = 13")
	return suspended, misrouted, refused
}

// Each remedy is offered where the command would do it, and does what the command does, under the name of who asks.
func TestRemedies(t *testing.T) {
	d := newDesk(t)
	v := d.acting(console.User{Name: "claire", Role: console.Operator, Hash: hash(t, "a long password")})
	if code := v.signIn("claire", "a long password"); code != http.StatusSeeOther {
		t.Fatal(code)
	}
	suspended, misrouted, refused := d.waiting()
	for id, want := range map[int64]string{suspended: "complete", misrouted: "recycle", refused: "replace"} {
		page := v.send(http.MethodGet, fmt.Sprintf("/invoices/%d", id), nil).Body.String()
		for _, name := range []string{"complete", "recycle", "replace"} {
			if offered := strings.Contains(page, fmt.Sprintf(`action="/invoices/%d/%s"`, id, name)); offered != (name == want) {
				t.Errorf("%s of what is to be %sd: offered is %v", name, want, offered)
			}
		}
	}
	pdf := []byte("%PDF-1.7 a delivery note")
	for _, c := range []struct {
		id    int64
		name  string
		set   url.Values
		files []sent
		want  string
	}{
		{suspended, "complete", nil, nil, "Complete it with what?"},
		{suspended, "complete", url.Values{"comment": {strings.Repeat("é", 2001)}}, nil, "a text is too long"},
		{suspended, "complete", url.Values{"comment": {strings.Repeat("é", 5000)}}, nil, "a text that is too long"},
		{suspended, "complete", nil, []sent{{"note.exe", pdf}}, "must be one that Chorus Pro takes"},
		{suspended, "complete", nil, []sent{{strings.Repeat("a", 60) + ".pdf", pdf}}, "at most 50 characters"},
		{suspended, "complete", nil, []sent{{"note.pdf", nil}}, "holds more than nothing"},
		{suspended, "complete", url.Values{"comment": {"a\x00b"}}, nil, "a byte that no text has"},
		{suspended, "complete", url.Values{"comment": {"a\xffb"}}, nil, "a byte that no text has"},
		{suspended, "recycle", url.Values{"service": {"X"}}, nil, "only what is A_RECYCLER"},
		{suspended, "replace", nil, []sent{{"a.xml", invoicetest.Invoice{}.CII()}}, "only one that its recipient refused is replaced"},
		{misrouted, "recycle", nil, nil, "Route it where?"},
		{misrouted, "recycle", url.Values{"to": {"123"}}, nil, "a recipient is a SIRET of 14 digits"},
		{misrouted, "complete", url.Values{"comment": {"x"}}, nil, "only what is SUSPENDUE"},
		{refused, "replace", nil, nil, "Choose the file"},
		{refused, "replace", nil, []sent{{"a.txt", []byte("a text")}}, "this is not an invoice"},
		{refused, "replace", nil, []sent{{"a.xml", nil}}, "the document is empty"},
		{refused, "replace", nil, []sent{{"a.xml", invoicetest.Invoice{}.CII()}, {"b.xml", invoicetest.Invoice{}.CII()}}, "Choose the file"},
	} {
		rec := v.remedy(c.id, c.name, c.set, c.files...)
		if rec.Code != http.StatusBadRequest || !strings.Contains(rec.Body.String(), c.want) {
			t.Errorf("%s with %.40v %.40v: %d, no %q in\n%s", c.name, c.set, c.files, rec.Code, c.want, rec.Body)
		}
	}
	if n := d.count(`SELECT (SELECT count(*) FROM chorus.remedies) + (SELECT count(*) FROM chorus.invoices WHERE replaces IS NOT NULL)`); n != 0 {
		t.Errorf("%d were asked for all the same", n)
	}

	large := bytes.Repeat([]byte("x"), reader.MaxBytes-len(pdf)-1)
	rec := v.remedy(suspended, "complete", url.Values{"comment": {" here it is \r\nall of it "}}, sent{"note é.pdf", pdf}, sent{"dir/more.zip", large})
	if rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != fmt.Sprintf("/invoices/%d", suspended) {
		t.Errorf("complete: %d\n%s", rec.Code, rec.Body)
	}
	if got, want := d.one(`
		SELECT concat_ws(' ', kind, comment, nom, mime, octets, requested_by LIKE '%/console:claire', contenu = CASE n WHEN 1 THEN $1::bytea ELSE $2::bytea END)
		FROM chorus.remedies r JOIN chorus.remedy_files f ON f.remedy_id = r.id WHERE invoice_id = $3 ORDER BY n`, pdf, large, suspended),
		fmt.Sprintf("complete here it is \nall of it note é.pdf application/pdf %d t t | complete here it is \nall of it more.zip application/zip %d t t", len(pdf), len(large)); got != want {
		t.Errorf("asked for:\n%s\nnot\n%s", got, want)
	}
	page := v.send(http.MethodGet, fmt.Sprintf("/invoices/%d", suspended), nil).Body.String()
	if strings.Contains(page, "/complete") || !strings.Contains(page, "requested") {
		t.Errorf("while it is under way:\n%s", page)
	}
	if rec := v.remedy(suspended, "complete", url.Values{"comment": {"again"}}); rec.Code != http.StatusBadRequest || !strings.Contains(rec.Body.String(), "under way already") {
		t.Errorf("twice: %d\n%s", rec.Code, rec.Body)
	}
	if rec := v.remedy(misrouted, "recycle", url.Values{"to": {" 21690123400019 "}, "engagement": {"E-1"}, "comment": {"x"}}); rec.Code != http.StatusSeeOther {
		t.Errorf("recycle: %d\n%s", rec.Code, rec.Body)
	}
	if got := d.one(`SELECT concat_ws(' ', kind, destinataire_siret, coalesce(code_service, '-'), numero_engagement, comment) FROM chorus.remedies WHERE invoice_id = $1`, misrouted); got != "recycle 21690123400019 - E-1 x" {
		t.Errorf("recycle: %s", got)
	}
	// What has changed since the page was shown is left alone.
	form := fieldsIn(v.send(http.MethodGet, fmt.Sprintf("/invoices/%d", refused), nil).Body.String(), fmt.Sprintf("/invoices/%d/replace", refused))
	d.sql(fmt.Sprintf(`UPDATE chorus.invoices SET statut_commentaire = 'new', updated_at = clock_timestamp() WHERE id = %d`, refused))
	body, kind := formWith(form, sent{"a.xml", invoicetest.Invoice{}.CII()})
	if rec := v.sendBody(fmt.Sprintf("/invoices/%d/replace", refused), kind, body); rec.Code != http.StatusBadRequest || !strings.Contains(rec.Body.String(), "has changed since this page was shown") {
		t.Errorf("replace what has changed: %d\n%s", rec.Code, rec.Body)
	}
	d.sql(`UPDATE chorus.invoices SET external_ref = 'taken' WHERE id = 1`)
	if rec := v.remedy(refused, "replace", url.Values{"ref": {"taken"}}, sent{"a.xml", invoicetest.Invoice{}.CII()}); rec.Code != http.StatusBadRequest || !strings.Contains(rec.Body.String(), "invoice 1 of account default has this external_ref already") {
		t.Errorf("a reference that is taken: %d\n%s", rec.Code, rec.Body)
	}
	rec = v.remedy(refused, "replace", url.Values{"ref": {"new"}}, sent{"a.xml", invoicetest.Invoice{}.CII()})
	if got := d.one(`SELECT concat_ws(' ', '/invoices/' || id, state, account, octet_length(document)) FROM chorus.invoices WHERE replaces = $1 AND external_ref = 'new'`, refused); rec.Code != http.StatusSeeOther ||
		got != rec.Header().Get("Location")+fmt.Sprintf(" received default %d", len(invoicetest.Invoice{}.CII())) {
		t.Errorf("replace: %d %s, %s", rec.Code, rec.Header().Get("Location"), got)
	}
	if page := v.send(http.MethodGet, fmt.Sprintf("/invoices/%d", refused), nil).Body.String(); strings.Contains(page, "/replace") || !strings.Contains(page, "Replaced by") {
		t.Errorf("once it is replaced:\n%s", page)
	}
	d.sql(`UPDATE chorus.invoices SET state = 'invalid' WHERE external_ref = 'new'`)
	if page := v.send(http.MethodGet, fmt.Sprintf("/invoices/%d", refused), nil).Body.String(); !strings.Contains(page, "/replace") {
		t.Errorf("once that is invalid:\n%s", page)
	}
	if got := d.one(`SELECT string_agg(DISTINCT reason_code, ' ') FROM chorus.events WHERE actor LIKE '%/console:claire' AND invoice_id IS NOT NULL AND reason_code IS NOT NULL`); got != "REMEDY_REQUESTED" {
		t.Errorf("the trail has %s", got)
	}
	if page := v.send(http.MethodGet, "/audit?kind=remedy", nil).Body.String(); strings.Count(page, "<b>claire</b>") != 2 {
		t.Errorf("the trail:\n%s", page)
	}
}

// Nobody brings a file who may not act there, and none is read of whose form is not of the session.
func TestRemediesOfOthers(t *testing.T) {
	d := newDesk(t)
	password := hash(t, "a long password")
	v := d.acting(console.User{Name: "claire", Role: console.Operator, Hash: password}, console.User{Name: "rene", Role: console.Reader, Hash: password},
		console.User{Name: "nora", Role: console.Operator, Hash: password, Accounts: []string{"nantes"}})
	d.sql(`INSERT INTO chorus.accounts (name) VALUES ('nantes')`)
	suspended, misrouted, refused := d.waiting()
	who := map[string]*visitor{"claire": v, "rene": {desk: d}, "nora": {desk: d}}
	for name, w := range who {
		if code := w.signIn(name, "a long password"); code != http.StatusSeeOther {
			t.Fatal(name, code)
		}
	}
	document := sent{"a.xml", invoicetest.Invoice{}.CII()}
	forms := map[int64]string{suspended: "complete", misrouted: "recycle", refused: "replace"}
	for id, name := range forms {
		set := url.Values{"comment": {"x"}, "service": {"x"}}
		if rec := who["rene"].remedy(id, name, set, document); rec.Code != http.StatusForbidden {
			t.Errorf("%s by a reader: %d", name, rec.Code)
		}
		set.Set("form", formText.FindStringSubmatch(who["nora"].send(http.MethodGet, "/", nil).Body.String())[1])
		if rec := who["nora"].remedy(id, name, set, document); rec.Code != http.StatusNotFound {
			t.Errorf("%s of another account's: %d\n%s", name, rec.Code, rec.Body)
		}
		set.Set("form", "wrong")
		if rec := v.remedy(id, name, set, document); rec.Code != http.StatusForbidden {
			t.Errorf("%s by a form of another session: %d", name, rec.Code)
		}
		if rec := v.send(http.MethodPost, fmt.Sprintf("/invoices/%d/%s", id, name), set); rec.Code != http.StatusForbidden {
			t.Errorf("%s by a form of the other kind: %d", name, rec.Code)
		}
		if rec := v.send(http.MethodPost, fmt.Sprintf("/invoices/%d/%s", id, name), set, "Origin", "https://evil.example"); rec.Code != http.StatusForbidden {
			t.Errorf("%s by another site: %d", name, rec.Code)
		}
	}
	if n := d.count(`SELECT (SELECT count(*) FROM chorus.remedies) + (SELECT count(*) FROM chorus.invoices WHERE replaces IS NOT NULL)`); n != 0 {
		t.Errorf("%d were asked for all the same", n)
	}
	// Of who may not, and of a form that does not begin with the session's own text, no file is read.
	for name, w := range map[string]*visitor{"rene": who["rene"], "claire": v} {
		endless := &counted{Reader: io.MultiReader(strings.NewReader("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.pdf\"\r\n\r\n"), zeroes{})}
		if rec := w.sendBody(fmt.Sprintf("/invoices/%d/complete", suspended), "multipart/form-data; boundary=b", endless); rec.Code != http.StatusForbidden || endless.n > 64<<10 {
			t.Errorf("%s: %d after %d bytes", name, rec.Code, endless.n)
		}
	}
}

// counted counts what is read of it.
type counted struct {
	io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// However much is sent, no more than the largest document is kept, and the sender is told.
func TestUploadsAreBounded(t *testing.T) {
	d := newDesk(t)
	v := d.acting()
	suspended, _, _ := d.waiting()
	path := fmt.Sprintf("/invoices/%d/complete", suspended)
	form := fieldsIn(v.send(http.MethodGet, fmt.Sprintf("/invoices/%d", suspended), nil).Body.String(), path)
	head := fmt.Sprintf("--b\r\nContent-Disposition: form-data; name=\"form\"\r\n\r\n%s\r\n--b\r\nContent-Disposition: form-data; name=\"at\"\r\n\r\n%s\r\n", form.Get("form"), form.Get("at"))
	file := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.pdf\"\r\n\r\n"
	for _, c := range []struct {
		name, want string
		body       io.Reader
		most       int64
	}{
		{"a file of a byte too many", "have 10 MB together at most", strings.NewReader(head + file + strings.Repeat("x", reader.MaxBytes+1) + "\r\n--b--\r\n"), reader.MaxBytes + 1<<20},
		{"two that are too large together", "have 10 MB together at most", strings.NewReader(head + file + strings.Repeat("x", 6<<20) + "\r\n" + file + strings.Repeat("x", 6<<20) + "\r\n--b--\r\n"), 13 << 20},
		{"a file without end", "have 10 MB together at most", io.MultiReader(strings.NewReader(head+file), zeroes{}), 10*reader.MaxBytes + 1<<20},
		{"too many", "too many files", strings.NewReader(head + strings.Repeat(file+"x\r\n", 100) + "--b--\r\n"), 1 << 20},
		{"half a form", "did not arrive whole", strings.NewReader(head + file + "xxx"), 1 << 20},
		{"a name without end", "did not arrive whole", io.MultiReader(strings.NewReader(head+"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\""), zeroes{}), 12 << 20},
	} {
		body := &counted{Reader: c.body}
		rec := v.sendBody(path, "multipart/form-data; boundary=b", body)
		if rec.Code != http.StatusBadRequest || !strings.Contains(rec.Body.String(), c.want) || body.n > c.most {
			t.Errorf("%s: %d after %d bytes, no %q in\n%s", c.name, rec.Code, body.n, c.want, rec.Body)
		}
	}
	if n := d.count(`SELECT count(*) FROM chorus.remedies`); n != 0 {
		t.Errorf("%d were asked for all the same", n)
	}
	if rec := v.remedy(suspended, "complete", url.Values{"comment": {"x"}}); rec.Code != http.StatusSeeOther {
		t.Errorf("after all that: %d", rec.Code)
	}
}

// In a browser without JavaScript, in both languages: files are chosen and sent, and a refused invoice is replaced.
func TestRemediesInABrowser(t *testing.T) {
	d := newDesk(t)
	suspended, misrouted, refused := d.waiting()
	d.acting()
	b := newBrowser(t, d)
	if b == nil {
		return
	}
	file := func(name string, contents []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, contents, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, lang := range []string{"en", "fr"} {
		b.speak(lang)
		for _, id := range []int64{suspended, misrouted, refused} {
			b.walk(lang, fmt.Sprintf("/invoices/%d", id))
		}
	}
	b.scripts(false)
	form := func(id int64, name string) string { return fmt.Sprintf(`form[action="/invoices/%d/%s"]`, id, name) }
	open := func(id int64, name string) {
		b.Do(look(1280, 900, "light"), chromedp.Navigate(fmt.Sprintf("%s/invoices/%d", b.base, id)), chromedp.Click(chromedp.CSS(`details.act:has(`+form(id, name)+`) summary`)))
	}
	b.speak("fr")
	open(suspended, "complete")
	b.Do(chromedp.SetUploadFiles(chromedp.CSS(form(suspended, "complete")+` input[type=file]`), []string{file("trop.pdf", bytes.Repeat([]byte("x"), reader.MaxBytes+10))}),
		chromedp.Click(chromedp.CSS(form(suspended, "complete")+` button`)), chromedp.WaitVisible(chromedp.CSS(`main a[href="/"]`))) // of the page that refuses it
	if said := ask[string](b, `document.querySelector('main').textContent`); !strings.Contains(said, "ont au plus 10 Mo ensemble") {
		b.Errorf("too large a file: %s", said)
	}
	open(suspended, "complete")
	if *screenshots {
		b.picture("complete-fr")
	}
	b.Do(chromedp.SetUploadFiles(chromedp.CSS(form(suspended, "complete")+` input[type=file]`), []string{file("bon de livraison.pdf", []byte("%PDF-1")), file("a.zip", []byte("PK"))}),
		chromedp.SendKeys(chromedp.CSS(form(suspended, "complete")+` textarea`), "voici"), chromedp.Click(chromedp.CSS(form(suspended, "complete")+` button`)), chromedp.WaitVisible(chromedp.CSS(`#remedies`)))
	if got := d.one(`SELECT concat_ws(' ', comment, nom, octets) FROM chorus.remedies r JOIN chorus.remedy_files f ON f.remedy_id = r.id ORDER BY n`); got != "voici bon de livraison.pdf 6 | voici a.zip 2" {
		b.Errorf("asked for: %s", got)
	}
	b.speak("en")
	open(misrouted, "recycle")
	b.Do(chromedp.SendKeys(chromedp.CSS(form(misrouted, "recycle")+` [name=service]`), "S-1"), chromedp.Click(chromedp.CSS(form(misrouted, "recycle")+` button`)), chromedp.WaitVisible(chromedp.CSS(`#remedies`)))
	open(refused, "replace")
	b.Do(chromedp.SetUploadFiles(chromedp.CSS(form(refused, "replace")+` input[type=file]`), []string{file("new.xml", invoicetest.Invoice{}.CII())}),
		chromedp.Click(chromedp.CSS(form(refused, "replace")+` button`)), chromedp.WaitVisible(chromedp.CSS(fmt.Sprintf(`a[href="/invoices/%d"]`, refused))))
	if n := d.count(fmt.Sprintf(`SELECT count(*) FROM chorus.invoices WHERE replaces = %d`, refused)); n != 1 {
		b.Errorf("%d replace it", n)
	}
	for _, c := range b.Complaints() {
		if !strings.Contains(c, "Bad Request") { // of the file that is too large
			b.Error(c)
		}
	}
}
