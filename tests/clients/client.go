// Go's net/http with its default client.

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

func ask(status int, method, path, body string, signedIn bool) []byte {
	var sent io.Reader
	if body != "" {
		sent = strings.NewReader(body)
	}
	request, err := http.NewRequest(method, os.Getenv("CAPYKEYS_URL")+path, sent)
	if err != nil {
		panic(err)
	}
	if signedIn {
		request.Header.Set("Authorization", "Bearer "+os.Getenv("CAPYKEYS_KEY"))
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != status {
		panic(fmt.Sprint(method, path, answer.Status, string(text), err))
	}
	return text
}

func main() {
	keys := "/v1/organizations/" + os.Getenv("CAPYKEYS_ORGANIZATION") + "/api-keys"
	ask(200, "GET", "/v1/me", "", true)
	ask(401, "GET", "/v1/me", "", false)
	ask(200, "HEAD", "/v1/me", "", true)
	var created struct {
		Key struct{ ID, Name string } `json:"api_key"`
	}
	text := ask(201, "POST", keys, `{"name":"Gö","scopes":["jobs:read"]}`, true)
	if err := json.Unmarshal(text, &created); err != nil || created.Key.Name != "Gö" {
		panic(fmt.Sprint("the key is not what was asked for: ", err))
	}
	if !strings.Contains(string(ask(200, "GET", keys, "", true)), created.Key.ID) {
		panic("the key is not listed")
	}
	ask(200, "DELETE", keys+"/"+created.Key.ID, "", true)
	fmt.Println("ok")
}
