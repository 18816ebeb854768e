"""Every path, command, port, stage and variable that the image and the compose file name is really there.

No container engine is needed: both files are read, and what they say is held against the project.
"""

from __future__ import annotations

import fnmatch
import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from gateway.app import routes
from gateway.cli import COMMANDS
from gateway.config import MIN_ADMIN_KEY_LENGTH, LaunchSettings
from gateway.config_file import LoadedConfig, load
from metering.ledger_url import is_postgresql
from tests.packaging.dockerfile import Instruction, Stage, lineage, parse

ROOT = Path(__file__).resolve().parents[2]
STAGES = parse((ROOT / "Dockerfile").read_text())
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = {
    name: service for name, service in COMPOSE["services"].items() if "build" in service
}
"""Those that are gateways."""
FINAL = [
    name for name in STAGES if name not in {stage.base for stage in STAGES.values()} and "builder" not in name
]
PORT = 8080
CONFIG_PATH = "/etc/weir/weir.yaml"
STATE_FOLDER = "/var/lib/weir"
LIVE = "/health/live"


def last(name: str, stage: str) -> Instruction:
    """The instruction in force."""
    for each in lineage(STAGES, stage):
        if found := each.all(name):
            return found[-1]
    raise AssertionError(f"stage {stage} has no {name}")


def sources_of(copy: Instruction) -> list[str]:
    return [] if copy.flag("from") else copy.words[:-1]


def kept_by_dockerignore(path: str) -> bool:
    """The last matching line decides, as the format has it."""
    kept = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip().removeprefix("!")
        if pattern and not line.startswith("#") and fnmatch.fnmatch(path, pattern):
            kept = line.startswith("!")
    return kept


def config_of(service: dict[str, Any]) -> Path:
    mounts = [volume.split(":") for volume in service["volumes"]]
    [source] = [mount[0] for mount in mounts if mount[1] == CONFIG_PATH]
    return (ROOT / "deploy" / source).resolve()


def loaded(service: dict[str, Any]) -> LoadedConfig:
    """With exactly the variables the service is given: one more in the file would fail to load."""
    given = dict.fromkeys(service["environment"], "0123456789abcdef" * (MIN_ADMIN_KEY_LENGTH // 16 + 1))
    return load(config_of(service), given)


def test_the_final_stages_are_those_that_are_meant() -> None:
    assert FINAL == ["local", "gateway"], "the last stage is what `docker build` makes without --target"


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_what_is_copied_exists_and_enters_the_context(stage: Stage) -> None:
    for copy in stage.all("COPY"):
        for source in sources_of(copy):
            assert (ROOT / source).exists(), f"COPY {source}: no such path"
            assert kept_by_dockerignore(source), f"COPY {source}: .dockerignore leaves it out"
        if origin := copy.flag("from"):
            assert origin in STAGES, f"COPY --from={origin}: no such stage"


def test_every_package_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {name.partition(".")[0] for name in project["tool"]["setuptools"]["packages"]}
    copied = {source for copy in STAGES["builder"].all("COPY") for source in sources_of(copy)}
    assert packages <= copied


def test_locks_are_installed_with_their_hashes_and_are_copied_first() -> None:
    for name in ("builder", "local-builder"):
        copied = {
            source
            for stage in lineage(STAGES, name)
            for copy in stage.all("COPY")
            for source in sources_of(copy)
        }
        for install in STAGES[name].all("RUN"):
            for command in install.text.split("&&"):
                for lock in re.findall(r"-r (\S+)", command):
                    assert lock in copied, f"{lock} is installed but not copied"
                    assert "--require-hashes" in command
                    assert "--no-deps" in command


def test_the_local_image_has_the_engine_and_the_other_has_not() -> None:
    def installs(stage: str) -> str:
        origin = next(flag for copy in STAGES[stage].all("COPY") if (flag := copy.flag("from")))
        return " ".join(run.text for each in lineage(STAGES, origin) for run in each.all("RUN"))

    assert "engine.lock" in installs("local")
    assert "engine.lock" not in installs("gateway")


@pytest.mark.parametrize("stage", FINAL)
def test_the_image_runs_the_gateway_as_nobody_special(stage: str) -> None:
    assert last("USER", stage).text.partition(":")[0] not in {"root", "0"}
    command, subcommand, path = last("ENTRYPOINT", stage).words
    assert (command, path) == ("weir", CONFIG_PATH)
    assert subcommand in COMMANDS
    assert last("EXPOSE", stage).text == str(PORT)
    assert last("VOLUME", stage).text == STATE_FOLDER


@pytest.mark.parametrize("stage", FINAL)
def test_the_image_checks_its_own_health(stage: str) -> None:
    words = last("HEALTHCHECK", stage).text.partition("CMD ")[2]
    assert f":{PORT}{LIVE}" in words
    assert LIVE in routes(), f"the gateway has no {LIVE}"


def test_no_secret_can_enter_a_layer() -> None:
    for stage in STAGES.values():
        assert not stage.all("ARG"), "a build argument stays in the image's history"
        for env in stage.all("ENV"):
            assert not re.search(r"(?i)key|secret|token|password", env.text)
        for copy in stage.all("COPY"):
            assert not {".", "./", "*"} & set(sources_of(copy)), "copy what is named, not whatever is there"
    assert not kept_by_dockerignore(".env")
    assert not kept_by_dockerignore(".weir")
    assert not kept_by_dockerignore(".git")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_builds_a_stage_that_exists(name: str) -> None:
    build = SERVICES[name]["build"]
    context = (ROOT / "deploy" / build["context"]).resolve()
    assert context == ROOT
    assert (context / build["dockerfile"]).is_file()
    assert build["target"] in FINAL


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_publishes_the_port_its_configuration_listens_on(name: str) -> None:
    settings = loaded(SERVICES[name]).settings
    [published] = SERVICES[name]["ports"]
    host, _, container = published.rsplit(":", 2)
    assert host == "127.0.0.1", "nothing is published beyond this host unasked"
    assert int(container) == settings.server.port == PORT
    assert settings.server.host == "0.0.0.0", "inside a container loopback cannot be reached"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_keeps_its_ledger_and_its_journal_on_volumes(name: str) -> None:
    settings = loaded(SERVICES[name]).settings
    assert str(settings.journal_folder).startswith(f"{STATE_FOLDER}/")
    assert mounts(SERVICES[name])[STATE_FOLDER] in COMPOSE["volumes"]
    if not is_postgresql(settings.ledger):
        assert settings.ledger.startswith(f"sqlite:///{STATE_FOLDER}/")
        return
    host = str(urlsplit(settings.ledger).hostname)
    assert host in SERVICES[name]["depends_on"]
    assert mounts(COMPOSE["services"][host])["/var/lib/postgresql/data"] in COMPOSE["volumes"]


def mounts(service: dict[str, Any]) -> dict[str, str]:
    """Path in the container -> volume."""
    return {volume.split(":")[1]: volume.split(":")[0] for volume in service["volumes"]}


def test_the_database_is_the_one_that_the_gateway_asks_for() -> None:
    database = COMPOSE["services"]["postgres"]
    assert "ports" not in database, "nobody but the gateway reaches it"
    address = urlsplit(loaded(SERVICES["weir"]).settings.ledger)
    made = database["environment"]
    assert (address.username, address.path) == (made["POSTGRES_USER"], f"/{made['POSTGRES_DB']}")
    assert made["POSTGRES_PASSWORD"] == SERVICES["weir"]["environment"]["WEIR_DB_PASSWORD"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_given_exactly_the_variables_its_configuration_reads(name: str) -> None:
    named = set(re.findall(r"\$\{(\w+)", config_of(SERVICES[name]).read_text()))
    assert named == set(SERVICES[name]["environment"])
    for variable, value in SERVICES[name]["environment"].items():
        assert value.startswith(f"${{{variable}:?"), "from the caller's environment, and required"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_checks_the_path_the_gateway_serves(name: str) -> None:
    assert f":{PORT}{LIVE}" in SERVICES[name]["healthcheck"]["test"][-1]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_not_killed_before_it_has_drained(name: str) -> None:
    server = loaded(SERVICES[name]).settings.server
    grace_s = float(SERVICES[name]["stop_grace_period"].removesuffix("s"))
    assert grace_s > server.drain_timeout + server.drain_delay


def test_only_the_image_with_the_engine_launches_one() -> None:
    for service in SERVICES.values():
        launches: list[LaunchSettings] = [
            backend.launch for backend in loaded(service).settings.backends.values() if backend.launch
        ]
        assert bool(launches) == (service["build"]["target"] == "local")
        for launch in launches:
            module = launch.weights.removeprefix("package:").partition("/")[0]
            lock = (ROOT / "requirements/engine.lock").read_text()
            assert f"\n{module.replace('_', '-')}==" in f"\n{lock}"


def test_commands_in_comments_name_what_exists() -> None:
    text = (ROOT / "Dockerfile").read_text() + (ROOT / "deploy/compose.yaml").read_text()
    for target in re.findall(r"--target (\S+)", text):
        assert target in FINAL
    for profile in re.findall(r"--profile (\S+)", text):
        assert any(profile in service.get("profiles", ()) for service in SERVICES.values())
    for path in re.findall(r"compose -f (\S+)", text):
        assert (ROOT / path).is_file()
    for group in re.findall(r"`weir ([a-z]+)", text):
        assert group in COMMANDS
