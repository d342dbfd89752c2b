import pytest

from threads.sandbox import EMPLOYMENT_LAW, FAMILY, WORKING_TIME
from threads.sandbox.answers import SAMPLE_MARK_DE, SAMPLE_MARK_EN, asks_for_legal_advice, compose, is_english
from threads.sandbox.assistants import ASSISTANTS
from threads.sandbox.corpus import passages

HR = ASSISTANTS[EMPLOYMENT_LAW]
PROBATION = "Welche Kündigungsfristen gelten während der Probezeit?"


def test_an_answer_quotes_the_passages_it_names_and_gives_them_as_sources() -> None:
    answer = compose(HR, [PROBATION])
    first = answer["sources"][0]
    assert "§ 622 Abs. 3 BGB" in answer["content"]
    assert "mit einer Frist von zwei Wochen gekündigt werden." in answer["content"]
    assert first["content"].startswith("§ 622 Abs. 3 BGB: Während einer vereinbarten Probezeit, längstens")
    assert first["meta_data"] == {
        "app_doc_id": "HI-sandbox-bgb-622-3",
        "document_title": "Bürgerliches Gesetzbuch (BGB)",
        "heading": "Kündigungsfristen bei Arbeitsverhältnissen",
        "section": "§ 622 Abs. 3",
    }
    for source in answer["sources"]:
        assert source["content"].split(":")[0] in answer["content"]


def test_an_answer_has_one_to_four_sources_in_the_order_of_the_text() -> None:
    for question in (PROBATION, "Wann verfällt Urlaub?", "Muss eine Kündigung schriftlich erfolgen?"):
        answer = compose(HR, [question])
        places = [answer["content"].index(s["content"].split(":")[0]) for s in answer["sources"]]
        assert 1 <= len(places) <= 4
        assert places == sorted(places)


@pytest.mark.parametrize("question", [PROBATION, "Wie wird das Wetter?", ""])
def test_every_german_answer_is_marked_as_a_sample(question: str) -> None:
    assert compose(HR, [question])["content"].endswith(SAMPLE_MARK_DE)
    assert "keine Rechtsauskunft" in SAMPLE_MARK_DE


@pytest.mark.parametrize("question", ["What is the notice period?", "What is the weather like?"])
def test_every_english_answer_is_marked_as_a_sample(question: str) -> None:
    assert compose(HR, [question])["content"].endswith(SAMPLE_MARK_EN)
    assert "not legal information" in SAMPLE_MARK_EN


def test_an_english_question_is_answered_in_english_with_the_german_wording() -> None:
    content = compose(HR, ["What is the notice period during probation?"])["content"]
    assert "says, in German:" in content
    assert "> Während einer vereinbarten Probezeit" in content


def test_when_nothing_fits_it_says_so_without_sources() -> None:
    answer = compose(HR, ["Wie wird das Wetter morgen?"])
    assert "Dazu steht in den Beispieltexten der Sandbox nichts" in answer["content"]
    assert answer["sources"] == []


def test_long_passages_end_with_a_whole_sentence() -> None:
    content = compose(HR, ["Was steht in § 1 KSchG?"])["content"]
    line = next(line for line in content.splitlines() if line.startswith("- § 1 Abs. 3 KSchG"))
    assert line.endswith("zu der getroffenen sozialen Auswahl geführt haben. …“")


def test_a_sentence_after_a_list_does_not_join_its_last_item() -> None:
    content = compose(HR, ["Was steht in § 622 Abs. 5 BGB?"])["content"]
    assert "> 2. wenn der Arbeitgeber" in content
    assert "nicht unterschreitet.\n>\n> Bei der Feststellung" in content
    assert "werden,\n> 1. wenn" in content


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Bekomme ich Lohn, wenn ich krank bin?", True),
        ("Steht MIR Urlaub zu?", True),
        ("Ist meine Kündigung wirksam?", True),
        ("Dürfen wir das?", True),
        ("Was gilt für unsere Firma?", True),
        ("Is my dismissal valid?", True),
        ("Can I resign?", True),
        ("Can they fire us?", True),
        (PROBATION, False),
        ("Wie lange sind Pausen?", False),
        ("Gilt das für eine gemeinsame Meinung?", False),
        ("Was gilt für US-Firmen i. d. R.?", False),
        ("What is the notice period?", False),
    ],
)
def test_legal_advice_is_what_concerns_ones_own_case(question: str, expected: bool) -> None:
    assert asks_for_legal_advice(question) is expected
    assert compose(HR, [question])["meta_data"]["legal_advice"] is expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [("What is a notice period?", True), (PROBATION, False), ("Urlaub", False), ("§ 622 BGB", False)],
)
def test_the_language_is_that_of_the_question(question: str, expected: bool) -> None:
    assert is_english(question) is expected


def test_the_intent_is_the_heading_of_the_best_passage() -> None:
    assert compose(HR, [PROBATION])["meta_data"]["intent"] == "Kündigungsfristen bei Arbeitsverhältnissen"


def test_one_assistant_does_not_say_whether_it_is_legal_advice() -> None:
    assert (
        "legal_advice" not in compose(ASSISTANTS[FAMILY], ["Wie lange dauert meine Elternzeit?"])["meta_data"]
    )


def test_assistants_answer_from_their_own_statutes() -> None:
    assert (
        compose(ASSISTANTS[WORKING_TIME], [PROBATION])["sources"][0]["meta_data"]["section"] == "§ 15 Abs. 3"
    )
    for assistant in ASSISTANTS.values():
        assert assistant.statutes <= {p.abbreviation for p in passages()}


def test_answers_depend_on_nothing_but_the_questions() -> None:
    assert compose(HR, [PROBATION, "Und nach zwei Jahren?"]) == compose(
        HR, [PROBATION, "Und nach zwei Jahren?"]
    )
