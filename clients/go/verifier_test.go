package capykeys

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
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
