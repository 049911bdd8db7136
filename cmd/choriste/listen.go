package main

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
)

// listenOn opens CHORISTE_LISTEN and says what keeps it from being opened.
func listenOn(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	var dns *net.DNSError
	why := ""
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		why = "another program listens there already, perhaps another worker: stop it, or take another port"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		why = "this machine does not have this address: 0.0.0.0 stands for all that it has, 127.0.0.1 for itself alone"
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		why = "this user may not: take a port from 1024 on"
	case errors.Is(err, syscall.EAFNOSUPPORT):
		why = "this machine does not speak this kind of address"
	case errors.As(err, &dns):
		why = "nobody knows the name: give an address"
	default:
		why = "the system refuses it"
	}
	return nil, fmt.Errorf("CHORISTE_LISTEN: cannot listen on %s: %s", address, why)
}

// names are the names that the console may be asked for by: those of CHORISTE_HOSTS, and the ones of CHORISTE_LISTEN and CHORISTE_OPENID_ADDRESS.
func (s *settings) names() []string {
	host, _, _ := net.SplitHostPort(s.Listen)
	list := append([]string{strings.ToLower(host)}, s.Hosts...)
	if s.OpenID.Address != "" {
		list = append(list, hostOf(s.OpenID.Address))
	}
	return list
}
