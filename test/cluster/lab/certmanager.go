package lab

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// CertManagerNamespace is where cert-manager is installed and keeps the CAs of ClusterIssuers.
const CertManagerNamespace = "cert-manager"

// CertManager is the real one on a control plane: its CustomResourceDefinitions, its service account, and its controllers as a
// process.
type CertManager struct {
	Account *Account

	plane      *ControlPlane
	dir        string
	binary     string
	kubeconfig string
	process    *Process
}

// InstallCertManager applies the definitions that belong to the program and makes the account. The controllers are not started
// yet. Logs are kept in dir.
func (c *ControlPlane) InstallCertManager(ctx context.Context, dir string) (*CertManager, error) {
	m := &CertManager{plane: c, dir: dir}
	var err error
	if m.binary, err = builtProgram("cert-manager"); err != nil {
		return nil, err
	}
	if m.binary, err = filepath.EvalSymlinks(m.binary); err != nil {
		return nil, err
	}
	if _, err := c.Kubectl(ctx, dir, "apply", "--server-side", "-f", m.definitions()); err != nil {
		return nil, err
	}
	if _, err := c.Kubectl(ctx, dir, "wait", "--for=condition=Established", "-f", m.definitions()); err != nil {
		return nil, err
	}
	m.Account, err = c.CreateAccount(ctx, CertManagerNamespace, "cert-manager", certManagerRules())
	if apierrors.IsAlreadyExists(err) {
		m.Account, err = c.ExistingAccount(ctx, CertManagerNamespace, "cert-manager")
	}
	if err != nil {
		return nil, err
	}
	m.kubeconfig, err = m.Account.WriteKubeconfig(filepath.Join(dir, "cert-manager-account"))
	return m, err
}

func (m *CertManager) definitions() string { return filepath.Join(filepath.Dir(m.binary), "crds") }

// Uninstall takes the definitions away, and with them everything of their kinds. Secrets stay.
func (m *CertManager) Uninstall(ctx context.Context) error {
	if _, err := m.plane.Kubectl(ctx, m.dir, "delete", "--ignore-not-found", "--wait=false", "-f", m.definitions()); err != nil {
		return err
	}
	_, err := m.plane.Kubectl(ctx, m.dir, "wait", "--for=delete", "--timeout=2m", "-f", m.definitions())
	return err
}

// Start runs the controllers; those that sign CertificateSigningRequests only where signing says so.
func (m *CertManager) Start(signing bool) (err error) {
	arguments := []string{"--kubeconfig", m.kubeconfig, "--cluster-resource-namespace", CertManagerNamespace}
	if signing {
		arguments = append(arguments, "--feature-gates", "ExperimentalCertificateSigningRequestControllers=true")
	}
	if m.process, err = StartProcess("cert-manager", m.dir, m.binary, arguments...); err != nil {
		return err
	}
	err = m.process.waitUntil(time.Minute, func() error {
		if !strings.Contains(m.process.Output(), "controllers are running") {
			return errors.New("its controllers are not running")
		}
		return nil
	})
	if err != nil {
		return errors.Join(err, m.Stop())
	}
	return nil
}

// TaskSecrets are those of the CAs that Istio's custom-CA task has cert-manager make, by signer.
var TaskSecrets = map[string]string{"foo": "foo-ca-selfsigned", "bar": "bar-ca-selfsigned", "istio-system": "istio-ca-selfsigned"}

// MakeTaskIssuers applies the task's file as it stands and returns when its CA issuers are ready.
func (m *CertManager) MakeTaskIssuers(ctx context.Context) error {
	project, err := Project()
	if err != nil {
		return err
	}
	file := filepath.Join(project, "test", "testdata", "certmanager", "selfsigned-issuer.yaml")
	if _, err := m.plane.Kubectl(ctx, m.dir, "apply", "-f", file); err != nil {
		return err
	}
	_, err = m.plane.Kubectl(ctx, m.dir, "wait", "--for=condition=Ready", "--timeout=60s",
		"clusterissuers/foo", "clusterissuers/bar", "clusterissuers/istio-system")
	return err
}

// MakeIssuers makes a CA ClusterIssuer of each name with that CA's key. WaitForIssuers, once the controllers run.
func (m *CertManager) MakeIssuers(ctx context.Context, authorities map[string]*Authority) error {
	for name, authority := range authorities {
		dir := filepath.Join(m.dir, "issuers", name)
		if err := authority.WriteTo(dir); err != nil {
			return err
		}
		if _, err := m.plane.Kubectl(ctx, m.dir, "create", "secret", "tls", name+"-ca", "--namespace", CertManagerNamespace,
			"--cert", filepath.Join(dir, "tls.crt"), "--key", filepath.Join(dir, "tls.key")); err != nil {
			return err
		}
		file := filepath.Join(dir, "issuer.yaml")
		if err := writeFile(file, fmt.Appendf(nil, "{apiVersion: cert-manager.io/v1, kind: ClusterIssuer, metadata: {name: %s}, spec: {ca: {secretName: %s-ca}}}\n",
			name, name)); err != nil {
			return err
		}
		if _, err := m.plane.Kubectl(ctx, m.dir, "apply", "-f", file); err != nil {
			return err
		}
	}
	return nil
}

// WaitForIssuers returns when every ClusterIssuer is ready.
func (m *CertManager) WaitForIssuers(ctx context.Context) error {
	_, err := m.plane.Kubectl(ctx, m.dir, "wait", "--for=condition=Ready", "--timeout=60s", "clusterissuers", "--all")
	return err
}

// Process is the controllers', once started.
func (m *CertManager) Process() *Process { return m.process }

// Stop ends the controllers; what they manage stays.
func (m *CertManager) Stop() error { return m.process.Stop(20 * time.Second) }

// certManagerRules is what cert-manager's chart grants the controllers that run here.
func certManagerRules() Rules {
	const group = "cert-manager.io"
	return Rules{
		{APIGroups: []string{group}, Resources: []string{"issuers", "clusterissuers", "certificates", "certificaterequests"},
			Verbs: []string{"get", "list", "watch", "update", "patch"}},
		{APIGroups: []string{group}, Resources: []string{"issuers/status", "clusterissuers/status", "certificates/status", "certificaterequests/status"},
			Verbs: []string{"update", "patch"}},
		{APIGroups: []string{group}, Resources: []string{"certificaterequests"}, Verbs: []string{"create", "delete"}},
		{APIGroups: []string{group}, Resources: []string{"signers"}, Verbs: []string{"approve"}},
		{APIGroups: []string{""}, Resources: []string{"secrets"},
			Verbs: []string{"get", "list", "watch", "create", "update", "delete", "patch"}},
		{APIGroups: []string{""}, Resources: []string{"events"}, Verbs: []string{"create", "patch"}},
		{APIGroups: []string{csrGroup}, Resources: []string{"certificatesigningrequests"}, Verbs: []string{"get", "list", "watch", "update"}},
		{APIGroups: []string{csrGroup}, Resources: []string{"certificatesigningrequests/status"}, Verbs: []string{"update", "patch"}},
		{APIGroups: []string{csrGroup}, Resources: []string{"signers"}, ResourceNames: []string{"clusterissuers.cert-manager.io/*"}, Verbs: []string{"sign"}},
	}
}
