package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
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

	admissionreviewv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

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

// shown is the certificate that a new connection to the stage's Signet is shown.
func shown(t *testing.T) *x509.Certificate {
	t.Helper()
	certificate, err := dialed(stage.signet)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func dialed(signet *lab.Signet) (*x509.Certificate, error) {
	connection, err := tls.Dial("tcp", signet.Address(), signet.ClientTLS())
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	return connection.ConnectionState().PeerCertificates[0], nil
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
	const note = "ok serving-certificate: another was not taken"
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

// strangersReview is a review that the policy would grant, as whoever reaches the port can make it up.
func strangersReview(t *testing.T) string {
	t.Helper()
	return reviewOf(t, lab.Workload(signerFoo, "foo", "stranger"))
}

// reviewOf is a review of what istiod asks for, with uid "stranger".
func reviewOf(t *testing.T, asked lab.Request) string {
	t.Helper()
	object, _, err := asked.Object()
	if err != nil {
		t.Fatal(err)
	}
	object.Spec.Username = stage.istiodUser.Username()
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	review, err := json.Marshal(admissionreviewv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionreviewv1.AdmissionRequest{
			UID: "stranger", Operation: admissionreviewv1.Create, Object: runtime.RawExtension{Raw: raw},
			Kind:     metav1.GroupVersionKind{Group: "certificates.k8s.io", Version: "v1", Kind: "CertificateSigningRequest"},
			Resource: metav1.GroupVersionResource{Group: "certificates.k8s.io", Version: "v1", Resource: "certificatesigningrequests"},
			UserInfo: authenticationv1.UserInfo{Username: stage.istiodUser.Username()},
		}})
	if err != nil {
		t.Fatal(err)
	}
	return string(review)
}

// restartAPIServer has the stage's API server run with these flags beside its own until the test ends.
func restartAPIServer(t *testing.T, flags ...string) {
	t.Helper()
	t.Cleanup(func() {
		stage.plane.KillAPIServer()
		if err := stage.plane.StartAPIServer(); err != nil {
			t.Fatal(err)
		}
	})
	stage.plane.KillAPIServer()
	if err := stage.plane.StartAPIServer(flags...); err != nil {
		t.Fatal(err)
	}
}

func TestOnlyWhoShowsAClientCertificateIsAnsweredWhereOneIsAskedFor(t *testing.T) {
	signet := withOwnServing(t)
	clients, err := lab.NewRoot("webhook clients")
	if err != nil {
		t.Fatal(err)
	}
	clientCA := filepath.Join(signet.Dir, "clients")
	if err := clients.WritePublicTo(clientCA); err != nil {
		t.Fatal(err)
	}
	certificate, key := filepath.Join(signet.Dir, "apiserver.crt"), filepath.Join(signet.Dir, "apiserver.key")
	if err := clients.WriteClient("kube-apiserver", certificate, key); err != nil {
		t.Fatal(err)
	}
	signet.Arguments = []string{"--client-ca", filepath.Join(clientCA, "ca.crt")}
	serve(t, "all")
	stranger := newKeptAlive()
	review := strangersReview(t)

	t.Run("not an API server that shows none", func(t *testing.T) {
		t.Cleanup(func() { unregister(t) })
		if err := signet.Register(patient(t)); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() error {
			_, err := dryRun(t, lab.Workload(signerFoo, "foo", "httpbin"))
			if err == nil || !strings.Contains(err.Error(), "this path is for clients that show a certificate") {
				return fmt.Errorf("admitted, or for another reason not: %w", err)
			}
			return nil
		})
	})

	configuration, err := lab.WriteAdmissionConfiguration(t.TempDir(), signet.Address(), certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	restartAPIServer(t, "--admission-control-config-file="+configuration)
	register(t)
	t.Run("an API server that shows it", func(t *testing.T) {
		if _, err := stage.istiod.Sign(patient(t), lab.Workload(signerFoo, "foo", "httpbin")); err != nil {
			t.Error(err)
		}
		_, err := stage.istiod.Sign(patient(t), thief())
		expectRefused(t, err, "SignerNotAllowed")
	})
	t.Run("not a stranger", func(t *testing.T) {
		for _, path := range []string{"/validate", "/mutate"} {
			if status, text, err := stranger.ask("POST", path, review); err != nil || status != http.StatusForbidden {
				t.Errorf("%s: %d, %v: %s", path, status, err, text)
			}
		}
	})
	t.Run("not a client of another CA", func(t *testing.T) {
		others, err := lab.NewRoot("webhook clients")
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := others.WriteClient("kube-apiserver", filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")); err != nil {
			t.Fatal(err)
		}
		pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
		if err != nil {
			t.Fatal(err)
		}
		forger := newKeptAlive()
		forger.client.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{pair}
		if status, text, err := forger.ask("POST", "/validate", review); err == nil || !strings.Contains(err.Error(), "remote error: tls: ") {
			t.Errorf("answered %d, or for another reason not: %v: %s", status, err, text)
		}
	})
	t.Run("everybody about health", func(t *testing.T) {
		for _, path := range []string{"/livez", "/readyz"} {
			if status, text, err := stranger.ask("GET", path, ""); err != nil || status != http.StatusOK {
				t.Errorf("%s: %d, %v: %s", path, status, err, text)
			}
		}
	})
	t.Run("strangers who post as fast as they can stop nothing and leave nothing", func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		var flood sync.WaitGroup
		var posted atomic.Int64
		for range 32 {
			flood.Go(func() {
				client := newKeptAlive()
				for ctx.Err() == nil {
					if status, _, err := client.ask("POST", "/validate", review); err == nil && status != http.StatusForbidden {
						t.Errorf("answered %d", status)
						return
					}
					posted.Add(1)
				}
			})
		}
		for i := range 10 {
			if _, err := stage.istiod.Sign(patient(t), lab.Workload(signerFoo, "foo", fmt.Sprintf("under-flood-%d", i))); err != nil {
				t.Error(err)
			}
		}
		end()
		flood.Wait()
		t.Logf("%d posts of strangers", posted.Load())
		eventually(t, func() error {
			text, err := os.ReadFile(signet.ReviewLog())
			if err == nil && !strings.Contains(string(text), "sa/under-flood-9") {
				err = fmt.Errorf("not recorded yet:\n%s", text)
			}
			if err == nil && strings.Contains(string(text), "sa/stranger") {
				t.Errorf("what strangers posted is recorded:\n%s", text)
			}
			return err
		})
	})
}
