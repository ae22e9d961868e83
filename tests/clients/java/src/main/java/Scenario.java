// openapi-generator with the library `native`: Java's own HTTP client, OffsetDateTime, and null for what is absent.

import capykeys.client.ApiClient;
import capykeys.client.ApiException;
import capykeys.client.api.ApiKeysApi;
import capykeys.client.api.ViewerApi;
import capykeys.client.model.ApiKey;
import capykeys.client.model.CreateApiKeyRequest;
import capykeys.client.model.ErrorResponse;
import capykeys.client.model.Scope;
import capykeys.cluster.api.VerificationApi;
import capykeys.cluster.model.Verdict;
import capykeys.cluster.model.VerifyApiKeyRequest;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;

public class Scenario {
    static final String ORGANIZATION = System.getenv("CAPYKEYS_ORGANIZATION");
    static final Pattern NEXT = Pattern.compile("<\\?.*cursor=([^&>]*).*>; rel=\"next\"");
    static final ApiClient ADMIN = signedIn(System.getenv("CAPYKEYS_KEY"));
    static final ApiKeysApi KEYS = new ApiKeysApi(ADMIN);

    static ApiKey key;
    static String secret;

    static ApiClient signedIn(String key) {
        var client = new ApiClient();
        client.updateBaseUri(System.getenv("CAPYKEYS_URL"));
        client.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + key));
        return client;
    }

    static void check(boolean holds, Object reason) {
        if (!holds) {
            throw new IllegalStateException(String.valueOf(reason));
        }
    }

    /** Says what was done, or ends with a sentence that says what was not. */
    static void step(String what, Callable<String> work) {
        try {
            System.out.println(what + ": " + work.call());
        } catch (Exception error) {
            System.err.println(what + " failed: " + error);
            System.exit(1);
        }
    }

    /** The sentence of a refusal: this generator gives the body as a text, and the client's own mapper reads it. */
    static String refused(int status, Callable<?> ask) throws Exception {
        try {
            throw new IllegalStateException("not refused: " + ask.call());
        } catch (ApiException refusal) {
            check(refusal.getCode() == status, refusal);
            var error = ADMIN.getObjectMapper().readValue(refusal.getResponseBody(), ErrorResponse.class);
            return status + " " + error.getError();
        }
    }

    static List<ApiKey> list() throws ApiException {
        return KEYS.listApiKeys(ORGANIZATION, null, null, null, null, null, null, null, null, null, null).getApiKeys();
    }

    static ApiKey find(String id) throws ApiException {
        return list().stream().filter(key -> key.getId().equals(id)).findFirst().orElseThrow();
    }

    static Verdict verify(String project) throws Exception {
        var cluster = new capykeys.cluster.ApiClient();
        cluster.updateBaseUri(System.getenv("CAPYKEYS_INTERNAL_URL"));
        return new VerificationApi(cluster).verifyApiKey(new VerifyApiKeyRequest()
            .apiKey(secret).projectId(project).scopes(List.of(capykeys.cluster.model.Scope.PROJECTS_READ)));
    }

    public static void main(String[] arguments) {
        step("who am I", () -> {
            var me = new ViewerApi(ADMIN).getViewer();
            check(me.getOrganization().getId().equals(ORGANIZATION) && me.getPrincipal().getUserId() == null, me);
            return me.getPrincipal().getAuthSource() + " of " + me.getOrganization().getName() + ", since "
                + me.getOrganization().getCreatedAt();
        });

        step("create a project's key", () -> {
            var expiry = OffsetDateTime.now(ZoneOffset.UTC).plusHours(1).truncatedTo(ChronoUnit.MICROS);
            var created = KEYS.createApiKey(ORGANIZATION, new CreateApiKeyRequest()
                .name("Schlüssel").addScopesItem(Scope.PROJECTS_READ).projectId("prj_1").expiresAt(expiry), null);
            key = created.getApiKey();
            secret = created.getPlaintextApiKey();
            check(key.getName().equals("Schlüssel") && key.getExpiresAt().isEqual(expiry), key);
            check(key.getRevokedAt() == null && key.getLastUsedAt() == null, key);
            return key.getId() + " for " + key.getProjectId() + " until " + key.getExpiresAt();
        });

        step("list and find it", () -> {
            check(find(key.getId()).equals(key), "it is listed as another");
            return key.getKeyPrefix();
        });

        step("names that came later", () -> {
            var source = list().stream().filter(one -> one.getSource().equals("teleport")).findFirst().orElseThrow();
            var scope = list().stream().filter(one -> one.getScopes().contains("models:read")).findFirst().orElseThrow();
            return "source " + source.getSource() + ", scope " + scope.getScopes();
        });

        step("use it", () -> {
            var me = new ViewerApi(signedIn(secret)).getViewer();
            check(me.getPrincipal().getScopes().equals(List.of("projects:read")), me);
            return "may " + me.getPrincipal().getScopes();
        });

        step("be refused", () -> {
            var impossible = new CreateApiKeyRequest().name("no").addScopesItem(Scope.ALL).projectId("prj_1");
            return String.join(" | ",
                refused(400, () -> KEYS.createApiKey(ORGANIZATION, impossible, null)),
                refused(401, () -> new ViewerApi(signedIn("capy_live_none")).getViewer()),
                refused(403, () -> new ApiKeysApi(signedIn(secret)).listApiKeys(ORGANIZATION, null, null, null, null, null, null, null, null, null, null)),
                refused(404, () -> KEYS.revokeApiKey(ORGANIZATION, "key_01h455vb4pex5vsknk084sn02q", null)));
        });

        step("page", () -> {
            var ids = new ArrayList<String>();
            int pages = 0;
            String cursor = null;
            do {
                var answer = KEYS.listApiKeysWithHttpInfo(ORGANIZATION, 100, cursor, null, null, null, null, null, null, null, null);
                answer.getData().getApiKeys().forEach(one -> ids.add(one.getId()));
                var link = NEXT.matcher(String.join("", answer.getHeaders().getOrDefault("link", List.of())));
                cursor = link.matches() ? link.group(1) : null;
                check(cursor == null || cursor.equals(ids.get(ids.size() - 1)), cursor);
                pages++;
            } while (cursor != null);
            check(ids.equals(list().stream().map(ApiKey::getId).toList()), "other keys");
            check(ids.size() == Integer.parseInt(System.getenv("CAPYKEYS_KEYS")) + 1, ids.size());
            return ids.size() + " keys on " + pages + " pages";
        });

        step("verify", () -> {
            Verdict good = verify("prj_1"), bad = verify("prj_2");
            check(good.getValid() && good.getApiKey().getId().equals(key.getId()) && good.getCode() == null, good);
            check(!bad.getValid() && bad.getApiKey() == null && bad.getCode().equals("wrong_country"), bad);
            return good.getValid() + ", then " + bad.getCode();
        });

        step("revoke", () -> {
            check(KEYS.revokeApiKey(ORGANIZATION, key.getId(), null).getRevoked(), "it is not revoked");
            var once = find(key.getId());
            check(!once.getIsActive() && once.getRevokedAt() != null, once);
            check(KEYS.revokeApiKey(ORGANIZATION, key.getId(), null).getRevoked(), "it is not revoked");
            check(find(key.getId()).getRevokedAt().isEqual(once.getRevokedAt()), "it was revoked again");
            return "twice, at " + once.getRevokedAt();
        });

        step("be refused with it", () -> {
            var code = verify("prj_1").getCode();
            check(code.equals("revoked"), code);
            return refused(401, () -> new ViewerApi(signedIn(secret)).getViewer()) + " | " + code;
        });
    }
}
