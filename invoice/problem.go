package invoice

import (
	"fmt"
	"strconv"
	"strings"
)

// The codes of a Problem. They are stable: applications read them in reason_code, with CH- before them.
const (
	// From Read: these bytes are no invoice.
	CodeEmpty             = "EMPTY"
	CodeTooLarge          = "TOO_LARGE"
	CodeNotAnInvoice      = "NOT_AN_INVOICE"
	CodeArchive           = "ARCHIVE"
	CodeVersion           = "VERSION" // an older standard: ZUGFeRD 1.0, CII before D16B
	CodeTruncated         = "TRUNCATED"
	CodeXML               = "XML" // not well formed
	CodeDTD               = "DTD"
	CodeTooDeep           = "TOO_DEEP"
	CodeTooManyElements   = "TOO_MANY_ELEMENTS"
	CodeEncoding          = "ENCODING"
	CodePDF               = "PDF" // damaged, or beyond the limits
	CodePDFEncrypted      = "PDF_ENCRYPTED"
	CodePDFWithoutInvoice = "PDF_WITHOUT_INVOICE"
	CodeControlCharacters = "CONTROL_CHARACTERS" // a NUL

	// From ReadFields: what the application says of a PDF without XML cannot be read.
	CodeFields = "FIELDS"
)

// Problem says why a document cannot be read, and what to do about it. It never holds more than 40 characters of the document.
type Problem struct {
	Code      string // one of the Code constants
	Where     string // of fields: which one; XML's line and column are in the messages
	Message   string // English
	MessageFR string // the same in French
}

func (p *Problem) Error() string { return p.Code + ": " + p.Message }

// problemf gives the same arguments to both texts.
func problemf(code, english, french string, args ...any) *Problem {
	return &Problem{Code: code, Message: fmt.Sprintf(english, args...), MessageFR: fmt.Sprintf(french, args...)}
}

// quoted is the most that a message shows of a document, in characters.
const quoted = 40

// quote shows a piece of a document: cut, with control and invisible characters escaped.
func quote(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if r := []rune(s); len(r) > quoted {
		return strconv.Quote(string(r[:quoted])) + "…"
	}
	return strconv.Quote(s)
}
