package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	capykeys "capykeys.example/verifier"
)

func main() {
	verifier := capykeys.New(os.Getenv("CAPYKEYS_URL"), capykeys.Options{})
	mux := http.NewServeMux()
	mux.Handle("GET /jobs", verifier.Require("jobs:read")(http.HandlerFunc(jobs)))
	log.Fatal(http.ListenAndServe(os.Getenv("LISTEN"), mux))
}

func jobs(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "the jobs of %s\n", capykeys.CallerOf(r).OrganizationID)
}
