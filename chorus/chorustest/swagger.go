package chorustest

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
)

// swagger is as much of Swagger 2.0 as it takes to check a JSON value: definitions, types and enums. The official files
// declare nothing required, no lengths and no patterns (their README says so).
type swagger struct {
	requests  map[string]*schema // by full path
	responses map[string]*schema // of 200
}

type schema struct {
	Ref        string             `json:"$ref"`
	Type       string             `json:"type"`
	Enum       []any              `json:"enum"`
	Properties map[string]*schema `json:"properties"`
	Items      *schema            `json:"items"`

	definitions map[string]*schema
}

// parsed keeps what was read, by the names of the files: tests start many simulators.
var parsed sync.Map

// readSwagger reads the files; nil when there are none.
func readSwagger(files []string) (*swagger, error) {
	if len(files) == 0 {
		return nil, nil
	}
	names := strings.Join(files, "\n")
	if known, is := parsed.Load(names); is {
		return known.(*swagger), nil
	}
	all := &swagger{requests: map[string]*schema{}, responses: map[string]*schema{}}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("swagger: %w", err)
		}
		if err := all.add(raw); err != nil {
			return nil, fmt.Errorf("swagger %s: %w", name, err)
		}
	}
	parsed.Store(names, all)
	return all, nil
}

func (sw *swagger) add(raw []byte) error {
	var file struct {
		BasePath string `json:"basePath"`
		Paths    map[string]map[string]struct {
			Parameters []struct {
				In     string  `json:"in"`
				Schema *schema `json:"schema"`
			} `json:"parameters"`
			Responses map[string]struct {
				Schema *schema `json:"schema"`
			} `json:"responses"`
		} `json:"paths"`
		Definitions map[string]*schema `json:"definitions"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		return err
	}
	for path, methods := range file.Paths {
		for _, m := range methods {
			for _, p := range m.Parameters {
				if p.In == "body" && p.Schema != nil {
					p.Schema.definitions = file.Definitions
					sw.requests[file.BasePath+path] = p.Schema
				}
			}
			if s := m.Responses["200"].Schema; s != nil {
				s.definitions = file.Definitions
				sw.responses[file.BasePath+path] = s
			}
		}
	}
	return nil
}

// check lists what in a request contradicts the file; nothing for a path that no file describes.
func (sw *swagger) check(path string, in object) []string {
	s := sw.requests[path]
	if s == nil {
		return nil
	}
	return s.walk("swagger: ", map[string]any(in), s.definitions)
}

func (s *schema) walk(at string, value any, definitions map[string]*schema) []string {
	for s != nil && s.Ref != "" {
		s = definitions[strings.TrimPrefix(s.Ref, "#/definitions/")]
	}
	if s == nil || value == nil {
		return nil
	}
	var wrong []string
	fits := true
	switch {
	case s.Properties != nil:
		var o map[string]any
		if o, fits = asObject(value); fits {
			for name, v := range o {
				if s.Properties[name] == nil {
					wrong = append(wrong, at+"unknown property "+cut(name))
					continue
				}
				for _, one := range elements(name, v) {
					wrong = append(wrong, s.Properties[name].walk(at+name+": ", one, definitions)...)
				}
			}
		}
	case s.Type == "array":
		var all []any
		if all, fits = value.([]any); fits {
			for _, v := range all {
				wrong = append(wrong, s.Items.walk(at, v, definitions)...)
			}
		}
	case s.Type == "string":
		_, fits = value.(string)
	case s.Type == "boolean":
		_, fits = value.(bool)
	case s.Type == "integer":
		n, is := value.(json.Number)
		_, err := n.Int64()
		fits = is && err == nil
	case s.Type == "number":
		_, fits = value.(json.Number)
	}
	if !fits {
		return append(wrong, at+"not of type "+s.Type)
	}
	if s.Enum != nil && !slices.Contains(s.Enum, value) {
		wrong = append(wrong, fmt.Sprintf("%s%.60v is not one of its values", at, value))
	}
	slices.Sort(wrong)
	return wrong
}

// elements are the values that the file describes: the value itself, but of a list that clients in production send where the file has an object
// (docs/chorus-pro.md §5.2a) its elements.
func elements(name string, value any) []any {
	if list, is := value.([]any); is && name == "pieceJointePrincipale" {
		return list
	}
	return []any{value}
}

func asObject(value any) (map[string]any, bool) {
	if o, is := value.(object); is {
		return o, true
	}
	o, is := value.(map[string]any)
	return o, is
}
