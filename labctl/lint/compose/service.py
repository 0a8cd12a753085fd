"""One service of a Compose file: its merged tree -> Service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from labctl.lint.compose.interpolation import UNKNOWN
from labctl.lint.compose.model import (
    DEFAULT_NETWORK,
    Dependency,
    HealthCheck,
    Limit,
    Mount,
    Service,
    Variable,
)
from labctl.lint.compose.tree import List, Map, Place, Text
from labctl.lint.compose.values import child, items, pairs, read_command, read_mount, read_port, read_size, text, texts

STARTED = "service_started"  # the condition of depends_on where none is written
EnvironmentFile = tuple[str, dict[str, tuple[str, int]] | None]  # path, {name: (value, line)}; None: it can't be read


def read_service(
    name: str, place: Place, tree: Map, files: Sequence[EnvironmentFile], shell: Mapping[str, str]
) -> Service:
    """Return the service that `tree` describes; `files` are those of its env_file, `shell` has variables to pass on."""
    image = child(tree, "image")
    missing = [path for path, values in files if values is None]
    return Service(
        name=name,
        place=place,
        image=text(image),
        image_place=tree.places.get("image", place),
        built=child(tree, "build") is not None,
        environment=_environment(tree, files, shell),
        ports=tuple(port for item in items(child(tree, "ports")) for port in read_port(item)),
        mounts=tuple(_mounts(tree)),
        networks=_networks(tree),
        network_mode=text(child(tree, "network_mode")),
        depends_on=dict(_dependencies(tree)),
        command=read_command(child(tree, "command")),
        entrypoint=read_command(child(tree, "entrypoint")),
        health=_health(tree),
        memory=_memory(tree),
        container_name=text(child(tree, "container_name")),
        hostname=text(child(tree, "hostname")),
        other_names=tuple(_other_names(tree)),
        profiles=frozenset(texts(child(tree, "profiles"))),
        user=text(child(tree, "user")),
        replicas=_number(text(child(tree, "scale")) or text(child(child(tree, "deploy"), "replicas")), 1),
        unread=f"{missing[0]}, its env_file, can't be read" if missing else "",
    )


def _number(value: str, otherwise: int) -> int:
    return int(value) if value.isdigit() else otherwise


def _environment(tree: Map, files: Sequence[EnvironmentFile], shell: Mapping[str, str]) -> dict[str, Variable]:
    found = {}
    for path, values in files:
        for name, (value, line) in (values or {}).items():
            found[name] = Variable(name, value, Place(path, line, 1))
    for name, given, place, is_item in pairs(child(tree, "environment")):
        found[name] = Variable(name, shell.get(name, UNKNOWN) if given is None else given, place, is_item)
    return found


def _mounts(tree: Map) -> Iterator[Mount]:
    """The last mount of each target."""
    found = {}
    for item in items(child(tree, "volumes")):
        mount = read_mount(item)
        if mount:
            found[mount.target] = mount
    for item in items(child(tree, "tmpfs")) or ([tmpfs] if (tmpfs := child(tree, "tmpfs")) is not None else []):
        target = text(item).partition(":")[0].rstrip("/")
        found[target] = Mount("tmpfs", "", target, item.place)
    configs = child(tree, "configs")
    entries = list(configs.items.values()) if isinstance(configs, Map) else items(configs)
    for item in entries:
        target = text(child(item, "target")) or f"/{text(child(item, 'source')) or text(item)}"
        found[target] = Mount("config", text(child(item, "source")) or text(item), target, item.place)
    yield from found.values()


def _networks(tree: Map) -> dict[str, tuple[str, ...]]:
    networks = child(tree, "networks")
    if isinstance(networks, Map):
        return {
            name: (*texts(child(settings, "aliases")), *texts(child(settings, "ipv4_address")))
            for name, settings in networks.items.items()
        }
    return dict.fromkeys(texts(networks), ()) or {DEFAULT_NETWORK: ()}


def _dependencies(tree: Map) -> Iterator[tuple[str, Dependency]]:
    depends = child(tree, "depends_on")
    if isinstance(depends, Map):
        for name, settings in depends.items.items():
            yield name, Dependency(name, text(child(settings, "condition")) or STARTED, depends.places[name])
    for item in items(depends):
        yield text(item), Dependency(text(item), STARTED, item.place)


def _health(tree: Map) -> HealthCheck | None:
    check = child(tree, "healthcheck")
    if not isinstance(check, Map):
        return None
    test = child(check, "test")
    place = check.places.get("test", tree.places["healthcheck"])
    off = text(child(check, "disable")) == "true"
    words = tuple(texts(test))
    if isinstance(test, List):
        off = off or words[:1] == ("NONE",)
        return HealthCheck(words[1:], words[:1] == ("CMD-SHELL",), off, place)
    return HealthCheck(words, True, off, place) if words or off else None


def _memory(tree: Map) -> Limit | None:
    limits = child(child(child(tree, "deploy"), "resources"), "limits")
    for where, key in ((tree, "mem_limit"), (limits, "memory")):
        value = child(where, key)
        size = read_size(text(value))
        if isinstance(value, Text) and size and isinstance(where, Map):
            return Limit(size, where.places[key])
    return None


def _other_names(tree: Map) -> Iterator[str]:
    """What links and extra_hosts let this service resolve."""
    for name, _value, _place, _item in pairs(child(tree, "extra_hosts"), ":="):
        yield name
    for link in texts(child(tree, "links")) + texts(child(tree, "external_links")):
        yield link.rpartition(":")[2]
