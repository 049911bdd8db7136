package chorustest

import (
	"fmt"
	"slices"
	"strings"
)

// ReadDocument is the portal's reading of one document.
func ReadDocument(b []byte) *Facts { return readDocument(b) }

// CheckAnswer lists what in an answer contradicts the Swagger files; nothing when there are none.
func CheckAnswer(files []string, path string, body map[string]any) ([]string, error) {
	sw, err := readSwagger(files)
	if sw == nil || err != nil {
		return nil, err
	}
	s := sw.responses[path]
	return s.walk("", body, s.definitions), nil
}

// CompareRequests lists where the simulator's descriptions of its requests and the Swagger files part, and how many routes of theirs it serves.
func CompareRequests(files []string) (wrong []string, served, declared int, err error) {
	sw, err := readSwagger(files)
	if sw == nil || err != nil {
		return nil, 0, 0, err
	}
	for path, s := range sw.requests {
		declared++
		if op := operations["POST "+path]; op != nil {
			served++
			wrong = append(wrong, s.compare(op.name, field{kind: nested, fields: op.fields}, s.definitions)...)
		}
	}
	slices.Sort(wrong)
	return wrong, served, declared, nil
}

func (s *schema) compare(at string, f field, definitions map[string]*schema) (wrong []string) {
	for s.Ref != "" {
		s = definitions[strings.TrimPrefix(s.Ref, "#/definitions/")]
	}
	if f.single { // where the file has an object and clients in production send a list
		f = field{kind: f.elements, fields: f.fields}
	}
	kinds := map[string][]kind{
		"string": {text, date}, "integer": {integer}, "number": {number}, "boolean": {boolean}, "array": {list}, "object": {nested, anything}, "": {nested},
	}
	if !slices.Contains(kinds[s.Type], f.kind) {
		return []string{at + " is a " + s.Type + " in the Swagger"}
	}
	if f.kind == list {
		return s.Items.compare(at+"[]", field{kind: f.elements, fields: f.fields, enum: f.enum}, definitions)
	}
	for name, p := range s.Properties {
		own, known := f.fields[name]
		if !known {
			wrong = append(wrong, at+"."+name+" is declared and unknown here")
			continue
		}
		wrong = append(wrong, p.compare(at+"."+name, own, definitions)...)
	}
	for name := range f.fields {
		if s.Properties[name] == nil {
			wrong = append(wrong, at+"."+name+" is not declared")
		}
	}
	for _, v := range s.Enum {
		if !slices.Contains(f.enum, fmt.Sprint(v)) {
			wrong = append(wrong, fmt.Sprintf("%s: %v is declared and refused here", at, v))
		}
	}
	if len(f.enum) > len(s.Enum) {
		wrong = append(wrong, fmt.Sprintf("%s takes %d values, the Swagger declares %d", at, len(f.enum), len(s.Enum)))
	}
	return wrong
}
