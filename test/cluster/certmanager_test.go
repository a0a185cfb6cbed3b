package cluster

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
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
	"k8s.io/apimachinery/pkg/types"

	"signet/test/cluster/lab"
)

// installCertManager installs it until the test ends, with the issuers of the custom-CA task and their CAs.
func installCertManager(t *testing.T) *lab.CertManager {
	t.Helper()
	manager, err := stage.plane.InstallCertManager(patient(t), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The API server takes its time to delete a definition; what else waits here is quick.
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		stopCertManager(t, manager)
		if err := manager.Uninstall(ctx); err != nil {
			t.Error(err)
		}
		if _, err := stage.plane.Kubectl(ctx, t.TempDir(), "delete", "secrets", "--all", "--namespace", lab.CertManagerNamespace); err != nil {
			t.Error(err)
		}
	})
	if err := manager.Start(false); err != nil {
		t.Fatal(err)
	}
	if err := manager.MakeTaskIssuers(patient(t)); err != nil {
		t.Fatal(err)
	}
	stopCertManager(t, manager)
	return manager
}

// runCertManager runs the controllers until the test ends.
func runCertManager(t *testing.T, manager *lab.CertManager, signing bool) {
	t.Helper()
	if err := manager.Start(signing); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("cert-manager's log:\n%s", manager.Process().Output())
		}
		stopCertManager(t, manager)
	})
}

func stopCertManager(t *testing.T, manager *lab.CertManager) {
	t.Helper()
	if err := manager.Stop(); err != nil {
		t.Error(err)
	}
}

// certManagerRoots are the `ca.crt` of the Secrets that cert-manager made, by signer.
func certManagerRoots(t *testing.T) map[string]*x509.Certificate {
	t.Helper()
	roots := map[string]*x509.Certificate{}
	for signer, name := range lab.TaskSecrets {
		secret, err := stage.plane.Admin().CoreV1().Secrets(lab.CertManagerNamespace).Get(patient(t), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		certificates, err := lab.ParsePEM(secret.Data["ca.crt"])
		if err != nil || len(certificates) != 1 {
			t.Fatalf("%s: %d certificates in ca.crt: %v", name, len(certificates), err)
		}
		if secret.Type != corev1.SecretTypeTLS || len(secret.Data) != 3 || secret.Labels["controller.cert-manager.io/fao"] != "true" {
			t.Errorf("%s: type %s, %d values, labels %v", name, secret.Type, len(secret.Data), secret.Labels)
		}
		roots[signer] = certificates[0]
	}
	return roots
}

// expectIssuedUnder wants the leaf to verify under that signer's root and under no other's.
func expectIssuedUnder(t *testing.T, roots map[string]*x509.Certificate, signer string, object *csr) *x509.Certificate {
	t.Helper()
	chain, err := lab.ParsePEM(object.Status.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	for other, root := range roots {
		pool := x509.NewCertPool()
		pool.AddCert(root)
		if _, err := chain[0].Verify(x509.VerifyOptions{Roots: pool}); (err == nil) != (other == signer) {
			t.Errorf("%s's certificate under the root of %s: %v", signer, other, err)
		}
	}
	return chain[0]
}

// One installation for all, because taking the definitions away again is slow.
func TestTheTaskOfCertManager(t *testing.T) {
	manager := installCertManager(t)
	for _, part := range []struct {
		name string
		play func(*testing.T, *lab.CertManager)
	}{
		{"alone, it serves every signer to whoever names it", certManagerAlone},
		{"Signet in its place", signetInCertManagersPlace},
		{"Signet in front of it", signetInFrontOfCertManager},
		{"its own API does not go around", certificatesOfCertManager},
		{"its own API when it is judged", judgedCertificatesOfCertManager},
		{"what it issues contrary to the grant", contraryToTheGrant},
	} {
		t.Run(part.name, func(t *testing.T) { part.play(t, manager) })
	}
}

// The seed of all this: cert-manager as the custom-CA task installs it.
func certManagerAlone(t *testing.T, manager *lab.CertManager) {
	runCertManager(t, manager, true)
	roots := certManagerRoots(t)
	expectIssuedUnder(t, roots, "foo", await(t, approve(t, create(t, lab.Workload(signerFoo, "foo", "httpbin"))), lab.HasCertificate))
	expectIssuedUnder(t, roots, "foo", await(t, approve(t, create(t, thief())), lab.HasCertificate))
}

// Signet signs with the CAs that cert-manager made and keeps, where cert-manager does not sign.
func signetInCertManagersPlace(t *testing.T, manager *lab.CertManager) {
	runCertManager(t, manager, false)
	roots := certManagerRoots(t)
	var signers []string
	rules := lab.SignetRules(allSigners...)
	for signer, secret := range lab.TaskSecrets {
		signers = append(signers, fmt.Sprintf("{name: %s, secretName: %s}", signer, secret))
		rules = append(rules, lab.Rules{{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"}, ResourceNames: []string{secret, secret + "-in-use"}}}...)
	}
	account, err := stage.plane.CreateAccount(patient(t), lab.CertManagerNamespace, "signet", rules)
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := account.WriteKubeconfig(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	binary, err := lab.SignetBinary()
	if err != nil {
		t.Fatal(err)
	}
	cas := []string{"--policy", policyBeside(t, "signers: ["+strings.Join(signers, ", ")+"]"), "--kubeconfig", kubeconfig,
		"--ca-namespace", lab.CertManagerNamespace}

	var printed []struct{ Signer, PEM string }
	output, err := exec.CommandContext(patient(t), binary, append([]string{"ca", "roots", "--output", "json"}, cas...)...).Output()
	if err := errors.Join(err, json.Unmarshal(output, &printed)); err != nil {
		t.Fatal(err)
	}
	if len(printed) != len(roots) {
		t.Errorf("%d roots printed, of %d signers", len(printed), len(roots))
	}
	for _, root := range printed {
		if !bytes.Equal([]byte(root.PEM), lab.PEM(roots[root.Signer])) {
			t.Errorf("the printed root of %s is not cert-manager's", root.Signer)
		}
	}

	process, err := lab.StartProcess("signet", t.TempDir(), binary, append([]string{"serve", "--role", "signer"}, cas...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(process.Kill)
	for namespace, signer := range map[string]string{"foo": signerFoo, "bar": signerBar, "istio-system": signerMesh} {
		object := await(t, approve(t, create(t, lab.Workload(signer, namespace, "httpbin"))), lab.HasCertificate)
		expectIssuedUnder(t, roots, namespace, object)
	}
	await(t, approve(t, create(t, thief())), lab.HasFailed)
	stop(t, process)
}

// guardCertManager runs Signet's webhook, with public certificates alone, before cert-manager until the test ends.
func guardCertManager(t *testing.T, manager *lab.CertManager, fields ...string) *lab.Signet {
	t.Helper()
	policy := policyBeside(t, append(fields, "issuers: ["+manager.Account.Username()+"]")...)
	guard, err := lab.NewSignet(t.TempDir(), policy, stage.signetUser, nil)
	if err != nil {
		t.Fatal(err)
	}
	for signer, root := range certManagerRoots(t) {
		folder := filepath.Join(guard.Dir, "ca-public", signer)
		if err := errors.Join(os.MkdirAll(folder, 0o700), os.WriteFile(filepath.Join(folder, "tls.crt"), lab.PEM(root), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	process, err := guard.Serve("webhook")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop(t, process)
		if t.Failed() {
			t.Logf("signet's log:\n%s", process.Output())
		}
	})
	return guard
}

func registerGuard(t *testing.T, guard *lab.Signet) {
	t.Helper()
	t.Cleanup(func() { unregister(t) })
	if err := guard.Register(patient(t)); err != nil {
		t.Fatal(err)
	}
	awaitWebhooks(t, true)
}

const (
	annotatedDuration = "experimental.cert-manager.io/request-duration"
	annotatedCA       = "experimental.cert-manager.io/request-is-ca"
)

// annotated is foo's good request, created by istiod with an annotation.
func annotated(t *testing.T, key, value string) (*csr, error) {
	t.Helper()
	object, _, err := lab.Workload(signerFoo, "foo", "httpbin").Object()
	if err != nil {
		t.Fatal(err)
	}
	object.Annotations = map[string]string{key: value}
	requests := stage.istiodUser.Client().CertificatesV1().CertificateSigningRequests()
	created, err := requests.Create(patient(t), object, metav1.CreateOptions{})
	if err == nil {
		t.Cleanup(func() { discard(t, created.Name) })
	}
	return created, err
}

// Where cert-manager signs, what it signs has been granted by Signet first.
func signetInFrontOfCertManager(t *testing.T, manager *lab.CertManager) {
	roots := certManagerRoots(t)
	guard := guardCertManager(t, manager)
	registerGuard(t, guard)
	runCertManager(t, manager, true)

	t.Run("what is granted is published, for no longer than the tenant may", func(t *testing.T) {
		for _, lifetime := range []time.Duration{time.Hour, 720 * time.Hour, 0} {
			request := lab.Workload(signerFoo, "foo", "httpbin")
			request.Lifetime = lifetime
			began := time.Now().Truncate(time.Second)
			leaf := expectIssuedUnder(t, roots, "foo", await(t, approve(t, create(t, request)), lab.HasCertificate))
			granted := lifetime
			if lifetime == 0 || lifetime > 24*time.Hour {
				granted = 24 * time.Hour
			}
			expectBetween(t, "notAfter", leaf.NotAfter, began.Add(granted), time.Now().Add(granted))
		}
	})
	t.Run("bar may not ask for foo", func(t *testing.T) {
		_, _, err := stage.istiod.Create(patient(t), thief())
		expectRefused(t, err, "SignerNotAllowed")
	})
	for annotation, c := range map[string]struct{ value, reason string }{
		annotatedDuration: {"48h", "DurationTooLong"},
		annotatedCA:       {"true", "CaRequested"},
	} {
		t.Run(annotation+" at CREATE", func(t *testing.T) {
			_, err := annotated(t, annotation, c.value)
			expectRefused(t, err, c.reason)
		})
		t.Run(annotation+" after approval", func(t *testing.T) {
			object := approve(t, create(t, lab.Workload(signerFoo, "foo", "httpbin")))
			patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, annotation, c.value)
			_, err := stage.forger.CertificatesV1().CertificateSigningRequests().Patch(patient(t), object.Name,
				types.MergePatchType, patch, metav1.PatchOptions{})
			expectRefused(t, err, c.reason)
		})
	}
}

// A certificate that cert-manager has issued contrary to the grant is stopped where it is written; cert-manager tries again and does not
// say Failed.
func contraryToTheGrant(t *testing.T, manager *lab.CertManager) {
	guard := guardCertManager(t, manager)
	contrary := map[string]*csr{}
	// Nobody guards yet.
	for annotation, value := range map[string]string{annotatedDuration: "48h", annotatedCA: "true"} {
		object, err := annotated(t, annotation, value)
		if err != nil {
			t.Fatal(err)
		}
		contrary[annotation] = approve(t, object)
	}
	contrary["bar's pod, foo's signer"] = approve(t, create(t, thief()))
	registerGuard(t, guard)
	rotated := approve(t, create(t, lab.Workload(signerFoo, "foo", "httpbin")))
	contrary["a CA that Signet does not know"] = rotated

	// cert-manager makes a new CA with a new key for foo, as it does at renewal.
	secrets := stage.plane.Admin().CoreV1().Secrets(lab.CertManagerNamespace)
	if err := secrets.Delete(patient(t), lab.TaskSecrets["foo"], metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	runCertManager(t, manager, true)
	refusals := map[string]string{
		annotatedDuration: "DurationTooLong", annotatedCA: "CaRequested", "bar's pod, foo's signer": "SignerNotAllowed",
		"a CA that Signet does not know": "CertificateNotAllowed",
	}
	for name, object := range contrary {
		t.Run(name, func(t *testing.T) {
			expectLoggedAgain(t, manager, "signet: "+refusals[name]+": ")
			if seen := current(t, object.Name); lab.IsSettled(seen) {
				t.Errorf("certificate %q, conditions %+v", seen.Status.Certificate, seen.Status.Conditions)
			}
		})
	}
}

// expectLoggedAgain waits for cert-manager's word, twice: of a refused status it leaves no event at the request.
func expectLoggedAgain(t *testing.T, manager *lab.CertManager, text string) {
	t.Helper()
	eventually(t, func() error {
		if said := strings.Count(manager.Process().Output(), text); said < 2 {
			return fmt.Errorf("cert-manager said %q %d times, not twice", text, said)
		}
		return nil
	})
}
