// BOOTSTRAP REGISTRY TOPIC: writes an order in Avro with kafkajs and its registry client, and reads it
const { Kafka, logLevel } = require("kafkajs");
const { SchemaRegistry, SchemaType } = require("@kafkajs/confluent-schema-registry");
const [bootstrap, host, topic] = process.argv.slice(2);
const kafka = new Kafka({ clientId: "test", brokers: bootstrap.split(","), logLevel: logLevel.ERROR });
const registry = new SchemaRegistry({ host });
const schema = JSON.stringify({ type: "record", name: "Order", fields: [{ name: "orderid", type: "long" }] });

async function run() {
  const { id } = await registry.register({ type: SchemaType.AVRO, schema }, { subject: `${topic}-value` });
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({ topic, messages: [{ key: "c1", value: await registry.encode(id, { orderid: 1002 }) }] });
  await producer.disconnect();
  const consumer = kafka.consumer({ groupId: "kafkajs" });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await new Promise((found) => {
    consumer.run({
      eachMessage: async ({ message }) => {
        console.log(JSON.stringify(await registry.decode(message.value)));
        found();
      },
    });
  });
  await consumer.disconnect();
}

run().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
