#!/usr/bin/env bash
# Formats the C++ and Python sources, and mends what ruff can mend by itself.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
git ls-files --cached --others --exclude-standard -- '*.cpp' '*.hpp' | xargs -r clang-format -i
ruff check --quiet --fix-only
ruff format --quiet
