package cluster

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"signet/test/cluster/lab"
)

// What strangers say to the webhook's port that no API server would say.

const closeAfterHealth = "GET /livez HTTP/1.1\r\nHost: signet\r\nConnection: close\r\n\r\n"

func TestHostileRequestsGetOneRefusalAndSmuggleNoReview(t *testing.T) {
	served := serveReloading(t, "webhook", stage.signet.Policy)
	review := strangersReview(t)
	inner := lab.PostReview("/validate", strings.Replace(review, `"uid":"stranger"`, `"uid":"smuggled"`, 1))
	// post is a review with these lines in place of its Content-Length.
	post := func(lines, body string) string {
		return "POST /validate HTTP/1.1\r\nHost: signet\r\nContent-Type: application/json\r\n" + lines + "\r\n" + body
	}
	length := fmt.Sprintf("Content-Length: %d\r\n", len(review))
	get := func(target string) string { return "GET " + target + " HTTP/1.1\r\nHost: signet\r\n\r\n" }
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(review), review)
	cases := []struct {
		name    string
		request string
		answers []int
		reviews float64 // how many of the answers are those of reviews
		stays   bool    // the connection goes on behind it
	}{
		{"a good review", post(length, review), []int{200}, 1, true},
		{"two of them at once", post(length, review) + post(length, review), []int{200, 200}, 2, true},

		{"headers that are too large", post(length+"X: "+strings.Repeat("a", 20_000)+"\r\n", review+inner), []int{431}, 0, false},
		{"too many headers", post(length+strings.Repeat("X: a\r\n", 100), review+inner), []int{431}, 0, false},
		{"a request line that is too long", get("/" + strings.Repeat("a", 2_000)), []int{414}, 0, false},
		{"a request line without end", "GET /" + strings.Repeat("a", 100_000), []int{414}, 0, false},
		{"a body that is too large", post("Content-Length: 7340033\r\n", strings.Repeat(" ", 7340033)), []int{413}, 0, false},
		{"a body that would be too large", post("Content-Length: 7340033\r\nExpect: 100-continue\r\n", ""), []int{413}, 0, false},
		{"a length of 2^64 and as much as there is", post(fmt.Sprintf("Content-Length: 1844674407370955%d\r\n", 1616+len(review)), review+inner), []int{413}, 0, false},

		{"Content-Length and Transfer-Encoding", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"+inner), []int{400}, 0, false},
		{"Transfer-Encoding and Content-Length", post("Transfer-Encoding: chunked\r\n"+length, review+inner), []int{400}, 0, false},
		{"chunks", post("Transfer-Encoding: chunked\r\n", chunked+inner), []int{501}, 0, false},
		{"chunks and trailers", post("Transfer-Encoding: chunked\r\nTrailer: X\r\n", strings.TrimSuffix(chunked, "\r\n")+"X: a\r\n\r\n"), []int{501}, 0, false},
		{"a chunk of more than 2^64", post("Transfer-Encoding: chunked\r\n", "10000000000000002\r\n{}\r\n0\r\n\r\n"+inner), []int{501}, 0, false},
		{"chunks behind a tab", post("Transfer-Encoding:\tchunked\r\n", chunked), []int{501}, 0, false},
		{"chunks under a name with a space", post(length+"Transfer-Encoding : chunked\r\n", review+inner), []int{400}, 0, false},
		{"chunks on a folded line", post(length+"Transfer-Encoding:\r\n chunked\r\n", review+inner), []int{400}, 0, false},
		{"an unknown Transfer-Encoding", post(length+"Transfer-Encoding: xchunked\r\n", review+inner), []int{400}, 0, false},
		{"two Content-Lengths", post(length+"Content-Length: 0\r\n", review+inner), []int{400}, 0, false},
		{"one Content-Length twice", post(length+length, review), []int{400}, 0, false},
		{"a list of Content-Lengths", post("Content-Length: 2, 2\r\n", "{}"), []int{400}, 0, false},
		{"a signed Content-Length", post("Content-Length: +2\r\n", "{}"), []int{400}, 0, false},
		{"a negative Content-Length", post("Content-Length: -2\r\n", inner), []int{400}, 0, false},
		{"a hexadecimal Content-Length", post("Content-Length: 0x2\r\n", "{}"), []int{400}, 0, false},
		{"no length", post("", review+inner), []int{411}, 0, false},
		{"a request as body", post(fmt.Sprintf("Content-Length: %d\r\n", len(inner)), inner), []int{400}, 0, true},
		{"a body for a path that takes none", "GET /livez HTTP/1.1\r\nHost: signet\r\n" + length + "\r\n" + review + inner, []int{413}, 0, false},
		{"a request behind the last one", post(length+"Connection: close\r\n", review+inner), []int{200}, 1, false},

		{"lines that end in LF", strings.ReplaceAll(post(length, ""), "\r\n", "\n") + review, []int{400}, 0, false},
		{"a header that ends in LF", post(length+"X: a\nTransfer-Encoding: chunked\r\n", review+inner), []int{400}, 0, false},
		{"CR in a header", post(length+"X: a\rb\r\n", review), []int{400}, 0, false},
		{"NUL in a header", post(length+"X: a\x00b\r\n", review), []int{400}, 0, false},
		{"a header on two lines", post(length+"X: a\r\n b\r\n", review), []int{400}, 0, false},
		{"space before a colon", post("Content-Length : 2\r\n", "{}"), []int{400}, 0, false},
		{"a header without a name", post(length+": a\r\n", review), []int{400}, 0, false},
		{"no Host", "GET /livez HTTP/1.1\r\n\r\n", []int{400}, 0, false},
		{"two Hosts", "GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", []int{400}, 0, false},
		{"an empty line first", "\r\n" + get("/livez"), []int{400}, 0, false},

		{"a whole URL", get("https://signet/livez"), []int{400}, 0, false},
		{"a target without a path", "OPTIONS * HTTP/1.1\r\nHost: signet\r\n\r\n", []int{400}, 0, false},
		{"a tunnel", "CONNECT signet:443 HTTP/1.1\r\nHost: signet\r\n\r\n", []int{400}, 0, false},
		{"a fragment", get("/livez#a"), []int{400}, 0, false},
		{"two slashes", get("//livez"), []int{404}, 0, false},
		{"a slash behind", get("/livez/"), []int{404}, 0, false},
		{"an encoded letter", get("/%6civez"), []int{404}, 0, false},
		{"an encoded NUL", get("/livez%00"), []int{404}, 0, false},
		{"a way around", get("/validate/../livez"), []int{404}, 0, false},
		{"capitals", get("/LIVEZ"), []int{404}, 0, false},
		{"parameters of a segment", get("/livez;a=b"), []int{404}, 0, false},
		{"a query", get("/livez?/../validate"), []int{200}, 0, true},
		{"a method in small letters", strings.Replace(post(length, review), "POST", "post", 1), []int{405}, 0, false},
		{"a method that another header overrides", "GET /validate HTTP/1.1\r\nHost: signet\r\nX-HTTP-Method-Override: POST\r\n\r\n", []int{405}, 0, false},

		{"HTTP/0.9", "GET /livez\r\n\r\n", []int{400}, 0, false},
		{"HTTP/1.0", "GET /livez HTTP/1.0\r\n\r\n" + inner, []int{200}, 0, false},
		{"HTTP/1.0 that stays", "GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", []int{200}, 0, true},
		{"HTTP/1.2", "GET /livez HTTP/1.2\r\nHost: signet\r\n\r\n", []int{505}, 0, false},
		{"HTTP/2 without being asked", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []int{505}, 0, false},
		{"another protocol", "SSH-2.0-OpenSSH_9.9\r\n\r\n", []int{400}, 0, false},
		{"an upgrade", "GET /livez HTTP/1.1\r\nHost: signet\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", []int{200}, 0, true},
		{"an expectation whose body is there", post("Content-Length: 2\r\nExpect: 100-continue\r\n", "{}"), []int{400}, 0, true},
		{"another expectation", post(length+"Expect: the best\r\n", review+inner), []int{417}, 0, false},
		{"a compressed body", post(length+"Content-Encoding: gzip\r\n", review), []int{415}, 0, false},
		{"a wish for compression", post(length+"Accept-Encoding: gzip, br, zstd\r\nRange: bytes=0-1\r\n", review), []int{200}, 1, true},
		{"another type", strings.Replace(post(length, review), "application/json", "text/xml", 1), []int{415}, 0, false},

		{"no JSON", post("Content-Length: 4\r\n", "\xff{}\x00"), []int{400}, 0, true},
		{"deep JSON", post("Content-Length: 100000\r\n", strings.Repeat("[", 100_000)), []int{400}, 0, true},
		{"no review", post("Content-Length: 2\r\n", "{}"), []int{400}, 0, true},
	}
	client := newKeptAlive()
	reviewed := func() float64 {
		var sum float64
		for name, value := range served.scrape() {
			if strings.HasPrefix(name, "signet_reviews_total{") {
				sum += value
			}
		}
		return sum
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			before := reviewed()
			request, want := c.request, c.answers
			if c.stays {
				request, want = request+closeAfterHealth, append(want, 200)
			}
			expectAnswers(t, say(t, request), want)
			if rise := reviewed() - before; rise != c.reviews {
				t.Errorf("%v reviews were made, want %v", rise, c.reviews)
			}
			if err := askReview(client, review, "afterwards", true); err != nil {
				t.Error(err)
			}
		})
	}
	if dialed := client.dialed.Load(); dialed != 1 {
		t.Errorf("the well-behaved client needed %d connections", dialed)
	}
}

// say is what is answered to these bytes until Signet ends the connection.
func say(t *testing.T, request string) string {
	t.Helper()
	connection, err := tls.Dial("tcp", stage.signet.Address(), stage.signet.ClientTLS())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	// Of what is too large it may take no more than it needs to know.
	_, _ = io.WriteString(connection, request)
	answers, err := io.ReadAll(connection)
	if err != nil {
		t.Fatalf("%v after %q", err, answers)
	}
	return string(answers)
}

// expectAnswers wants these statuses, and nothing in the answers that tells of more than the request.
func expectAnswers(t *testing.T, text string, want []int) {
	t.Helper()
	var got []int
	reader := bufio.NewReader(strings.NewReader(text))
	for {
		if _, err := reader.Peek(1); err == io.EOF {
			break
		}
		answer, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatalf("no answer: %v: %q", err, text)
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatalf("half an answer: %v: %q", err, text)
		}
		got = append(got, answer.StatusCode)
		for name := range answer.Header {
			if !slices.Contains([]string{"Content-Type", "Content-Length", "Connection", "Allow"}, name) {
				t.Errorf("the answer has a header %s", name)
			}
		}
		if answer.StatusCode != http.StatusOK && (!bytes.HasPrefix(body, []byte("signet: ")) || len(body) > 200) {
			t.Errorf("%d with %q", answer.StatusCode, body)
		}
		for _, internal := range []string{"exception", "what()", "std::", "signet::", ".cc", ".h:", "smuggled", "errno", "0x"} {
			if bytes.Contains(body, []byte(internal)) {
				t.Errorf("the answer says %q: %q", internal, body)
			}
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("answered %v, want %v: %q", got, want, text)
	}
}

func TestOnlyModernTLSIsSpoken(t *testing.T) {
	serve(t, "webhook")
	ecdheAEAD := []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	cases := []struct {
		name   string
		change func(*tls.Config)
		spoken bool
	}{
		{"TLS 1.0", func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10 }, false},
		{"TLS 1.1", func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11 }, false},
		{"TLS 1.2", func(c *tls.Config) { c.MaxVersion, c.CipherSuites = tls.VersionTLS12, ecdheAEAD }, true},
		{"TLS 1.3", func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }, true},
		{"a cipher without forward secrecy", func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
		}, false},
		{"a cipher of blocks that are chained", func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		}, false},
		{"3DES", func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA}
		}, false},
		{"RC4", func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA}
		}, false},
		{"HTTP/2 alone", func(c *tls.Config) { c.NextProtos = []string{"h2"} }, false},
		{"HTTP/2 or HTTP/1.1", func(c *tls.Config) { c.NextProtos = []string{"h2", "http/1.1"} }, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			config := stage.signet.ClientTLS()
			c.change(config)
			connection, err := tls.Dial("tcp", stage.signet.Address(), config)
			if (err == nil) != c.spoken {
				t.Fatalf("spoken: %v, want %v: %v", err == nil, c.spoken, err)
			}
			if err != nil {
				if !strings.Contains(err.Error(), "remote error: tls: ") {
					t.Errorf("not refused by Signet: %v", err)
				}
				return
			}
			defer connection.Close()
			if state := connection.ConnectionState(); state.NegotiatedProtocol == "h2" || state.DidResume {
				t.Errorf("%+v", state)
			}
		})
	}
	// What crypto/tls never asks for.
	openssl := func(t *testing.T, say string, args ...string) string {
		t.Helper()
		program, err := exec.LookPath("openssl")
		if err != nil {
			t.Skip(err)
		}
		command := exec.CommandContext(patient(t), program,
			append([]string{"s_client", "-connect", stage.signet.Address(), "-CAfile", stage.signet.ServingCA()}, args...)...)
		command.Stdin = strings.NewReader(say)
		told, _ := command.CombinedOutput() // it ends as its connection does
		if !bytes.Contains(told, []byte("Verify return code: 0 (ok)")) && !bytes.Contains(told, []byte("Verification: OK")) {
			t.Errorf("no connection:\n%s", told)
		}
		return string(told)
	}
	t.Run("compression", func(t *testing.T) {
		if told := openssl(t, "Q\n", "-tls1_2", "-comp"); !strings.Contains(told, "Compression: NONE") {
			t.Error(told)
		}
	})
	t.Run("a renegotiation", func(t *testing.T) {
		if told := openssl(t, "R\n", "-tls1_2"); !strings.Contains(told, "RENEGOTIATING") || !strings.Contains(told, "no renegotiation") {
			t.Error(told)
		}
	})
	t.Run("a session that goes on", func(t *testing.T) {
		if told := openssl(t, "Q\n", "-tls1_2", "-reconnect"); strings.Contains(told, "Reused, ") {
			t.Error(told)
		}
	})
	if err := askReview(newKeptAlive(), strangersReview(t), "afterwards", true); err != nil {
		t.Error(err)
	}
}
