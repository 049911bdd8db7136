package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"time"

	reader "github.com/choriste/choriste/invoice"
)

const (
	// mostUpload is how many bytes the files of one form have together: as many as the largest document. The command takes more.
	mostUpload = reader.MaxBytes
	// mostThrownAway is how much more of a form that is too large is read and not kept, so that its sender is shown the answer: a browser that is not read from shows none.
	mostThrownAway = 10 * mostUpload
	// mostParts is how many fields and files a form with files has.
	mostParts = 60
	// mostField is how many bytes each field has; mostFileName the name of a file.
	mostField, mostFileName = 8 << 10, 1000
	// uploadWithin is how long a form with files may take to arrive. What serves the pages ends an answer after two minutes.
	uploadWithin = 90 * time.Second
)

// upload is a form with files, as it came. Contents of files stand one after the other in one piece of memory.
type upload struct {
	fields url.Values
	files  []uploaded
	wrong  string // why it was not taken; "" if it was
}

type uploaded struct {
	name     string
	contents []byte
}

// uploading serves what a role may do by a form with files. Who has not the role, and a form that does not begin with the session's own text, is refused before any file is read; one form at a
// time is read, so that a worker holds the files of one at most.
func (c *console) uploading(role Role, build func(context.Context, view, upload) (content, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "multipart/form-data" { // without files
			c.acting(role, func(ctx context.Context, v view) (content, error) { return build(ctx, v, upload{fields: v.PostForm}) })(w, r)
			return
		}
		var u upload
		var leave func()
		if c.may(r, role) {
			u, leave = c.receive(w, r)
			defer leave()
		}
		r.Body, r.PostForm = http.NoBody, u.fields
		if r.PostForm == nil {
			r.PostForm = url.Values{}
		}
		c.acting(role, func(ctx context.Context, v view) (content, error) {
			if u.wrong != "" {
				return content{}, wrongInput(u.wrong)
			}
			return build(ctx, v, u)
		})(w, r)
	}
}

// receive reads a form with files. leave gives back the turn that it has waited for.
func (c *console) receive(w http.ResponseWriter, r *http.Request) (u upload, leave func()) {
	leave = func() {}
	v := view{r, languageOf(r)}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(uploadWithin)) // a test's has none
	length := r.ContentLength
	r.Body = http.MaxBytesReader(w, r.Body, mostThrownAway)
	parts, err := r.MultipartReader()
	if err != nil {
		return u, leave // no such form: it is refused, as it has no text of the session
	}
	u.fields = url.Values{}
	first, err := parts.NextPart()
	if err != nil || first.FormName() != "form" {
		return u, leave
	}
	text, err := io.ReadAll(io.LimitReader(first, mostField))
	if err != nil || !same(string(text), c.formOf(personOf(r))) {
		return u, leave
	}
	u.fields.Set("form", string(text))
	ctx, cancel := context.WithTimeout(r.Context(), pageWithin)
	defer cancel()
	select {
	case c.receiving <- struct{}{}:
		leave = func() { <-c.receiving }
	case <-ctx.Done():
		u.wrong = v.t("Somebody else is sending files: try again.", "Une autre personne envoie des fichiers : réessayez.")
		return u, leave
	}
	if err := u.read(parts, length); err != nil {
		u.wrong = v.notTaken(err)
	}
	return u, leave
}

var (
	errTooLarge   = errors.New("the files are too large")
	errTooMany    = errors.New("there are too many parts")
	errField      = errors.New("a field is too long")
	errUnreadable = errors.New("the form cannot be read")
)

func (v view) notTaken(err error) string {
	switch {
	case errors.Is(err, errTooLarge):
		return fmt.Sprintf(v.t("Nothing was done: the files of one form have %d MB together at most. The command takes more.", "Rien n'a été fait : les fichiers d'un formulaire ont au plus %d Mo ensemble. La commande en prend davantage."), mostUpload>>20)
	case errors.Is(err, errTooMany), errors.Is(err, errField):
		return v.t("Nothing was done: the form has too many files, or a text that is too long.", "Rien n'a été fait : le formulaire a trop de fichiers, ou un texte trop long.")
	}
	return v.t("Nothing was done: the form did not arrive whole. Send it again.", "Rien n'a été fait : le formulaire n'est pas arrivé entier. Renvoyez-le.")
}

// read reads what follows the first field. length is what the browser says that all of it has, or below zero.
func (u *upload) read(parts *multipart.Reader, length int64) error {
	held := make([]byte, 0, min(max(length, 64<<10), mostUpload+1))
	var wrong error // what is too large is read to its end all the same
	for n := 1; ; n++ {
		part, err := parts.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return wrong
		case errors.As(err, new(*http.MaxBytesError)):
			return errTooLarge
		case err != nil:
			return errors.Join(wrong, errUnreadable)
		case n > mostParts:
			return errTooMany
		case wrong != nil: // the next part is looked for behind this one
		case part.FileName() == "":
			wrong = u.field(part)
		default:
			held, wrong = u.file(part, held)
		}
	}
}

// field reads one; a file that was not chosen is an empty field of its name.
func (u *upload) field(part *multipart.Part) error {
	text, err := io.ReadAll(io.LimitReader(part, mostField+1))
	switch {
	case err != nil:
		return errUnreadable
	case len(text) > mostField:
		return errField
	case part.FormName() != "file":
		u.fields.Add(part.FormName(), string(text))
	}
	return nil
}

// file reads one behind what is held already, and no more than there is room for.
func (u *upload) file(part *multipart.Part, held []byte) ([]byte, error) {
	from := len(held)
	for {
		if len(held) == cap(held) {
			held = append(make([]byte, 0, min(2*cap(held), mostUpload+1)), held...)
		}
		n, err := part.Read(held[len(held):cap(held)])
		held = held[:len(held)+n]
		switch {
		case len(held) > mostUpload:
			return held, errTooLarge
		case errors.Is(err, io.EOF):
			u.files = append(u.files, uploaded{cutAt(part.FileName(), mostFileName), held[from:len(held):len(held)]})
			return held, nil
		case errors.As(err, new(*http.MaxBytesError)):
			return held, errTooLarge
		case err != nil:
			return held, errUnreadable
		}
	}
}
