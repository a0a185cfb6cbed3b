package lab

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// door is where one stranger finds the port, and from where he comes.
type door struct {
	address string
	source  net.IP
}

// stranger does one connection's worth of harm. He returns when the context or his connection ends.
type stranger func(ctx context.Context, door door)

// strangers are what can be gathered, each made of texts that it says.
var strangers = map[string]func(texts []string, answered func(status int)) stranger{
	Silent:                 func([]string, func(int)) stranger { return silent },
	Greeting:               func(texts []string, _ func(int)) stranger { return greeting(texts[0]) },
	Unfinished:             func([]string, func(int)) stranger { return unfinished(clientHello()) },
	UnfinishedSlowly:       func([]string, func(int)) stranger { return unfinishedSlowly(clientHello()) },
	Trickling:              func(texts []string, _ func(int)) stranger { return trickling(texts[0], texts[1]) },
	Restless:               func([]string, func(int)) stranger { return restless },
	RestlessAfterHandshake: func([]string, func(int)) stranger { return restlessAfterHandshake },
	Deaf:                   func(texts []string, _ func(int)) stranger { return deaf(texts[0]) },
	Asking:                 func(texts []string, answered func(int)) stranger { return asking(texts, answered) },
	KeyChanging:            func([]string, func(int)) stranger { return keyChanging(20000) },
}

// The kinds of strangers.
const (
	Silent                 = "connects and says nothing"
	Greeting               = "goes through the handshake, says the text at once and nothing more"
	Unfinished             = "begins a handshake, hears the answer and never goes on"
	UnfinishedSlowly       = "begins a handshake a byte a second"
	Trickling              = "says the first text at once and the second a byte a second"
	Restless               = "connects and goes at once"
	RestlessAfterHandshake = "goes through the handshake and goes at once"
	Deaf                   = "asks the text again and again and reads no answer"
	Asking                 = "asks the texts in turn, as fast as they are answered"
	KeyChanging            = "changes the keys of his connection as fast as they are read"
)

// Number in what an asking stranger says is another one each time, of ten digits.
const Number = "##########"

// strangersTLS believes any server.
func strangersTLS(version uint16) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version}
}

// visit is a connection that ends with the context it was made in.
type visit struct {
	*net.TCPConn
	forget func() bool
}

func (v *visit) Close() error {
	v.forget()
	return v.TCPConn.Close()
}

// connect is nil when the door stays shut.
func (d door) connect(ctx context.Context) *visit {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: d.source}}
	connection, err := dialer.DialContext(ctx, "tcp", d.address)
	if err != nil {
		return nil
	}
	tcp := connection.(*net.TCPConn)
	return &visit{tcp, context.AfterFunc(ctx, func() { _ = tcp.Close() })}
}

func (d door) greet(ctx context.Context) *tls.Conn {
	connection := d.connect(ctx)
	if connection == nil {
		return nil
	}
	greeted := tls.Client(connection, strangersTLS(tls.VersionTLS13))
	if err := greeted.HandshakeContext(ctx); err != nil {
		_ = connection.Close()
		return nil
	}
	return greeted
}

// untilClosed takes what comes.
func untilClosed(connection net.Conn) {
	_, _ = io.Copy(io.Discard, connection)
	_ = connection.Close()
}

// trickle sends a byte a second.
func trickle(connection io.Writer, text string) {
	for i := range len(text) {
		if _, err := io.WriteString(connection, text[i:i+1]); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

// clientHello is the first record of a handshake.
func clientHello() []byte {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	go func() { _ = tls.Client(near, strangersTLS(tls.VersionTLS13)).Handshake() }()
	header := make([]byte, 5)
	if _, err := io.ReadFull(far, header); err != nil {
		panic(err) // a pipe does not fail
	}
	body := make([]byte, int(header[3])<<8|int(header[4]))
	if _, err := io.ReadFull(far, body); err != nil {
		panic(err)
	}
	return append(header, body...)
}

// silent connects and says nothing.
func silent(ctx context.Context, door door) {
	if connection := door.connect(ctx); connection != nil {
		untilClosed(connection)
	}
}

// greeting is one who goes through the handshake and then says this at once, and nothing more.
func greeting(text string) stranger {
	return func(ctx context.Context, door door) {
		if connection := door.greet(ctx); connection != nil {
			_, _ = io.WriteString(connection, text)
			untilClosed(connection)
		}
	}
}

// unfinished is one who begins a handshake, hears the answer and never goes on.
func unfinished(hello []byte) stranger {
	return func(ctx context.Context, door door) {
		if connection := door.connect(ctx); connection != nil {
			_, _ = connection.Write(hello)
			untilClosed(connection)
		}
	}
}

// unfinishedSlowly is one who begins it a byte a second.
func unfinishedSlowly(hello []byte) stranger {
	return func(ctx context.Context, door door) {
		if connection := door.connect(ctx); connection != nil {
			go trickle(connection, string(hello))
			untilClosed(connection)
		}
	}
}

// trickling is one who says the first text at once and the second a byte a second.
func trickling(begin, slowly string) stranger {
	return func(ctx context.Context, door door) {
		if connection := door.greet(ctx); connection != nil {
			_, _ = io.WriteString(connection, begin)
			go trickle(connection, slowly)
			untilClosed(connection)
		}
	}
}

// restless connects and goes at once.
func restless(ctx context.Context, door door) {
	if connection := door.connect(ctx); connection != nil {
		_ = connection.Close()
	}
}

// restlessAfterHandshake goes through the handshake first.
func restlessAfterHandshake(ctx context.Context, door door) {
	if connection := door.greet(ctx); connection != nil {
		_ = connection.Close()
	}
}

// deaf is one who asks this again and again and reads no answer.
func deaf(request string) stranger {
	many := strings.Repeat(request, 1+16<<10/len(request))
	return func(ctx context.Context, door door) {
		connection := door.greet(ctx)
		if connection == nil {
			return
		}
		defer connection.Close()
		_ = connection.NetConn().(*visit).SetReadBuffer(4 << 10)
		for {
			if _, err := io.WriteString(connection, many); err != nil {
				return
			}
		}
	}
}

// asking is one who asks as a good client does, again as soon as he is answered, and tells of every answer's status.
func asking(texts []string, answered func(status int)) stranger {
	var asked atomic.Int64
	return func(ctx context.Context, door door) {
		connection := door.greet(ctx)
		if connection == nil {
			return
		}
		defer connection.Close()
		answers := bufio.NewReader(connection)
		for {
			count := asked.Add(1)
			text := strings.ReplaceAll(texts[count%int64(len(texts))], Number, fmt.Sprintf("%0*d", len(Number), count))
			if _, err := io.WriteString(connection, text); err != nil {
				return
			}
			answer, err := http.ReadResponse(answers, nil)
			if err != nil {
				return
			}
			_, err = io.Copy(io.Discard, answer.Body)
			answered(answer.StatusCode)
			if err != nil || answer.Close {
				return
			}
		}
	}
}

// keyChanging is one who changes the keys of his connection that often, as fast as the server reads (RFC 8446, 4.6.3).
func keyChanging(times int) stranger {
	return func(ctx context.Context, door door) {
		connection := door.connect(ctx)
		if connection == nil {
			return
		}
		defer connection.Close()
		log := &trafficSecret{}
		config := strangersTLS(tls.VersionTLS13)
		config.KeyLogWriter = log
		greeted := tls.Client(connection, config)
		if err := greeted.HandshakeContext(ctx); err != nil {
			return
		}
		updates, err := log.keyUpdates(greeted.ConnectionState().CipherSuite, times)
		if err != nil {
			panic(fmt.Sprint("key updates: ", err)) // the suites of TLS 1.3 are few
		}
		if _, err = connection.Write(updates); err == nil {
			untilClosed(connection)
		}
	}
}

// PostReview is the request that the API server sends with a review.
func PostReview(path, review string) string {
	return fmt.Sprintf("POST %s?timeout=3s HTTP/1.1\r\nHost: signet\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		path, len(review), review)
}
