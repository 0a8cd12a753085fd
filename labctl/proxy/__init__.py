"""A TCP proxy before the brokers' external listeners, which makes the network's faults on purpose."""
