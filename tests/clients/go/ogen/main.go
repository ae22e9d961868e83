// ogen: a type for each answer of an operation, and types of its own for what may be absent.
package main

//go:generate go tool ogen -config ../ogen.yaml -target ../generated/ogen/capykeys -package capykeys $OPENAPI/capykeys.json
//go:generate go tool ogen -config ../ogen.yaml -target ../generated/ogen/cluster -package cluster $OPENAPI/internal.json

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/ogen-go/ogen/ogenerrors"

	"capykeys/clients/generated/ogen/capykeys"
	"capykeys/clients/generated/ogen/cluster"
	. "capykeys/clients/scenario"
)

var (
	ctx          = context.Background()
	admin        = signedIn(AdminKey)
	organization = capykeys.ListApiKeysParams{OrgID: Organization}
)

// bearer signs in with one of the two headers.
type bearer string

func (key bearer) BearerAuth(context.Context, capykeys.OperationName) (capykeys.BearerAuth, error) {
	return capykeys.BearerAuth{Token: string(key)}, nil
}

func (bearer) ApiKeyHeader(context.Context, capykeys.OperationName) (capykeys.ApiKeyHeader, error) {
	return capykeys.ApiKeyHeader{}, ogenerrors.ErrSkipClientSecurity
}

func signedIn(key string) *capykeys.Client { return Must(capykeys.NewClient(URL, bearer(key))) }

// nobody is where the internal listener asks for no token, as on loopback.
type nobody struct{}

func (nobody) ClusterToken(context.Context, cluster.OperationName) (cluster.ClusterToken, error) {
	return cluster.ClusterToken{}, ogenerrors.ErrSkipClientSecurity
}

// as is the answer, where it is of that type.
func as[T any](answer any, err error) T {
	Check(err == nil, err)
	wanted, is := answer.(T)
	Check(is, fmt.Sprintf("%T: %+v", answer, answer))
	return wanted
}

func list() []capykeys.ApiKey {
	return as[*capykeys.ApiKeyListHeaders](admin.ListApiKeys(ctx, organization)).Response.APIKeys
}

func find(id string) capykeys.ApiKey {
	keys := list()
	index := slices.IndexFunc(keys, func(key capykeys.ApiKey) bool { return key.ID == id })
	Check(index >= 0, id, " is not listed")
	return keys[index]
}

func main() {
	var key capykeys.ApiKey
	var secret string

	Step("who am I", func() string {
		me := as[*capykeys.ViewerHeaders](admin.GetViewer(ctx)).Response
		Check(!me.Organization.Null && me.Organization.Value.ID == Organization, me)
		Check(!me.Principal.UserID.IsSet(), "a key that an operator made has no user")
		return fmt.Sprint(me.Principal.AuthSource, " of ", me.Organization.Value.Name, ", since ", me.Organization.Value.CreatedAt)
	})

	Step("create a project's key", func() string {
		created := as[*capykeys.CreatedApiKeyHeaders](admin.CreateApiKey(ctx, &capykeys.CreateApiKeyRequest{
			Name: "Schlüssel", Scopes: []capykeys.Scope{capykeys.Scope_projectsread},
			ProjectID: capykeys.NewOptString("prj_1"), ExpiresAt: capykeys.NewOptDateTime(Expiry),
		}, capykeys.CreateApiKeyParams{OrgID: Organization})).Response
		key, secret = created.APIKey, created.PlaintextAPIKey.Value
		Check(key.Name == "Schlüssel" && key.ProjectID.Value == "prj_1", key)
		// ogen sends whole seconds.
		Check(key.ExpiresAt.Value.Equal(Expiry.Truncate(time.Second)), key.ExpiresAt.Value, " is not ", Expiry)
		Check(!key.RevokedAt.IsSet() && !key.LastUsedAt.IsSet(), "it was neither revoked nor used")
		return fmt.Sprint(key.ID, " for ", key.ProjectID.Value, " until ", key.ExpiresAt.Value)
	})

	Step("list and find it", func() string {
		Check(reflect.DeepEqual(find(key.ID), key), "it is listed as another")
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
		me := as[*capykeys.ViewerHeaders](signedIn(secret).GetViewer(ctx)).Response
		Check(slices.Equal(me.Principal.Scopes, []string{"projects:read"}), me)
		return fmt.Sprint("may ", me.Principal.Scopes)
	})

	Step("be refused", func() string {
		body := capykeys.CreateApiKeyRequest{
			Name: "no", Scopes: []capykeys.Scope{capykeys.Scope_}, ProjectID: capykeys.NewOptString("prj_1"),
		}
		unknown := capykeys.RevokeApiKeyParams{OrgID: Organization, KeyID: Unknown}
		malformed := as[*capykeys.BadRequestHeaders](admin.CreateApiKey(ctx, &body, capykeys.CreateApiKeyParams{OrgID: Organization}))
		stranger := as[*capykeys.UnauthorizedHeaders](signedIn("capy_live_none").GetViewer(ctx))
		forbidden := as[*capykeys.ForbiddenHeaders](signedIn(secret).ListApiKeys(ctx, organization))
		missing := as[*capykeys.NotFoundHeaders](admin.RevokeApiKey(ctx, unknown))
		return fmt.Sprint("400 ", malformed.Response.Error, " | 401 ", stranger.Response.Error,
			" | 403 ", forbidden.Response.Error, " | 404 ", missing.Response.Error)
	})

	Step("page", func() string {
		var ids []string
		pages, parameters := 0, organization
		parameters.Limit = capykeys.NewOptInt32(100)
		for more := true; more; pages++ {
			answer := as[*capykeys.ApiKeyListHeaders](admin.ListApiKeys(ctx, parameters))
			for _, key := range answer.Response.APIKeys {
				ids = append(ids, key.ID)
			}
			cursor := NextCursor(answer.Link.Value)
			more = cursor != ""
			Check(!more || cursor == ids[len(ids)-1], cursor, " is not the last key's id")
			parameters.Cursor = capykeys.NewOptString(cursor)
		}
		Check(slices.EqualFunc(ids, list(), func(id string, key capykeys.ApiKey) bool { return id == key.ID }), "other keys")
		Check(len(ids) == Keys+1, len(ids), " keys")
		return fmt.Sprint(len(ids), " keys on ", pages, " pages")
	})

	client := Must(cluster.NewClient(InternalURL, nobody{}))
	verify := func(project string) cluster.Verdict {
		return as[*cluster.VerdictHeaders](client.VerifyApiKey(ctx, &cluster.VerifyApiKeyRequest{
			APIKey: secret, ProjectID: cluster.NewOptString(project), Scopes: []cluster.Scope{cluster.Scope_projectsread},
		})).Response
	}

	Step("verify", func() string {
		good, bad := verify("prj_1"), verify("prj_2")
		Check(good.Valid && good.APIKey.Value.ID == key.ID && !good.Code.IsSet(), good)
		Check(!bad.Valid && !bad.APIKey.IsSet() && bad.Code.Value == "wrong_country", bad)
		return fmt.Sprint(good.Valid, ", then ", bad.Code.Value)
	})

	Step("rename and pause it", func() string {
		edit := capykeys.UpdateApiKeyRequest{Name: capykeys.NewOptString("Renamed")}
		updating := capykeys.UpdateApiKeyParams{OrgID: Organization, KeyID: key.ID}
		renamed := as[*capykeys.ApiKeyEnvelopeHeaders](admin.UpdateApiKey(ctx, &edit, updating)).Response.APIKey
		Check(renamed.Name == "Renamed" && slices.Equal(renamed.Scopes, key.Scopes), renamed)
		Check(renamed.ExpiresAt.Value.Equal(key.ExpiresAt.Value), renamed.ExpiresAt)
		getting := capykeys.GetApiKeyParams{OrgID: Organization, KeyID: key.ID}
		found := as[*capykeys.ApiKeyEnvelopeHeaders](admin.GetApiKey(ctx, getting)).Response.APIKey
		Check(reflect.DeepEqual(found, find(key.ID)) && found.Name == "Renamed", found)
		reason := capykeys.NewOptDisableApiKeyRequest(capykeys.DisableApiKeyRequest{Reason: capykeys.NewOptString("paused")})
		disabling := capykeys.DisableApiKeyParams{OrgID: Organization, KeyID: key.ID}
		paused := as[*capykeys.ApiKeyEnvelopeHeaders](admin.DisableApiKey(ctx, reason, disabling)).Response.APIKey
		Check(paused.DisabledAt.IsSet() && paused.DisabledReason.Value == "paused", paused)
		Check(verify("prj_1").Code.Value == "disabled", "not disabled")
		enabling := capykeys.EnableApiKeyParams{OrgID: Organization, KeyID: key.ID}
		enabled := as[*capykeys.ApiKeyEnvelopeHeaders](admin.EnableApiKey(ctx, enabling)).Response.APIKey
		Check(!enabled.DisabledAt.IsSet() && verify("prj_1").Valid, "not good again")
		return fmt.Sprint("until ", renamed.ExpiresAt.Value, " as before")
	})

	Step("revoke", func() string {
		revoke := func() {
			params := capykeys.RevokeApiKeyParams{OrgID: Organization, KeyID: key.ID}
			Check(as[*capykeys.RevokedApiKeyHeaders](admin.RevokeApiKey(ctx, params)).Response.Revoked, "not revoked")
		}
		revoke()
		once := find(key.ID)
		Check(!once.IsActive && once.RevokedAt.IsSet(), once)
		revoke()
		Check(find(key.ID).RevokedAt.Value.Equal(once.RevokedAt.Value), "it was revoked again")
		return fmt.Sprint("twice, at ", once.RevokedAt.Value)
	})

	Step("be refused with it", func() string {
		code := verify("prj_1").Code.Value
		Check(code == "revoked", code)
		return fmt.Sprint("401 ", as[*capykeys.UnauthorizedHeaders](signedIn(secret).GetViewer(ctx)).Response.Error, " | ", code)
	})
}
