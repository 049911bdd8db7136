// Package tcpproxy stands between a client and a server, in tests and the fault harness, and breaks connections in the ways in which networks do. Both ends
// may be PostgreSQL, the portal, or anything else that speaks TCP.
//
//	p, err := tcpproxy.Start("tcp", "127.0.0.1:5432")
//	defer p.Close()
//	// … the client connects to p.Addr() …
//	p.BlackHole(tcpproxy.Every) // what is open now is never answered again; new connections work
//
// Each method may be called at any time and by any goroutine.
package tcpproxy

import (
	"bytes"
	"context"
	"net"
	"sync"
	"time"
)

// Proxy forwards what is sent to Addr, in the mode that was set last.
type Proxy struct {
	network, upstream string // where the server is
	addr              string

	mu       sync.Mutex
	listener net.Listener // nil while connections are refused
	conns    map[*Conn]struct{}
	hole     bool // new connections are accepted and never answered
	latency  time.Duration
	rate     int // bytes a second each way of each connection; 0 = no limit
	onSent   func(c *Conn, data []byte)
	closed   bool
	busy     sync.WaitGroup
}

// Start listens on a free port of 127.0.0.1 for an upstream server, as net.Dial names it ("tcp" or "unix").
func Start(network, upstream string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{network: network, upstream: upstream, addr: l.Addr().String(), listener: l, conns: map[*Conn]struct{}{}}
	p.busy.Go(func() { p.accept(l) })
	return p, nil
}

// Addr is where clients connect to: host and port.
func (p *Proxy) Addr() string { return p.addr }

// Every matches all connections.
func Every(*Conn) bool { return true }

// Sent matches the connections whose client has sent this text within its first MiB: a statement, say.
func Sent(text string) func(*Conn) bool {
	return func(c *Conn) bool { return c.sent(text) }
}

// BlackHole lets the server's end of the matching connections go and keeps the client's end open, silently: what the client sends is never answered, and
// never refused. New connections work. It returns how many it was.
func (p *Proxy) BlackHole(match func(*Conn) bool) int { return p.each(match, (*Conn).BlackHole) }

// BlackHoleAll does so with every connection, and with those that come until Pass.
func (p *Proxy) BlackHoleAll() {
	p.set(func() { p.hole = true })
	p.BlackHole(Every)
}

// Freeze stops what is under way on the matching connections in both directions; both ends stay open, and neither notices. New connections work.
func (p *Proxy) Freeze(match func(*Conn) bool) int { return p.each(match, (*Conn).freeze) }

// Count is how many of the matching connections are alive as far as the proxy is concerned.
func (p *Proxy) Count(match func(*Conn) bool) (n int) {
	p.each(match, func(c *Conn) {
		c.change(func() {
			if !c.gone && !c.ended {
				n++
			}
		})
	})
	return n
}

// Thaw lets frozen connections go on where they stopped.
func (p *Proxy) Thaw() { p.each(Every, (*Conn).thaw) }

// Reset ends the matching connections at once with an RST to the client.
func (p *Proxy) Reset(match func(*Conn) bool) int { return p.each(match, (*Conn).reset) }

// Slow delays everything by latency each way, and lets at most so many bytes a second pass each way of a connection. Zeros end it.
func (p *Proxy) Slow(latency time.Duration, bytesPerSecond int) {
	p.set(func() { p.latency, p.rate = latency, bytesPerSecond })
}

// OnSent has do called with what each client sends, before it is passed on; nil ends it. A break at an exact moment of a protocol is made so.
func (p *Proxy) OnSent(do func(c *Conn, data []byte)) { p.set(func() { p.onSent = do }) }

// Refuse has new connections refused until Pass, as a machine does on which nothing listens. Those that are open stay.
func (p *Proxy) Refuse() {
	p.set(func() {
		if p.listener != nil {
			_ = p.listener.Close()
			p.listener = nil
		}
	})
}

// Pass has new connections work again. What was abandoned stays dead.
func (p *Proxy) Pass() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hole = false
	if p.listener != nil || p.closed {
		return nil
	}
	l, err := net.Listen("tcp", p.addr)
	if err != nil {
		return err
	}
	p.listener = l
	p.busy.Go(func() { p.accept(l) })
	return nil
}

// Close ends everything.
func (p *Proxy) Close() {
	p.Refuse()
	p.set(func() { p.closed = true })
	p.each(Every, (*Conn).reset)
	p.busy.Wait()
}

func (p *Proxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

func (p *Proxy) each(match func(*Conn) bool, do func(*Conn)) (n int) {
	p.mu.Lock()
	list := make([]*Conn, 0, len(p.conns))
	for c := range p.conns {
		list = append(list, c)
	}
	p.mu.Unlock()
	for _, c := range list {
		if match(c) {
			do(c)
			n++
		}
	}
	return n
}

func (p *Proxy) accept(l net.Listener) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		c := &Conn{proxy: p, client: client, flowing: sync.NewCond(&sync.Mutex{})}
		hole, closed := p.hole, p.closed
		if !closed {
			p.conns[c] = struct{}{}
		}
		p.mu.Unlock()
		switch {
		case closed:
			_ = client.Close()
		case hole:
			c.BlackHole()
		default:
			p.busy.Go(c.serve)
		}
	}
}

// Conn is one client's connection.
type Conn struct {
	proxy   *Proxy
	client  net.Conn
	flowing *sync.Cond // guards what follows
	server  net.Conn
	gone    bool // abandoned: the server's end is closed, the client's is kept
	frozen  bool
	deaf    bool // what the server answers is lost
	ended   bool
	head    []byte // the first of what the client sent
}

const mostHead = 1 << 20 // a connection of a pool has sent a hundred KiB before it is the one that listens

func (c *Conn) sent(text string) bool {
	c.flowing.L.Lock()
	defer c.flowing.L.Unlock()
	return bytes.Contains(c.head, []byte(text))
}

func (c *Conn) change(do func()) {
	c.flowing.L.Lock()
	defer c.flowing.L.Unlock()
	do()
	c.flowing.Broadcast()
}

// BlackHole does what Proxy.BlackHole does.
func (c *Conn) BlackHole() {
	c.change(func() {
		c.gone = true
		if c.server != nil {
			_ = c.server.Close()
		}
	})
}

// Deafen loses what the server answers from now on; it still gets, and does, what the client asks.
func (c *Conn) Deafen() { c.change(func() { c.deaf = true }) }

func (c *Conn) freeze() { c.change(func() { c.frozen = true }) }
func (c *Conn) thaw()   { c.change(func() { c.frozen = false }) }

func (c *Conn) reset() {
	if tcp, ok := c.client.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	c.end()
}

func (c *Conn) end() {
	c.change(func() {
		c.ended = true
		_ = c.client.Close()
		if c.server != nil {
			_ = c.server.Close()
		}
	})
	c.proxy.set(func() { delete(c.proxy.conns, c) })
}

// dialWithin bounds the way to the server.
const dialWithin = 10 * time.Second

func (c *Conn) serve() {
	ctx, cancel := context.WithTimeout(context.Background(), dialWithin)
	defer cancel()
	server, err := new(net.Dialer).DialContext(ctx, c.proxy.network, c.proxy.upstream)
	if err != nil {
		c.reset()
		return
	}
	c.change(func() {
		c.server = server
		if c.gone || c.ended {
			_ = server.Close()
		}
	})
	var both sync.WaitGroup
	both.Go(func() { c.pump(server, c.client, true) })
	both.Go(func() { c.pump(c.client, server, false) })
	both.Wait()
}

// parcel is what was read together, and when it is to arrive.
type parcel struct {
	data []byte
	due  time.Time
}

// pump carries what one end sends to the other. What is under way when a connection is abandoned is lost.
func (c *Conn) pump(to, from net.Conn, fromClient bool) {
	underway := make(chan parcel, 256)
	var delivery sync.WaitGroup
	delivery.Go(func() {
		for p := range underway {
			time.Sleep(time.Until(p.due))
			if c.held(fromClient) {
				continue
			}
			if _, err := to.Write(p.data); err != nil {
				c.lost()
			}
		}
	})
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			c.flowing.L.Lock()
			if fromClient && len(c.head) < mostHead {
				c.head = append(c.head, buf[:min(n, mostHead-len(c.head))]...)
			}
			c.flowing.L.Unlock()
			var latency, took time.Duration
			var onSent func(*Conn, []byte)
			c.proxy.set(func() {
				latency, onSent = c.proxy.latency, c.proxy.onSent
				if c.proxy.rate > 0 {
					took = time.Duration(n) * time.Second / time.Duration(c.proxy.rate)
				}
			})
			if fromClient && onSent != nil {
				onSent(c, buf[:n])
			}
			time.Sleep(took)
			underway <- parcel{append([]byte(nil), buf[:n]...), time.Now().Add(latency)}
		}
		if err != nil {
			break
		}
	}
	close(underway)
	delivery.Wait()
	c.lost()
}

// held waits while the connection is frozen, and tells whether nothing is to be delivered any more.
func (c *Conn) held(fromClient bool) bool {
	c.flowing.L.Lock()
	defer c.flowing.L.Unlock()
	for c.frozen && !c.ended && !c.gone {
		c.flowing.Wait()
	}
	return c.ended || c.gone || c.deaf && !fromClient
}

// lost ends a connection of which one end is gone, unless it was abandoned: then the client's end stays.
func (c *Conn) lost() {
	c.flowing.L.Lock()
	gone := c.gone
	c.flowing.L.Unlock()
	if !gone {
		c.end()
	}
}
