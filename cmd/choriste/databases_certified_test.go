package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/migrations"
	"github.com/choriste/choriste/store/storetest"
)

// authority signs certificates; nil signs one by itself.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// issue makes a certificate for a name and for 127.0.0.1, and its key.
func issue(t *testing.T, by *authority, name string, until time.Time) (cert, key []byte, made *authority) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: by == nil, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	if by == nil {
		by = &authority{cert: template, key: private}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, private.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	made = &authority{key: private}
	if made.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), made
}

// certified is a server whose database choriste lets in by client certificates alone, and the files of those who want to come in.
var certified struct{ address, dir string }

// by is the address with a login, its certificate, and the server's authority, each from a file of this name.
func by(login, cert, root string) string {
	file := func(name string) string { return filepath.Join(certified.dir, name) }
	address := edited(certified.address, func(u *url.URL) { u.User, u.Path = url.User(login), "/choriste" })
	address = parameters(address, "sslmode", "verify-full", "sslrootcert", file(root+".crt"))
	if cert == "" {
		return address
	}
	return parameters(address, "sslcert", file(cert+".crt"), "sslkey", file(cert+".key"))
}

func certifiedBy(login, cert, root string) func(*clinic) (string, string) {
	return func(*clinic) (string, string) { return by(login, cert, root), "" }
}

var certifiedDatabases = []oddDatabase{
	{name: "no certificate", code: "DATABASE_TLS_CLIENT", address: certifiedBy("worker", "", "ours")},
	{name: "a certificate of another authority", code: "DATABASE_TLS_CLIENT", address: certifiedBy("worker", "stranger", "ours")},
	{name: "another login's certificate", code: "DATABASE_TLS_NAME", address: certifiedBy("worker", "operator", "ours")},
	{name: "a certificate that has expired", code: "DATABASE_TLS_EXPIRED", address: certifiedBy("worker", "old", "ours")},
	{name: "a server of another authority", code: "DATABASE_TLS_CERTIFICATE", address: certifiedBy("worker", "worker", "theirs")},
	{name: "a server of another name", code: "DATABASE_TLS_CERTIFICATE", address: func(*clinic) (string, string) {
		return edited(by("worker", "worker", "ours"), func(u *url.URL) { u.Host = "localhost:" + u.Port() }), ""
	}},
}

// TestClientCertificates: whoever has the right certificate comes in without a password, and everybody else is told in one line what to do.
func TestClientCertificates(t *testing.T) {
	cluster, db := started(t, storetest.Options{})
	certified.address, certified.dir = cluster.URL(""), t.TempDir()
	write := func(name string, cert, key []byte) {
		t.Helper()
		for ending, b := range map[string][]byte{".crt": cert, ".key": key} {
			if err := os.WriteFile(filepath.Join(certified.dir, name+ending), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	in := time.Now().Add(time.Hour)
	root, rootKey, ours := issue(t, nil, "our authority", in)
	write("ours", root, rootKey)
	other, otherKey, theirs := issue(t, nil, "their authority", in)
	write("theirs", other, otherKey)
	for _, c := range []struct {
		file, name string
		by         *authority
		until      time.Time
	}{
		{"owner", "owner", ours, in},
		{"worker", "worker", ours, in},
		{"operator", "operator", ours, in},
		{"stranger", "worker", theirs, in},
		{"old", "worker", ours, time.Now().Add(-time.Hour)},
	} {
		cert, key, _ := issue(t, c.by, c.name, c.until)
		write(c.file, cert, key)
	}
	cert, key, _ := issue(t, ours, "the server", in)
	behindTLS(t, cluster, map[string]string{"server.crt": string(cert), "server.key": string(key), "root.crt": string(root), "pg_hba.conf": `
hostssl  choriste  all  127.0.0.1/32  cert
host     postgres  all  127.0.0.1/32  scram-sha-256
`})
	script(t, db, `CREATE ROLE owner LOGIN CREATEROLE`)
	script(t, db, `CREATE DATABASE choriste OWNER owner`)

	if err := migrations.Up(t.Context(), by("owner", "owner", "ours"), nil); err != nil {
		t.Fatal(err)
	}
	script(t, db, `CREATE ROLE worker LOGIN IN ROLE chorus_worker; CREATE ROLE operator LOGIN IN ROLE chorus_operator`)
	c := newClinic(t, db, nil)
	for command, address := range map[string]string{
		"migrate": by("owner", "owner", "ours"), "doctor": by("worker", "worker", "ours"), "list": by("operator", "operator", "ours"),
	} {
		if exit, said := c.command(command, address); exit != 0 {
			t.Errorf("%s: exit status %d\n%s", command, exit, said)
		}
	}
	for _, s := range certifiedDatabases {
		t.Run(s.name, func(t *testing.T) { refusedAlike(newClinic(t, db, nil), s) })
	}
	t.Run("a key that others may read", func(t *testing.T) {
		keyFile := filepath.Join(certified.dir, "worker.key")
		if err := os.Chmod(keyFile, 0o644); err != nil {
			t.Fatal(err)
		}
		c := newClinic(t, db, nil)
		keywords := fmt.Sprintf("user=worker dbname=choriste sslmode=verify-full sslcert=%s sslkey='%s' host=127.0.0.1", strings.TrimSuffix(keyFile, "key")+"crt", keyFile)
		for _, address := range []string{by("worker", "worker", "ours"), keywords} {
			for _, command := range []string{"work", "migrate", "doctor", "list"} {
				exit, said := c.command(command, address)
				if exit == 0 || strings.Count(said, "sslkey names a file that others may read (mode 0644): chmod 600 it") == 0 {
					t.Errorf("%s: exit status %d\n%s", command, exit, said)
				}
			}
		}
	})
}
