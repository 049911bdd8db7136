package chorus

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
)

// body is the body of a request, complete before anything is sent.
type body interface {
	io.Reader
	Len() int    // bytes that are left
	Size() int64 // bytes in all
	again() body // from the beginning
}

type bytesBody struct{ r *bytes.Reader }

func (b bytesBody) Read(p []byte) (int, error) { return b.r.Read(p) }
func (b bytesBody) Len() int                   { return b.r.Len() }
func (b bytesBody) Size() int64                { return b.r.Size() }

func (b bytesBody) again() body {
	_, _ = b.r.Seek(0, io.SeekStart) // a bytes.Reader always can
	return b
}

// fileBody is a file as JSON. Its base64, a third longer than the file, is made while it is sent: there is nothing in it that could fail.
type fileBody struct {
	head, file, tail []byte
	parts            [3][]byte // what is left of them
	encoded          []byte    // of the file, and not taken yet
	room             []byte    // behind it
	left             int
}

func newDepositBody(f File) (*fileBody, error) {
	return newFileBody("fichierFlux", f.Contenu, struct {
		Nom           string `json:"nomFichier"`
		Syntaxe       string `json:"syntaxeFlux"`
		AvecSignature bool   `json:"avecSignature"`
	}{f.Nom, f.Syntaxe, false})
}

// newFileBody is an object of a file, under this name, and of the fields of rest.
func newFileBody(name string, file []byte, rest any) (*fileBody, error) {
	fields, err := json.Marshal(rest)
	if err != nil {
		return nil, err
	}
	b := &fileBody{head: []byte(`{"` + name + `":"`), file: file, tail: append([]byte(`",`), fields[1:]...)}
	b.parts = [3][]byte{b.head, b.file, b.tail}
	b.left = int(b.Size())
	return b, nil
}

func (b *fileBody) Size() int64 {
	return int64(len(b.head) + base64.StdEncoding.EncodedLen(len(b.file)) + len(b.tail))
}

func (b *fileBody) Len() int { return b.left }

func (b *fileBody) Read(p []byte) (int, error) {
	const chunk = 3 << 12
	if len(b.encoded) == 0 && len(b.parts[0]) == 0 && len(b.parts[1]) > 0 {
		n := min(len(b.parts[1]), chunk) // a multiple of three, but for the last
		b.room = base64.StdEncoding.AppendEncode(b.room[:0], b.parts[1][:n])
		b.encoded, b.parts[1] = b.room, b.parts[1][n:]
	}
	from := &b.parts[2]
	switch {
	case len(b.parts[0]) > 0:
		from = &b.parts[0]
	case len(b.encoded) > 0:
		from = &b.encoded
	}
	n := copy(p, *from)
	*from = (*from)[n:]
	b.left -= n
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (b *fileBody) again() body {
	return &fileBody{head: b.head, file: b.file, tail: b.tail, parts: [3][]byte{b.head, b.file, b.tail}, left: int(b.Size())}
}
