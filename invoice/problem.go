package invoice

import (
	"fmt"
	"strconv"
	"strings"
)

// The codes of a Problem. They are stable: applications read them in reason_code.
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

	// From Check, always with a Term (CONTROL_CHARACTERS also from Read, for a NUL).
	CodeMissing           = "MISSING"
	CodeSeveral           = "SEVERAL" // twice in the document, with different values
	CodeNumberTooLong     = "NUMBER_TOO_LONG"
	CodeNumberCharacters  = "NUMBER_CHARACTERS"
	CodeDate              = "DATE"
	CodeType              = "TYPE"
	CodeSIRET             = "SIRET"
	CodeAmount            = "AMOUNT"
	CodeCurrency          = "CURRENCY"
	CodeCadre             = "CADRE"
	CodeTooLong           = "TOO_LONG"
	CodeControlCharacters = "CONTROL_CHARACTERS"
	CodeFields            = "FIELDS" // of what the column fields says
)

// Problem says which term is wrong, why, and what to do about it. It never holds more than 40 characters of the document.
type Problem struct {
	Code      string // one of the Code constants
	Term      string // the EN 16931 term, as "BT-1"; "" when the whole document is meant
	Message   string // English; names the term
	MessageFR string // the same in French
}

func (p *Problem) Error() string { return p.Code + ": " + p.Message }

// problemf gives the same arguments to both texts.
func problemf(code, term, english, french string, args ...any) *Problem {
	return &Problem{Code: code, Term: term, Message: fmt.Sprintf(english, args...), MessageFR: fmt.Sprintf(french, args...)}
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
