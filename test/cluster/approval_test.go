package cluster

import (
	"context"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"signet/test/cluster/lab"
)

func TestSignetApprovesWhatItGrantsAndWhatAPodThatIsAliveAsksForItself(t *testing.T) {
	policy := stagePolicy(t) + "  signers: [{name: foo, approval: automatic}]\n"
	asker, err := stage.plane.CreateAccount(patient(t), "foo", "asks-itself", lab.RequesterRules())
	if err != nil {
		t.Fatal(err)
	}
	itself := lab.Workload(signerFoo, "foo", asker.Name)
	// asks has a pod of the account ask for itself.
	asks := func(t *testing.T, pod *corev1.Pod, request lab.Request) *csr {
		t.Helper()
		bound, err := asker.BoundTo(patient(t), pod)
		if err != nil {
			t.Fatal(err)
		}
		return createBy(t, bound, request)
	}
	unbound := createBy(t, asker, itself)
	cases := []struct {
		name string
		ask  func(t *testing.T) *csr
		told string // why it is not approved; empty: it is
	}{
		{"istiod's, granted", func(t *testing.T) *csr { return create(t, lab.Workload(signerFoo, "foo", "httpbin")) }, ""},
		{"istiod's, not granted", func(t *testing.T) *csr { return create(t, thief()) }, "signet: SignerNotAllowed: "},
		{"its own, by a pod that runs", func(t *testing.T) *csr {
			pod := makePod(t, asker, "runs")
			setPhase(t, pod, corev1.PodRunning)
			return asks(t, pod, itself)
		}, ""},
		{"its own, by a pod that is to run", func(t *testing.T) *csr { return asks(t, makePod(t, asker, "is-to-run"), itself) }, ""},
		{"another's, by a pod", func(t *testing.T) *csr {
			return asks(t, makePod(t, asker, "runs-too"), lab.Workload(signerFoo, "foo", "httpbin"))
		}, "signet: RequesterNotAllowed: "},
		{"its own, by a token of no pod", func(*testing.T) *csr { return unbound },
			"its token is not bound to a pod (spec.extra)"},
		{"its own, by a pod that has ended", func(t *testing.T) *csr {
			pod := makePod(t, asker, "has-ended")
			setPhase(t, pod, corev1.PodSucceeded)
			return asks(t, pod, itself)
		}, `pod "has-ended" of namespace "foo" has ended or is being deleted`},
		{"its own, by a pod that is being deleted", func(t *testing.T) *csr {
			pod := makePod(t, asker, "is-going", "example.com/held")
			object := asks(t, pod, itself)
			deletePod(t, pod)
			return object
		}, `pod "is-going" of namespace "foo" has ended or is being deleted`},
		{"its own, by a pod that is gone", func(t *testing.T) *csr {
			pod := makePod(t, asker, "is-gone")
			object := asks(t, pod, itself)
			deletePod(t, pod)
			return object
		}, `pod "is-gone" of namespace "foo" is gone`},
		{"its own, by a pod that another has the name of", func(t *testing.T) *csr {
			pod := makePod(t, asker, "is-another")
			object := asks(t, pod, itself)
			deletePod(t, pod)
			makePod(t, asker, "is-another")
			return object
		}, `pod "is-another" of namespace "foo" is another by now`},
	}
	asked := make([]*csr, len(cases))
	for i, c := range cases {
		asked[i] = c.ask(t)
	}
	others := create(t, lab.Workload(signerBar, "bar", "httpbin")) // whose signer is left to others
	served := serveUnder(t, "all", policyInFile(t, policy), append(lab.SignetRules(allSigners...), lab.ApprovalRules(signerFoo)...))
	expectApproved := func(t *testing.T, object *csr) {
		t.Helper()
		signed := await(t, object, lab.HasCertificate)
		approved := signed.Status.Conditions[0]
		if len(signed.Status.Conditions) != 1 || approved.Type != certificatesv1.CertificateApproved || approved.Reason != "SignetPolicy" ||
			approved.Message != "granted by tenants[foo] of policy "+digestOf(policy) {
			t.Errorf("%+v", signed.Status.Conditions)
		}
		if signer := issuerOf(t, signed); signer != "foo" {
			t.Errorf("signed by %s", signer)
		}
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if c.told == "" {
				expectApproved(t, asked[i])
				return
			}
			awaitLog(t, served.Process, "CertificateSigningRequest "+asked[i].Name+": is not approved: "+c.told)
		})
	}
	t.Run("of a signer that is left to others", func(t *testing.T) {
		if now := current(t, others.Name); now.ResourceVersion != others.ResourceVersion {
			t.Errorf("touched: %+v", now.Status)
		}
		await(t, approve(t, others), lab.HasCertificate)
	})
	t.Run("behind the webhooks", func(t *testing.T) {
		register(t)
		expectApproved(t, create(t, lab.Workload(signerFoo, "foo", "late")))
		expectApproved(t, asks(t, makePod(t, asker, "runs-late"), itself))
	})
	for i, c := range cases {
		if now := current(t, asked[i].Name); c.told != "" && now.ResourceVersion != asked[i].ResourceVersion {
			t.Errorf("%s: touched in the end: %+v", c.name, now.Status)
		}
	}
	t.Run("somebody else may still approve what is granted", func(t *testing.T) {
		await(t, approve(t, unbound), lab.HasCertificate)
	})
}

// createBy submits the request under an account that may do no more, and deletes it after the test.
func createBy(t *testing.T, account *lab.Account, request lab.Request) *csr {
	t.Helper()
	object, _, err := lab.NewIstiodStandIn(account.Client()).Create(patient(t), request)
	if err != nil {
		t.Fatal(err)
	}
	discard(t, object.Name)
	return object
}

// makePod makes a pod of the account, which nobody runs, until the test ends.
func makePod(t *testing.T, account *lab.Account, name string, finalizers ...string) *corev1.Pod {
	t.Helper()
	pods := stage.plane.Admin().CoreV1().Pods(account.Namespace)
	made, err := pods.Create(patient(t), pod(func(p *corev1.Pod) {
		p.GenerateName, p.Name, p.Finalizers = "", name, finalizers
		p.Spec.ServiceAccountName = account.Name
	}), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := pods.Patch(context.Background(), name, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
		if err == nil {
			err = pods.Delete(context.Background(), name, metav1.DeleteOptions{})
		}
		if err != nil && !apierrors.IsNotFound(err) {
			t.Errorf("clean up: %v", err)
		}
	})
	return made
}

// setPhase says of a pod what a kubelet would.
func setPhase(t *testing.T, pod *corev1.Pod, phase corev1.PodPhase) {
	t.Helper()
	pod = pod.DeepCopy()
	pod.Status.Phase = phase
	if _, err := stage.plane.Admin().CoreV1().Pods(pod.Namespace).UpdateStatus(patient(t), pod, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func deletePod(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	if err := stage.plane.Admin().CoreV1().Pods(pod.Namespace).Delete(patient(t), pod.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}
