// How Go reads requests: lines of `method host target` in hexadecimal, to lines of the same kind.
//
// The path comes out as its segments, with commas between them. A request that is refused is a `-`.
package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
)

func read(method, host, target string) string {
	text := method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n"
	request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
	if err != nil {
		return "-"
	}
	authority, err := url.Parse("http://" + request.Host + "/")
	if err != nil {
		return "-"
	}
	segments := strings.Split(strings.TrimPrefix(request.URL.Path, "/"), "/")
	for i, segment := range segments {
		segments[i] = hex.EncodeToString([]byte(segment))
	}
	encode := func(text string) string { return hex.EncodeToString([]byte(text)) }
	return encode(request.Method) + " " + encode(authority.Hostname()) + " " + strings.Join(segments, ",")
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), " ")
		for i, field := range fields {
			text, err := hex.DecodeString(field)
			if err != nil {
				panic(err)
			}
			fields[i] = string(text)
		}
		fmt.Println(read(fields[0], fields[1], fields[2]))
	}
}
