package chorustest

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// A line is written field by field: encoding/json, which looks at each of the fields that most lines do not have, took ten times as long for the same bytes.
// A test compares them, for every field.

// encodeLine appends a line, with its end.
func encodeLine(b []byte, e *Entry) []byte {
	l := jsonLine{b}
	l.b = append(l.b, `{"seq":`...)
	l.b = strconv.AppendInt(l.b, e.Seq, 10)
	l.b = append(l.b, `,"at":`...)
	l.moment(e.At)
	l.b = append(l.b, `,"type":`...)
	l.b = appendText(l.b, e.Type)
	l.integer("request", e.Request)
	l.text("op", e.Op)
	l.text("client", e.Client)
	l.text("account", e.Account)
	if e.Facts != nil {
		l.facts(e.Facts)
	}
	if len(e.Documents) > 0 {
		l.other("documents", e.Documents)
	}
	l.text("nomFichier", e.NomFichier)
	l.text("syntaxeFlux", e.Syntaxe)
	l.text("file_sha256", e.FileSHA256)
	l.integer("bytes", e.Bytes)
	l.yes("reused", e.Reused)
	l.text("userAgent", e.UserAgent)
	l.text("idempotencyKey", e.IdempotencyKey)
	l.yes("incomplete", e.Incomplete)
	l.text("flux", e.Flux)
	l.integer("n", int64(e.N))
	l.text("key", e.Key)
	l.yes("refused_later", e.RefusedLater)
	l.text("refused_as", e.RefusedAs)
	l.text("reason", e.Reason)
	l.at("report_at", e.ReportAt)
	l.at("due", e.Due)
	l.at("search_at", e.SearchAt)
	l.integer("identifiantFactureCPP", e.Facture)
	l.text("statut", e.Statut)
	l.text("commentaire", e.Commentaire)
	l.either("hidden", e.Hidden)
	if len(e.Moves) > 0 {
		l.other("moves", e.Moves)
	}
	l.integer("piece", e.Piece)
	l.integer("status", int64(e.Status))
	l.text("codeRetour", e.CodeRetour)
	l.text("fault", e.Fault)
	l.either("sent", e.Sent)
	l.text("correlation", e.Correlation)
	if e.Structure != nil {
		l.other("structure", e.Structure)
	}
	l.text("token", e.Token)
	l.integer("offset_ms", e.OffsetMS)
	if e.Seed != 0 {
		l.name("seed")
		l.b = strconv.AppendUint(l.b, e.Seed, 10)
	}
	l.text("profile", e.Profile)
	return append(l.b, '}', '\n')
}

type jsonLine struct{ b []byte }

func (l *jsonLine) facts(f *Facts) {
	l.text("numero", f.Numero)
	l.text("dateFacture", f.Date)
	l.text("typeFacture", f.Type)
	l.text("fournisseur", f.Fournisseur)
	l.text("siren", f.Siren)
	l.integer("annee", int64(f.Annee))
	l.text("destinataire", f.Destinataire)
	l.text("codeService", f.Service)
	l.text("engagement", f.Engagement)
	l.text("cadre", f.Cadre)
	l.text("valideur", f.Valideur)
	l.text("montantHT", f.HT)
	l.text("montantTTC", f.TTC)
	l.text("montantAPayer", f.APayer)
	l.text("devise", f.Devise)
	l.text("modeDepot", f.Mode)
	l.text("sha256", f.SHA256)
	l.integer("octets", f.Octets)
	if len(f.Pieces) > 0 {
		l.other("pieces", f.Pieces)
	}
	l.text("syntaxe", f.Syntaxe)
	l.text("defaut", f.Defect)
	l.text("defaut_type", f.DefectKind)
	l.text("defaut_devine", f.Guess)
}

func (l *jsonLine) name(name string) {
	l.b = append(append(append(l.b, ',', '"'), name...), '"', ':')
}

func (l *jsonLine) text(name, value string) {
	if value != "" {
		l.name(name)
		l.b = appendText(l.b, value)
	}
}

func (l *jsonLine) integer(name string, value int64) {
	if value != 0 {
		l.name(name)
		l.b = strconv.AppendInt(l.b, value, 10)
	}
}

func (l *jsonLine) yes(name string, value bool) {
	if value {
		l.either(name, &value)
	}
}

func (l *jsonLine) either(name string, value *bool) {
	if value != nil {
		l.name(name)
		l.b = strconv.AppendBool(l.b, *value)
	}
}

func (l *jsonLine) at(name string, t *time.Time) {
	if t != nil {
		l.name(name)
		l.moment(*t)
	}
}

func (l *jsonLine) moment(t time.Time) {
	l.b = append(t.AppendFormat(append(l.b, '"'), time.RFC3339Nano), '"')
}

// other is what few lines have.
func (l *jsonLine) other(name string, value any) {
	l.name(name)
	l.b = appendAny(l.b, value)
}

// appendText appends a text as JSON.
func appendText(b []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return appendAny(b, text)
		}
	}
	return append(append(append(b, '"'), text...), '"')
}

// appendAny appends anything as encoding/json has it, without its care for HTML.
func appendAny(b []byte, value any) []byte {
	buffer := bytes.NewBuffer(b)
	out := json.NewEncoder(buffer)
	out.SetEscapeHTML(false)
	if err := out.Encode(value); err != nil {
		panic(err) // what is kept and answered holds nothing that cannot be encoded
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n"))
}

// lineField is where a name's value belongs.
type lineField struct {
	ofFacts bool
	n       int // of the struct
}

var lineFields = readLineFields()

func readLineFields() map[string]lineField {
	all := map[string]lineField{}
	for ofFacts, kind := range map[bool]reflect.Type{false: reflect.TypeFor[Entry](), true: reflect.TypeFor[Facts]()} {
		for n := range kind.NumField() {
			if name, _, _ := strings.Cut(kind.Field(n).Tag.Get("json"), ","); name != "" {
				all[name] = lineField{ofFacts, n}
			}
		}
	}
	return all
}

// decodeLine reads a line again. What is not as encodeLine writes it, and the few fields that hold others, are left to encoding/json.
func decodeLine(line []byte) (*Entry, error) {
	if e, plain := decodePlainLine(line); plain {
		return e, nil
	}
	e := &Entry{}
	return e, json.Unmarshal(line, e)
}

func decodePlainLine(line []byte) (*Entry, bool) {
	p := &plainJSON{raw: line}
	if !p.take('{') {
		return nil, false
	}
	e := &Entry{}
	within, facts := reflect.ValueOf(e).Elem(), reflect.Value{}
	for {
		if p.peek() != '"' {
			return nil, false
		}
		name, fine := p.bytes()
		f, known := lineFields[string(name)]
		if !fine || !known || !p.take(':') {
			return nil, false
		}
		field := within
		if f.ofFacts {
			if e.Facts == nil {
				e.Facts = &Facts{}
				facts = reflect.ValueOf(e.Facts).Elem()
			}
			field = facts
		}
		if !p.into(field.Field(f.n).Addr().Interface()) {
			return nil, false
		}
		if p.take('}') {
			return e, p.peek() == 0 && p.at == len(line)
		}
		if !p.take(',') {
			return nil, false
		}
	}
}

// into reads a value of the field's type.
func (p *plainJSON) into(field any) bool {
	switch x := field.(type) {
	case *string:
		if p.peek() != '"' {
			return false
		}
		text, fine := p.bytes()
		*x = string(text)
		return fine
	case *int64:
		return p.integer(x)
	case *int:
		var n int64
		fine := p.integer(&n)
		*x = int(n)
		return fine && int64(*x) == n
	case *bool:
		value, fine := p.value(0)
		yes, is := value.(bool)
		*x = yes
		return fine && is
	case **bool:
		*x = new(bool)
		return p.into(*x)
	case *time.Time:
		if p.peek() != '"' {
			return false
		}
		text, fine := p.bytes()
		return fine && x.UnmarshalText(text) == nil
	case **time.Time:
		*x = new(time.Time)
		return p.into(*x)
	}
	return false
}

func (p *plainJSON) integer(x *int64) bool {
	if c := p.peek(); c != '-' && (c < '0' || c > '9') {
		return false
	}
	value, fine := p.number()
	if !fine {
		return false
	}
	n, err := value.(json.Number).Int64()
	*x = n
	return err == nil
}
