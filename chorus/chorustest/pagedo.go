package chorustest

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// acts are the page's forms: each does what one route of the door does.
var acts = map[string]struct {
	section string // where the page goes on
	do      func(*Sim, func(string) string) error
}{
	"statut": {"invoices", func(s *Sim, form func(string) string) error {
		if err := checkStatut(form("statut")); err != nil {
			return err
		}
		return s.Statut(form("numero"), form("statut"), form("commentaire"))
	}},
	"clock": {"clock", func(s *Sim, form func(string) string) error {
		d, err := parseAdvance(form("advance"))
		if err == nil {
			s.Advance(d)
		}
		return err
	}},
	"speed": {"clock", func(s *Sim, form func(string) string) error {
		speed, err := strconv.Atoi(form("speed"))
		if err != nil {
			return fmt.Errorf("speed: %.20q is not a number", form("speed"))
		}
		return s.SetSpeed(speed)
	}},
	"fault": {"faults", func(s *Sim, form func(string) string) error {
		times, err := strconv.Atoi(form("times"))
		if err != nil || times == 0 || times < -1 {
			return fmt.Errorf("times: %.20q is neither -1 nor a number above 0", form("times"))
		}
		return s.addFaults([]Fault{{Kind: form("kind"), Op: form("op"), Numero: form("numero"), Times: times}})
	}},
	"clear": {"faults", func(s *Sim, _ func(string) string) error { s.ClearFaults(); return nil }},
	"profile": {"faults", func(s *Sim, form func(string) string) error {
		return s.SetProfile(form("profile"), form("on") == "on")
	}},
	"outage": {"faults", func(s *Sim, form func(string) string) error { return s.Outage(form("on") == "on", form("scope"), "") }},
	"structure": {"structures", func(s *Sim, form func(string) string) error {
		siret := form("siret")
		if !siretForm.MatchString(siret) {
			return fmt.Errorf("%.40q is not a SIRET of 14 digits", siret)
		}
		s.SetStructure(siret, func(st *Structure) {
			if form("designation") != "" || st.Designation == "" {
				st.Designation = form("designation")
			}
			st.Publique, st.Inactive = form("publique") == "on", form("inactive") == "on"
			st.CodeServiceDoitEtreRenseigne, st.NumeroEJDoitEtreRenseigne = form("service") == "on", form("engagement") == "on"
			if codes := strings.Fields(form("services")); len(codes) > 0 {
				st.Services = nil
				for _, code := range codes {
					st.Services = append(st.Services, Service{Code: code, Libelle: code})
				}
			}
		})
		return nil
	}},
	"reset": {"", func(s *Sim, form func(string) string) error {
		if form("sure") != "on" {
			return errors.New("the box is not ticked")
		}
		return s.Reset()
	}},
}

// POST /do/{what}: a form of the page.
func (s *Sim) postAct(w http.ResponseWriter, r *http.Request) {
	act, known := acts[r.PathValue("what")]
	if !known {
		refuseManage(w, http.StatusNotFound, fmt.Sprintf("the page has no form %.40q", r.PathValue("what")))
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		refuseManage(w, http.StatusBadRequest, "the form cannot be read")
		return
	}
	if err := act.do(s, func(name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }); err != nil {
		s.servePage(w, r, err.Error())
		return
	}
	_ = s.ledger.flush()
	http.Redirect(w, r, "/#"+act.section, http.StatusSeeOther)
}

func parseAdvance(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > maxAdvance {
		return 0, fmt.Errorf("advance: %.40q is not a positive duration as 90m or 36h, of at most ten years", text)
	}
	return d, nil
}
