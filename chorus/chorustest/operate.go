package chorustest

import (
	"net/http"
	"slices"
	"strings"
)

// operate checks the request against its description and runs the operation.
func (s *Sim) operate(c *call) answer {
	if c.malformed != nil {
		s.violate(c, "the body is not one JSON object: "+c.malformed.Error())
		return answer{status: http.StatusBadRequest, body: object{"codeRetour": 20002, "libelle": c.op.code() + " - Requête illisible."}}
	}
	faulty := c.op.fields.check("", c.body)
	if s.swagger != nil {
		faulty = append(faulty, s.swagger.check(c.path, c.body)...)
	}
	if s.cfg.Tolerant { // whether the portal refuses a field that it does not know is not known [G]
		noted := 0
		faulty = slices.DeleteFunc(faulty, func(f string) bool {
			unknown := strings.HasPrefix(f, "unknown field ") || strings.Contains(f, "unknown property ")
			if noted++; unknown && noted <= maxFaulty {
				s.tolerate(c.id, c.opName(), f)
			}
			return unknown
		})
	}
	if len(faulty) > 0 {
		for _, f := range faulty[:min(len(faulty), maxFaulty)] {
			s.violate(c, f)
		}
		return answer{status: http.StatusBadRequest, body: object{"codeRetour": 20002, "libelle": c.op.code() + " - Requête invalide : " + inFrench(withoutValues(faulty[0]))}}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	a := c.op.run(s, c)
	if a.codeRetour() == "0" {
		c.op.says.complete(a.body)
	}
	return a
}

// code is what begins the texts about a malformed request. The prefixes are those of each API's other messages, the number is invented [G].
func (op *operation) code() string {
	switch op.api {
	case "factures":
		return "GDP_MSG_11.999"
	case "utilisateurs":
		return "GCU_MSG_01.999"
	}
	return "TRA_MSG_00.999"
}

var french = strings.NewReplacer(
	"swagger: ", "", "unknown field ", "champ inconnu ", "unknown property ", "champ inconnu ", "missing field ", "champ obligatoire absent ", " has the wrong type", " : type incorrect",
	"not of type ", "type attendu ", "is not one of its values", "n'est pas une valeur autorisée", "is not a date", "n'est pas une date",
)

// withoutValues leaves away which values there are: the portal does not list them.
func withoutValues(reason string) string {
	reason, _, _ = strings.Cut(reason, theseAre)
	return reason
}

func inFrench(reason string) string { return french.Replace(reason) }

// violate records a request that no correct client sends.
func (s *Sim) violate(c *call, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.violateLocked(c, reason)
}

func (s *Sim) violateLocked(c *call, reason string) {
	if c.why == "" {
		c.why = reason
	}
	s.record(Entry{Type: "violation", Request: c.id, Op: c.opName(), Reason: reason})
}
