package lab

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Authority is a certificate authority with its key: a self-signed root, or an intermediate below one.
type Authority struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
	parent      *Authority
}

// NewRoot makes a self-signed P-256 CA that is valid for ten years.
func NewRoot(commonName string) (*Authority, error) { return newAuthority(commonName, P256, nil) }

// NewRootOf is NewRoot with a key of that kind.
func NewRootOf(kind, commonName string) (*Authority, error) {
	return newAuthority(commonName, kind, nil)
}

// NewIntermediate makes a CA below a.
func (a *Authority) NewIntermediate(commonName string) (*Authority, error) {
	return newAuthority(commonName, P256, a)
}

// NewRootSince makes a self-signed P-256 CA that has been valid for that long, and is for as long as it says from now on.
func NewRootSince(commonName string, past, left time.Duration) (*Authority, error) {
	return authorityBetween(commonName, P256, nil, time.Now().Add(-past), time.Now().Add(left))
}

func newAuthority(commonName, kind string, parent *Authority) (*Authority, error) {
	return authorityBetween(commonName, kind, parent, time.Now().Add(-time.Hour), time.Now().AddDate(10, 0, 0))
}

func authorityBetween(commonName, kind string, parent *Authority, notBefore, notAfter time.Time) (*Authority, error) {
	key, err := NewKey(kind)
	if err != nil {
		return nil, err
	}
	made := &Authority{Key: key, parent: parent}
	template := &x509.Certificate{
		Subject:               pkix.Name{Organization: []string{"Signet test"}, CommonName: commonName},
		NotBefore:             notBefore,
		NotAfter:              notAfter,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	issuer := parent
	if issuer == nil {
		issuer = &Authority{Certificate: template, Key: key}
	}
	made.Certificate, err = issuer.Sign(template, key.Public())
	return made, err
}

// ParseRoot reads a self-signed CA from the files of a kubernetes.io/tls Secret.
func ParseRoot(certificatePEM, keyPEM []byte) (*Authority, error) {
	pair, err := tls.X509KeyPair(certificatePEM, keyPEM)
	if err != nil {
		return nil, err
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a key of type %T does not sign", pair.PrivateKey)
	}
	return &Authority{Certificate: pair.Leaf, Key: key}, nil
}

// Sign issues what the template says for that key, with a random serial: no policy, a forger may use it too.
func (a *Authority) Sign(template *x509.Certificate, key crypto.PublicKey) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, template, a.Certificate, key, a.Key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// Root is the self-signed certificate at the top.
func (a *Authority) Root() *x509.Certificate {
	if a.parent == nil {
		return a.Certificate
	}
	return a.parent.Root()
}

// WriteTo writes dir/tls.crt (the CA's certificate and its intermediates), tls.key (PKCS#8) and ca.crt (the root).
func (a *Authority) WriteTo(dir string) error {
	if err := a.WritePublicTo(dir); err != nil {
		return err
	}
	return writeKey(filepath.Join(dir, "tls.key"), a.Key)
}

// WritePublicTo writes the same without the key.
func (a *Authority) WritePublicTo(dir string) error {
	chain := PEM(a.Certificate)
	for above := a.parent; above != nil && above.parent != nil; above = above.parent {
		chain = append(chain, PEM(above.Certificate)...)
	}
	if err := writeFile(filepath.Join(dir, "tls.crt"), chain); err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, "ca.crt"), PEM(a.Root()))
}

// WriteServing issues a certificate for servers on 127.0.0.1 and writes it with its key.
func (a *Authority) WriteServing(certFile, keyFile string) error {
	return a.writeLeaf(&x509.Certificate{
		Subject:     pkix.Name{CommonName: "localhost"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames:    []string{"localhost"},
	}, certFile, keyFile)
}

// WriteClient issues a certificate for clients and writes it with its key.
func (a *Authority) WriteClient(commonName, certFile, keyFile string) error {
	return a.writeLeaf(&x509.Certificate{
		Subject:     pkix.Name{CommonName: commonName},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, certFile, keyFile)
}

// writeLeaf completes the template, valid for a year, and writes what is issued of it with a new key.
func (a *Authority) writeLeaf(template *x509.Certificate, certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().AddDate(1, 0, 0)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	certificate, err := a.Sign(template, key.Public())
	if err != nil {
		return err
	}
	if err := writeFile(certFile, PEM(certificate)); err != nil {
		return err
	}
	return writeKey(keyFile, key)
}

// PEM of certificates, in order.
func PEM(certificates ...*x509.Certificate) []byte {
	var out []byte
	for _, certificate := range certificates {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})...)
	}
	return out
}

// ParsePEM reads certificates and nothing else.
func ParsePEM(data []byte) ([]*x509.Certificate, error) {
	var certificates []*x509.Certificate
	for len(data) > 0 {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil || block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("not a PEM certificate after %d certificates", len(certificates))
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certificates = append(certificates, certificate)
	}
	if len(certificates) == 0 {
		return nil, fmt.Errorf("no certificate")
	}
	return certificates, nil
}

// ServingOnLoopback issues a certificate for servers on 127.0.0.1, valid for a day, with a new key: both PEM.
func (a *Authority) ServingOnLoopback() (certificate, key []byte, err error) {
	return a.serving(&x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, time.Hour, 24*time.Hour)
}

// ServingFor issues a certificate for servers of that name, valid for as long as it says, with a new key: both PEM.
func (a *Authority) ServingFor(dnsName string, past, left time.Duration) (certificate, key []byte, err error) {
	return a.serving(&x509.Certificate{DNSNames: []string{dnsName}}, past, left)
}

func (a *Authority) serving(template *x509.Certificate, past, left time.Duration) (certificate, key []byte, err error) {
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template.NotBefore, template.NotAfter = time.Now().Add(-past), time.Now().Add(left)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	issued, err := a.Sign(template, signer.Public())
	if err != nil {
		return nil, nil, err
	}
	key, err = KeyPEM(signer)
	return PEM(issued), key, err
}

// KeyPEM is the key in PKCS#8.
func KeyPEM(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
}

func writeKey(path string, key crypto.Signer) error {
	text, err := KeyPEM(key)
	if err != nil {
		return err
	}
	return writeFile(path, text)
}

func writeFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}
