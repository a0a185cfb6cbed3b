package lab

import (
	"io"
	"net"
	"sync"
)

// Link is a way to a TCP server on loopback on which what is sent to the server can be held up: nothing arrives for a while, and
// then all of it, late. What the server says comes through all the same, and both sides keep their connections.
type Link struct {
	listener net.Listener
	choose   func() (address string, open bool)

	lock sync.Mutex
	held chan struct{} // closed while the link delivers
	open map[net.Conn]struct{}
}

// NewLink leads to that address.
func NewLink(address string) (*Link, error) {
	return newLink(func() (string, bool) { return address, true })
}

// newLink asks for each connection anew where it leads; one that leads nowhere is closed.
func newLink(choose func() (string, bool)) (*Link, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &Link{listener: listener, choose: choose, held: make(chan struct{}), open: map[net.Conn]struct{}{}}
	close(l.held)
	go l.serve()
	return l, nil
}

// Port is where it begins.
func (l *Link) Port() int { return l.listener.Addr().(*net.TCPAddr).Port }

// Hold stops what is on its way to the server until Release.
func (l *Link) Hold() {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.held = make(chan struct{})
}

// Release lets go what Hold stopped; it may be called twice.
func (l *Link) Release() {
	l.lock.Lock()
	defer l.lock.Unlock()
	select {
	case <-l.held:
	default:
		close(l.held)
	}
}

// Close ends it and every connection.
func (l *Link) Close() {
	l.Release()
	_ = l.listener.Close()
	l.lock.Lock()
	defer l.lock.Unlock()
	for connection := range l.open {
		_ = connection.Close()
	}
}

func (l *Link) await() {
	l.lock.Lock()
	held := l.held
	l.lock.Unlock()
	<-held
}

func (l *Link) serve() {
	for {
		near, err := l.listener.Accept()
		if err != nil {
			return
		}
		go l.connect(near)
	}
}

func (l *Link) connect(near net.Conn) {
	defer near.Close()
	l.await()
	address, open := l.choose()
	if !open {
		return
	}
	far, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer far.Close()
	l.note(near, far)
	defer l.forget(near, far)
	var directions sync.WaitGroup
	directions.Go(func() { carry(far, near, l.await) })
	directions.Go(func() { carry(near, far, func() {}) })
	directions.Wait()
}

func (l *Link) note(connections ...net.Conn) {
	l.lock.Lock()
	defer l.lock.Unlock()
	for _, connection := range connections {
		l.open[connection] = struct{}{}
	}
}

func (l *Link) forget(connections ...net.Conn) {
	l.lock.Lock()
	defer l.lock.Unlock()
	for _, connection := range connections {
		delete(l.open, connection)
	}
}

// carry calls await before it passes anything on. It ends when one side does.
func carry(to, from net.Conn, await func()) {
	buffer := make([]byte, 32<<10)
	for {
		count, err := from.Read(buffer)
		await()
		if count > 0 {
			if _, failed := to.Write(buffer[:count]); failed != nil {
				err = failed
			}
		}
		if err == io.EOF {
			_ = to.(*net.TCPConn).CloseWrite()
			return
		}
		if err != nil {
			_ = to.Close()
			_ = from.Close()
			return
		}
	}
}
