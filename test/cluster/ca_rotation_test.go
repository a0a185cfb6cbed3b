package cluster

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"signet/test/cluster/lab"
)

// CAs that are renewed while Signet signs.

// renewed is another certificate of the same CA, of its key and name.
func renewed(t *testing.T, authority *lab.Authority) *lab.Authority {
	t.Helper()
	template := *authority.Certificate
	template.NotAfter = template.NotAfter.AddDate(1, 0, 0)
	certificate, err := authority.Sign(&template, authority.Key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return &lab.Authority{Certificate: certificate, Key: authority.Key}
}

func newAuthority(t *testing.T, name string) *lab.Authority {
	t.Helper()
	authority, err := lab.NewRoot(name)
	if err != nil {
		t.Fatal(err)
	}
	return authority
}

// secretOf is what cert-manager would make of the CA.
func secretOf(t *testing.T, name string, authority *lab.Authority) *corev1.Secret {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(authority.Key)
	if err != nil {
		t.Fatal(err)
	}
	certificate := lab.PEM(authority.Certificate)
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, Type: corev1.SecretTypeTLS, Data: map[string][]byte{
		"tls.crt": certificate, "ca.crt": certificate, "tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})}}
}

// expectSignedBy asks for a certificate and wants it of this CA.
func expectSignedBy(t *testing.T, authority *lab.Authority, account string) {
	t.Helper()
	chain, err := lab.ParsePEM(await(t, approve(t, create(t, lab.Workload(signerFoo, "foo", account))), lab.HasCertificate).Status.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	if err := chain[0].CheckSignatureFrom(authority.Certificate); err != nil {
		t.Error(err)
	}
}

// expectLog waits for a line of foo that says so.
func expectLog(t *testing.T, process *lab.Process, message string) {
	t.Helper()
	eventually(t, func() error {
		for line := range strings.Lines(process.Output()) {
			if strings.Contains(line, message) && strings.Contains(line, `"signer":"foo"`) {
				return nil
			}
		}
		return fmt.Errorf("the log does not say %q:\n%s", message, process.Output())
	})
}

func TestACAOfFilesIsRenewedAtOnceAndAnotherKeyWaits(t *testing.T) {
	dir := filepath.Join(stage.signet.Dir, "ca", "foo")
	original := stage.authorities["foo"]
	t.Cleanup(func() {
		if err := errors.Join(os.RemoveAll(dir), original.WriteTo(dir)); err != nil {
			t.Error(err)
		}
	})
	served := serveReloading(t, "all", policyInFile(t, stagePolicy(t)), allSigners...)
	register(t)
	write := func(authority *lab.Authority) {
		t.Helper()
		if err := authority.WriteTo(dir); err != nil {
			t.Fatal(err)
		}
	}
	staged := func(want float64) error {
		if got := served.scrape()[`signet_ca_staged{signer="foo"}`]; got != want {
			return fmt.Errorf("signet_ca_staged is %v, not %v:\n%s", got, want, served.Output())
		}
		return nil
	}

	sameKey := renewed(t, original)
	write(sameKey)
	expectLog(t, served.Process, "another certificate of the same CA key is in force")
	eventually(t, func() error {
		if got := served.scrape()[`signet_ca_not_after_timestamp_seconds{signer="foo"}`]; got != float64(sameKey.Certificate.NotAfter.Unix()) {
			return fmt.Errorf("the CA ends at %v", got)
		}
		return nil
	})
	expectSignedBy(t, original, "same-key") // who has the old root trusts it
	if err := staged(0); err != nil {
		t.Error(err)
	}

	other := newAuthority(t, "foo root")
	write(other)
	expectLog(t, served.Process, "another CA key waits for `signet ca activate`")
	if err := staged(1); err != nil {
		t.Error(err)
	}
	if ready := served.get(t, served.url+"/readyz"); !strings.Contains(ready, "ok ca: another key waits for activation (signers: 1)") {
		t.Errorf("/readyz says %q", ready)
	}
	expectSignedBy(t, sameKey, "staged")

	if err := os.WriteFile(filepath.Join(dir, "tls.key"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	expectLog(t, served.Process, "CA not taken: ")
	if got := served.scrape()[`signet_ca_source_good{signer="foo"}`]; got != 0 {
		t.Error("the metrics call half a CA good")
	}
	expectSignedBy(t, sameKey, "half-a-ca")
	write(other)
	eventually(t, func() error { return staged(1) })

	if _, err := stage.signet.Run(patient(t), "ca", "activate", "--policy", served.policy, "--ca-dir", filepath.Dir(dir), "--signer", "foo", "--force"); err != nil {
		t.Fatal(err)
	}
	expectLog(t, served.Process, "another CA key is in force")
	expectSignedBy(t, other, "activated")
	if err := staged(0); err != nil {
		t.Error(err)
	}
	if strings.Contains(served.Output(), "PRIVATE KEY") {
		t.Error("the log has a key")
	}
}

func TestACAInASecretIsKeptInUseThroughARestartUntilAnotherIsActivated(t *testing.T) {
	secrets := stage.plane.Admin().CoreV1().Secrets(caNamespace)
	replace := func(authority *lab.Authority) {
		t.Helper()
		if _, err := secrets.Update(patient(t), secretOf(t, "foo-ca", authority), metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	reads := func(verbs ...string) lab.Rules {
		return lab.Rules{{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: verbs, ResourceNames: append(inUse(caSecrets...), caSecrets...)}}
	}
	// Signet reads; an administrator, who may create Secrets too, activates.
	server := caAccount(t, "rotated", append(reads("get"), lab.SignetRules(allSigners...)...))
	administrator := caAccount(t, "activator",
		append(reads("get", "update"), lab.Rules{{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"create"}}}...))
	clear := func() {
		for _, name := range append(inUse(caSecrets...), caSecrets...) {
			if err := secrets.Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
				t.Error(err)
			}
		}
	}
	clear()
	t.Cleanup(clear)
	original := map[string]*lab.Authority{}
	for _, signer := range []string{"bar", "foo", "istio-system"} {
		original[signer] = newAuthority(t, signer+" root")
		if _, err := secrets.Create(patient(t), secretOf(t, signer+"-ca", original[signer]), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	mesh := func(roots ...*lab.Authority) string { // with the roots of foo, as Istio keeps it
		var pems strings.Builder
		for _, root := range roots {
			for line := range strings.Lines(string(lab.PEM(root.Certificate))) {
				pems.WriteString("        " + line)
			}
		}
		return policyInFile(t, "kind: ConfigMap\ndata:\n  mesh: |-\n    caCertificates:\n    - certSigners: ["+signerFoo+"]\n      pem: |\n"+pems.String())
	}
	command := func(code int, account string, args ...string) string {
		t.Helper()
		return string(expectSignet(t, code, "", nil, account, append(args, "--signer", "foo")...))
	}

	process := serveFromSecrets(t, server)
	expectSignedBy(t, original["foo"], "first")
	command(1, administrator, "ca", "activate", "--mesh-config", mesh(newAuthority(t, "foo root")))
	command(0, administrator, "ca", "activate", "--mesh-config", mesh(original["foo"]))

	other := newAuthority(t, "foo root") // as cert-manager renews
	replace(other)
	expectLog(t, process, "another CA key waits for `signet ca activate`")
	expectSignedBy(t, original["foo"], "staged")
	stop(t, process)
	process = serveFromSecrets(t, server)
	expectLog(t, process, "another CA key waits for `signet ca activate`")
	expectSignedBy(t, original["foo"], "restarted")

	status := command(1, administrator, "ca", "status", "--mesh-config", mesh(original["foo"]))
	if !strings.Contains(status, "kept: Secret cas/foo-ca-in-use") || !strings.Contains(status, "; the mesh LACKS its root") {
		t.Errorf("the status is %q", status)
	}
	command(1, administrator, "ca", "activate", "--mesh-config", mesh(original["foo"]))
	command(0, administrator, "ca", "activate", "--mesh-config", mesh(original["foo"], other))
	expectLog(t, process, "another CA key is in force")
	expectSignedBy(t, other, "activated")
	command(0, administrator, "ca", "status", "--mesh-config", mesh(original["foo"], other))

	sameKey := renewed(t, other)
	replace(sameKey)
	expectLog(t, process, "another certificate of the same CA key is in force")
	expectSignedBy(t, other, "renewed")
	stop(t, process)
}
