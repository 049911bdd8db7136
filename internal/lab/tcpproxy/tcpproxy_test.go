package tcpproxy_test

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/choriste/choriste/internal/lab/tcpproxy"
)

// through is a proxy before a server that repeats what it hears and tells when a connection of its ends.
func through(t *testing.T) (p *tcpproxy.Proxy, ended <-chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	ends := make(chan struct{}, 16)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
				ends <- struct{}{}
			}()
		}
	}()
	p, err = tcpproxy.Start("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p, ends
}

func connect(t *testing.T, p *tcpproxy.Proxy) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// echo sends a text and returns how long the answer took.
func echo(t *testing.T, c net.Conn, text string, within time.Duration) (time.Duration, error) {
	t.Helper()
	began := time.Now()
	_ = c.SetDeadline(began.Add(within))
	if _, err := c.Write([]byte(text)); err != nil {
		return 0, err
	}
	buf := make([]byte, len(text))
	_, err := io.ReadFull(c, buf)
	if err == nil && string(buf) != text {
		t.Errorf("%q came back as %q", text, buf)
	}
	return time.Since(began), err
}

func works(t *testing.T, c net.Conn) {
	t.Helper()
	if _, err := echo(t, c, "hello", 5*time.Second); err != nil {
		t.Errorf("the connection should work: %v", err)
	}
}

func silent(t *testing.T, c net.Conn) {
	t.Helper()
	if _, err := echo(t, c, "hello", 200*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection should be silent: %v", err)
	}
}

func TestBlackHole(t *testing.T) {
	p, ended := through(t)
	one, other := connect(t, p), connect(t, p)
	if _, err := echo(t, one, "LISTEN x", 5*time.Second); err != nil {
		t.Fatal(err)
	}
	works(t, other)
	if n := p.BlackHole(tcpproxy.Sent("LISTEN x")); n != 1 {
		t.Fatalf("%d connections", n)
	}
	<-ended // the server has been told
	silent(t, one)
	works(t, other)
	works(t, connect(t, p))

	p.BlackHoleAll()
	silent(t, other)
	silent(t, connect(t, p))
	if err := p.Pass(); err != nil {
		t.Fatal(err)
	}
	silent(t, other)
	works(t, connect(t, p))
}

func TestFreeze(t *testing.T) {
	p, _ := through(t)
	c := connect(t, p)
	works(t, c)
	p.Freeze(tcpproxy.Every)
	silent(t, c)
	works(t, connect(t, p))
	p.Thaw()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.ReadFull(c, make([]byte, len("hello"))); err != nil {
		t.Errorf("what was sent while it was frozen did not arrive: %v", err)
	}
}

func TestSlow(t *testing.T) {
	p, _ := through(t)
	c := connect(t, p)
	works(t, c)
	p.Slow(100*time.Millisecond, 0)
	if took, err := echo(t, c, "hello", 5*time.Second); err != nil || took < 200*time.Millisecond {
		t.Errorf("there and back took %s: %v", took, err)
	}
	p.Slow(0, 10_000)
	if took, err := echo(t, c, string(make([]byte, 2000)), 5*time.Second); err != nil || took < 200*time.Millisecond {
		t.Errorf("2,000 bytes took %s: %v", took, err)
	}
	p.Slow(0, 0)
	works(t, c)
}

func TestResetAndRefuse(t *testing.T) {
	p, _ := through(t)
	c := connect(t, p)
	works(t, c)
	p.Refuse()
	works(t, c)
	if c, err := net.Dial("tcp", p.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
		if err == nil {
			_ = c.Close()
		}
		t.Errorf("a new connection should be refused: %v", err)
	}
	p.Reset(tcpproxy.Every)
	if _, err := echo(t, c, "hello", 5*time.Second); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Errorf("the connection should be reset: %v", err)
	}
	if err := p.Pass(); err != nil {
		t.Fatal(err)
	}
	works(t, connect(t, p))
}

func TestDeafen(t *testing.T) {
	p, _ := through(t)
	c, other := connect(t, p), connect(t, p)
	heard := make(chan string, 1)
	p.OnSent(func(c *tcpproxy.Conn, data []byte) {
		if string(data) == "hello" {
			c.Deafen()
			heard <- string(data)
		}
	})
	if _, err := echo(t, other, "COMMIT", 5*time.Second); err != nil {
		t.Error(err)
	}
	silent(t, c)
	if got := <-heard; got != "hello" {
		t.Errorf("heard %q", got)
	}
}
