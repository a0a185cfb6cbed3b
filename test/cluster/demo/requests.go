package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"signet/test/cluster/lab"
)

// requests are acts at the boundary, CertificateSigningRequests, in the order they are played: the webhooks are registered
// after the first.
var requests = []act[*mesh]{
	{"istiod's account for bar's pod, while no webhook is registered", "bar/thief", "foo", failed, unguarded},
	{"istiod's account for foo's pod", "foo/httpbin", "foo", signed, asks(lab.Workload(signerFoo, "foo", "httpbin"))},
	{"istiod's account for foo's pod, with an RSA key", "foo/curl", "foo", signed, asks(rsa(lab.Workload(signerFoo, "foo", "curl")))},
	{"istiod's account for bar's pod", "bar/httpbin", "bar", signed, asks(lab.Workload(signerBar, "bar", "httpbin"))},
	{"istiod's account for itself, for ten years", "its DNS names", "istio-system", signed, asks(lab.Serving(signerMesh))},
	{"istiod's account for bar's pod, which says ISTIO_META_CERT_SIGNER=foo", "bar/thief", "foo", refused, asks(lab.Workload(signerFoo, "bar", "thief"))},
	{"istiod's account for a pod of nobody's namespace", "default/stray", "foo", refused, asks(lab.Workload(signerFoo, "default", "stray"))},
	{"istiod's account for a pod that names no identity", "-", "foo", refused, asks(anonymous())},
	{"bar's account, for an identity of foo", "foo/httpbin", "foo", refused, asksAs(lab.Workload(signerFoo, "foo", "httpbin"))},
	{"bar's account edits foo's approved request: be a CA", "foo/httpbin", "foo", stopped, edits},
	{"bar's account writes a certificate into foo's request", "foo/httpbin", "foo", stopped, forges},
	{"anybody, from a signer that is not ours", "bar/thief", "example.com/x", untouched, foreign},
}

func rsa(request lab.Request) lab.Request {
	request.Key = lab.RSA2048
	return request
}

func anonymous() lab.Request {
	request := lab.Workload(signerFoo, "foo", "httpbin")
	request.URIs = nil
	return request
}

func asks(request lab.Request) func(context.Context, *mesh) (result, error) {
	return func(ctx context.Context, m *mesh) (result, error) { return ask(ctx, m, m.istiod, request) }
}

func asksAs(request lab.Request) func(context.Context, *mesh) (result, error) {
	return func(ctx context.Context, m *mesh) (result, error) {
		return ask(ctx, m, lab.NewIstiodStandIn(m.thief), request)
	}
}

func ask(ctx context.Context, m *mesh, requester *lab.IstiodStandIn, request lab.Request) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	issued, err := requester.Sign(ctx, request)
	if err != nil {
		return refusal(err, refused)
	}
	chain, err := lab.ParsePEM(issued.Object.Status.Certificate)
	if err != nil {
		return result{}, err
	}
	lifetime := time.Until(chain[0].NotAfter).Round(time.Minute)
	return result{
		happened:     signed,
		why:          fmt.Sprintf("verifies against the root of %s, and of nobody else; valid for %s", strings.Join(m.verifies(chain), " AND "), days(lifetime)),
		certificates: []certificate{fingerprint(issued.Object, chain[0])},
	}, nil
}

// verifies names the tenants whose root the chain leads to.
func (m *mesh) verifies(chain []*x509.Certificate) []string {
	intermediates := x509.NewCertPool()
	for _, above := range chain[1:] {
		intermediates.AddCert(above)
	}
	var names []string
	for name, root := range m.authorities {
		roots := x509.NewCertPool()
		roots.AddCert(root)
		if _, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates}); err == nil {
			names = append(names, name)
		}
	}
	return names
}

func days(lifetime time.Duration) string {
	if lifetime > 48*time.Hour {
		return fmt.Sprintf("%d days", int(lifetime.Hours()/24+0.5))
	}
	return fmt.Sprintf("%d hours", int(lifetime.Hours()+0.5))
}

func fingerprint(object *certificatesv1.CertificateSigningRequest, leaf *x509.Certificate) certificate {
	return certificate{request: object.Name, sha256: lab.Fingerprint(leaf)}
}

// unguarded is the hole: istiod creates and approves whatever a pod asks for. Then it registers the webhooks.
func unguarded(ctx context.Context, m *mesh) (result, error) {
	object, err := m.approved(ctx, lab.Workload(signerFoo, "bar", "thief"))
	if err != nil {
		return result{}, err
	}
	wait, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if object, err = m.istiod.WaitFor(wait, object, lab.IsSettled); err != nil {
		return result{}, err
	}
	if lab.HasCertificate(object) {
		return result{happened: "let in, approved, SIGNED"}, nil
	}
	condition := lab.FailedCondition(object)
	if err := m.istiod.Delete(ctx, object.Name); err != nil {
		return result{}, err
	}
	return result{happened: failed, why: "Failed: " + condition.Message}, m.guard(ctx)
}

func (m *mesh) approved(ctx context.Context, request lab.Request) (*certificatesv1.CertificateSigningRequest, error) {
	object, _, err := m.istiod.Create(ctx, request)
	if err != nil {
		return nil, err
	}
	return m.istiod.Approve(ctx, object)
}

// signedRequest is a request of foo that has its certificate and is not deleted yet: what an attacker finds.
func (m *mesh) signedRequest(ctx context.Context) (*certificatesv1.CertificateSigningRequest, certificate, error) {
	object, err := m.approved(ctx, lab.Workload(signerFoo, "foo", "httpbin"))
	if err != nil {
		return nil, certificate{}, err
	}
	if object, err = m.istiod.WaitFor(ctx, object, lab.HasCertificate); err != nil {
		return nil, certificate{}, err
	}
	chain, err := lab.ParsePEM(object.Status.Certificate)
	if err != nil {
		return nil, certificate{}, err
	}
	return object, fingerprint(object, chain[0]), nil
}

func edits(ctx context.Context, m *mesh) (result, error) {
	object, made, err := m.signedRequest(ctx)
	if err != nil {
		return result{}, err
	}
	object.Annotations = map[string]string{"experimental.cert-manager.io/request-is-ca": "true"}
	_, err = m.thief.CertificatesV1().CertificateSigningRequests().Update(ctx, object, metav1.UpdateOptions{})
	return m.afterWrite(ctx, object, made, err)
}

func forges(ctx context.Context, m *mesh) (result, error) {
	// Before the approval, because the certificate cannot be changed once it is there.
	object, _, err := m.istiod.Create(ctx, lab.Workload(signerFoo, "foo", "httpbin"))
	if err != nil {
		return result{}, err
	}
	object.Status.Certificate = lab.PEM(m.authorities["bar"])
	_, err = m.thief.CertificatesV1().CertificateSigningRequests().UpdateStatus(ctx, object, metav1.UpdateOptions{})
	return m.afterWrite(ctx, object, certificate{}, err)
}

func (m *mesh) afterWrite(ctx context.Context, object *certificatesv1.CertificateSigningRequest, made certificate, err error) (result, error) {
	outcome := result{happened: "written"}
	if err != nil {
		if outcome, err = refusal(err, stopped); err != nil {
			return result{}, err
		}
	}
	if made.sha256 != "" {
		outcome.certificates = []certificate{made}
	}
	return outcome, m.istiod.Delete(ctx, object.Name)
}

func foreign(ctx context.Context, m *mesh) (result, error) {
	object, _, err := m.istiod.Create(ctx, lab.Workload("example.com/x", "bar", "thief"))
	if err != nil {
		if apierrors.IsForbidden(err) {
			return refusal(err, refused)
		}
		return result{}, err
	}
	return result{happened: untouched, why: "no rule of ours speaks of it, and its CREATE does not need Signet"}, m.istiod.Delete(ctx, object.Name)
}
