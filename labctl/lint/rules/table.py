"""All rules, the worst faults first: what starts nothing, what fails silently, what may surprise."""

from __future__ import annotations

from labctl.lint.rule import Rule
from labctl.lint.rules import (
    advertised,
    clients,
    cluster_ids,
    health_checks,
    images,
    listeners,
    nodes,
    protocol_map,
    published,
    replication,
    security,
    start_order,
    storage,
    tools,
    variables,
    voters,
)

# a node does not start
STOPS_NODES: tuple[Rule, ...] = (
    images.image_withdrawn,
    start_order.depends_unknown,
    variables.quoted_value,
    variables.other_image_variable,
    variables.defaults_dropped,
    variables.zookeeper_removed,
    nodes.roles_missing,
    nodes.roles_invalid,
    nodes.node_id_missing,
    voters.voters_missing,
    voters.voters_invalid,
    cluster_ids.cluster_id_missing,
    cluster_ids.cluster_id_invalid,
    listeners.listener_invalid,
    listeners.listener_twice,
    advertised.advertised_missing,
    protocol_map.map_missing,
    protocol_map.map_invalid,
    listeners.controller_listener_missing,
    listeners.broker_listener_missing,
    listeners.controller_listener_on_broker,
    listeners.controller_opens_others,
    listeners.controller_advertised,
    advertised.advertised_not_opened,
    advertised.advertised_wildcard,
    listeners.inter_broker_unknown,
    published.bind_foreign,
    voters.node_not_voter,
    security.sasl_mechanism,
    security.sasl_login_missing,
    storage.data_not_writable,
    storage.heap_too_small,
    published.port_twice,
)
# nodes start and don't come together
SPLITS_CLUSTER: tuple[Rule, ...] = (
    voters.voter_unknown,
    voters.voter_loopback,
    voters.voter_port,
    voters.voter_not_controller,
    voters.voters_differ,
    cluster_ids.clusters_separate,
    nodes.node_id_twice,
    cluster_ids.cluster_id_differs,
    security.super_users,
    security.scram_controller,
    storage.data_shared,
    advertised.inter_broker_loopback,
    start_order.start_deadlock,
)
# clients don't get to a broker
HIDES_BROKERS: tuple[Rule, ...] = (
    published.bind_loopback,
    published.advertised_other_broker,
    published.advertised_not_published,
    published.published_wrong_listener,
    advertised.advertised_unknown_name,
    advertised.advertised_foreign_name,
    advertised.advertised_wrong_port,
    advertised.advertised_same,
    variables.setting_removed,
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
    start_order.depends_unhealthy,
    health_checks.health_tool,
    tools.tool_option,
    health_checks.health_shell,
    health_checks.health_program,
    health_checks.health_address,
    health_checks.health_jmx,
)
# it works, with a surprise
SURPRISES: tuple[Rule, ...] = (
    replication.internal_replication,
    advertised.advertised_localhost_only,
    published.published_internal,
    storage.data_folder_owner,
    images.image_unmaintained,
    variables.setting_unknown,
    variables.variable_ignored,
    voters.voters_even,
    tools.tool_too_early,
    tools.consumer_at_end,
    protocol_map.map_surplus,
    tools.one_shot_wait,
)
RULES = (*STOPS_NODES, *SPLITS_CLUSTER, *HIDES_BROKERS, *MISLEADS_CLIENTS, *BREAKS_WORK, *SURPRISES)
