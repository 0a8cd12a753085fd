"""The recorded output of faults that tests/integration/test_known_faults.py does not cause."""

RECORDED = {
    "too-many-maps": "[x] SEVERE Error while loading log dir /data (kafka.log.LogManager)\n"
    "java.io.IOException: Map failed\n\tat java.base/sun.nio.ch.FileChannelImpl.mapInternal(Unknown Source)\n",
    "java-option": "Unrecognized VM option 'NoSuchOption'\nError: Could not create the Java Virtual Machine.\n",
    "no-native-memory": "Error occurred during initialization of VM\n"
    "Could not reserve enough space for 4194304 KB object heap\n",
    "jars-missing": "Error: Could not find or load main class kafka.Kafka\n"
    "Caused by: java.lang.ClassNotFoundException: kafka.Kafka\n",
    "not-formatted": "[x] SEVERE Exiting Kafka due to fatal exception (kafka.Kafka$)\n"
    "java.lang.RuntimeException: No readable meta.properties files found.\n",
    "name-unresolved": "[x] WARNING [RaftManager id=1] Error connecting to node no-such-node:39093 (id: 2 rack: null)\n"
    "java.net.UnknownHostException: no-such-node: Name or service not known\n",
}

RECORDED_OF_DOCKER = {
    "no-docker-permission": "permission denied while trying to connect to the Docker daemon socket at "
    'unix:///var/run/docker.sock: Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.45/version": dial unix '
    "/var/run/docker.sock: connect: permission denied",
    "port-taken": "Error response from daemon: driver failed programming external connectivity on endpoint "
    "vigorous_borg (5b596894f151): Bind for 127.0.0.1:39555 failed: port is already allocated.",
    "no-swarm": 'Error response from daemon: This node is not a swarm manager. Use "docker swarm init" or "docker '
    'swarm join" to connect this node to swarm and try again.',
    "no-engine": 'error during connect: Get "http://docker.example.com/v1.45/containers/json": command [ssh -o '
    "ConnectTimeout=30 -l nobody -- 127.0.0.1 docker system dial-stdio] has exited with exit status 255, please make "
    "sure the URL is valid, and Docker 18.09 or later is installed on the remote host: stderr=ssh: connect to host "
    "127.0.0.1 port 22: Connection refused",
}
