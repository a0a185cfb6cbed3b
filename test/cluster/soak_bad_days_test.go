package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"signet/test/cluster/lab"
)

// badDay is a time in which Signet cannot work with the API server as it should, while workloads ask on. Those reach the API server
// by a way of their own.
type badDay struct {
	signet  *lab.Signet
	process *lab.Process
	clock   *lab.Clock       // Signet's
	proxy   *lab.FaultyProxy // Signet's way to the API server; nil: the straight one

	stop    chan struct{}
	workers sync.WaitGroup
	lock    sync.Mutex
	waiting []*csr // approved, by when
	since   []time.Time
}

// live has Signet run, and workloads ask, until the test ends.
func live(t *testing.T, straight bool) *badDay {
	t.Helper()
	d := &badDay{stop: make(chan struct{})}
	account := stage.signetUser
	var err error
	if !straight {
		if d.proxy, err = stage.plane.NewFaultyProxy(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(d.proxy.Close)
		account = account.Behind(d.proxy)
	}
	if d.signet, err = stage.signet.As(account, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if d.clock, err = lab.NewClock(d.signet.Records); err != nil {
		t.Fatal(err)
	}
	d.signet.Clock = d.clock
	if d.process, err = d.signet.Serve("all"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("signet's log:\n%s", d.process.Output())
		}
		_ = d.process.Continue()
		stop(t, d.process)
	})
	d.workers.Go(d.ask)
	t.Cleanup(func() {
		d.cease()
		if err := stage.plane.Admin().CertificatesV1().CertificateSigningRequests().DeleteCollection(
			context.Background(), metav1.DeleteOptions{}, metav1.ListOptions{}); err != nil {
			t.Error(err)
		}
	})
	d.more(t, 3)
	return d
}

// ask has one request after the other created and approved. What the API server does not take on a bad day is not asked again.
func (d *badDay) ask() {
	for i := 0; ; i++ {
		select {
		case <-d.stop:
			return
		case <-time.After(100 * time.Millisecond):
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		object, _, err := stage.istiod.Create(ctx, lab.Workload(signerFoo, "foo", fmt.Sprintf("waiting-%d", i)))
		if err == nil {
			object, err = stage.istiod.Approve(ctx, object)
		}
		cancel()
		if err == nil {
			d.lock.Lock()
			d.waiting, d.since = append(d.waiting, object), append(d.since, time.Now())
			d.lock.Unlock()
		}
	}
}

func (d *badDay) count() int {
	d.lock.Lock()
	defer d.lock.Unlock()
	return len(d.waiting)
}

// more waits until that many more requests are approved.
func (d *badDay) more(t *testing.T, count int) {
	t.Helper()
	wanted := d.count() + count
	eventually(t, func() error {
		if got := d.count(); got < wanted {
			return fmt.Errorf("%d requests were approved, want %d", got, wanted)
		}
		return nil
	})
}

// last lets the day go on.
func (d *badDay) last() { time.Sleep(shortOrLong(2*time.Second, 45*time.Second)) }

// tells is whether Signet's log says this.
func (d *badDay) tells(text string) error {
	if !strings.Contains(d.process.Output(), text) {
		return fmt.Errorf("signet's log does not say %q", text)
	}
	return nil
}

func (d *badDay) cease() {
	select {
	case <-d.stop:
	default:
		close(d.stop)
	}
	d.workers.Wait()
}

// expectAllSigned wants a certificate for every request, and returns how long the last one took from the day's end, or from its
// own approval if that was later.
func (d *badDay) expectAllSigned(t *testing.T, end time.Time) (longest time.Duration) {
	t.Helper()
	d.more(t, 3)
	d.cease()
	got := map[types.UID]asked{}
	eventually(t, func() error {
		all, err := stage.forger.CertificatesV1().CertificateSigningRequests().List(t.Context(), metav1.ListOptions{})
		if err != nil {
			return err
		}
		now := time.Now()
		for _, object := range all.Items {
			if _, known := got[object.UID]; known || !lab.HasCertificate(&object) {
				continue
			}
			chain, err := lab.ParsePEM(object.Status.Certificate)
			if err != nil {
				t.Fatal(err)
			}
			got[object.UID] = asked{object.Name, string(object.UID), lab.Fingerprint(chain[0]), now.Sub(end)}
		}
		for _, object := range d.waiting {
			if _, signed := got[object.UID]; !signed {
				return fmt.Errorf("%s waits; %d of %d have a certificate", object.Name, len(got), len(d.waiting))
			}
		}
		return nil
	})
	expectTimesByTheRightClock(t, d)
	var signed []asked
	for i, object := range d.waiting {
		one := got[object.UID]
		longest = max(longest, min(one.waited, one.waited-d.since[i].Sub(end)))
		signed = append(signed, one)
	}
	expectEachPublishedOnce(t, []*replica{{signet: d.signet, identity: "signet"}}, signed, nil)
	return longest
}

// expectTimesByTheRightClock wants every certificate that was issued to begin some minutes before this moment: none by a clock that
// was wrong.
func expectTimesByTheRightClock(t *testing.T, d *badDay) {
	t.Helper()
	records, err := lab.ReadAudit(d.signet.AuditLog())
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range records {
		if record.Event != "issued" {
			continue
		}
		begin, err := time.Parse(time.RFC3339, record.Certificate.NotBefore)
		if err != nil {
			t.Fatal(err)
		}
		if now := time.Now(); begin.After(now) || begin.Before(now.Add(-20*time.Minute)) {
			t.Errorf("%s: the certificate begins at %v; it is %v", record.CSR.Name, begin, now)
		}
	}
}

// The ways in which an API server, or the way to it, can be bad. Each returns when that is over, and Signet's log must tell of it.
var badDays = []struct {
	name     string
	told     string
	straight bool // where the way to the API server has no proxy
	longOnly bool // another says as much in the short form
	pass     func(*testing.T, *badDay)
}{
	{"the API server is restarted", "cannot connect", true, false, func(t *testing.T, d *badDay) {
		d.whilePaused(t, func() { stage.plane.StopAPIServer(shortOrLong(3*time.Second, time.Minute)) })
		d.last()
		startAPIServer(t)
	}},
	{"the API server is killed", "cannot connect", true, true, func(t *testing.T, d *badDay) {
		d.whilePaused(t, stage.plane.KillAPIServer)
		d.last()
		startAPIServer(t)
	}},
	{"the API server and etcd are killed", "cannot connect", true, false, func(t *testing.T, d *badDay) {
		d.whilePaused(t, stage.plane.Kill)
		d.last()
		if err := stage.plane.Restart(); err != nil {
			t.Fatal(err)
		}
	}},
	{"what the watches would go on from is compacted: 410", "too old resource version", false, false, func(t *testing.T, d *badDay) {
		d.proxy.Set(lab.Fault{Silent: true})
		d.more(t, 5)
		d.swallow(t)
		if err := stage.plane.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
		// A new API server says 403 before it knows roles: who hears that lists anew for another reason.
		d.proxy.Set(lab.Fault{Status: 503})
		stage.plane.KillAPIServer()
		d.proxy.Break()
		d.last()
		startAPIServer(t)
		d.proxy.Set(lab.Fault{})
	}},
	{"others write to every request all the time: 409", "", true, false, func(t *testing.T, d *badDay) {
		stop := make(chan struct{})
		var storm sync.WaitGroup
		for i := range 8 {
			storm.Go(func() { d.disturb(stop, i) })
		}
		d.last()
		close(stop)
		storm.Wait()
	}},
	{"the API server's fairness lets Signet do nothing: 429", "HTTP status 429", false, false, func(t *testing.T, d *badDay) {
		free := jail(t)
		d.proxy.Break()
		d.last()
		free()
	}},
	{"every call is answered 429 with Retry-After", "Too Many Requests", false, true, func(_ *testing.T, d *badDay) {
		d.through(lab.Fault{Status: 429, RetryAfter: time.Second})
	}},
	{"every call is answered 429 with a Retry-After of an hour", "Too Many Requests", false, false, func(_ *testing.T, d *badDay) {
		d.through(lab.Fault{Status: 429, RetryAfter: time.Hour})
	}},
	{"every call is answered 500", "Internal Server Error", false, false, func(_ *testing.T, d *badDay) { d.through(lab.Fault{Status: 500}) }},
	{"every answer takes two seconds", "", false, false, func(_ *testing.T, d *badDay) {
		d.through(lab.Fault{Delay: 2 * time.Second})
	}},
	{"every answer and every event ends in its middle", "no complete answer", false, false, func(_ *testing.T, d *badDay) {
		d.through(lab.Fault{CutOff: true})
	}},
	{"the watches fall silent", "silent for too long", false, false, func(t *testing.T, d *badDay) {
		began := time.Now()
		d.proxy.Set(lab.Fault{Silent: true})
		d.more(t, 5)
		d.swallow(t)
		// Those that are silent stay so: for Signet the day ends when it notices.
		d.proxy.Set(lab.Fault{})
		ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
		defer cancel()
		if err := lab.Until(ctx, func() error { return d.tells("silent for too long") }); err != nil {
			t.Fatal(err)
		}
		find("the watches fall silent", "until it is noticed", "%.0f s", time.Since(began).Seconds())
	}},
	{"the token has expired", "Unauthorized", false, false, func(t *testing.T, d *badDay) {
		file := filepath.Join(d.signet.Records, "token")
		token, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		replace(t, file, []byte("expired"))
		d.proxy.Break()
		d.last()
		replace(t, file, token)
	}},
	{"the API server's CA is rotated, and its new one is trusted before", "", false, false, func(t *testing.T, d *badDay) {
		before := d.proxy.CA()
		next := d.rotateCA(t)
		replace(t, filepath.Join(d.signet.Records, lab.ClusterCAFile), append(before, next...))
		d.proxy.Break()
	}},
	{"the API server's CA is rotated, and its new one is trusted only later", "unable to get local issuer certificate", false, false, func(t *testing.T, d *badDay) {
		next := d.rotateCA(t)
		d.proxy.Break()
		d.last()
		replace(t, filepath.Join(d.signet.Records, lab.ClusterCAFile), next)
	}},
	{"the clock is two hours ahead", "ahead of the API server's", false, false, func(t *testing.T, d *badDay) { d.clockIs(t, 2*time.Hour) }},
	{"the clock is half an hour behind", "behind the API server's", false, false, func(t *testing.T, d *badDay) { d.clockIs(t, -30*time.Minute) }},
	{"the clock is beyond the end of every certificate", "certificate has expired", false, false, func(t *testing.T, d *badDay) {
		d.clockIs(t, 20*365*24*time.Hour)
	}},
}

// clockIs has Signet's clock be ahead by that for a while.
func (d *badDay) clockIs(t *testing.T, ahead time.Duration) {
	t.Helper()
	for _, ahead := range []time.Duration{ahead, 0} {
		if err := d.clock.Set(ahead); err != nil {
			t.Fatal(err)
		}
		if ahead != 0 {
			d.proxy.Break()
			d.last()
		}
	}
}

// whilePaused does it to the API server when Signet, which is stopped, has been told of requests and done nothing for them yet.
func (d *badDay) whilePaused(t *testing.T, act func()) {
	t.Helper()
	if err := d.process.Pause(); err != nil {
		t.Fatal(err)
	}
	d.more(t, 5)
	act()
	if err := d.process.Continue(); err != nil {
		t.Fatal(err)
	}
}

func startAPIServer(t *testing.T) {
	t.Helper()
	if err := stage.plane.StartAPIServer(); err != nil {
		t.Fatal(err)
	}
}

// swallow waits until a silent watch has told nothing of something.
func (d *badDay) swallow(t *testing.T) {
	t.Helper()
	eventually(t, func() error {
		if d.proxy.Swallowed() == 0 {
			return errors.New("no watch had anything to tell")
		}
		return nil
	})
}

// disturb labels the requests that wait, one after the other, again and again.
func (d *badDay) disturb(stop <-chan struct{}, salt int) {
	requests := stage.forger.CertificatesV1().CertificateSigningRequests()
	for i := 0; ; i++ {
		d.lock.Lock()
		waiting := d.waiting[max(0, len(d.waiting)-5):]
		d.lock.Unlock()
		for _, object := range waiting {
			select {
			case <-stop:
				return
			default:
			}
			patch := fmt.Sprintf(`{"metadata":{"labels":{"storm":"%d-%d"}}}`, salt, i)
			_, _ = requests.Patch(context.Background(), object.Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		}
	}
}

// jail has API Priority and Fairness refuse every new call of Signet's account until free is called.
func jail(t *testing.T) (free func()) {
	t.Helper()
	const name = "signet-jail"
	fairness := stage.plane.Admin().FlowcontrolV1()
	none := int32(0)
	if _, err := fairness.PriorityLevelConfigurations().Create(t.Context(), &flowcontrolv1.PriorityLevelConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: flowcontrolv1.PriorityLevelConfigurationSpec{
			Type: flowcontrolv1.PriorityLevelEnablementLimited,
			Limited: &flowcontrolv1.LimitedPriorityLevelConfiguration{
				NominalConcurrencyShares: &none, LendablePercent: &none, BorrowingLimitPercent: &none,
				LimitResponse: flowcontrolv1.LimitResponse{Type: flowcontrolv1.LimitResponseTypeReject},
			},
		},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	remove := func() error {
		return errors.Join(absent(fairness.FlowSchemas().Delete(context.Background(), name, metav1.DeleteOptions{})),
			absent(fairness.PriorityLevelConfigurations().Delete(context.Background(), name, metav1.DeleteOptions{})))
	}
	t.Cleanup(func() {
		if err := remove(); err != nil {
			t.Error(err)
		}
	})
	if _, err := fairness.FlowSchemas().Create(t.Context(), &flowcontrolv1.FlowSchema{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: flowcontrolv1.FlowSchemaSpec{
			PriorityLevelConfiguration: flowcontrolv1.PriorityLevelConfigurationReference{Name: name},
			MatchingPrecedence:         2,
			Rules: []flowcontrolv1.PolicyRulesWithSubjects{{
				Subjects: []flowcontrolv1.Subject{{Kind: flowcontrolv1.SubjectKindServiceAccount, ServiceAccount: &flowcontrolv1.ServiceAccountSubject{
					Namespace: stage.signetUser.Namespace, Name: stage.signetUser.Name}}},
				ResourceRules: []flowcontrolv1.ResourcePolicyRule{{
					Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}, ClusterScope: true, Namespaces: []string{"*"}}},
			}},
		},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	awaitJail(t, true)
	return func() {
		if err := remove(); err != nil {
			t.Fatal(err)
		}
		awaitJail(t, false)
	}
}

func awaitJail(t *testing.T, closed bool) {
	t.Helper()
	// client-go would ask again by itself after a 429.
	client := stage.signetUser.Client().CertificatesV1().RESTClient()
	eventually(t, func() error {
		err := client.Get().Resource("certificatesigningrequests").Param("limit", "1").MaxRetries(0).Do(t.Context()).Error()
		if apierrors.IsTooManyRequests(err) != closed {
			return fmt.Errorf("want Signet's account refused: %v; got %v", closed, err)
		}
		return nil
	})
}

func absent(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// rotateCA has another CA answer for the API server, and returns it.
func (d *badDay) rotateCA(t *testing.T) []byte {
	t.Helper()
	if err := d.proxy.RotateCA(); err != nil {
		t.Fatal(err)
	}
	return d.proxy.CA()
}

// replace has another file take the name, as the kubelet does.
func replace(t *testing.T, file string, text []byte) {
	t.Helper()
	next := file + ".next"
	if err := errors.Join(os.WriteFile(next, text, 0o600), os.Rename(next, file)); err != nil {
		t.Fatal(err)
	}
}

// through has the proxy have that fault for a while, from the next connection on.
func (d *badDay) through(fault lab.Fault) {
	d.proxy.Set(fault)
	d.proxy.Break()
	d.last()
	d.proxy.Set(lab.Fault{})
}

func TestSoakWhatWaitsThroughABadDayOfTheAPIServerIsSignedAfterIt(t *testing.T) {
	for _, day := range badDays {
		if day.longOnly && !*long {
			continue
		}
		t.Run(day.name, func(t *testing.T) {
			d := live(t, day.straight)
			day.pass(t, d)
			longest := d.expectAllSigned(t, time.Now())
			if err := d.tells(day.told); err != nil {
				t.Error(err)
			}
			find(day.name, "from its end to the last certificate (goal 5 s)", "%.1f s, of %d that waited", longest.Seconds(), len(d.waiting))
		})
	}
}

// An API server that has just started forbids everything until it has read its roles.
func TestSignetWaitsForAnAPIServerThatKnowsNoRolesYet(t *testing.T) {
	proxy, err := stage.plane.NewFaultyProxy()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	signet, err := stage.signet.As(stage.signetUser.Behind(proxy), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	proxy.Set(lab.Fault{Status: http.StatusForbidden})
	process, err := signet.Launch("signer")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, process) })
	says := said(t, process)
	says("asking the API server who we are failed: ")
	proxy.Set(lab.Fault{})
	says(`"message":"signing"`)
}
