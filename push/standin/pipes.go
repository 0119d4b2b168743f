package standin

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
)

// Pipes is a network in memory, which works in virtual time: a net.Listener, and who dials it.
type Pipes struct {
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once

	mu     sync.Mutex
	dialed []string
}

// NewPipes returns a network that nobody is connected to.
func NewPipes() *Pipes { return &Pipes{accept: make(chan net.Conn), closed: make(chan struct{})} }

// Dial connects to the listener, whatever the address.
func (p *Pipes) Dial(ctx context.Context, _, address string) (net.Conn, error) {
	p.mu.Lock()
	p.dialed = append(p.dialed, address)
	p.mu.Unlock()
	here, there := net.Pipe()
	select {
	case p.accept <- there:
		return here, nil
	case <-p.closed:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Dialed returns the addresses that were dialed so far.
func (p *Pipes) Dialed() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.dialed)
}

func (p *Pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close has the network refuse connections.
func (p *Pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *Pipes) Addr() net.Addr { return &net.TCPAddr{} }
