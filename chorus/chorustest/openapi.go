package chorustest

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// Both doors in OpenAPI 3, made of the tables that serve them.

const simMark = "x-chorus-sim"

// apiOpenAPI describes the API door: what is simulated, and what the portal has beside it.
func (s *Sim) apiOpenAPI() object {
	paths := object{tokenPath: object{"post": object{
		"summary": "client_credentials", simMark: "simulated", "security": []object{}, "responses": object{"200": object{"description": "access_token"}},
		"requestBody": object{"required": true, "content": object{"application/x-www-form-urlencoded": object{"schema": object{
			"type": "object", "required": []string{"grant_type", "client_id", "client_secret"}, "properties": object{
				"grant_type": object{"type": "string", "enum": []string{"client_credentials"}}, "client_id": object{"type": "string"},
				"client_secret": object{"type": "string"}, "scope": object{"type": "string"},
			},
		}}}},
	}}}
	answers := object{"200": object{"description": "codeRetour and libelle beside the data; codeRetour other than 0 is a refusal"}}
	for name, op := range operations {
		method, path, _ := strings.Cut(name, " ")
		o := object{"operationId": op.name, "tags": []string{op.api}, simMark: "simulated", "responses": answers}
		if method == http.MethodPost {
			o["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": field{kind: nested, fields: op.fields}.schema()}}}
		}
		paths[path] = object{strings.ToLower(method): o}
	}
	for _, route := range notSimulated {
		paths["/cpro/"+route] = object{"post": object{simMark: "not simulated", "responses": object{"403": object{"description": "X-Chorus-Sim: not simulated"}}}}
	}
	return object{
		"openapi":  "3.0.3",
		"info":     object{"title": "Chorus Pro as chorus-sim serves it", "version": "1", "description": "Field names are the portal's. What is only guessed is in docs/simulator.md and docs/chorus-pro.md."},
		"servers":  []object{{"url": s.APIURL()}},
		"security": []object{{"token": []string{}, "account": []string{}}},
		"components": object{"securitySchemes": object{
			"token":   object{"type": "http", "scheme": "bearer"},
			"account": object{"type": "apiKey", "in": "header", "name": "cpro-account", "description": "base64 of login:password"},
		}},
		"paths": paths,
	}
}

// schema is a field in OpenAPI's words.
func (f field) schema() object {
	switch f.kind {
	case integer:
		return object{"type": "integer", "format": "int64"}
	case number:
		return object{"type": "number"}
	case boolean:
		return object{"type": "boolean"}
	case date:
		return object{"type": "string", "description": "a day, or a day and a time"}
	case anything:
		return object{"type": "object"}
	case list:
		return object{"type": "array", "items": field{kind: f.elements, fields: f.fields, enum: f.enum}.schema()}
	case nested:
		properties, required := object{}, []string{}
		for name, x := range f.fields {
			properties[name] = x.schema()
			if x.required {
				required = append(required, name)
			}
		}
		o := object{"type": "object", "properties": properties}
		if len(required) > 0 {
			slices.Sort(required)
			o["required"] = required
		}
		return o
	default:
		o := object{"type": "string"}
		if f.enum != nil {
			o["enum"] = f.enum
		}
		return o
	}
}

var pathParameter = regexp.MustCompile(`\{(\w+)\}`)

// manageOpenAPI describes the management door.
func (s *Sim) manageOpenAPI() any {
	paths := object{}
	for _, rt := range routes {
		path := strings.TrimSuffix(rt.path, "{$}")
		o := object{"summary": rt.about, "responses": object{"200": object{"description": "JSON"}, "400": object{"description": `{"error":"…"}`}}}
		var parameters []object
		for _, m := range pathParameter.FindAllStringSubmatch(path, -1) {
			parameters = append(parameters, object{"in": "path", "name": m[1], "required": true, "schema": object{"type": "string"}})
		}
		for _, name := range rt.params {
			parameters = append(parameters, object{"in": "query", "name": name, "schema": object{"type": "string"}})
		}
		if parameters != nil {
			o["parameters"] = parameters
		}
		if rt.example != "" {
			o["requestBody"] = object{"content": object{"application/json": object{"schema": object{}, "example": json.RawMessage(rt.example)}}}
		}
		methods, there := paths[path].(object)
		if !there {
			methods = object{}
			paths[path] = methods
		}
		methods[strings.ToLower(rt.method)] = o
	}
	return object{
		"openapi": "3.0.3", "info": object{"title": "The management door of chorus-sim", "version": "1"},
		"servers": []object{{"url": s.ManageURL()}}, "paths": paths,
	}
}

// serveAbout answers GET / and GET /openapi.json of the API door.
func (s *Sim) serveAbout(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/openapi.json" {
		writeJSON(w, http.StatusOK, s.apiOpenAPI())
		return
	}
	served := []string{"POST " + tokenPath}
	for name := range operations {
		served = append(served, name)
	}
	slices.Sort(served[1:])
	declared := slices.Clone(notSimulated)
	slices.Sort(declared)
	writeJSON(w, http.StatusOK, object{
		"door": "PISTE and Chorus Pro, simulated by chorus-sim", "token": s.TokenURL(), "manage": s.ManageURL(), "openapi": s.APIURL() + "/openapi.json",
		"routes": served, "not_simulated": declared,
	})
}
