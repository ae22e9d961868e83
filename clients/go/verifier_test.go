package capykeys

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const good = `{"valid":true,"max_age_ms":1000,"api_key":{"id":"key_1","organization_id":"org_1","scopes":["*"]}}`

// Clocks that are set by hand.
type clocks struct {
	mu  sync.Mutex
	now moment
}

func (c *clocks) read() moment {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clocks) move(measured, told time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = moment{measured: c.now.measured + measured, told: c.now.told.Add(told)}
}

// How often the service is asked for a key, once before the clocks move and once afterwards.
func questions(t *testing.T, measured, told time.Duration) int {
	asked := 0
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		_, _ = w.Write([]byte(good))
	}))
	t.Cleanup(service.Close)
	clocks := &clocks{now: now()}
	verifier := New(service.URL, Options{MaxAge: time.Second, Timeout: time.Minute})
	verifier.now = clocks.read
	for _, move := range []bool{false, true} {
		if move {
			clocks.move(measured, told)
		}
		if _, err := verifier.Verify(context.Background(), "capy_live_x", nil); err != nil {
			t.Fatal(err)
		}
	}
	return asked
}

func TestAVerdictIsKeptWhileBothClocksSayThatItIsYoung(t *testing.T) {
	if asked := questions(t, 999*time.Millisecond, 999*time.Millisecond); asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

func TestAClockThatIsSetBackKeepsNoVerdictAlive(t *testing.T) {
	if asked := questions(t, time.Second, -time.Hour); asked != 2 {
		t.Errorf("asked %d times", asked)
	}
}

func TestAMachineThatSleptHasAsManyVerdictsAsItShould(t *testing.T) {
	if asked := questions(t, 0, time.Hour); asked != 2 {
		t.Errorf("asked %d times", asked)
	}
}

// A service that answers each question so.
func serve(t *testing.T, answer http.HandlerFunc) string {
	service := httptest.NewServer(answer)
	t.Cleanup(service.Close)
	return service.URL
}

func always(answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(answer)) }
}

func expectUnavailable(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, ErrUnavailable) {
		t.Fatalf("it is not unavailable: %v", err)
	}
}

func TestOnlySoManyQuestionsAreUnderWay(t *testing.T) {
	asked, ended := make(chan struct{}), make(chan struct{})
	verifier := New(serve(t, func(w http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		<-ended
		_, _ = w.Write([]byte(good))
	}), Options{MaxQuestions: 2, Timeout: time.Minute})
	answers := make(chan error)
	for _, key := range []string{"a", "b"} {
		go func() {
			_, err := verifier.Verify(context.Background(), key, nil)
			answers <- err
		}()
		<-asked
	}
	_, err := verifier.Verify(context.Background(), "c", nil)
	expectUnavailable(t, err)
	close(ended)
	for range 2 {
		if err := <-answers; err != nil {
			t.Fatal(err)
		}
	}
	go func() { <-asked }()
	if _, err := verifier.Verify(context.Background(), "c", nil); err != nil {
		t.Fatal(err)
	}
}

func TestATokenThatIsNotGivenInTimeIsGivenUp(t *testing.T) {
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	var calls atomic.Int32
	verifier := New(serve(t, always(good)), Options{
		Timeout: 50 * time.Millisecond,

		Token: func() (string, error) {
			if calls.Add(1) == 1 {
				<-never
			}
			return "token", nil
		},
	})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := verifier.Verify(ctx, "capy_live_x", nil)
	expectUnavailable(t, err)
	if ctx.Err() != nil {
		t.Fatal("it waits for ever")
	}
	verifier.options.Timeout = time.Minute
	if _, err := verifier.Verify(ctx, "capy_live_x", nil); err != nil {
		t.Fatal(err)
	}
}

func TestCallsForATokenThatDoNotReturnAreNotGathered(t *testing.T) {
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	var calls atomic.Int32
	verifier := New(serve(t, always(good)), Options{
		MaxQuestions: 2,
		Timeout:      10 * time.Millisecond,

		Token: func() (string, error) {
			calls.Add(1)
			<-never
			return "", nil
		},
	})
	for range 5 {
		_, err := verifier.Verify(context.Background(), "capy_live_x", nil)
		expectUnavailable(t, err)
	}
	if calls := calls.Load(); calls > 2 {
		t.Errorf("%d calls", calls)
	}
}

func TestAProjectThatIsNotAsSpecifiedIsNoVerdict(t *testing.T) {
	const format = `{"valid":true,"max_age_ms":0,"api_key":{"id":"k","organization_id":"o","scopes":[],"project_id":%s}}`
	for project, expected := range map[string]string{`""`: "none", `7`: "none", `null`: "", `"prj_1"`: "prj_1"} {
		verifier := New(serve(t, always(fmt.Sprintf(format, project))), Options{Timeout: time.Minute})
		caller, err := verifier.Verify(context.Background(), "capy_live_x", nil)
		switch {
		case expected == "none":
			expectUnavailable(t, err)
		case err != nil:
			t.Errorf("%s: %v", project, err)
		case caller.ProjectID != expected:
			t.Errorf("%s: %q", project, caller.ProjectID)
		}
	}
}

func TestWhatAHandlerDoesWithTheScopesIsForgotten(t *testing.T) {
	verifier := New(serve(t, always(strings.Replace(good, `"*"`, `"jobs:read"`, 1))), Options{MaxAge: time.Minute, Timeout: time.Minute})
	for range 2 {
		caller, err := verifier.Verify(context.Background(), "capy_live_x", nil)
		if err != nil {
			t.Fatal(err)
		}
		if caller.Grants("*") {
			t.Fatal("the scopes are shared")
		}
		caller.Scopes[0] = "*"
	}
}

type wrapped struct{ http.RoundTripper }

func TestADefaultTransportThatWasWrappedIsNoMatter(t *testing.T) {
	standard := http.DefaultTransport
	t.Cleanup(func() { http.DefaultTransport = standard })
	http.DefaultTransport = wrapped{standard}
	verifier := New(serve(t, always(good)), Options{Timeout: time.Minute})
	if _, err := verifier.Verify(context.Background(), "capy_live_x", nil); err != nil {
		t.Fatal(err)
	}
}
