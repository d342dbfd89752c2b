import httpx
import pytest

from threads.sandbox import API_KEY, EMPLOYMENT_LAW, Sandbox
from threads.sandbox.limits import SlidingWindows


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def client_of(app: Sandbox, key: str = API_KEY) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="http://sandbox", headers={"api-key": key})


async def ask(client: httpx.AsyncClient) -> httpx.Response:
    messages = [{"role": "user", "content": "Hallo"}]
    body = {"assistant_id": str(EMPLOYMENT_LAW), "messages": messages}
    return await client.post("/v1/chat/completions", json=body)


def test_a_window_lets_exactly_its_number_through(clock: Clock) -> None:
    windows = SlidingWindows([(3, 1.0)], clock)
    assert [windows.seconds_to_wait() for _ in range(4)] == [0.0, 0.0, 0.0, 1.0]


def test_a_window_slides_with_each_call(clock: Clock) -> None:
    windows = SlidingWindows([(2, 1.0)], clock)
    outcomes = []
    for clock.now in (0.0, 0.75, 0.875, 1.0, 1.5, 1.75, 2.0):
        outcomes.append(windows.seconds_to_wait())
    assert outcomes == [0.0, 0.0, 0.125, 0.0, 0.25, 0.0, 0.0]


def test_the_longer_window_holds_too(clock: Clock) -> None:
    windows = SlidingWindows([(2, 1.0), (3, 60.0)], clock)
    outcomes = []
    for clock.now in (0.0, 1.0, 2.0, 3.0, 59.5, 60.0, 60.5):
        outcomes.append(windows.seconds_to_wait())
    assert outcomes == [0.0, 0.0, 0.0, 57.0, 0.5, 0.0, 0.5]


async def test_the_sixteenth_call_in_a_second_gets_the_gateways_429(clock: Clock) -> None:
    client = client_of(Sandbox(delay=(0, 0), clock=clock))
    statuses = [(await ask(client)).status_code for _ in range(15)]
    refused = await ask(client)
    assert statuses == [200] * 15
    assert refused.status_code == 429
    assert refused.json() == {"message": "Rate limit exceeded!"}
    assert refused.headers["retry-after"] == "1"


async def test_the_sixty_first_call_in_a_minute_waits_for_the_first_to_leave(clock: Clock) -> None:
    client = client_of(Sandbox(delay=(0, 0), clock=clock))
    for n in range(60):
        clock.now = 1000.0 + n / 2
        assert (await ask(client)).status_code == 200
    clock.now = 1059.25
    assert (await ask(client)).headers["retry-after"] == "1"
    clock.now = 1060.0
    assert [(await ask(client)).status_code for _ in range(2)] == [200, 429]


async def test_a_minute_can_be_shortened(clock: Clock) -> None:
    client = client_of(Sandbox(delay=(0, 0), requests_per_minute=2, second=0.01, minute=1.0, clock=clock))
    assert [(await ask(client)).status_code for _ in range(3)] == [200, 200, 429]
    clock.now += 1.0
    assert (await ask(client)).status_code == 200


async def test_each_key_has_its_own_budget(clock: Clock) -> None:
    app = Sandbox(api_keys=("one", "two"), delay=(0, 0), requests_per_second=1, clock=clock)
    assert (await ask(client_of(app, "one"))).status_code == 200
    assert (await ask(client_of(app, "one"))).status_code == 429
    assert (await ask(client_of(app, "two"))).status_code == 200


async def test_calls_with_a_wrong_key_cost_nothing(clock: Clock) -> None:
    app = Sandbox(delay=(0, 0), requests_per_second=1, clock=clock)
    assert (await ask(client_of(app, "wrong"))).status_code == 401
    assert (await ask(client_of(app))).status_code == 200


async def test_malformed_calls_count(clock: Clock) -> None:
    client = client_of(Sandbox(delay=(0, 0), requests_per_second=1, clock=clock))
    assert (await client.post("/v1/chat/completions", json={})).status_code == 422
    assert (await ask(client)).status_code == 429


async def test_assistants_have_a_budget_apart_from_answers(clock: Clock) -> None:
    client = client_of(Sandbox(delay=(0, 0), requests_per_second=1, clock=clock))
    await ask(client)
    assert [(await client.get("/v1/assistants")).status_code for _ in range(61)] == [200] * 60 + [429]


async def test_control_is_not_limited(clock: Clock) -> None:
    client = client_of(Sandbox(clock=clock))
    assert {(await client.get("/sandbox/requests")).status_code for _ in range(200)} == {200}
