"""The hub's configuration (see docs/configuration.md)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from shared.config import default_state_dir, load
from shared.config_keys import IPV4, Secret
from shared.errors import ConfigError
from shared.logs import Log
from shared.wire.fields import NetworkId

PREFIX = "MIRA_HUB_"

ENGINES = "moonshine-tiny-en|moonshine-base-en|vosk-ko|vosk:.+|fake"
ENGINES_FOR_PEOPLE = (
    '"moonshine-tiny-en", "moonshine-base-en", "vosk-ko", "vosk:LANGUAGE", "vosk:/FOLDER", '
    '"fake" (no recogniser)'
)


PublicUrl = Annotated[str, Meta(pattern=r"^https://[^/\s#?]+(/[^\s#?]*)?$")]
ModelUrl = Annotated[str, Meta(pattern=r"^https?://[^/\s#?@]+(/[^\s#?]*)?\Z", max_length=2048)]
GuideUrl = Annotated[str, Meta(pattern=r"^https?://[!#-;=?-~]+\Z", max_length=2048)]
POSTGRES = ("postgresql://", "postgres://")


class DatabaseUrl(Secret):
    """The address of a PostgreSQL database; it may hold a password."""

    __slots__ = ()

    def __new__(cls, url: str) -> DatabaseUrl:
        """Raises ValueError for the address of anything else."""
        if not url.startswith(POSTGRES):
            raise ValueError("not the address of a PostgreSQL database")
        return super().__new__(cls, url)


class Identity(Struct, frozen=True, kw_only=True):
    """What people call the hub."""

    name: Annotated[
        str,
        Meta(
            description="The hub's name, for people; devices see it by mDNS.",
            min_length=1,
            max_length=64,
            extra={"default": "the host's name", "allowed": "a text of 1 to 64 characters"},
        ),
    ]


class Server(Struct, frozen=True, kw_only=True):
    """Where devices reach the hub."""

    host: Annotated[
        str,
        Meta(
            description="The address that it listens on. 0.0.0.0: all of the machine's.",
            min_length=1,
        ),
    ] = "0.0.0.0"  # noqa: S104 - devices of the home must reach it; a socket needs a token
    port: Annotated[
        int,
        Meta(description="The TCP port. 0: any that is free, shown at start.", ge=0, le=65_535),
    ] = 8770
    tls: Annotated[
        Literal["own", "off"],
        Meta(
            description="`own`: with certificates of a CA that the hub makes and that devices "
            "keep when they are paired. `off`: plain HTTP, for a reverse proxy on this machine.",
        ),
    ] = "own"
    public_url: Annotated[
        PublicUrl | None,
        Meta(
            description="Where devices reach the hub through a reverse proxy whose certificate "
            "everybody trusts. Devices are paired with that, and not with the hub's own CA.",
            extra={"allowed": 'an address such as "https://mira.example.org"'},
        ),
    ] = None
    proxies: Annotated[
        list[Annotated[str, Meta(pattern=IPV4)]],
        Meta(
            description="IPv4 addresses of reverse proxies, whose X-Forwarded-For tells who asks.",
            extra={"allowed": 'a list of IPv4 addresses such as ["127.0.0.1"]'},
        ),
    ] = []


class Store(Struct, frozen=True, kw_only=True):
    """Where interactions are kept."""

    path: Annotated[
        Path,
        Meta(
            description="The SQLite file; made at the first start.",
            extra={"default": "hub.db in [paths] state_dir"},
        ),
    ]
    url: Annotated[
        DatabaseUrl | None,
        Meta(
            description="A PostgreSQL database instead of the file, with the hub's own role, one "
            "that row-level security binds.",
            extra={
                "default": "$DATABASE_URL, else none",
                "allowed": "postgresql://ROLE:PASSWORD@HOST/DATABASE",
            },
        ),
    ] = None
    owner_url: Annotated[
        DatabaseUrl | None,
        Meta(
            description="The same database with the role that owns its tables. With it, the hub "
            "brings the schema up to date at its start.",
            extra={"allowed": "postgresql://ROLE:PASSWORD@HOST/DATABASE"},
        ),
    ] = None
    events_days: Annotated[
        int,
        Meta(
            description="How long the event log is kept. A device that was away for longer gets "
            "a snapshot instead of what it missed; one that was here within that time gets every "
            "event.",
            ge=1,
            le=36500,
            extra={"unit": "d"},
        ),
    ] = 30

    @property
    def where(self) -> Path | str:
        """The database that is configured: its file or its URL."""
        return self.url or self.path


class Api(Struct, frozen=True, kw_only=True):
    """What programs may ask of the hub."""

    create_networks: Annotated[
        Literal["closed", "operator", "open"],
        Meta(
            description="Who may create networks by the API: nobody, whoever has the operator's "
            "token, or everybody who reaches the hub. `mira-hub network create` always may.",
        ),
    ] = "operator"
    operator_token: Annotated[
        Secret | None,
        Meta(description="What the operator shows to create networks by the API."),
    ] = None
    requests_per_s: Annotated[
        float,
        Meta(
            description="Requests that one token may make in the long run.",
            ge=0.1,
            le=10_000,
            extra={"unit": "1/s"},
        ),
    ] = 20.0
    burst: Annotated[
        int,
        Meta(
            description="Requests that one token may make at once.",
            ge=1,
            le=100_000,
            extra={"unit": "requests"},
        ),
    ] = 100


class Recognition(Struct, frozen=True, kw_only=True):
    """Who turns speech into text."""

    engine: Annotated[
        str,
        Meta(
            description="What decodes the final text. `auto`: the best that this machine decodes "
            "fast enough, timed at start; `vosk:` and a language of Vosk's, or a folder.",
            pattern=f"^(auto|{ENGINES})$",
            extra={"allowed": f'"auto", {ENGINES_FOR_PEOPLE}'},
        ),
    ] = "auto"
    partial_engine: Annotated[
        str,
        Meta(
            description="What decodes the text shown while somebody speaks.",
            pattern=f"^(auto|none|{ENGINES})$",
            extra={"allowed": f'"auto", "none", {ENGINES_FOR_PEOPLE}'},
        ),
    ] = "auto"
    more_engines: Annotated[
        list[Annotated[str, Meta(pattern=f"^({ENGINES})$")]],
        Meta(
            description="Engines for networks that speak another language than that of `engine`, "
            "one for each language.",
            extra={"allowed": 'a list of engines such as ["vosk-ko", "vosk:fr"]'},
        ),
    ] = []
    decode_budget_ms: Annotated[
        int,
        Meta(
            description="With `auto`: how long a sentence of 4 s may take to decode.",
            ge=50,
            le=60_000,
            extra={"unit": "ms"},
        ),
    ] = 600
    timeout_s: Annotated[
        float,
        Meta(
            description="A recogniser that takes longer over an utterance has failed.",
            ge=1,
            le=600,
            extra={"unit": "s"},
        ),
    ] = 30.0
    queue: Annotated[
        int,
        Meta(
            description="Utterances that wait for the recogniser at most.",
            ge=1,
            le=1_000,
            extra={"unit": "utterances"},
        ),
    ] = 16


class Actions(Struct, frozen=True, kw_only=True):
    """A language model that finds out what is asked for, where the built-in rules do not."""

    url: Annotated[
        ModelUrl | None,
        Meta(
            description="Of an OpenAI-compatible API, up to `/chat/completions`. Left out: nobody "
            "is asked, and nothing that is said leaves the hub (docs/actions.md).",
            extra={"allowed": 'an address such as "http://192.168.1.20:11434/v1"'},
        ),
    ] = None
    model: Annotated[
        str, Meta(description="The model's name there.", min_length=1, max_length=256)
    ] = "default"
    ask: Annotated[
        Literal["addressed", "all"],
        Meta(
            description="What it is sent of what the rules do not understand. `addressed`: only "
            "what calls Mira by her name. `all`: everything, all day long.",
        ),
    ] = "addressed"
    api_key: Annotated[
        Secret | None, Meta(description="The API key. Better kept in a file of its own.")
    ] = None
    api_key_file: Annotated[
        Path | None,
        Meta(
            description="A file that holds the API key. It wins over `api_key`.",
            extra={"allowed": "a path"},
        ),
    ] = None
    timeout_s: Annotated[
        float,
        Meta(
            description="How long it may take; what was said is stored after that in any case.",
            ge=0.1,
            le=30,
            extra={"unit": "s"},
        ),
    ] = 3.0


class Election(Struct, frozen=True, kw_only=True):
    """How long devices are waited for, and how many are asked for what they recorded."""

    window_ms: Annotated[
        int,
        Meta(
            description="From the first device that hears speech to the provisional election; "
            "at once where only one device can hear.",
            ge=0,
            le=2_000,
            extra={"unit": "ms"},
        ),
    ] = 250
    settle_ms: Annotated[
        int,
        Meta(
            description="From the first device that heard the end to the final election, for "
            "the others to say theirs.",
            ge=0,
            le=2_000,
            extra={"unit": "ms"},
        ),
    ] = 60
    stall_ms: Annotated[
        int,
        Meta(
            description="An elected device that sends nothing for so long is replaced by the "
            "runner-up.",
            ge=100,
            le=30_000,
            extra={"unit": "ms"},
        ),
    ] = 1_000
    reoffer_window_ms: Annotated[
        int,
        Meta(
            description="How long the hub waits for other devices when one offers an utterance "
            "again after its connection was lost.",
            ge=0,
            le=60_000,
            extra={"unit": "ms"},
        ),
    ] = 2_000
    companions: Annotated[
        int,
        Meta(
            description="Recordings by other devices, at most, that are asked for when an "
            "utterance has ended, to take noise and reverberation out of the elected one. 0 asks "
            "for none: quicker, and worse understood.",
            ge=0,
            le=11,
        ),
    ] = 4
    company_ms: Annotated[
        int,
        Meta(
            description="How long the hub waits for these recordings.",
            ge=0,
            le=5_000,
            extra={"unit": "ms"},
        ),
    ] = 500


class Discovery(Struct, frozen=True, kw_only=True):
    """How hub and devices find each other on the local network."""

    mdns: Annotated[
        bool, Meta(description="Whether the hub shows itself and sees devices by mDNS.")
    ] = True
    interfaces: Annotated[
        list[Annotated[str, Meta(pattern=IPV4)]],
        Meta(
            description="IPv4 addresses of the network interfaces that mDNS uses. Empty: all.",
            extra={"allowed": 'a list of IPv4 addresses such as ["192.168.1.20"]'},
        ),
    ] = []


class Migration(Struct, frozen=True, kw_only=True):
    """The legacy application, as far as `mira-hub migrate` stops and starts it."""

    legacy_unit: Annotated[
        str,
        Meta(
            description="The legacy application's systemd unit.",
            pattern=r"^([\w.@:-]+\.service)?$",
            extra={"allowed": 'a unit such as "mira.service", or "" for none'},
        ),
    ] = ""
    legacy_command: Annotated[
        list[str],
        Meta(
            description="What starts the legacy application where systemd does not run.",
            extra={"allowed": 'a list such as ["/opt/mira/venv/bin/python", "main.py"]'},
        ),
    ] = []
    legacy_pid_file: Annotated[
        Path | None,
        Meta(
            description="Where the legacy application writes its process id, for stopping it "
            "where systemd does not run.",
            extra={"allowed": "a path"},
        ),
    ] = None
    legacy_folder: Annotated[
        Path | None,
        Meta(
            description="The folder of the legacy application's code, in which it runs.",
            extra={"allowed": "a path"},
        ),
    ] = None
    legacy_folder_aside: Annotated[
        Path | None,
        Meta(
            description="Where that folder was moved aside to; a rollback moves it back.",
            extra={"allowed": "a path"},
        ),
    ] = None
    hub_unit: Annotated[
        str,
        Meta(
            description="The hub's own systemd unit, which a rollback stops.",
            pattern=r"^([\w.@:-]+\.service)?$",
            extra={"allowed": 'a unit such as "mira-hub.service", or "" for none'},
        ),
    ] = "mira-hub.service"


class Legacy(Struct, frozen=True, kw_only=True):
    """The legacy system's API, for old clients of a household that moved here."""

    access: Annotated[
        Literal["off", "token", "lan"],
        Meta(
            description="Who may use it. `off`: nobody, it is not there. `token`: whoever shows a "
            "token of the network that the legacy data moved into, or of a client of it. `lan`: "
            "also everybody on the local network, without a token, until the legacy API ends "
            "(docs/legacy-api.md).",
        ),
    ] = "off"
    port: Annotated[
        Annotated[int, Meta(ge=0, le=65_535)] | None,
        Meta(
            description="A TCP port of its own (plain HTTP), where old clients find it at its old "
            "paths; they called port 8000. 0: any that is free. Left out: it is under `/legacy` on "
            "the hub's own port only.",
        ),
    ] = None
    host: Annotated[
        str,
        Meta(
            description="The address that this port listens on. 0.0.0.0: all of the machine's.",
            min_length=1,
        ),
    ] = "0.0.0.0"  # noqa: S104 - old clients are all over the home; `access` says who may come in
    network: Annotated[
        NetworkId | None,
        Meta(
            description="The network that it acts on, where legacy data moved into several. Left "
            "out: the only one.",
            extra={"allowed": "the id of a network that `mira-hub network list` shows"},
        ),
    ] = None
    guide_url: Annotated[
        GuideUrl | None,
        Meta(
            description="Where old clients are sent to read how to move. Left out: a page of the "
            "hub's own.",
            extra={"allowed": 'an address such as "https://home.example.org/moving"'},
        ),
    ] = None


class Paths(Struct, frozen=True, kw_only=True):
    """Where the daemon keeps its files."""

    state_dir: Annotated[
        Path,
        Meta(
            description="The folder of what the daemon remembers.",
            extra={"default": "$STATE_DIRECTORY (systemd), else ~/.local/state/mira-hub"},
        ),
    ]


class HubConfig(Struct, frozen=True, kw_only=True):
    """All of it; each field is a table of the file."""

    identity: Identity
    server: Server = Server()
    store: Store
    api: Api = Api()
    recognition: Recognition = Recognition()
    actions: Actions = Actions()
    election: Election = Election()
    discovery: Discovery = Discovery()
    migration: Migration = Migration()
    legacy: Legacy = Legacy()
    paths: Paths
    log: Log = Log()


def load_hub_config(path: Path | None, environ: Mapping[str, str] = os.environ) -> HubConfig:
    """The hub's configuration from a TOML file (or none) and the environment.

    Raises:
        ConfigError: the file, a key or a value is wrong; says where and what is allowed.
    """
    unset = Path()
    url = environ.get("DATABASE_URL", "")
    if url and not url.startswith(POSTGRES):
        raise ConfigError(
            "$DATABASE_URL is not the address of a PostgreSQL database.",
            "Write postgresql://ROLE:PASSWORD@HOST/DATABASE, or unset it.",
        )
    config = load(
        HubConfig,
        path,
        PREFIX,
        environ,
        {
            ("identity", "name"): os.uname().nodename[:64] or "hub",
            ("paths", "state_dir"): default_state_dir(environ, "mira-hub"),
            ("store", "path"): unset,
            ("store", "url"): DatabaseUrl(url) if url else None,
        },
    )
    if config.store.path == unset:
        store = msgspec.structs.replace(config.store, path=config.paths.state_dir / "hub.db")
        return msgspec.structs.replace(config, store=store)
    return config
