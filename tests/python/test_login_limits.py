"""Login limits: failures count, successes do not, and a burst at once is no way around."""

import asyncio

import pytest

from jac_cloud.login_limits import WINDOW_SECONDS, FailureLimit, TooManyFailures, address_key


class Clock:
    """Time that passes when it is told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def attempt(limit: FailureLimit, key: str, failed: bool) -> None:
    async with limit.attempt(key) as attempt:
        attempt.failed = failed


async def test_after_so_many_failures_the_next_attempt_is_refused_until_the_oldest_is_a_minute_ago(
    clock: Clock,
) -> None:
    limit = FailureLimit(3, clock=clock)
    for _ in range(3):
        await attempt(limit, "ada", failed=True)
        clock.now += 10
    with pytest.raises(TooManyFailures) as caught:
        await attempt(limit, "ada", failed=False)
    assert caught.value.retry_after == WINDOW_SECONDS - 30
    clock.now += caught.value.retry_after
    await attempt(limit, "ada", failed=True)
    with pytest.raises(TooManyFailures):
        await attempt(limit, "ada", failed=False)


async def test_successes_do_not_count(clock: Clock) -> None:
    limit = FailureLimit(3, clock=clock)
    for _ in range(100):
        await attempt(limit, "ada", failed=False)
    await attempt(limit, "ada", failed=True)


async def test_keys_do_not_count_for_each_other(clock: Clock) -> None:
    limit = FailureLimit(1, clock=clock)
    await attempt(limit, "ada", failed=True)
    await attempt(limit, "bob", failed=True)
    with pytest.raises(TooManyFailures):
        await attempt(limit, "ada", failed=False)


async def test_an_attempt_that_raises_does_not_count(clock: Clock) -> None:
    limit = FailureLimit(1, clock=clock)
    with pytest.raises(OSError, match="database"):
        async with limit.attempt("ada"):
            raise OSError("database")
    await attempt(limit, "ada", failed=True)


@pytest.mark.parametrize("outcome", [True, False])
async def test_attempts_at_once_wait_for_each_other_beyond_the_limit(
    clock: Clock, outcome: bool
) -> None:
    limit = FailureLimit(3, clock=clock)
    go = asyncio.Event()
    running = most = 0

    async def run() -> None:
        nonlocal running, most
        async with limit.attempt("ada") as attempt:
            running += 1
            most = max(most, running)
            await go.wait()
            running -= 1
            attempt.failed = outcome

    tasks = [asyncio.create_task(run()) for _ in range(20)]
    asyncio.get_running_loop().call_soon(go.set)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert most == 3
    refused = sum(isinstance(result, TooManyFailures) for result in results)
    assert refused == (17 if outcome else 0)


async def test_zero_is_no_limit(clock: Clock) -> None:
    limit = FailureLimit(0, clock=clock)
    for _ in range(100):
        await attempt(limit, "ada", failed=True)
    assert len(limit) == 0


async def test_keys_are_forgotten_once_their_failures_are_old(clock: Clock) -> None:
    limit = FailureLimit(3, clock=clock)
    for number in range(10_000):
        await attempt(limit, str(number), failed=True)
        clock.now += 0.1
    assert len(limit) < 2_000


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("", ""),
    ],
)
def test_an_address_is_all_of_ipv4_and_the_customers_part_of_ipv6(host: str, key: str) -> None:
    assert address_key(host) == key
