import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.Arrays;
import java.util.Base64;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** The WebSocket of the JDK's HttpClient, with its defaults. The lines: test/clients/programs/README.md. */
public final class JdkClient implements WebSocket.Listener {
    private static final int SHOWN_BYTES = 32_768;

    private final StringBuilder text = new StringBuilder();
    private final java.io.ByteArrayOutputStream bytes = new java.io.ByteArrayOutputStream();

    public static void main(String[] arguments) throws Exception {
        HttpClient http = HttpClient.newBuilder().sslContext(trusting(System.getenv("CA_FILE"))).build();
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        WebSocket socket = null;
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            String[] words = line.split(" ");
            switch (words[0]) {
                case "dial" -> socket = dial(http, words);
                case "text" -> socket.sendText(new String(decode(words[1]), StandardCharsets.UTF_8), true).join();
                case "binary" -> socket.sendBinary(ByteBuffer.wrap(decode(words[1])), true).join();
                case "close" -> socket.sendClose(Integer.parseInt(words[1]), "").join();
                default -> throw new IOException("no such command: " + words[0]);
            }
        }
    }

    private static WebSocket dial(HttpClient http, String[] words) {
        WebSocket.Builder builder = http.newWebSocketBuilder();
        if (!words[2].equals("-")) {
            String[] offered = words[2].split(",");
            builder.subprotocols(offered[0], Arrays.copyOfRange(offered, 1, offered.length));
        }
        if (!words[3].equals("-")) {
            String[] header = new String(decode(words[3]), StandardCharsets.UTF_8).split(": ", 2);
            builder.header(header[0], header[1]);
        }
        try {
            return builder.buildAsync(URI.create(words[1]), new JdkClient()).join();
        } catch (CompletionException error) {
            tellRefused(error.getCause());
            return null;
        }
    }

    @Override
    public void onOpen(WebSocket socket) {
        tell("open", orNone(socket.getSubprotocol()));
        socket.request(1);
    }

    @Override
    public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean isLast) {
        text.append(data);
        if (isLast) {
            tellMessage("text", text.toString().getBytes(StandardCharsets.UTF_8));
            text.setLength(0);
        }
        socket.request(1);
        return null;
    }

    @Override
    public CompletionStage<?> onBinary(WebSocket socket, ByteBuffer data, boolean isLast) {
        byte[] part = new byte[data.remaining()];
        data.get(part);
        bytes.writeBytes(part);
        if (isLast) {
            tellMessage("binary", bytes.toByteArray());
            bytes.reset();
        }
        socket.request(1);
        return null;
    }

    @Override
    public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
        tell("closed", code, encode(reason.getBytes(StandardCharsets.UTF_8)));
        return null;
    }

    @Override
    public void onError(WebSocket socket, Throwable error) {
        tell("closed", 1006, encode(error.toString().getBytes(StandardCharsets.UTF_8)));
    }

    private static void tellMessage(String kind, byte[] data) {
        long sum = 0;
        for (byte octet : data) sum += octet & 0xff;
        tell(kind, data.length, sum, data.length <= SHOWN_BYTES ? encode(data) : "-");
    }

    private static void tellRefused(Throwable error) {
        String why = encode(error.toString().getBytes(StandardCharsets.UTF_8));
        if (error instanceof WebSocketHandshakeException refused) {
            HttpResponse<?> response = refused.getResponse();
            tell("refused", response.statusCode(), response.headers().firstValue("X-Refusal").orElse("-"), why);
        } else {
            tell("refused", "-", "-", why);
        }
    }

    private static synchronized void tell(Object... words) {
        System.out.println(String.join(" ", Arrays.stream(words).map(String::valueOf).toList()));
        System.out.flush();
    }

    private static SSLContext trusting(String path) throws Exception {
        KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
        trusted.load(null);
        try (FileInputStream file = new FileInputStream(path)) {
            trusted.setCertificateEntry("relay", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    private static byte[] decode(String word) {
        return Base64.getDecoder().decode(word);
    }

    private static String encode(byte[] data) {
        return orNone(Base64.getEncoder().encodeToString(data));
    }

    private static String orNone(String word) {
        return word.isEmpty() ? "-" : word;
    }
}
