package chaos

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"go/build"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Mistakes are not in the product's code. Each is a patch of one of its files under mutants/, which the compiler is given in place of the file
// (go build -overlay). clock.patch is one for Go's own package time, and in every worker that is tried: its wall clock may be set wrong by
// CHAOS_CLOCK_STEP=AFTER:SECONDS, while its monotonic clock goes on.
//
//go:embed mutants/*.patch
var patches embed.FS

const clockPatch = "clock"

// buildPrograms compiles the product and the simulator into dir, from the module that this program is run in, with the patches that are named.
func buildPrograms(ctx context.Context, dir string, race bool, names ...string) error {
	work, err := os.MkdirTemp("", "choriste-chaos-patch-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	overlay, err := overlay(ctx, work, names...)
	if err != nil {
		return err
	}
	for program, args := range map[string][]string{"choriste": {"-overlay", overlay}, "chorus-sim": nil} {
		args = append([]string{"build", "-tags", "chaos", "-o", dir + string(os.PathSeparator)}, args...)
		if race {
			args = append(args, "-race")
		}
		out, err := exec.CommandContext(ctx, "go", append(args, "github.com/choriste/choriste/cmd/"+program)...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("building %s: %w\n%s", program, err, out)
		}
	}
	return nil
}

// compilePatched compiles the packages that patches change, all of them at once.
func compilePatched(ctx context.Context, dir string, names ...string) error {
	overlay, err := overlay(ctx, dir, names...)
	if err != nil {
		return err
	}
	args := []string{"build", "-tags", "chaos", "-overlay", overlay}
	for _, name := range names {
		source, err := sourceOfPatch(ctx, name)
		if err != nil {
			return err
		}
		if folder := filepath.Dir(source); !slices.Contains(args, folder) {
			args = append(args, folder)
		}
	}
	if out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// sourceOfPatch finds the file that the named patch is for.
func sourceOfPatch(ctx context.Context, name string) (string, error) {
	patch, err := patches.ReadFile("mutants/" + name + ".patch")
	if err != nil {
		return "", err
	}
	return sourceOf(ctx, patch)
}

// overlay patches copies of the files in dir and returns the name of the file that go build -overlay reads.
func overlay(ctx context.Context, dir string, names ...string) (string, error) {
	replace := map[string]string{}
	for _, name := range names {
		patch, err := patches.ReadFile("mutants/" + name + ".patch")
		if err != nil {
			return "", err
		}
		source, err := sourceOf(ctx, patch)
		if err != nil {
			return "", fmt.Errorf("%s.patch: %w", name, err)
		}
		original := source
		if before, patched := replace[source]; patched {
			original = before
		}
		patched := filepath.Join(dir, name, filepath.Base(source))
		if err := apply(ctx, original, patched, patch); err != nil {
			return "", fmt.Errorf("%s.patch: %w", name, err)
		}
		replace[source] = patched
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "overlay.json")
	return file, os.WriteFile(file, b, 0o600)
}

// sourceOf finds the file that a patch is for: its second line is "+++ b/FOLDER/FILE", in this module, or "+++ go/FOLDER/FILE", in Go's own library.
func sourceOf(ctx context.Context, patch []byte) (string, error) {
	for line := range strings.Lines(string(patch)) {
		name, ok := strings.CutPrefix(strings.TrimSpace(line), "+++ ")
		if !ok {
			continue
		}
		if name, ok := strings.CutPrefix(name, "go/"); ok {
			return filepath.Join(build.Default.GOROOT, "src", filepath.FromSlash(name)), nil
		}
		out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/choriste/choriste").Output()
		if err != nil {
			return "", fmt.Errorf("where the module is: %w", err)
		}
		return filepath.Join(strings.TrimSpace(string(out)), filepath.FromSlash(strings.TrimPrefix(name, "b/"))), nil
	}
	return "", fmt.Errorf("it does not say which file it is for")
}

// apply writes the patched copy of a file. The lines around a change must be as the patch says, wherever in the file they stand.
func apply(ctx context.Context, original, patched string, patch []byte) error {
	text, err := os.ReadFile(original)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(patched), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(patched, text, 0o600); err != nil {
		return err
	}
	// All folders are taken off the names, so that the copy beside it is meant.
	for line := range strings.Lines(string(patch)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "+++ "); ok {
			cmd := exec.CommandContext(ctx, "git", "apply", fmt.Sprintf("-p%d", strings.Count(name, "/")), "-")
			cmd.Dir, cmd.Stdin = filepath.Dir(patched), bytes.NewReader(patch)
			cmd.Env = append(os.Environ(), "GIT_DIR=/nonexistent") // the copy is in no repository
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("it does not apply to %s: %w: %s", original, err, bytes.TrimSpace(out))
			}
			return nil
		}
	}
	return nil
}
