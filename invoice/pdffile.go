package invoice

import (
	"bytes"
	"errors"
	"io"
	"strconv"

	"github.com/pdfcpu/pdfcpu/pkg/filter"
)

// A PDF is read from its end: the cross-reference tells where each object is, and only the objects on the way to the attached invoice are looked at. A
// library that loads every object first (pdfcpu) needs 4 KiB for each, and hours for a damaged file; here nothing costs more than the file is long, because
// every byte that is looked at, or inflated, is paid for from one budget.

const (
	maxPDFWork    = 24 << 20 // bytes looked at or inflated in all, beside twice the file: less than a second
	maxPDFObjects = 300_000
	objectCost    = 100 // bytes that the finding of an object is worth
	maxPDFDepth   = 50
	maxPDFParts   = 200_000 // values within one object
	maxObjStream  = 8 << 20 // bytes that an object stream or a cross-reference may inflate to
	maxSections   = 1_000   // cross-references, one for each time that the file was changed
	keptStreams   = 4       // object streams kept inflated
)

// The values of a PDF are: nil, bool, int, float64, pdfString, pdfName, pdfArray, pdfDict, pdfRef, *pdfStream.
type (
	pdfName    string
	pdfString  string
	pdfKeyword string
	pdfArray   []any
	pdfDict    map[pdfName]any
	pdfRef     int
)

type pdfStream struct {
	dict pdfDict
	raw  []byte // as it stands in the file
	end  int    // where
}

// pdfEntry tells where an object is: at a place in the file, or in an object stream; or that there is none any more.
type pdfEntry struct {
	at     uint32 // place, or the stream's number
	within bool   // an object stream
	freed  bool   // taken away by a later change: what an earlier one says of it does not count
}

type pdfFile struct {
	b       []byte
	base    int // where %PDF- is: places count from there
	entries map[int]pdfEntry
	freed   []int   // by the cross-reference that is being read
	trailer pdfDict // of the latest change first
	work    int     // bytes that may still be looked at
	rebuilt bool    // the cross-reference was useless: the objects were found by looking for them
	streams map[int]*objectStream
	nested  int
}

// objectStream is one that was inflated: its objects by number.
type objectStream struct {
	b  []byte
	at map[int]int
}

var (
	errPDF      = errors.New("invoice: not a PDF that can be read")
	errPDFWork  = errors.New("invoice: the PDF takes too much work")
	errInflated = filter.ErrDecodeLimitExceeded
)

// spend pays for n bytes. It panics with errPDFWork, for embeddedInvoice to catch, when there is nothing left.
func (f *pdfFile) spend(n int) {
	if f.work -= n; f.work < 0 {
		panic(errPDFWork)
	}
}

// openPDF finds the objects.
func openPDF(b []byte) *pdfFile {
	f := &pdfFile{b: b, work: maxPDFWork + 2*len(b), entries: map[int]pdfEntry{}, trailer: pdfDict{}, streams: map[int]*objectStream{}}
	f.base = max(0, bytes.Index(b[:min(len(b), 1024)], []byte("%PDF-")))
	if !f.load() {
		f.rebuild()
	}
	return f
}

// catalog is the root of everything else; nil when there is none.
func (f *pdfFile) catalog() pdfDict {
	root, _ := f.resolve(f.trailer["Root"]).(pdfDict)
	if root == nil && !f.rebuilt {
		f.rebuild()
		root, _ = f.resolve(f.trailer["Root"]).(pdfDict)
	}
	return root
}

// load follows the cross-references from the last one back.
func (f *pdfFile) load() bool {
	tail := f.b[max(0, len(f.b)-2048):]
	i := bytes.LastIndex(tail, []byte("startxref"))
	if i < 0 {
		return false
	}
	l := f.lexer(tail, i+len("startxref"))
	at, ok := l.integer()
	seen := map[int]bool{}
	for todo := []int{at}; ok && len(todo) > 0; todo = todo[1:] {
		if seen[todo[0]] {
			continue
		}
		seen[todo[0]] = true
		trailer := f.section(f.base + todo[0])
		if trailer == nil || len(seen) > maxSections {
			return false
		}
		for _, key := range []pdfName{"Root", "Encrypt"} {
			if _, known := f.trailer[key]; !known && trailer[key] != nil {
				f.trailer[key] = trailer[key]
			}
		}
		if also, is := trailer["XRefStm"].(int); is && !seen[also] { // has some of what the table says to be free
			seen[also] = true
			f.section(f.base + also)
		}
		for _, n := range f.freed {
			f.enter(n, pdfEntry{freed: true})
		}
		f.freed = f.freed[:0]
		if next, is := trailer["Prev"].(int); is {
			todo = append(todo, next)
		}
	}
	return ok && f.trailer["Root"] != nil
}

// section reads one cross-reference, a table or a stream, and returns its trailer; nil when it is neither.
func (f *pdfFile) section(at int) pdfDict {
	if at < 0 || at >= len(f.b) {
		return nil
	}
	l := f.lexer(f.b, at)
	if l.keyword() != "xref" {
		_, v := f.objectAt(at)
		if s, is := v.(*pdfStream); is && s.dict["Type"] == pdfName("XRef") && f.sectionStream(s) {
			return s.dict
		}
		return nil
	}
	for {
		first, ok := l.integer()
		if !ok {
			break
		}
		count, ok := l.integer()
		if !ok {
			return nil
		}
		for n := first; n < first+count; n++ {
			place, ok := l.integer()
			_, good := l.integer()
			kind := l.keyword()
			if !ok || !good || kind != "n" && kind != "f" {
				return nil
			}
			if kind == "n" {
				f.enter(n, pdfEntry{at: uint32(place)}) //nolint:gosec // checked when it is used
			} else {
				f.freed = append(f.freed, n)
			}
		}
	}
	if l.keyword() != "trailer" {
		return nil
	}
	trailer, _ := l.value(0).(pdfDict)
	return trailer
}

func (f *pdfFile) sectionStream(s *pdfStream) bool {
	data, err := f.decode(s, maxObjStream)
	widths, _ := s.dict["W"].(pdfArray)
	if err != nil || len(widths) != 3 {
		return false
	}
	var w [3]int
	for k := range w {
		w[k], _ = widths[k].(int)
		if w[k] < 0 || w[k] > 8 {
			return false
		}
	}
	size := w[0] + w[1] + w[2]
	index, _ := s.dict["Index"].(pdfArray)
	if index == nil {
		index = pdfArray{0, s.dict["Size"]}
	}
	field := func(row []byte) (n int) {
		for _, c := range row {
			n = n<<8 | int(c)
		}
		return n
	}
	for ; len(index) >= 2 && size > 0; index = index[2:] {
		first, is := index[0].(int)
		count, too := index[1].(int)
		if !is || !too {
			return false
		}
		for n := first; n < first+count && len(data) >= size; n++ {
			kind := 1
			if w[0] > 0 {
				kind = field(data[:w[0]])
			}
			place := field(data[w[0] : w[0]+w[1]])
			data = data[size:]
			switch kind {
			case 0:
				f.freed = append(f.freed, n)
			case 1, 2:
				f.enter(n, pdfEntry{at: uint32(place), within: kind == 2}) //nolint:gosec // checked when it is used
			}
		}
	}
	return true
}

// enter notes where an object is, unless a later change has told already.
func (f *pdfFile) enter(n int, e pdfEntry) {
	if _, known := f.entries[n]; known {
		return
	}
	if len(f.entries) >= maxPDFObjects {
		panic(errPDFWork)
	}
	f.entries[n] = e
}

// rebuild finds the objects by going through the file once. Of several with one number the last counts.
func (f *pdfFile) rebuild() {
	f.rebuilt = true
	f.entries, f.streams = map[int]pdfEntry{}, map[int]*objectStream{}
	f.spend(len(f.b))
	var containers []int
	for i := 0; ; {
		k := bytes.Index(f.b[i:], []byte("obj"))
		if k < 0 {
			break
		}
		end := i + k
		i = end + len("obj")
		n, at := f.header(end)
		if at < 0 {
			continue
		}
		f.spend(objectCost)
		delete(f.entries, n)
		f.enter(n, pdfEntry{at: uint32(at - f.base)}) //nolint:gosec // within the file
		switch _, v := f.objectAt(at); v := v.(type) {
		case *pdfStream:
			i = max(i, v.end) // what is within is no object of this file
			switch v.dict["Type"] {
			case pdfName("ObjStm"):
				containers = append(containers, n)
			case pdfName("XRef"):
				f.adopt(v.dict)
			}
		case pdfDict:
			if v["Type"] == pdfName("Catalog") && f.trailer["Root"] == nil {
				f.trailer["Root"] = pdfRef(n)
			}
		}
	}
	for i := len(f.b); ; {
		i = bytes.LastIndex(f.b[:i], []byte("trailer"))
		if i < 0 {
			break
		}
		d, _ := f.lexer(f.b, i+len("trailer")).value(0).(pdfDict)
		if f.adopt(d) {
			break
		}
	}
	for k := len(containers) - 1; k >= 0; k-- {
		if s := f.container(containers[k]); s != nil {
			for n := range s.at {
				f.enter(n, pdfEntry{at: uint32(containers[k]), within: true}) //nolint:gosec // an object's number
			}
		}
	}
}

// adopt takes over what a trailer says, and tells whether it says anything.
func (f *pdfFile) adopt(d pdfDict) bool {
	if d["Encrypt"] != nil {
		f.trailer["Encrypt"] = d["Encrypt"]
	}
	if _, is := d["Root"].(pdfRef); is {
		f.trailer["Root"] = d["Root"]
		return true
	}
	return false
}

// header reads the number of an object backwards from its word obj; at < 0 when there is none.
func (f *pdfFile) header(end int) (n, at int) {
	i := end
	back := func(in func(byte) bool, most int) string {
		j := i
		for i > 0 && j-i < most && in(f.b[i-1]) {
			i--
		}
		return string(f.b[i:j])
	}
	back(isPDFSpace, 8)
	generation := back(isDigit, 5)
	space := back(isPDFSpace, 8)
	number := back(isDigit, 10)
	n, err := strconv.Atoi(number)
	if err != nil || generation == "" || space == "" {
		return 0, -1
	}
	return n, i
}

// object gives an object by its number; nil when there is none. A cross-reference that leads to another object makes the whole file be looked through.
func (f *pdfFile) object(n int) any {
	for {
		e, known := f.entries[n]
		switch {
		case !known || e.freed:
			return nil
		case e.within:
			s := f.container(int(e.at))
			if s == nil {
				return nil
			}
			if at, there := s.at[n]; there {
				return f.lexer(s.b, at).value(0)
			}
			return nil
		}
		if number, v := f.objectAt(f.base + int(e.at)); number == n {
			return v
		}
		if f.rebuilt {
			return nil
		}
		f.rebuild()
	}
}

// objectAt reads the object that stands at a place of the file; number -1 when there is none.
func (f *pdfFile) objectAt(at int) (number int, v any) {
	if at < 0 || at >= len(f.b) {
		return -1, nil
	}
	l := f.lexer(f.b, at)
	n, ok := l.integer()
	_, good := l.integer()
	if !ok || !good || l.keyword() != "obj" {
		return -1, nil
	}
	v = l.value(0)
	d, is := v.(pdfDict)
	if !is || l.keyword() != "stream" {
		return n, v
	}
	switch rest := f.b[l.i:]; {
	case bytes.HasPrefix(rest, []byte("\r\n")):
		l.i += 2
	case len(rest) > 0 && (rest[0] == '\n' || rest[0] == '\r'):
		l.i++
	}
	raw := f.streamBytes(l.i, d["Length"])
	return n, &pdfStream{d, raw, l.i + len(raw)}
}

// streamBytes are those from begin to the word endstream, of the length that was said if that is right.
func (f *pdfFile) streamBytes(begin int, said any) []byte {
	if ref, is := said.(pdfRef); is {
		// Not by way of object, which might lead back here.
		if e, known := f.entries[int(ref)]; known && !e.within && !e.freed && f.base+int(e.at) < len(f.b) {
			l := f.lexer(f.b, f.base+int(e.at))
			n, _ := l.integer()
			_, ok := l.integer()
			if ok && n == int(ref) && l.keyword() == "obj" {
				said, _ = l.integer()
			}
		}
	}
	if n, is := said.(int); is && n >= 0 && n <= len(f.b)-begin {
		l := f.lexer(f.b, begin+n)
		if l.keyword() == "endstream" {
			return f.b[begin : begin+n]
		}
	}
	n := bytes.Index(f.b[begin:], []byte("endstream"))
	if n < 0 {
		f.spend(len(f.b) - begin)
		return nil
	}
	f.spend(n)
	return f.b[begin : begin+n]
}

// resolve follows references.
func (f *pdfFile) resolve(v any) any {
	for range maxPDFDepth {
		ref, is := v.(pdfRef)
		if !is {
			return v
		}
		v = f.object(int(ref))
	}
	return nil
}

// container inflates an object stream; nil when it is none.
func (f *pdfFile) container(n int) *objectStream {
	if s, kept := f.streams[n]; kept {
		return s
	}
	e, known := f.entries[n]
	if !known || e.within || e.freed || f.nested > maxPDFDepth {
		return nil
	}
	f.nested++ // a stream's own length or filter may be in another one
	defer func() { f.nested-- }()
	number, v := f.objectAt(f.base + int(e.at))
	stream, is := v.(*pdfStream)
	if !is || number != n {
		return nil
	}
	first, is := f.resolve(stream.dict["First"]).(int)
	count, too := f.resolve(stream.dict["N"]).(int)
	data, err := f.decode(stream, maxObjStream)
	if err != nil || !is || !too || first < 0 || first > len(data) {
		return nil
	}
	s := &objectStream{b: data, at: map[int]int{}}
	l := f.lexer(data[:first], 0)
	for range min(count, maxPDFParts) {
		n, ok := l.integer()
		at, good := l.integer()
		if !ok || !good || at > len(data)-first {
			break
		}
		s.at[n] = first + at
	}
	if len(f.streams) >= keptStreams {
		clear(f.streams)
	}
	f.streams[n] = s
	return s
}

// decode undoes a stream's filters, each of which may give most bytes.
func (f *pdfFile) decode(s *pdfStream, most int) ([]byte, error) {
	names, parms := list(f.resolve(s.dict["Filter"])), list(f.resolve(s.dict["DecodeParms"]))
	if len(names) > 3 {
		return nil, errPDF
	}
	data := s.raw
	f.spend(len(data))
	for k, v := range names {
		name, _ := f.resolve(v).(pdfName)
		if long, short := shortFilters[name]; short {
			name = long
		}
		settings := map[string]int{}
		if k < len(parms) {
			d, _ := f.resolve(parms[k]).(pdfDict)
			for key, v := range d {
				if n, is := f.resolve(v).(int); is {
					settings[string(key)] = n
				}
			}
		}
		undo, err := filter.NewFilter(string(name), settings, int64(min(most, f.work)))
		if err != nil {
			return nil, errPDF
		}
		r, err := undo.Decode(bytes.NewReader(data))
		if err != nil {
			if errors.Is(err, errInflated) {
				f.spend(min(most, f.work))
				return nil, errInflated
			}
			return nil, errPDF
		}
		if data, err = io.ReadAll(io.LimitReader(r, int64(most)+1)); err != nil {
			return nil, errPDF
		}
		if len(data) > most {
			return nil, errInflated
		}
		f.spend(len(data))
	}
	return data, nil
}

var shortFilters = map[pdfName]pdfName{"Fl": "FlateDecode", "LZW": "LZWDecode", "A85": "ASCII85Decode", "AHx": "ASCIIHexDecode", "RL": "RunLengthDecode"}

// list makes one of a single value or of none.
func list(v any) pdfArray {
	switch v := v.(type) {
	case nil:
		return nil
	case pdfArray:
		return v
	}
	return pdfArray{v}
}
