package cluster

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"signet/test/cluster/lab"
)

type csr = certificatesv1.CertificateSigningRequest

// doors are the ways to write to a request that exists. RBAC lets the forger through all of them.
var doors = []string{"", "approval", "status"}

func doorName(door string) string {
	if door == "" {
		return "the object"
	}
	return "/" + door
}

// writes are the verbs: each carries the difference between two versions of an object through a door.
var writes = map[string]func(ctx context.Context, before, after *csr, door string) (*csr, error){
	"update": func(ctx context.Context, _, after *csr, door string) (*csr, error) {
		requests := stage.forger.CertificatesV1().CertificateSigningRequests()
		switch door {
		case "approval":
			return requests.UpdateApproval(ctx, after.Name, after, metav1.UpdateOptions{})
		case "status":
			return requests.UpdateStatus(ctx, after, metav1.UpdateOptions{})
		}
		return requests.Update(ctx, after, metav1.UpdateOptions{})
	},
	"merge patch": func(ctx context.Context, before, after *csr, door string) (*csr, error) {
		patch, err := json.Marshal(map[string]any{
			"metadata": map[string]any{"annotations": after.Annotations, "labels": after.Labels},
			"status":   after.Status,
		})
		if err != nil {
			return nil, err
		}
		var subresources []string
		if door != "" {
			subresources = []string{door}
		}
		return stage.forger.CertificatesV1().CertificateSigningRequests().Patch(
			ctx, before.Name, types.MergePatchType, patch, metav1.PatchOptions{}, subresources...)
	},
}

func condition(kind certificatesv1.RequestConditionType) certificatesv1.CertificateSigningRequestCondition {
	return certificatesv1.CertificateSigningRequestCondition{Type: kind, Status: corev1.ConditionTrue, Reason: "Forged", Message: "forged"}
}

// forge is the certificate that the authority would sign, if it did what the request says.
func forge(t *testing.T, authority *lab.Authority, object *csr) []byte {
	t.Helper()
	block, _ := pem.Decode(object.Spec.Request)
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := authority.Sign(&x509.Certificate{
		NotBefore:             time.Now().Add(-time.Minute),
		NotAfter:              time.Now().Add(time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		URIs:                  request.URIs,
	}, request.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return lab.PEM(certificate)
}

func TestOnlySignetWritesItsSignersStatus(t *testing.T) {
	serve(t, "webhook")
	register(t)
	stranger, err := lab.NewRoot("stranger")
	if err != nil {
		t.Fatal(err)
	}
	granted := approve(t, create(t, lab.Workload(signerFoo, "foo", "httpbin")))
	forgeries := map[string]func(*csr){
		"a stranger's certificate": func(o *csr) { o.Status.Certificate = forge(t, stranger, o) },
		"the tenant's certificate": func(o *csr) { o.Status.Certificate = forge(t, stage.authorities["foo"], o) },
		"another tenant's":         func(o *csr) { o.Status.Certificate = forge(t, stage.authorities["bar"], o) },
		"the condition Failed": func(o *csr) {
			o.Status.Conditions = append(o.Status.Conditions, condition(certificatesv1.CertificateFailed))
		},
		"a certificate and Failed": func(o *csr) {
			o.Status.Certificate = forge(t, stranger, o)
			o.Status.Conditions = append(o.Status.Conditions, condition(certificatesv1.CertificateFailed))
		},
	}
	for name, change := range forgeries {
		for verb, write := range writes {
			t.Run(name+" by "+verb, func(t *testing.T) {
				before := current(t, granted.Name)
				after := before.DeepCopy()
				change(after)
				_, err := write(patient(t), before, after, "status")
				expectRefused(t, err, "IssuerNotAllowed")
				if now := current(t, granted.Name); now.ResourceVersion != before.ResourceVersion {
					t.Errorf("written all the same: %+v", now.Status)
				}
			})
		}
	}
}

func TestOnlyWhatIsGrantedIsApproved(t *testing.T) {
	serve(t, "webhook")
	stolen := create(t, thief()) // while no webhook was registered
	register(t)
	approvers := map[string]*lab.IstiodStandIn{"istiod": stage.istiod, "forger": lab.NewIstiodStandIn(stage.forger)}
	for name, approver := range approvers {
		t.Run("what is not granted, by "+name, func(t *testing.T) {
			_, err := approver.Approve(patient(t), stolen)
			expectRefused(t, err, "SignerNotAllowed")
		})
		t.Run("what is granted, by "+name, func(t *testing.T) {
			if _, err := approver.Approve(patient(t), create(t, lab.Workload(signerFoo, "foo", "httpbin"))); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("an edit that makes nothing worse passes", func(t *testing.T) {
		for _, door := range doors {
			before := current(t, stolen.Name)
			after := before.DeepCopy()
			after.Labels = map[string]string{"seen-through": "door-" + door + "x"}
			if _, err := writes["update"](patient(t), before, after, door); err != nil {
				t.Errorf("%s: %v", doorName(door), err)
			}
		}
	})
	t.Run("a denial passes", func(t *testing.T) {
		before := current(t, stolen.Name)
		after := before.DeepCopy()
		after.Status.Conditions = append(after.Status.Conditions, condition(certificatesv1.CertificateDenied))
		if _, err := writes["update"](patient(t), before, after, "approval"); err != nil {
			t.Error(err)
		}
	})
}

func TestMetadataCannotChangeWhatIsSigned(t *testing.T) {
	serve(t, "webhook")
	register(t)
	const isCA, duration = "experimental.cert-manager.io/request-is-ca", "experimental.cert-manager.io/request-duration"
	edits := []struct {
		name        string
		annotations map[string]string
		labels      map[string]string
		reason      string // empty: passes
	}{
		{"ask to be a CA", map[string]string{isCA: "true"}, nil, "CaRequested"},
		{"ask for ten years", map[string]string{duration: "87600h"}, nil, "DurationTooLong"},
		{"ask for both", map[string]string{duration: "87600h", isCA: "true"}, nil, "CaRequested"},
		{"ask for less time", map[string]string{duration: "1h"}, nil, ""},
		{"take a note", map[string]string{"example.com/note": "seen"}, nil, ""},
		{"set a label", nil, map[string]string{"team": "a"}, ""},
	}
	for _, door := range doors {
		for verb, write := range writes {
			approved := approve(t, create(t, lab.Workload(signerFoo, "foo", "httpbin")))
			for _, edit := range edits {
				t.Run(edit.name+" through "+doorName(door)+" by "+verb, func(t *testing.T) {
					before := current(t, approved.Name)
					after := before.DeepCopy()
					after.Annotations, after.Labels = maps.Clone(edit.annotations), maps.Clone(edit.labels)
					written, err := write(patient(t), before, after, door)
					if edit.reason != "" {
						expectRefused(t, err, edit.reason)
						if now := current(t, approved.Name); now.ResourceVersion != before.ResourceVersion {
							t.Errorf("written all the same: %v", now.Annotations)
						}
						return
					}
					if err != nil {
						t.Fatal(err)
					}
					if written.ResourceVersion == before.ResourceVersion {
						t.Error("nothing was written: this door is none")
					}
				})
			}
		}
	}
}

func TestWhatPassedWithoutTheWebhookIsNotSigned(t *testing.T) {
	serve(t, "signer") // and no webhook is registered
	annotated := func(change map[string]string) func(*testing.T, *csr) *csr {
		return func(t *testing.T, object *csr) *csr {
			object.Annotations = change
			edited, err := stage.forger.CertificatesV1().CertificateSigningRequests().Update(patient(t), object, metav1.UpdateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			return edited
		}
	}
	unchanged := func(_ *testing.T, object *csr) *csr { return object }
	cases := []struct {
		name    string
		request lab.Request
		edit    func(*testing.T, *csr) *csr // before the approval
		reason  string
	}{
		{"bar's identity, foo's signer", thief(), unchanged, "SignerNotAllowed"},
		{"a namespace of no tenant", lab.Workload(signerBar, "default", "httpbin"), unchanged, "NoTenant"},
		{"an edit that asks to be a CA", lab.Workload(signerFoo, "foo", "httpbin"),
			annotated(map[string]string{"experimental.cert-manager.io/request-is-ca": "true"}), "CaRequested"},
		{"an edit that asks for ten years", lab.Workload(signerFoo, "foo", "httpbin"),
			annotated(map[string]string{"experimental.cert-manager.io/request-duration": "87600h"}), "DurationTooLong"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			object := await(t, approve(t, c.edit(t, create(t, c.request))), lab.IsSettled)
			if failed := lab.FailedCondition(object); failed == nil || failed.Reason != c.reason || failed.Message == "" || failed.Status != corev1.ConditionTrue {
				t.Errorf("got %+v, want reason %s", failed, c.reason)
			}
			if lab.HasCertificate(object) {
				t.Error("and a certificate")
			}
		})
	}
	t.Run("what is granted is signed all the same", func(t *testing.T) {
		await(t, approve(t, create(t, lab.Workload(signerFoo, "foo", "httpbin"))), lab.HasCertificate)
	})
	t.Run("what is not approved is not signed", func(t *testing.T) {
		waiting := create(t, lab.Workload(signerFoo, "foo", "httpbin"))
		await(t, approve(t, create(t, lab.Workload(signerFoo, "foo", "httpbin"))), lab.HasCertificate)
		if now := current(t, waiting.Name); now.ResourceVersion != waiting.ResourceVersion {
			t.Errorf("touched: %+v", now.Status)
		}
	})
}
