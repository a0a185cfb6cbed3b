package lab

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Fault is what a FaultyProxy does that the API server behind it would not do on command.
type Fault struct {
	Status     int           // the answer to every call, which is not handed on; 0: each is
	RetryAfter time.Duration // that goes with it, in whole seconds; 0: nothing does
	Delay      time.Duration // before every call is handed on
	CutOff     bool          // each answer, and each event of a watch, ends in its middle, and its connection with it
	Silent     bool          // the watches that tell or begin meanwhile tell nothing any more, ever, and do not end
}

// FaultyProxy is an HTTPS server that hands on to the real API server what it is asked, with the credentials of whoever asks, and
// its answers back, but for the fault that it has.
type FaultyProxy struct {
	listener  net.Listener
	server    *http.Server
	transport *http.Transport

	lock      sync.Mutex
	fault     Fault
	swallowed int
	authority *Authority
	serving   tls.Certificate
	open      map[net.Conn]struct{}
}

// NewFaultyProxy has no fault yet.
func (c *Cluster) NewFaultyProxy() (*FaultyProxy, error) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(c.admin.CAData)
	target, err := url.Parse(c.Server())
	if err != nil {
		return nil, err
	}
	p := &FaultyProxy{
		transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: 100},
		open:      map[net.Conn]struct{}{},
	}
	if err := p.RotateCA(); err != nil {
		return nil, err
	}
	quiet := log.New(io.Discard, "", 0)
	reverse := &httputil.ReverseProxy{
		Rewrite:       func(request *httputil.ProxyRequest) { request.SetURL(target) },
		Transport:     p.transport,
		FlushInterval: -1,
		ErrorLog:      quiet,
	}
	p.server = &http.Server{
		ErrorLog:     quiet,
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}, // HTTP/1.1 alone: a connection for each watch
		TLSConfig: &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			p.lock.Lock()
			defer p.lock.Unlock()
			serving := p.serving
			return &serving, nil
		}},
		ConnState: p.note,
		Handler:   http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.serve(reverse, w, r) }),
	}
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	go func() { _ = p.server.ServeTLS(p.listener, "", "") }()
	return p, nil
}

// Server is its address.
func (p *FaultyProxy) Server() string { return "https://" + p.listener.Addr().String() }

// Set has it do this from now on, also to the watches that are open.
func (p *FaultyProxy) Set(fault Fault) {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.fault = fault
}

// Swallowed is how many events its silent watches did not tell.
func (p *FaultyProxy) Swallowed() int {
	p.lock.Lock()
	defer p.lock.Unlock()
	return p.swallowed
}

// Break ends every connection.
func (p *FaultyProxy) Break() {
	p.lock.Lock()
	defer p.lock.Unlock()
	for connection := range p.open {
		_ = connection.Close()
	}
}

// RotateCA has it serve a certificate by another CA, to whoever connects from now on.
func (p *FaultyProxy) RotateCA() error {
	authority, err := NewRoot("API server")
	if err != nil {
		return err
	}
	certificate, key, err := authority.ServingOnLoopback()
	if err != nil {
		return err
	}
	serving, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return err
	}
	p.lock.Lock()
	defer p.lock.Unlock()
	p.authority, p.serving = authority, serving
	return nil
}

// CA is the PEM of the one whose certificate it serves now.
func (p *FaultyProxy) CA() []byte {
	p.lock.Lock()
	defer p.lock.Unlock()
	return PEM(p.authority.Certificate)
}

// Close ends it and every connection.
func (p *FaultyProxy) Close() {
	_ = p.server.Close()
	p.transport.CloseIdleConnections()
}

func (p *FaultyProxy) note(connection net.Conn, state http.ConnState) {
	p.lock.Lock()
	defer p.lock.Unlock()
	switch state {
	case http.StateNew:
		p.open[connection] = struct{}{}
	case http.StateClosed, http.StateHijacked:
		delete(p.open, connection)
	}
}

func (p *FaultyProxy) current() Fault {
	p.lock.Lock()
	defer p.lock.Unlock()
	return p.fault
}

func (p *FaultyProxy) serve(reverse http.Handler, w http.ResponseWriter, r *http.Request) {
	fault := p.current()
	select {
	case <-time.After(fault.Delay):
	case <-r.Context().Done():
		return
	}
	if fault.Status != 0 {
		refuse(w, fault)
		return
	}
	faulty := &faultyAnswer{ResponseWriter: w, proxy: p, isWatch: r.URL.Query().Get("watch") == "true"}
	reverse.ServeHTTP(faulty, r)
	if faulty.isSilent() {
		<-r.Context().Done()
	}
}

func refuse(w http.ResponseWriter, fault Fault) {
	w.Header().Set("Content-Type", "application/json")
	if fault.RetryAfter > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(int(fault.RetryAfter.Seconds())))
	}
	w.WriteHeader(fault.Status)
	_ = json.NewEncoder(w).Encode(metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure,
		Message: "a bad day: " + http.StatusText(fault.Status), Code: int32(fault.Status)})
}

// faultyAnswer is the way back of one answer.
type faultyAnswer struct {
	http.ResponseWriter
	proxy   *FaultyProxy
	isWatch bool
	silent  bool
}

// isSilent tells whether it is a watch that tells nothing any more.
func (a *faultyAnswer) isSilent() bool {
	a.silent = a.silent || a.isWatch && a.proxy.current().Silent
	return a.silent
}

func (a *faultyAnswer) Write(data []byte) (int, error) {
	if a.isSilent() {
		a.proxy.lock.Lock()
		defer a.proxy.lock.Unlock()
		a.proxy.swallowed++
		return len(data), nil
	}
	if a.proxy.current().CutOff {
		_, _ = a.ResponseWriter.Write(data[:len(data)/2])
		a.Flush()
		panic(http.ErrAbortHandler)
	}
	return a.ResponseWriter.Write(data)
}

func (a *faultyAnswer) Flush() { _ = http.NewResponseController(a.ResponseWriter).Flush() }
