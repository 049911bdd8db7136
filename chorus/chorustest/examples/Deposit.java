import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Deposits one invoice at Chorus Pro, or at chorus-sim, and waits for its invoice number there. Java 11 and nothing else: a program of yours will have a JSON library in
 * the place of {@link #text}.
 *
 * <pre>java Deposit.java API TOKEN_URL FILE SYNTAX NUMBER</pre>
 *
 * An answer that is lost does not say whether the invoice has arrived: it is looked for before it is sent again. (For the real portal, look for hours: see protocol.md.)
 */
public class Deposit {
    static {
        System.setProperty("jdk.httpclient.enableAllMethodRetry", "false");
        System.setProperty("jdk.httpclient.disableRetryConnect", "true");
        System.setProperty("jdk.httpclient.keepalive.timeout", "1");
    }

    // HTTP/1.1 and one connection a request: over HTTP/2, or on a connection that the other side is just closing, a client may send a request twice by itself.
    private static final HttpClient HTTP = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).followRedirects(HttpClient.Redirect.NEVER).connectTimeout(Duration.ofSeconds(30)).build();

    public static void main(String[] args) throws Exception {
        String api = args[0], path = args[2], syntax = args[3], number = args[4];
        String form = "grant_type=client_credentials&scope=openid&client_id=" + encode(setting("PISTE_CLIENT_ID", "sim")) + "&client_secret=" + encode(setting("PISTE_CLIENT_SECRET", "sim-secret"));
        String token = text(send(HttpRequest.newBuilder(URI.create(args[1])).header("Content-Type", "application/x-www-form-urlencoded"), form), "access_token").orElseThrow();
        String account = base64((setting("CHORUS_LOGIN", "TECH_SIM@cpro.fr") + ":" + setting("CHORUS_PASSWORD", "sim-password")).getBytes(StandardCharsets.UTF_8));
        Portal portal = (route, body) -> send(HttpRequest.newBuilder(URI.create(api + "/cpro/" + route)).header("Authorization", "Bearer " + token).header("cpro-account", account)
            .header("Content-Type", "application/json;charset=utf-8"), body);

        String deposit = "{\"nomFichier\":\"" + Path.of(path).getFileName() + "\",\"syntaxeFlux\":\"" + syntax + "\",\"avecSignature\":false,\"fichierFlux\":\"" + base64(Files.readAllBytes(Path.of(path))) + "\"}";
        Optional<String> flux = Optional.empty();
        for (int attempt = 0; attempt < 3 && flux.isEmpty(); attempt++) {
            try {
                String answer = portal.call("factures/v1/deposer/flux", deposit);
                if (!answer.contains("\"codeRetour\":0,") && !answer.contains("\"codeRetour\":0}")) {
                    fail("refused: " + text(answer, "libelle").orElse(""));
                }
                flux = text(answer, "numeroFluxDepot");
            } catch (IOException error) { // nobody knows whether it has arrived
                System.out.println("no answer (" + error.getMessage() + "): looking for it");
                for (int look = 0; look < 20 && flux.isEmpty(); look++, Thread.sleep(100)) {
                    flux = text(found(portal, number), "numeroFluxDepot");
                    flux.ifPresent(f -> System.out.println("it has arrived: not sent again"));
                }
            }
        }
        if (flux.isEmpty()) {
            fail("three times no answer");
        }
        for (int look = 0; look < 100; look++, Thread.sleep(100)) {
            String report = portal.call("transverses/v1/consulterCRDetaille", "{\"numeroFluxDepot\":\"" + flux.get() + "\"}");
            String state = text(report, "etatCourantDepotFlux").orElse("");
            if (state.equals("IN_REJETE") || state.equals("IN_INTEGRE_PARTIEL")) {
                fail(state + ": " + text(report, "libelleErreurDP").or(() -> text(report, "libelleErreur")).orElse(""));
            }
            Optional<String> statut = state.equals("IN_INTEGRE") ? text(found(portal, number), "statut") : Optional.empty();
            if (statut.isPresent()) {
                System.out.println(state + " " + statut.get());
                return;
            }
        }
        fail("not integrated in time");
    }

    private interface Portal {
        String call(String route, String body) throws IOException, InterruptedException;
    }

    private static String send(HttpRequest.Builder request, String body) throws IOException, InterruptedException {
        HttpResponse<String> answer = HTTP.send(request.timeout(Duration.ofSeconds(120)).POST(HttpRequest.BodyPublishers.ofString(body)).build(), HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() != 200) {
            fail("HTTP " + answer.statusCode() + ": " + answer.headers().firstValue("X-Chorus-Sim").orElse(""));
        }
        return answer.body();
    }

    /** The search's row of this number. */
    private static String found(Portal portal, String number) throws IOException, InterruptedException {
        String answer = portal.call("factures/v1/rechercher/fournisseur", "{\"numeroFacture\":\"" + number + "\"}");
        for (String row : answer.split("\\{")) {
            if (text(row, "numeroFacture").filter(number::equals).isPresent()) {
                return row;
            }
        }
        return "";
    }

    /** The first text under a key. */
    private static Optional<String> text(String json, String key) {
        Matcher m = Pattern.compile("\"" + key + "\":\"((?:[^\"\\\\]|\\\\.)*)\"").matcher(json);
        return m.find() ? Optional.of(m.group(1)) : Optional.empty();
    }

    private static String base64(byte[] bytes) {
        return Base64.getEncoder().encodeToString(bytes);
    }

    private static String encode(String s) {
        return URLEncoder.encode(s, StandardCharsets.UTF_8);
    }

    private static String setting(String name, String otherwise) {
        String value = System.getenv(name);
        return value == null || value.isEmpty() ? otherwise : value;
    }

    private static void fail(String why) {
        System.err.println(why);
        System.exit(1);
    }
}
