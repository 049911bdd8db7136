package invoice

import (
	"encoding/xml"
	"errors"

	"github.com/choriste/choriste/invoice/tree"
)

// readXML reads UBL or CII in any of the accepted encodings.
func readXML(b []byte) (*Document, *Problem) {
	text, p := toUTF8(b)
	if p != nil {
		return nil, p
	}
	var s *syntax
	t, err := tree.Parse(text, func(root xml.Name) error {
		var p *Problem
		if s, p = recognise(root); p != nil {
			return p
		}
		return nil
	})
	var wrong *tree.Error
	switch {
	case errors.As(err, &p):
		return nil, p
	case errors.As(err, &wrong):
		return nil, &Problem{Code: codeOf(wrong.Kind), Message: wrong.EN, MessageFR: wrong.FR}
	}
	return newDocument(s, t), nil
}

// codeOf gives the code of what is wrong with the XML.
func codeOf(kind tree.Kind) string {
	switch kind {
	case tree.Truncated:
		return CodeTruncated
	case tree.DTD:
		return CodeDTD
	case tree.TooDeep:
		return CodeTooDeep
	case tree.TooMany:
		return CodeTooManyElements
	case tree.NUL:
		return CodeControlCharacters
	default:
		return CodeXML
	}
}

// truncated says that a file was cut short.
func truncated() *Problem {
	return problemf(CodeTruncated, "the document ends before its end: insert the whole file",
		"le document s'arrête avant sa fin : insérez le fichier entier")
}
