package main

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// mailWithin is how long a mail may take, from the connection to the server's last word.
const mailWithin = 30 * time.Second

// smtpURL reads the address of a mail server.
func smtpURL(s *settings, v string) error {
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("must be an address as smtps://USER@HOST:465 or smtp://USER@HOST:587")
	}
	if _, there := u.User.Password(); there {
		return errors.New("holds a password: give it as CHORISTE_SMTP_PASSWORD_FILE")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return errors.New("has a port that is none")
		}
	}
	s.SMTP = u
	return nil
}

// addresses reads mail addresses separated by commas.
func addresses(field func(*settings) *[]string, most int) func(*settings, string) error {
	return func(s *settings, v string) error {
		list, err := mail.ParseAddressList(v)
		if err != nil || len(list) > most {
			return fmt.Errorf("must be mail addresses as anna@example.org, %d at most, separated by commas", most)
		}
		for _, a := range list {
			*field(s) = append(*field(s), a.String())
		}
		return nil
	}
}

// onThisMachine tells whether a host is the loopback.
func onThisMachine(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// letter is a mail in both forms.
type letter struct{ subject, text, html string }

// mayMail says what is missing for mails.
func (s *settings) mayMail() error {
	for _, missing := range []struct {
		name string
		set  bool
	}{{"CHORISTE_SMTP_URL", s.SMTP != nil}, {"CHORISTE_DIGEST_FROM", len(s.DigestFrom) > 0}, {"CHORISTE_DIGEST_TO", len(s.DigestTo) > 0}} {
		if !missing.set {
			return fmt.Errorf("%s is not set (see choriste help env)", missing.name)
		}
	}
	return nil
}

// mail sends a letter. TLS is demanded of every server that is not on this machine.
func (s *settings) mail(ctx context.Context, l letter) error {
	m := gomail.NewMsg()
	if err := errors.Join(m.From(s.DigestFrom[0]), m.To(s.DigestTo...)); err != nil {
		return fmt.Errorf("CHORISTE_DIGEST_FROM or CHORISTE_DIGEST_TO: %w", err)
	}
	m.Subject(l.subject)
	m.SetMessageID()
	m.SetDate()
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.SetBodyString(gomail.TypeTextPlain, l.text)
	m.AddAlternativeString(gomail.TypeTextHTML, l.html)
	client, err := gomail.NewClient(s.SMTP.Hostname(), s.smtpOptions()...)
	if err != nil {
		return fmt.Errorf("CHORISTE_SMTP_URL: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, mailWithin)
	defer cancel()
	if err := client.DialAndSendWithContext(ctx, m); err != nil {
		return fmt.Errorf("the mail server %s did not take the digest: %w", s.SMTP.Host, err)
	}
	return nil
}

func (s *settings) smtpOptions() []gomail.Option {
	options, port := []gomail.Option{gomail.WithTimeout(mailWithin)}, 587
	switch {
	case s.SMTP.Scheme == "smtps":
		options, port = append(options, gomail.WithSSL()), 465
	case onThisMachine(s.SMTP.Hostname()):
		options = append(options, gomail.WithTLSPolicy(gomail.TLSOpportunistic))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if n, err := strconv.Atoi(s.SMTP.Port()); err == nil {
		port = n
	}
	options = append(options, gomail.WithPort(port))
	if user := s.SMTP.User.Username(); user != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(user), gomail.WithPassword(s.SMTPPassword.Reveal()))
	}
	return options
}
