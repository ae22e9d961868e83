// oapi-codegen: a struct with a member for each status, pointers for what may be absent.
package main

//go:generate go tool oapi-codegen -generate types,client -package capykeys -o ../generated/oapi-codegen/capykeys/client.go $OPENAPI/capykeys.json
//go:generate go tool oapi-codegen -generate types,client -package cluster -o ../generated/oapi-codegen/cluster/client.go $OPENAPI/internal.json

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"

	"capykeys/clients/generated/oapi-codegen/capykeys"
	"capykeys/clients/generated/oapi-codegen/cluster"
	. "capykeys/clients/scenario"
)

var (
	ctx   = context.Background()
	admin = signedIn(AdminKey)
)

func signedIn(key string) *capykeys.ClientWithResponses {
	return Must(capykeys.NewClientWithResponses(URL, capykeys.WithRequestEditorFn(
		func(_ context.Context, request *http.Request) error {
			request.Header.Set("Authorization", "Bearer "+key)
			return nil
		})))
}

// refused is the sentence of a refusal, which has a type of its own.
func refused(status int, answer *capykeys.ErrorResponse) string {
	Check(answer != nil && answer.Error != "", "no sentence with ", status)
	return fmt.Sprint(status, " ", answer.Error)
}

func list() []capykeys.ApiKey {
	answer := Must(admin.ListApiKeysWithResponse(ctx, Organization, nil))
	Check(answer.JSON200 != nil, answer.Status(), string(answer.Body))
	return answer.JSON200.ApiKeys
}

func find(id string) capykeys.ApiKey {
	keys := list()
	index := slices.IndexFunc(keys, func(key capykeys.ApiKey) bool { return key.Id == id })
	Check(index >= 0, id, " is not listed")
	return keys[index]
}

func main() {
	var key capykeys.ApiKey
	var secret string

	Step("who am I", func() string {
		me := Must(admin.GetViewerWithResponse(ctx)).JSON200
		Check(me != nil && me.Organization != nil && me.Organization.Id == Organization, me)
		Check(me.Principal.UserId == nil, "a key that an operator made has no user")
		return fmt.Sprint(me.Principal.AuthSource, " of ", me.Organization.Name, ", since ", me.Organization.CreatedAt)
	})

	Step("create a project's key", func() string {
		project := "prj_1"
		answer := Must(admin.CreateApiKeyWithResponse(ctx, Organization, nil, capykeys.CreateApiKeyRequest{
			Name: "Schlüssel", Scopes: []capykeys.Scope{capykeys.PROJECTSREAD}, ProjectId: &project, ExpiresAt: &Expiry,
		}))
		Check(answer.JSON201 != nil, answer.Status(), string(answer.Body))
		key, secret = answer.JSON201.ApiKey, *answer.JSON201.PlaintextApiKey
		Check(key.Name == "Schlüssel" && *key.ProjectId == project, key)
		Check(key.ExpiresAt.Equal(Expiry), key.ExpiresAt, " is not ", Expiry)
		Check(key.RevokedAt == nil && key.LastUsedAt == nil, "it was neither revoked nor used")
		return fmt.Sprint(key.Id, " for ", *key.ProjectId, " until ", key.ExpiresAt)
	})

	Step("list and find it", func() string {
		Check(reflect.DeepEqual(find(key.Id), key), "it is listed as another")
		return key.KeyPrefix
	})

	Step("names that came later", func() string {
		keys := list()
		source := slices.IndexFunc(keys, func(key capykeys.ApiKey) bool { return key.Source == "teleport" })
		scope := slices.IndexFunc(keys, func(key capykeys.ApiKey) bool { return slices.Contains(key.Scopes, "models:read") })
		Check(source >= 0 && scope >= 0, "they did not arrive")
		return fmt.Sprint("source ", keys[source].Source, ", scope ", keys[scope].Scopes)
	})

	Step("use it", func() string {
		me := Must(signedIn(secret).GetViewerWithResponse(ctx)).JSON200
		Check(me != nil && slices.Equal(me.Principal.Scopes, []string{"projects:read"}), me)
		return fmt.Sprint("may ", me.Principal.Scopes)
	})

	Step("be refused", func() string {
		project := "prj_1"
		body := capykeys.CreateApiKeyRequest{Name: "no", Scopes: []capykeys.Scope{capykeys.ALL}, ProjectId: &project}
		return refused(400, Must(admin.CreateApiKeyWithResponse(ctx, Organization, nil, body)).JSON400) +
			" | " + refused(401, Must(signedIn("capy_live_none").GetViewerWithResponse(ctx)).JSON401) +
			" | " + refused(403, Must(signedIn(secret).ListApiKeysWithResponse(ctx, Organization, nil)).JSON403) +
			" | " + refused(404, Must(admin.RevokeApiKeyWithResponse(ctx, Organization, Unknown, nil)).JSON404)
	})

	Step("page", func() string {
		var ids []string
		pages, limit := 0, int32(100)
		parameters := capykeys.ListApiKeysParams{Limit: &limit}
		for more := true; more; pages++ {
			answer := Must(admin.ListApiKeysWithResponse(ctx, Organization, &parameters))
			Check(answer.JSON200 != nil, answer.Status(), string(answer.Body))
			for _, key := range answer.JSON200.ApiKeys {
				ids = append(ids, key.Id)
			}
			cursor := NextCursor(answer.HTTPResponse.Header.Get("Link"))
			more = cursor != ""
			Check(!more || cursor == ids[len(ids)-1], cursor, " is not the last key's id")
			parameters.Cursor = &cursor
		}
		Check(slices.EqualFunc(ids, list(), func(id string, key capykeys.ApiKey) bool { return id == key.Id }), "other keys")
		Check(len(ids) == Keys+1, len(ids), " keys")
		return fmt.Sprint(len(ids), " keys on ", pages, " pages")
	})

	client := Must(cluster.NewClientWithResponses(InternalURL))
	verify := func(project string) cluster.Verdict {
		body := cluster.VerifyApiKeyRequest{ApiKey: secret, ProjectId: &project, Scopes: &[]cluster.Scope{cluster.PROJECTSREAD}}
		answer := Must(client.VerifyApiKeyWithResponse(ctx, body))
		Check(answer.JSON200 != nil, answer.Status(), string(answer.Body))
		return *answer.JSON200
	}

	Step("verify", func() string {
		good, bad := verify("prj_1"), verify("prj_2")
		Check(good.Valid && good.ApiKey.Id == key.Id && good.Code == nil, good)
		Check(!bad.Valid && bad.ApiKey == nil && *bad.Code == "wrong_country", bad)
		return fmt.Sprint(good.Valid, ", then ", *bad.Code)
	})

	Step("rename and pause it", func() string {
		name, reason := "Renamed", "paused"
		edit := capykeys.UpdateApiKeyRequest{Name: &name}
		renamed := Must(admin.UpdateApiKeyWithResponse(ctx, Organization, key.Id, nil, edit))
		Check(renamed.JSON200 != nil, renamed.Status(), string(renamed.Body))
		now := renamed.JSON200.ApiKey
		Check(now.Name == name && slices.Equal(now.Scopes, key.Scopes) && now.ExpiresAt.Equal(*key.ExpiresAt), now)
		Check(Must(admin.GetApiKeyWithResponse(ctx, Organization, key.Id, nil)).JSON200.ApiKey.Name == name, "not renamed")
		paused := Must(admin.DisableApiKeyWithResponse(ctx, Organization, key.Id, capykeys.DisableApiKeyRequest{Reason: &reason}))
		Check(paused.JSON200 != nil && paused.JSON200.ApiKey.DisabledAt != nil, paused.Status(), string(paused.Body))
		Check(*paused.JSON200.ApiKey.DisabledReason == reason && *verify("prj_1").Code == "disabled", "not disabled")
		enabled := Must(admin.EnableApiKeyWithResponse(ctx, Organization, key.Id))
		Check(enabled.JSON200 != nil && enabled.JSON200.ApiKey.DisabledAt == nil, enabled.Status(), string(enabled.Body))
		Check(verify("prj_1").Valid, "not good again")
		return fmt.Sprint("until ", now.ExpiresAt, " as before")
	})

	Step("revoke", func() string {
		revoke := func() {
			answer := Must(admin.RevokeApiKeyWithResponse(ctx, Organization, key.Id, nil))
			Check(answer.JSON200 != nil && answer.JSON200.Revoked, answer.Status(), string(answer.Body))
		}
		revoke()
		once := find(key.Id)
		Check(!once.IsActive && once.RevokedAt != nil, once)
		revoke()
		Check(find(key.Id).RevokedAt.Equal(*once.RevokedAt), "it was revoked again")
		return fmt.Sprint("twice, at ", once.RevokedAt)
	})

	Step("be refused with it", func() string {
		code := *verify("prj_1").Code
		Check(code == "revoked", code)
		return refused(401, Must(signedIn(secret).GetViewerWithResponse(ctx)).JSON401) + " | " + code
	})
}
