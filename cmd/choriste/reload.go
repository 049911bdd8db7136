package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"
)

// reloadEvery is how often the files of credentials are looked at. A change is taken over when it has been there for two looks, so that a file is not
// read while it is being written.
const reloadEvery = 2 * time.Second

// watched is a file and how it looked when it was read.
type watched struct{ name, look string }

// watch looks at a file before it is read. A file that is replaced, rewritten or gone looks otherwise afterwards.
func watch(name string) watched {
	w := watched{name: name}
	if info, err := os.Stat(name); err == nil {
		w.look = fmt.Sprint(info.ModTime().UnixNano(), info.Size(), info.Mode(), inode(info))
	}
	return w
}

func watchAgain(files []watched) []watched {
	again := make([]watched, len(files))
	for i, f := range files {
		again[i] = watch(f.name)
	}
	return again
}

// reload gives the worker its accounts and webhooks anew when one of the files has changed, or at once when hup says so. New settings that cannot be used are reported once,
// and the old ones stay.
func reload(ctx context.Context, getenv func(string) string, files []watched, hup <-chan os.Signal, every time.Duration, log *slog.Logger, set func(settings) error) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	before := files
	for {
		asked := false
		select {
		case <-ctx.Done():
			return
		case <-hup:
			asked = true
		case <-ticker.C:
		}
		now := watchAgain(files)
		steady := slices.Equal(now, before)
		before = now
		if !asked && (!steady || slices.Equal(now, files)) {
			continue
		}
		s, err := load(getenv)
		if err == nil {
			err = set(s)
		}
		if err != nil {
			log.Error("the accounts, webhooks and users were not reloaded: the ones from before stay", "error", err)
			for _, f := range s.files { // what was named before is watched on: the mistake may be a name
				now = slices.DeleteFunc(now, func(w watched) bool { return w.name == f.name })
			}
			files = append(now, s.files...)
		} else {
			log.Info("accounts reloaded", "accounts", len(s.Accounts), "webhooks", len(s.Webhooks), "users", len(s.Users))
			files = s.files
		}
		before = files
	}
}
