package httpproxy

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"testing"
	"time"
)

// Authority is a root that an enterprise made for itself.
type Authority struct {
	PEM  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority makes one.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{}
	var der []byte
	a.key, der = certificate(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Lab Inspection Root", Organization: []string{"Lab"}}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil)
	a.PEM = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	var err error
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

// Issue makes a certificate for a host, or for a client, and its key, in PEM.
func (a *Authority) Issue(t testing.TB, name string) (cert, key string) {
	t.Helper()
	private, der := certificate(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a)
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))
}

func certificate(t testing.TB, template *x509.Certificate, by *Authority) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	return key, der
}

// Pair is Issue for a server.
func (a *Authority) Pair(t testing.TB, name string) tls.Certificate {
	t.Helper()
	cert, key := a.Issue(t, name)
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// Intercept opens TLS: it answers as the host, with a certificate of its own, reads one request, has a server that speaks plain HTTP answer it, and hands back what
// judge makes of the answer.
func Intercept(pair tls.Certificate, judge func(answer *http.Response)) Behaviour {
	return func(c net.Conn, r *http.Request, address string) {
		server := connect(c, r, address)
		if server == nil {
			return
		}
		defer func() { _ = server.Close() }()
		say(c, established)
		inner := tls.Server(c, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}})
		defer func() { _ = inner.Close() }()
		request, err := http.ReadRequest(bufio.NewReader(inner))
		if err != nil {
			return
		}
		if err := request.Write(server); err != nil {
			return
		}
		answer, err := http.ReadResponse(bufio.NewReader(server), request)
		if err != nil {
			return
		}
		defer func() { _ = answer.Body.Close() }()
		if judge != nil {
			judge(answer)
		}
		answer.Close = true
		_ = answer.Write(inner)
	}
}

// Block puts a page of the proxy's own in the place of an answer, as a filter does that dislikes what comes back.
func Block(status int) func(*http.Response) {
	return func(answer *http.Response) {
		page := "<html>This page was blocked.</html>"
		answer.StatusCode, answer.Status = status, ""
		answer.Header = http.Header{"Content-Type": {"text/html"}}
		answer.Body, answer.ContentLength, answer.TransferEncoding = io.NopCloser(bytes.NewReader([]byte(page))), int64(len(page)), nil
	}
}
