// node kafkajs_secure.js TEXT, in the environment that `labctl env` prints: writes TEXT to orders, or says why not
const fs = require("fs");
const { Kafka, logLevel } = require("kafkajs");
const env = process.env;
const kafka = new Kafka({
  brokers: env.KAFKA_BOOTSTRAP_SERVERS.split(","),
  ssl: { ca: [fs.readFileSync(env.KAFKA_SSL_CA_LOCATION, "utf-8")] },
  sasl: {
    mechanism: env.KAFKA_SASL_MECHANISM.toLowerCase(),
    username: env.KAFKA_SASL_USERNAME,
    password: env.KAFKA_SASL_PASSWORD,
  },
  logLevel: logLevel.NOTHING,
  retry: { retries: 2 },
});
const producer = kafka.producer();
producer
  .connect()
  .then(() => producer.send({ topic: "orders", messages: [{ value: process.argv[2] }] }))
  .then(() => producer.disconnect())
  .catch((error) => {
    console.log(error.name, error.message);
    process.exit(1);
  });
