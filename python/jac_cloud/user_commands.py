"""`jac cloud user`: an operator's way to the users of an app, whether it is being served or not."""

# mypy: disable-error-code="import-not-found"
import inspect
import logging
import sys

from jaclang.cli.command import Arg, ArgKind, CommandPriority
from jaclang.cli.registry import get_registry

ACTIONS = ("add", "list", "disable", "enable", "passwd", "delete")


def register() -> None:
    """Adds `cloud` to the commands of `jac`. To be called while `jac` collects its commands."""
    cloud_command.__doc__ = inspect.cleandoc(cloud_command.__doc__ or "")
    get_registry().command(
        "cloud",
        help="See to the users of an app",
        args=[
            Arg.create("subject", kind=ArgKind.POSITIONAL, choices=["user"], help="user"),
            Arg.create(
                "action", kind=ArgKind.POSITIONAL, choices=[*ACTIONS], help=", ".join(ACTIONS)
            ),
            Arg.create(
                "email", kind=ArgKind.POSITIONAL, default="", help="whose; all but list want it"
            ),
            Arg.create("json", kind=ArgKind.FLAG, short="", help="Print JSON, for programs."),
            _option("app", "The app or its folder. Default: the present folder.", "."),
            _option("data-dir", "As for `jac serve`."),
            _option("database-url", "As for `jac serve`; better set in the environment."),
        ],
        examples=[
            ("jac cloud user add ada@example.com", "asks for the password"),
            ("jac cloud user passwd ada@example.com < file", "takes its first line"),
            ("jac cloud user list --json", ""),
        ],
        group="deployment",
        priority=CommandPriority.PLUGIN,
        source="jac-cloud-native",
    )(cloud_command)


def cloud_command(
    subject: str,  # noqa: ARG001 - there is one, so far
    action: str,
    email: str,
    app: str,
    data_dir: str | None = None,
    database_url: str | None = None,
    json: bool = False,
) -> int:
    """Add, list, disable, enable and delete the users of an app, and set their passwords.

    A password is asked for at a terminal, without showing it; else it is the first line of the
    standard input. Disabling a user, deleting one and setting a password takes back the user's
    tokens. Deleting removes what the user has in the graph, too, for good.
    """
    from jac_cloud.errors import CloudError
    from jac_cloud.operator import Operator
    from jac_cloud.setting_texts import flag

    # Its result is what it prints; the log's place is the server.
    logging.getLogger("jac_cloud").setLevel(logging.WARNING)
    settings = {"data_dir": data_dir, "database_url": database_url}
    given = {name: value for name, value in settings.items() if value is not None}
    try:
        with Operator(app, given, flag) as operator:
            operator.run(action, email, as_json=json)
    except CloudError as error:
        sys.stderr.write(f"jac cloud user {action}: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _option(name: str, meaning: str, default: str | None = None) -> Arg:
    return Arg.create(name, short="", default=default, help=meaning, metavar="VALUE")
