package chorustest

import (
	"bytes"
	"compress/zlib"
	"encoding/hex"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
)

// What the portal takes out of a Factur-X: the one attached file that is called factur-x.xml. The objects are found by scanning the file from its
// beginning to its end, the later of two with one number counts, and from the catalog on only what leads to attached files is followed.

const (
	maxObjects  = 200_000
	maxFollowed = 20_000
	maxInflated = 40 << 20 // of all streams together
)

var (
	errNotPDF     = errors.New("le fichier PDF ne peut pas être lu")
	errNoInvoice  = errors.New("le fichier PDF ne contient pas de pièce factur-x.xml")
	errManyInside = errors.New("le fichier PDF contient plusieurs pièces factur-x.xml")

	rootEntry   = regexp.MustCompile(`/Root\s+(\d{1,9})\s+\d{1,5}\s+R`)
	reference   = regexp.MustCompile(`(\d{1,9})\s+\d{1,5}\s+R\b`)
	attaching   = regexp.MustCompile(`/(?:AF|Names)\b`)
	embedded    = regexp.MustCompile(`/EF\s*<<[^>]*?/(?:UF|F)\s+(\d{1,9})\s+\d{1,5}\s+R`)
	fileName    = regexp.MustCompile(`/(?:UF|F)\s*(\(|<[0-9A-Fa-f\s]*>)`)
	streamStart = regexp.MustCompile(`>>\s*stream`)
	counter     = regexp.MustCompile(`/(N|First|Length)\s+(\d{1,9})\b(?:\s+\d{1,5}\s+R)?`)
)

// pdf is the objects of a file.
type pdf struct {
	file    []byte
	objects map[int][]byte // what stands between obj and endobj, or in an object stream
	budget  int
}

// attachedInvoice takes the XML out of a Factur-X.
func attachedInvoice(file []byte) ([]byte, error) {
	if bytes.LastIndex(file, []byte("/Encrypt")) >= 0 {
		return nil, errNotPDF
	}
	p := &pdf{file: file, objects: map[int][]byte{}, budget: maxInflated}
	roots := rootEntry.FindAllSubmatch(file, -1)
	if !p.scan() || len(roots) == 0 {
		return nil, errNotPDF
	}
	root, _ := strconv.Atoi(string(roots[len(roots)-1][1]))
	var found []int
	for _, spec := range p.reach(root) {
		if m := embedded.FindSubmatch(spec); m != nil && isInvoiceName(spec) {
			n, _ := strconv.Atoi(string(m[1]))
			if len(found) == 0 || found[0] != n {
				found = append(found, n)
			}
		}
	}
	switch len(found) {
	case 0:
		return nil, errNoInvoice
	case 1:
		return p.stream(p.objects[found[0]])
	}
	return nil, errManyInside
}

// scan finds the objects of the file, then those within object streams.
func (p *pdf) scan() bool {
	var order []int
	for at := 0; ; {
		i := bytes.Index(p.file[at:], []byte(" obj"))
		if i < 0 {
			break
		}
		begin := at + i + len(" obj")
		n, is := numberBefore(p.file[:at+i])
		at = begin
		if !is {
			continue
		}
		end := bytes.Index(p.file[begin:], []byte("endobj"))
		if end < 0 {
			end = len(p.file) - begin
		}
		if _, again := p.objects[n]; !again {
			order = append(order, n)
		}
		if p.objects[n] = p.file[begin : begin+end]; len(p.objects) > maxObjects {
			return false
		}
		at = begin + end
	}
	for _, n := range order {
		if o := p.objects[n]; bytes.Contains(dictionary(o), []byte("/ObjStm")) && !p.unpack(o) {
			return false
		}
	}
	return true
}

// numberBefore reads "12 0" from the end of a text: the number of an object and its generation.
func numberBefore(text []byte) (int, bool) {
	text = text[max(0, len(text)-20):]
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return 0, false
	}
	digits := fields[len(fields)-2]
	for k := len(digits); k > 0; k-- { // whatever precedes the number without a blank
		if digits[k-1] < '0' || digits[k-1] > '9' {
			digits = digits[k:]
			break
		}
	}
	n, err := strconv.Atoi(string(digits))
	_, generation := strconv.Atoi(string(fields[len(fields)-1]))
	return n, err == nil && generation == nil
}

// dictionary is what precedes an object's stream.
func dictionary(object []byte) []byte {
	if m := streamStart.FindIndex(object); m != nil {
		return object[:m[1]-len("stream")]
	}
	return object
}

// unpack adds the objects of an object stream.
func (p *pdf) unpack(object []byte) bool {
	content, err := p.stream(object)
	if err != nil {
		return false
	}
	counts := map[string]int{}
	for _, m := range counter.FindAllSubmatch(dictionary(object), -1) {
		counts[string(m[1])], _ = strconv.Atoi(string(m[2]))
	}
	first := counts["First"]
	if first > len(content) {
		return false
	}
	heads := strings.Fields(string(content[:first]))
	for k := 0; k+1 < len(heads) && k < 2*counts["N"]; k += 2 {
		n, bad := strconv.Atoi(heads[k])
		from, worse := strconv.Atoi(heads[k+1])
		to := len(content) - first
		if k+3 < len(heads) {
			to, _ = strconv.Atoi(heads[k+3])
		}
		if bad != nil || worse != nil || from < 0 || from > to || first+to > len(content) {
			return false
		}
		if p.objects[n] = content[first+from : first+to]; len(p.objects) > maxObjects {
			return false
		}
	}
	return true
}

// stream is what an object's stream holds, inflated when it is deflated.
func (p *pdf) stream(object []byte) ([]byte, error) {
	dict := dictionary(object)
	content, ok := bytes.CutPrefix(object[len(dict):], []byte("stream"))
	if !ok {
		return nil, errNotPDF
	}
	content = bytes.TrimPrefix(bytes.TrimPrefix(content, []byte("\r")), []byte("\n"))
	if end := bytes.LastIndex(content, []byte("endstream")); end >= 0 {
		content = content[:end]
	}
	switch {
	case !bytes.Contains(dict, []byte("/Filter")):
		return bytes.TrimRight(content, "\r\n"), nil
	case !bytes.Contains(dict, []byte("/FlateDecode")) || bytes.Contains(dict, []byte("/Predictor")):
		return nil, errNotPDF
	}
	z, err := zlib.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil, errNotPDF
	}
	plain, err := io.ReadAll(io.LimitReader(z, int64(p.budget)+1))
	if p.budget -= len(plain); err != nil || p.budget < 0 {
		return nil, errNotPDF
	}
	return plain, nil
}

// reach follows what leads to attached files, from the catalog on.
func (p *pdf) reach(root int) [][]byte {
	var found [][]byte
	seen := map[int]bool{root: true}
	follow := func(text []byte) (next []int) {
		for _, m := range reference.FindAllSubmatch(text, -1) {
			if n, _ := strconv.Atoi(string(m[1])); !seen[n] && len(seen) < maxFollowed {
				seen[n] = true
				next = append(next, n)
			}
		}
		return next
	}
	var queue []int
	catalog := dictionary(p.objects[root])
	for _, at := range attaching.FindAllIndex(catalog, -1) {
		value := firstValue(catalog[at[1]:])
		found = append(found, value)
		queue = append(queue, follow(value)...)
	}
	for ; len(queue) > 0; queue = queue[1:] {
		o := p.objects[queue[0]]
		found = append(found, dictionary(o))
		if len(dictionary(o)) == len(o) && !embedded.Match(o) { // a file's description leads to nothing but the file
			queue = append(queue, follow(o)...)
		}
	}
	return found
}

// firstValue is a dictionary, a list or a reference at the beginning of a text.
func firstValue(text []byte) []byte {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '<', '[':
			depth++
		case '>', ']':
			if depth--; depth <= 0 {
				return text[:i+1]
			}
		case 'R', '/':
			if depth == 0 {
				return text[:i+1]
			}
		}
	}
	return text
}

// isInvoiceName tells whether a file's description calls it factur-x.xml.
func isInvoiceName(spec []byte) bool {
	for _, m := range fileName.FindAllSubmatchIndex(spec, -1) {
		name := ""
		if raw := spec[m[2]:m[3]]; raw[0] == '(' {
			name = literal(spec[m[3]:])
		} else if b, err := hex.DecodeString(strings.Join(strings.Fields(string(raw[1:len(raw)-1])), "")); err == nil {
			name = unicodeText(b)
		}
		if strings.EqualFold(name, "factur-x.xml") {
			return true
		}
	}
	return false
}

// literal reads a PDF string after its opening bracket.
func literal(text []byte) string {
	var b []byte
	depth := 1
	for i := 0; i < len(text) && i < 1000; i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			i++
			if text[i] >= '0' && text[i] <= '7' {
				k := i
				for k < len(text) && k < i+3 && text[k] >= '0' && text[k] <= '7' {
					k++
				}
				n, _ := strconv.ParseUint(string(text[i:k]), 8, 16)
				b, i = append(b, byte(n)), k-1
				continue
			}
			b = append(b, text[i])
		case c == '(':
			depth++
			b = append(b, c)
		case c == ')':
			if depth--; depth == 0 {
				return unicodeText(b)
			}
			b = append(b, c)
		default:
			b = append(b, c)
		}
	}
	return ""
}

func unicodeText(b []byte) string {
	if len(b) < 2 || b[0] != 0xfe || b[1] != 0xff {
		return string(b)
	}
	var units []uint16
	for i := 2; i+1 < len(b); i += 2 {
		units = append(units, uint16(b[i])<<8|uint16(b[i+1]))
	}
	return string(utf16.Decode(units))
}
