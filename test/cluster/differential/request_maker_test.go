package differential

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/url"
	"strings"
	"testing"
)

// signer is a key and the DER of the algorithm that it signs by.
type signer struct {
	key       crypto.Signer
	algorithm []byte
}

func ecdsaSigner(t *testing.T, curve elliptic.Curve, scalarBytes int) signer {
	scalar := make([]byte, scalarBytes)
	big.NewInt(20260801).FillBytes(scalar)
	key, err := ecdsa.ParseRawPrivateKey(curve, scalar)
	if err != nil {
		t.Fatal(err)
	}
	return signer{key, []byte{0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02}} // ecdsa-with-SHA256
}

func signers(t *testing.T) map[string]signer {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]signer{
		"P-256": ecdsaSigner(t, elliptic.P256(), 32),
		"P-384": ecdsaSigner(t, elliptic.P384(), 48),
		"RSA":   {rsaKey, []byte{0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00}}, // sha256WithRSAEncryption
		"Ed25519": {ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)),
			[]byte{0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70}},
	}
}

// signature is the same each time where the key lets it be.
func (s signer) signature(t *testing.T, message []byte) []byte {
	digest, options, randomness := sha256.Sum256(message), crypto.SHA256, rand.Reader
	switch s.key.(type) {
	case ed25519.PrivateKey:
		made, err := s.key.Sign(nil, message, crypto.Hash(0))
		if err != nil {
			t.Fatal(err)
		}
		return made
	case *ecdsa.PrivateKey:
		randomness = nil // RFC 6979
	}
	made, err := s.key.Sign(randomness, digest[:], options)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func extension(t *testing.T, id asn1.ObjectIdentifier, critical bool, content any) pkix.Extension {
	der, isDER := content.([]byte)
	if !isDER {
		var err error
		if der, err = asn1.Marshal(content); err != nil {
			t.Fatal(err)
		}
	}
	return pkix.Extension{Id: id, Critical: critical, Value: der}
}

var (
	subjectAltName   = asn1.ObjectIdentifier{2, 5, 29, 17}
	keyUsage         = asn1.ObjectIdentifier{2, 5, 29, 15}
	extendedKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 37}
	basicConstraints = asn1.ObjectIdentifier{2, 5, 29, 19}
	serverAuth       = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1}
	clientAuth       = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 2}
)

type constraints struct {
	IsCA       bool `asn1:"optional"`
	MaxPathLen int  `asn1:"optional,default:-1"`
}

// names of every type there is, as DER.
var everyName = []byte{0x30, 0x2a,
	0x86, 0x02, 'a', ':', 0x82, 0x01, 'b', 0x81, 0x03, 'c', '@', 'd', 0x87, 0x04, 10, 0, 0, 1,
	0x88, 0x02, 0x2a, 0x03, 0xa4, 0x02, 0x30, 0x00, 0xa0, 0x08, 0x06, 0x02, 0x2a, 0x03, 0xa0, 0x02, 0x05, 0x00,
	0x86, 0x02, 'e', ':'}

// templates are what the requests are made from: those of Istio's agents and of istiod itself, and what nobody grants.
func templates(t *testing.T) []x509.CertificateRequest {
	workload := &url.URL{Scheme: "spiffe", Host: "cluster.local", Path: "/ns/foo/sa/app"}
	usages := []pkix.Extension{
		extension(t, keyUsage, true, asn1.BitString{Bytes: []byte{0xa0}, BitLength: 3}),
		extension(t, extendedKeyUsage, false, []asn1.ObjectIdentifier{serverAuth, clientAuth}),
		extension(t, basicConstraints, true, constraints{MaxPathLen: -1}),
	}
	full := pkix.Name{CommonName: "foo", Organization: []string{"an org", "Größe"}, Country: []string{"DE"}, SerialNumber: "7",
		ExtraNames: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{1, 2, 3, 4}, Value: "x"}}}
	return []x509.CertificateRequest{
		{URIs: []*url.URL{workload}, Subject: pkix.Name{Organization: []string{""}}},
		{URIs: []*url.URL{workload}, ExtraExtensions: usages},
		{URIs: []*url.URL{workload}, Subject: full, ExtraExtensions: usages[:2]},
		{DNSNames: []string{"istiod.istio-system.svc", "istio-pilot.istio-system.svc"}, ExtraExtensions: usages},
		{DNSNames: []string{"istiod.istio-system.svc"}, IPAddresses: []net.IP{{10, 0, 0, 1}, net.ParseIP("fe80::1")}},
		{ExtraExtensions: []pkix.Extension{extension(t, subjectAltName, false, everyName)}},
		{URIs: []*url.URL{workload}, ExtraExtensions: []pkix.Extension{extension(t, basicConstraints, true, constraints{IsCA: true}),
			extension(t, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}, false, []int{5})}},
		{Subject: full},
	}
}

// The attributes that a request is given beside its own: a second extensionRequest, Microsoft's, a password, one of two
// values and one of none.
func attributes() []*value {
	names := &value{tag: sequence, parts: []*value{{tag: 0x86, content: []byte("spiffe://cluster.local/ns/bar/sa/app")}}}
	extensions := &value{tag: sequence, parts: []*value{{tag: sequence, parts: []*value{
		{tag: oid, content: []byte{0x55, 0x1d, 0x11}}, {tag: octetString, parts: []*value{names}}}}}}
	attribute := func(id []byte, values ...*value) *value {
		return &value{tag: sequence, parts: []*value{{tag: oid, content: id}, {tag: set, parts: values}}}
	}
	extensionRequest := []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e}
	microsofts := []byte{0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x0e}
	password := []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x07}
	return []*value{
		attribute(extensionRequest, extensions), attribute(extensionRequest, extensions, extensions), attribute(extensionRequest),
		attribute(microsofts, extensions), attribute(password, &value{tag: printable, content: []byte("secret")}),
		{tag: sequence, parts: []*value{{tag: oid, content: extensionRequest}}},
	}
}

// requestMaker makes requests out of requests: changed and signed again, so that the change is what is judged.
type requestMaker struct {
	names   []string // of the signers, in order
	signers map[string]signer
	infos   map[string][]*value // CertificationRequestInfo by signer
	extra   []*value
}

func newRequestMaker(t *testing.T) *requestMaker {
	m := &requestMaker{signers: signers(t), infos: map[string][]*value{}, extra: attributes()}
	m.names = []string{"P-256", "P-256", "P-256", "P-256", "P-256", "P-256", "P-384", "RSA", "Ed25519"}
	for name, by := range m.signers {
		for _, template := range templates(t) {
			der, err := x509.CreateCertificateRequest(rand.Reader, &template, by.key)
			if err != nil {
				t.Fatal(err)
			}
			request, ok := apart(der)
			if !ok || len(request) != 1 {
				t.Fatal("a request that Go made cannot be taken apart")
			}
			if again := request[0].encoded(); !bytes.Equal(again, der) {
				t.Fatalf("a request that was taken apart is encoded otherwise:\n%x\n%x", der, again)
			}
			m.infos[name] = append(m.infos[name], request[0].parts[0])
		}
	}
	return m
}

func (m *requestMaker) request(t *testing.T, info *value, by signer) *value {
	algorithm, _ := apart(by.algorithm)
	signature := append([]byte{0}, by.signature(t, info.encoded())...)
	return &value{tag: sequence, parts: []*value{info, algorithm[0], {tag: bitString, content: signature}}}
}

func (m *requestMaker) signed(t *testing.T, info *value, by signer) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: m.request(t, info, by).encoded()})
}

// make returns a request in PEM and what was done to it.
func (m *requestMaker) make(t *testing.T, random *mathrand.Rand) ([]byte, []string) {
	name := one(random, m.names)
	info, by := one(random, m.infos[name]).clone(), m.signers[name]
	done := []string{name}
	do := func(changes []change) {
		chosen := one(random, changes)
		chosen.apply(random, info)
		done = append(done, chosen.name)
	}
	if random.IntN(10) == 0 && len(info.parts) == 4 {
		info.parts[3].parts = append(info.parts[3].parts, one(random, m.extra).clone())
		done = append(done, "another attribute")
	}
	switch random.IntN(8) {
	case 0:
		do(harmful)
	case 1:
		do(doubtful)
		do(harmful)
	case 2:
		do(doubtful)
		do(doubtful)
	case 3, 4, 5:
		do(doubtful)
	default: // as it is
	}
	request := m.request(t, info, by)
	if random.IntN(20) == 0 {
		chosen := one(random, harmful)
		chosen.apply(random, &value{tag: sequence, parts: request.parts[1:]})
		done = append(done, "unsigned: "+chosen.name)
	}
	der := request.encoded()
	if random.IntN(25) == 0 {
		der[random.IntN(len(der))] ^= byte(1 << random.IntN(8))
		done = append(done, "unsigned: a bit")
	}
	if random.IntN(50) == 0 {
		der = append(der, 0)
		done = append(done, "a byte behind it all")
	}
	text, how := inPEM(random, der)
	return text, append(done, how)
}

// inPEM is mostly as everybody writes it.
func inPEM(random *mathrand.Rand, der []byte) ([]byte, string) {
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
	begin, rest, _ := strings.Cut(text, "\n")
	base64Text := base64.StdEncoding.EncodeToString(der)
	end := "-----END CERTIFICATE REQUEST-----"
	forms := []struct{ name, text string }{
		{"lines that end in CRLF", strings.ReplaceAll(text, "\n", "\r\n")},
		{"no end of the last line", strings.TrimSuffix(text, "\n")},
		{"lines that end in CR", strings.ReplaceAll(text, "\n", "\r")},
		{"one line in CRLF", strings.Replace(text, "\n", "\r\n", 1+random.IntN(2))},
		{"text before", "Certificate:\n" + text},
		{"text behind", text + "x\n"},
		{"an empty line behind", text + "\n"},
		{"an empty line inside", begin + "\n\n" + rest},
		{"a header", begin + "\nProc-Type: 4,ENCRYPTED\n\n" + rest},
		{"two blocks", text + text},
		{"the old label", strings.ReplaceAll(text, "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")},
		{"another label", strings.ReplaceAll(text, "CERTIFICATE REQUEST", "CERTIFICATE")},
		{"another label at the end", strings.Replace(text, end, "-----END CERTIFICATE-----", 1)},
		{"all on one line", begin + "\n" + base64Text + "\n" + end + "\n"},
		{"begin and end on the line", begin + base64Text + end + "\n"},
		{"white space in base 64", begin + "\n" + base64Text[:20] + " \t" + base64Text[20:60] + "\n" + base64Text[60:] + "\n" + end + "\n"},
		{"white space behind the lines", strings.ReplaceAll(text, "\n", " \n")},
		{"a space before begin", " " + text},
		{"no padding", strings.Replace(text, "=", "", 2)},
		{"padding too much", strings.Replace(text, "\n"+end, "=\n"+end, 1)},
		{"bits behind the last", strings.Replace(text, "A=", "B=", 1)},
		{"a byte order mark", "\ufeff" + text},
		{"a zero byte behind", text + "\x00"},
		{"a dash too few", strings.Replace(text, "-----BEGIN", "----BEGIN", 1)},
	}
	if random.IntN(8) != 0 {
		return []byte(text), "PEM"
	}
	form := one(random, forms)
	return []byte(form.text), form.name
}
