package lab

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// SignetNamespace is where the manifests install Signet.
const SignetNamespace = "signet-system"

// servingSecret is where the manifests have the serving certificate, whoever makes it.
const servingSecret = "signet-serving"

// Installation is Signet as README.md installs it from one folder of manifests, with processes in the place of pods.
type Installation struct {
	Objects []runtime.Object // that the folder holds
	Logs    string           // folder of the processes' logs: dir, unless set otherwise

	cluster *Cluster
	project string
	folder  string
	dir     string
	binary  string
	serving *x509.CertPool
	port    int
}

// NewInstallation renders the folder of this project; nothing is applied yet. What the processes need is kept in dir.
func (c *Cluster) NewInstallation(ctx context.Context, folder, dir string) (_ *Installation, err error) {
	i := &Installation{Logs: dir, cluster: c, dir: dir}
	if i.project, err = Project(); err != nil {
		return nil, err
	}
	i.folder = filepath.Join(i.project, folder)
	if i.binary, err = SignetBinary(); err != nil {
		return nil, err
	}
	if i.port, err = freePort(); err != nil {
		return nil, err
	}
	if i.Objects, err = c.render(ctx, i.folder, dir); err != nil {
		return nil, err
	}
	return i, nil
}

func (i *Installation) in(path ...string) string {
	return filepath.Join(append([]string{i.dir}, path...)...)
}

// Policy is the file that the manifests install.
func (i *Installation) Policy() string {
	return filepath.Join(i.project, "manifests", "base", "policy.yaml")
}

// MakeNamespace is the first step: it is there before what is kept in it.
func (i *Installation) MakeNamespace(ctx context.Context) error {
	_, err := i.cluster.Kubectl(ctx, i.dir, "apply", "-f", filepath.Join(i.project, "manifests", "base", "namespace.yaml"))
	return err
}

// Apply lets the API server judge the whole folder before any of it is written.
func (i *Installation) Apply(ctx context.Context) error {
	if _, err := i.cluster.Kubectl(ctx, i.dir, "apply", "--dry-run=server", "-k", i.folder); err != nil {
		return err
	}
	_, err := i.cluster.Kubectl(ctx, i.dir, "apply", "-k", i.folder)
	return err
}

// keepsServing tells whether the folder has Signet make its serving certificate itself.
func (i *Installation) keepsServing() bool {
	return slices.ContainsFunc(i.Objects, func(object runtime.Object) bool {
		secret, is := object.(*corev1.Secret)
		return is && secret.Name == servingSecret
	})
}

// Prepare makes the CAs, and the serving certificate where Signet does not.
func (i *Installation) Prepare(ctx context.Context) error {
	admin, err := i.cluster.WriteAdminKubeconfig(i.in("admin"))
	if err != nil {
		return err
	}
	if _, err := i.run(ctx, i.binary, "ca", "init", "--policy", i.Policy(), "--ca-namespace", SignetNamespace, "--kubeconfig", admin); err != nil {
		return err
	}
	if i.keepsServing() {
		return nil
	}
	if _, err := i.run(ctx, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650",
		"-keyout", i.in("tls.key"), "-out", i.in("tls.crt"), "-subj", "/CN=signet.signet-system.svc",
		"-addext", "subjectAltName=DNS:signet.signet-system.svc,IP:127.0.0.1"); err != nil {
		return err
	}
	if _, err := i.cluster.Kubectl(ctx, i.dir, "create", "secret", "tls", servingSecret, "--namespace", SignetNamespace,
		"--cert", i.in("tls.crt"), "--key", i.in("tls.key")); err != nil {
		return err
	}
	certificate, err := os.ReadFile(i.in("tls.crt"))
	if err != nil {
		return err
	}
	i.serving = x509.NewCertPool()
	i.serving.AppendCertsFromPEM(certificate)
	return nil
}

// Certificate is the CA of that signer, as its Secret has it.
func (i *Installation) Certificate(ctx context.Context, signer string) ([]byte, error) {
	secret, err := i.cluster.Admin().CoreV1().Secrets(SignetNamespace).Get(ctx, signer+"-ca", metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return secret.Data[corev1.TLSCertKey], nil
}

// PublishIssuers copies what is public of the CAs to where the split webhook reads it.
func (i *Installation) PublishIssuers(ctx context.Context, signers ...string) error {
	args := []string{"create", "configmap", "signet-issuers", "--namespace", SignetNamespace}
	for _, signer := range signers {
		certificate, err := i.Certificate(ctx, signer)
		if err != nil {
			return err
		}
		args = append(args, "--from-literal="+signer+".crt="+string(certificate))
	}
	_, err := i.cluster.Kubectl(ctx, i.dir, args...)
	return err
}

// Account is one of those that the manifests make.
func (i *Installation) Account(ctx context.Context, name string) (*Account, error) {
	return i.cluster.ExistingAccount(ctx, SignetNamespace, name)
}

// Ready asks the webhook's /readyz.
func (i *Installation) Ready() error {
	if !i.keepsServing() {
		return answersReady(&tls.Config{RootCAs: i.serving}, i.port)
	}
	secret, err := i.cluster.Admin().CoreV1().Secrets(SignetNamespace).Get(context.Background(), servingSecret, metav1.GetOptions{})
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(secret.Data["ca.crt"])
	return answersReady(&tls.Config{RootCAs: roots, ServerName: "signet." + SignetNamespace + ".svc"}, i.port)
}

func answersReady(trusted *tls.Config, port int) error {
	client := &http.Client{Timeout: readyTimeout,
		Transport: &http.Transport{TLSClientConfig: trusted, DisableKeepAlives: true}}
	response, err := client.Get(fmt.Sprintf("https://127.0.0.1:%d/readyz", port))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if body, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz: %s: %s", response.Status, body)
	}
	return nil
}

// Register applies what is rendered for the account that the manifests give by default. The API server takes a moment to hear
// of it: wait for its effect.
func (i *Installation) Register(ctx context.Context) error {
	printed, err := i.run(ctx, i.binary, "render", "webhooks", "--policy", i.Policy(), "--ca-bundle", i.in("tls.crt"),
		"--url", fmt.Sprintf("https://127.0.0.1:%d", i.port))
	if err != nil {
		return err
	}
	webhooks := i.in("webhooks.yaml")
	if err := writeFile(webhooks, printed); err != nil {
		return err
	}
	_, err = i.cluster.Kubectl(ctx, i.dir, "apply", "--server-side", "-f", webhooks)
	return err
}

// Unregister removes the webhook configurations, where there are any.
func (i *Installation) Unregister(ctx context.Context) error {
	_, err := i.cluster.Kubectl(ctx, i.dir, "delete", "--ignore-not-found",
		"validatingwebhookconfigurations,mutatingwebhookconfigurations", "signet")
	return err
}

// Uninstall removes what the folder holds, where it is there, and the namespace with all that was put into it.
func (i *Installation) Uninstall(ctx context.Context) error {
	_, err := i.cluster.Kubectl(ctx, i.dir, "delete", "-k", i.folder, "--wait=false", "--ignore-not-found")
	return errors.Join(err, i.cluster.DeleteNamespace(ctx, i.dir, SignetNamespace))
}

// run wants the command to succeed and returns what it printed.
func (i *Installation) run(ctx context.Context, name string, args ...string) ([]byte, error) {
	var printed, complained bytes.Buffer
	command := exec.CommandContext(ctx, name, args...)
	command.Stdout, command.Stderr = &printed, &complained
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("%v: %w: %s", command.Args, err, complained.String())
	}
	return printed.Bytes(), nil
}
