package cluster

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	admissionreviewv1 "k8s.io/api/admission/v1"

	"signet/test/cluster/lab"
)

// Strangers at the webhook's port: whoever can reach it, without a certificate and with any intention.

const (
	// What the goal of the table is for. No time decides a test: the machine may be busy with others.
	reviewGoal = 50 * time.Millisecond
	// More than the front and the rest of Signet may ever need here: 128 MiB for half-read requests, 512 connections, and the rest.
	mostMemory = 256 << 20
)

// reviews are asked by a well-behaved client with connections that it keeps, as the API server does, again and again.
type reviews struct {
	stop    chan struct{}
	clients sync.WaitGroup

	lock sync.Mutex
	took []time.Duration
	lost []error
}

// startReviews asks from several connections without rest, and from one so rarely that it stands idle in between.
func startReviews(t *testing.T) *reviews {
	t.Helper()
	r := &reviews{stop: make(chan struct{})}
	granted, denied := strangersReview(t), reviewOf(t, thief())
	for client, pause := range []time.Duration{5 * time.Millisecond, 5 * time.Millisecond, 5 * time.Millisecond, 400 * time.Millisecond} {
		connection := newKeptAlive()
		r.clients.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-r.stop:
					return
				case <-time.After(pause):
				}
				uid, review := fmt.Sprintf("review-%d-%d", client, i), granted
				if i%2 == 1 {
					review = denied
				}
				began := time.Now()
				err := askReview(connection, review, uid, i%2 == 0)
				r.note(time.Since(began), err)
			}
		})
	}
	t.Cleanup(r.halt)
	return r
}

func (r *reviews) note(took time.Duration, err error) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.took = append(r.took, took)
	if err != nil {
		r.lost = append(r.lost, err)
	}
}

func askReview(client *keptAlive, review, uid string, allowed bool) error {
	status, text, err := client.ask("POST", "/validate", strings.Replace(review, `"uid":"stranger"`, `"uid":"`+uid+`"`, 1))
	if err != nil {
		return err
	}
	var answer admissionreviewv1.AdmissionReview
	if err := json.Unmarshal([]byte(text), &answer); err != nil || status != http.StatusOK || answer.Response == nil ||
		string(answer.Response.UID) != uid || answer.Response.Allowed != allowed {
		return fmt.Errorf("%s: %d, %w: %s", uid, status, err, text)
	}
	return nil
}

func (r *reviews) halt() {
	select {
	case <-r.stop:
	default:
		close(r.stop)
	}
	r.clients.Wait()
}

// take is what was asked since the last time.
func (r *reviews) take() (took []time.Duration, lost []error) {
	r.lock.Lock()
	defer r.lock.Unlock()
	took, lost = r.took, r.lost
	r.took, r.lost = nil, nil
	return took, lost
}

// report has none lost, and tells in the table how long they took.
func (r *reviews) report(t *testing.T, scenario string) {
	t.Helper()
	took, lost := r.take()
	if len(lost) > 0 {
		t.Errorf("%s: %d of %d reviews lost, the first: %v", scenario, len(lost), len(took), lost[0])
	}
	if len(took) == 0 {
		t.Fatalf("%s: no review was answered", scenario)
	}
	findReviews(scenario, took, len(lost))
}

func findReviews(scenario string, took []time.Duration, lost int) {
	slices.Sort(took)
	at := func(share float64) time.Duration {
		return took[int(share*float64(len(took)-1))].Round(100 * time.Microsecond)
	}
	inTime, _ := slices.BinarySearch(took, 3*time.Second)
	find(scenario, "reviews of a well-behaved client", "%d, %d lost, %d after the API server's 3 s; p50 %v, p99 %v (goal %v), longest %v",
		len(took), lost, len(took)-inTime, at(0.5), at(0.99), reviewGoal, at(1))
}

// memory is what of the process is resident, and the most that ever was, in bytes.
func memory(t *testing.T, process *lab.Process) (now, most int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", process.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	value := func(name string) int {
		_, after, _ := strings.Cut(string(text), name+":")
		kilobytes, err := strconv.Atoi(strings.Fields(after + " -")[0])
		if err != nil {
			t.Fatal(err)
		}
		return kilobytes << 10
	}
	return value("VmRSS"), value("VmHWM")
}

func TestSoakCrowdsOfStrangersLoseNoReview(t *testing.T) {
	served := serveReloading(t, "all", stage.signet.Policy, allSigners...)
	address := stage.signet.Address()
	register(t)
	certificates := startLoad(t)
	asked := startReviews(t)

	stay, longest := shortOrLong(500*time.Millisecond, 20*time.Second), shortOrLong(2*time.Second, 2*time.Minute)
	idle, slow, busy := shortOrLong(300, 2000), shortOrLong(100, 500), shortOrLong(16, 64)
	const back = 50 * time.Millisecond
	head := "POST /validate HTTP/1.1\r\nHost: signet\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
	live := "GET /livez HTTP/1.1\r\nHost: signet\r\n\r\n"
	post := lab.PostReview("/validate", strangersReview(t))
	crowds := []struct {
		name  string
		crowd lab.Crowd
	}{
		{"idle connections", lab.Crowd{Count: idle, Pause: back, Strangers: lab.Silent}},
		{"idle after the handshake", lab.Crowd{Count: idle, Pause: back, Strangers: lab.Greeting, Texts: []string{""}}},
		{"idle after an answer", lab.Crowd{Count: idle, Pause: back, Strangers: lab.Greeting, Texts: []string{live}}},
		{"idle after a review", lab.Crowd{Count: idle, Pause: back, Strangers: lab.Greeting, Texts: []string{post}}},
		{"handshakes never finished", lab.Crowd{Count: slow, Pause: back, Strangers: lab.Unfinished}},
		{"handshakes a byte a second", lab.Crowd{Count: slow, Pause: back, Strangers: lab.UnfinishedSlowly}},
		{"headers a byte a second", lab.Crowd{Count: slow, Pause: back, Strangers: lab.Trickling, Texts: []string{"", head}}},
		{"bodies a byte a second", lab.Crowd{Count: slow, Pause: back, Strangers: lab.Trickling, Texts: []string{head, strings.Repeat(" ", 1000)}}},
		{"connecting as fast as they can", lab.Crowd{Count: busy, Strangers: lab.Restless}},
		{"handshakes as fast as they can", lab.Crowd{Count: busy, Strangers: lab.RestlessAfterHandshake}},
		{"requests whose answers nobody reads", lab.Crowd{Count: busy, Strangers: lab.Deaf, Texts: []string{live}}},
		{"questions about health as fast as they can", lab.Crowd{Count: busy, Strangers: lab.Asking, Texts: []string{live}}},
		{"reviews as fast as they can", lab.Crowd{Count: busy, Strangers: lab.Asking, Texts: []string{post}}},
		{"changes of keys as fast as they can", lab.Crowd{Count: 4, Strangers: lab.KeyChanging}},
	}
	time.Sleep(stay)
	asked.report(t, "no strangers")
	var all []*lab.GatheredCrowd
	for i := range crowds {
		c := &crowds[i]
		c.crowd.Address, c.crowd.Sources = address, 20
		crowd := gather(t, c.crowd)
		time.Sleep(stay)
		reportCrowd(t, served, asked, fmt.Sprintf("%d: %s", c.crowd.Count, c.name), crowd)
	}
	for _, c := range crowds {
		all = append(all, gather(t, c.crowd))
	}
	time.Sleep(longest)
	reportCrowd(t, served, asked, "all of them together", all...)
	time.Sleep(stay)
	asked.report(t, "after they left")
	got := certificates.end(t)
	find("crowds of strangers", "certificates meanwhile", "%d, none lost", len(got))
}

func gather(t *testing.T, crowd lab.Crowd) *lab.GatheredCrowd {
	t.Helper()
	gathered, err := crowd.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return gathered
}

// reportCrowd sends the crowds away.
func reportCrowd(t *testing.T, served *reloading, asked *reviews, scenario string, crowds ...*lab.GatheredCrowd) {
	t.Helper()
	asked.report(t, scenario)
	now := served.scrape()
	resident, most := memory(t, served.Process)
	came := 0
	for _, crowd := range crowds {
		harm, err := crowd.Leave()
		if err != nil {
			t.Fatal(err)
		}
		came += harm.Came
	}
	find(scenario, "connections", "%d came; %v open, %v closed for room since the start; %d MiB resident, %d MiB at most",
		came, openConnections(now), now[closedForRoom], resident>>20, most>>20)
	if most > mostMemory {
		t.Errorf("%s: %d MiB resident, at most %d wanted", scenario, most>>20, mostMemory>>20)
	}
	eventually(t, func() error {
		if left := openConnections(served.scrape()); left > 64 {
			return fmt.Errorf("%s: %v connections are left", scenario, left)
		}
		return nil
	})
	_, lost := asked.take()
	if len(lost) > 0 {
		t.Errorf("%s: %d reviews lost as they left, the first: %v", scenario, len(lost), lost[0])
	}
}

func openConnections(now samples) float64 {
	var open float64
	for _, state := range []string{"handshaking", "idle", "reading", "writing", "lingering"} {
		open += now[fmt.Sprintf("signet_connections{state=%q}", state)]
	}
	return open
}

const (
	// More than the cap of the front, which is 512.
	fullFront     = 700
	closedForRoom = `signet_connections_total{outcome="closed_for_room"}`
)

func TestSoakAClientThatComesToAFullFrontIsAnswered(t *testing.T) {
	served := serveReloading(t, "all", stage.signet.Policy, allSigners...)
	review := strangersReview(t)
	live := "GET /livez HTTP/1.1\r\nHost: signet\r\n\r\n"
	cases := []struct {
		name string
		lab.Crowd
	}{
		{"that say nothing", lab.Crowd{Sources: 20, Strangers: lab.Silent}},
		{"that were greeted", lab.Crowd{Sources: 20, Strangers: lab.Greeting, Texts: []string{""}}},
		{"that were told of health", lab.Crowd{Sources: 20, Strangers: lab.Greeting, Texts: []string{live}}},
		{"whose review was answered", lab.Crowd{Sources: 20, Strangers: lab.Greeting, Texts: []string{lab.PostReview("/validate", review)}}},
		{"that ask for health again and again", lab.Crowd{Sources: 20, Strangers: lab.Asking, Texts: []string{live}}},
		{"of as many addresses", lab.Crowd{Sources: fullFront, Strangers: lab.Greeting, Texts: []string{live}}},
		// These nobody can tell from the client; what they do to it is told and no more.
		{"of the client's own address", lab.Crowd{Strangers: lab.Greeting, Texts: []string{live}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.Address, c.Count, c.Pause = stage.signet.Address(), fullFront, 50*time.Millisecond
			before := served.scrape()[closedForRoom]
			crowd := gather(t, c.Crowd)
			// So many more than there is room for: those who were shown out come back.
			eventually(t, func() error {
				if closed := served.scrape()[closedForRoom] - before; closed < 300 {
					return fmt.Errorf("%v were closed for room", closed)
				}
				return nil
			})
			asked := &reviews{}
			for i := range shortOrLong(20, 500) {
				client := newKeptAlive()
				began := time.Now()
				err := askReview(client, review, fmt.Sprintf("new-%d", i), true)
				asked.note(time.Since(began), err)
				client.client.CloseIdleConnections()
			}
			scenario := fmt.Sprintf("%d %s, each review on a new connection", fullFront, c.name)
			if c.Sources == 0 {
				took, lost := asked.take()
				findReviews(scenario, took, len(lost))
			} else {
				asked.report(t, scenario)
				// And the API server, which has no connection yet.
				register(t)
				if _, err := stage.istiod.Sign(patient(t), lab.Workload(signerFoo, "foo", "httpbin")); err != nil {
					t.Error(err)
				}
			}
			if _, err := crowd.Leave(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSoakStrangersWhoPostReviewsFillNoDiskAndSpendNoQuota(t *testing.T) {
	const perMinute, burst, real = 60, 12, 10
	policy := stagePolicy(t, "namespaces: [foo]", fmt.Sprintf("namespaces: [foo]\n    quota: {perMinute: %d, burst: %d}", perMinute, burst))
	served := serveReloading(t, "all", policyInFile(t, policy), allSigners...)
	began := time.Now()
	register(t)
	asked := startReviews(t)

	review := strangersReview(t)
	istiod := `"username":"` + stage.istiodUser.Username()
	change := func(oldnew ...string) string {
		return lab.PostReview("/validate", strings.NewReplacer(oldnew...).Replace(review))
	}
	// As long in the log as a stranger can make it: what is cut there is not longer.
	long := strings.Repeat(`\u0001`, 4000) + lab.Number
	crowd := gather(t, lab.Crowd{Address: stage.signet.Address(), Count: 16, Strangers: lab.Asking, Sources: 4, Texts: []string{
		change(`"uid":"stranger"`, `"uid":"`+lab.Number+`"`),
		change(istiod, istiod+lab.Number),
		change(`"uid":"stranger"`, `"uid":"`+long+`"`, istiod, `"username":"`+long, `"generateName":"csr-workload-"`,
			`"name":"`+long+`","uid":"`+long+`"`, `"signerName":"`+signerFoo, `"signerName":"`+signerFoo+long),
	}})
	leave := time.After(shortOrLong(3*time.Second, time.Minute))
	for i := range real {
		if _, err := stage.istiod.Sign(patient(t), lab.Workload(signerFoo, "foo", fmt.Sprintf("meanwhile-%d", i))); err != nil {
			t.Error(err)
		}
	}
	<-leave
	_, most := memory(t, served.Process)
	harm, err := crowd.Leave()
	if err != nil {
		t.Fatal(err)
	}
	const scenario = "strangers who post reviews"
	asked.report(t, scenario)
	if len(harm.Answered) != 1 || harm.Answered[http.StatusOK] == 0 {
		t.Errorf("answered: %v", harm.Answered)
	}
	if most > mostMemory {
		t.Errorf("%d MiB resident, at most %d wanted", most>>20, mostMemory>>20)
	}
	eventually(t, func() error { // a certificate is counted when the write of it was answered
		now := served.scrape()
		if now[publishedByFoo] != real || now[failedByFoo] != 0 || now[`signet_throttled_total{tenant="foo"}`] != 0 {
			return fmt.Errorf("foo: %v published, want %d; %v failed; throttled %v times", now[publishedByFoo], real, now[failedByFoo],
				now[`signet_throttled_total{tenant="foo"}`])
		}
		return nil
	})
	lines, bytes := 0, 0
	for _, file := range []string{stage.signet.ReviewLog(), stage.signet.ReviewLog() + ".1"} {
		text, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		lines, bytes = lines+strings.Count(string(text), "\n"), bytes+len(text)
	}
	// A burst of 500, 50 a second for ever, and how many were dropped every 10 s.
	if allowed := 501 + 51*int(time.Since(began).Seconds()+1); lines > allowed {
		t.Errorf("%d lines in the review log, at most %d wanted", lines, allowed)
	}
	find(scenario, "the review log", "%d answers left %d lines, %d MiB; %d MiB resident at most", harm.Answered[http.StatusOK], lines, bytes>>20, most>>20)
}
