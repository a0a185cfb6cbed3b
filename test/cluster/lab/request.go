package lab

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"net"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Key types for Request.Key, in the policy's words.
const (
	P256    = "ECDSA-P256"
	P384    = "ECDSA-P384"
	RSA2048 = "RSA-2048"
)

// WorkloadUsages and ServingUsages are what istiod asks for: for a workload, for its own certificate.
var (
	WorkloadUsages = []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageKeyEncipherment,
		certificatesv1.UsageServerAuth, certificatesv1.UsageClientAuth}
	ServingUsages = []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageKeyEncipherment,
		certificatesv1.UsageServerAuth}
)

// IstiodNames are the DNS names of istiod's serving certificate.
var IstiodNames = []string{"istiod.istio-system.svc", "istiod-remote.istio-system.svc", "istio-pilot.istio-system.svc"}

// Request describes a CertificateSigningRequest before it has a key.
type Request struct {
	Signer   string   // the whole signerName
	URIs     []string // empty but not nil: an extension without a name in it
	DNS      []string
	IPs      []net.IP
	Key      string // P256 when empty
	Usages   []certificatesv1.KeyUsage
	Lifetime time.Duration // 0: expirationSeconds is absent
	// NoSubject leaves the subject empty, as ztunnel does; otherwise it is istiod's one empty organization.
	NoSubject bool
}

// Workload is the request that istiod makes for a workload: one SPIFFE ID, an empty organization, a day.
func Workload(signer, namespace, account string) Request {
	return Request{
		Signer:   signer,
		URIs:     []string{fmt.Sprintf("spiffe://cluster.local/ns/%s/sa/%s", namespace, account)},
		Usages:   WorkloadUsages,
		Lifetime: 24 * time.Hour,
	}
}

// Serving is the request that istiod makes for itself: DNS names for ten years.
func Serving(signer string) Request {
	return Request{Signer: signer, DNS: IstiodNames, Usages: ServingUsages, Lifetime: 10 * 365 * 24 * time.Hour}
}

// PEM makes a key and the PKCS#10 that proves its possession.
func (r Request) PEM() ([]byte, crypto.Signer, error) {
	key, err := NewKey(r.Key)
	if err != nil {
		return nil, nil, err
	}
	request, err := r.PEMWith(key)
	return request, key, err
}

// PEMWith is the PKCS#10 that proves the possession of this key, whatever r.Key says.
func (r Request) PEMWith(key crypto.Signer) ([]byte, error) {
	template := &x509.CertificateRequest{}
	if !r.NoSubject {
		template.Subject = pkix.Name{Organization: []string{""}}
	}
	if r.URIs != nil || r.DNS != nil || r.IPs != nil {
		names, err := r.subjectAltName()
		if err != nil {
			return nil, err
		}
		template.ExtraExtensions = []pkix.Extension{names}
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), err
}

// Object makes a key and the CertificateSigningRequest that proves its possession.
func (r Request) Object() (*certificatesv1.CertificateSigningRequest, crypto.Signer, error) {
	request, key, err := r.PEM()
	if err != nil {
		return nil, nil, err
	}
	object := &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "csr-workload-"},
		Spec: certificatesv1.CertificateSigningRequestSpec{
			Request:    request,
			SignerName: r.Signer,
			Usages:     r.Usages,
		},
	}
	if r.Lifetime != 0 {
		seconds := int32(r.Lifetime / time.Second)
		object.Spec.ExpirationSeconds = &seconds
	}
	return object, key, nil
}

// NewKey makes a key of that kind, P256 when empty.
func NewKey(kind string) (crypto.Signer, error) {
	switch kind {
	case P256, "":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case P384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case RSA2048:
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return nil, fmt.Errorf("unknown kind of key %q", kind)
}

// subjectAltName builds the extension by hand (RFC 5280, 4.2.1.6): critical as Istio's is, and names go in unchecked.
func (r Request) subjectAltName() (pkix.Extension, error) {
	const tagDNS, tagURI, tagIP = 2, 6, 7
	var names []asn1.RawValue
	add := func(tag int, name []byte) {
		names = append(names, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, Bytes: name})
	}
	for _, uri := range r.URIs {
		add(tagURI, []byte(uri))
	}
	for _, name := range r.DNS {
		add(tagDNS, []byte(name))
	}
	for _, address := range r.IPs {
		if four := address.To4(); four != nil {
			address = four
		}
		add(tagIP, address)
	}
	value, err := asn1.Marshal(names)
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Critical: true, Value: value}, err
}
