"""A server that is killed in the middle of its work: what it acknowledged is there, whole."""

from pathlib import Path

import pytest

from crash_rounds import CrashRounds


@pytest.mark.timeout(180)
def test_what_was_acknowledged_survives_being_killed_again_and_again(tmp_path: Path) -> None:
    crash = CrashRounds(tmp_path, seed=7)
    crash.run(rounds=4)
    assert len(crash.acknowledged) >= 4 * 3


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("defect", "found"),
    [
        ("acknowledge_before_commit", "are lost|without a root|were refused"),
        ("commit_by_halves", "by half|leads nowhere"),
    ],
)
def test_storage_that_does_not_keep_its_word_is_found_out(
    tmp_path: Path, defect: str, found: str
) -> None:
    here = Path(__file__).parent
    preamble = (
        f'import sys;\nglob added: None = sys.path.append("{here}");\n'
        f"import from faulty_storage {{ {defect} }}\nglob faulty: None = {defect}();\n"
    )
    with pytest.raises(AssertionError, match=found):
        CrashRounds(tmp_path, seed=7, preamble=preamble).run(rounds=5)
