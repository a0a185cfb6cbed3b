package mesh

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"signet/test/cluster/lab"
)

// Ten minutes is the least that the API lets anybody ask for. The agents renew theirs after two in a hundred of that, so that the
// test does not take as long.
var shortLived = []string{"SECRET_TTL=10m", "SECRET_GRACE_PERIOD_RATIO=0.98", "SECRET_GRACE_PERIOD_RATIO_JITTER=0"}

func TestCertificatesAreRenewedThroughRestartsOfIstiodAndSignet(t *testing.T) {
	signet := supervise(t, launchSignet)
	register(t)
	startIstio(t)
	applyProxyConfigs(t)
	pods := []*lab.MeshPod{
		startPod(t, "foo", "curl", shortLived...), startPod(t, "foo", "httpbin", shortLived...), startPod(t, "bar", "httpbin", shortLived...),
	}
	awaitRenewal(t, pods)

	if err := stage.Istio.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := stage.Istio.Start(patient(t)); err != nil {
		t.Fatal(err)
	}
	awaitRenewal(t, pods)

	if err := signet.Stop(); err != nil {
		t.Fatal(err)
	}
	supervise(t, launchSignet)
	awaitRenewal(t, pods)
	records, err := lab.ReadAudit(stage.signet.AuditLog())
	if err != nil {
		t.Fatal(err)
	}
	if err := lab.CheckChain(records); err != nil {
		t.Error(err)
	}
}

// awaitRenewal waits until each pod has another certificate than now. None may be without a valid one in between.
func awaitRenewal(t *testing.T, pods []*lab.MeshPod) {
	t.Helper()
	current := func(pod *lab.MeshPod) string {
		svid, err := pod.SVID()
		if err != nil {
			t.Fatalf("%s: %v", pod.Pod.Name, err)
		}
		if now := time.Now(); now.Before(svid.Chain[0].NotBefore) || now.After(svid.Chain[0].NotAfter) {
			t.Fatalf("%s: its certificate is valid from %v to %v", pod.Pod.Name, svid.Chain[0].NotBefore, svid.Chain[0].NotAfter)
		}
		return svid.Chain[0].SerialNumber.String()
	}
	before := map[*lab.MeshPod]string{}
	for _, pod := range pods {
		before[pod] = current(pod)
	}
	eventually(t, func() error {
		var waiting []string
		for _, pod := range pods {
			if current(pod) == before[pod] {
				waiting = append(waiting, pod.Pod.Name)
			}
		}
		if len(waiting) > 0 {
			return fmt.Errorf("not renewed yet: %v", waiting)
		}
		return nil
	})
}

func TestEverythingComesUpInAnyOrder(t *testing.T) {
	signet := supervise(t, launchSignet)
	register(t)
	startIstio(t)
	applyProxyConfigs(t)
	if err := errors.Join(stage.Istio.Stop(), signet.Stop()); err != nil {
		t.Fatal(err)
	}
	launchIstiod := func() (*lab.Process, error) { return stage.Istio.Launch() }
	for _, order := range [][]string{
		{"control plane", "istiod", "signet"}, {"control plane", "signet", "istiod"},
		{"istiod", "control plane", "signet"}, {"istiod", "signet", "control plane"},
		{"signet", "control plane", "istiod"}, {"signet", "istiod", "control plane"},
	} {
		t.Run(strings.Join(order, ", then "), func(t *testing.T) {
			stage.plane.Kill()
			for _, program := range order {
				switch program {
				case "control plane": // it is ready before the next one starts; the others run, and no more is sure
					if err := stage.plane.Restart(); err != nil {
						t.Fatal(err)
					}
				case "istiod":
					supervise(t, launchIstiod)
				case "signet":
					supervise(t, launchSignet)
				}
			}
			if err := stage.Istio.Ready(patient(t)); err != nil {
				t.Fatal(err)
			}
			pod := startPod(t, "foo", "httpbin")
			expectIssuedBy(t, pod, "foo")
		})
	}
	supervise(t, launchSignet) // what is cleaned up is asked for
}

func TestOnlyCertificatesOfItsSignersWaitForSignet(t *testing.T) {
	process := guarded(t, "all")
	applyProxyConfigs(t)
	process.Kill()

	pod, err := stage.Istio.CreatePod(patient(t), stage.plane.Admin(), lab.PodOf("foo", "httpbin"))
	if err != nil {
		t.Fatalf("a pod waits: %v", err)
	}
	t.Cleanup(func() { deletePod(t, pod) })
	if _, err := stage.plane.Admin().CoreV1().Pods("foo").Create(patient(t), withOwnSigner(lab.PodOf("foo", "curl")),
		metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}); err != nil {
		t.Errorf("a pod that names its signer waits: %v", err)
	}
	if err := createProxyConfig(t, "foo", map[string]any{"environmentVariables": map[string]any{signerVariable: "foo"}}); err != nil {
		t.Errorf("a ProxyConfig waits: %v", err)
	}
	foreign, _, err := lab.Workload("example.com/another", "foo", "httpbin").Object()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stage.plane.Admin().CertificatesV1().CertificateSigningRequests().Create(patient(t), foreign,
		metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}); err != nil {
		t.Errorf("a request to another's signer waits: %v", err)
	}
	if err := pod.Launch(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if said := pod.Process().Output(); !strings.Contains(said, `failed calling webhook "certificatesigningrequests`) {
			return fmt.Errorf("the agent has not heard that nobody could judge its request:\n%s", said)
		}
		return nil
	})
	expectNothing(t, pod)

	serve(t, "all")
	if _, err := pod.Await(patience); err != nil {
		t.Fatal(err)
	}
	expectIssuedBy(t, pod, "foo")
}

func withOwnSigner(pod *corev1.Pod) *corev1.Pod {
	pod.Annotations = map[string]string{"proxy.istio.io/config": "proxyMetadata:\n  " + signerVariable + ": foo\n"}
	return pod
}

func launchSignet() (*lab.Process, error) { return stage.signet.Launch("all") }

// supervise keeps the program running until the test ends.
func supervise(t *testing.T, start func() (*lab.Process, error)) *lab.Supervised {
	t.Helper()
	program, err := lab.Supervise(start)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := program.Stop(); err != nil {
			t.Error(err)
		}
	})
	return program
}
