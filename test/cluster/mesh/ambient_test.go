package mesh

import (
	"strings"
	"testing"

	"signet/test/cluster/lab"
)

// ztunnel names no signer: istiod then asks the routed one, and Signet rewrites it to the signer of the workload's tenant.
func TestAmbientWorkloadsGetTheirTenantsCA(t *testing.T) {
	guarded(t, "all")
	const node = "node-a"
	ztunnel, err := stage.Istio.CreateNodeProxy(patient(t), node)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { deletePod(t, ztunnel) })
	for _, namespace := range []string{"foo", "bar"} {
		pod := lab.PodOf(namespace, "httpbin")
		pod.Spec.NodeName = node
		running, err := stage.Istio.CreatePod(patient(t), stage.plane.Admin(), pod)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { deletePod(t, running) })
	}
	ask := func(namespace, account string) lab.CertificateCall {
		request := lab.Workload("", namespace, account)
		request.NoSubject = true
		return lab.CertificateCall{Request: request, Impersonated: request.URIs[0]}
	}
	for _, namespace := range []string{"foo", "bar"} {
		t.Run(namespace, func(t *testing.T) {
			chain, _, err := ztunnel.CreateCertificate(patient(t), ask(namespace, "httpbin"))
			if err != nil {
				t.Fatal(err)
			}
			expectChain(t, chain, namespace, "httpbin", namespace)
			// The last certificate is all that ztunnel learns of whom to trust.
			if root := stage.Authorities[namespace].Root(); len(chain) < 2 || !chain[len(chain)-1].Equal(root) {
				t.Errorf("the answer ends in %v, not in the root of %s", chain[len(chain)-1].Subject, namespace)
			}
		})
	}
	t.Run("one that does not run on its node", func(t *testing.T) {
		if _, _, err := ztunnel.CreateCertificate(patient(t), ask("foo", "curl")); err == nil || !strings.Contains(err.Error(), "Unauthenticated") {
			t.Errorf("%v; want istiod to refuse it", err)
		}
	})
	t.Run("one that names another's signer", func(t *testing.T) {
		call := ask("bar", "httpbin")
		call.CertSigner = "foo"
		if _, _, err := ztunnel.CreateCertificate(patient(t), call); err == nil || !strings.Contains(err.Error(), refusal) {
			t.Errorf("%v; want %s", err, refusal)
		}
	})
	t.Run("one that names the routed signer", func(t *testing.T) {
		// istiod does not verify the answer where no signer was named; where one was, it wants that signer's root.
		call := ask("bar", "httpbin")
		call.CertSigner = "routed"
		chain, _, err := ztunnel.CreateCertificate(patient(t), call)
		if err != nil {
			t.Fatal(err)
		}
		expectChain(t, chain, "bar", "httpbin", "bar")
	})
}
