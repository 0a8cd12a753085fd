"""What is the same in every lab, whatever lab.yaml says: light, for processes that never read one."""

INSIDE_PORT = 9092
CONTROLLER_PORT = 9093
ADMIN, INTER_BROKER = "admin", "broker"  # users that every secure lab has: labctl itself, and the brokers
MIN_ISR = "min.insync.replicas"
