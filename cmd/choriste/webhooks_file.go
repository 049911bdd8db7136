package main

import (
	"fmt"
	"maps"
	"regexp"

	"go.yaml.in/yaml/v4"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/egress"
	"github.com/choriste/choriste/jobs"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/webhook"
)

// webhooksFile is the reading of the file of CHORISTE_WEBHOOKS_FILE (docs/webhooks.md).
type webhooksFile struct {
	yamlFile
	way      egress.Way // of an endpoint that has none of its own
	names    map[string]bool
	webhooks []jobs.Webhook
}

func (s *settings) configureWebhooks(getenv func(string) string) []error {
	f := webhooksFile{yamlFile: yamlFile{path: getenv("CHORISTE_WEBHOOKS_FILE"), getenv: getenv}, way: s.Way, names: map[string]bool{}}
	f.way.Cert, f.way.Key = "", "" // of PISTE's hosts alone
	if f.path == "" {
		return nil
	}
	f.files = append(f.files, watch(f.path))
	f.document("CHORISTE_WEBHOOKS_FILE", map[string]func(*yaml.Node){
		"webhooks": func(n *yaml.Node) {
			list := f.list(n, "webhooks")
			if len(list) > jobs.MostWebhooks {
				f.wrong(n, "there are %d webhooks: at most %d are taken", len(list), jobs.MostWebhooks)
				return
			}
			for _, item := range list {
				f.webhook(item)
			}
		},
	})
	s.Webhooks = f.webhooks
	s.files = append(s.files, f.files...)
	return f.problems
}

var eventType = regexp.MustCompile(`^[a-z]+\.([a-z0-9_]+|\*)$`)

func (f *webhooksFile) webhook(n *yaml.Node) {
	var (
		c       store.WebhookConfig
		url     string
		secrets []string
		private bool
		own     ownWay
	)
	before := len(f.problems)
	secret := func(n *yaml.Node) {
		var v chorus.Secret
		f.secret("secret_file", &v)(n)
		secrets = append(secrets, v.Reveal())
	}
	keys := own.keys(&f.yamlFile)
	maps.Copy(keys, map[string]func(*yaml.Node){
		"name":        f.text("name", &c.Name),
		"url":         f.text("url", &url),
		"secret_file": secret,
		"secret_files": func(n *yaml.Node) {
			for _, item := range f.list(n, "secret_files") {
				secret(item)
			}
		},
		"account":       f.text("account", &c.Account),
		"allow_private": f.truth("allow_private", &private),
		"events": func(n *yaml.Node) {
			for _, item := range f.list(n, "events") {
				if !eventType.MatchString(item.Value) {
					f.wrong(item, "events: %q is no type of event, as invoice.settled, or invoice.*", item.Value)
				}
				c.Events = append(c.Events, item.Value)
			}
			if len(n.Content) == 0 {
				f.wrong(n, "events is empty: leave it out to be told of all")
			}
		},
	})
	f.fields(n, "a webhook", keys)
	if len(f.problems) > before {
		return
	}
	switch {
	case !accountName.MatchString(c.Name):
		f.wrong(n, "a webhook needs a name, of letters, digits, _ . -")
		return
	case f.names[c.Name]:
		f.wrong(n, "there is a webhook %s already", c.Name)
		return
	case url == "":
		f.wrong(n, "webhook %s has no url", c.Name)
		return
	case len(secrets) == 0:
		f.wrong(n, "webhook %s has no secret_file", c.Name)
		return
	}
	f.names[c.Name] = true
	way, err := own.over(f.way)
	var sender *webhook.Sender
	if err == nil {
		sender, err = webhook.New(url, secrets, private, way)
	}
	if err != nil {
		f.problems = append(f.problems, fmt.Errorf("%s:%d: webhook %s: %w", f.path, n.Line, c.Name, err))
		return
	}
	f.webhooks = append(f.webhooks, jobs.Webhook{WebhookConfig: c, Sender: sender})
}
