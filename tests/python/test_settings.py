"""Settings: which source wins, what a wrong value says, and that their page is up to date."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from pydantic import SecretStr

from jac_cloud._native import Server as NativeServer
from jac_cloud.errors import ConfigError
from jac_cloud.older_settings import OLDER_NAMES, WITHOUT_EFFECT
from jac_cloud.setting_sources import load as load_with_sources
from jac_cloud.setting_texts import about, allowed, flag, variable
from jac_cloud.settings import ENV_PREFIX, Settings
from jac_cloud.settings_page import page
from jac_cloud.settings_table import table

DOCS = Path(__file__).parents[2] / "docs"
OLDER = {*WITHOUT_EFFECT, *(older.variable for older in OLDER_NAMES)}
STRONG = "correct horse battery staple 0123456789"
OLDER_CASES = [
    ("TOKEN_SECRET", "token_secret", STRONG, SecretStr(STRONG)),
    ("TOKEN_SECRET_PREVIOUS", "token_secret_previous", STRONG, SecretStr(STRONG)),
    ("TOKEN_TIMEOUT", "token_timeout", "4", 4 * 3600),
    ("UV_HOST", "host", "0.0.0.0", "0.0.0.0"),
    ("HOST", "host", "::1", "::1"),
    ("UV_PORT", "port", "81", 81),
    ("PORT", "port", "82", 82),
    ("UV_BACKLOG", "backlog", "7", 7),
    ("UV_LIMIT_CONCURRENCY", "max_connections", "8", 8),
    ("UV_TIMEOUT_KEEP_ALIVE", "idle_timeout", "9", 9.0),
    ("UV_TIMEOUT_GRACEFUL_SHUTDOWN", "drain_timeout", "0", 0.0),
    ("UV_H11_MAX_INCOMPLETE_EVENT_SIZE", "max_header_bytes", "4096", 4096),
    ("UV_ROOT_PATH", "root_path", "/chat", "/chat"),
    ("UV_FORWARDED_ALLOW_IPS", "trusted_proxies", "*", ("*",)),
    ("FORWARDED_ALLOW_IPS", "trusted_proxies", "::1,10.0.0.0/8", ("::1", "10.0.0.0/8")),
    ("UV_WS_MAX_SIZE", "max_message_bytes", "16777216", 16_777_216),
    ("UV_WS_MAX_QUEUE", "held_events", "32", 32),
    ("UV_WS_PING_INTERVAL", "ping_interval", "20.0", 20.0),
    ("UV_WS_PING_TIMEOUT", "pong_timeout", "5", 5.0),
]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.startswith(ENV_PREFIX) or name in OLDER:
            monkeypatch.delenv(name)


def load(
    folder: Path,
    given: Mapping[str, object] | None = None,
    spell: Callable[[str], str] = str,
) -> Settings:
    return load_with_sources(folder, given, spell).settings


def write_toml(folder: Path, text: str) -> Path:
    path = folder / "jac.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(folder: Path, given: dict[str, object] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, given, flag)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_previous_secret_is_another_than_the_present_one(tmp_path: Path) -> None:
    for given in ({"token_secret": STRONG}, {}):
        previous = given.get("token_secret", "short")
        with pytest.raises(ConfigError) as caught:
            load(tmp_path, {**given, "token_secret_previous": previous})
        assert caught.value.field == "token_secret_previous"
        assert previous not in str(caught.value)
    given = {"token_secret": STRONG, "token_secret_previous": STRONG[::-1]}
    assert load(tmp_path, given).token_secret_previous == SecretStr(STRONG[::-1])


def test_a_flag_wins_over_the_environment_which_wins_over_jac_toml_which_wins_over_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load(tmp_path).port == 8000
    write_toml(tmp_path, "[plugins.cloud]\nport = 1111\n")
    assert load(tmp_path).port == 1111
    monkeypatch.setenv("JAC_CLOUD_PORT", "2222")
    assert load(tmp_path).port == 2222
    assert load(tmp_path, {"port": "3333"}).port == 3333


def test_the_nearest_jac_toml_above_the_app_is_read(tmp_path: Path) -> None:
    write_toml(tmp_path, "[plugins.cloud]\nworkers = 3\n")
    app_dir = tmp_path / "src" / "app"
    app_dir.mkdir(parents=True)
    assert load(app_dir).workers == 3


def test_a_jac_toml_without_our_table_changes_nothing(tmp_path: Path) -> None:
    write_toml(tmp_path, '[project]\nname = "x"\n[plugins.other]\nport = 1\n')
    assert load(tmp_path) == load(tmp_path / "absent")


def test_an_empty_variable_counts_as_not_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAC_CLOUD_PORT", "")
    assert load(tmp_path).port == 8000


def test_a_wrong_value_says_where_it_came_from_and_what_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refusal(tmp_path, {"port": "x"}) == (
        "--port: 'x' is not allowed (allowed: a whole number from 1 to 65,535, "
        "or 0 (a free one is picked))"
    )
    toml = write_toml(tmp_path, "[plugins.cloud]\nlog_format = 'xml'\n")
    assert refusal(tmp_path) == (
        f"{toml} [plugins.cloud] log_format: 'xml' is not allowed "
        "(allowed: one of auto, text, json)"
    )
    monkeypatch.setenv("JAC_CLOUD_PONG_TIMEOUT", "0")
    toml.unlink()
    assert refusal(tmp_path).startswith("JAC_CLOUD_PONG_TIMEOUT: '0' is not allowed (allowed: ")


def test_an_unknown_name_is_refused_in_every_source_and_the_nearest_one_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refusal(tmp_path, {"prot": 1}) == "--prot is not a setting; did you mean --port?"
    toml = write_toml(tmp_path, "[plugins.cloud]\nping_intervall = 3\n")
    assert f"{toml} [plugins.cloud] ping_intervall is not a setting" in refusal(tmp_path)
    toml.unlink()
    monkeypatch.setenv("JAC_CLOUD_WORKER", "3")
    assert refusal(tmp_path) == (
        "JAC_CLOUD_WORKER is not a setting; did you mean JAC_CLOUD_WORKERS?"
    )


@pytest.mark.parametrize("text", ["[plugins.cloud", "plugins = 3", "[plugins]\ncloud = 3"])
def test_a_broken_jac_toml_is_refused_by_name(tmp_path: Path, text: str) -> None:
    toml = write_toml(tmp_path, text)
    assert refusal(tmp_path).startswith(str(toml))


@pytest.mark.parametrize("value", [True, None, "1.5", "nan", float("inf"), [], {}, -1, 1 << 70])
def test_what_is_not_a_number_in_range_is_not_taken_for_one(tmp_path: Path, value: object) -> None:
    refusal(tmp_path, {"max_connections": value})


@pytest.mark.parametrize("name", [n for n in Settings.model_fields if about(n).range])
def test_both_ends_of_each_range_are_allowed_and_what_lies_beyond_is_not(
    tmp_path: Path, name: str
) -> None:
    numbers = about(name).range
    assert numbers is not None
    low, high = numbers.low, numbers.high
    for inside in (low, high):
        assert getattr(load(tmp_path, {name: inside}), name) == inside
    for outside in (low / 2 if low < 1 else low - 2, high + 1):
        refusal(tmp_path, {name: outside})
    if numbers.zero:
        assert getattr(load(tmp_path, {name: 0}), name) == 0
    else:
        refusal(tmp_path, {name: 0})


@pytest.mark.parametrize("name", [n for n in Settings.model_fields if about(n).native])
def test_the_native_server_takes_whatever_the_model_allows(tmp_path: Path, name: str) -> None:
    numbers = about(name).range
    values: list[object] = [Settings.model_fields[name].default]
    if numbers is not None:
        values += [numbers.low, numbers.high, *([0] if numbers.zero else [])]
    elif name == "client_events":
        values += ["authenticated", "members", "nobody"]
    for value in values:
        NativeServer(load(tmp_path, {name: value}).native(tmp_path))


def test_origins_are_a_list_or_one_text_with_commas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = ("https://a.example", "null")
    given = {"allowed_origins": "https://a.example, null"}
    assert load(tmp_path, given).allowed_origins == expected
    monkeypatch.setenv("JAC_CLOUD_ALLOWED_ORIGINS", "https://a.example,null")
    assert load(tmp_path).allowed_origins == expected
    assert load(tmp_path).native(tmp_path)["allowed_origins"] == [*expected]


@pytest.mark.parametrize(("older", "name", "value", "meant"), OLDER_CASES)
def test_an_older_name_is_read_with_a_note_unless_the_name_of_now_or_a_flag_is_there(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    older: str,
    name: str,
    value: str,
    meant: object,
) -> None:
    write_toml(tmp_path, f"[plugins.cloud]\n{name} = 'not even read'\n")
    monkeypatch.setenv(older, value)
    loaded = load_with_sources(tmp_path)
    assert getattr(loaded.settings, name) == meant
    assert loaded.sources[name].startswith(older)
    assert len(loaded.notes) == 1
    assert older in loaded.notes[0]
    assert variable(name) in loaded.notes[0]
    assert value not in loaded.notes[0]
    now = getattr(loaded.settings, name)
    given = now.get_secret_value() if isinstance(now, SecretStr) else now
    assert load_with_sources(tmp_path, {name: given}).notes == ()
    monkeypatch.setenv(older, "not a value")
    monkeypatch.setenv(variable(name), ",".join(given) if isinstance(given, tuple) else str(given))
    assert load_with_sources(tmp_path).notes == ()
    assert getattr(load(tmp_path), name) == meant


def test_every_older_name_is_tried_and_of_a_setting_that_there_is() -> None:
    assert {case[0]: case[1] for case in OLDER_CASES} == {
        older.variable: older.setting for older in OLDER_NAMES
    }
    assert {older.setting for older in OLDER_NAMES} <= {*Settings.model_fields}


def test_a_wrong_value_of_an_older_name_is_refused_by_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "tcp://10.0.0.1:80")
    assert refusal(tmp_path).startswith("PORT: 'tcp://10.0.0.1:80' is not allowed (allowed: ")
    monkeypatch.delenv("PORT")
    monkeypatch.setenv("TOKEN_TIMEOUT", "soon")
    assert refusal(tmp_path).startswith("TOKEN_TIMEOUT (in hours): 'soon' is not allowed")


def test_an_older_name_that_has_no_effect_any_more_is_said_to_have_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_SSL_KEYFILE", "/etc/ssl/private/key.pem")
    (note,) = load_with_sources(tmp_path).notes
    assert note == "UV_SSL_KEYFILE of the older jac-cloud has no effect here"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("allowed_origins", "chat.example.com"),
        ("allowed_origins", "https://chat.example.com/page"),
        ("cors_origins", "https://user@chat.example.com"),
        ("cors_origins", ["https://a.example", 3]),
        ("trusted_proxies", "proxy.example.com"),
        ("trusted_proxies", "10.0.0.1/8"),
        ("root_path", "chat"),
        ("root_path", "/chat/"),
        ("root_path", "/../x y"),
        ("cors_credentials", "maybe"),
        ("metrics", "token"),
        ("metrics_token", "short"),
    ],
)
def test_texts_and_lists_of_another_form_are_refused_with_what_is_allowed(
    tmp_path: Path, name: str, value: object
) -> None:
    message = refusal(tmp_path, {name: value})
    assert message.startswith(f"{flag(name)}: ")
    assert f"(allowed: {allowed(name)})" in message


def test_credentials_are_never_allowed_to_every_origin(tmp_path: Path) -> None:
    both = {"cors_origins": "*", "cors_credentials": True}
    assert refusal(tmp_path, both).startswith("--cors-credentials: True is not allowed")
    some = {"cors_origins": "https://a.example", "cors_credentials": True}
    assert load(tmp_path, some).cors_credentials


def test_the_table_has_each_setting_with_its_value_and_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml = write_toml(tmp_path, "[plugins.cloud]\nworkers = 3\n")
    monkeypatch.setenv("JAC_CLOUD_DEBUG", "true")
    monkeypatch.setenv("UV_WS_PING_INTERVAL", "7")
    given = {"cors_origins": "https://a.example,null"}
    lines = table(load_with_sources(tmp_path, given, flag)).splitlines()
    rows = {row[0]: row[1:] for row in (re.split(r"  +", line) for line in lines)}
    assert [*rows][1 : 1 + len(Settings.model_fields)] == [*Settings.model_fields]
    assert rows["port"] == ["8000", "default"]
    assert rows["workers"] == ["3", f"{toml} [plugins.cloud] workers"]
    assert rows["debug"] == ["true", "JAC_CLOUD_DEBUG"]
    assert rows["ping_interval"] == ["7", "UV_WS_PING_INTERVAL"]
    assert rows["cors_origins"] == ["https://a.example, null", "--cors-origins"]
    assert "UV_WS_PING_INTERVAL is read as JAC_CLOUD_PING_INTERVAL" in lines[-1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("token_secret", STRONG),
        ("metrics_token", STRONG),
        ("database_url", f"postgresql://chat:{STRONG}@db.example/chat"),
        ("database_url", f"postgresql://chat:{STRONG.replace(' ', '/@')}@db.example/chat"),
        ("database_url", f"postgresql://db.example/chat?user=chat&password={STRONG}"),
    ],
)
def test_the_table_masks_secrets(tmp_path: Path, name: str, value: str) -> None:
    shown = table(load_with_sources(tmp_path, {name: value}))
    assert "********" in shown
    assert "horse" not in shown
    assert "battery" not in shown


@pytest.mark.parametrize("weak", ["secret", "12345678", "a" * 64, "abcabcabc" * 8, "x" * 31])
def test_a_weak_secret_is_refused_and_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weak: str
) -> None:
    monkeypatch.setenv("TOKEN_SECRET", weak)
    message = refusal(tmp_path)
    assert message.startswith("TOKEN_SECRET: ")
    assert "32 bytes or more" in message
    assert weak not in message


def test_a_secret_is_not_shown_by_the_settings_themselves(tmp_path: Path) -> None:
    settings = load(tmp_path, {"token_secret": STRONG})
    assert STRONG not in repr(settings) + str(settings) + settings.model_dump_json()


def test_each_setting_says_what_it_means_and_what_it_takes() -> None:
    for name, field in Settings.model_fields.items():
        assert str(field.description).endswith("."), name
        assert allowed(name), name
        assert flag(name) in page(), name
        assert variable(name) in page(), name


def test_the_configuration_page_is_up_to_date() -> None:
    written = (DOCS / "configuration.md").read_text(encoding="utf-8")
    assert written == page(), "run: python -m jac_cloud.settings_page > docs/configuration.md"
