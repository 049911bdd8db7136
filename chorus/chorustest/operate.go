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
		return answer{status: http.StatusBadRequest, body: object{"codeRetour": 20002, "libelle": "GDP_MSG_11.999 - Requête illisible."}}
	}
	faulty := c.op.fields.check("", c.body)
	if s.swagger != nil {
		faulty = append(faulty, s.swagger.check(c.path, c.body)...)
	}
	if s.cfg.Tolerant { // whether the portal refuses a field that it does not know is not known [G]
		faulty = slices.DeleteFunc(faulty, func(f string) bool {
			unknown := strings.HasPrefix(f, "unknown field ") || strings.Contains(f, "unknown property ")
			if unknown {
				s.tolerate(c.id, c.opName(), f)
			}
			return unknown
		})
	}
	if len(faulty) > 0 {
		for _, f := range faulty {
			s.violate(c, f)
		}
		return answer{status: http.StatusBadRequest, body: object{"codeRetour": 20002, "libelle": "GDP_MSG_11.999 - Requête invalide : " + faulty[0]}}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	return c.op.run(s, c)
}

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
