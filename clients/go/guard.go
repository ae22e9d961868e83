package capykeys

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/textproto"
	"strings"
)

// Rule is what a route asks of a key.
type Rule struct {
	// Scopes that the key must grant, all of them.
	Scopes []string
	// Project gives the project that the request is about: a key of another one is refused. Where it is nil,
	// no project is checked, and the handler has to look at the caller's ProjectID.
	Project func(*http.Request) string
}

type callerKey struct{}

// CallerOf gives whose request this is; nil where no key was asked for.
func CallerOf(r *http.Request) *Caller {
	caller, _ := r.Context().Value(callerKey{}).(*Caller)
	return caller
}

// Require guards handlers: a request without a key that grants all scopes is answered instead of them.
func (v *Verifier) Require(scopes ...string) func(http.Handler) http.Handler {
	return v.Guard(Rule{Scopes: scopes})
}

// Guard does the same by a rule.
func (v *Verifier) Guard(rule Rule) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			caller, refusal := v.judge(r, rule)
			if refusal != nil {
				refusal.write(w)
				return
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, caller)))
		})
	}
}

type refusal struct {
	status   int
	sentence string
	// A header that goes along, where there is one.
	header, value string
}

func (r refusal) write(w http.ResponseWriter) {
	if r.header != "" {
		w.Header().Set(r.header, r.value)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(r.status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": r.sentence})
}

func forbidden(sentence string) *refusal {
	return &refusal{status: http.StatusForbidden, sentence: sentence}
}

func unauthorized(challenge string) *refusal {
	return &refusal{http.StatusUnauthorized, "A valid API key is required.", "WWW-Authenticate", challenge}
}

func (v *Verifier) judge(r *http.Request, rule Rule) (*Caller, *refusal) {
	key, refused := credential(r.Header)
	if refused != nil {
		return nil, refused
	}
	caller, err := v.Verify(r.Context(), key, r.Header)
	if err != nil {
		return nil, refusalFor(err)
	}
	if rule.Project != nil && caller.ProjectID != "" && caller.ProjectID != rule.Project(r) {
		return nil, forbidden("The API key is for another project.")
	}
	for _, scope := range rule.Scopes {
		if !caller.Grants(scope) {
			return nil, forbidden("The API key lacks the scope " + scope + ".")
		}
	}
	return caller, nil
}

func refusalFor(err error) *refusal {
	var refused *RefusedError
	switch {
	case !errors.As(err, &refused):
		sentence := "API keys cannot be verified right now."
		return &refusal{http.StatusServiceUnavailable, sentence, "Retry-After", "1"}
	case refused.Code == "organization_suspended":
		return forbidden("The organization is suspended.")
	default:
		return unauthorized(`Bearer error="invalid_token"`)
	}
}

// The key in Authorization or X-API-Key, read as the service itself reads them.
func credential(header http.Header) (string, *refusal) {
	malformed := func(sentence string) (string, *refusal) {
		return "", &refusal{status: http.StatusBadRequest, sentence: sentence}
	}
	authorization, once := only(header, "Authorization")
	if !once {
		return malformed("`Authorization` must be given only once.")
	}
	key, once := only(header, "X-Api-Key")
	if !once {
		return malformed("`X-API-Key` must be given only once.")
	}
	scheme, token, _ := strings.Cut(authorization, " ")
	token = textproto.TrimString(token)
	isBearer := strings.EqualFold(scheme, "Bearer")
	if isBearer && token == "" {
		authorization = ""
	}
	switch {
	case authorization == "" && key == "":
		return "", unauthorized("Bearer")
	case authorization == "":
		return key, nil
	case key != "" && (!isBearer || token != key):
		return malformed("`Authorization` and `X-API-Key` must not hold different credentials.")
	case !isBearer:
		return "", unauthorized(`Bearer error="invalid_token"`)
	default:
		return token, nil
	}
}

// The only value of a header, and whether there is no other.
func only(header http.Header, name string) (string, bool) {
	values := header.Values(name)
	if len(values) == 0 {
		return "", true
	}
	return textproto.TrimString(values[0]), len(values) == 1
}
