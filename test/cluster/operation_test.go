package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/test/cluster/lab"
)

func TestWebhookAndSignerAsTwoProcesses(t *testing.T) {
	webhook := serve(t, "webhook")
	signer := serve(t, "signer")
	register(t)
	t.Run("what is granted is signed", func(t *testing.T) {
		if _, err := stage.istiod.Sign(patient(t), lab.Workload(signerBar, "bar", "httpbin")); err != nil {
			t.Error(err)
		}
	})
	t.Run("what is not is refused", func(t *testing.T) {
		_, err := stage.istiod.Sign(patient(t), thief())
		expectRefused(t, err, "SignerNotAllowed")
	})
	t.Run("without its signer the webhook still refuses", func(t *testing.T) {
		signer.Kill()
		_, err := stage.istiod.Sign(patient(t), thief())
		expectRefused(t, err, "SignerNotAllowed")
	})
	t.Run("the signer signs what waited, though the webhook is gone", func(t *testing.T) {
		waiting := approve(t, create(t, lab.Workload(signerBar, "bar", "httpbin")))
		webhook.Kill()
		serve(t, "signer")
		await(t, waiting, lab.HasCertificate)
	})
}

func TestRestartSignsWhatWaited(t *testing.T) {
	for _, end := range []string{"SIGTERM", "SIGKILL"} {
		t.Run(end, func(t *testing.T) {
			process := serve(t, "signer")
			await(t, approve(t, create(t, lab.Workload(signerFoo, "foo", "first"))), lab.HasCertificate)
			if end == "SIGKILL" {
				process.Kill()
			} else {
				stop(t, process)
			}
			var waiting []*csr
			for _, request := range []lab.Request{
				lab.Workload(signerFoo, "foo", "httpbin"), lab.Workload(signerBar, "bar", "httpbin"), lab.Workload(signerMesh, "istio-system", "gateway"),
			} {
				waiting = append(waiting, approve(t, create(t, request)))
			}
			stolen := approve(t, create(t, thief()))
			late := create(t, lab.Workload(signerFoo, "foo", "late"))
			serve(t, "signer")
			for _, object := range waiting {
				await(t, object, lab.HasCertificate)
			}
			if lab.HasCertificate(await(t, stolen, lab.IsSettled)) {
				t.Error("the thief has a certificate")
			}
			await(t, approve(t, late), lab.HasCertificate)
			records, err := lab.ReadAudit(stage.signet.AuditLog())
			if err != nil {
				t.Fatal(err)
			}
			if err := lab.CheckChain(records); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSigtermRightAfterTheStartEndsInOrder(t *testing.T) {
	for _, role := range []string{"signer", "webhook", "all"} {
		for range 5 {
			stop(t, serve(t, role))
		}
	}
}

func TestAnAPIServerThatGoesAwayIsFoundAgain(t *testing.T) {
	serve(t, "signer")
	await(t, approve(t, create(t, lab.Workload(signerFoo, "foo", "before"))), lab.HasCertificate)
	stage.plane.KillAPIServer()
	if err := stage.plane.StartAPIServer(); err != nil {
		t.Fatal(err)
	}
	await(t, approve(t, create(t, lab.Workload(signerFoo, "foo", "after"))), lab.HasCertificate)
}

func TestEveryCertificateIsRecordedBeforeItIsSeen(t *testing.T) {
	serve(t, "all")
	register(t)
	const each = 8
	var clients sync.WaitGroup
	var lock sync.Mutex
	published := map[string]string{} // SHA-256 of a certificate to the uid of its request
	for _, tenant := range []string{"foo", "bar"} {
		for i := range each {
			clients.Go(func() {
				issued, err := stage.istiod.Sign(patient(t), lab.Workload(domain+"/"+tenant, tenant, fmt.Sprintf("workload-%d", i)))
				if err != nil {
					t.Error(err)
					return
				}
				chain, err := lab.ParsePEM(issued.Object.Status.Certificate)
				if err != nil {
					t.Error(err)
					return
				}
				fingerprint := lab.Fingerprint(chain[0])
				records, err := lab.ReadAudit(stage.signet.AuditLog())
				if err != nil {
					t.Error(err)
					return
				}
				found := 0
				for _, record := range records {
					if record.Event == "issued" && record.Certificate.SHA256 == fingerprint && record.CSR.UID == string(issued.Object.UID) {
						found++
					}
				}
				if found != 1 {
					t.Errorf("%s was seen with %d records of its issuance", issued.Object.Name, found)
				}
				lock.Lock()
				defer lock.Unlock()
				published[fingerprint] = string(issued.Object.UID)
			})
		}
	}
	clients.Wait()
	if len(published) != 2*each {
		t.Fatalf("%d certificates, want %d", len(published), 2*each)
	}

	// `published` follows the write, so the last of them may still be on their way.
	eventually(t, func() error {
		records, err := lab.ReadAudit(stage.signet.AuditLog())
		if err != nil {
			return err
		}
		ends, err := lab.Ends(records)
		if err != nil {
			return err
		}
		for fingerprint, uid := range published {
			if ends[fingerprint] != "published" {
				return fmt.Errorf("the certificate of %s is %q, not published", uid, ends[fingerprint])
			}
		}
		return lab.CheckChain(records)
	})
}

func TestSigtermInTheMiddleLosesNothing(t *testing.T) {
	process := serve(t, "signer")
	var objects []*csr
	for i := range 40 {
		objects = append(objects, approve(t, create(t, lab.Workload(signerFoo, "foo", fmt.Sprintf("busy-%d", i)))))
	}
	stop(t, process)
	serve(t, "signer")
	for _, object := range objects {
		await(t, object, lab.HasCertificate)
	}
	eventually(t, func() error {
		records, err := lab.ReadAudit(stage.signet.AuditLog())
		if err != nil {
			return err
		}
		for _, object := range objects {
			events := map[string]int{}
			for _, record := range records {
				if record.CSR.UID == string(object.UID) {
					events[record.Event]++
				}
			}
			if events["published"] != 1 || events["issued"] != events["published"]+events["discarded"] {
				return fmt.Errorf("%s: %v", object.Name, events)
			}
		}
		return lab.CheckChain(records)
	})
}

func TestRefusalsAreInTheReviewLog(t *testing.T) {
	serve(t, "webhook")
	register(t)
	request := lab.Workload(signerFoo, "bar", "thief-on-record")
	_, err := stage.istiod.Sign(patient(t), request)
	expectRefused(t, err, "SignerNotAllowed")
	eventually(t, func() error {
		records, err := lab.ReadAudit(stage.signet.ReviewLog())
		if err != nil {
			return err
		}
		for _, record := range records {
			if record.Identity == request.URIs[0] && record.Reason == "SignerNotAllowed" && record.Requester == stage.istiodUser.Username() {
				return lab.CheckChain(records)
			}
		}
		return fmt.Errorf("no record of the thief among %d", len(records))
	})
}

func TestTooLittleRBACIsToldAtStart(t *testing.T) {
	const csrs = "certificatesigningrequests"
	full := lab.SignetRules(allSigners...)
	cases := []struct {
		name  string
		rules lab.Rules
		told  []string
	}{
		{"no-get", lab.Without(full, "get", csrs), []string{"get", csrs}},
		{"no-list", lab.Without(full, "list", csrs), []string{"list", csrs}},
		{"no-watch", lab.Without(full, "watch", csrs), []string{"watch", csrs}},
		{"no-status", lab.Without(full, "patch", csrs+"/status"), []string{"patch", csrs + "/status"}},
		{"no-sign", lab.Without(full, "sign", "signers"), []string{"sign", "signers", signerFoo, signerBar, signerMesh}},
		{"one-signer-missing", lab.SignetRules(signerFoo, signerMesh), []string{"sign", "signers", signerBar}},
		{"nothing", nil, []string{"list", "watch", "patch", "sign"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			account, err := stage.plane.CreateAccount(patient(t), "signet", c.name, c.rules)
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(stage.signet.Dir, c.name)
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			restricted, err := stage.signet.As(account, dir)
			if err != nil {
				t.Fatal(err)
			}
			expectNotToStart(t, restricted, "all", c.told...)
		})
	}
}

func TestAWebhookStartsWhereItMayReadTheLabelsThatThePolicyAsks(t *testing.T) {
	nothing, err := stage.plane.CreateAccount(patient(t), "signet", "guards-alone", nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted, err := stage.signet.As(nothing, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	process, err := restricted.Serve("webhook")
	if err != nil {
		t.Fatal(err)
	}
	stop(t, process)
	restricted.Policy = policyBeside(t, guarded...)
	expectNotToStart(t, restricted, "webhook", "may not list namespaces", "may not watch namespaces")
}

func expectNotToStart(t *testing.T, signet *lab.Signet, role string, told ...string) {
	t.Helper()
	process, err := signet.Launch(role)
	if err != nil {
		t.Fatal(err)
	}
	defer process.Kill()
	select {
	case <-process.Exited():
	case <-time.After(patience):
		t.Fatalf("still running:\n%s", process.Output())
	}
	if code := process.ExitCode(); code != 1 && code != 2 {
		t.Errorf("exit code %d", code)
	}
	for _, word := range told {
		if !strings.Contains(process.Output(), word) {
			t.Errorf("does not name %q:\n%s", word, process.Output())
		}
	}
}
