"""What the interpreter loads in every `jac` command, so it does no more than name `jac serve` and
`jac cloud`.

It must not import `jac_cloud.plugin`: code that does not import that is to run as if this package
were not installed.
"""

from jaclang.jac0core.runtime import hookimpl  # type: ignore[import-not-found]


class JacCloudPlugin:
    """The entry point of group `jac`."""

    @staticmethod
    @hookimpl  # type: ignore[untyped-decorator]
    def create_cmd() -> None:
        """Registers `jac serve` and `jac cloud`."""
        from jac_cloud import cli, user_commands

        cli.register()
        user_commands.register()
