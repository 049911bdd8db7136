package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"
)

// manCmd writes the manual pages from what the parser knows of the commands, for packages. They bear no date, so that they are the same wherever they are made.
type manCmd struct {
	Dir string `arg:"" help:"The directory to write them into; it is made." type:"path"`
}

func (c manCmd) Run(a *app) error {
	if err := os.MkdirAll(c.Dir, 0o755); err != nil { //nolint:gosec // manual pages are for everybody
		return err
	}
	pages := manPages(parserOf(new(cli), "en", io.Discard, io.Discard, func(int) {}).Model) // the same wherever they are made
	for name, text := range pages {
		if err := os.WriteFile(filepath.Join(c.Dir, name), []byte(text), 0o644); err != nil { //nolint:gosec // likewise
			return err
		}
	}
	if a.json {
		return a.print(map[string]any{"pages": len(pages), "dir": c.Dir})
	}
	a.printf(a.either("%d pages are in %s\n", "%d pages sont dans %s\n"), len(pages), c.Dir)
	return nil
}

// manPages are choriste(1), and one page for each command, with its subcommands.
func manPages(model *kong.Application) map[string]string {
	var all manPage
	all.head("choriste", "CHORISTE", model.Help)
	all.section("SYNOPSIS")
	all.line(`.B choriste`, `[\fIFLAG\fR ...] \fICOMMAND\fR [\fIARGUMENT\fR ...]`)
	all.section("COMMANDS")
	for _, n := range model.Children {
		all.item(`\fBchoriste\-`+roff(n.Name)+`\fR(1)`, n.Help)
	}
	all.section("FLAGS OF EVERY COMMAND")
	all.flags(model.Flags)
	all.section("ENVIRONMENT")
	all.text("Settings are environment variables; choriste help env explains every one. DATABASE_URL is the one that commands need. Without a command, what needs a person is printed where it is set.")
	all.section("EXIT STATUS")
	all.text("0: done, or healthy. 1: it could not be done, or is not as it should be. 2: wrong usage, nothing was tried. reconcile: 3 when findings are open, 4 when nothing was ever compared. doctor: 10 to 25, the lowest broken layer.")
	pages := map[string]string{"choriste.1": all.String()}
	for _, n := range model.Children {
		var p manPage
		p.head("choriste-"+n.Name, "CHORISTE-"+strings.ToUpper(n.Name), n.Help)
		p.section("SYNOPSIS")
		leaves := n.Leaves(true)
		if len(leaves) == 0 {
			leaves = []*kong.Node{n}
		}
		for k, leaf := range leaves {
			if k > 0 {
				p.line(".br")
			}
			p.line(".B " + roff("choriste "+leaf.Summary()))
		}
		p.section("DESCRIPTION")
		p.text(n.Help)
		p.command(n)
		for _, leaf := range leaves {
			if leaf != n {
				p.section(strings.ToUpper(strings.TrimPrefix(leaf.FullPath(), model.Name+" ")))
				p.text(leaf.Help)
				p.command(leaf)
			}
		}
		p.section("SEE ALSO")
		p.line(`\fBchoriste\fR(1), which has the flags of every command`)
		pages["choriste-"+n.Name+".1"] = p.String()
	}
	return pages
}

// manPage is written in roff's macros for manual pages.
type manPage struct{ strings.Builder }

func (p *manPage) line(parts ...string) { p.WriteString(strings.Join(parts, " ") + "\n") }

func (p *manPage) head(name, title, about string) {
	p.line(`.TH "` + title + `" "1" "" "choriste" "User Commands"`)
	p.section("NAME")
	p.line(roff(name) + ` \- ` + strings.TrimSuffix(roff(about), "."))
}

func (p *manPage) section(title string) { p.line(`.SH "` + title + `"`) }

// text is a paragraph, of which each line break is kept.
func (p *manPage) text(s string) {
	for k, line := range strings.Split(strings.TrimSpace(s), "\n") {
		if k > 0 {
			p.line(".br")
		}
		p.line(roff(line))
	}
}

func (p *manPage) item(tag, about string) {
	p.line(".TP")
	p.line(tag)
	p.text(about)
}

// command is what a command takes.
func (p *manPage) command(n *kong.Node) {
	if n.Detail != "" {
		p.line(".PP")
		p.text(n.Detail)
	}
	for _, arg := range n.Positional {
		p.item(`\fI`+roff(arg.Summary())+`\fR`, arg.Help)
	}
	p.flags(n.Flags)
}

func (p *manPage) flags(flags []*kong.Flag) {
	for _, f := range flags {
		if f.Hidden {
			continue
		}
		tag := `\fB` + roff(f.String()) + `\fR`
		p.item(tag, kong.DefaultHelpValueFormatter(f.Value))
	}
}

// roff is a text in which nothing is an instruction to roff.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\t", " ").Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}
