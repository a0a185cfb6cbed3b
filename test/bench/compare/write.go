package main

import (
	"context"
	"encoding/json"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"signet/test/cluster/lab"
)

const (
	written         = 1000 // by each way in each round
	writtenInFlight = 16   // as many as Signet has workers
)

// writing compares the ways in which a signer can publish a certificate.
var writing = comparison{
	name: "write",
	title: "a certificate made before is written to the status of an approved request by a Go client; 1000 in each turn, 16 in flight; all " +
		"but the apply tell the resourceVersion that they saw",
	run: func(ctx context.Context, t terms, record record) error {
		s, err := newIssuanceStage(ctx, t.dir, lab.P256)
		if err != nil {
			return err
		}
		defer s.end()
		orders, err := makeOrders(written, s.authorities)
		if err != nil {
			return err
		}
		if err := s.write(ctx, way{name: "warm-up", write: s.put()}, orders, func(string, string, float64) {}); err != nil {
			return err
		}
		for range t.rounds {
			for _, w := range s.ways() {
				if err := s.write(ctx, w, orders, record); err != nil {
					return err
				}
			}
		}
		return nil
	},
}

type way struct {
	name  string
	write writer
}

func (s *issuanceStage) ways() []way {
	protobuf := s.account.Config()
	protobuf.ContentType = runtime.ContentTypeProtobuf
	type object = map[string]any
	seen := func(approved *certificatesv1.CertificateSigningRequest) object {
		return object{"uid": approved.UID, "resourceVersion": approved.ResourceVersion}
	}
	return []way{
		{"PUT", s.put()},
		{"PUT in protobuf", putBy(kubernetes.NewForConfigOrDie(protobuf))},
		{"merge patch", s.patch(types.MergePatchType, func(approved *certificatesv1.CertificateSigningRequest, certificate []byte) any {
			return object{"metadata": seen(approved), "status": object{"certificate": certificate}}
		})},
		{"JSON patch", s.patch(types.JSONPatchType, func(approved *certificatesv1.CertificateSigningRequest, certificate []byte) any {
			return []object{
				{"op": "replace", "path": "/metadata/uid", "value": approved.UID},
				{"op": "replace", "path": "/metadata/resourceVersion", "value": approved.ResourceVersion},
				{"op": "add", "path": "/status/certificate", "value": certificate},
			}
		})},
		{"server-side apply", s.patch(types.ApplyYAMLPatchType, func(approved *certificatesv1.CertificateSigningRequest, certificate []byte) any {
			return object{"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
				"metadata": object{"name": approved.Name}, "status": object{"certificate": certificate}}
		})},
	}
}

func (s *issuanceStage) put() writer { return putBy(s.account.Client()) }

func putBy(client kubernetes.Interface) writer {
	requests := client.CertificatesV1().CertificateSigningRequests()
	return func(ctx context.Context, approved *certificatesv1.CertificateSigningRequest, certificate []byte) error {
		approved = approved.DeepCopy()
		approved.Status.Certificate = certificate
		_, err := requests.UpdateStatus(ctx, approved, metav1.UpdateOptions{})
		return err
	}
}

func (s *issuanceStage) patch(kind types.PatchType, body func(*certificatesv1.CertificateSigningRequest, []byte) any) writer {
	requests := s.account.Client().CertificatesV1().CertificateSigningRequests()
	options := metav1.PatchOptions{}
	if kind == types.ApplyYAMLPatchType {
		force := true
		options = metav1.PatchOptions{FieldManager: "signer", Force: &force}
	}
	return func(ctx context.Context, approved *certificatesv1.CertificateSigningRequest, certificate []byte) error {
		data, err := json.Marshal(body(approved, certificate)) // bytes become base64, as the API wants them
		if err != nil {
			return err
		}
		_, err = requests.Patch(ctx, approved.Name, kind, data, options, "status")
		return err
	}
}

// write has the certificates of that many approved requests written in one way, and records what that took.
func (s *issuanceStage) write(ctx context.Context, w way, orders []order, record record) error {
	approved, err := s.approved(ctx, orders)
	if err != nil {
		return err
	}
	meter, err := s.measure()
	if err != nil {
		return err
	}
	if err := inParallel(len(orders), writtenInFlight, func(i int) error { return w.write(ctx, approved[i], orders[i].certificate) }); err != nil {
		return err
	}
	if err := meter.record(record, w.name, len(orders)); err != nil {
		return err
	}
	return inParallel(len(orders), inFlight, func(i int) error { return s.istiod.Delete(ctx, approved[i].Name) })
}

// approved submits the orders and approves them.
func (s *issuanceStage) approved(ctx context.Context, orders []order) ([]*certificatesv1.CertificateSigningRequest, error) {
	approved := make([]*certificatesv1.CertificateSigningRequest, len(orders))
	return approved, inParallel(len(orders), inFlight, func(i int) error {
		created, err := s.istiod.Submit(ctx, orders[i].object)
		if err == nil {
			approved[i], err = s.istiod.Approve(ctx, created)
		}
		return err
	})
}
