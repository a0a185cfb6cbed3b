package cluster

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"signet/test/cluster/lab"
)

// disk is where one of Signet's logs is, which ceases to take what is written, and takes it again.
type disk struct {
	name string
	// Makes it, and returns a folder of it; skips the test where that takes rights that it does not have here.
	make       func(t *testing.T) string
	harm, heal func(t *testing.T, folder string, process *lab.Process)
	told       string
	// The log does not outlive it.
	replaced bool
}

var disks = []disk{
	{
		name: "files that may not grow",
		make: func(t *testing.T) string { return t.TempDir() },
		harm: func(t *testing.T, folder string, process *lab.Process) {
			limitFiles(t, process, strconv.FormatInt(sizeOf(t, filepath.Join(folder, "log")), 10))
		},
		heal: func(t *testing.T, _ string, process *lab.Process) { limitFiles(t, process, "unlimited") },
		told: "File too large",
	},
	{
		name: "a full disk",
		make: func(t *testing.T) string { return mount(t, "-t", "tmpfs", "-o", "size=1m", "tmpfs") },
		harm: func(t *testing.T, folder string, _ *lab.Process) { fill(t, filepath.Join(folder, "full")) },
		heal: func(t *testing.T, folder string, _ *lab.Process) {
			if err := os.Remove(filepath.Join(folder, "full")); err != nil {
				t.Fatal(err)
			}
		},
		told: "No space left on device",
	},
	{
		name: "a file system that turns read-only, and is replaced",
		make: func(t *testing.T) string {
			image := filepath.Join(t.TempDir(), "image")
			if err := os.WriteFile(image, make([]byte, 8<<20), 0o600); err != nil {
				t.Fatal(err)
			}
			run(t, "mkfs.ext4", "-q", image)
			return mount(t, "-o", "loop", image)
		},
		harm: func(t *testing.T, folder string, _ *lab.Process) {
			run(t, "mount", "-o", "remount,abort", folder) // as ext4 does itself when the disk fails
		},
		heal: func(t *testing.T, folder string, _ *lab.Process) {
			run(t, "umount", "--lazy", folder)
			run(t, "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder)
		},
		told:     "Read-only file system",
		replaced: true,
	},
}

// run needs the right to mount, and the kernel's help; whoever has neither cannot be told of it.
func run(t *testing.T, command ...string) {
	t.Helper()
	if told, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
		t.Skipf("not on this machine: %s: %v: %s", strings.Join(command, " "), err, told)
	}
}

func mount(t *testing.T, arguments ...string) string {
	t.Helper()
	folder := t.TempDir()
	run(t, append(append([]string{"mount"}, arguments...), folder)...)
	t.Cleanup(func() {
		if told, err := exec.Command("umount", folder).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, told)
		}
	})
	return folder
}

func limitFiles(t *testing.T, process *lab.Process, bytes string) {
	t.Helper()
	if told, err := exec.Command("prlimit", "--pid", strconv.Itoa(process.Pid()), "--fsize="+bytes+":unlimited").CombinedOutput(); err != nil {
		t.Fatalf("prlimit: %v: %s", err, told)
	}
}

func sizeOf(t *testing.T, path string) int64 {
	t.Helper()
	status, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return status.Size()
}

// fill takes all the room that is left, to the last byte.
func fill(t *testing.T, path string) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for err == nil {
		_, err = file.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}

// onDisk is Signet whose log of that name is on the disk, until the test ends.
type onDisk struct {
	*lab.Process
	readyz, metrics string
	client          *http.Client
}

func serveOnDisk(t *testing.T, role, folder string, log func(*lab.Signet) string) *onDisk {
	t.Helper()
	before := stage.signet
	t.Cleanup(func() { stage.signet = before })
	other, err := before.As(stage.signetUser, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(folder, "log"), log(other)); err != nil {
		t.Fatal(err)
	}
	other.Arguments = []string{"--metrics-listen", "127.0.0.1:0"}
	if role == "signer" { // it listens where it is given a certificate
		certificate, key := other.ServingFiles()
		other.Arguments = append(other.Arguments, "--listen", other.Address(), "--tls-cert", certificate, "--tls-key", key)
	}
	stage.signet = other
	s := &onDisk{Process: serve(t, role), readyz: "https://" + other.Address() + "/readyz"}
	s.metrics = fmt.Sprintf("http://127.0.0.1:%s/metrics", logged(t, s.Process, "serving metrics")["port"])
	s.client = &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: other.ClientTLS()}}
	t.Cleanup(s.client.CloseIdleConnections)
	if role == "all" {
		register(t)
	}
	return s
}

func (s *onDisk) get(url string) (string, error) {
	response, err := s.client.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s\n%s", url, response.Status, body)
	}
	return string(body), err
}

// expectReady wants /readyz to be ready, to come to have this line, and the metric to say the same.
func (s *onDisk) expectReady(t *testing.T, line string, good float64) {
	t.Helper()
	eventually(t, func() error {
		told, err := s.get(s.readyz)
		if err == nil && !strings.Contains(told, line) {
			err = fmt.Errorf("/readyz has no %q:\n%s", line, told)
		}
		return err
	})
	told, err := s.get(s.metrics)
	if err != nil {
		t.Fatal(err)
	}
	if got := parseSamples(t, told)["signet_issuance_log_good"]; got != good {
		t.Errorf("signet_issuance_log_good is %v", got)
	}
}

// expectReviews wants reviews to be answered as ever.
func expectReviews(t *testing.T) {
	t.Helper()
	_, err := dryRun(t, thief())
	expectRefused(t, err, "SignerNotAllowed")
	if _, err = dryRun(t, lab.Workload(signerBar, "bar", "httpbin")); err != nil {
		t.Error(err)
	}
}

// expectToldInAll wants these logs, one after the other, to tell of each request that its certificate was issued and then published,
// and that no other was.
func expectToldInAll(t *testing.T, logs []string, got []asked) {
	t.Helper()
	eventually(t, func() error {
		var all []lab.AuditRecord
		for _, log := range logs {
			records, err := lab.ReadAudit(log)
			if err = errors.Join(err, lab.CheckChain(records)); err != nil {
				return err
			}
			all = append(all, records...)
		}
		ends, err := lab.Ends(all)
		if err != nil {
			return err
		}
		published := map[string]int{} // by uid
		for _, record := range all {
			if record.Event == "published" {
				published[record.CSR.UID]++
			}
		}
		for _, one := range got {
			if ends[one.fingerprint] != "published" || published[one.uid] != 1 {
				return fmt.Errorf("%s: its certificate is %q, and %d were published", one.name, ends[one.fingerprint], published[one.uid])
			}
		}
		return nil
	})
	expectVerified(t, logs...)
}

func TestSoakIssuingStopsWhileItsLogCannotBeWrittenAndGoesOnByItself(t *testing.T) {
	for _, d := range disks {
		t.Run(d.name, func(t *testing.T) {
			folder := d.make(t)
			s := serveOnDisk(t, "all", folder, (*lab.Signet).AuditLog)
			logs := []string{stage.signet.AuditLog()}
			work := startLoad(t)
			var longest time.Duration
			for range shortOrLong(1, 10) {
				work.more(t, 10)
				d.harm(t, folder, s.Process)
				s.expectReady(t, "ok issuance-log: nothing is signed until it can be written: ", 0)
				if told, err := s.get(s.readyz); err != nil || !strings.Contains(told, d.told) {
					t.Errorf("/readyz does not say %q: %v\n%s", d.told, err, told)
				}
				waiting := approve(t, create(t, lab.Workload(signerBar, "bar", "waits")))
				for range shortOrLong(3, 10) {
					expectReviews(t)
					time.Sleep(500 * time.Millisecond)
				}
				if lab.HasCertificate(current(t, waiting.Name)) {
					t.Error("a certificate was published, though it could not be recorded")
				}
				if d.replaced {
					text, err := os.ReadFile(filepath.Join(folder, "log"))
					old := filepath.Join(t.TempDir(), "log")
					if err = errors.Join(err, os.WriteFile(old, text, 0o600)); err != nil {
						t.Fatal(err)
					}
					logs = append([]string{old}, logs...)
				}
				d.heal(t, folder, s.Process)
				healed := time.Now()
				await(t, waiting, lab.HasCertificate)
				longest = max(longest, time.Since(healed))
				s.expectReady(t, "ok issuance-log\n", 1)
				work.more(t, 10)
				if d.replaced {
					break
				}
			}
			find("log cannot be written: "+d.name, "signs again", "%v at most after it can", longest.Round(time.Millisecond))
			expectToldInAll(t, logs, work.end(t))
			if told := strings.Count(s.Output(), "nothing is signed until the issuance log can be written"); told > shortOrLong(1, 10) {
				t.Errorf("told %d times:\n%s", told, s.Output())
			}
		})
	}
}

func TestSoakASignerWithoutReviewsIsNotReadyWhileItsLogCannotBeWritten(t *testing.T) {
	d := disks[0]
	folder := d.make(t)
	s := serveOnDisk(t, "signer", folder, (*lab.Signet).AuditLog)
	await(t, approve(t, create(t, lab.Workload(signerBar, "bar", "before"))), lab.HasCertificate)
	s.expectReady(t, "ok issuance-log\n", 1)
	d.harm(t, folder, s.Process)
	waiting := approve(t, create(t, lab.Workload(signerBar, "bar", "waits")))
	eventually(t, func() error {
		_, err := s.get(s.readyz)
		if err == nil || !strings.Contains(err.Error(), "not ready issuance-log: nothing is signed until it can be written: ") {
			return fmt.Errorf("want it not to be ready: %v", err)
		}
		return nil
	})
	d.heal(t, folder, s.Process)
	await(t, waiting, lab.HasCertificate)
	s.expectReady(t, "ok issuance-log\n", 1)
}

func TestSoakSignetThatStartsOnAReadOnlyDiskAnswersReviewsAndSignsWhenItIsNone(t *testing.T) {
	folder := mount(t, "-t", "tmpfs", "-o", "size=1m,ro", "tmpfs")
	s := serveOnDisk(t, "all", folder, (*lab.Signet).AuditLog)
	waiting := approve(t, create(t, lab.Workload(signerBar, "bar", "waits")))
	s.expectReady(t, "ok issuance-log: nothing is signed until it can be written: "+stage.signet.AuditLog()+": Read-only file system\n", 0)
	expectReviews(t)
	run(t, "mount", "-o", "remount,rw", folder)
	await(t, waiting, lab.HasCertificate)
	s.expectReady(t, "ok issuance-log\n", 1)
	chain, err := lab.ParsePEM(current(t, waiting.Name).Status.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	expectToldInAll(t, []string{stage.signet.AuditLog()},
		[]asked{{name: waiting.Name, uid: string(waiting.UID), fingerprint: lab.Fingerprint(chain[0])}})
}

func TestSoakALogThatIsRemovedIsBegunAnew(t *testing.T) {
	s := serveOnDisk(t, "all", t.TempDir(), (*lab.Signet).AuditLog)
	work := startLoad(t)
	for range shortOrLong(2, 20) {
		work.more(t, 5)
		log, err := os.Readlink(stage.signet.AuditLog())
		if err = errors.Join(err, os.Remove(log)); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() error { _, err := os.Stat(log); return err })
		s.expectReady(t, "ok issuance-log\n", 1)
		from, err := logSize()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ask("after")
		if err = errors.Join(err, expectIssued(from, got.fingerprint)); err != nil {
			t.Fatal(err)
		}
	}
	work.end(t)
	records, err := lab.ReadAudit(stage.signet.AuditLog())
	if err = errors.Join(err, lab.CheckChain(records)); err != nil {
		t.Error(err)
	}
}

func TestSoakReviewsAndIssuingGoOnWhileTheReviewLogIsFull(t *testing.T) {
	for _, d := range disks {
		if d.replaced {
			continue
		}
		t.Run(d.name, func(t *testing.T) {
			folder := d.make(t)
			s := serveOnDisk(t, "all", folder, (*lab.Signet).ReviewLog)
			const dropped = `signet_audit_records_total{log="reviews",result="dropped"}`
			asks := func(account string) { // each another: alike ones are told as one
				t.Helper()
				request := thief()
				request.URIs = []string{"spiffe://cluster.local/ns/bar/sa/" + account}
				_, err := dryRun(t, request)
				expectRefused(t, err, "SignerNotAllowed")
			}
			asks("before")
			eventually(t, func() error { return expectReviewOf("before") })
			d.harm(t, folder, s.Process)
			lost := 0
			eventually(t, func() error {
				asks(fmt.Sprintf("lost-%d", lost))
				lost++
				told, err := s.get(s.metrics)
				if err == nil && parseSamples(t, told)[dropped] < 2 {
					err = errors.New("no lost review is counted")
				}
				return err
			})
			// Other logs are as long by now as these files may be.
			if d.name == "a full disk" {
				await(t, approve(t, create(t, lab.Workload(signerBar, "bar", "httpbin"))), lab.HasCertificate)
			}
			d.heal(t, folder, s.Process)
			asks("after")
			eventually(t, func() error { return expectReviewOf("after") })
			find("review log cannot be written: "+d.name, "reviews", "all of %d answered, what was not told is counted", lost)
		})
	}
}

// expectReviewOf wants the review log to hold and to tell of a review for the account.
func expectReviewOf(account string) error {
	records, err := lab.ReadAudit(stage.signet.ReviewLog())
	if err = errors.Join(err, lab.CheckChain(records)); err != nil {
		return err
	}
	for _, record := range records {
		if strings.HasSuffix(record.Identity, "/sa/"+account) {
			return nil
		}
	}
	return fmt.Errorf("no record of %s among %d", account, len(records))
}
