"""All rules, the worst faults first: what starts nothing, what fails silently, what may surprise."""

from __future__ import annotations

from labctl.lint.rule import Rule
from labctl.lint.rules import (
    addresses,
    clients,
    cluster,
    images,
    listeners,
    replication,
    security,
    start,
    storage,
    tools,
)

# a node does not start
STOPS_NODES: tuple[Rule, ...] = (
    images.image_withdrawn,
    start.depends_unknown,
    images.quoted_value,
    images.other_image_variable,
    images.defaults_dropped,
    images.zookeeper_removed,
    cluster.roles_missing,
    cluster.roles_invalid,
    cluster.node_id_missing,
    cluster.voters_missing,
    cluster.voters_invalid,
    cluster.cluster_id_missing,
    cluster.cluster_id_invalid,
    listeners.listener_invalid,
    listeners.listener_twice,
    listeners.advertised_missing,
    listeners.map_missing,
    listeners.map_invalid,
    listeners.controller_listener_missing,
    listeners.broker_listener_missing,
    listeners.controller_listener_on_broker,
    listeners.controller_opens_others,
    listeners.controller_advertised,
    listeners.advertised_not_opened,
    listeners.advertised_wildcard,
    listeners.inter_broker_unknown,
    addresses.bind_foreign,
    cluster.node_not_voter,
    security.sasl_mechanism,
    security.sasl_login_missing,
    storage.data_not_writable,
    storage.heap_too_small,
    addresses.port_twice,
)
# nodes start and don't come together
SPLITS_CLUSTER: tuple[Rule, ...] = (
    cluster.voter_unknown,
    cluster.voter_loopback,
    cluster.voter_port,
    cluster.voter_not_controller,
    cluster.voters_differ,
    cluster.clusters_separate,
    cluster.node_id_twice,
    cluster.cluster_id_differs,
    security.super_users,
    security.scram_controller,
    storage.data_shared,
    addresses.inter_broker_loopback,
    start.start_deadlock,
)
# clients don't get to a broker
HIDES_BROKERS: tuple[Rule, ...] = (
    addresses.bind_loopback,
    addresses.advertised_other_broker,
    addresses.advertised_not_published,
    addresses.published_wrong_listener,
    addresses.advertised_unknown_name,
    addresses.advertised_foreign_name,
    addresses.advertised_wrong_port,
    addresses.advertised_same,
    images.setting_removed,
    security.tls_keystore_missing,
)
# clients of the same stack use a wrong address
MISLEADS_CLIENTS: tuple[Rule, ...] = (
    clients.client_localhost,
    clients.client_unknown_name,
    clients.client_wrong_port,
    clients.client_sent_away,
)
# it starts and does not work
BREAKS_WORK: tuple[Rule, ...] = (
    replication.offsets_replication,
    replication.default_replication,
    replication.min_isr,
    storage.data_not_on_volume,
    storage.heap_over_limit,
    start.depends_unhealthy,
    start.health_tool,
    tools.tool_option,
    start.health_shell,
    start.health_program,
    start.health_address,
    start.health_jmx,
)
# it works, with a surprise
SURPRISES: tuple[Rule, ...] = (
    replication.internal_replication,
    addresses.advertised_localhost_only,
    addresses.published_internal,
    storage.data_folder_owner,
    images.image_unmaintained,
    images.setting_unknown,
    images.variable_ignored,
    cluster.voters_even,
    tools.tool_too_early,
    tools.consumer_at_end,
    listeners.map_surplus,
    tools.one_shot_wait,
)
RULES = (*STOPS_NODES, *SPLITS_CLUSTER, *HIDES_BROKERS, *MISLEADS_CLIENTS, *BREAKS_WORK, *SURPRISES)
