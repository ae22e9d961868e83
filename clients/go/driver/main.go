// The guarded server that the suite over all libraries asks; see tests/verifiers.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	capykeys "capykeys.example/verifier"
)

func number(name string) int {
	number, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		log.Fatal(err)
	}
	return number
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}

func main() {
	maxAge := time.Duration(number("MAX_AGE_MS")) * time.Millisecond
	if maxAge == 0 {
		maxAge = -1
	}
	verifier := capykeys.New(os.Getenv("CAPYKEYS_URL"), capykeys.Options{
		MaxAge:   maxAge,
		Timeout:  time.Duration(number("TIMEOUT_MS")) * time.Millisecond,
		Capacity: number("CAPACITY"),
		Token:    func() (string, error) { return os.Getenv("CAPYKEYS_TOKEN"), nil },
	})
	caller := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, capykeys.CallerOf(r)) })
	ofProject := capykeys.Rule{
		Scopes:  []string{"jobs:read"},
		Project: func(r *http.Request) string { return r.PathValue("project") },
	}
	mux := http.NewServeMux()
	mux.Handle("GET /jobs", verifier.Require("jobs:read")(caller))
	mux.Handle("GET /projects/{project}/jobs", verifier.Guard(ofProject)(caller))
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]int64{"kept": int64(verifier.Kept()), "now": time.Now().Unix()})
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening", listener.Addr())
	go func() { log.Fatal(http.Serve(listener, mux)) }()
	// The end of its input is its own.
	_, _ = io.Copy(io.Discard, os.Stdin)
}
