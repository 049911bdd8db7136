package main

import (
	"errors"
	"runtime/debug"
)

type versionCmd struct{}

func (versionCmd) Run(a *app) error {
	version := "devel"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	if a.json {
		return a.print(map[string]string{"version": version})
	}
	a.printf("choriste %s\n", version)
	return nil
}

type helpCmd struct {
	Topic string `arg:"" optional:"" help:"env: the settings."`
}

func (c helpCmd) Run(a *app) error {
	switch c.Topic {
	case "env":
		return a.manual()
	case "":
		return a.usage()
	default:
		return usageError{errors.New("there is help on env only; for a command: choriste COMMAND --help")}
	}
}
