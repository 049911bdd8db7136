package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/choriste/choriste/console"
)

type passwordCmd struct{}

// Run reads a password and prints what stands for it in the file of users.
func (passwordCmd) Run(a *app) error {
	password, err := a.password(os.Stdin)
	if err != nil {
		return err
	}
	hash, err := console.HashPassword(password)
	if err != nil {
		return err
	}
	if a.json {
		return a.print(map[string]string{"hash": hash})
	}
	a.printf("%s\n", hash)
	return nil
}

// password asks for one twice on a terminal, and reads one line elsewhere.
func (a *app) password(in *os.File) (string, error) {
	fd := int(in.Fd())
	if !term.IsTerminal(fd) {
		line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", errors.New("the password cannot be read")
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	var said [2]string
	typing := bufio.NewReader(in)
	for k, ask := range []string{"Password", "Again"} {
		a.warnf("%s: ", ask)
		typed, err := hidden(in, typing)
		a.warnf("\n")
		if err != nil {
			return "", fmt.Errorf("the password cannot be read: %w", err)
		}
		said[k] = typed
	}
	if said[0] != said[1] {
		return "", errors.New("the two differ")
	}
	return said[0], nil
}
