package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"signet/test/cluster/lab"
)

// Longer than a Lease that is lost, and what was tried in vain meanwhile, takes to be over.
const loadPatience = 2 * time.Minute

// asked is a request that got its certificate.
type asked struct {
	name, uid   string
	fingerprint string
	waited      time.Duration // from its approval on
}

// load is workloads that ask for certificates until its end.
type load struct {
	stop    chan struct{}
	clients sync.WaitGroup

	lock   sync.Mutex
	got    []asked
	failed []error
}

func startLoad(t *testing.T) *load {
	t.Helper()
	const clients = 6
	l := &load{stop: make(chan struct{})}
	for client := range clients {
		l.clients.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-l.stop:
					return
				case <-time.After(20 * time.Millisecond):
				}
				one, err := ask(fmt.Sprintf("load-%d-%d", client, i))
				l.lock.Lock()
				if err != nil {
					l.failed = append(l.failed, err)
				} else {
					l.got = append(l.got, one)
				}
				l.lock.Unlock()
			}
		})
	}
	t.Cleanup(func() {
		l.halt()
		// Not earlier: what becomes of a certificate whose request is gone nobody can tell.
		if err := stage.plane.Admin().CertificatesV1().CertificateSigningRequests().DeleteCollection(
			context.Background(), metav1.DeleteOptions{}, metav1.ListOptions{}); err != nil {
			t.Error(err)
		}
	})
	return l
}

func ask(account string) (asked, error) {
	ctx, cancel := context.WithTimeout(context.Background(), loadPatience)
	defer cancel()
	object, _, err := stage.istiod.Create(ctx, lab.Workload(signerFoo, "foo", account))
	if err != nil {
		return asked{}, fmt.Errorf("create: %w", err)
	}
	if object, err = stage.istiod.Approve(ctx, object); err != nil {
		return asked{}, fmt.Errorf("approve: %w", err)
	}
	approved := time.Now()
	signed, err := stage.istiod.WaitFor(ctx, object, lab.HasCertificate)
	if err != nil {
		return asked{}, err
	}
	waited := time.Since(approved)
	chain, err := lab.ParsePEM(signed.Status.Certificate)
	if err != nil {
		return asked{}, err
	}
	return asked{signed.Name, string(signed.UID), lab.Fingerprint(chain[0]), waited}, nil
}

// more waits until that many more certificates have come.
func (l *load) more(t *testing.T, count int) {
	t.Helper()
	l.lock.Lock()
	wanted := len(l.got) + count
	l.lock.Unlock()
	eventually(t, func() error {
		l.lock.Lock()
		defer l.lock.Unlock()
		if len(l.got) < wanted {
			return fmt.Errorf("%d certificates, want %d; %w", len(l.got), wanted, errors.Join(l.failed...))
		}
		return nil
	})
}

func (l *load) halt() {
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.clients.Wait()
}

// end is everything that came. Nothing may have failed.
func (l *load) end(t *testing.T) []asked {
	t.Helper()
	l.halt()
	if err := errors.Join(l.failed...); err != nil {
		t.Error(err)
	}
	return l.got
}

// longestWait is from a request's approval to its certificate.
func longestWait(got []asked) (longest time.Duration) {
	for _, one := range got {
		longest = max(longest, one.waited)
	}
	return longest
}
