// Reads a dashboard with Grafana's own types and writes it again: what is then missing or another was no field of
// theirs. (The strict reader of this version of the types leaves errors out.)
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	plugins.RegisterDefaultPlugins()
	raw, err := os.ReadFile(os.Args[1])
	fail(err)
	read := dashboard.Dashboard{}
	fail(json.Unmarshal(raw, &read))
	fail(read.Validate())
	written, err := json.Marshal(read)
	fail(err)
	var before, after any
	fail(json.Unmarshal(raw, &before))
	fail(json.Unmarshal(written, &after))
	compare("", before, after)
	if len(read.Panels) == 0 {
		fail(fmt.Errorf("no panel"))
	}
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Types write more than there was, such as defaults, but nothing less.
func compare(path string, before, after any) {
	switch before := before.(type) {
	case map[string]any:
		after, _ := after.(map[string]any)
		for key, value := range before {
			compare(path+"."+key, value, after[key])
		}
	case []any:
		after, _ := after.([]any)
		if len(before) != len(after) {
			fail(fmt.Errorf("%s: %d became %d", path, len(before), len(after)))
		}
		for index, value := range before {
			compare(fmt.Sprintf("%s[%d]", path, index), value, after[index])
		}
	default:
		if !reflect.DeepEqual(before, after) {
			fail(fmt.Errorf("%s: %v is no field, or became %v", path, before, after))
		}
	}
}
