"""`jac cloud`: an operator's way to the users of an app and to its data."""

# mypy: disable-error-code="import-not-found"
import inspect
import logging
import sys
from pathlib import Path

from jaclang.cli.command import Arg, ArgKind, CommandPriority
from jaclang.cli.registry import get_registry

SUBJECTS = ("user", "backup", "restore")
ACTIONS = ("add", "list", "disable", "enable", "passwd", "delete")


def register() -> None:
    """Adds `cloud` to the commands of `jac`. To be called while `jac` collects its commands."""
    cloud_command.__doc__ = inspect.cleandoc(cloud_command.__doc__ or "")
    get_registry().command(
        "cloud",
        help="See to the users and the data of an app",
        args=[
            Arg.create(
                "subject", kind=ArgKind.POSITIONAL, choices=[*SUBJECTS], help=", ".join(SUBJECTS)
            ),
            Arg.create(
                "action",
                kind=ArgKind.POSITIONAL,
                help=f"of user: {', '.join(ACTIONS)}; of backup and restore: the file",
            ),
            Arg.create(
                "email", kind=ArgKind.POSITIONAL, default="", help="whose; all but list want it"
            ),
            Arg.create(
                "overwrite", kind=ArgKind.FLAG, short="", help="Replace what is there already."
            ),
            Arg.create(
                "with-secret",
                kind=ArgKind.FLAG,
                short="",
                help="Back up the secret of `data_dir`, too: who has it can be anybody.",
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
            ("jac cloud backup /backups/chat.tar", "beside a server that runs"),
            ("jac cloud restore /backups/chat.tar --overwrite", "where none runs"),
        ],
        group="deployment",
        priority=CommandPriority.PLUGIN,
        source="jac-cloud-native",
    )(cloud_command)


def cloud_command(
    subject: str,
    action: str,
    email: str,
    app: str,
    data_dir: str | None = None,
    database_url: str | None = None,
    overwrite: bool = False,
    with_secret: bool = False,
    json: bool = False,
) -> int:
    """Add, list, disable, enable and delete the users of an app, set their passwords; back up its
    data, and restore them.

    A password is asked for at a terminal, without showing it; else it is the first line of the
    standard input. Disabling a user, deleting one and setting a password takes back the user's
    tokens. Deleting removes what the user has in the graph, too, for good.

    A backup is made while a server runs or not, and restored where none runs.
    """
    from jac_cloud.backup_commands import Backups
    from jac_cloud.errors import CloudError
    from jac_cloud.operator import Operator, OperatorError
    from jac_cloud.setting_texts import flag

    # Its result is what it prints; the log's place is the server.
    logging.getLogger("jac_cloud").setLevel(logging.WARNING)
    settings = {"data_dir": data_dir, "database_url": database_url}
    given = {name: value for name, value in settings.items() if value is not None}
    try:
        if subject == "backup":
            Backups(app, given, flag).make(
                Path(action), overwrite=overwrite, with_secret=with_secret
            )
        elif subject == "restore":
            Backups(app, given, flag).restore(Path(action), overwrite=overwrite)
        elif action not in ACTIONS:
            raise OperatorError(f"no such action; there are {', '.join(ACTIONS)}")
        else:
            with Operator(app, given, flag) as operator:
                operator.run(action, email, as_json=json)
    except CloudError as error:
        doing = f"{subject} {action}" if subject == "user" else subject
        sys.stderr.write(f"jac cloud {doing}: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _option(name: str, meaning: str, default: str | None = None) -> Arg:
    return Arg.create(name, short="", default=default, help=meaning, metavar="VALUE")
