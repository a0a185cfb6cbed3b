package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	admissionv1 "k8s.io/api/admission/v1"

	"signet/test/cluster/lab"
)

// webhook is a server that answers AdmissionReviews.
type webhook struct {
	process *lab.Process
	port    int
	ca      string // file
	path    string
}

func (w *webhook) stop() { _ = w.process.Stop(10 * time.Second) }

// client keeps a connection to it.
func (w *webhook) client() (*http.Client, error) {
	pem, err := os.ReadFile(w.ca)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}, nil
}

func (w *webhook) url(path string) string { return fmt.Sprintf("https://127.0.0.1:%d%s", w.port, path) }

// answer is what it says to one review.
func (w *webhook) answer(ctx context.Context, review []byte) (*admissionv1.AdmissionResponse, error) {
	client, err := w.client()
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url(w.path), bytes.NewReader(review))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	got, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		return nil, err
	}
	var answer admissionv1.AdmissionReview
	if err := json.Unmarshal(body, &answer); err != nil || got.StatusCode != http.StatusOK || answer.Response == nil {
		return nil, fmt.Errorf("%s: %s: %s (%v)", w.url(w.path), got.Status, body, err)
	}
	return answer.Response, nil
}

// loaded is what review_load prints; latencies are in µs.
type loaded struct {
	Requests   int     `json:"requests"`
	Errors     int     `json:"errors"`
	Seconds    float64 `json:"seconds"`
	P50        float64 `json:"p50"`
	P99        float64 `json:"p99"`
	CPUSeconds float64 `json:"cpuSeconds"`
	// Of the webhook, for one review.
	cpu time.Duration
}

const loadConnections = 16

// load has the webhook review the lines of that file for so long. It is an error if one of them is not granted.
func (w *webhook) load(ctx context.Context, reviews string, duration time.Duration) (loaded, error) {
	var got loaded
	project, err := lab.Project()
	if err != nil {
		return got, err
	}
	before, err := cpu(w.process)
	if err != nil {
		return got, err
	}
	command := exec.CommandContext(ctx, filepath.Join(project, "build", "release", "test", "bench", "signet_review_load"),
		strconv.Itoa(w.port), w.ca, w.path, reviews, strconv.Itoa(loadConnections), strconv.Itoa(int(duration.Seconds())))
	var complained bytes.Buffer
	command.Stderr = &complained
	printed, err := command.Output()
	if err != nil {
		return got, fmt.Errorf("%w: %s", err, complained.String())
	}
	after, err := cpu(w.process)
	if err != nil {
		return got, err
	}
	if err := json.Unmarshal(printed, &got); err != nil {
		return got, err
	}
	if got.Errors > 0 {
		return got, fmt.Errorf("%s: %d of %d answers are not as expected: %s", w.url(w.path), got.Errors, got.Requests, complained.String())
	}
	got.cpu = (after - before) / time.Duration(got.Requests)
	return got, nil
}

// prepareSignet prepares Signet for the policy, as an account of plane's that may do what it needs.
func prepareSignet(ctx context.Context, plane *lab.ControlPlane, dir, name string, p *policy) (*lab.Signet, error) {
	account, err := plane.CreateAccount(ctx, name, "signet", lab.SignetRules(p.signerNames()...))
	if err != nil {
		return nil, err
	}
	authorities, err := p.authorities()
	if err != nil {
		return nil, err
	}
	return lab.NewSignet(filepath.Join(dir, name), p.file, account, authorities)
}

func serveSignet(s *lab.Signet, role string) (*webhook, error) {
	process, err := s.Serve(role)
	if err != nil {
		return nil, err
	}
	return &webhook{process: process, port: s.Port(), ca: s.ServingCA(), path: "/validate"}, nil
}

// startOPA serves test/bench/opa/signet.rego with the policy's data, tuned as its manual says (Policy Performance), and
// with its decision log on where that is wanted.
func startOPA(ctx context.Context, opa, dir, name string, p *policy, decisionLog bool) (*webhook, error) {
	project, err := lab.Project()
	if err != nil {
		return nil, err
	}
	if !filepath.IsAbs(opa) {
		opa = filepath.Join(project, opa)
	}
	in := func(file string) string { return filepath.Join(dir, name, file) }
	authority, err := lab.NewRoot(name)
	if err != nil {
		return nil, err
	}
	if err := authority.WriteServing(in("serving.crt"), in("serving.key")); err != nil {
		return nil, err
	}
	if err := os.WriteFile(in("serving-ca.crt"), lab.PEM(authority.Certificate), 0o600); err != nil {
		return nil, err
	}
	if err := p.writeRegoData(in("data.json")); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &webhook{port: listener.Addr().(*net.TCPAddr).Port, ca: in("serving-ca.crt"), path: "/"}
	listener.Close()
	args := []string{"run", "--server", "--addr", w.url(""), "--tls-cert-file", in("serving.crt"), "--tls-private-key-file", in("serving.key"),
		"--log-level", "error", "--authentication", "off", "--skip-version-check", "--optimize-store-for-read-speed"}
	if decisionLog {
		args = append(args, "--set", "decision_logs.console=true")
	}
	args = append(args, filepath.Join(project, "test", "bench", "opa", "signet.rego"), in("data.json"))
	if w.process, err = lab.StartProcess(name, dir, opa, args...); err != nil {
		return nil, err
	}
	if err := w.awaitHealth(ctx); err != nil {
		w.stop()
		return nil, fmt.Errorf("%w: %s", err, w.process.Output())
	}
	return w, nil
}

func (w *webhook) awaitHealth(ctx context.Context) error {
	client, err := w.client()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return lab.Until(ctx, func() error {
		got, err := client.Get(w.url("/health"))
		if err == nil {
			got.Body.Close()
		}
		return err
	})
}
