package mesh

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"signet/test/cluster/lab"
)

// The custom-CA task of Istio.
func TestWorkloadsOfOneTenantReachEachOtherAndNobodyElse(t *testing.T) {
	inEachSetting(t, workloadsOfOneTenantReachEachOtherAndNobodyElse)
}

func workloadsOfOneTenantReachEachOtherAndNobodyElse(t *testing.T, role string) {
	guarded(t, role)
	applyProxyConfigs(t)
	curl, httpbin, other := startPod(t, "foo", "curl"), startPod(t, "foo", "httpbin"), startPod(t, "bar", "httpbin")
	for pod, signer := range map[*lab.MeshPod]string{curl: "foo", httpbin: "foo", other: "bar"} {
		expectIssuedBy(t, pod, signer)
	}
	answer := call(t, curl, httpbin)
	if answer.Status != http.StatusOK || answer.Body != "foo/httpbin" {
		t.Errorf("foo/curl to foo/httpbin: %+v", answer)
	}
	answer = call(t, curl, other)
	if answer.Status != http.StatusServiceUnavailable || !strings.Contains(answer.TransportFailure, "CERTIFICATE_VERIFY_FAILED") {
		t.Errorf("foo/curl to bar/httpbin: %+v; want it to fail verification", answer)
	}
}

func TestIstiodsOwnCertificateIsShorterThanAsked(t *testing.T) {
	inEachSetting(t, istiodsOwnCertificateIsShorterThanAsked)
}

func istiodsOwnCertificateIsShorterThanAsked(t *testing.T, role string) {
	guarded(t, role)
	roots := x509.NewCertPool()
	roots.AddCert(stage.Authorities["istio-system"].Root())
	connection, err := tls.Dial("tcp", stage.Istio.Address(), &tls.Config{RootCAs: roots, ServerName: "istiod.istio-system.svc"})
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	leaf := connection.ConnectionState().PeerCertificates[0]
	// It asks for ten years; the policy's maximum for its tenant is 2160h. What Signet signs does not outlive the CA either, which
	// cert-manager made for as long.
	most := time.Now().Add(2160 * time.Hour)
	least := most.Add(-patience)
	if end := stage.Authorities["istio-system"].Certificate.NotAfter; end.Before(least) {
		least = end
	}
	if leaf.NotAfter.After(most) || leaf.NotAfter.Before(least) {
		t.Errorf("valid until %v, want %v to %v", leaf.NotAfter, least, most)
	}
	if !slices.Contains(leaf.DNSNames, "istio-pilot.istio-system.svc") || len(leaf.URIs) != 0 {
		t.Errorf("names %v %v", leaf.DNSNames, leaf.URIs)
	}
}

// applyProxyConfigs applies those that Signet renders until the test ends.
func applyProxyConfigs(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		if err := stage.RemoveProxyConfigs(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := stage.ApplyProxyConfigs(patient(t)); err != nil {
		t.Fatal(err)
	}
}

// createPod creates the pod, its agent not started, until the test ends.
func createPod(t *testing.T, namespace, account string) *lab.MeshPod {
	t.Helper()
	pod, err := stage.Istio.CreatePod(patient(t), stage.plane.Admin(), lab.PodOf(namespace, account))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { deletePod(t, pod) })
	return pod
}

func deletePod(t *testing.T, pod *lab.MeshPod) {
	now := int64(0)
	err := stage.plane.Admin().CoreV1().Pods(pod.Pod.Namespace).Delete(context.Background(), pod.Pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &now})
	if err = errors.Join(err, pod.Stop()); err != nil {
		t.Error(err)
	}
	if t.Failed() && pod.Process() != nil {
		t.Logf("agent of %s/%s:\n%s", pod.Pod.Namespace, pod.Pod.Name, pod.Process().Output())
	}
}

// startPod is createPod with its agent running and the first certificate there.
func startPod(t *testing.T, namespace, account string, variables ...string) *lab.MeshPod {
	t.Helper()
	pod := createPod(t, namespace, account)
	if err := pod.Launch(variables...); err != nil {
		t.Fatal(err)
	}
	if _, err := pod.Await(patience); err != nil {
		t.Fatal(err)
	}
	return pod
}

// expectIssuedBy wants the pod's certificate to be for its own identity, by the signer's CA, and that CA's root to be all that
// it trusts.
func expectIssuedBy(t *testing.T, pod *lab.MeshPod, signer string) {
	t.Helper()
	svid, err := pod.SVID()
	if err != nil {
		t.Fatal(err)
	}
	expectChain(t, svid.Chain, pod.Pod.Namespace, pod.Pod.Spec.ServiceAccountName, signer)
	if root := stage.Authorities[signer].Root(); len(svid.Roots) != 1 || !svid.Roots[0].Equal(root) {
		t.Errorf("%s trusts %d roots, the first of %v; want that of %v alone", pod.Pod.Name, len(svid.Roots), svid.Roots[0].Subject, root.Subject)
	}
}

func expectChain(t *testing.T, chain []*x509.Certificate, namespace, account, signer string) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(stage.Authorities[signer].Root())
	intermediates := x509.NewCertPool()
	for _, above := range chain[1:] {
		intermediates.AddCert(above)
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Errorf("%s/%s: %v", namespace, account, err)
	}
	identity := fmt.Sprintf("spiffe://cluster.local/ns/%s/sa/%s", namespace, account)
	if len(chain[0].URIs) != 1 || chain[0].URIs[0].String() != identity {
		t.Errorf("identity %v, want %s", chain[0].URIs, identity)
	}
}

// call goes through the client's Envoy to the server's.
func call(t *testing.T, client, server *lab.MeshPod) lab.Answer {
	t.Helper()
	answer, err := client.Call(patient(t), server)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}
