package cluster

import (
	"strings"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"signet/test/cluster/lab"
)

func TestRefusedAtCreate(t *testing.T) {
	serve(t, "webhook")
	register(t)
	with := func(change func(*lab.Request)) lab.Request {
		request := lab.Workload(signerFoo, "foo", "httpbin")
		change(&request)
		return request
	}
	cases := []struct {
		name    string
		request lab.Request
		reason  string
	}{
		{"bar's identity, foo's signer", thief(), "SignerNotAllowed"},
		{"foo's identity, the mesh's signer", lab.Workload(signerMesh, "foo", "httpbin"), "SignerNotAllowed"},
		{"a signer of our domain that nobody has", lab.Workload(domain+"/baz", "foo", "httpbin"), "SignerNotAllowed"},
		{"a namespace of no tenant", lab.Workload(signerFoo, "default", "httpbin"), "NoTenant"},
		{"no name at all", with(func(r *lab.Request) { r.URIs = nil }), "SubjectAltNameNotAllowed"},
		{"two identities", with(func(r *lab.Request) { r.URIs = append(r.URIs, "spiffe://cluster.local/ns/bar/sa/thief") }),
			"SubjectAltNameNotAllowed"},
		{"an identity and a DNS name", with(func(r *lab.Request) { r.DNS = []string{"foo.example.com"} }), "SubjectAltNameNotAllowed"},
		{"a DNS name that is not listed", with(func(r *lab.Request) { r.URIs, r.DNS = nil, []string{"istiod.foo.svc"} }),
			"SubjectAltNameNotAllowed"},
		{"another trust domain", with(func(r *lab.Request) { r.URIs = []string{"spiffe://evil.example/ns/foo/sa/httpbin"} }),
			"IdentityInvalid"},
		{"an encoded slash", with(func(r *lab.Request) { r.URIs = []string{"spiffe://cluster.local/ns/foo%2Fbar/sa/httpbin"} }),
			"IdentityInvalid"},
		{"a usage of code signers", with(func(r *lab.Request) { r.Usages = []certificatesv1.KeyUsage{"code signing"} }), "UsageNotAllowed"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := stage.istiod.Create(patient(t), c.request)
			expectRefused(t, err, c.reason)
		})
	}
	t.Run("by somebody who may not ask", func(t *testing.T) {
		_, _, err := lab.NewIstiodStandIn(stage.forger).Create(patient(t), lab.Workload(signerFoo, "foo", "httpbin"))
		expectRefused(t, err, "RequesterNotAllowed")
	})
	t.Run("an account for its own identity", func(t *testing.T) {
		object, _, err := lab.NewIstiodStandIn(stage.forger).Create(patient(t), lab.Workload(signerBar, "bar", "forger"))
		if err != nil {
			t.Fatal(err)
		}
		if err := stage.istiod.Delete(patient(t), object.Name); err != nil {
			t.Error(err)
		}
	})
}

func TestLifetimeIsSetAndClamped(t *testing.T) {
	serve(t, "webhook")
	register(t)
	const day = 24 * time.Hour
	cases := []struct {
		name       string
		request    lab.Request
		asked, got time.Duration
	}{
		{"absent", lab.Workload(signerFoo, "foo", "httpbin"), 0, day},
		{"too long", lab.Workload(signerFoo, "foo", "httpbin"), 10 * 365 * day, day},
		{"the maximum", lab.Workload(signerFoo, "foo", "httpbin"), day, day},
		{"shorter", lab.Workload(signerFoo, "foo", "httpbin"), 10 * time.Minute, 10 * time.Minute},
		{"istiod's ten years", lab.Serving(signerMesh), 10 * 365 * day, 2160 * time.Hour},
		{"istiod's, absent", lab.Serving(signerMesh), 0, 2160 * time.Hour},
		{"a signer that is not ours", lab.Workload("example.com/x", "foo", "httpbin"), 10 * 365 * day, 10 * 365 * day},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.request.Lifetime = c.asked
			object := create(t, c.request)
			if got := object.Spec.ExpirationSeconds; got == nil || time.Duration(*got)*time.Second != c.got {
				t.Errorf("expirationSeconds %v, want %v", got, c.got.Seconds())
			}
		})
	}
}

func TestForeignSignersNeverDependOnSignet(t *testing.T) {
	process := serve(t, "all")
	register(t)
	foreign := func(t *testing.T) *certificatesv1.CertificateSigningRequest {
		object := create(t, lab.Workload("example.com/x", "bar", "thief"))
		approved, err := lab.NewIstiodStandIn(stage.forger).Approve(patient(t), object)
		if err != nil {
			t.Fatal(err)
		}
		approved.Annotations = map[string]string{"experimental.cert-manager.io/request-is-ca": "true"}
		edited, err := stage.forger.CertificatesV1().CertificateSigningRequests().Update(patient(t), approved, metav1.UpdateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return edited
	}
	t.Run("Signet serving", func(t *testing.T) {
		object := foreign(t)
		// What comes after it was seen to: had Signet an opinion on the first, it would have written it by now.
		await(t, approve(t, create(t, lab.Workload(signerFoo, "foo", "httpbin"))), lab.HasCertificate)
		if now := current(t, object.Name); now.ResourceVersion != object.ResourceVersion {
			t.Errorf("touched: %+v", now.Status)
		}
	})
	t.Run("Signet down", func(t *testing.T) {
		process.Kill()
		foreign(t)
		_, _, err := stage.istiod.Create(patient(t), lab.Workload(signerFoo, "foo", "httpbin"))
		if err == nil || !strings.Contains(err.Error(), "failed calling webhook") {
			t.Errorf("a request for our signer: %v; want it refused, because nobody could judge it", err)
		}
	})
}
