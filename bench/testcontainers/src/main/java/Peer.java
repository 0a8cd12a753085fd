import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.testcontainers.kafka.KafkaContainer;
import org.testcontainers.utility.DockerImageName;

/** Starts a KafkaContainer of the image named, sends one record through, and prints the seconds that both took. */
public class Peer {
    public static void main(String[] arguments) throws Exception {
        long started = System.nanoTime();
        var image = DockerImageName.parse(arguments[0]).asCompatibleSubstituteFor("apache/kafka");
        try (var kafka = new KafkaContainer(image)) {
            kafka.start();
            String bootstrap = kafka.getBootstrapServers();
            Map<String, Object> to = Map.of("bootstrap.servers", bootstrap);
            try (var producer = new KafkaProducer<>(to, new StringSerializer(), new StringSerializer())) {
                producer.send(new ProducerRecord<>("orders", "an order")).get();
            }
            Map<String, Object> from =
                Map.of("bootstrap.servers", bootstrap, "group.id", "peer", "auto.offset.reset", "earliest");
            try (var consumer = new KafkaConsumer<>(from, new StringDeserializer(), new StringDeserializer())) {
                consumer.subscribe(List.of("orders"));
                long giveUp = System.nanoTime() + Duration.ofSeconds(60).toNanos();
                while (consumer.poll(Duration.ofMillis(100)).isEmpty()) {
                    if (System.nanoTime() > giveUp) {
                        throw new IllegalStateException("the record did not come");
                    }
                }
            }
            System.out.println((System.nanoTime() - started) / 1e9);
        }
    }
}
