// Java's own HTTP client with its default settings: it offers h2c with every request.

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.ArrayList;
import java.util.regex.Pattern;

public class Client {
    static final HttpClient CLIENT = HttpClient.newHttpClient();

    static HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(URI.create(System.getenv("CAPYKEYS_URL") + path));
    }

    static HttpRequest.Builder signedIn(String path) {
        return request(path).header("Authorization", "Bearer " + System.getenv("CAPYKEYS_KEY"));
    }

    static String expect(int status, HttpRequest.Builder request) throws Exception {
        HttpResponse<String> answer = CLIENT.send(request.build(), BodyHandlers.ofString());
        if (answer.statusCode() != status) {
            throw new Exception(answer + ": " + answer.body());
        }
        return answer.body();
    }

    static HttpRequest.BodyPublisher body(String text) {
        return HttpRequest.BodyPublishers.ofString(text);
    }

    static HttpRequest.BodyPublisher nothing() {
        return HttpRequest.BodyPublishers.noBody();
    }

    public static void main(String[] arguments) throws Exception {
        String keys = "/v1/organizations/" + System.getenv("CAPYKEYS_ORGANIZATION") + "/api-keys";
        expect(200, signedIn("/v1/me"));
        expect(401, request("/v1/me"));
        expect(200, signedIn("/v1/me").method("HEAD", nothing()));
        String created = expect(201, signedIn(keys).header("Content-Type", "application/json")
            .POST(body("{\"name\":\"Jävä\",\"scopes\":[\"jobs:read\"]}")));
        var id = Pattern.compile("\"id\":\"(key_[^\"]+)\"").matcher(created);
        if (!id.find() || !expect(200, signedIn(keys)).contains(id.group(1)) || !created.contains("Jävä")) {
            throw new Exception("the key is not what was asked for: " + id);
        }
        expect(400, signedIn(keys).header("Content-Type", "application/json").POST(nothing()));
        expect(200, signedIn(keys + "/" + id.group(1)).DELETE());
        var answers = new ArrayList<java.util.concurrent.CompletableFuture<HttpResponse<String>>>();
        for (int number = 0; number < 20; number++) {
            answers.add(CLIENT.sendAsync(signedIn("/v1/me").build(), BodyHandlers.ofString()));
        }
        for (var answer : answers) {
            if (answer.get().statusCode() != 200) {
                throw new Exception(answer.get().toString());
            }
        }
        System.out.println("ok");
    }
}
