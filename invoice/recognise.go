package invoice

import "bytes"

// Recognise refuses what is no invoice's file at all, by its size and its first bytes, without reading it: nothing, an archive, a picture, a text that is no
// XML. The error is a *Problem. What it lets through may still be refused by Read.
func Recognise(b []byte) error {
	if len(bytes.TrimSpace(b)) == 0 || len(b) > MaxBytes {
		_, p := read(b) // which says so before it reads anything
		return p
	}
	switch form, what := sniff(b); form {
	case formXML, formPDF:
		return nil
	case formArchive:
		_, p := read(b)
		return p
	default:
		return notAnInvoice(what)
	}
}
