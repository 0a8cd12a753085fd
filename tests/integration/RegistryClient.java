// BOOTSTRAP REGISTRY TOPIC: writes an order with Apicurio's serializer for Avro, and reads it with its deserializer.
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

public class RegistryClient {
  public static void main(String[] arguments) throws Exception {
    String topic = arguments[2];
    Properties settings = new Properties();
    settings.putAll(Map.of(
        "bootstrap.servers", arguments[0],
        "apicurio.registry.url", arguments[1],
        "apicurio.registry.auto-register", "true",
        "key.serializer", "org.apache.kafka.common.serialization.StringSerializer",
        "value.serializer", "io.apicurio.registry.serde.avro.AvroKafkaSerializer",
        "key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer",
        "value.deserializer", "io.apicurio.registry.serde.avro.AvroKafkaDeserializer",
        "group.id", "java",
        "auto.offset.reset", "earliest"));
    Schema schema = new Schema.Parser().parse(
        "{\"type\": \"record\", \"name\": \"Order\", \"fields\": [{\"name\": \"orderid\", \"type\": \"long\"}]}");
    GenericRecord order = new GenericData.Record(schema);
    order.put("orderid", 1001L);
    try (KafkaProducer<String, GenericRecord> producer = new KafkaProducer<>(settings)) {
      producer.send(new ProducerRecord<>(topic, "c1", order)).get();
    }
    try (KafkaConsumer<String, GenericRecord> consumer = new KafkaConsumer<>(settings)) {
      consumer.subscribe(List.of(topic));
      ConsumerRecords<String, GenericRecord> records = ConsumerRecords.empty();
      for (int attempt = 0; attempt < 60 && records.isEmpty(); attempt++) records = consumer.poll(Duration.ofSeconds(1));
      records.forEach(record -> System.out.println(record.value()));
    }
  }
}
