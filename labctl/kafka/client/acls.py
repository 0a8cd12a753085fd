"""ACLs as kafka-python has them, and as a plan has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labctl.errors import KafkaFailed
from labctl.plan.model import AclPlan


def every_acl(admin: Any) -> list[Any]:
    """Return every ACL of the cluster, as kafka-python's admin has them. Raises KafkaFailed."""
    from kafka.admin import (
        ACLFilter,
        ACLOperation,
        ACLPermissionType,
        ACLResourcePatternType,
        ResourcePatternFilter,
        ResourceType,
    )

    pattern = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
    found, error = admin.describe_acls(ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY, pattern))
    _raise("describe ACLs", error)
    return list(found)


def allows(acl: Any) -> bool:
    """Return whether it allows something: others deny it."""
    return str(acl.permission_type.name) == "ALLOW"


def as_plan(acl: Any) -> AclPlan:
    """Return what it says, without its host and whether it allows or denies that."""
    resource = acl.resource_pattern
    return AclPlan(
        acl.principal.removeprefix("User:"),
        resource.resource_type.name.lower(),
        resource.pattern_type.name.lower(),
        resource.resource_name,
        acl.operation.name.lower(),
    )


def as_acl(plan: AclPlan) -> Any:
    """Return kafka-python's ACL that allows what a plan says, from every host."""
    from kafka.admin import ACL, ACLOperation, ACLPermissionType, ACLResourcePatternType, ResourcePattern, ResourceType

    pattern = ACLResourcePatternType[plan.pattern.upper()]
    resource = ResourcePattern(ResourceType[plan.resource.upper()], plan.name, pattern)
    operation = ACLOperation[plan.operation.upper()]
    return ACL(f"User:{plan.user}", "*", operation, ACLPermissionType.ALLOW, resource)


def described(acl: Any) -> str:
    """Return it in words: `allow ann write topic orders`."""
    host = f" from {acl.host}" if acl.host != "*" else ""
    return f"{acl.permission_type.name.lower()} {as_plan(acl)}{host}"


def delete(admin: Any, acls: Sequence[Any]) -> None:
    """Delete ACLs; a missing ACL is no error. Raises KafkaFailed."""
    for _acl, _deleted, error in admin.delete_acls(acls) if acls else ():
        _raise("delete ACLs", error)


def _raise(what: str, error: Any) -> None:
    """Raise KafkaFailed for an error of kafka-python, which returns NoError where there is none."""
    if getattr(error, "errno", 0):
        raise KafkaFailed(f"{what}: {error.__name__ if isinstance(error, type) else error}")
