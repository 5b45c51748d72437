"""The history makes what the table models say, forwards and backwards."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from pytest_alembic.tests import (
    test_model_definitions_match_ddl,
    test_single_head_revision,
    test_up_down_consistency,
    test_upgrade,
)
from sqlalchemy import Engine, create_engine, text

from hub.store import postgres, schema, sqlite
from hub.store.tables import Row
from shared.ids import new_id
from tests.hub.store.server import Server

__all__ = (
    "test_model_definitions_match_ddl",
    "test_single_head_revision",
    "test_up_down_consistency",
    "test_upgrade",
)


@pytest.fixture
def alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    return config


@pytest.fixture(params=["sqlite", "postgres"])
def alembic_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "sqlite":
        engine = sqlite.migration_engine(tmp_path / "history.db")
        yield engine
        engine.dispose()
        return
    server: Server = request.getfixturevalue("server")
    with server.database("template1") as name:
        engine = create_engine(postgres.address(server.owner(name)))
        yield engine
        engine.dispose()


def test_the_models_are_what_the_history_makes(alembic_engine: Engine) -> None:
    with alembic_engine.begin() as connection:
        schema.run(connection, schema.HEAD)
    with alembic_engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, Row.metadata) == []


def test_the_program_knows_every_step_of_the_history(alembic_config: Config) -> None:
    script = ScriptDirectory.from_config(alembic_config)
    steps = [step.revision for step in script.walk_revisions()]
    assert tuple(reversed(steps)) == schema.REVISIONS


def test_devices_are_told_of_conversations_and_appointments_that_were_there_before(
    alembic_engine: Engine,
) -> None:
    network, talk, dentist = new_id(), new_id(), new_id()
    if alembic_engine.dialect.name == "sqlite":  # which keeps a UUID without dashes
        network, talk, dentist = (one.replace("-", "") for one in (network, talk, dentist))
    now = "2026-03-01 12:00:00+00:00"
    log = text("SELECT seq, kind, CAST(row_id AS text) FROM events ORDER BY seq")
    with alembic_engine.begin() as connection:
        schema.run(connection, "0011")
        these = {"network": network, "talk": talk, "dentist": dentist, "now": now}
        for statement in (
            "INSERT INTO networks (id, network_id, name, status, settings, metadata, event_seq,"
            " created_at, updated_at)"
            " VALUES (:network, 'net', 'Home', 'active', '{}', '{}', 7, :now, :now)",
            "INSERT INTO conversations (id, network_id) VALUES (:talk, :network)",
            "INSERT INTO calendar_events (id, network_id, title, start_time, created_at,"
            " updated_at) VALUES (:dentist, :network, 'x', :now, :now, :now)",
        ):
            named = {name: these[name] for name in these if f":{name}" in statement}
            connection.execute(text(statement), named)
        schema.run(connection, "0013")
        told = [tuple(line) for line in connection.execute(log)]
        assert told == [(8, "context_updated", talk), (9, "calendar_changed", dentist)]
        assert connection.scalar(text("SELECT event_seq FROM networks")) == 9
        schema.run(connection, "0011")
        assert connection.execute(log).all() == []


def test_reminders_that_were_asked_for_know_where_they_were(alembic_engine: Engine) -> None:
    plain = alembic_engine.dialect.name == "sqlite"  # which keeps a UUID without dashes

    def written(row_id: str) -> str:
        return row_id.replace("-", "") if plain else row_id

    asked, other, by_hand = new_id(), new_id(), new_id()
    these = {"network": written(new_id()), "said": written(new_id()), "ann": written(new_id())}
    these["now"] = "2026-03-01 12:00:00+00:00"
    with alembic_engine.begin() as connection:
        schema.run(connection, "0014")

        def put(table: str, **values: str) -> None:
            marks = ", ".join(f":{name}" for name in values)
            connection.execute(
                text(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})"),  # noqa: S608
                {name: these.get(value, value) for name, value in values.items()},
            )

        put(
            "networks",
            id="network",
            network_id="net",
            name="Home",
            status="active",
            settings="{}",
            metadata="{}",
            created_at="now",
            updated_at="now",
        )
        person = text('INSERT INTO persons (id, network_id, "index") VALUES (:ann, :network, 1)')
        connection.execute(person, {"ann": these["ann"], "network": these["network"]})
        put("interactions", id="said", network_id="network", text="x", speaker_id="ann")
        for row_id, more in (
            (asked, {"person_id": "ann"}),
            (other, {"person_id": "ann", "description": "For ben."}),
            (by_hand, {}),
        ):
            put(
                "reminders",
                id=written(row_id),
                network_id="network",
                title="x",
                due_time="now",
                priority="low",
                status="pending",
                created_at="now",
                **{"updated_at": "now"} | more,
            )
            put(
                "actions",
                id=written(new_id()),
                network_id="network",
                interaction_id="said",
                action_type="create_reminder",
                result=f'{{"reminder_id": "{row_id}"}}',
            )
        put("actions", id=written(new_id()), network_id="network", action_type="x", result="[4]")
    with alembic_engine.begin() as connection:
        schema.run(connection, "0015")
        found = connection.scalars(text("SELECT id FROM reminders WHERE said_in IS NOT NULL"))
        assert [str(row_id) for row_id in found] == [written(asked)]
    with alembic_engine.begin() as connection:
        schema.run(connection, "0014")


def test_on_postgresql_every_table_shows_rows_of_one_network_only(server: Server) -> None:
    with server.database("template1") as name:
        engine = create_engine(postgres.address(server.owner(name)))
        with engine.begin() as connection:
            schema.run(connection, schema.HEAD)
        with engine.connect() as connection:
            forced = connection.scalars(
                text("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")
            )
            assert set(forced) == {table.name for table in Row.metadata.sorted_tables}
            policies = connection.execute(
                text("SELECT tablename, qual, with_check FROM pg_policies WHERE cmd = 'ALL'")
            ).all()
        engine.dispose()
    assert {table for table, _, _ in policies} == {t.name for t in Row.metadata.sorted_tables}
    for table, seen, written in policies:
        assert "mira.network_id" in seen, table
        assert "mira.network_id" in written, table


def test_what_changes_the_schema_does_not_list_its_own_parts_in_the_log(tmp_path: Path) -> None:
    program = (
        "import logging, pathlib, sys; logging.basicConfig(level=logging.INFO);"
        "from hub.store.database_file import change_schema; from hub.store.schema import HEAD;"
        "change_schema(pathlib.Path(sys.argv[1]), HEAD)"
    )
    done = subprocess.run(  # noqa: S603 - our own program, in this interpreter
        [sys.executable, "-c", program, str(tmp_path / "mira.db")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "alembic" not in done.stderr
