package cluster

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"

	"signet/test/cluster/lab"
)

const caNamespace = "cas"

var caSecrets = []string{"bar-ca", "foo-ca", "istio-system-ca"}

// From an empty namespace to a certificate: what `signet ca init` makes is made once, what is there stays as it is, and
// accounts with no more than they need make it, print its roots and serve from it.
func TestCAsAsSecretsAreMadeOnceAndServed(t *testing.T) {
	secretRule := func(verb string, names ...string) lab.Rules {
		return lab.Rules{{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{verb}, ResourceNames: names}}
	}
	installer := caAccount(t, "installer", secretRule("create"))
	server := caAccount(t, "server", append(secretRule("get", append(inUse(caSecrets...), caSecrets...)...), lab.SignetRules(allSigners...)...))
	secrets := stage.plane.Admin().CoreV1().Secrets(caNamespace)

	expectSignet(t, 2, "is forbidden", caSecrets, server, "ca", "init")
	expectSecrets(t, secrets)

	mine := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "bar-ca"}, Data: map[string][]byte{"tls.key": []byte("mine")}}
	if _, err := secrets.Create(patient(t), mine, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	expectSignet(t, 1, "already exists", caSecrets[:1], installer, "ca", "init")
	if kept := expectSecrets(t, secrets, "bar-ca")[0]; string(kept.Data["tls.key"]) != "mine" {
		t.Errorf("somebody's Secret has now %v", kept.Data)
	}
	expectSignet(t, 0, "", nil, installer, "ca", "init", "--signer", "foo", "--key", "RSA-2048")
	expectSecrets(t, secrets, "bar-ca", "foo-ca")
	for _, name := range []string{"bar-ca", "foo-ca"} {
		if err := secrets.Delete(patient(t), name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}

	expectSignet(t, 0, "", nil, installer, "ca", "init")
	made := expectSecrets(t, secrets, caSecrets...)
	expectSignet(t, 1, "already exists", caSecrets, installer, "ca", "init")
	for i, secret := range expectSecrets(t, secrets, caSecrets...) {
		if secret.ResourceVersion != made[i].ResourceVersion {
			t.Errorf("%s was written again", secret.Name)
		}
		// What cert-manager's CA issuer wants of a Secret.
		if secret.Type != corev1.SecretTypeTLS || len(secret.Data) != 3 || secret.Labels["app.kubernetes.io/managed-by"] != "signet" {
			t.Errorf("%s: type %s, %d values, labels %v", secret.Name, secret.Type, len(secret.Data), secret.Labels)
		}
		if !bytes.Equal(secret.Data["ca.crt"], secret.Data["tls.crt"]) {
			t.Errorf("%s: its CA is not its own root", secret.Name)
		}
	}

	roots := printedRoots(t, server)
	process := serveFromSecrets(t, server)
	seen := await(t, approve(t, create(t, lab.Workload(signerFoo, "foo", "httpbin"))), lab.HasCertificate)
	chain, err := lab.ParsePEM(seen.Status.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	for signerName, root := range roots {
		pool := x509.NewCertPool()
		pool.AddCert(root)
		_, err := chain[0].Verify(x509.VerifyOptions{Roots: pool})
		if (err == nil) != (signerName == signerFoo) {
			t.Errorf("foo's certificate under the root of %s: %v", signerName, err)
		}
	}
	stop(t, process)
}

// inUse are the names of the Secrets that record which CA is in use.
func inUse(secrets ...string) (records []string) {
	for _, name := range secrets {
		records = append(records, name+"-in-use")
	}
	return records
}

// caAccount is the kubeconfig of a new account.
func caAccount(t *testing.T, name string, rules lab.Rules) string {
	t.Helper()
	account, err := stage.plane.CreateAccount(patient(t), caNamespace, name, rules)
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := account.WriteKubeconfig(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return kubeconfig
}

// expectSignet runs a command on the namespace and wants that exit code, and on stderr one line for each of the Secrets
// that says why. It returns what was printed.
func expectSignet(t *testing.T, code int, why string, about []string, kubeconfig string, args ...string) []byte {
	t.Helper()
	binary, err := lab.SignetBinary()
	if err != nil {
		t.Fatal(err)
	}
	args = append(args, "--policy", stage.signet.Policy, "--kubeconfig", kubeconfig, "--ca-namespace", caNamespace)
	command := exec.CommandContext(patient(t), binary, args...)
	var printed, complained bytes.Buffer
	command.Stdout, command.Stderr = &printed, &complained
	var exit *exec.ExitError
	if err := command.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if got := command.ProcessState.ExitCode(); got != code {
		t.Fatalf("%v: exit code %d, not %d: %s%s", args, got, code, printed.String(), complained.String())
	}
	named := 0
	for _, line := range strings.Split(complained.String(), "\n") {
		for _, secret := range about {
			if strings.Contains(line, "Secret "+caNamespace+"/"+secret+": ") && strings.Contains(line, why) {
				named++
			}
		}
	}
	if named != len(about) {
		t.Errorf("%v: %d Secrets are named with %q, not %v:\n%s", args, named, why, about, complained.String())
	}
	return printed.Bytes()
}

// expectSecrets wants these in the namespace, sorted, and no others.
func expectSecrets(t *testing.T, secrets typedcorev1.SecretInterface, names ...string) []corev1.Secret {
	t.Helper()
	list, err := secrets.List(patient(t), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, secret := range list.Items {
		found = append(found, secret.Name)
	}
	if fmt.Sprint(found) != fmt.Sprint(names) {
		t.Fatalf("Secrets %v, not %v", found, names)
	}
	return list.Items
}

// printedRoots are those of `signet ca roots`, by signerName.
func printedRoots(t *testing.T, kubeconfig string) map[string]*x509.Certificate {
	t.Helper()
	var entries []struct {
		Signer, SignerName, PEM, SHA256 string
		NotAfter                        time.Time
	}
	if err := json.Unmarshal(expectSignet(t, 0, "", nil, kubeconfig, "ca", "roots", "--output", "json"), &entries); err != nil {
		t.Fatal(err)
	}
	roots := map[string]*x509.Certificate{}
	for _, entry := range entries {
		certificates, err := lab.ParsePEM([]byte(entry.PEM))
		if err != nil || len(certificates) != 1 {
			t.Fatalf("%s: %d certificates: %v", entry.Signer, len(certificates), err)
		}
		root := certificates[0]
		if lab.Fingerprint(root) != entry.SHA256 || !root.NotAfter.Equal(entry.NotAfter) || domain+"/"+entry.Signer != entry.SignerName {
			t.Errorf("%+v is not what the certificate says: %s, %v", entry, lab.Fingerprint(root), root.NotAfter)
		}
		roots[entry.SignerName] = root
	}
	if len(roots) != len(allSigners) {
		t.Fatalf("%d roots of %d signers", len(roots), len(allSigners))
	}
	return roots
}

// serveFromSecrets runs the signer until the test ends it.
func serveFromSecrets(t *testing.T, kubeconfig string) *lab.Process {
	t.Helper()
	binary, err := lab.SignetBinary()
	if err != nil {
		t.Fatal(err)
	}
	process, err := lab.StartProcess("signet-secrets", t.TempDir(), binary, "serve", "--role", "signer",
		"--policy", stage.signet.Policy, "--kubeconfig", kubeconfig, "--ca-namespace", caNamespace)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		select {
		case <-process.Exited():
		default:
			process.Kill()
			t.Logf("signet's log:\n%s", process.Output())
		}
	})
	return process
}
