package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// CustomCATask is Istio's task for CAs behind the Kubernetes CSR API, set up: cert-manager with the issuers that the task has it
// make, Istio as Signet renders it for them, the namespaces foo and bar, and a Signet with the same CAs. Nothing of it runs, and
// no webhook of Signet is registered.
type CustomCATask struct {
	CertManager *CertManager
	Istio       *Istio
	Signet      *Signet
	Authorities map[string]*Authority // by signer

	plane *ControlPlane
	dir   string
}

const signerDomain = "clusterissuers.cert-manager.io"

// SetUpCustomCATask keeps state and logs in dir.
func (c *ControlPlane) SetUpCustomCATask(ctx context.Context, dir string) (*CustomCATask, error) {
	t := &CustomCATask{plane: c, dir: dir}
	project, err := Project()
	if err != nil {
		return nil, err
	}
	if err := t.makeIssuers(ctx); err != nil {
		return nil, err
	}
	var signers []string
	for signer := range TaskSecrets {
		signers = append(signers, signerDomain+"/"+signer)
	}
	account, err := c.CreateAccount(ctx, "signet", "signet", SignetRules(signers...))
	if err != nil {
		return nil, err
	}
	policy := filepath.Join(project, "test", "testdata", "mesh", "policy.yaml")
	if t.Signet, err = NewSignet(filepath.Join(dir, "signet"), policy, account, t.Authorities); err != nil {
		return nil, err
	}
	operator, err := t.Render(ctx, "istio-operator", "--ca-dir", filepath.Join(t.Signet.Dir, "ca-public"))
	if err != nil {
		return nil, err
	}
	if t.Istio, err = c.InstallIstio(ctx, filepath.Join(dir, "istio"), operator); err != nil {
		return nil, err
	}
	for namespace, accounts := range map[string][]string{"foo": {"curl", "httpbin"}, "bar": {"httpbin", "thief"}} {
		if err := c.MakeInjectedNamespace(ctx, namespace, accounts...); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// makeIssuers has cert-manager make the CAs of the task, and stops it.
func (t *CustomCATask) makeIssuers(ctx context.Context) (err error) {
	dir := filepath.Join(t.dir, "cert-manager")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if t.CertManager, err = t.plane.InstallCertManager(ctx, dir); err != nil {
		return err
	}
	if err := t.CertManager.Start(false); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.CertManager.Stop()) }()
	if err := t.CertManager.MakeTaskIssuers(ctx); err != nil {
		return err
	}
	t.Authorities = map[string]*Authority{}
	for signer, name := range TaskSecrets {
		secret, err := t.plane.Admin().CoreV1().Secrets(CertManagerNamespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if t.Authorities[signer], err = ParseRoot(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// Render writes what `signet render WHAT` prints for Signet's policy to a file.
func (t *CustomCATask) Render(ctx context.Context, what string, arguments ...string) (string, error) {
	binary, err := SignetBinary()
	if err != nil {
		return "", err
	}
	command := exec.CommandContext(ctx, binary, append([]string{"render", what, "--policy", t.Signet.Policy}, arguments...)...)
	var complained strings.Builder
	command.Stderr = &complained
	printed, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%v: %w: %s", command.Args, err, complained.String())
	}
	file := filepath.Join(t.dir, what+".yaml")
	return file, writeFile(file, printed)
}

// ApplyProxyConfigs applies what Signet renders, as it comes out, and waits until injection has heard of it. istiod must run.
func (t *CustomCATask) ApplyProxyConfigs(ctx context.Context) error {
	file, err := t.Render(ctx, "proxyconfigs")
	if err != nil {
		return err
	}
	if _, err := t.plane.Kubectl(ctx, t.dir, "apply", "-f", file); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for _, namespace := range []string{"foo", "bar"} {
		if err := Until(ctx, func() error {
			signer, err := t.Istio.InjectedSigner(ctx, PodOf(namespace, "httpbin"))
			if err == nil && signer != namespace {
				err = fmt.Errorf("pods of %s are told to ask signer %q", namespace, signer)
			}
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// RemoveProxyConfigs removes those that ApplyProxyConfigs applied.
func (t *CustomCATask) RemoveProxyConfigs(ctx context.Context) error {
	_, err := t.plane.Kubectl(ctx, t.dir, "delete", "-f", filepath.Join(t.dir, "proxyconfigs.yaml"))
	return err
}

// GuardCertManager is Signet with a policy that leaves the signing to cert-manager, at the same address.
func (t *CustomCATask) GuardCertManager() (*Signet, error) {
	text, err := os.ReadFile(t.Signet.Policy)
	if err != nil {
		return nil, err
	}
	guard := *t.Signet
	guard.Policy = filepath.Join(t.dir, "guard-policy.yaml")
	return &guard, writeFile(guard.Policy, append(text, "  issuers: ["+t.CertManager.Account.Username()+"]\n"...))
}
