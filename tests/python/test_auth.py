"""Tokens: only what we issued, unchanged and in time, is taken."""

from typing import Any

import pytest

import forged_tokens
from forged_tokens import HEADER, SECRET, base64url
from jac_cloud.auth import Claims, InvalidToken, PreviousSecret, Tokens, read_bearer

NOW = 1_800_000_000
USER = "672b35cec309e5ef8469c372"
CLAIMS = {"sub": USER, "iat": NOW, "exp": NOW + 60, "jti": "1"}


def sign(header: Any = HEADER, claims: Any = CLAIMS, digest: str = "sha256") -> str:
    """A token with a right signature, a good one where nothing else is said."""
    return forged_tokens.sign(header, claims, digest)


@pytest.fixture
def tokens() -> Tokens:
    return Tokens(SECRET, 60, lambda: NOW)


def refuses(tokens: Tokens, token: str) -> None:
    with pytest.raises(InvalidToken) as caught:
        tokens.read(token)
    assert str(caught.value) == "The token is not valid."


def test_an_issued_token_names_its_user(tokens: Tokens) -> None:
    assert tokens.read(tokens.issue(USER)).user_id == USER
    assert tokens.read(sign()).user_id == USER


def test_a_token_says_whose_it_is_since_when_and_until_when(tokens: Tokens) -> None:
    claims = tokens.read(tokens.issue(USER, 17))
    token_id = claims.token_id
    assert claims == Claims(USER, token_id, NOW, NOW + 60)
    assert (claims.epoch, len(token_id)) == (17, len("17.") + 32)


@pytest.mark.parametrize("token_id", ["1" * 32, "e" * 32, "x.1", ".1", "-1.2", "٣.1"])
def test_a_token_that_names_no_revocation_is_older_than_all(token_id: str) -> None:
    assert Claims(USER, token_id, NOW, NOW + 60).epoch == 0


def test_the_former_secret_is_read_until_its_time_is_up_and_never_written() -> None:
    now = float(NOW)
    former, present = SECRET, SECRET[::-1]
    tokens = Tokens(present, 60, lambda: now, PreviousSecret(former, NOW + 30))
    of_before = Tokens(former, 60, lambda: now).issue(USER)
    issued = tokens.issue(USER)
    assert tokens.read(of_before).user_id == tokens.read(issued).user_id == USER
    refuses(Tokens(former, 60, lambda: now), issued)
    refuses(tokens, Tokens(former[1:] + former[:1], 60, lambda: now).issue(USER))
    now = NOW + 30
    refuses(tokens, of_before)
    assert tokens.read(issued).user_id == USER


def test_two_tokens_of_one_second_differ(tokens: Tokens) -> None:
    assert tokens.issue(USER) != tokens.issue(USER)


def test_a_token_is_valid_until_it_expires_and_not_a_moment_longer() -> None:
    now = float(NOW)
    tokens = Tokens(SECRET, 60, lambda: now)
    token = tokens.issue(USER)
    now = NOW + 59.9
    assert tokens.read(token).user_id == USER
    now = NOW + 60
    refuses(tokens, token)


def test_a_token_of_another_secret_is_refused(tokens: Tokens) -> None:
    refuses(tokens, Tokens(SECRET[::-1], 60, lambda: NOW).issue(USER))


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", "NONE", ""])
def test_an_unsigned_token_is_refused(tokens: Tokens, algorithm: str) -> None:
    token = sign({"alg": algorithm, "typ": "JWT"})
    refuses(tokens, token)
    refuses(tokens, token[: token.rindex(".") + 1])


@pytest.mark.parametrize("size", [384, 512])
def test_another_hash_is_refused_even_with_the_right_secret(tokens: Tokens, size: int) -> None:
    refuses(tokens, sign({"alg": f"HS{size}", "typ": "JWT"}, digest=f"sha{size}"))


@pytest.mark.parametrize(
    "extra",
    [
        {"kid": "../../../dev/null"},
        {"kid": 1},
        {"jku": "https://evil.example/keys"},
        {"jwk": {"kty": "oct", "k": base64url(SECRET)}},
        {"x5u": "https://evil.example/chain"},
        {"crit": ["exp"]},
        {"b64": False},
        {"typ": "verify"},
        {"alg": "RS256"},
        {"alg": ["HS256"]},
        {"alg": None},
    ],
)
def test_a_header_that_is_not_ours_is_refused_even_when_signed(
    tokens: Tokens, extra: dict[str, Any]
) -> None:
    refuses(tokens, sign(HEADER | extra))


@pytest.mark.parametrize("name", [*CLAIMS])
@pytest.mark.parametrize("value", [None, True, 1.5, -1, 1 << 64, [], {}, "", "1" * 129])
def test_a_claim_of_another_type_or_size_is_refused(
    tokens: Tokens, name: str, value: object
) -> None:
    refuses(tokens, sign(claims=CLAIMS | {name: value}))


@pytest.mark.parametrize("name", [*CLAIMS])
def test_a_missing_claim_is_refused(tokens: Tokens, name: str) -> None:
    refuses(tokens, sign(claims={key: CLAIMS[key] for key in CLAIMS if key != name}))


@pytest.mark.parametrize(
    "claims",
    [
        CLAIMS | {"nbf": NOW + 30},
        CLAIMS | {"type": "verify"},
        CLAIMS | {"iat": NOW + 3600, "exp": NOW + 3660},
        CLAIMS | {"exp": NOW - 1},
        CLAIMS | {"exp": NOW + 400 * 86_400},
        [],
        "text",
        None,
        b"{",
        b"\xff",
        b"[" * 3000,
    ],
)
def test_other_claims_than_ours_are_refused(tokens: Tokens, claims: object) -> None:
    refuses(tokens, sign(claims=claims))


def test_a_damaged_token_is_refused_wherever_the_damage_is(tokens: Tokens) -> None:
    token = sign()
    for at in range(len(token)):
        refuses(tokens, token[:at])
    # The last character of a part holds bits that base64 throws away.
    ends = {i - 1 for i, character in enumerate(token + ".") if character == "."}
    for at in {*range(len(token))} - ends:
        refuses(tokens, token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :])


@pytest.mark.parametrize(
    "token", ["", ".", "..", "...", "a.b.c", "\u00e9.\u00e9.\u00e9", "\ud800", "\x00", "x" * 65536]
)
def test_what_is_no_token_at_all_is_refused(tokens: Tokens, token: str) -> None:
    refuses(tokens, token)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_read_in_any_case(scheme: str) -> None:
    assert read_bearer(f"{scheme} a.b.c") == "a.b.c"


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "bearerX a", "Bearer  a", "Bearer a b", "Bearer\ta", "Basic a", "a"],
)
def test_any_other_authorization_is_refused(header: str) -> None:
    with pytest.raises(InvalidToken):
        read_bearer(header)
