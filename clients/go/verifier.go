// Package capykeys guards net/http handlers with API keys that a capykeys service verifies.
package capykeys

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// The bounds of what is read.
const (
	maxKeyLength  = 512
	maxAnswerSize = 64 << 10
)

// Options of a Verifier. The zero value of each means its default.
type Options struct {
	// MaxAge is for how long a verdict may be kept; the service grants that or less, and answers a
	// revocation only when it is over. By default 300ms; negative: nothing is kept.
	MaxAge time.Duration
	// Timeout is the limit for one question, connecting and retrying included. By default 1s.
	Timeout time.Duration
	// Capacity is how many verdicts are kept at most. By default 10,000.
	Capacity int
	// MaxQuestions is how many may be under way at once: where there are that many, keys that are not kept are
	// not asked about. By default 256.
	MaxQuestions int
	// Token gives the token of the cluster, where the service asks for one. It is called for each question, and
	// has to give it within its time limit.
	Token func() (string, error)
	// Transport carries the questions: set it for a private authority or a client certificate.
	Transport http.RoundTripper
}

// Caller is who has presented a key that is good.
type Caller struct {
	KeyID          string   `json:"id"`
	OrganizationID string   `json:"organization_id"`
	ProjectID      string   `json:"project_id,omitempty"` // of a key that is for one project alone
	Scopes         []string `json:"scopes"`
}

// Grants says whether the caller's key has the scope, by name or by "*".
func (c *Caller) Grants(scope string) bool {
	return slices.Contains(c.Scopes, scope) || slices.Contains(c.Scopes, "*")
}

// ErrUnavailable says that there is no verdict. Whoever asked is to be refused, with 503.
var ErrUnavailable = errors.New("API keys cannot be verified right now")

// RefusedError says why a key is not good: Code is the service's.
type RefusedError struct{ Code string }

func (e *RefusedError) Error() string { return "the API key is not good: " + e.Code }

// Verifier asks the service about keys. It may be used by several goroutines at once.
type Verifier struct {
	url     string
	options Options
	client  *http.Client
	now     func() moment
	// Holds one for each call of Token that has not returned.
	tokens chan struct{}

	mu      sync.Mutex
	kept    *kept
	flights map[hash]*flight
}

// The hash of a key, which is all that is remembered of it.
type hash [sha256.Size]byte

// A question that is under way.
type flight struct {
	done    chan struct{}
	verdict verdict
	err     error
}

// New gives a Verifier that asks the service whose internal listener is at url.
func New(url string, options Options) *Verifier {
	if options.MaxAge == 0 {
		options.MaxAge = 300 * time.Millisecond
	}
	if options.Timeout == 0 {
		options.Timeout = time.Second
	}
	if options.Capacity == 0 {
		options.Capacity = 10_000
	}
	if options.MaxQuestions == 0 {
		options.MaxQuestions = 256
	}
	if options.Transport == nil {
		options.Transport = newTransport(options.MaxQuestions)
	}
	return &Verifier{
		url:     strings.TrimRight(url, "/") + "/v1/api-keys/verify",
		options: options,
		client: &http.Client{
			Transport:     options.Transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		now:     now,
		tokens:  make(chan struct{}, options.MaxQuestions),
		kept:    newKept(options.Capacity),
		flights: map[hash]*flight{},
	}
}

func newTransport(maxQuestions int) *http.Transport {
	// What instruments a program may have put another one in its place.
	transport := &http.Transport{ForceAttemptHTTP2: true, IdleConnTimeout: 90 * time.Second}
	if standard, ok := http.DefaultTransport.(*http.Transport); ok {
		transport = standard.Clone()
	}
	// Keys go to the service and to nobody in between.
	transport.Proxy = nil
	transport.MaxIdleConnsPerHost = 32
	transport.MaxConnsPerHost = maxQuestions
	return transport
}

// Kept is how many verdicts are remembered right now.
func (v *Verifier) Kept() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.kept.len()
}

// Verify gives the caller whose key this is, a *RefusedError where the key is not good, and ErrUnavailable
// where that cannot be known. The headers traceparent and tracestate of trace, which may be nil, go along.
func (v *Verifier) Verify(ctx context.Context, key string, trace http.Header) (*Caller, error) {
	if len(key) > maxKeyLength {
		return nil, &RefusedError{Code: "not_found"}
	}
	id, arrived := hash(sha256.Sum256([]byte(key))), v.now()
	for {
		verdict, flight, err := v.look(id, key, trace)
		if err != nil {
			return nil, err
		}
		if flight == nil {
			return verdict.result()
		}
		select {
		case <-ctx.Done():
			return nil, ErrUnavailable
		case <-flight.done:
		}
		if flight.err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, flight.err)
		}
		// A question that others had asked before may be older than a revocation that was acknowledged
		// meanwhile: then its verdict counts only as long as one that was kept.
		if flight.verdict.asked.measured >= arrived.measured || flight.verdict.isFresh(v.now()) {
			return flight.verdict.result()
		}
	}
}

var errTooMany = fmt.Errorf("%w: too many questions are under way", ErrUnavailable)

// The verdict that is kept, or else the question that is under way.
func (v *Verifier) look(id hash, key string, trace http.Header) (verdict, *flight, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if verdict, ok := v.kept.get(id, v.now()); ok {
		return verdict, nil, nil
	}
	if flight, ok := v.flights[id]; ok {
		return verdict{}, flight, nil
	}
	// Anybody can make up keys, and a question goes on when whoever caused it has left.
	if len(v.flights) >= v.options.MaxQuestions {
		return verdict{}, nil, errTooMany
	}
	flight := &flight{done: make(chan struct{})}
	v.flights[id] = flight
	// Others may join, so it does not end with the request that came first.
	go v.fly(id, key, trace.Clone(), flight)
	return verdict{}, flight, nil
}

func (v *Verifier) fly(id hash, key string, trace http.Header, flight *flight) {
	ctx, cancel := context.WithTimeout(context.Background(), v.options.Timeout)
	defer cancel()
	flight.verdict, flight.err = v.ask(ctx, key, trace)
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.flights, id)
	if flight.err == nil && flight.verdict.isFresh(v.now()) {
		v.kept.put(id, flight.verdict)
	}
	close(flight.done)
}

func (v *Verifier) ask(ctx context.Context, key string, trace http.Header) (verdict, error) {
	maxAge := max(v.options.MaxAge, 0)
	body, err := json.Marshal(map[string]any{"api_key": key, "max_age_ms": maxAge.Milliseconds()})
	if err != nil {
		return verdict{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, v.url, bytes.NewReader(body))
	if err != nil {
		return verdict{}, err
	}
	for _, name := range []string{"Traceparent", "Tracestate"} {
		if values := trace.Values(name); len(values) > 0 {
			request.Header[name] = values
		}
	}
	request.Header.Set("Content-Type", "application/json")
	// Not sent: it tells the transport to try again where a kept connection turns out to be closed.
	request.Header["Idempotency-Key"] = []string{}
	if v.options.Token != nil {
		token, err := v.token(ctx)
		if err != nil {
			return verdict{}, err
		}
		request.Header.Set("Authorization", "Bearer "+token)
	}
	asked := v.now()
	response, err := v.client.Do(request)
	if err != nil {
		return verdict{}, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerSize))
	if err != nil {
		return verdict{}, err
	}
	if response.StatusCode != http.StatusOK {
		return verdict{}, fmt.Errorf("the service answers %d", response.StatusCode)
	}
	return readVerdict(answer, asked, maxAge)
}

// A call that does not return is given up: whoever asks for the same key would wait for it as well.
func (v *Verifier) token(ctx context.Context) (string, error) {
	select {
	case v.tokens <- struct{}{}:
	default:
		return "", errors.New("too many calls of Token have not returned")
	}
	type result struct {
		token string
		err   error
	}
	given := make(chan result, 1)
	go func() {
		defer func() { <-v.tokens }()
		token, err := v.options.Token()
		given <- result{token, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case result := <-given:
		return result.token, result.err
	}
}
