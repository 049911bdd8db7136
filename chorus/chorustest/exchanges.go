package chorustest

import (
	"encoding/json"
	"maps"
	"slices"
	"unicode/utf8"
)

// exchange is one request and its answer, as the page shows them.
type exchange struct {
	ID                     int64
	At, Op, Numero         string
	Status                 int
	CodeRetour, Fault, Why string
	Asked, Said            string // made when somebody looks

	asked, said object
}

// keptExchanges, keptBody and keptRequest bound what is remembered of them.
const (
	keptExchanges = 60
	keptBody      = 2000     // bytes shown of each body
	keptRequest   = 64 << 10 // a larger request, its file aside, is kept as the text that is shown
)

// exchanges is a ring of the newest ones.
type exchanges struct {
	ring [keptExchanges]exchange
	n    int
}

func (x *exchanges) add(e exchange) {
	x.ring[x.n%keptExchanges] = e
	x.n++
}

func (s *Sim) newestExchanges() (all []exchange) {
	x := &s.exchanges
	for i := x.n - 1; i >= max(0, x.n-keptExchanges); i-- {
		e := x.ring[i%keptExchanges]
		if e.asked != nil {
			if e.Numero == "" {
				e.Numero = s.numeroAsked(e.asked)
			}
			e.Asked = shown(e.asked)
		}
		if e.said != nil {
			e.Said = shown(e.said)
		}
		all = append(all, e)
	}
	return all
}

// remember keeps the exchange for the page. Tokens, secrets and files are not kept. Callers hold the lock.
func (s *Sim) remember(c *call, a answer, line Entry) {
	e := exchange{
		ID: c.id, At: parisian(c.at), Op: line.Op, Numero: c.numeroSaid(), Status: line.Status, CodeRetour: line.CodeRetour, Fault: line.Fault, Why: c.why, asked: withoutFiles(c.body),
	}
	if c.op == nil && c.path != tokenPath {
		e.Op = cut(c.method + " " + c.path)
	}
	if c.size > keptRequest {
		e.Numero = c.numero(s)
		e.Asked, e.asked = shown(e.asked), nil
	}
	if c.path != tokenPath && line.Status != 0 {
		e.said, e.Said = withoutFiles(a.body), a.text[:min(len(a.text), 200)]
	}
	s.exchanges.add(e)
}

// files are the fields whose bytes nobody reads.
var files = []string{"fichierFlux", "fichierFacture", "pieceJointeFichier", "fichierResultat", "fichierCR"}

// withoutFiles is the body with files by their size, and of a long list the beginning: a copy, where there are such.
func withoutFiles(body object) object {
	short, copied := body, false
	change := func(name string, value any) {
		if !copied {
			short, copied = maps.Clone(body), true
		}
		short[name] = value
	}
	for _, name := range files {
		if file, is := body[name].(string); is {
			change(name, "… "+itoa(len(file))+" octets …")
		}
	}
	for name, value := range body {
		if rows, is := value.([]any); is && len(rows) > 3 {
			change(name, append(slices.Clone(rows[:3]), "… "+itoa(len(rows)-3)+" …"))
		}
	}
	return short
}

// shown is a body as text, not too long.
func shown(body object) string {
	if body == nil {
		return ""
	}
	b, err := json.MarshalIndent(body, "", " ")
	if err != nil {
		return ""
	}
	text := string(b)
	if len(text) > keptBody {
		end := keptBody
		for end > 0 && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end] + "…"
	}
	return text
}
