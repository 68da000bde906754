import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.async.AsyncRequestBody;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.core.util.VersionInfo;
import software.amazon.awssdk.http.TlsTrustManagersProvider;
import software.amazon.awssdk.http.apache.ApacheHttpClient;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.protocols.jsoncore.JsonNode;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3AsyncClient;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.DeleteObjectsResponse;
import software.amazon.awssdk.services.s3.model.ObjectIdentifier;
import software.amazon.awssdk.services.s3.model.S3Exception;

/** The AWS SDK for Java v2 doing what it is told, line by line (workers/serve.py has the protocol). */
public final class JavaClient {
    private static final int PRECONDITION_FAILED = 412;

    private final S3Client s3;
    private final S3AsyncClient parts;
    private final String bucket;

    private JavaClient(Map<String, JsonNode> job) throws IOException, GeneralSecurityException {
        ApacheHttpClient.Builder http = ApacheHttpClient.builder();
        NettyNioAsyncHttpClient.Builder asyncHttp = NettyNioAsyncHttpClient.builder();
        String ca = job.get("ca").text();
        if (!ca.isEmpty()) {
            TrustManager[] trusted = trusting(Path.of(ca));
            TlsTrustManagersProvider provider = () -> trusted;
            http.tlsTrustManagersProvider(provider);
            asyncHttp.tlsTrustManagersProvider(provider);
        }
        URI endpoint = URI.create(job.get("endpoint").text());
        Region region = Region.of(job.get("region").text());
        StaticCredentialsProvider keys = StaticCredentialsProvider.create(
                AwsBasicCredentials.create(job.get("access_key").text(), job.get("secret_key").text()));
        bucket = job.get("bucket").text();
        s3 = S3Client.builder().endpointOverride(endpoint).region(region).credentialsProvider(keys)
                .forcePathStyle(true).httpClientBuilder(http).build();
        parts = S3AsyncClient.builder().endpointOverride(endpoint).region(region).credentialsProvider(keys)
                .forcePathStyle(true).httpClientBuilder(asyncHttp).multipartEnabled(true).build();
    }

    public static void main(String[] words) throws Exception {
        PrintStream answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        System.setOut(System.err);
        JavaClient client = new JavaClient(JsonNode.parser().parse(Files.readString(Path.of(words[0]))).asObject());
        answers.println("{\"version\": " + quoted(VersionInfo.SDK_VERSION) + "}");
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            answers.println(client.answer(JsonNode.parser().parse(line).asObject()));
        }
        client.s3.close();
        client.parts.close();
    }

    private String answer(Map<String, JsonNode> asked) {
        try {
            return doIt(asked);
        } catch (Exception failed) {
            return "{\"error\": " + quoted(failed.toString()) + "}";
        }
    }

    private String doIt(Map<String, JsonNode> asked) throws Exception {
        String key = asked.containsKey("key") ? asked.get("key").text() : "";
        Path file = asked.containsKey("file") ? Path.of(asked.get("file").text()) : null;
        switch (asked.get("do").text()) {
            case "put" -> s3.putObject(put -> put.bucket(bucket).key(key), RequestBody.fromFile(file));
            case "multipart" ->
                parts.putObject(put -> put.bucket(bucket).key(key), AsyncRequestBody.fromFile(file)).join();
            case "create" -> {
                return "{\"created\": " + created(key, file) + "}";
            }
            case "get" -> get(key, file, null);
            case "range" -> {
                long first = Long.parseLong(asked.get("first").asNumber());
                long last = first + Long.parseLong(asked.get("count").asNumber()) - 1;
                get(key, file, "bytes=" + first + "-" + last);
            }
            case "list" -> {
                return "{\"keys\": [" + String.join(", ", keysBelow(asked.get("prefix").text())) + "]}";
            }
            case "copy" -> {
                String source = asked.get("source").text();
                s3.copyObject(copy -> copy.sourceBucket(bucket).sourceKey(source)
                        .destinationBucket(bucket).destinationKey(key));
            }
            case "delete" -> s3.deleteObject(delete -> delete.bucket(bucket).key(key));
            case "delete_many" -> deleteMany(asked.get("keys").asArray());
            default -> throw new IllegalArgumentException("unknown: " + asked.get("do").text());
        }
        return "{}";
    }

    private boolean created(String key, Path file) {
        try {
            s3.putObject(put -> put.bucket(bucket).key(key).ifNoneMatch("*"), RequestBody.fromFile(file));
            return true;
        } catch (S3Exception refused) {
            if (refused.statusCode() != PRECONDITION_FAILED) {
                throw refused;
            }
            return false;
        }
    }

    private void get(String key, Path file, String range) throws IOException {
        try (InputStream body = s3.getObject(get -> get.bucket(bucket).key(key).range(range))) {
            Files.copy(body, file, StandardCopyOption.REPLACE_EXISTING);
        }
    }

    private List<String> keysBelow(String prefix) {
        List<String> keys = new ArrayList<>();
        s3.listObjectsV2Paginator(list -> list.bucket(bucket).prefix(prefix)).contents()
                .forEach(found -> keys.add(quoted(found.key())));
        return keys;
    }

    private void deleteMany(List<JsonNode> keys) {
        List<ObjectIdentifier> objects = new ArrayList<>();
        keys.forEach(key -> objects.add(ObjectIdentifier.builder().key(key.text()).build()));
        DeleteObjectsResponse answer = s3.deleteObjects(
                delete -> delete.bucket(bucket).delete(all -> all.objects(objects)));
        if (answer.hasErrors()) {
            throw new IllegalStateException(answer.errors().toString());
        }
    }

    private static TrustManager[] trusting(Path ca) throws IOException, GeneralSecurityException {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (InputStream pem = Files.newInputStream(ca)) {
            store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(pem));
        }
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(store);
        return factory.getTrustManagers();
    }

    /** A JSON string: the SDK's own parser has no writer beside it. */
    private static String quoted(String text) {
        StringBuilder json = new StringBuilder("\"");
        for (char each : text.toCharArray()) {
            if (each < ' ' || each == '"' || each == '\\') {
                json.append(String.format("\\u%04x", (int) each));
            } else {
                json.append(each);
            }
        }
        return json.append('"').toString();
    }
}
