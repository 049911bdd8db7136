package chorustest

import (
	"maps"
	"slices"
	"strings"
)

// Vocabulary is what the portal's interface is made of, and no data of anybody's: for whoever has to tell the two apart.
type Vocabulary struct {
	Fields map[string]bool // names of requests and answers
	Values map[string]bool // of enumerations, states and codes
	Routes map[string]bool // below /cpro/
	Files  []string        // the fields that hold a file in base64
}

// PortalVocabulary returns it.
func PortalVocabulary() Vocabulary {
	v := Vocabulary{Fields: map[string]bool{}, Values: map[string]bool{}, Routes: map[string]bool{}, Files: slices.Clone(files)}
	for name, op := range operations {
		_, path, _ := strings.Cut(name, " /cpro/")
		v.Routes[path] = true
		op.fields.into(v)
		op.says.into(v)
	}
	for _, route := range notSimulated {
		v.Routes[route] = true
	}
	for _, all := range enumerations {
		for _, value := range all {
			v.Values[value] = true
		}
	}
	for _, list := range [][]string{fluxStates, strings.Fields("statusCode statusCodeValue body error error_description errors message status timestamp path access_token token_type expires_in scope")} {
		for _, value := range list {
			v.Values[value], v.Fields[value] = true, true
		}
	}
	return v
}

// fluxStates are those that are known of (docs/chorus-pro.md §7).
var fluxStates = strings.Fields(`IN_DEPOT_PORTAIL_EN_ATTENTE_TRAITEMENT_SE_CPP IN_RECU IN_TRAITE_SE_CPP IN_EN_ATTENTE_TRAITEMENT_CPP IN_EN_COURS_TRAITEMENT_CPP
	IN_EN_ATTENTE_RETRAITEMENT_CPP IN_INTEGRE IN_INTEGRE_PARTIEL IN_REJETE IN_INCIDENTE IN_A_RELANCER IN_ERREUR_INTERNE QP_IRRECEVABLE QP_RECEVABLE QP_RECEVABLE_AVEC_ERREUR`)

func (fs fields) into(v Vocabulary) {
	for name := range maps.Keys(fs) {
		v.Fields[name] = true
		for _, value := range fs[name].enum {
			v.Values[value] = true
		}
		fs[name].fields.into(v)
	}
}

// ReadFile is the portal's reading of a deposited file: one document, or a tar.gz of several. What cannot be read says so as its Defect.
func ReadFile(file []byte) []*Facts { return readFile(file) }
