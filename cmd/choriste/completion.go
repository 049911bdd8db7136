package main

import (
	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"
)

// completionCmd prints what a shell runs to complete commands, flags and their values: it asks this program, which answers without a database.
type completionCmd struct {
	Shell string `arg:"" help:"bash, zsh or fish." enum:"bash,zsh,fish"`
}

// Help is called by kong.
func (completionCmd) Help() string {
	return `For this session and those to come, in the shell's own file:

  bash  source <(choriste completion bash)
  zsh   source <(choriste completion zsh)
  fish  choriste completion fish | source`
}

func (c completionCmd) Run(k *kong.Context) error {
	return (&kongcompletion.Completion{Shell: c.Shell, Code: true}).Run(k)
}
