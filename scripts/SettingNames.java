import java.util.TreeMap;
import org.apache.kafka.common.config.ConfigDef;

/** Print `KIND NAME TYPE` for each setting that the Kafka on the classpath knows: `java -cp JARS SettingNames.java`. */
public class SettingNames {
    public static void main(String[] arguments) throws Exception {
        print("broker", "kafka.server.KafkaConfig", "configDef");
        print("topic", "org.apache.kafka.storage.internals.log.LogConfig", "configDefCopy");
        print("producer", "org.apache.kafka.clients.producer.ProducerConfig", "configDef");
        print("consumer", "org.apache.kafka.clients.consumer.ConsumerConfig", "configDef");
    }

    private static void print(String kind, String className, String method) throws Exception {
        ConfigDef settings = (ConfigDef) Class.forName(className).getMethod(method).invoke(null);
        for (ConfigDef.ConfigKey key : new TreeMap<>(settings.configKeys()).values()) {
            System.out.println(kind + " " + key.name + " " + key.type.name().toLowerCase());
        }
    }
}
