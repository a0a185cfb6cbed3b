package cluster

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"signet/test/cluster/lab"
)

// metadata.managedFields are what a client says, word for word, and a request to somebody else's signer passes unseen. What
// stands in it must not keep Signet from reading the list of all requests, or a watch of them.
func TestAForeignRequestCannotSpoilTheList(t *testing.T) {
	config := stage.plane.AdminConfig()
	config.ContentType = "application/vnd.kubernetes.protobuf" // JSON could not carry all of it
	client := kubernetes.NewForConfigOrDie(config).CertificatesV1().CertificateSigningRequests()
	poison := func(t *testing.T, signer string) {
		now := metav1.NewTime(time.Now())
		for _, raw := range []string{
			"{\"f:spec\":{\"f:\xff\":{},\"f:\xfe\":{}}}", `{"f:spec":{"f:a":{},"f:a":{}}}`,
		} {
			object, _, err := lab.Workload(signer, "bar", "thief").Object()
			if err != nil {
				t.Fatal(err)
			}
			object.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "x", Operation: metav1.ManagedFieldsOperationUpdate,
				APIVersion: "certificates.k8s.io/v1", Time: &now, FieldsType: "FieldsV1", FieldsV1: &metav1.FieldsV1{Raw: []byte(raw)}}}
			created, err := client.Create(patient(t), object, metav1.CreateOptions{})
			if err != nil {
				t.Fatalf("%q: %v", raw, err)
			}
			discard(t, created.Name)
		}
	}
	issues := func(t *testing.T) {
		if _, err := stage.istiod.Sign(patient(t), lab.Workload(signerFoo, "foo", "httpbin")); err != nil {
			t.Error(err)
		}
	}
	t.Run("listed", func(t *testing.T) {
		poison(t, signerFoo) // nobody reviews it
		poison(t, "example.com/x")
		serve(t, "all")
		register(t)
		issues(t)
	})
	t.Run("watched", func(t *testing.T) {
		serve(t, "all")
		poison(t, signerFoo)
		register(t)
		issues(t)
	})
}
