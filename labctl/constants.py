"""What is the same in every lab. This module imports nothing, for processes that never read a lab.yaml."""

DEFAULT_NAME = "homework"  # of the lab without a lab.yaml
INTERNAL_PORT = 9092
CONTROLLER_PORT = 9093
INNER_EXTERNAL_PORT = 19092  # of the external listener in a container where the host's port is 9092 or 9093
OTHER_INTERNAL_PORT = 19092  # of a local node where an external port is 9092 or 9093
OTHER_CONTROLLER_PORT = 19093
CLUSTER_RESOURCE = "kafka-cluster"  # org.apache.kafka.common.resource.Resource.CLUSTER_NAME
ADMIN, INTER_BROKER = "admin", "broker"  # users of every secure lab: labctl itself, and the brokers
HOMEWORK_TOPIC = "orders"
HOMEWORK_ORDERS = ('{"orderid":1001,"amount":599.99}', '{"orderid":1002,"amount":300}')
# What a person types for a command in a node is the same in every runtime: the paths of apache/kafka's image.
TOOLS_FOLDER = "/opt/kafka/bin"
SECRETS_FOLDER = "/etc/kafka/secrets"
LOCALHOST = "localhost"  # what brokers advertise where lab.yaml has nothing else
MIN_ISR = "min.insync.replicas"
BROKER_RACK = "broker.rack"
