package capykeys

import (
	"container/list"
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// A time by two clocks: one stands still while the machine sleeps, the other can be set back.
type moment struct {
	// Since the program was started.
	measured time.Duration
	told     time.Time
}

var start = time.Now()

func now() moment {
	// Without its reading of the clock that only measures, which two times would be compared by.
	return moment{measured: time.Since(start), told: time.Now().Round(0)}
}

// What the service has said of a key.
type verdict struct {
	caller *Caller
	// Why it is not good, where there is no caller.
	code string
	// When the question was sent, from which its age counts: the answer may have been under way for long.
	asked  moment
	maxAge time.Duration
}

func (v verdict) result() (*Caller, error) {
	if v.caller == nil {
		return nil, &RefusedError{Code: v.code}
	}
	caller := *v.caller
	// What a handler does with them is no matter of other requests.
	caller.Scopes = slices.Clone(caller.Scopes)
	return &caller, nil
}

// Whether the longer of what the two clocks have measured since it was asked is less than its age.
func (v verdict) isFresh(now moment) bool {
	return max(now.measured-v.asked.measured, now.told.Sub(v.asked.told)) < v.maxAge
}

// An answer that says anything but what is specified is none.
func readVerdict(answer []byte, asked moment, limit time.Duration) (verdict, error) {
	var read struct {
		Valid  *bool   `json:"valid"`
		Code   string  `json:"code"`
		MaxAge *uint32 `json:"max_age_ms"`
		Caller *struct {
			Caller
			// Hides the caller's, which does not tell an empty one from none: a key of a project that is not
			// told must not be good for all of them.
			ProjectID *string `json:"project_id"`
		} `json:"api_key"`
	}
	if err := json.Unmarshal(answer, &read); err != nil || read.Valid == nil || read.MaxAge == nil {
		return verdict{}, errors.New("the service's answer is no verdict")
	}
	maxAge := min(time.Duration(*read.MaxAge)*time.Millisecond, limit)
	if !*read.Valid {
		return verdict{code: read.Code, asked: asked, maxAge: maxAge}, nil
	}
	unclear := errors.New("the service's verdict does not say whose key it is")
	if read.Caller == nil {
		return verdict{}, unclear
	}
	caller := read.Caller.Caller
	if caller.KeyID == "" || caller.OrganizationID == "" || caller.Scopes == nil {
		return verdict{}, unclear
	}
	if project := read.Caller.ProjectID; project != nil {
		if *project == "" {
			return verdict{}, unclear
		}
		caller.ProjectID = *project
	}
	return verdict{caller: &caller, asked: asked, maxAge: maxAge}, nil
}

// The verdicts that were used last.
type kept struct {
	capacity int
	order    *list.List
	entries  map[hash]*list.Element
}

type entry struct {
	id      hash
	verdict verdict
}

func newKept(capacity int) *kept {
	return &kept{capacity: capacity, order: list.New(), entries: map[hash]*list.Element{}}
}

func (k *kept) len() int { return k.order.Len() }

func (k *kept) get(id hash, now moment) (verdict, bool) {
	element, ok := k.entries[id]
	if !ok {
		return verdict{}, false
	}
	found := element.Value.(entry).verdict
	if !found.isFresh(now) {
		k.remove(element)
		return verdict{}, false
	}
	k.order.MoveToFront(element)
	return found, true
}

func (k *kept) put(id hash, verdict verdict) {
	if element, ok := k.entries[id]; ok {
		k.remove(element)
	}
	k.entries[id] = k.order.PushFront(entry{id, verdict})
	if k.order.Len() > k.capacity {
		k.remove(k.order.Back())
	}
}

func (k *kept) remove(element *list.Element) {
	delete(k.entries, k.order.Remove(element).(entry).id)
}
