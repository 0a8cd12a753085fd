#!/usr/bin/env bash
# CLASS ARGUMENT…: with the options that Kafka's own script gives a JVM.
options=${KAFKA_JVM_PERFORMANCE_OPTS:--server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35 -XX:+ExplicitGCInvokesConcurrent -Djava.awt.headless=true}
logging=${KAFKA_LOG4J_OPTS:--Dlog4j2.configurationFile=/etc/kafka/docker/tools-log4j2.yaml}
classpath=$(printf '%s:' /opt/kafka/libs/*.jar)
exec java ${KAFKA_HEAP_OPTS:--Xmx256M} $options $KAFKA_JMX_OPTS $logging $KAFKA_OPTS -cp "${classpath%:}" "$@"
