package cluster

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"signet/test/cluster/lab"
)

// What replicas choose the one that signs by, in the namespace of Signet's account.
const leaseNamespace, leaseName = "signet", "replicas"

// replica is one of several, with logs and a way to the API server of its own.
type replica struct {
	signet   *lab.Signet
	link     *lab.Link
	process  *lab.Process
	identity string // in the Lease
}

func startReplica(t *testing.T, arguments ...string) *replica {
	t.Helper()
	link, err := stage.plane.LinkToAPIServer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(link.Close)
	r := &replica{link: link}
	if r.signet, err = stage.signet.As(stage.signetUser.Through(link), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	r.signet.Arguments = append([]string{"--lease", leaseNamespace + "/" + leaseName}, arguments...)
	if r.process, err = r.signet.Serve("all"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.end(t) })
	r.identity = logged(t, r.process, "waiting for the Lease to sign")["identity"]
	return r
}

// end wants the replica to end in order if the test has left it running.
func (r *replica) end(t *testing.T) {
	t.Helper()
	if t.Failed() {
		t.Logf("log of %s:\n%s", r.identity, r.process.Output())
	}
	select {
	case <-r.process.Exited():
		return
	default:
	}
	r.link.Release()
	_ = r.process.Continue()
	stop(t, r.process)
}

func startReplicas(t *testing.T, count int, arguments ...string) []*replica {
	t.Helper()
	var all []*replica
	for range count {
		all = append(all, startReplica(t, arguments...))
	}
	return all
}

// signing is the one of them that the Lease names, once it does and that is not the one before.
func signing(t *testing.T, all []*replica, before *replica) *replica {
	t.Helper()
	var found *replica
	eventually(t, func() error {
		lease, err := stage.plane.Admin().CoordinationV1().Leases(leaseNamespace).Get(t.Context(), leaseName, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, r := range all {
			if lease.Spec.HolderIdentity != nil && *lease.Spec.HolderIdentity == r.identity && r != before {
				found = r
				return nil
			}
		}
		return fmt.Errorf("nobody else holds the Lease: %+v", lease.Spec)
	})
	return found
}

// expectEachPublishedOnce wants the logs of all replicas together to tell of each request that exactly the certificate it got
// was published, once and by whoever issued it, and the end of every other one. A killed replica may have been about to tell.
func expectEachPublishedOnce(t *testing.T, all []*replica, got []asked, killed *replica) {
	t.Helper()
	eventually(t, func() error {
		publishedOf := map[string][]string{} // uid to certificates
		endOf := map[string]string{}         // certificate to its end, where it was issued
		untold := map[string]bool{}          // issued by the killed one, and then nothing
		for _, r := range all {
			records, err := lab.ReadAudit(r.signet.AuditLog())
			if err != nil {
				return err
			}
			ends, err := lab.Ends(records)
			if err = errors.Join(err, lab.CheckChain(records)); err != nil {
				return err
			}
			for fingerprint, end := range ends {
				if _, twice := endOf[fingerprint]; twice {
					return fmt.Errorf("certificate %s is in two logs", fingerprint)
				}
				endOf[fingerprint] = end
				untold[fingerprint] = r == killed && end == "issued"
				if end == "issued" && r != killed {
					return fmt.Errorf("%s does not tell the end of certificate %s", r.identity, fingerprint)
				}
			}
			for _, record := range records {
				if record.Event == "published" {
					publishedOf[record.CSR.UID] = append(publishedOf[record.CSR.UID], record.Certificate.SHA256)
				}
			}
		}
		for _, one := range got {
			switch published := publishedOf[one.uid]; {
			case endOf[one.fingerprint] == "":
				return fmt.Errorf("%s: its certificate is in no log", one.name)
			case len(published) > 1 || len(published) == 1 && published[0] != one.fingerprint:
				return fmt.Errorf("%s has %s, and %v were published", one.name, one.fingerprint, published)
			case len(published) == 0 && !untold[one.fingerprint]:
				return fmt.Errorf("%s: its certificate is %s", one.name, endOf[one.fingerprint])
			}
		}
		return nil
	})
}

// eventsOf is what the replica's log tells of the request, in order.
func (r *replica) eventsOf(object *csr) (string, error) {
	records, err := lab.ReadAudit(r.signet.AuditLog())
	var events []string
	for _, record := range records {
		if record.CSR.UID == string(object.UID) {
			events = append(events, record.Event)
		}
	}
	return strings.Join(events, " "), err
}

// outcome is what two replicas tell of one request.
type outcome struct{ first, next string }

var (
	conflicted  = outcome{"issued discarded", "issued published"}
	wasTheFirst = outcome{"issued published", ""}
)

// expectOutcome wants the logs of both to come to tell one of these, and returns which.
func expectOutcome(t *testing.T, first, next *replica, object *csr, wanted ...outcome) (told outcome) {
	t.Helper()
	eventually(t, func() error {
		var errs [2]error
		told.first, errs[0] = first.eventsOf(object)
		told.next, errs[1] = next.eventsOf(object)
		if err := errors.Join(errs[:]...); err != nil {
			return err
		}
		if !slices.Contains(wanted, told) {
			return fmt.Errorf("%s: %+v, want one of %+v", object.Name, told, wanted)
		}
		return nil
	})
	return told
}

func TestSoakAReplicaThatIsKilledWhileItSignsIsReplaced(t *testing.T) {
	repeatedly(t, func(t *testing.T) {
		all := startReplicas(t, 3)
		work := startLoad(t)
		first := signing(t, all, nil)
		work.more(t, 50)
		killed := time.Now()
		first.process.Kill()
		signing(t, all, first)
		find("replica that signs: killed", "another holds the Lease", "%.1f s later", time.Since(killed).Seconds())
		work.more(t, 100)
		got := work.end(t)
		find("replica that signs: killed", "longest wait for a certificate", "%.1f s of %d", longestWait(got).Seconds(), len(got))
		expectEachPublishedOnce(t, all, got, first)
	})
}

func TestSoakAReplicaWhoseLogCannotBeWrittenLeavesSigningToAnother(t *testing.T) {
	const scenario = "replica that signs: its log cannot be written"
	repeatedly(t, func(t *testing.T) {
		all := startReplicas(t, 3)
		work := startLoad(t)
		first := signing(t, all, nil)
		work.more(t, 50)
		limitFiles(t, first.process, strconv.FormatInt(sizeOf(t, first.signet.AuditLog()), 10))
		began := time.Now()
		signing(t, all, first)
		find(scenario, "another holds the Lease", "%.1f s later", time.Since(began).Seconds())
		work.more(t, 50)
		limitFiles(t, first.process, "unlimited")
		work.more(t, 50)
		got := work.end(t)
		find(scenario, "longest wait for a certificate", "%.1f s of %d", longestWait(got).Seconds(), len(got))
		expectEachPublishedOnce(t, all, got, nil)
	})
}

// repeatedly runs the test once, or in the long form some times.
func repeatedly(t *testing.T, test func(t *testing.T)) {
	for range shortOrLong(1, 5) {
		t.Run("once more", test)
	}
}

func TestSoakALateWriteConflictsOrIsTheOnlyOneAndTheLogSaysWhich(t *testing.T) {
	cases := []struct {
		name string
		// What happens to the one that signs while its write is on its way, and after the next one holds the Lease.
		before, after func(t *testing.T, first *replica)
		wanted        []outcome
	}{
		{"cut off from the API server",
			func(*testing.T, *replica) {},
			func(_ *testing.T, first *replica) { first.link.Release() },
			[]outcome{conflicted}},
		{"stopped, and the write comes late",
			func(t *testing.T, first *replica) { pause(t, first) },
			func(t *testing.T, first *replica) { first.link.Release(); proceed(t, first) },
			[]outcome{conflicted}},
		{"stopped, and the write comes in time if it was sent",
			func(t *testing.T, first *replica) {
				time.Sleep(100 * time.Millisecond) // it most probably was
				pause(t, first)
				first.link.Release()
			},
			func(t *testing.T, first *replica) { proceed(t, first) },
			[]outcome{wasTheFirst, conflicted}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			repeatedly(t, func(t *testing.T) {
				all := startReplicas(t, 3)
				work := startLoad(t)
				first := signing(t, all, nil)
				work.more(t, 50)
				first.link.Hold()
				held := time.Now()
				object := approve(t, create(t, lab.Workload(signerBar, "bar", "late")))
				eventually(t, func() error {
					events, err := first.eventsOf(object)
					if err == nil && events != "issued" {
						err = fmt.Errorf("%s: %q, want it issued", object.Name, events)
					}
					return err
				})
				c.before(t, first)
				next := signing(t, all, first)
				scenario := "replica that signs: " + c.name
				find(scenario, "another holds the Lease", "%.1f s later", time.Since(held).Seconds())
				await(t, object, lab.HasCertificate)
				work.more(t, 50)
				c.after(t, first)
				told := expectOutcome(t, first, next, object, c.wanted...)
				find(scenario, "the logs tell of the late write", "%q, then %q", told.first, told.next)
				work.more(t, 50)
				got := work.end(t)
				find(scenario, "longest wait for a certificate", "%.1f s of %d", longestWait(got).Seconds(), len(got))
				expectEachPublishedOnce(t, all, got, nil)
			})
		})
	}
}

func pause(t *testing.T, r *replica) {
	t.Helper()
	if err := r.process.Pause(); err != nil {
		t.Fatal(err)
	}
}

func proceed(t *testing.T, r *replica) {
	t.Helper()
	if err := r.process.Continue(); err != nil {
		t.Fatal(err)
	}
}

func TestSoakReplicasAreReplacedOneByOneWithoutAFailedReview(t *testing.T) {
	const count = 3
	service, err := lab.NewService()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(service.Close)
	arrive := func() *replica {
		r := startReplica(t, "--shutdown-delay", "2s")
		service.Add(r.signet)
		return r
	}
	ready := func(wanted int) {
		t.Helper()
		eventually(t, func() error {
			if got := service.Ready(); got != wanted {
				return fmt.Errorf("%d replicas are ready, want %d", got, wanted)
			}
			return nil
		})
	}
	var all []*replica
	for range count {
		all = append(all, arrive())
	}
	ready(count)
	t.Cleanup(func() { unregister(t) })
	if err := stage.signet.RegisterAt(patient(t), service.Port()); err != nil {
		t.Fatal(err)
	}
	awaitWebhooks(t, true)
	before := len(stage.plane.APIServerLog())
	work := startLoad(t)
	work.more(t, 50)
	for _, old := range all[:count] {
		all = append(all, arrive())
		ready(count + 1)
		work.more(t, 20)
		signed := signing(t, all, nil) == old
		began := time.Now()
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			stop(t, old.process)
		}()
		if signed {
			signing(t, all, old)
			find("replicas replaced one by one", "another holds the Lease", "%.1f s after SIGTERM", time.Since(began).Seconds())
		}
		<-stopped
		service.Remove(old.signet)
		ready(count)
		work.more(t, 20)
	}
	got := work.end(t)
	find("replicas replaced one by one", "longest wait for a certificate", "%.1f s of %d", longestWait(got).Seconds(), len(got))
	expectEachPublishedOnce(t, all, got, nil)
	for line := range strings.Lines(stage.plane.APIServerLog()[before:]) {
		if strings.Contains(strings.ToLower(line), "failed calling webhook") {
			t.Error(line)
		}
	}
}

func TestReplicasAreToldOfALeaseAndADelayThatMakeNoSense(t *testing.T) {
	for _, c := range []struct {
		role      string
		arguments []string
		told      string
	}{
		{"all", []string{"--lease", "signet"}, `--lease must be the NAMESPACE/NAME of a Lease, not "signet"`},
		{"all", []string{"--lease", "/signet"}, "--lease must be"},
		{"all", []string{"--lease", "signet/a/b"}, "--lease must be"},
		{"webhook", []string{"--lease", "signet/signet"}, "--lease is for those that sign"},
		{"all", []string{"--shutdown-delay", "5"}, "--shutdown-delay must be a duration such as 5s"},
	} {
		t.Run(strings.Join(c.arguments, " "), func(t *testing.T) {
			nonsense := *stage.signet
			nonsense.Records = t.TempDir()
			nonsense.Arguments = c.arguments
			expectNotToStart(t, &nonsense, c.role, c.told)
		})
	}
}
