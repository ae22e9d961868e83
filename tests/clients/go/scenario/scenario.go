// Package scenario is what the scenarios of all generators share.
package scenario

import (
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"time"
)

var (
	URL          = variable("CAPYKEYS_URL")
	InternalURL  = variable("CAPYKEYS_INTERNAL_URL")
	Organization = variable("CAPYKEYS_ORGANIZATION")
	AdminKey     = variable("CAPYKEYS_KEY")
	// Keys is how many there are before the scenario begins.
	Keys, _ = strconv.Atoi(variable("CAPYKEYS_KEYS"))
	// Expiry is in an hour, to the microsecond, as the service keeps it.
	Expiry = time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)

	next = regexp.MustCompile(`<\?([^>]*)>; rel="next"`)
)

// Unknown is the id of a key that nobody has.
const Unknown = "key_01h455vb4pex5vsknk084sn02q"

func variable(name string) string {
	value, found := os.LookupEnv(name)
	Check(found, name+" is not set")
	return value
}

// Step says what was done, or ends with a sentence that says what was not.
func Step(what string, work func() string) {
	defer func() {
		if reason := recover(); reason != nil {
			fmt.Fprintln(os.Stderr, what, "failed:", reason)
			os.Exit(1)
		}
	}()
	fmt.Println(what+":", work())
}

// Check ends the step where it does not hold.
func Check(holds bool, reason ...any) {
	if !holds {
		panic(fmt.Sprint(reason...))
	}
}

// Must is the value, where there is no error.
func Must[T any](value T, err error) T {
	Check(err == nil, err)
	return value
}

// NextCursor is the cursor of the next page, from the header Link; empty where there is none.
func NextCursor(link string) string {
	found := next.FindStringSubmatch(link)
	if found == nil {
		return ""
	}
	return Must(url.ParseQuery(found[1])).Get("cursor")
}
