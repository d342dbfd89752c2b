import asyncio
import json
from typing import Any

import httpx
import pytest

from threads.completions.types import Completion
from threads.sandbox import API_KEY, EMPLOYMENT_LAW, Sandbox, serve
from threads.sandbox.faults import CONTROL_CHARACTERS, FAULTS, HOSTILE

from .conftest import QUESTION, Ask

# completions-api.md, Errors: every error_code with its status.
CONTRACT = {
    ("assistant_not_available", 403),
    ("resource_not_found", 404),
    ("assistant_not_found", 404),
    ("validation_error", 422),
    ("request_metadata_missing_or_incomplete", 422),
    ("rate_limit_gateway", 429),
    ("rate_limit_error", 429),
    ("api_timeout_error", 500),
    ("api_timeout_error", 504),
    ("internal_service_error", 503),
    ("internal_service_error", 500),
    ("unauthorized", 401),
    ("permission_denied", 403),
    ("content_filter_error", 400),
    ("length_finish_reason_error", 400),
    ("bad_request", 400),
    ("conflict_error", 409),
    ("unprocessable_entity", 422),
    ("api_connection_error", 500),
    ("api_error", 500),
    ("internal_server_error", 500),
}


def body_of(fault: str) -> Any:
    body = FAULTS[fault].body
    assert body is not None
    return json.loads(body)


async def answer_with(sandbox: Sandbox, ask: Ask, fault: str) -> Any:
    sandbox.order(fault)
    response = await ask()
    assert response.status_code == 200
    return response.json()


def test_every_error_of_the_contract_can_be_ordered() -> None:
    errors = {name: f for name, f in FAULTS.items() if f.status >= 400 and b"error_code" in (f.body or b"")}
    ordered = {(body_of(name)["error_code"], fault.status) for name, fault in errors.items()}
    assert ordered - {("brand_new_error", 500), ("brand_new_error", 400)} == CONTRACT


def test_error_bodies_have_the_contracts_form() -> None:
    for error_code, _ in CONTRACT:
        assert set(body_of(error_code)) == {"error_code", "detail"}
    assert [set(item) for item in body_of("validation_error")["detail"]] == [{"loc", "message", "type"}]


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.body is not None])
async def test_a_fault_with_a_body_sends_just_that(sandbox: Sandbox, ask: Ask, name: str) -> None:
    sandbox.order(name)
    response = await ask()
    assert response.status_code == FAULTS[name].status
    assert response.content == FAULTS[name].body
    assert response.headers["content-type"] == FAULTS[name].content_type


async def test_the_gateways_429_has_another_body(sandbox: Sandbox, ask: Ask) -> None:
    sandbox.order("gateway_429", retry_after=7)
    response = await ask()
    assert response.json() == {"message": "Rate limit exceeded!"}
    assert response.headers["retry-after"] == "7"


async def test_retry_after_is_left_out_unless_it_is_ordered(sandbox: Sandbox, ask: Ask) -> None:
    sandbox.order("rate_limit_error")
    assert "retry-after" not in (await ask()).headers


@pytest.mark.parametrize("name", ["truncated_json", "not_utf8", "html_200", "empty_200"])
async def test_some_bodies_are_no_json(sandbox: Sandbox, ask: Ask, name: str) -> None:
    sandbox.order(name)
    with pytest.raises(ValueError):  # noqa: PT011  UnicodeDecodeError and JSONDecodeError
        json.loads((await ask()).content)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("no_legal_advice", ["meta_data", "legal_advice"]),
        ("no_meta_data", ["meta_data"]),
        ("no_sources", ["sources"]),
        ("no_section", ["sources", 0, "meta_data", "section"]),
        ("no_document_title", ["sources", 0, "meta_data", "document_title"]),
        ("no_app_doc_id", ["sources", 0, "meta_data", "app_doc_id"]),
        ("no_source_meta_data", ["sources", 0, "meta_data"]),
        ("no_thread_id", ["thread_id"]),
        ("no_content", ["content"]),
    ],
)
async def test_a_key_is_missing_and_nothing_else(
    sandbox: Sandbox, ask: Ask, name: str, path: list[str | int]
) -> None:
    whole = (await ask()).json()
    faulty = await answer_with(sandbox, ask, name)
    for step in path[:-1]:
        whole, faulty = whole[step], faulty[step]
    assert set(whole) - set(faulty) == {path[-1]}


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("null_legal_advice", ["meta_data", "legal_advice"], None),
        ("true_legal_advice", ["meta_data", "legal_advice"], True),
        ("false_legal_advice", ["meta_data", "legal_advice"], False),
        ("null_meta_data", ["meta_data"], None),
        ("null_sources", ["sources"], None),
        ("empty_sources", ["sources"], []),
        ("null_content", ["content"], None),
        ("blank_content", ["content"], " \n "),
        ("wrong_types", ["meta_data", "legal_advice"], "no"),
        ("wrong_types", ["created_at"], 1),
        ("control_characters", ["content"], CONTROL_CHARACTERS),
        ("hostile", ["content"], HOSTILE),
    ],
)
async def test_a_value_is_another(sandbox: Sandbox, ask: Ask, name: str, path: list[str], value: Any) -> None:
    found = await answer_with(sandbox, ask, name)
    for step in path:
        found = found[step]
    assert found == value


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.alter])
async def test_an_altered_answer_leaves_the_next_one_whole(sandbox: Sandbox, ask: Ask, name: str) -> None:
    before = (await ask()).json()
    altered = await answer_with(sandbox, ask, name)
    after = (await ask()).json()
    varying = {"id", "thread_id", "created_at"}
    assert {k: v for k, v in after.items() if k not in varying} == {
        k: v for k, v in before.items() if k not in varying
    }
    if name != "false_legal_advice":
        assert altered.keys() != before.keys() or any(
            altered[k] != before[k] for k in before if k not in varying
        )


async def test_unknown_keys_stand_everywhere(sandbox: Sandbox, ask: Ask) -> None:
    answer = await answer_with(sandbox, ask, "unknown_keys")
    source = answer["sources"][0]
    for table in (answer, answer["meta_data"], source, source["meta_data"]):
        assert "x_new" in table
    assert Completion.model_validate(answer).content


async def test_a_huge_answer_is_huge_and_many_sources_are_many(sandbox: Sandbox, ask: Ask) -> None:
    assert len((await answer_with(sandbox, ask, "huge_answer"))["content"]) > 1_000_000
    assert len((await answer_with(sandbox, ask, "many_sources"))["sources"]) == 300


async def test_hostile_sources_come_too(sandbox: Sandbox, ask: Ask) -> None:
    answer = await answer_with(sandbox, ask, "hostile")
    assert "<script>" in answer["sources"][0]["meta_data"]["document_title"]
    assert "javascript:" in answer["content"]


async def test_orders_are_used_up_in_their_order(sandbox: Sandbox, ask: Ask) -> None:
    sandbox.order("internal_service_error", times=2)
    sandbox.order("unauthorized")
    assert [(await ask()).status_code for _ in range(4)] == [503, 503, 401, 200]


async def test_an_order_without_end_lasts_until_it_is_cleared(sandbox: Sandbox, ask: Ask) -> None:
    sandbox.order("api_error", times=None)
    assert [(await ask()).status_code for _ in range(3)] == [500] * 3
    sandbox.clear_faults()
    assert (await ask()).status_code == 200


async def test_a_refused_call_uses_no_order_up(sandbox: Sandbox, ask: Ask) -> None:
    sandbox.order("api_error")
    assert (await ask(messages=[])).status_code == 422
    assert (await ask()).status_code == 500


async def test_orders_come_over_http_too(client: httpx.AsyncClient, ask: Ask) -> None:
    order = {"fault": "rate_limit_gateway", "times": 2, "retry_after": 3}
    assert (await client.post("/sandbox/faults", json=order)).status_code == 201
    response = await ask()
    assert (response.status_code, response.headers["retry-after"]) == (429, "3")
    assert (await client.delete("/sandbox/faults")).status_code == 204
    assert (await ask()).status_code == 200


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"fault": "no_such_fault"},
        {"fault": "slow", "times": 0},
        {"fault": "slow", "seconds": -1},
        {"fault": "slow", "retry_after": -1},
        {"fault": "slow", "time": 1},
    ],
)
async def test_a_malformed_order_is_refused(client: httpx.AsyncClient, ask: Ask, order: Any) -> None:
    response = await client.post("/sandbox/faults", json=order)
    assert (response.status_code, response.json()["error_code"]) == (422, "validation_error")
    assert (await ask()).status_code == 200


def test_an_unknown_fault_cannot_be_ordered_in_python(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="no_such_fault"):
        sandbox.order("no_such_fault")


async def test_the_faults_can_be_listed(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/sandbox/faults")).json()
    assert listed == {name: fault.what for name, fault in FAULTS.items()}


async def test_words_in_a_question_order_a_fault_for_always(ask: Ask) -> None:
    question = f"{QUESTION} !sandbox api_timeout_error"
    assert [(await ask(question)).status_code for _ in range(3)] == [500, 500, 500]
    assert (await ask()).status_code == 200


async def test_words_in_a_question_order_a_fault_for_its_first_calls(ask: Ask) -> None:
    question = f"{QUESTION} !sandbox internal_service_error 2"
    assert [(await ask(question)).status_code for _ in range(4)] == [503, 503, 200, 200]


async def test_each_user_is_counted_alone(ask: Ask) -> None:
    question = f"{QUESTION} !sandbox api_error 1"
    anna, ben = ("a0000000-0000-4000-8000-000000000001", "b0000000-0000-4000-8000-000000000002")
    statuses = [(await ask(question, user_id=user)).status_code for user in (anna, ben, anna, ben)]
    assert statuses == [500, 500, 200, 200]


async def test_the_command_takes_no_part_in_the_search(ask: Ask) -> None:
    plain, ordered = (await ask()).json(), (await ask(f"{QUESTION} !sandbox null_sources 1")).json()
    assert ordered["content"] == plain["content"]
    assert ordered["sources"] is None


async def test_a_command_alone_is_answered_as_the_example_question(ask: Ask) -> None:
    answer = (await ask("!sandbox no_section")).json()
    assert "§ 622 Abs. 3 BGB" in answer["content"]
    assert "section" not in answer["sources"][0]["meta_data"]


async def test_only_the_last_question_orders(ask: Ask) -> None:
    messages = [
        {"role": "user", "content": "!sandbox api_error"},
        {"role": "user", "content": QUESTION},
    ]
    assert (await ask(messages=messages)).status_code == 200


@pytest.mark.parametrize("question", ["!sandbox", "!sandbox help", "!sandbox no_such_fault 2"])
async def test_any_other_command_is_answered_with_the_table(ask: Ask, question: str) -> None:
    content = (await ask(question)).json()["content"]
    assert all(f"| `{name}` | {fault.what} |" in content for name, fault in FAULTS.items())


async def test_slow_waits_as_long_as_ordered() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    app = Sandbox(delay=(0, 0), sleep=sleep)
    body = {
        "assistant_id": str(EMPLOYMENT_LAW),
        "messages": [{"role": "user", "content": "!sandbox slow 20s"}],
    }
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://sandbox", headers={"api-key": API_KEY}
    ) as client:
        assert (await client.post("/v1/chat/completions", json=body)).status_code == 200
        app.order("drip", seconds=10)
        drip = await client.post("/v1/chat/completions", json=body)
    assert waits[1] == 20
    assert waits[3:] == [0.5] * 20
    assert drip.json()["role"] == "assistant"


async def test_an_answer_takes_a_time_within_the_delay() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    app = Sandbox(delay=(1, 5), sleep=sleep, requests_per_second=100)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://sandbox", headers={"api-key": API_KEY}
    ) as client:
        for question in [QUESTION, "!sandbox help"] * 20:
            body = {
                "assistant_id": str(EMPLOYMENT_LAW),
                "messages": [{"role": "user", "content": question}],
            }
            await client.post("/v1/chat/completions", json=body)
    assert all(1 <= wait <= 5 for wait in waits)
    assert sum(waits[0::2]) < sum(waits[1::2])  # the table is long


async def test_without_a_real_connection_a_drop_raises(sandbox: Sandbox, ask: Ask) -> None:
    sandbox.order("dropped")
    with pytest.raises(ConnectionResetError):
        await ask()


async def test_a_real_connection_is_dropped_broken_off_or_dripped(sandbox: Sandbox) -> None:
    body = {"assistant_id": str(EMPLOYMENT_LAW), "messages": [{"role": "user", "content": QUESTION}]}
    async with (
        serve(sandbox) as base_url,
        httpx.AsyncClient(base_url=base_url, headers={"api-key": API_KEY}) as client,
    ):
        sandbox.order("dropped")
        with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
            await client.post("/v1/chat/completions", json=body)
        sandbox.order("broken_off")
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
            await client.post("/v1/chat/completions", json=body)
        sandbox.order("drip", seconds=0.2)
        async with client.stream("POST", "/v1/chat/completions", json=body) as response:
            pieces = [piece async for piece in response.aiter_raw()]
        assert len(pieces) > 5
        assert json.loads(b"".join(pieces))["role"] == "assistant"
        assert [r["status"] for r in sandbox.requests] == [None, 200, 200]


async def test_a_slow_answer_lets_others_by(sandbox: Sandbox, ask: Ask) -> None:
    sandbox.order("slow", seconds=0.2)
    slow = asyncio.create_task(ask())
    await asyncio.sleep(0.01)
    assert (await ask()).status_code == 200
    assert not slow.done()
    assert (await slow).status_code == 200
