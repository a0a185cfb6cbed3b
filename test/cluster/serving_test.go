package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"signet/test/cluster/lab"
)

// The webhook's serving certificate, and who is let to its port.

// withOwnServing gives the stage a Signet with a port and a serving certificate of its own until the test ends.
func withOwnServing(t *testing.T) *lab.Signet {
	t.Helper()
	before := stage.signet
	other, err := lab.NewSignet(t.TempDir(), before.Policy, stage.signetUser, stage.authorities)
	if err != nil {
		t.Fatal(err)
	}
	stage.signet = other
	t.Cleanup(func() { stage.signet = before })
	return other
}

// shown is the certificate that a new connection is shown.
func shown(t *testing.T) *x509.Certificate {
	t.Helper()
	connection, err := tls.Dial("tcp", stage.signet.Address(), stage.signet.ClientTLS())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	return connection.ConnectionState().PeerCertificates[0]
}

func awaitAnother(t *testing.T, before *x509.Certificate) *x509.Certificate {
	t.Helper()
	var now *x509.Certificate
	eventually(t, func() error {
		if now = shown(t); now.Equal(before) {
			return fmt.Errorf("still the certificate with serial %v", before.SerialNumber)
		}
		return nil
	})
	return now
}

// keptAlive is a client of Signet's port that counts the connections it needs.
type keptAlive struct {
	client *http.Client
	dialed atomic.Int32
}

func newKeptAlive() *keptAlive {
	k := &keptAlive{}
	k.client = &http.Client{Timeout: patience, Transport: &http.Transport{
		TLSClientConfig: stage.signet.ClientTLS(),
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			k.dialed.Add(1)
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}}}
	return k
}

func (k *keptAlive) ask(method, path, body string) (status int, text string, err error) {
	request, err := http.NewRequest(method, "https://"+stage.signet.Address()+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := k.client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	return response.StatusCode, string(read), err
}

func TestTheServingCertificateIsRenewedWithoutLosingAReviewOrAConnection(t *testing.T) {
	signet := withOwnServing(t)
	signet.Arguments = []string{"--metrics-listen", "127.0.0.1:0"}
	process := serve(t, "webhook")
	register(t)

	renewed := make(chan struct{})
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for {
				if _, err := dryRun(t, thief()); err == nil || !strings.Contains(err.Error(), "denied the request: signet: SignerNotAllowed") {
					t.Errorf("not reviewed: %v", err)
					return
				}
				select {
				case <-renewed:
					return
				default:
				}
			}
		})
	}
	client := newKeptAlive()
	alive := func() {
		t.Helper()
		if status, _, err := client.ask("GET", "/livez", ""); err != nil || status != http.StatusOK {
			t.Errorf("/livez: %d, %v", status, err)
		}
	}
	alive()
	now := shown(t)
	for range 3 {
		if err := signet.RenewServing(); err != nil {
			t.Error(err)
		}
		now = awaitAnother(t, now)
		alive()
	}
	close(renewed)
	asking.Wait()
	if dialed := client.dialed.Load(); dialed != 1 {
		t.Errorf("a client that keeps its connection needed %d", dialed)
	}
	metrics := newKeptAlive()
	response, err := metrics.client.Get(fmt.Sprintf("http://127.0.0.1:%s/metrics", logged(t, process, "serving metrics")["port"]))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if told := parseSamples(t, string(text))["signet_serving_certificate_not_after_timestamp_seconds"]; told != float64(now.NotAfter.Unix()) {
		t.Errorf("the metrics tell its end as %v, it is %v", told, now.NotAfter.Unix())
	}
}

func TestABadServingCertificateLeavesTheOneBefore(t *testing.T) {
	signet := withOwnServing(t)
	process := serve(t, "webhook")
	client := newKeptAlive()
	const note = "ok serving-certificate: the files are not what is in use"
	await := func(noted bool) {
		t.Helper()
		eventually(t, func() error {
			status, text, err := client.ask("GET", "/readyz", "")
			if err != nil || status != http.StatusOK || strings.Contains(text, note) != noted {
				return fmt.Errorf("/readyz: %d, %v: %s", status, err, text)
			}
			return nil
		})
	}
	certificate, key := signet.ServingFiles()
	good := map[string][]byte{}
	for _, file := range []string{certificate, key} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		good[file] = text
	}
	before := shown(t)
	other, err := lab.NewRoot("another")
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "tls.crt")
	if err := other.WriteServing(elsewhere, elsewhere+".key"); err != nil {
		t.Fatal(err)
	}
	foreign, err := os.ReadFile(elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name, file string
		text       []byte // nil: no file
		told       string
	}{
		{"a certificate of another key", certificate, foreign, "TLS key: key values mismatch"},
		{"half a certificate", certificate, good[certificate][:len(good[certificate])/2], "TLS certificate 1: "},
		{"no certificate", certificate, nil, certificate + ": No such file or directory"},
		{"half a key", key, good[key][:len(good[key])/2], "TLS key: not an unencrypted private key in PEM"},
		{"no key", key, nil, key + ": No such file or directory"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if c.text == nil {
				if err := os.Remove(c.file); err != nil {
					t.Fatal(err)
				}
			} else {
				replaceFile(t, c.file, string(c.text))
			}
			await(true)
			if told := strings.Count(process.Output(), "serving certificate not taken: "+c.told); told != 1 {
				t.Errorf("the log tells it %d times:\n%s", told, process.Output())
			}
			if !shown(t).Equal(before) {
				t.Error("another certificate is shown")
			}
			replaceFile(t, c.file, string(good[c.file]))
			await(false)
		})
	}
	if strings.Contains(process.Output(), "PRIVATE KEY") {
		t.Error("the log holds a key")
	}
}
