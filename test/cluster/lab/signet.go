package lab

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// SignetBinary is SIGNET_BIN, or what the release preset builds.
func SignetBinary() (string, error) {
	path := os.Getenv("SIGNET_BIN")
	if path == "" {
		project, err := Project()
		if err != nil {
			return "", err
		}
		path = filepath.Join(project, "build", "release", "tools", "signet", "signet")
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%w: build the release preset first, or set SIGNET_BIN", err)
	}
	return path, nil
}

// Signet is ready in well under a second; these are for machines that do much else.
const (
	readyDeadline = 30 * time.Second
	readyTimeout  = 5 * time.Second
)

// Signet is how it is served here: one address, one account, one folder. The address stays the same over restarts, so one
// registration of the webhooks serves all of them.
type Signet struct {
	Policy  string // file
	Dir     string // CA folders, certificates, kubeconfig
	Records string // audit and process logs: the same folder, unless set otherwise
	// Arguments of `signet serve` beside those that its role needs.
	Arguments []string
	// What it takes for the time of day; nil: the machine's clock.
	Clock *Clock
	// Where Signet keeps its serving certificate itself, for the name localhost, in the account's namespace; empty: in files.
	ServingSecret string
	SeccompFile   string // the profile that it runs under; empty: none

	binary     string
	account    *Account
	kubeconfig string
	serving    *Authority
	port       int
}

// NewSignet prepares Dir for the account. The CAs are signer to authority.
func NewSignet(dir, policy string, account *Account, authorities map[string]*Authority) (_ *Signet, err error) {
	s := &Signet{Policy: policy, Dir: dir, Records: dir, account: account}
	if s.binary, err = SignetBinary(); err != nil {
		return nil, err
	}
	if s.kubeconfig, err = account.WriteKubeconfig(dir); err != nil {
		return nil, err
	}
	if s.serving, err = NewRoot("webhook serving"); err != nil {
		return nil, err
	}
	if err = s.RenewServing(); err != nil {
		return nil, err
	}
	if err = writeFile(s.in("serving-ca.crt"), PEM(s.serving.Certificate)); err != nil {
		return nil, err
	}
	for signer, authority := range authorities {
		if err = authority.WriteTo(s.in("ca", signer)); err != nil {
			return nil, err
		}
		if err = authority.WritePublicTo(s.in("ca-public", signer)); err != nil {
			return nil, err
		}
	}
	s.port, err = freePort()
	return s, err
}

// As is the same Signet under another account's name, for what that account may not do, on another port
// and with records and kubeconfig in dir.
func (s *Signet) As(account *Account, dir string) (*Signet, error) {
	other := *s
	other.account, other.Records = account, dir
	var err error
	if other.kubeconfig, err = account.WriteKubeconfig(dir); err != nil {
		return nil, err
	}
	other.port, err = freePort()
	return &other, err
}

func (s *Signet) in(path ...string) string {
	return filepath.Join(append([]string{s.Dir}, path...)...)
}

// Endpoint is where the API server, once Register was called, asks: the address, and the files of the certificate and the key that
// it expects there.
func (s *Signet) Endpoint() (address, certificate, key string) {
	return fmt.Sprintf("127.0.0.1:%d", s.port), s.in("serving.crt"), s.in("serving.key")
}

// ServingFiles are what Signet reads its serving certificate and the key of it from.
func (s *Signet) ServingFiles() (certificate, key string) {
	return s.in("serving.crt"), s.in("serving.key")
}

// RenewServing puts another serving certificate, by the same CA and with a key of its own, into these files.
func (s *Signet) RenewServing() error { return s.serving.WriteServing(s.ServingFiles()) }

// Address is where Signet is served.
func (s *Signet) Address() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// ClientTLS is for clients of that address, which trust what the API server is to trust.
func (s *Signet) ClientTLS() *tls.Config {
	roots := x509.NewCertPool()
	if s.ServingSecret == "" {
		roots.AddCert(s.serving.Certificate)
		return &tls.Config{RootCAs: roots}
	}
	secret, err := s.account.cluster.Admin().CoreV1().Secrets(s.account.Namespace).Get(context.Background(), s.ServingSecret, metav1.GetOptions{})
	if err == nil {
		roots.AppendCertsFromPEM(secret.Data["ca.crt"])
	}
	return &tls.Config{RootCAs: roots, ServerName: "localhost"} // without roots no server is trusted
}

// AuditLog is the file of the issuance records; there is one writer, whatever the role.
func (s *Signet) AuditLog() string { return filepath.Join(s.Records, "audit.jsonl") }

// ReviewLog is the file of the records of reviews.
func (s *Signet) ReviewLog() string { return filepath.Join(s.Records, "reviews.jsonl") }

// Port of 127.0.0.1 is where it listens.
func (s *Signet) Port() int { return s.port }

// ServingCA is the file of the certificate that its serving certificate is verified with.
func (s *Signet) ServingCA() string { return s.in("serving-ca.crt") }

// Launch starts the role and returns at once; its log is Records/signet-ROLE.log.
func (s *Signet) Launch(role string) (*Process, error) {
	authorities := s.in("ca")
	if role == "webhook" {
		authorities = s.in("ca-public") // it never needs a key
	}
	args := []string{"serve", "--role", role, "--policy", s.Policy, "--kubeconfig", s.kubeconfig, "--ca-dir", authorities}
	if role != "webhook" {
		args = append(args, "--audit-log", s.AuditLog())
	}
	if role != "signer" {
		args = append(args, "--review-log", s.ReviewLog(), "--listen", s.Address())
		if s.ServingSecret != "" {
			args = append(args, "--serving-secret", s.account.Namespace+"/"+s.ServingSecret, "--serving-name", "localhost")
		} else {
			certificate, key := s.ServingFiles()
			args = append(args, "--tls-cert", certificate, "--tls-key", key)
		}
	}
	command, err := Confined(s.SeccompFile, s.binary, append(args, s.Arguments...)...)
	if err != nil {
		return nil, err
	}
	if s.Clock != nil {
		command.Env = append(command.Environ(), s.Clock.Environment()...)
	}
	return startCommand("signet-"+role, s.Records, command)
}

// Serve starts the role and returns when it says that it is ready: on /readyz, or in its log where it listens nowhere.
func (s *Signet) Serve(role string) (*Process, error) {
	process, err := s.Launch(role)
	if err != nil {
		return nil, err
	}
	ready := s.answersReady
	if role == "signer" {
		ready = func() error {
			if !strings.Contains(process.Output(), `"message":"signing"`) {
				return errors.New("not signing yet")
			}
			return nil
		}
	}
	if err := process.waitUntil(readyDeadline, ready); err != nil {
		return nil, errors.Join(err, process.Stop(time.Second))
	}
	return process, nil
}

func (s *Signet) answersReady() error {
	return answersReady(s.ClientTLS(), s.port)
}

// Run runs another of signet's commands to its end, and returns what it printed. An exit code other than 0 is an *exec.ExitError
// with what it complained of.
func (s *Signet) Run(ctx context.Context, args ...string) (string, error) {
	printed, err := exec.CommandContext(ctx, s.binary, args...).Output()
	return string(printed), err
}

// RegisterAt is Register where reviews are sent to that port in place of its own.
func (s *Signet) RegisterAt(ctx context.Context, port int) error {
	other := *s
	other.port = port
	return other.Register(ctx)
}

// Register applies what `signet render webhooks` prints, as an administrator does. The API server takes a moment to hear of
// it: wait for its effect.
func (s *Signet) Register(ctx context.Context) error {
	target := []string{"--url", "https://" + s.Address(), "--ca-bundle", s.in("serving-ca.crt")}
	if s.ServingSecret != "" {
		target = []string{"--url", fmt.Sprintf("https://localhost:%d", s.port)}
	}
	objects, err := s.rendered(ctx, "webhooks", append(target, "--account", s.account.Username())...)
	if err != nil {
		return err
	}
	registrations := s.account.cluster.Admin().AdmissionregistrationV1()
	var validating, mutating int
	for _, object := range objects {
		switch configuration := object.(type) {
		case *admissionv1.ValidatingWebhookConfiguration:
			validating++
			_, err = registrations.ValidatingWebhookConfigurations().Create(ctx, configuration, metav1.CreateOptions{})
		case *admissionv1.MutatingWebhookConfiguration:
			mutating++
			_, err = registrations.MutatingWebhookConfigurations().Create(ctx, configuration, metav1.CreateOptions{})
		default:
			err = fmt.Errorf("signet render webhooks: unexpected %T", object)
		}
		if err != nil {
			return err
		}
	}
	if validating != 1 || mutating != 1 {
		return fmt.Errorf("signet render webhooks: %d validating and %d mutating configurations, not one of each", validating, mutating)
	}
	return nil
}

// AdmissionPolicies are what `signet render admission-policies` prints, with a binding each.
func (s *Signet) AdmissionPolicies(ctx context.Context) (policies []*admissionv1.ValidatingAdmissionPolicy,
	bindings []*admissionv1.ValidatingAdmissionPolicyBinding, err error) {
	objects, err := s.rendered(ctx, "admission-policies", "--namespace", s.account.Namespace)
	if err != nil {
		return nil, nil, err
	}
	for _, object := range objects {
		switch o := object.(type) {
		case *admissionv1.ValidatingAdmissionPolicy:
			policies = append(policies, o)
		case *admissionv1.ValidatingAdmissionPolicyBinding:
			bindings = append(bindings, o)
		default:
			return nil, nil, fmt.Errorf("signet render admission-policies: unexpected %T", object)
		}
	}
	return policies, bindings, nil
}

// rendered is what `signet render` prints of the policy, decoded strictly.
func (s *Signet) rendered(ctx context.Context, what string, args ...string) ([]runtime.Object, error) {
	var printed, complained bytes.Buffer
	render := exec.CommandContext(ctx, s.binary, append([]string{"render", what, "--policy", s.Policy}, args...)...)
	render.Stdout, render.Stderr = &printed, &complained
	if err := render.Run(); err != nil {
		return nil, fmt.Errorf("%v: %w: %s", render.Args, err, complained.String())
	}
	objects, err := decodeStrictly(&printed)
	if err != nil {
		return nil, fmt.Errorf("signet render %s: %w", what, err)
	}
	return objects, nil
}

// IsAsked tells whether the API server asks Signet, and hears from it, about a request that no policy of the lab grants. While
// nobody answers that is an error.
func (c *Cluster) IsAsked(ctx context.Context) (bool, error) {
	object, _, err := Workload("clusterissuers.cert-manager.io/foo", "bar", "thief").Object()
	if err != nil {
		return false, err
	}
	_, err = c.Admin().CertificatesV1().CertificateSigningRequests().Create(ctx, object, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err != nil && strings.Contains(err.Error(), "denied the request: signet: ") {
		return true, nil
	}
	return false, err
}

// Unregister removes Signet's webhook configurations, where there are any.
func (s *Signet) Unregister(ctx context.Context) error {
	registrations := s.account.cluster.Admin().AdmissionregistrationV1()
	absent := func(err error) error {
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	}
	return errors.Join(
		absent(registrations.ValidatingWebhookConfigurations().Delete(ctx, "signet", metav1.DeleteOptions{})),
		absent(registrations.MutatingWebhookConfigurations().Delete(ctx, "signet", metav1.DeleteOptions{})))
}
