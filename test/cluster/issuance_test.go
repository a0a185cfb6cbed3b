package cluster

import (
	"bytes"
	"crypto/x509"
	"net"
	"slices"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"

	"signet/test/cluster/lab"
)

func TestTenantGetsItsOwnCertificate(t *testing.T) {
	serve(t, "all")
	register(t)
	workload := lab.Workload
	with := func(request lab.Request, change func(*lab.Request)) lab.Request {
		change(&request)
		return request
	}
	cases := []struct {
		name     string
		request  lab.Request
		tenant   string        // whose CA signs
		lifetime time.Duration // granted
	}{
		{"foo, P-256", workload(signerFoo, "foo", "httpbin"), "foo", 24 * time.Hour},
		{"foo, P-384", with(workload(signerFoo, "foo", "httpbin"), func(r *lab.Request) { r.Key = lab.P384 }), "foo", 24 * time.Hour},
		{"foo, RSA-2048", with(workload(signerFoo, "foo", "curl"), func(r *lab.Request) { r.Key = lab.RSA2048 }), "foo", 24 * time.Hour},
		{"foo, no lifetime", with(workload(signerFoo, "foo", "curl"), func(r *lab.Request) { r.Lifetime = 0 }), "foo", 24 * time.Hour},
		{"foo, an hour", with(workload(signerFoo, "foo", "curl"), func(r *lab.Request) { r.Lifetime = time.Hour }), "foo", time.Hour},
		{"foo, a month", with(workload(signerFoo, "foo", "curl"), func(r *lab.Request) { r.Lifetime = 720 * time.Hour }), "foo", 24 * time.Hour},
		{"bar, by an intermediate", workload(signerBar, "bar", "httpbin"), "bar", 24 * time.Hour},
		{"istiod's gateway", workload(signerMesh, "istio-system", "istio-ingressgateway"), "istio-system", 2160 * time.Hour},
		{"istiod itself, ten years", with(lab.Serving(signerMesh), func(r *lab.Request) { r.Key = lab.RSA2048 }), "istio-system", 2160 * time.Hour},
	}
	serials := map[string]string{}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if c.request.Lifetime > 0 && c.request.Lifetime < c.lifetime {
				c.lifetime = c.request.Lifetime
			}
			began := time.Now()
			issued, err := stage.istiod.Sign(patient(t), c.request)
			if err != nil {
				t.Fatal(err)
			}
			chain, err := lab.ParsePEM(issued.Object.Status.Certificate)
			if err != nil {
				t.Fatal(err)
			}
			expectChain(t, chain, c.tenant, c.request.Usages)
			expectProfile(t, chain[0], issued, c.request)
			expectBetween(t, "notAfter", chain[0].NotAfter, began.Add(c.lifetime), time.Now().Add(c.lifetime))
			expectBetween(t, "notBefore", chain[0].NotBefore, began.Add(-5*time.Minute), time.Now().Add(-5*time.Minute))
			if serial := chain[0].SerialNumber.String(); serials[serial] != "" {
				t.Errorf("serial %s is that of %q too", serial, serials[serial])
			} else {
				serials[serial] = c.name
			}
		})
	}
}

// expectChain wants a chain, leaf first and without the root, that verifies against that tenant's root and nobody else's.
func expectChain(t *testing.T, chain []*x509.Certificate, tenant string, usages []certificatesv1.KeyUsage) {
	t.Helper()
	intermediates := x509.NewCertPool()
	for _, certificate := range chain[1:] {
		intermediates.AddCert(certificate)
	}
	wanted := 1
	if stage.authorities[tenant].Root() != stage.authorities[tenant].Certificate {
		wanted = 2
	}
	if len(chain) != wanted {
		t.Errorf("%d certificates in the chain, want %d", len(chain), wanted)
	}
	for other, authority := range stage.authorities {
		roots := x509.NewCertPool()
		roots.AddCert(authority.Root())
		for _, usage := range extendedUsages(usages) {
			_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates, KeyUsages: []x509.ExtKeyUsage{usage}})
			if (err == nil) != (other == tenant) {
				t.Errorf("against the root of %s: %v", other, err)
			}
		}
	}
}

func extendedUsages(usages []certificatesv1.KeyUsage) []x509.ExtKeyUsage {
	var extended []x509.ExtKeyUsage
	for _, usage := range usages {
		switch usage {
		case certificatesv1.UsageServerAuth:
			extended = append(extended, x509.ExtKeyUsageServerAuth)
		case certificatesv1.UsageClientAuth:
			extended = append(extended, x509.ExtKeyUsageClientAuth)
		}
	}
	return extended
}

// expectProfile checks everything in the leaf but its times (RFC 5280, 4.2; X509-SVID, 3 and 4).
func expectProfile(t *testing.T, leaf *x509.Certificate, issued *lab.Issued, request lab.Request) {
	t.Helper()
	if leaf.Version != 3 {
		t.Errorf("version %d", leaf.Version)
	}
	if key, err := x509.MarshalPKIXPublicKey(issued.Key.Public()); err != nil || !bytes.Equal(leaf.RawSubjectPublicKeyInfo, key) {
		t.Errorf("another key than the request's (%v)", err)
	}
	if bits := leaf.SerialNumber.BitLen(); leaf.SerialNumber.Sign() <= 0 || bits < 64 || bits > 159 {
		t.Errorf("serial of %d bits", bits)
	}
	if len(leaf.Subject.Names) != 0 {
		t.Errorf("subject %q", leaf.Subject)
	}
	var uris []string
	for _, uri := range leaf.URIs {
		uris = append(uris, uri.String())
	}
	if !slices.Equal(uris, request.URIs) || !slices.Equal(leaf.DNSNames, request.DNS) ||
		!slices.EqualFunc(leaf.IPAddresses, request.IPs, net.IP.Equal) || len(leaf.EmailAddresses) != 0 {
		t.Errorf("names %v %v %v %v", uris, leaf.DNSNames, leaf.IPAddresses, leaf.EmailAddresses)
	}
	if !leaf.BasicConstraintsValid || leaf.IsCA {
		t.Errorf("basic constraints: present %v, CA %v", leaf.BasicConstraintsValid, leaf.IsCA)
	}
	// Istio asks for both with every kind of key.
	if wanted := x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment; leaf.KeyUsage != wanted {
		t.Errorf("key usage %b, want %b", leaf.KeyUsage, wanted)
	}
	if !slices.Equal(leaf.ExtKeyUsage, extendedUsages(request.Usages)) || len(leaf.UnknownExtKeyUsage) != 0 {
		t.Errorf("extended key usage %v %v", leaf.ExtKeyUsage, leaf.UnknownExtKeyUsage)
	}
	if len(leaf.SubjectKeyId) == 0 || len(leaf.AuthorityKeyId) == 0 {
		t.Errorf("key identifiers %x %x", leaf.SubjectKeyId, leaf.AuthorityKeyId)
	}
	critical := map[string]bool{
		"2.5.29.15": true,  // key usage
		"2.5.29.37": false, // extended key usage
		"2.5.29.19": true,  // basic constraints
		"2.5.29.17": true,  // subject alternative name, critical where the subject is empty
		"2.5.29.14": false, // subject key identifier
		"2.5.29.35": false, // authority key identifier
	}
	for _, extension := range leaf.Extensions {
		wanted, known := critical[extension.Id.String()]
		if !known || wanted != extension.Critical {
			t.Errorf("extension %v, critical %v", extension.Id, extension.Critical)
		}
		delete(critical, extension.Id.String())
	}
	if len(critical) != 0 {
		t.Errorf("extensions missing: %v", critical)
	}
}

// expectBetween allows for the second that certificates round to.
func expectBetween(t *testing.T, what string, got, from, to time.Time) {
	t.Helper()
	if got.Before(from.Truncate(time.Second)) || got.After(to.Add(time.Second)) {
		t.Errorf("%s %v, not from %v to %v", what, got, from, to)
	}
}
