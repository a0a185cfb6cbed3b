package cluster

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"signet/test/cluster/lab"
)

// A policy that changes while Signet is served.

const signerBaz = domain + "/baz"

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// stagePolicy is the text of the stage's policy with these replaced: old, new, old, new.
func stagePolicy(t *testing.T, oldnew ...string) string {
	t.Helper()
	text, err := os.ReadFile(stage.signet.Policy)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(oldnew); i += 2 {
		if !bytes.Contains(text, []byte(oldnew[i])) {
			t.Fatalf("the policy has no %q", oldnew[i])
		}
	}
	return strings.NewReplacer(oldnew...).Replace(string(text))
}

// withBaz is a policy with one more tenant, whose signer is its own.
func withBaz(policy string) string {
	return policy + "  - {name: baz, namespaces: [baz], signers: [baz]}\n"
}

// replaceFile puts the text under the name at once.
func replaceFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// reloading is a Signet whose policy is a file of its own, which the test may change.
type reloading struct {
	*lab.Process
	account *lab.Account
	policy  string // file
	scrape  func() samples
	url     string
	client  *http.Client
}

// serveReloading runs a role that listens, under an account of its own that may sign for these signers. It is the stage's until the test ends.
func serveReloading(t *testing.T, role, policyFile string, signers ...string) *reloading {
	t.Helper()
	return serveUnder(t, role, policyFile, lab.SignetRules(signers...))
}

// serveUnder is serveReloading with an account that may do what the rules say.
func serveUnder(t *testing.T, role, policyFile string, rules lab.Rules) *reloading {
	t.Helper()
	account, err := stage.plane.CreateAccount(patient(t), "signet", strings.ToLower(t.Name()), rules)
	if err != nil {
		t.Fatal(err)
	}
	before := stage.signet
	other, err := before.As(account, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	other.Policy = policyFile
	other.Arguments = []string{"--metrics-listen", "127.0.0.1:0"}
	stage.signet = other
	t.Cleanup(func() { stage.signet = before })
	served := &reloading{Process: serve(t, role), account: account, policy: policyFile}
	metrics := fmt.Sprintf("http://127.0.0.1:%s/metrics", logged(t, served.Process, "serving metrics")["port"])
	served.scrape = func() samples { return parseSamples(t, served.get(t, metrics)) }
	serving, err := os.ReadFile(filepath.Join(other.Dir, "serving-ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(serving)
	served.client = &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	served.url = fmt.Sprintf("https://127.0.0.1:%s", logged(t, served.Process, "listening")["port"])
	return served
}

// grant has the account do what the rules say, and no more.
func (r *reloading) grant(t *testing.T, rules lab.Rules) {
	t.Helper()
	roles := stage.plane.Admin().RbacV1().ClusterRoles()
	role, err := roles.Get(patient(t), "signet:"+r.account.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	role.Rules = rules
	if _, err := roles.Update(patient(t), role, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func (r *reloading) get(t *testing.T, url string) string {
	t.Helper()
	response, err := r.client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %v\n%s", url, response.Status, err, body)
	}
	return string(body)
}

// count is how many lines of the log have this message and these members.
func (r *reloading) count(message string, members map[string]string) int {
	count := 0
	for text := range strings.Lines(r.Output()) {
		var line map[string]string
		if json.Unmarshal([]byte(text), &line) != nil || line["message"] != message {
			continue
		}
		maps.DeleteFunc(line, func(key, value string) bool { return members[key] != value })
		if len(line) == len(members) {
			count++
		}
	}
	return count
}

// awaitPolicy waits until the metrics say that this text is in force, and alone.
func (r *reloading) awaitPolicy(t *testing.T, text string) {
	t.Helper()
	eventually(t, func() error {
		var infos []string
		now := r.scrape()
		for name := range now {
			if strings.HasPrefix(name, "signet_policy_info{") {
				infos = append(infos, name)
			}
		}
		if want := fmt.Sprintf("signet_policy_info{digest=%q}", digestOf(text)); !slices.Equal(infos, []string{want}) || now[want] != 1 {
			return fmt.Errorf("%v in force, want %s\n%s", infos, want, r.Output())
		}
		return nil
	})
}

func (r *reloading) awaitRefusal(t *testing.T, inForce, file, problem string) {
	t.Helper()
	eventually(t, func() error {
		if r.count("policy not taken", map[string]string{"old": digestOf(inForce), "new": digestOf(file)}) != 1 ||
			!strings.Contains(r.Output(), "policy not taken: "+problem) {
			return fmt.Errorf("the log does not tell %q once:\n%s", problem, r.Output())
		}
		return nil
	})
	if now := r.scrape(); now["signet_policy_last_reload_successful"] != 0 {
		t.Error("the metrics call the last reload successful")
	}
	if ready := r.get(t, r.url+"/readyz"); !strings.Contains(ready, "ok policy: the file is not the policy in force") {
		t.Errorf("/readyz says %q", ready)
	}
	r.awaitPolicy(t, inForce)
}

// policyInFile is a file of its own with that text.
func policyInFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "policy.yaml")
	replaceFile(t, file, text)
	return file
}

// makeAuthority puts a CA for the signer beside the others until the test ends.
func makeAuthority(t *testing.T, signer string) *lab.Authority {
	t.Helper()
	authority, err := lab.NewRoot(signer + " root")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(stage.signet.Dir, "ca", signer)
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := authority.WriteTo(dir); err != nil {
		t.Fatal(err)
	}
	return authority
}

func admitted(t *testing.T, request lab.Request) error {
	t.Helper()
	_, err := dryRun(t, request)
	return err
}

func TestReloadAnEditedPolicyDecidesWithoutARestart(t *testing.T) {
	first := stagePolicy(t)
	second := stagePolicy(t, "namespaces: [foo]", "namespaces: [foo, lately]")
	served := serveReloading(t, "all", policyInFile(t, first), allSigners...)
	register(t)
	served.awaitPolicy(t, first)
	late := lab.Workload(signerFoo, "lately", "httpbin")
	expectRefused(t, admitted(t, late), "NoTenant")
	loaded := served.scrape()["signet_policy_loaded_timestamp_seconds"]

	if err := os.WriteFile(served.policy, []byte(second), 0o600); err != nil { // in place, as an editor may
		t.Fatal(err)
	}
	served.awaitPolicy(t, second)
	if _, err := stage.istiod.Sign(patient(t), late); err != nil {
		t.Fatal(err)
	}
	if served.count("policy reloaded", map[string]string{"old": digestOf(first), "new": digestOf(second)}) != 1 {
		t.Error("the log does not tell the reload once")
	}
	now := served.scrape()
	if now[`signet_policy_reloads_total{result="success"}`] != 1 || now[`signet_policy_reloads_total{result="failure"}`] != 0 ||
		now["signet_policy_last_reload_successful"] != 1 || now["signet_policy_loaded_timestamp_seconds"] <= loaded {
		t.Errorf("the metrics tell the reload otherwise: %v", now)
	}
	decisions := map[string]string{} // digest to what was decided about the late namespace
	eventually(t, func() error {
		records, err := lab.ReadAudit(stage.signet.ReviewLog())
		if err != nil {
			return err
		}
		for _, record := range records {
			if record.Identity == late.URIs[0] && record.Event == "review" {
				decisions[record.Policy] = record.Decision
			}
		}
		if want := map[string]string{digestOf(first): "denied", digestOf(second): "granted"}; !maps.Equal(decisions, want) {
			return fmt.Errorf("decided %v, want %v", decisions, want)
		}
		return nil
	})
}

func TestReloadAConfigMapThatIsSwappedIsSeen(t *testing.T) {
	first := stagePolicy(t)
	second := stagePolicy(t, "namespaces: [foo]", "namespaces: [foo, lately]")
	dir := t.TempDir()
	mount := func(generation, text string) { // as the kubelet does
		t.Helper()
		if err := os.Mkdir(filepath.Join(dir, generation), 0o700); err != nil {
			t.Fatal(err)
		}
		replaceFile(t, filepath.Join(dir, generation, "policy.yaml"), text)
		if err := os.Symlink(generation, filepath.Join(dir, "..data_tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	mount("..one", first)
	file := filepath.Join(dir, "policy.yaml")
	if err := os.Symlink(filepath.Join("..data", "policy.yaml"), file); err != nil {
		t.Fatal(err)
	}
	served := serveReloading(t, "webhook", file, allSigners...)
	served.awaitPolicy(t, first)
	mount("..two", second)
	served.awaitPolicy(t, second)
	if err := os.RemoveAll(filepath.Join(dir, "..one")); err != nil {
		t.Fatal(err)
	}
	mount("..three", first)
	served.awaitPolicy(t, first)
}

func TestReloadABrokenPolicyLeavesTheLastGoodOne(t *testing.T) {
	good := stagePolicy(t)
	served := serveReloading(t, "all", policyInFile(t, good), allSigners...)
	register(t)
	line := func(word string) string { // where the policy has it, as problems name it
		return fmt.Sprintf("%s:%d:", served.policy, 1+strings.Count(good[:strings.Index(good, word)], "\n"))
	}
	cases := []struct {
		name    string
		text    string
		problem string
	}{
		{"a misspelt key", stagePolicy(t, "defaultSigner:", "defaultSinger:"), line("defaultSigner:") + "3: spec: unknown key"},
		{"a namespace of two tenants", stagePolicy(t, "namespaces: [bar]", "namespaces: [foo]"), line("namespaces: [bar]") + "18: "},
		{"others who issue", stagePolicy(t) + "  issuers: [somebody]\n", "the policy's issuers do not name " + served.account.Username()},
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			replaceFile(t, served.policy, c.text)
			served.awaitRefusal(t, good, c.text, c.problem)
			if _, err := stage.istiod.Sign(patient(t), lab.Workload(signerFoo, "foo", "httpbin")); err != nil {
				t.Error(err)
			}
			expectRefused(t, admitted(t, thief()), "SignerNotAllowed")
			if failures := served.scrape()[`signet_policy_reloads_total{result="failure"}`]; failures != float64(i+1) {
				t.Errorf("%v failures counted, want %d", failures, i+1)
			}
		})
	}
	t.Run("a file that is gone", func(t *testing.T) {
		if err := os.Rename(served.policy, served.policy+".away"); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() error {
			if !strings.Contains(served.Output(), "policy not taken: "+served.policy+": No such file or directory") {
				return fmt.Errorf("the log does not tell it:\n%s", served.Output())
			}
			return nil
		})
		served.awaitPolicy(t, good)
	})
	t.Run("the good one again", func(t *testing.T) {
		replaceFile(t, served.policy, good)
		eventually(t, func() error {
			if now := served.scrape(); now["signet_policy_last_reload_successful"] != 1 {
				return fmt.Errorf("not mended:\n%s", served.Output())
			}
			return nil
		})
		if ready := served.get(t, served.url+"/readyz"); strings.Contains(ready, "not the policy in force") {
			t.Errorf("/readyz says %q", ready)
		}
	})
	t.Run("SIGHUP has it read and told", func(t *testing.T) {
		if err := served.Hangup(); err != nil {
			t.Fatal(err)
		}
		logged(t, served.Process, "the policy file holds the policy in force")
	})
}

func TestReloadANewSignerSignsWhenAllOfItIsThere(t *testing.T) {
	first := stagePolicy(t)
	second := withBaz(first)
	served := serveReloading(t, "all", policyInFile(t, first), allSigners...)
	// No webhook is registered: nobody stops a request for a signer that no tenant has.
	waiting := approve(t, create(t, lab.Workload(signerBaz, "baz", "early")))
	await(t, approve(t, create(t, lab.Workload(signerFoo, "foo", "before"))), lab.HasCertificate)

	replaceFile(t, served.policy, second)
	served.awaitRefusal(t, first, second, `signer \"baz\": `)
	if !strings.Contains(served.Output(), served.account.Username()+" may not sign signers of certificates.k8s.io named "+signerBaz) {
		t.Errorf("the log does not tell the missing permission:\n%s", served.Output())
	}
	await(t, approve(t, create(t, lab.Workload(signerFoo, "foo", "meanwhile"))), lab.HasCertificate)

	authority := makeAuthority(t, "baz")
	served.grant(t, lab.SignetRules(append(slices.Clone(allSigners), signerBaz)...))
	served.awaitPolicy(t, second) // without another touch of the file
	for _, object := range []*csr{waiting, approve(t, create(t, lab.Workload(signerBaz, "baz", "late")))} {
		chain, err := lab.ParsePEM(await(t, object, lab.HasCertificate).Status.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		if err := chain[0].CheckSignatureFrom(authority.Certificate); err != nil {
			t.Error(err)
		}
	}
	await(t, approve(t, create(t, lab.Workload(signerFoo, "foo", "after"))), lab.HasCertificate)
	// `published` is counted after the certificate stands.
	expectRise(t, served.scrape, samples{`signet_certificates_total{result="published",signer="baz"}`: 0},
		map[string]float64{`signet_certificates_total{result="published",signer="baz"}`: 2})
	if now := served.scrape(); now[`signet_ca_not_after_timestamp_seconds{signer="baz"}`] == 0 {
		t.Error("the metrics do not know the new CA")
	}

	replaceFile(t, served.policy, first)
	served.awaitPolicy(t, first)
	abandoned := approve(t, create(t, lab.Workload(signerBaz, "baz", "too-late")))
	await(t, approve(t, create(t, lab.Workload(signerFoo, "foo", "at-last"))), lab.HasCertificate)
	if lab.IsSettled(current(t, abandoned.Name)) {
		t.Error("a request for a signer that went was looked at")
	}
}

func TestReloadAnAPIServerThatIsAwayIsWaitedFor(t *testing.T) {
	first := stagePolicy(t)
	second := withBaz(first)
	makeAuthority(t, "baz")
	served := serveReloading(t, "all", policyInFile(t, first), append(slices.Clone(allSigners), signerBaz)...)
	stage.plane.KillAPIServer()
	replaceFile(t, served.policy, second)
	served.awaitRefusal(t, first, second, "asking the API server what we may do failed: ")
	if err := stage.plane.StartAPIServer(); err != nil {
		t.Fatal(err)
	}
	served.awaitPolicy(t, second)
	await(t, approve(t, create(t, lab.Workload(signerBaz, "baz", "httpbin"))), lab.HasCertificate)
	if failures := served.scrape()[`signet_policy_reloads_total{result="failure"}`]; failures < 1 {
		t.Errorf("%v failures counted", failures)
	}
}

func TestReloadNoDecisionSeesHalfAPolicy(t *testing.T) {
	const swaps = 40
	// The two decide the opposite of each other, and have other signers, so that each swap brings other CAs and watches.
	policies := []string{stagePolicy(t), withBaz(stagePolicy(t, "namespaces: [foo]", "namespaces: [bar]", "namespaces: [bar]", "namespaces: [foo]"))}
	first, second := digestOf(policies[0]), digestOf(policies[1])
	makeAuthority(t, "baz")
	served := serveReloading(t, "all", policyInFile(t, policies[0]), append(slices.Clone(allSigners), signerBaz)...)
	served.awaitPolicy(t, policies[0])

	type decision struct{ policy, identity, signer, tenant, decision, reason string }
	want := map[decision]int{}
	const foos, bars = "spiffe://cluster.local/ns/foo/", "spiffe://cluster.local/ns/bar/"
	for _, d := range []decision{
		{first, foos, signerFoo, "foo", "granted", ""},
		{second, foos, signerFoo, "bar", "denied", "SignerNotAllowed"},
		{first, bars, signerBar, "bar", "granted", ""},
		{second, bars, signerBar, "foo", "denied", "SignerNotAllowed"},
		{first, bars, signerFoo, "bar", "denied", "SignerNotAllowed"},
		{second, bars, signerFoo, "foo", "granted", ""},
	} {
		want[d] = 0
	}
	check := func(record lab.AuditRecord, decided string) {
		at := strings.Index(record.Identity, "sa/")
		if at < 0 {
			t.Errorf("a record of nobody: %+v", record)
			return
		}
		d := decision{record.Policy, record.Identity[:at], record.Signer.Requested, record.Tenant, decided, record.Reason}
		if _, known := want[d]; !known {
			t.Errorf("neither policy decides so: %+v", d)
		}
		want[d] += max(record.Count, 1)
	}

	done, end := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for _, name := range []string{"workload-ecdsa", "workload-bar", "workload-asks-another-tenants-signer"} {
		review, err := os.ReadFile(filepath.Join(stageProject(t), "test", "testdata", "reviews", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			clients.Go(func() {
				for done.Err() == nil {
					response, err := served.client.Post(served.url+"/validate", "application/json", bytes.NewReader(review))
					if err != nil {
						t.Error(err)
						return
					}
					_, err = io.Copy(io.Discard, response.Body)
					if response.Body.Close(); err != nil || response.StatusCode != http.StatusOK {
						t.Errorf("%s: %v", response.Status, err)
						return
					}
				}
			})
		}
	}
	var issued []*csr
	clients.Go(func() { // and certificates are asked for, beside any webhook
		for i := 0; done.Err() == nil; i++ {
			request := lab.Workload([]string{signerFoo, signerBar}[i%2], []string{"foo", "bar", "bar"}[i%3], "busy")
			if request.Signer == signerBar {
				request.URIs = []string{bars + "sa/busy"}
			}
			object, _, err := stage.istiod.Create(t.Context(), request)
			if err == nil {
				issued = append(issued, object)
				_, err = stage.istiod.Approve(t.Context(), object)
			}
			if err != nil {
				t.Error(err)
				return
			}
			time.Sleep(20 * time.Millisecond) // for the API server's sake
		}
	})
	for i := range swaps {
		text := policies[(i+1)%2]
		replaceFile(t, served.policy, text)
		if i%3 > 0 { // else it is seen without a word
			if err := served.Hangup(); err != nil {
				t.Fatal(err)
			}
		}
		served.awaitPolicy(t, text)
	}
	end()
	clients.Wait()
	if reloads := served.scrape()[`signet_policy_reloads_total{result="success"}`]; reloads != swaps {
		t.Errorf("%v reloads, want %d", reloads, swaps)
	}

	for _, object := range issued {
		settled := await(t, object, lab.IsSettled)
		if err := stage.istiod.Delete(patient(t), object.Name); err != nil {
			t.Error(err)
		}
		if lab.HasCertificate(settled) {
			chain, err := lab.ParsePEM(settled.Status.Certificate)
			if err != nil {
				t.Fatal(err)
			}
			signer := strings.TrimPrefix(object.Spec.SignerName, domain+"/")
			if err := chain[0].CheckSignatureFrom(stage.authorities[signer].Certificate); err != nil {
				t.Error(err)
			}
		}
	}
	audit := stage.signet.AuditLog()
	reviews := stage.signet.ReviewLog()
	replaceFile(t, served.policy, policies[1])
	if err := served.Hangup(); err != nil {
		t.Fatal(err)
	}
	stop(t, served.Process) // in the middle of a reload, and tells the counts that are open
	records, err := lab.ReadAudit(reviews)
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range records {
		if record.Event == "review" {
			check(record, record.Decision)
		}
	}
	for d, count := range want {
		if count == 0 {
			t.Errorf("never decided: %+v", d)
		}
	}
	t.Logf("reviews: %v", want)
	if records, err = lab.ReadAudit(audit); err != nil {
		t.Fatal(err)
	}
	events := map[string]int{}
	for _, record := range records {
		switch events[record.Event+" "+record.Policy]++; record.Event {
		case "issued":
			check(record, "granted")
		case "refused":
			check(record, "denied")
		}
	}
	for _, event := range []string{"issued ", "refused "} {
		if events[event+first] == 0 || events[event+second] == 0 {
			t.Errorf("not both policies have %s: %v", event, events)
		}
	}
	t.Logf("the signer: %v", events)
}

func stageProject(t *testing.T) string {
	t.Helper()
	project, err := lab.Project()
	if err != nil {
		t.Fatal(err)
	}
	return project
}
