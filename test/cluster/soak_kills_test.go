package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"signet/test/cluster/lab"
)

var killSeed = flag.Uint64("kill-seed", 0, "when TestSoak…Killed… kills; 0: another time each time")

// How many certificates may be on their way at once: an `issued` record of each may be the last that a killed Signet told of it.
const signingWorkers = 16

// Kills are of SIGKILL, at any instant after the start. For some of them the machine crashes too: what the log had not made durable
// yet is gone, in part or as a whole.
func TestSoakEveryRequestHasOneRecordedCertificateHoweverOftenSignetIsKilled(t *testing.T) {
	for _, c := range []struct {
		name, role string
		guarded    bool // webhooks are registered: thieves are refused at CREATE, else by the signer
	}{
		{"webhooks and signer", "all", true},
		{"signer alone", "signer", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			seed := *killSeed
			if seed == 0 {
				seed = rand.Uint64()
			}
			t.Logf("-kill-seed %d", seed)
			before := stage.signet
			t.Cleanup(func() { stage.signet = before })
			var err error
			if stage.signet, err = before.As(stage.signetUser, t.TempDir()); err != nil {
				t.Fatal(err)
			}
			k := &killing{t: t, role: c.role, random: rand.New(rand.NewPCG(seed, 0))}
			ask := &crowd{guarded: c.guarded}
			k.start()
			if c.guarded {
				ask.stolen = create(t, thief())
				register(t)
			}
			t.Cleanup(k.end)
			rounds, each := shortOrLong(1, 5), shortOrLong(6, 24)
			for range rounds {
				ask.begin()
				for range each {
					k.kill()
				}
				k.start()
				ask.rest(t)
				ask.check(t, k)
			}
			expectVerified(t, stage.signet.AuditLog())
			find("killed: "+c.name, "SIGKILL", "%d times, %d of them before it was ready; %d machine crashes", k.kills, k.early, k.crashes)
			find("killed: "+c.name, "certificates", "%d, each recorded before it was seen, once", len(ask.got))
			find("killed: "+c.name, "thieves' attempts", "%d refused, %d failed with Signet away, 0 signed", ask.refused, ask.away)
			find("killed: "+c.name, "log", "%d records, %d torn lines marked, %d certificates without a told end", ask.records, ask.torn, ask.untold)
		})
	}
}

// expectVerified wants `signet audit verify` to say that these logs hold.
func expectVerified(t *testing.T, logs ...string) {
	t.Helper()
	if told, err := stage.signet.Run(t.Context(), append([]string{"audit", "verify"}, logs...)...); err != nil {
		t.Errorf("signet audit verify: %v\n%s", err, told)
	}
}

// killing is Signet that is killed and started again and again.
type killing struct {
	t       *testing.T
	role    string
	random  *rand.Rand
	process *lab.Process // runs and is ready; or nil

	kills, early, crashes int
}

func (k *killing) start() {
	k.t.Helper()
	if k.process != nil {
		return
	}
	process, err := stage.signet.Serve(k.role)
	if err != nil {
		k.t.Fatal(err)
	}
	k.process = process
}

func (k *killing) end() {
	if k.process != nil {
		stop(k.t, k.process)
		if k.t.Failed() {
			k.t.Logf("signet's log:\n%s", k.process.Output())
		}
	}
}

// kill starts Signet where it does not run and kills it: before it is ready, or within a second after.
func (k *killing) kill() {
	k.t.Helper()
	within := func(longest time.Duration) { time.Sleep(time.Duration(k.random.Int64N(int64(longest)))) }
	if k.process == nil && k.random.IntN(3) == 0 {
		process, err := stage.signet.Launch(k.role)
		if err != nil {
			k.t.Fatal(err)
		}
		within(200 * time.Millisecond)
		k.process = process
		k.early++
	} else {
		k.start()
		within(time.Second)
	}
	k.process.Kill()
	if ending := k.process.Ending(); ending != "signal: killed" {
		k.t.Errorf("it had ended before it was killed: %s\n%s", ending, k.process.Output())
	}
	k.process = nil
	k.kills++
	if k.random.IntN(2) == 0 {
		k.crash()
	}
}

// crash takes from the log what a machine that crashes may lose: any number of bytes behind the last line that was on the disk
// before anything else was done. A line that tells of an end is there with the next of the others.
func (k *killing) crash() {
	k.t.Helper()
	text, err := os.ReadFile(stage.signet.AuditLog())
	if errors.Is(err, os.ErrNotExist) {
		return
	} else if err != nil {
		k.t.Fatal(err)
	}
	durable := bytes.LastIndexByte(text, '\n') + 1
	for durable > 0 {
		begin := bytes.LastIndexByte(text[:durable-1], '\n') + 1
		var line struct{ Event string }
		whole := json.Unmarshal(text[begin:durable], &line) == nil // else it was torn before
		if whole && line.Event != "published" && line.Event != "discarded" {
			break
		}
		durable = begin
	}
	if undone := len(text) - durable; undone > 0 {
		if err := os.Truncate(stage.signet.AuditLog(), int64(durable+k.random.IntN(undone))); err != nil {
			k.t.Fatal(err)
		}
		k.crashes++
	}
}

// crowd is workloads of all tenants that ask for certificates, each again and again until it has one, and thieves among them.
type crowd struct {
	guarded bool
	stolen  *csr // a thief's request, from before the webhooks were registered

	stop    chan struct{}
	clients sync.WaitGroup

	lock    sync.Mutex
	got     []honest
	thieves []string // names of their requests, where they were admitted
	refused int
	away    int
	failed  []error
	round   int
	checked int // of got

	records, torn, untold int
}

type honest struct {
	asked
	tenant, identity string
}

func (c *crowd) begin() {
	c.stop = make(chan struct{})
	c.round++
	for _, tenant := range []string{"foo", "bar", "istio-system"} {
		for client := range 3 {
			c.client(fmt.Sprintf("%s-%d", tenant, client), func(account string) error { return c.honest(tenant, account) })
		}
	}
	for client := range 2 {
		c.client(fmt.Sprintf("thief-%d", client), func(string) error { return c.steal() })
	}
}

func (c *crowd) client(name string, ask func(account string) error) {
	c.clients.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-c.stop:
				return
			case <-time.After(rand.N(100 * time.Millisecond)):
			}
			if err := ask(fmt.Sprintf("%s-%d-%d", name, c.round, i)); err != nil {
				c.lock.Lock()
				c.failed = append(c.failed, fmt.Errorf("%s: %w", name, err))
				c.lock.Unlock()
			}
		}
	})
}

// rest has everybody have what he asked for, and nobody ask for more.
func (c *crowd) rest(t *testing.T) {
	t.Helper()
	close(c.stop)
	c.clients.Wait()
	if err := errors.Join(c.failed...); err != nil {
		t.Fatal(err)
	}
}

// insist does what may fail only because Signet, whom the API server has to ask, is away, until it is done.
func (c *crowd) insist(ctx context.Context, do func() error) error {
	for {
		err := do()
		if err == nil || !c.isAway(err) || ctx.Err() != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (c *crowd) isAway(err error) bool {
	return c.guarded && apierrors.IsInternalError(err) && strings.Contains(err.Error(), "failed calling webhook")
}

func (c *crowd) honest(tenant, account string) error {
	ctx, cancel := context.WithTimeout(context.Background(), loadPatience)
	defer cancel()
	request := lab.Workload(domain+"/"+tenant, tenant, account)
	var object *csr
	err := c.insist(ctx, func() (err error) {
		object, _, err = stage.istiod.Create(ctx, request)
		return err
	})
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	from, err := logSize()
	if err != nil {
		return err
	}
	approved := object
	if err = c.insist(ctx, func() (err error) {
		approved, err = stage.istiod.Approve(ctx, object)
		return err
	}); err != nil {
		return fmt.Errorf("approve: %w", err)
	}
	signed, err := stage.istiod.WaitFor(ctx, approved, lab.IsSettled)
	if err != nil {
		return err
	}
	if failed := lab.FailedCondition(signed); failed != nil {
		return fmt.Errorf("%s: %+v", signed.Name, failed)
	}
	chain, err := lab.ParsePEM(signed.Status.Certificate)
	if err != nil {
		return err
	}
	fingerprint := lab.Fingerprint(chain[0])
	if err := expectIssued(from, fingerprint); err != nil {
		return fmt.Errorf("%s: %w", signed.Name, err)
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	c.got = append(c.got, honest{asked{name: signed.Name, uid: string(signed.UID), fingerprint: fingerprint}, tenant, request.URIs[0]})
	return nil
}

func logSize() (int64, error) {
	status, err := os.Stat(stage.signet.AuditLog())
	if err != nil {
		return 0, err
	}
	return status.Size(), nil
}

// expectIssued wants the log to tell, now, that the certificate was issued, in what was written since the log had that size.
func expectIssued(from int64, fingerprint string) error {
	const lost = 1 << 20 // a crash takes less
	file, err := os.Open(stage.signet.AuditLog())
	if err != nil {
		return err
	}
	defer file.Close()
	text := make([]byte, 16<<20)
	count, _ := file.ReadAt(text, max(0, from-lost)) // to the end
	for line := range bytes.Lines(text[:count]) {
		if bytes.Contains(line, []byte(`"event":"issued"`)) && bytes.Contains(line, []byte(fingerprint)) {
			return nil
		}
	}
	return fmt.Errorf("certificate %s was seen and is not in the log", fingerprint)
}

// steal must come to nothing: at CREATE where the webhooks are, else at the signer, though it is approved.
func (c *crowd) steal() error {
	ctx, cancel := context.WithTimeout(context.Background(), loadPatience)
	defer cancel()
	object, _, err := stage.istiod.Create(ctx, thief())
	if c.guarded && err == nil {
		return fmt.Errorf("%s was admitted", object.Name)
	}
	if c.guarded {
		if _, approval := stage.istiod.Approve(ctx, c.stolen); approval == nil {
			return fmt.Errorf("%s was approved", c.stolen.Name)
		}
		return c.refusal(err)
	}
	if err != nil {
		return err
	}
	c.lock.Lock()
	c.thieves = append(c.thieves, object.Name)
	c.lock.Unlock()
	if object, err = stage.istiod.Approve(ctx, object); err != nil {
		return err
	}
	if object, err = stage.istiod.WaitFor(ctx, object, lab.IsSettled); err != nil {
		return err
	}
	if failed := lab.FailedCondition(object); failed == nil || failed.Reason != "SignerNotAllowed" {
		return fmt.Errorf("%s: %+v", object.Name, object.Status)
	}
	return c.refusal(nil)
}

// refusal counts how a thief was refused: by the signer, by the webhook, or because nobody was there to ask.
func (c *crowd) refusal(err error) error {
	c.lock.Lock()
	defer c.lock.Unlock()
	switch {
	case err == nil || strings.Contains(err.Error(), "denied the request: signet: SignerNotAllowed: "):
		c.refused++
	case c.isAway(err):
		c.away++
	default:
		return err
	}
	return nil
}

// check holds what the cluster has against what the log tells, and clears the cluster of it.
func (c *crowd) check(t *testing.T, k *killing) {
	t.Helper()
	requests := stage.plane.Admin().CertificatesV1().CertificateSigningRequests()
	list, err := requests.List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	inCluster := map[string]string{} // uid to certificate
	tenantOf, identityOf := map[string]string{}, map[string]string{}
	for _, one := range c.got {
		tenantOf[one.uid], identityOf[one.uid] = one.tenant, one.identity
	}
	for _, object := range list.Items {
		uid := string(object.UID)
		switch {
		case !lab.HasCertificate(&object):
			if tenantOf[uid] != "" {
				t.Errorf("%s has lost its certificate", object.Name)
			}
			continue
		case tenantOf[uid] == "":
			t.Errorf("%s has a certificate and nobody who was to get it", object.Name)
			continue
		}
		chain, err := lab.ParsePEM(object.Status.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		expectChain(t, chain, tenantOf[uid], lab.WorkloadUsages)
		if len(chain[0].URIs) != 1 || chain[0].URIs[0].String() != identityOf[uid] {
			t.Errorf("%s: a certificate for %v, not %s", object.Name, chain[0].URIs, identityOf[uid])
		}
		inCluster[uid] = lab.Fingerprint(chain[0])
	}
	for _, one := range c.got[c.checked:] {
		if inCluster[one.uid] != one.fingerprint {
			t.Errorf("%s was given %s and has %s", one.name, one.fingerprint, inCluster[one.uid])
		}
	}
	if t.Failed() {
		t.FailNow()
	}
	// `published` follows the write, so the last of them may still be on their way.
	eventually(t, func() error { return c.audit(k.kills) })
	if err := requests.DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{
		FieldSelector: "metadata.name!=" + c.stolenName()}); err != nil {
		t.Fatal(err)
	}
	c.checked = len(c.got)
	c.thieves = nil
}

func (c *crowd) stolenName() string {
	if c.stolen == nil {
		return ""
	}
	return c.stolen.Name
}

// audit wants the whole log to hold, to tell of each certificate that somebody got that it was issued, and published at most once,
// to tell of no other that it was published, and of no thief's that there is any. Of few certificates it may not tell the end: those
// that were on their way when Signet was killed.
func (c *crowd) audit(kills int) error {
	records, err := lab.ReadAudit(stage.signet.AuditLog())
	if err != nil {
		return err
	}
	ends, err := lab.Ends(records)
	if err = errors.Join(err, lab.CheckChain(records)); err != nil {
		return err
	}
	c.records, c.torn, c.untold = len(records), 0, 0
	issuedFor := map[string][]string{} // uid to certificates
	publishedFor := map[string][]string{}
	refused := map[string]bool{} // names
	for _, record := range records {
		if record.Torn.Bytes > 0 {
			c.torn++
		}
		switch uid := record.CSR.UID; record.Event {
		case "issued":
			issuedFor[uid] = append(issuedFor[uid], record.Certificate.SHA256)
		case "published":
			publishedFor[uid] = append(publishedFor[uid], record.Certificate.SHA256)
		case "refused":
			refused[record.CSR.Name] = true
			continue
		case "discarded":
		default:
			continue
		}
		if strings.HasSuffix(record.Identity, "/sa/thief") {
			return fmt.Errorf("record %d: %s for %s", record.Seq, record.Event, record.Identity)
		}
	}
	known := map[string]bool{}
	for _, one := range c.got {
		known[one.uid] = true
		published := publishedFor[one.uid]
		switch {
		case !slices.Contains(issuedFor[one.uid], one.fingerprint):
			return fmt.Errorf("%s: certificate %s is not issued for it in the log", one.name, one.fingerprint)
		case len(published) > 1 || len(published) == 1 && published[0] != one.fingerprint:
			return fmt.Errorf("%s has %s, and %v were published", one.name, one.fingerprint, published)
		case len(published) == 0 && ends[one.fingerprint] != "issued":
			return fmt.Errorf("%s: its certificate is %s", one.name, ends[one.fingerprint])
		}
	}
	for uid := range publishedFor {
		if !known[uid] {
			return fmt.Errorf("a certificate was published for %s, who has none", uid)
		}
	}
	for _, name := range c.thieves {
		if !refused[name] {
			return fmt.Errorf("no record tells that %s was refused", name)
		}
	}
	for _, end := range ends {
		if end == "issued" {
			c.untold++
		}
	}
	if most := kills * signingWorkers; c.untold > most {
		return fmt.Errorf("%d certificates have no end, of at most %d", c.untold, most)
	}
	return nil
}
