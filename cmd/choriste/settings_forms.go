package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/store"
)

// Each form reads a value, refuses what cannot be meant, and says the form that is expected. None repeats a value that may be a secret.

// text takes what form lets through.
func text(field func(*settings) *string, form func(string) error) func(*settings, string) error {
	return func(s *settings, v string) error {
		if err := form(v); err != nil {
			return err
		}
		*field(s) = v
		return nil
	}
}

// anyText is judged elsewhere.
func anyText(string) error { return nil }

func secret(field func(*settings) *chorus.Secret) func(*settings, string) error {
	return func(s *settings, v string) error {
		if err := copiedWell(v, true); err != nil {
			return err
		}
		*field(s) = chorus.Secret(v)
		return nil
	}
}

func oneOf(field func(*settings) *string, values ...string) func(*settings, string) error {
	return func(s *settings, v string) error {
		if !slices.Contains(values, v) {
			return fmt.Errorf("must be one of %s", strings.Join(values, ", "))
		}
		*field(s) = v
		return nil
	}
}

func duration(field func(*settings) *time.Duration, most time.Duration) func(*settings, string) error {
	return func(s *settings, v string) error {
		d, err := time.ParseDuration(v)
		if err != nil || d < time.Millisecond || d > most {
			return fmt.Errorf("must be a duration from 1ms to %s, as 90s, 15m or 4h", short(most))
		}
		*field(s) = d
		return nil
	}
}

// short writes 15m0s as 15m.
func short(d time.Duration) string {
	return strings.TrimSuffix(strings.TrimSuffix(d.String(), "0s"), "0m")
}

func count(field func(*settings) *int, most int) func(*settings, string) error {
	return func(s *settings, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > most {
			return fmt.Errorf("must be a whole number from 1 to %d", most)
		}
		*field(s) = n
		return nil
	}
}

// What PISTE grants an application. The least is one request in ten seconds; the most is far beyond any grant.
const (
	leastQuota = 0.1
	mostQuota  = 100000
)

var decimalForm = regexp.MustCompile(`^\d{1,9}(\.\d{1,9})?$`) // no NaN, no infinity, no comma

func quota(s *settings, v string) error {
	q, err := strconv.ParseFloat(v, 64)
	if !decimalForm.MatchString(v) || err != nil || q < leastQuota || q > mostQuota {
		return fmt.Errorf("must be a number of requests per second from %g to %d, as 20 or 0.5 (with a point)", leastQuota, mostQuota)
	}
	s.Quota = q
	return nil
}

// What is taken of announced closures.
const (
	mostWindows = 1000
	longest     = 31 * 24 * time.Hour
)

// windows reads closures; past ones are allowed, because settings are left as they are.
func windows(s *settings, v string) error {
	s.Maintenance = nil
	list := strings.Split(v, ",")
	if len(list) > mostWindows {
		return fmt.Errorf("has %d closures: at most %d are taken", len(list), mostWindows)
	}
	for _, text := range list {
		from, until, _ := strings.Cut(strings.TrimSpace(text), "/")
		w := store.Window{}
		var errs [2]error
		w.From, errs[0] = time.Parse(time.RFC3339, from)
		w.Until, errs[1] = time.Parse(time.RFC3339, until)
		if errors.Join(errs[:]...) != nil || !w.Until.After(w.From) {
			return errors.New("must be START/END in the form 2026-12-05T20:00:00+01:00/2026-12-06T02:00:00+01:00, END after START, several separated by commas")
		}
		if w.Until.Sub(w.From) > longest {
			return errors.New("has a closure of more than 31 days, during which nothing would be sent: check its years and months")
		}
		s.Maintenance = append(s.Maintenance, w)
	}
	return nil
}

const listenForm = "must be HOST:PORT, as 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080"

// listen reads where to listen: an address or a name, and a port by number; 0 is any.
func listen(v string) error {
	host, port, err := net.SplitHostPort(v)
	if err != nil {
		return errors.New(listenForm)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 || strings.Trim(port, "0123456789") != "" {
		return errors.New(listenForm + "; the port is a number from 1 to 65535")
	}
	if _, err := netip.ParseAddr(host); host != "" && err != nil && !hostName.MatchString(host) {
		return errors.New(listenForm)
	}
	return nil
}

var hostName = regexp.MustCompile(`^(?i)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$`)

// hostNames reads names, separated by commas.
func hostNames(s *settings, v string) error {
	s.Hosts = nil
	for name := range strings.SplitSeq(v, ",") {
		if name = strings.TrimSpace(name); !hostName.MatchString(name) {
			return errors.New("must be names without port, as choriste.example.net, several separated by commas; addresses and localhost are taken without it")
		}
		s.Hosts = append(s.Hosts, strings.ToLower(name))
	}
	return nil
}
