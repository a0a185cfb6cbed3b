// Package mesh tests Signet in a mesh: a real istiod, its injection, pilot-agents and Envoys.
package mesh

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"signet/test/cluster/lab"
)

const (
	domain     = "clusterissuers.cert-manager.io"
	signerFoo  = domain + "/foo"
	signerBar  = domain + "/bar"
	signerMesh = domain + "/istio-system"
	// Longer than anything takes, shorter than anyone waits.
	patience = 90 * time.Second
)

// stage is what all tests share: a control plane with cert-manager and the issuers that the custom-CA task has it make, and with
// Istio installed as Signet renders it for them. Nothing is running between tests, and no webhook of Signet is registered.
var stage struct {
	dir         string
	plane       *lab.ControlPlane
	certManager *lab.CertManager
	istio       *lab.Istio
	signet      *lab.Signet
	authorities map[string]*lab.Authority
}

// The Secrets of the task's CAs, by signer.
var secrets = map[string]string{"foo": "foo-ca-selfsigned", "bar": "bar-ca-selfsigned", "istio-system": "istio-ca-selfsigned"}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "signet-mesh-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := 1
	err = setStage(dir)
	if err == nil {
		code = m.Run()
	}
	if err = errors.Join(err, stage.plane.Stop()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if code != 0 {
		fmt.Fprintln(os.Stderr, "logs are in", dir)
	} else if err = os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return code
}

func setStage(dir string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	stage.dir = dir
	project, err := lab.Project()
	if err != nil {
		return err
	}
	if stage.plane, err = lab.StartControlPlane(dir); err != nil {
		return err
	}
	account, err := stage.plane.CreateAccount(ctx, "signet", "signet", lab.SignetRules(signerFoo, signerBar, signerMesh))
	if err != nil {
		return err
	}
	if err := makeIssuers(ctx, filepath.Join(project, "test", "testdata", "certmanager", "selfsigned-issuer.yaml")); err != nil {
		return err
	}
	policy := filepath.Join(project, "test", "testdata", "mesh", "policy.yaml")
	if stage.signet, err = lab.NewSignet(filepath.Join(dir, "signet"), policy, account, stage.authorities); err != nil {
		return err
	}
	operator, err := render(ctx, "istio-operator", "--ca-dir", filepath.Join(stage.signet.Dir, "ca-public"))
	if err != nil {
		return err
	}
	if stage.istio, err = stage.plane.InstallIstio(ctx, filepath.Join(dir, "istio"), operator); err != nil {
		return err
	}
	for namespace, accounts := range map[string][]string{"foo": {"curl", "httpbin"}, "bar": {"httpbin", "thief"}} {
		if err := stage.plane.MakeNamespace(ctx, namespace, accounts...); err != nil {
			return err
		}
	}
	return nil
}

// makeIssuers has cert-manager make the CAs of the task, and stops it.
func makeIssuers(ctx context.Context, file string) (err error) {
	dir := filepath.Join(stage.dir, "cert-manager")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if stage.certManager, err = stage.plane.InstallCertManager(ctx, dir); err != nil {
		return err
	}
	if err := stage.certManager.Start(false); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stage.certManager.Stop()) }()
	if _, err := stage.plane.Kubectl(ctx, dir, "apply", "-f", file); err != nil {
		return err
	}
	if _, err := stage.plane.Kubectl(ctx, dir, "wait", "--for=condition=Ready", "--timeout=60s",
		"clusterissuers/foo", "clusterissuers/bar", "clusterissuers/istio-system"); err != nil {
		return err
	}
	stage.authorities = map[string]*lab.Authority{}
	for signer, name := range secrets {
		secret, err := stage.plane.Admin().CoreV1().Secrets(lab.CertManagerNamespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if stage.authorities[signer], err = lab.ParseRoot(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// render writes what `signet render WHAT` prints for the stage's policy to a file.
func render(ctx context.Context, what string, arguments ...string) (string, error) {
	binary, err := lab.SignetBinary()
	if err != nil {
		return "", err
	}
	file := filepath.Join(stage.dir, what+".yaml")
	command := exec.CommandContext(ctx, binary, append([]string{"render", what, "--policy", stage.signet.Policy}, arguments...)...)
	var complained strings.Builder
	command.Stderr = &complained
	printed, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%v: %w: %s", command.Args, err, complained.String())
	}
	return file, os.WriteFile(file, printed, 0o600)
}

func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func eventually(t *testing.T, try func() error) {
	t.Helper()
	over := time.Now().Add(patience)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(over) {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// guarded runs a mesh whose signers are guarded by Signet until the test ends: serve, registered, istiod, in that order, because
// istiod's own certificate is the first that is asked for.
func guarded(t *testing.T, role string) *lab.Process {
	t.Helper()
	process := serve(t, role)
	register(t)
	startIstio(t)
	return process
}

// serve runs Signet until the test ends.
func serve(t *testing.T, role string) *lab.Process {
	t.Helper()
	process, err := stage.signet.Serve(role)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("signet's log:\n%s", process.Output())
		}
		if err := process.Stop(20 * time.Second); err != nil {
			t.Error(err)
		}
	})
	return process
}

// register has the API server ask Signet until the test ends; it returns when it does.
func register(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		if err := stage.signet.Unregister(context.Background()); err != nil {
			t.Error(err)
		}
		eventually(t, func() error { return asksSignet(t, false) })
	})
	if err := stage.signet.Register(patient(t)); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { return asksSignet(t, true) })
}

// asksSignet wants the API server to ask Signet, or not to.
func asksSignet(t *testing.T, wanted bool) error {
	object, _, err := lab.Workload(signerFoo, "bar", "thief").Object()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err = stage.plane.Admin().CertificatesV1().CertificateSigningRequests().Create(ctx, object, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	asked := err != nil && strings.Contains(err.Error(), ".signet\"")
	if asked != wanted {
		return fmt.Errorf("the API server asks Signet: %v; want %v (%v)", asked, wanted, err)
	}
	return nil
}

// startIstio runs istiod until the test ends.
func startIstio(t *testing.T, variables ...string) {
	t.Helper()
	t.Cleanup(func() {
		if err := stage.istio.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := stage.istio.Start(patient(t), variables...); err != nil {
		t.Fatal(err)
	}
}
