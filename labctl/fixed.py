"""What is the same in every lab, whatever lab.yaml says: light, for processes that never read one."""

INSIDE_PORT = 9092
CONTROLLER_PORT = 9093
ADMIN, INTER_BROKER = "admin", "broker"  # users that every secure lab has: labctl itself, and the brokers
HOMEWORK_TOPIC = "orders"
HOMEWORK_ORDERS = ('{"orderid":1001,"amount":599.99}', '{"orderid":1002,"amount":300}')
MIN_ISR = "min.insync.replicas"
