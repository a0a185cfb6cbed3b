package lab

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/structpb"
	"istio.io/api/security/v1alpha1"
)

// CertificateCall is one call of istiod's CreateCertificate, as a pod could make it without its agent: nothing in it has to be
// what an agent would say.
type CertificateCall struct {
	Request      Request // signer and usages are not part of the call: istiod names them
	CertSigner   string  // empty: none is named, as ztunnel does
	Impersonated string  // SPIFFE ID of another workload, for a node's proxy; empty: none
}

// CreateCertificate calls istiod with a real token of the pod, and returns the answer's certificates, leaf first.
func (w *MeshPod) CreateCertificate(ctx context.Context, call CertificateCall) ([]*x509.Certificate, crypto.Signer, error) {
	token, err := w.Token(ctx)
	if err != nil {
		return nil, nil, err
	}
	root, err := w.istio.publishedRoot(ctx, w.Pod.Namespace)
	if err != nil {
		return nil, nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(root))
	connection, err := grpc.NewClient(w.istio.Address(), grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: roots})))
	if err != nil {
		return nil, nil, err
	}
	defer connection.Close()
	request, key, err := call.Request.PEM()
	if err != nil {
		return nil, nil, err
	}
	named := map[string]any{}
	if call.CertSigner != "" {
		named["CertSigner"] = call.CertSigner
	}
	if call.Impersonated != "" {
		named["ImpersonatedIdentity"] = call.Impersonated
	}
	fields, err := structpb.NewStruct(named)
	if err != nil {
		return nil, nil, err
	}
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token, "clusterid", "Kubernetes")
	answer, err := v1alpha1.NewIstioCertificateServiceClient(connection).CreateCertificate(ctx, &v1alpha1.IstioCertificateRequest{
		Csr: string(request), ValidityDuration: int64(call.Request.Lifetime.Seconds()), Metadata: fields,
	})
	if err != nil {
		return nil, nil, err
	}
	var chain []*x509.Certificate
	for _, part := range answer.CertChain {
		certificates, err := ParsePEM([]byte(part))
		if err != nil {
			return nil, nil, err
		}
		chain = append(chain, certificates...)
	}
	return chain, key, nil
}
