"""`jac serve`: the settings as flags."""

# mypy: disable-error-code="import-not-found"
import gc
import inspect
import sys
from pathlib import Path
from typing import Any

from jaclang.cli.command import Arg, ArgKind, CommandPriority
from jaclang.cli.registry import get_registry

COMMAND = "serve"

# Not None, which stands for False in a flag without a value; not "", a value that can be given.
_UNSET = "\0"


def register() -> None:
    """Adds `serve` to the commands of `jac`. To be called while `jac` collects its commands."""
    flags = []
    # The settings take a quarter of a second to import, which no other command is to pay for.
    if COMMAND in sys.argv[1:2]:
        # What is imported stays: to look for garbage in it again and again is a tenth of a start.
        gc.disable()
        flags = _flags()
    if flags and Path(sys.argv[0]).name == "jac":
        _refuse_unknown(sys.argv[2:], flags)
    # It is shown as it stands.
    serve_command.__doc__ = inspect.cleandoc(serve_command.__doc__ or "")
    get_registry().command(
        COMMAND,
        help="Serve an app over WebSocket and HTTP on one port",
        args=[
            Arg.create(
                "file",
                kind=ArgKind.POSITIONAL,
                default="main.jac",
                help="the app: a .jac or .py file",
            ),
            *flags,
        ],
        examples=[("jac serve app.jac", ""), ("jac serve app.jac -H 0.0.0.0 --port 80", "")],
        group="deployment",
        priority=CommandPriority.PLUGIN,
        source="jac-cloud-native",
    )(serve_command)


def serve_command(file: str, show_config: bool = False, **flags: Any) -> int:
    """Serve the walkers of an app over WebSocket and HTTP on one port, until SIGTERM or SIGINT.

    Each flag may also be set in the environment as JAC_CLOUD_NAME, or as name in jac.toml under
    [plugins.cloud].
    """
    from jac_cloud.errors import CloudError
    from jac_cloud.server import Server
    from jac_cloud.serving import run_until_signal
    from jac_cloud.setting_texts import flag
    from jac_cloud.settings import Settings
    from jac_cloud.settings_table import table

    # From here on the app allocates. No collection looks at what came before it.
    gc.freeze()
    gc.enable()
    given = {name: flags.get(name) for name in Settings.model_fields}
    # Both unset: a flag with a value, and one without.
    chosen = {name: value for name, value in given.items() if value not in (None, _UNSET)}
    try:
        server = Server(file, spelling=flag, **chosen)
        if show_config:
            sys.stdout.write(table(server.configuration))
        else:
            run_until_signal(server)
    except CloudError as error:
        sys.stderr.write(f"jac serve: {error}\n")
        return 1
    except KeyboardInterrupt:
        # While it was starting: from then on a signal stops it in good order.
        return 130
    return 0


def _flags() -> list[Arg]:
    from jac_cloud.settings import Settings

    show_config = Arg.create(
        "show-config",
        kind=ArgKind.FLAG,
        short="",
        help="Print each setting with its value and where that is from, and exit.",
    )
    return [show_config, *(_flag(name) for name in Settings.model_fields)]


def _refuse_unknown(arguments: list[str], flags: list[Arg]) -> None:
    """In one line that names the nearest: argparse would print all there are."""
    from jac_cloud.setting_sources import unknown
    from jac_cloud.setting_texts import flag

    known = ["--help", *(f"--{arg.name}" for arg in flags)]
    known += [f"--no-{arg.name}" for arg in flags if arg.kind == ArgKind.FLAG]
    for argument in arguments:
        given = argument.partition("=")[0]
        # argparse takes the beginning of a name, too.
        if given.startswith("--") and not any(name.startswith(given) for name in known):
            sentence = unknown(given.removeprefix("--").replace("-", "_"), flag)
            sys.stderr.write(f"jac serve: {sentence}\n")
            raise SystemExit(2)


def _flag(name: str) -> Arg:
    from jac_cloud.setting_texts import allowed, flag, shown_default
    from jac_cloud.settings import Settings

    field = Settings.model_fields[name]
    is_switch = field.annotation is bool
    meaning = f"{field.description} Allowed: {allowed(name)}. Default: {shown_default(name)}."
    return Arg.create(
        flag(name).removeprefix("--"),
        kind=ArgKind.FLAG if is_switch else ArgKind.OPTION,
        default=_UNSET if is_switch else None,
        # -h is help, and None would take the first letter of each.
        short="H" if name == "host" else "",
        # argparse formats its help with %.
        help=meaning.replace("%", "%%"),
        metavar=None if is_switch else "VALUE",
    )
