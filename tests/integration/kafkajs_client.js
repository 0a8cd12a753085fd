// produce|consume BOOTSTRAP TOPIC TEXT: writes TEXT, or reads from the beginning until it comes
const { Kafka, logLevel } = require("kafkajs");
const [verb, bootstrap, topic, text] = process.argv.slice(2);
const kafka = new Kafka({ clientId: "test", brokers: bootstrap.split(","), logLevel: logLevel.ERROR });

async function produce() {
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({ topic, messages: [{ value: text }] });
  await producer.disconnect();
}

async function consume() {
  const consumer = kafka.consumer({ groupId: `kafkajs-${text}` });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await new Promise((found) => {
    consumer.run({ eachMessage: async ({ message }) => message.value.toString() === text && found() });
  });
  console.log(text);
  await consumer.disconnect();
}

(verb === "produce" ? produce : consume)().then(() => process.exit(0));
