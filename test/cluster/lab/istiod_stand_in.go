package lab

import (
	"context"
	"crypto"
	"fmt"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes"
	certificatesclient "k8s.io/client-go/kubernetes/typed/certificates/v1"
)

// IstiodStandIn does to a CertificateSigningRequest what istiod's registration authority does, where no istiod runs: create,
// approve by itself, watch for the certificate (Denied and Failed do not stop it), delete.
type IstiodStandIn struct {
	requests certificatesclient.CertificateSigningRequestInterface
}

// NewIstiodStandIn acts through that client.
func NewIstiodStandIn(client kubernetes.Interface) *IstiodStandIn {
	return &IstiodStandIn{requests: client.CertificatesV1().CertificateSigningRequests()}
}

// Issued is what came of a request.
type Issued struct {
	Object *certificatesv1.CertificateSigningRequest // as it was when the certificate appeared
	Key    crypto.Signer
}

// Sign takes the request the whole way. The error of a refused CREATE is the API server's, unwrapped.
func (i *IstiodStandIn) Sign(ctx context.Context, request Request) (*Issued, error) {
	object, key, err := i.Create(ctx, request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = i.Delete(context.WithoutCancel(ctx), object.Name) }()
	if object, err = i.Approve(ctx, object); err != nil {
		return nil, err
	}
	signed, err := i.WaitFor(ctx, object, HasCertificate)
	if err != nil {
		return nil, err
	}
	return &Issued{Object: signed, Key: key}, nil
}

// Create submits the request under a generated name.
func (i *IstiodStandIn) Create(ctx context.Context, request Request) (*certificatesv1.CertificateSigningRequest, crypto.Signer, error) {
	object, key, err := request.Object()
	if err != nil {
		return nil, nil, err
	}
	created, err := i.Submit(ctx, object)
	return created, key, err
}

// Submit is Create of what was made before.
func (i *IstiodStandIn) Submit(ctx context.Context, object *certificatesv1.CertificateSigningRequest) (*certificatesv1.CertificateSigningRequest, error) {
	return i.requests.Create(ctx, object, metav1.CreateOptions{})
}

// Approve adds the condition Approved through /approval.
func (i *IstiodStandIn) Approve(ctx context.Context, object *certificatesv1.CertificateSigningRequest) (*certificatesv1.CertificateSigningRequest, error) {
	object = object.DeepCopy()
	object.Status.Conditions = append(object.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
		Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue,
		Reason: "AutoApproved", Message: "approved by the registration authority",
	})
	return i.requests.UpdateApproval(ctx, object.Name, object, metav1.UpdateOptions{})
}

// Delete removes the request.
func (i *IstiodStandIn) Delete(ctx context.Context, name string) error {
	return i.requests.Delete(ctx, name, metav1.DeleteOptions{})
}

// HasCertificate, HasFailed and either, IsSettled, are what WaitFor waits for.
func HasCertificate(object *certificatesv1.CertificateSigningRequest) bool {
	return len(object.Status.Certificate) > 0
}
func HasFailed(object *certificatesv1.CertificateSigningRequest) bool {
	return FailedCondition(object) != nil
}

func IsSettled(object *certificatesv1.CertificateSigningRequest) bool {
	return HasCertificate(object) || HasFailed(object)
}

// FailedCondition is nil where there is none.
func FailedCondition(object *certificatesv1.CertificateSigningRequest) *certificatesv1.CertificateSigningRequestCondition {
	for i := range object.Status.Conditions {
		if object.Status.Conditions[i].Type == certificatesv1.CertificateFailed {
			return &object.Status.Conditions[i]
		}
	}
	return nil
}

// WaitFor watches the object, from the version at hand on, until it is as wished or the context ends.
func (i *IstiodStandIn) WaitFor(ctx context.Context, object *certificatesv1.CertificateSigningRequest,
	wished func(*certificatesv1.CertificateSigningRequest) bool) (*certificatesv1.CertificateSigningRequest, error) {
	began := time.Now()
	for !wished(object) {
		watch, err := i.requests.Watch(ctx, metav1.ListOptions{
			FieldSelector:   fields.OneTermEqualSelector("metadata.name", object.Name).String(),
			ResourceVersion: object.ResourceVersion,
		})
		if err != nil {
			return nil, err
		}
		for event := range watch.ResultChan() {
			if seen, ok := event.Object.(*certificatesv1.CertificateSigningRequest); ok {
				if object = seen; wished(object) {
					break
				}
			}
		}
		watch.Stop()
		if wished(object) {
			break
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s: not as wished after %v; conditions %+v", object.Name, time.Since(began).Round(time.Millisecond), object.Status.Conditions)
		}
		// A busy API server ends a watch from a version that it has forgotten.
		if object, err = i.requests.Get(ctx, object.Name, metav1.GetOptions{}); err != nil {
			return nil, err
		}
	}
	return object, nil
}
