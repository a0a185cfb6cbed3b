package cluster

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"signet/test/cluster/lab"
)

// A CertificateRequest in bar, whose issuer is foo's, is refused; a Certificate never gets as far as one.
func certificatesOfCertManager(t *testing.T, manager *lab.CertManager) {
	registerGuard(t, guardCertManager(t, manager))
	runCertManager(t, manager, true)
	makeNamespaces(t, "bar")
	cleanCertificates(t, "bar")
	request, _, err := lab.Workload(signerFoo, "foo", "httpbin").PEM()
	if err != nil {
		t.Fatal(err)
	}
	asked := filepath.Join(t.TempDir(), "request.yaml")
	if err := os.WriteFile(asked, fmt.Appendf(nil, `apiVersion: cert-manager.io/v1
kind: CertificateRequest
metadata: {name: thief, namespace: bar}
spec:
  request: %s
  issuerRef: {group: cert-manager.io, kind: ClusterIssuer, name: foo}
`, base64.StdEncoding.EncodeToString(request)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := stage.plane.Kubectl(patient(t), t.TempDir(), "apply", "-f", asked); err == nil || !strings.Contains(err.Error(), "signet: SignerNotAllowed: ") {
		t.Errorf("a CertificateRequest for foo in bar: %v", err)
	}
	applyCertificate(t, "bar", "")
	expectCertificateRefused(t, "SignerNotAllowed")
}

// As one of the requesters cert-manager asks for whoever may write a Certificate: in the tenant's own namespaces, and with nothing
// in it that it would copy unseen.
func judgedCertificatesOfCertManager(t *testing.T, manager *lab.CertManager) {
	roots := certManagerRoots(t)
	registerGuard(t, guardCertManager(t, manager, "certificateRequests: evaluate", "- "+manager.Account.Username()))
	runCertManager(t, manager, true)
	makeNamespaces(t, "foo", "bar")
	cleanCertificates(t, "foo", "bar")
	t.Run("granted", func(t *testing.T) {
		began := time.Now().Truncate(time.Second)
		applyCertificate(t, "foo", "duration: 2h")
		var leaf *x509.Certificate
		eventually(t, func() error {
			secret, err := stage.plane.Admin().CoreV1().Secrets("foo").Get(t.Context(), "asked-tls", metav1.GetOptions{})
			if err != nil {
				return err
			}
			chain, err := lab.ParsePEM(secret.Data[corev1.TLSCertKey])
			if err == nil {
				leaf = chain[0]
			}
			return err
		})
		pool := x509.NewCertPool()
		pool.AddCert(roots["foo"])
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
			t.Error(err)
		}
		// What Signet took cert-manager to make of what is not said.
		if leaf.KeyUsage != x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment || len(leaf.ExtKeyUsage) != 0 || leaf.IsCA {
			t.Errorf("usages %b %v, CA %v", leaf.KeyUsage, leaf.ExtKeyUsage, leaf.IsCA)
		}
		if len(leaf.URIs) != 1 || len(leaf.DNSNames)+len(leaf.IPAddresses)+len(leaf.EmailAddresses)+len(leaf.Subject.Names) != 0 {
			t.Errorf("names %v %v, subject %v", leaf.URIs, leaf.DNSNames, leaf.Subject)
		}
		expectBetween(t, "notAfter", leaf.NotAfter, began.Add(2*time.Hour), time.Now().Add(2*time.Hour))
	})
	t.Run("from bar for an identity of foo", func(t *testing.T) {
		applyCertificate(t, "bar", "duration: 2h")
		expectCertificateRefused(t, "RequesterNotAllowed: a CertificateRequest in namespace \"bar\"")
	})
	t.Run("with a common name that cert-manager would copy", func(t *testing.T) {
		cleanCertificates(t, "bar")
		applyCertificate(t, "bar", "commonName: istiod.istio-system.svc")
		expectCertificateRefused(t, "SubjectAltNameNotAllowed: the subject names")
	})
}

// applyCertificate asks for foo's httpbin in that namespace, from foo's issuer, under the name asked.
func applyCertificate(t *testing.T, namespace, field string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "certificate.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, `apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: asked, namespace: %s}
spec:
  secretName: asked-tls
  uris: ["spiffe://cluster.local/ns/foo/sa/httpbin"]
  issuerRef: {group: cert-manager.io, kind: ClusterIssuer, name: foo}
  privateKey: {algorithm: ECDSA}
  %s
`, namespace, field), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := stage.plane.Kubectl(patient(t), t.TempDir(), "apply", "-f", file); err != nil {
		t.Fatal(err)
	}
}

// expectCertificateRefused wants the Certificate in bar to say why it is not ready, and to have come to nothing.
func expectCertificateRefused(t *testing.T, reason string) {
	t.Helper()
	eventually(t, func() error {
		events, err := stage.plane.Kubectl(t.Context(), t.TempDir(), "get", "events", "--namespace", "bar", "-o",
			`jsonpath={.items[?(@.involvedObject.kind=="Certificate")].message}`)
		if err == nil && !strings.Contains(events, "signet: "+reason) {
			err = fmt.Errorf("the Certificate's events do not say why: %s", events)
		}
		return err
	})
	ready, err := stage.plane.Kubectl(patient(t), t.TempDir(), "get", "certificate", "asked", "--namespace", "bar",
		"-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`)
	if err != nil || ready != "False" {
		t.Errorf("Ready is %q: %v", ready, err)
	}
	requests, err := stage.plane.Kubectl(patient(t), t.TempDir(), "get", "certificaterequests", "--namespace", "bar", "-o", "name")
	if err != nil || requests != "" {
		t.Errorf("CertificateRequests %q: %v", requests, err)
	}
	secrets, err := stage.plane.Admin().CoreV1().Secrets("bar").List(patient(t), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range secrets.Items {
		if len(secret.Data["tls.crt"]) > 0 {
			t.Errorf("Secret %s has a certificate", secret.Name)
		}
	}
}

func cleanCertificates(t *testing.T, namespaces ...string) {
	t.Cleanup(func() {
		for _, namespace := range namespaces {
			if _, err := stage.plane.Kubectl(context.Background(), t.TempDir(), "delete", "certificates,certificaterequests,secrets,events",
				"--all", "--namespace", namespace); err != nil {
				t.Error(err)
			}
		}
	})
}
