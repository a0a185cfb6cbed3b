package cluster

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"signet/test/cluster/lab"
)

// What a tenant of bar tries with an account that RBAC lets do everything to requests: the text of an object is its own.

const isCAAnnotation = "experimental.cert-manager.io/request-is-ca"

// ownRequest is what the forger may have: its own identity from its own tenant's signer.
func ownRequest() lab.Request { return lab.Workload(signerBar, "bar", "forger") }

// text is the request as JSON, to be garbled.
func text(t *testing.T, request lab.Request, change func(*csr)) string {
	t.Helper()
	object, _, err := request.Object()
	if err != nil {
		t.Fatal(err)
	}
	object.TypeMeta = metav1.TypeMeta{APIVersion: "certificates.k8s.io/v1", Kind: "CertificateSigningRequest"}
	if change != nil {
		change(object)
	}
	data, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// submit creates what the text says, as the forger, and deletes it after the test.
func submit(t *testing.T, body string) (*csr, error) {
	t.Helper()
	created := &csr{}
	err := stage.forger.CertificatesV1().RESTClient().Post().Resource("certificatesigningrequests").
		SetHeader("Content-Type", "application/json").Body([]byte(body)).Do(patient(t)).Into(created)
	if err == nil {
		discard(t, created.Name)
	}
	return created, err
}

func discard(t *testing.T, name string) {
	t.Cleanup(func() {
		requests := stage.forger.CertificatesV1().CertificateSigningRequests()
		if err := requests.Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			t.Errorf("clean up: %v", err)
		}
	})
}

func TestNoSpellingOfASignerNameGoesAround(t *testing.T) {
	serve(t, "webhook")
	register(t)
	const named = `"signerName":"` + signerBar + `"`
	stranger := `"signerName":"example.com/x"`
	cases := []struct {
		name    string
		instead string // of the name of the forger's own signer
		reason  string // Signet's; "invalid": the API server's; empty: admitted, for a signer that is none of ours
	}{
		{"another tenant's", `"signerName":"` + signerFoo + `"`, "SignerNotAllowed"},
		{"upper case in the domain", `"signerName":"Clusterissuers.cert-manager.io/foo"`, "invalid"},
		{"upper case in the name", `"signerName":"` + domain + `/FOO"`, "invalid"},
		{"a dot after the domain", `"signerName":"` + domain + `./foo"`, "invalid"},
		{"two slashes", `"signerName":"` + domain + `//foo"`, "invalid"},
		{"a slash at the end", `"signerName":"` + signerFoo + `/"`, "invalid"},
		{"a space before it", `"signerName":" ` + signerFoo + `"`, "invalid"},
		{"a NUL after it", `"signerName":"` + signerFoo + `\u0000"`, "invalid"},
		{"a name with a dot in our domain", `"signerName":"` + domain + `/bar.foo"`, "SignerNotAllowed"},
		{"null", `"signerName":null`, "invalid"},
		{"twice, the other tenant's last", named + `,"signerName":"` + signerFoo + `"`, "SignerNotAllowed"},
		{"twice, a stranger's last", `"signerName":"` + signerFoo + `",` + stranger, ""},
		{"twice, the other in capitals", stranger + `,"SIGNERNAME":"` + signerFoo + `"`, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			created, err := submit(t, strings.Replace(text(t, ownRequest(), nil), named, c.instead, 1))
			switch {
			case c.reason == "invalid":
				if !apierrors.IsInvalid(err) {
					t.Errorf("got %v, want the API server to call it invalid", err)
				}
			case c.reason != "":
				expectRefused(t, err, c.reason)
			case err != nil:
				t.Error(err)
			case created.Spec.SignerName != "example.com/x":
				t.Errorf("admitted for signer %s", created.Spec.SignerName)
			}
		})
	}
}

func TestWhatARequestSaysOfItselfCountsForNothing(t *testing.T) {
	serve(t, "webhook")
	register(t)
	t.Run("a requester in the spec", func(t *testing.T) {
		_, err := submit(t, text(t, lab.Workload(signerFoo, "foo", "httpbin"), func(object *csr) {
			object.Spec.Username = "system:serviceaccount:foo:httpbin"
			object.Spec.Groups = []string{"system:serviceaccounts", "system:serviceaccounts:foo"}
		}))
		expectRefused(t, err, "RequesterNotAllowed")
	})
	t.Run("a status", func(t *testing.T) {
		created, err := submit(t, text(t, ownRequest(), func(object *csr) {
			object.Status.Conditions = append(object.Status.Conditions, condition(certificatesv1.CertificateApproved))
			object.Status.Certificate = []byte("-----BEGIN CERTIFICATE-----\n")
		}))
		if err != nil || len(created.Status.Conditions) > 0 || lab.HasCertificate(created) {
			t.Errorf("%v, status %+v", err, created.Status)
		}
	})
	t.Run("an object made by a server-side apply", func(t *testing.T) {
		const name = "applied"
		force := true
		_, err := stage.forger.CertificatesV1().CertificateSigningRequests().Patch(patient(t), name, types.ApplyPatchType,
			[]byte(text(t, lab.Workload(signerFoo, "bar", "forger"), func(object *csr) {
				object.GenerateName, object.Name = "", name
			})),
			metav1.PatchOptions{FieldManager: "forger", Force: &force})
		expectRefused(t, err, "SignerNotAllowed")
	})
}

func TestEveryKindOfPatchIsJudged(t *testing.T) {
	serve(t, "webhook")
	register(t)
	target, err := submit(t, text(t, ownRequest(), nil))
	if err != nil {
		t.Fatal(err)
	}
	annotation := `"annotations":{"` + isCAAnnotation + `":"true"}`
	patches := []struct {
		name string
		kind types.PatchType
		body string
	}{
		{"strategic merge", types.StrategicMergePatchType, `{"metadata":{` + annotation + `}}`},
		{"JSON", types.JSONPatchType, `[{"op":"add","path":"/metadata/annotations","value":{"` + isCAAnnotation + `":"true"}}]`},
		{"apply", types.ApplyPatchType, `{"apiVersion":"certificates.k8s.io/v1","kind":"CertificateSigningRequest",
			"metadata":{"name":"` + target.Name + `",` + annotation + `}}`},
		{"merge that also moves it to a stranger's signer", types.MergePatchType,
			`{"metadata":{` + annotation + `},"spec":{"signerName":"example.com/x"}}`},
		{"merge that also approves it", types.MergePatchType,
			`{"metadata":{` + annotation + `},"status":{"conditions":[{"type":"Approved","status":"True"}]}}`},
	}
	for _, door := range doors {
		for _, patch := range patches {
			t.Run(patch.name+" through "+doorName(door), func(t *testing.T) {
				options := metav1.PatchOptions{FieldManager: "forger"}
				if patch.kind == types.ApplyPatchType {
					force := true
					options.Force = &force
				}
				var subresources []string
				if door != "" {
					subresources = []string{door}
				}
				_, err := stage.forger.CertificatesV1().CertificateSigningRequests().Patch(
					patient(t), target.Name, patch.kind, []byte(patch.body), options, subresources...)
				// Through /status nobody approves: the API server says so before anybody is asked.
				if door == "status" && strings.Contains(patch.name, "approves") {
					if !apierrors.IsInvalid(err) {
						t.Errorf("got %v, want the API server to call it invalid", err)
					}
				} else {
					expectRefused(t, err, "CaRequested")
				}
				if now := current(t, target.Name); now.ResourceVersion != target.ResourceVersion {
					t.Errorf("written all the same: %+v", now)
				}
			})
		}
	}
}

// The certificate of a request is never its successor's, whenever it is deleted.
func TestASuccessorOfTheSameNameIsSignedOnlyForItself(t *testing.T) {
	serve(t, "all")
	register(t)
	requests := stage.forger.CertificatesV1().CertificateSigningRequests()
	const name = "successor"
	named := func(object *csr) { object.GenerateName, object.Name = "", name }
	for range 20 {
		first, err := submit(t, text(t, ownRequest(), named))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := lab.NewIstiodStandIn(stage.forger).Approve(patient(t), first); err != nil {
			t.Fatal(err)
		}
		if err := requests.Delete(patient(t), name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		second, err := submit(t, text(t, ownRequest(), named))
		if err != nil {
			t.Fatal(err)
		}
		// Signed after the first was seen, so that the first is over and done with.
		await(t, approve(t, create(t, lab.Workload(signerBar, "bar", "other"))), lab.HasCertificate)
		if now := current(t, name); now.UID != second.UID || lab.IsSettled(now) {
			t.Fatalf("uid %s, of the second %s; status %+v", now.UID, second.UID, now.Status)
		}
		if err := requests.Delete(patient(t), name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}
