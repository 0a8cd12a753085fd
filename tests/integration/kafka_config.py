"""python kafka_config.py LIBJVM CLASSPATH: reads a node's settings, JSON per line; prints `ok` or Kafka's error."""

import json
import sys

import jpype

jpype.startJVM(sys.argv[1], "-XX:TieredStopAtLevel=1", "-Xmx256m", classpath=sys.argv[2].split(":"))
Properties = jpype.JClass("java.util.Properties")
KafkaConfig = jpype.JClass("kafka.server.KafkaConfig")
for line in sys.stdin:
    properties = Properties()
    for key, value in json.loads(line).items():
        properties.put(key, value)
    try:
        KafkaConfig.fromProps(properties)
        result = "ok"
    except jpype.JException as error:
        result = str(error).replace("\n", " ")
    sys.stdout.write(f"> {result}\n")
    sys.stdout.flush()
