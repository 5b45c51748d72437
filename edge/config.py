"""The edge daemon's configuration (see docs/configuration.md)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from shared.config import default_state_dir, load, read_secret
from shared.config_keys import IPV4, Secret
from shared.errors import ConfigError
from shared.ids import CLIENT_ID, NETWORK_ID
from shared.logs import Log
from shared.tls import client_context

PREFIX = "MIRA_EDGE_"
PAIR = "Pair it: `mira-hub pair` shows a link, `mira-edge pair LINK` takes it."
LONGEST_SOCKET_PATH = 107
"""Bytes that Linux takes for the path of a Unix socket."""

NetworkId = Annotated[str, Meta(pattern=f"^({NETWORK_ID.pattern})$")]
ClientId = Annotated[str, Meta(pattern=f"^({CLIENT_ID.pattern})$")]
Address = Annotated[str, Meta(pattern=r"^https?://[^/\s]+/?$")]


class Hub(Struct, frozen=True, kw_only=True):
    """Where the hub is, and what gives access to it."""

    addresses: Annotated[
        list[Address],
        Meta(
            description="Where the hub answers, tried in order. Empty: it is found by mDNS only.",
            extra={"allowed": 'a list of addresses such as ["https://192.168.1.10:8770"]'},
        ),
    ] = []
    hub_id: Annotated[
        str | None,
        Meta(
            description="Only the hub with this id is accepted from mDNS. Left out: any.",
            extra={"allowed": "the id that the hub shows at its start"},
        ),
    ] = None
    network_id: Annotated[
        NetworkId | None,
        Meta(
            description="The network that this device belongs to.",
            extra={"allowed": "net_ and 32 hex digits, as the hub gave it"},
        ),
    ] = None
    client_id: Annotated[
        ClientId | None,
        Meta(
            description="The device's id in the network.",
            extra={"allowed": "the id that the hub gave the device"},
        ),
    ] = None
    token: Annotated[
        Secret | None,
        Meta(description="The device's client token. Better kept in a file of its own."),
    ] = None
    ca: Annotated[
        str | None,
        Meta(
            description="The hub's own CA, by which it is known wherever it is; needed to find it "
            "by mDNS. Left out: its certificate is one that the system trusts.",
            extra={"allowed": "a certificate in PEM, as pairing keeps it"},
        ),
    ] = None
    token_file: Annotated[
        Path | None,
        Meta(description="A file that holds the client token. It wins over `token`."),
    ] = None


class Device(Struct, frozen=True, kw_only=True):
    """What people call the device."""

    name: Annotated[
        str,
        Meta(
            description="The device's name, for people.",
            min_length=1,
            max_length=64,
            extra={"default": "the host's name", "allowed": "a text of 1 to 64 characters"},
        ),
    ]
    room: Annotated[
        str,
        Meta(
            description="The room that it stands in, for people.",
            max_length=64,
            extra={"allowed": "a text of at most 64 characters"},
        ),
    ] = ""


class Microphone(Struct, frozen=True, kw_only=True):
    """Which microphone is listened to."""

    source: Annotated[
        str,
        Meta(
            description="`default`, `card:` and a sound card's name or index (as "
            "`mira-edge microphones` lists them), or `file:` and the path of a WAV file.",
            pattern="^(default|card:.+|file:.+)$",
            extra={"allowed": '"default", "card:NAME", "card:INDEX" or "file:PATH"'},
        ),
    ] = "default"
    start_at_us: Annotated[
        int,
        Meta(
            description="When a file begins to play, since the Unix epoch. 0: at once.",
            ge=0,
            le=2**53,
            extra={"unit": "µs"},
        ),
    ] = 0
    loop: Annotated[bool, Meta(description="Whether a file begins anew at its end.")] = False
    listening: Annotated[
        bool,
        Meta(
            description="Whether the device listens when it is started for the first time. "
            "Later starts keep what a person chose last."
        ),
    ] = True


class Activity(Struct, frozen=True, kw_only=True):
    """When speech begins and ends."""

    vad_mode: Annotated[
        int,
        Meta(
            description="How readily sound is taken for noise: 0 lets most through as speech, "
            "3 the least.",
            ge=0,
            le=3,
        ),
    ] = 2
    preroll_ms: Annotated[
        int,
        Meta(
            description="How much of what was heard before speech began belongs to the utterance.",
            ge=0,
            le=5_000,
            extra={"unit": "ms"},
        ),
    ] = 500
    hangover_ms: Annotated[
        int,
        Meta(
            description="How long it must be quiet until an utterance has ended.",
            ge=100,
            le=5_000,
            extra={"unit": "ms"},
        ),
    ] = 700
    longest_s: Annotated[
        int,
        Meta(
            description="The longest utterance. A longer one is cut at its quietest point.",
            ge=5,
            le=30,
            extra={"unit": "s"},
        ),
    ] = 30


class Buffers(Struct, frozen=True, kw_only=True):
    """What is kept until the hub releases it."""

    held_s: Annotated[
        int,
        Meta(
            description="How much audio memory holds at most. What no hub takes goes to disk, and "
            "so does what a slow one does not take once half of this is full; beyond it the oldest "
            "is dropped and counted. A minute takes 1.9 MB.",
            ge=60,
            le=86_400,
            extra={"unit": "s"},
        ),
    ] = 600
    spool_mb: Annotated[
        int,
        Meta(
            description="How much is kept on disk while no hub takes it, in whole utterances; "
            "beyond it the oldest is dropped and counted. A minute of speech takes about 1 MB.",
            ge=1,
            le=100_000,
            extra={"unit": "MB"},
        ),
    ] = 256
    spool_days: Annotated[
        int,
        Meta(
            description="What has waited on disk for so long is dropped and counted.",
            ge=1,
            le=365,
            extra={"unit": "days"},
        ),
    ] = 30


class Discovery(Struct, frozen=True, kw_only=True):
    """How device and hub find each other on the local network."""

    mdns: Annotated[
        bool, Meta(description="Whether the device shows itself and looks for hubs by mDNS.")
    ] = True
    interfaces: Annotated[
        list[Annotated[str, Meta(pattern=IPV4)]],
        Meta(
            description="IPv4 addresses of the network interfaces that mDNS uses. Empty: all.",
            extra={"allowed": 'a list of IPv4 addresses such as ["192.168.1.20"]'},
        ),
    ] = []


class Announcements(Struct, frozen=True, kw_only=True):
    """What is said aloud at this device."""

    command: Annotated[
        list[Annotated[str, Meta(min_length=1)]],
        Meta(
            description="A program, with its arguments, that says a reminder when it is due: its "
            "title comes on standard input. No shell is asked. Empty: nothing is said.",
            extra={"allowed": 'a list of texts such as ["/usr/bin/espeak-ng", "--stdin"]'},
        ),
    ] = []
    timeout_s: Annotated[
        int,
        Meta(
            description="A program that takes longer is ended.",
            ge=1,
            le=600,
            extra={"unit": "s"},
        ),
    ] = 60


class Paths(Struct, frozen=True, kw_only=True):
    """Where the daemon keeps its files."""

    state_dir: Annotated[
        Path,
        Meta(
            description="The folder of what the daemon remembers.",
            extra={"default": "$STATE_DIRECTORY (systemd), else ~/.local/state/mira-edge"},
        ),
    ]
    control_socket: Annotated[
        Path,
        Meta(
            description="The Unix socket by which `mira-edge` commands reach the daemon.",
            extra={
                "default": "control.sock in $RUNTIME_DIRECTORY (systemd), else in state_dir",
                "allowed": f"a path of at most {LONGEST_SOCKET_PATH} bytes",
            },
        ),
    ]


class EdgeConfig(Struct, frozen=True, kw_only=True):
    """All of it; each field is a table of the file."""

    hub: Hub = Hub()
    device: Device
    microphone: Microphone = Microphone()
    activity: Activity = Activity()
    buffers: Buffers = Buffers()
    discovery: Discovery = Discovery()
    announcements: Announcements = Announcements()
    paths: Paths
    log: Log = Log()

    @property
    def unpaired(self) -> bool:
        """Whether nobody has told the device its network."""
        return not (self.hub.network_id or self.hub.client_id or self.hub.token)

    def access(self) -> Access:
        """What the device shows the hub.

        Raises:
            ConfigError: one of network, client and token is missing.
        """
        hub = self.hub
        missing = [
            name
            for name, value in (
                ("network_id", hub.network_id),
                ("client_id", hub.client_id),
                ("token or token_file", hub.token),
            )
            if not value
        ]
        if missing or not (hub.network_id and hub.client_id and hub.token):
            raise ConfigError(
                f"[hub] {', '.join(missing)} not set: no hub would let this device in.",
                PAIR,
            )
        if not hub.addresses and not hub.ca:
            raise ConfigError(
                "Neither [hub] addresses nor [hub] ca is set: the device knows no hub.",
                "Without the hub's CA, anybody who announces a hub by mDNS would be shown the "
                f"token. {PAIR}",
            )
        return Access(hub.network_id, hub.client_id, hub.token, hub.ca)


@dataclass(frozen=True)
class Access:
    """Who the device is, and the token that proves it."""

    network_id: str
    client_id: str
    token: Secret
    ca: str | None = None  # of the hub, in PEM


def load_edge_config(path: Path | None, environ: Mapping[str, str] = os.environ) -> EdgeConfig:
    """The daemon's configuration from a TOML file (or none) and the environment.

    The token is read from `token_file` where that is given; `hub.token` then holds it.

    Raises:
        ConfigError: the file, a key or a value is wrong; says where and what is allowed.
    """
    state_dir = default_state_dir(environ, "mira-edge")
    unset = Path()
    config = load(
        EdgeConfig,
        path,
        PREFIX,
        environ,
        {
            ("device", "name"): os.uname().nodename[:64] or "microphone",
            ("paths", "state_dir"): state_dir,
            ("paths", "control_socket"): unset,
        },
    )
    paths = config.paths
    if paths.control_socket == unset:
        folder = environ.get("RUNTIME_DIRECTORY", "").split(":")[0] or paths.state_dir
        paths = msgspec.structs.replace(paths, control_socket=Path(folder) / "control.sock")
    if len(os.fsencode(paths.control_socket)) > LONGEST_SOCKET_PATH:
        raise ConfigError(
            f"[paths] control_socket = {str(paths.control_socket)!r} is longer than "
            f"{LONGEST_SOCKET_PATH} bytes, which is all that Linux takes.",
            "Set [paths] control_socket to a shorter path.",
        )
    hub = config.hub
    if hub.token_file:
        hub = msgspec.structs.replace(hub, token=read_secret(hub.token_file))
    _check_ca(hub)
    return msgspec.structs.replace(config, paths=paths, hub=hub)


def _check_ca(hub: Hub) -> None:
    if hub.ca is None:
        return
    try:
        client_context(hub.ca)
    except ValueError as error:
        raise ConfigError(f"[hub] ca is {error}.", PAIR) from error
    plain = [address for address in hub.addresses if not address.startswith("https://")]
    if plain:
        raise ConfigError(
            f"[hub] addresses holds {plain[0]}, where the hub could not show that it is of [hub] "
            "ca.",
            "Write https://.",
        )
