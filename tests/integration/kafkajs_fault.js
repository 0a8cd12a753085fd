// BOOTSTRAP TOPIC: writes one record without a retry, and prints "ok MILLISECONDS" or the error
const { Kafka, logLevel } = require("kafkajs");
const [bootstrap, topic] = process.argv.slice(2);
const kafka = new Kafka({
  clientId: "fault",
  brokers: bootstrap.split(","),
  logLevel: logLevel.NOTHING,
  connectionTimeout: 3000,
  requestTimeout: 3000,
  enforceRequestTimeout: true,
  retry: { retries: 0 },
});

async function main() {
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({ topic, messages: [{ value: "first" }] }); // it also fetches metadata
  const began = process.hrtime.bigint();
  await producer.send({ topic, messages: [{ value: "second" }] });
  console.log(`ok ${Number(process.hrtime.bigint() - began) / 1e6}`);
}

main().then(
  () => process.exit(0),
  (error) => {
    console.log(`${error.name}: ${error.message}`);
    process.exit(0);
  },
);
