// Package cluster tests Signet against a real API server: what it admits, signs, refuses and records.
package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"signet/test/cluster/lab"
)

const (
	domain     = "clusterissuers.cert-manager.io"
	signerFoo  = domain + "/foo"
	signerBar  = domain + "/bar"
	signerMesh = domain + "/istio-system"
	// Longer than anything takes, shorter than anyone waits.
	patience = 20 * time.Second
)

var allSigners = []string{signerFoo, signerBar, signerMesh}

// stage is what all tests share. Signet and its webhooks are not running between tests: each test says what it needs.
var stage struct {
	plane       *lab.ControlPlane
	signet      *lab.Signet
	signetUser  *lab.Account
	istiod      *lab.IstiodStandIn
	istiodUser  *lab.Account
	forger      *kubernetes.Clientset // may do to requests whatever RBAC can grant
	authorities map[string]*lab.Authority
}

func TestMain(m *testing.M) {
	lab.BecomeConfined()
	lab.BeCrowd()
	code := lab.RunOnStage("signet-cluster-", setStage, m.Run, func() error { return stage.plane.Stop() })
	printFindings()
	os.Exit(code)
}

func setStage(dir string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	project, err := lab.Project()
	if err != nil {
		return err
	}
	if stage.plane, err = lab.StartControlPlane(dir); err != nil {
		return err
	}
	if stage.signetUser, err = stage.plane.CreateAccount(ctx, "signet", "signet",
		slices.Concat(lab.SignetRules(allSigners...), lab.LabelRules(), lab.LeaseRules())); err != nil {
		return err
	}
	if stage.istiodUser, err = stage.plane.CreateAccount(ctx, "istio-system", "istiod", lab.IstiodRules(domain)); err != nil {
		return err
	}
	stage.istiod = lab.NewIstiodStandIn(stage.istiodUser.Client())
	forger, err := stage.plane.CreateAccount(ctx, "bar", "forger", lab.ForgerRules(domain, "example.com"))
	if err != nil {
		return err
	}
	stage.forger = forger.Client()

	stage.authorities = map[string]*lab.Authority{}
	for _, signer := range []string{"foo", "bar", "istio-system"} {
		if stage.authorities[signer], err = lab.NewRoot(signer + " root"); err != nil {
			return err
		}
	}
	// One tenant's CA is an intermediate, so that chains are longer than one.
	if stage.authorities["bar"], err = stage.authorities["bar"].NewIntermediate("bar issuing"); err != nil {
		return err
	}
	stage.signet, err = lab.NewSignet(filepath.Join(dir, "signet"), filepath.Join(project, "test", "testdata", "policy.yaml"),
		stage.signetUser, stage.authorities)
	return err
}

// patient is a context that ends the test in time.
func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// serve runs Signet until the test ends, when SIGTERM must end it with exit code 0.
func serve(t *testing.T, role string) *lab.Process {
	t.Helper()
	process, err := stage.signet.Serve(role)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		select {
		case <-process.Exited(): // the test ended it
			return
		default:
		}
		stop(t, process)
		if t.Failed() {
			t.Logf("signet's log:\n%s", process.Output())
		}
	})
	return process
}

// stop wants SIGTERM to end the process soon and in order.
func stop(t *testing.T, process *lab.Process) {
	t.Helper()
	if err := process.Stop(10 * time.Second); err != nil {
		t.Error(err)
	} else if process.ExitCode() != 0 {
		t.Errorf("after SIGTERM: %s\n%s", process.Ending(), process.Output())
	}
}

// register puts the webhooks before the API server until the test ends.
func register(t *testing.T) {
	t.Helper()
	t.Cleanup(func() { unregister(t) })
	if err := stage.signet.Register(patient(t)); err != nil {
		t.Fatal(err)
	}
	awaitWebhooks(t, true)
}

func unregister(t *testing.T) {
	t.Helper()
	if err := stage.signet.Unregister(context.Background()); err != nil {
		t.Fatal(err)
	}
	awaitWebhooks(t, false)
}

// awaitWebhooks asks, without a trace, until the API server calls the webhooks (or does not).
func awaitWebhooks(t *testing.T, registered bool) {
	t.Helper()
	eventually(t, func() error {
		_, refused := dryRun(t, thief())
		open := lab.Workload(signerFoo, "foo", "httpbin")
		open.Lifetime = 0
		admitted, err := dryRun(t, open)
		mutates := err == nil && admitted.Spec.ExpirationSeconds != nil
		if (refused != nil) == registered && err == nil && mutates == registered {
			return nil
		}
		return fmt.Errorf("want webhooks registered: %v; the thief: %v; a good request: mutated %v, %v", registered, refused, mutates, err)
	})
}

// eventually calls succeed until it does, or the test fails with its last error.
func eventually(t *testing.T, succeed func() error) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err := succeed()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func dryRun(t *testing.T, request lab.Request) (*certificatesv1.CertificateSigningRequest, error) {
	t.Helper()
	object, _, err := request.Object()
	if err != nil {
		t.Fatal(err)
	}
	return stage.istiodUser.Client().CertificatesV1().CertificateSigningRequests().Create(
		context.Background(), object, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
}

// thief is bar's identity that names foo's signer.
func thief() lab.Request { return lab.Workload(signerFoo, "bar", "thief") }

// create submits the request as istiod and deletes it after the test.
func create(t *testing.T, request lab.Request) *certificatesv1.CertificateSigningRequest {
	t.Helper()
	object, _, err := stage.istiod.Create(patient(t), request)
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	t.Cleanup(func() {
		if err := stage.istiod.Delete(context.Background(), object.Name); err != nil && !apierrors.IsNotFound(err) {
			t.Errorf("clean up: %v", err)
		}
	})
	return object
}

func approve(t *testing.T, object *certificatesv1.CertificateSigningRequest) *certificatesv1.CertificateSigningRequest {
	t.Helper()
	approved, err := stage.istiod.Approve(patient(t), object)
	if err != nil {
		t.Fatalf("approve: %v", err)
	}
	return approved
}

func await(t *testing.T, object *certificatesv1.CertificateSigningRequest,
	wished func(*certificatesv1.CertificateSigningRequest) bool) *certificatesv1.CertificateSigningRequest {
	t.Helper()
	seen, err := stage.istiod.WaitFor(patient(t), object, wished)
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

func current(t *testing.T, name string) *certificatesv1.CertificateSigningRequest {
	t.Helper()
	object, err := stage.forger.CertificatesV1().CertificateSigningRequests().Get(patient(t), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return object
}

// expectRefused wants Signet's own refusal, with that reason code first.
func expectRefused(t *testing.T, err error, reason string) {
	t.Helper()
	if err == nil {
		t.Fatalf("admitted; want %s", reason)
	}
	if _, message, found := strings.Cut(err.Error(), "denied the request: "); !found || !strings.HasPrefix(message, "signet: "+reason+": ") {
		t.Fatalf("got %q; want signet: %s", err, reason)
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		t.Fatalf("not an API status: %v", err)
	}
	if s := status.Status(); s.Code != 403 || string(s.Reason) != reason {
		t.Errorf("code %d, reason %q; want 403, %q", s.Code, s.Reason, reason)
	}
}

// policyBeside is the stage's policy with more fields of spec, in a file; those that begin with "- {" are tenants, with "- "
// requesters.
func policyBeside(t *testing.T, fields ...string) string {
	t.Helper()
	text, err := os.ReadFile(stage.signet.Policy)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "policy.yaml")
	for _, field := range fields {
		if strings.HasPrefix(field, "- {") {
			text = bytes.Replace(text, []byte("\n  tenants:\n"), []byte("\n  tenants:\n  "+field+"\n"), 1)
		} else if strings.HasPrefix(field, "- ") {
			text = bytes.Replace(text, []byte("\n  - self"), []byte("\n  "+field+"\n  - self"), 1)
		} else {
			text = append(text, "  "+field+"\n"...)
		}
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// withPolicy has Signet served with these fields added to the policy's spec until the test ends.
func withPolicy(t *testing.T, fields ...string) {
	t.Helper()
	before := stage.signet
	other := *before
	other.Policy = policyBeside(t, fields...)
	stage.signet = &other
	t.Cleanup(func() { stage.signet = before })
}
