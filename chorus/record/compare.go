package record

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// Difference is one thing in which the simulator's answer is not the portal's.
type Difference struct {
	What      string `json:"what"` // status, header, codeRetour, message, key, type, body
	Where     string `json:"where,omitempty"`
	Portal    string `json:"portal"`
	Simulator string `json:"simulator"`
}

// Compared is one request of a recording and what came of it here.
type Compared struct {
	N       int          `json:"n"`
	Method  string       `json:"method"`
	Path    string       `json:"path"`
	Skipped string       `json:"skipped,omitempty"` // why it was not compared
	Differs []Difference `json:"differs,omitempty"`
}

// Totals are the last line.
type Totals struct {
	Requests int `json:"requests"`
	Same     int `json:"same"`
	Differ   int `json:"differ"`
	Skipped  int `json:"skipped"`
}

// Compare replays a recording against the simulator, within this process, and calls found for each request.
func Compare(recording io.Reader, found func(Compared)) (t Totals, err error) {
	began, _, all, err := Read(recording)
	if err != nil {
		return t, err
	}
	p, err := newPlayer(began, all)
	if err != nil {
		return t, err
	}
	defer func() { err = p.close(err) }()
	for _, x := range all {
		c := Compared{N: x.N, Method: x.Method, Path: x.Path}
		t.Requests++
		here, skipped, err := p.play(x)
		if err != nil {
			return t, fmt.Errorf("request %d: %w", x.N, err)
		}
		switch c.Skipped = skipped; {
		case skipped != "":
			t.Skipped++
			if x.Said != nil && here != nil {
				p.learn(x.Said.JSON, here.JSON)
			}
		default:
			if c.Differs = differences(*x.Said, *here); len(c.Differs) > 0 {
				t.Differ++
			} else {
				t.Same++
			}
			p.learn(x.Said.JSON, here.JSON)
		}
		found(c)
	}
	return t, nil
}

var codeOf = regexp.MustCompile(`^[A-Z]{3}_MSG_[0-9]+[._][0-9]+`)

// differences compares status, headers that clients read, codes, and the keys and types of the body.
func differences(portal, here Message) (all []Difference) {
	differ := func(what, where, there, here string) {
		if there != here {
			all = append(all, Difference{what, where, there, here})
		}
	}
	differ("status", "", fmt.Sprint(portal.Status), fmt.Sprint(here.Status))
	for _, name := range []string{"Www-Authenticate", "Retry-After", "X-Rate-Limit", "Content-Type"} {
		there, ours := portal.Headers[name], here.Headers[name]
		if name == "Retry-After" || name == "X-Rate-Limit" { // how long is the moment's affair
			there, ours = given(there), given(ours)
		}
		if name == "Content-Type" && (portal.Bytes == 0 || here.Bytes == 0) {
			continue
		}
		differ("header", name, there, ours)
	}
	if portal.LeftOut != "" {
		return all
	}
	differ("body", "", kindOf(portal), kindOf(here))
	there, isObject := portal.JSON.(map[string]any)
	ours, also := here.JSON.(map[string]any)
	if isObject && also {
		differ("codeRetour", "", text(there["codeRetour"]), text(ours["codeRetour"]))
		differ("message", "", codeOf.FindString(text(there["libelle"])), codeOf.FindString(text(ours["libelle"])))
		for _, name := range []string{"error", "error_description"} {
			differ("message", name, text(there[name]), text(ours[name]))
		}
	}
	shapes(portal.JSON, here.JSON, "", differ)
	return all
}

func given(s string) string {
	if s != "" {
		return "given"
	}
	return ""
}

func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func kindOf(m Message) string {
	switch {
	case m.Bytes == 0:
		return "empty"
	case m.JSON != nil:
		return typeOf(m.JSON)
	case m.Form != nil:
		return "form"
	}
	return "text"
}

func typeOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "list"
	case map[string]any:
		if v["left_out"] != nil {
			return "string"
		}
		return "object"
	}
	return "number"
}

// shapes walks both bodies side by side. Of a list, all elements together are one: rows of the same kind have the same keys.
func shapes(portal, here any, at string, differ func(what, where, portal, here string)) {
	there, ours := typeOf(portal), typeOf(here)
	if there == "null" || ours == "null" { // it may be anything
		return
	}
	if there != ours {
		differ("type", at, there, ours)
		return
	}
	switch there {
	case "list":
		shapes(merged(portal.([]any)), merged(here.([]any)), at+"[]", differ)
	case "object":
		left, right := portal.(map[string]any), here.(map[string]any)
		for _, name := range sortedKeys(left) {
			if value, is := right[name]; is {
				shapes(left[name], value, strings.TrimPrefix(at+"."+name, "."), differ)
			} else {
				differ("key", strings.TrimPrefix(at+"."+name, "."), typeOf(left[name]), "absent")
			}
		}
		for _, name := range sortedKeys(right) {
			if _, is := left[name]; !is {
				differ("key", strings.TrimPrefix(at+"."+name, "."), "absent", typeOf(right[name]))
			}
		}
	}
}

// merged is one element with the keys of all; nil of an empty list.
func merged(rows []any) any {
	var one map[string]any
	for _, row := range rows {
		o, is := row.(map[string]any)
		switch {
		case !is:
			return row
		case o["left_out"] != nil:
			continue
		case one == nil:
			one = map[string]any{}
		}
		for name, value := range o {
			if one[name] == nil {
				one[name] = value
			}
		}
	}
	if one == nil {
		return nil
	}
	return one
}

func sortedKeys(o map[string]any) []string {
	names := make([]string, 0, len(o))
	for name := range o {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
