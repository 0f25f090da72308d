"""Settings: which source wins, what a wrong value says, and that their page is up to date."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from jac_cloud._native import Server as NativeServer
from jac_cloud.errors import ConfigError
from jac_cloud.settings import ENV_PREFIX, Settings, about, allowed, flag, load, variable
from jac_cloud.settings_page import page

DOCS = Path(__file__).parents[2] / "docs"
STRONG = "correct horse battery staple 0123456789"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.startswith(ENV_PREFIX) or name == "TOKEN_SECRET":
            monkeypatch.delenv(name)


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
        NativeServer(load(tmp_path, {name: value}).native())


def test_origins_are_a_list_or_one_text_with_commas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = ("https://a.example", "null")
    given = {"allowed_origins": "https://a.example, null"}
    assert load(tmp_path, given).allowed_origins == expected
    monkeypatch.setenv("JAC_CLOUD_ALLOWED_ORIGINS", "https://a.example,null")
    assert load(tmp_path).allowed_origins == expected
    assert load(tmp_path).native()["allowed_origins"] == [*expected]


def test_token_secret_is_read_without_the_prefix_too_and_the_prefixed_one_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN_SECRET", STRONG)
    assert load(tmp_path).token_secret == SecretStr(STRONG)
    monkeypatch.setenv("JAC_CLOUD_TOKEN_SECRET", STRONG + "!")
    assert load(tmp_path).token_secret == SecretStr(STRONG + "!")


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
