package main

import (
	"bytes"
	"crypto"
	"encoding/json"
	"fmt"
	"os"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"signet/test/cluster/lab"
)

// istiodUser is istiod, as the API server knows it by the token of its pod.
func istiodUser() authenticationv1.UserInfo {
	const account = "authentication.kubernetes.io/"
	return authenticationv1.UserInfo{
		Username: "system:serviceaccount:istio-system:istiod",
		UID:      "0b0e8a1c-5f3c-4c1e-9d57-1f0c3c2b7a10",
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:istio-system", "system:authenticated"},
		Extra: map[string]authenticationv1.ExtraValue{
			account + "credential-id": {"JTI=2d1f0a57-7a0e-4a5b-8a63-0a1b6f6e7c11"},
			account + "node-name":     {"node-1"},
			account + "node-uid":      {"7e3f1c55-91d0-4a0e-b1a1-9a2f0a9d3c02"},
			account + "pod-name":      {"istiod-6d8c9f7b5d-x2k9q"},
			account + "pod-uid":       {"c0a6d2b1-3b52-4a3f-9b57-2f8c3d1e4b03"},
		},
	}
}

// What the API server says of the fields of a CertificateSigningRequest that was just created: its spec is nobody's.
const managedFields = `{"f:metadata":{"f:generateName":{}}}`

// review is what the API server (1.36) sends to /validate when user creates that request; number tells it from others.
func review(number int, request lab.Request, pkcs10 []byte, user authenticationv1.UserInfo) ([]byte, error) {
	uid := func(of int) types.UID { return types.UID(fmt.Sprintf("%08x-04ff-422a-9451-79b3afa6%04x", number, of)) }
	seconds := int32(request.Lifetime / time.Second)
	name := fmt.Sprintf("csr-workload-%05x", number)
	created := metav1.NewTime(time.Date(2026, 11, 24, 20, 0, 0, 0, time.UTC))
	extra := map[string]certificatesv1.ExtraValue{}
	for key, value := range user.Extra {
		extra[key] = certificatesv1.ExtraValue(value)
	}
	object, err := json.Marshal(&certificatesv1.CertificateSigningRequest{
		TypeMeta: metav1.TypeMeta{Kind: "CertificateSigningRequest", APIVersion: "certificates.k8s.io/v1"},
		ObjectMeta: metav1.ObjectMeta{
			Name: name, GenerateName: "csr-workload-", UID: uid(1), CreationTimestamp: created,
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "pilot-discovery", Operation: metav1.ManagedFieldsOperationUpdate,
				APIVersion: "certificates.k8s.io/v1", Time: &created, FieldsType: "FieldsV1", FieldsV1: &metav1.FieldsV1{Raw: []byte(managedFields)}}},
		},
		Spec: certificatesv1.CertificateSigningRequestSpec{Request: pkcs10, SignerName: request.Signer, ExpirationSeconds: &seconds,
			Usages: request.Usages, Username: user.Username, UID: user.UID, Groups: user.Groups, Extra: extra},
	})
	if err != nil {
		return nil, err
	}
	kind := metav1.GroupVersionKind{Group: "certificates.k8s.io", Version: "v1", Kind: "CertificateSigningRequest"}
	resource := metav1.GroupVersionResource{Group: "certificates.k8s.io", Version: "v1", Resource: "certificatesigningrequests"}
	dryRun := false
	return json.Marshal(&admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{Kind: "AdmissionReview", APIVersion: "admission.k8s.io/v1"},
		Request: &admissionv1.AdmissionRequest{UID: uid(0), Kind: kind, Resource: resource, RequestKind: &kind, RequestResource: &resource,
			Name: name, Operation: admissionv1.Create, UserInfo: user, Object: runtime.RawExtension{Raw: object}, DryRun: &dryRun,
			Options: runtime.RawExtension{Raw: []byte(`{"kind":"CreateOptions","apiVersion":"meta.k8s.io/v1"}`)}},
	})
}

// writeReviews writes, a line each, so many reviews that the policy grants, for its tenants' namespaces in turn. So many
// keys sign the requests, which are all different.
func (p *policy) writeReviews(file, kind string, count, keys int) error {
	var signing []crypto.Signer
	for range keys {
		key, err := lab.NewKey(kind)
		if err != nil {
			return err
		}
		signing = append(signing, key)
	}
	var lines bytes.Buffer
	for i := range count {
		t := p.Spec.Tenants[i%len(p.Spec.Tenants)]
		namespace := t.Namespaces[i/len(p.Spec.Tenants)%len(t.Namespaces)]
		request := lab.Workload(p.signerName(t.Signers[0]), namespace, fmt.Sprintf("app-%d", i))
		pkcs10, err := request.PEMWith(signing[i%len(signing)])
		if err != nil {
			return err
		}
		text, err := review(i, request, pkcs10, istiodUser())
		if err != nil {
			return err
		}
		lines.Write(append(text, '\n'))
	}
	return os.WriteFile(file, lines.Bytes(), 0o600)
}
