import pytest

from threads.sandbox.corpus import passages
from threads.sandbox.ranking import Index, fold

INDEX = Index(passages())


def best(*questions: str) -> str:
    return INDEX.search(questions)[0][1].citation


@pytest.mark.parametrize(
    ("question", "citation"),
    [
        ("Welche Kündigungsfristen gelten während der Probezeit?", "§ 622 Abs. 3 BGB"),
        ("Welche Kündigungsfrist gilt in der Probezeit?", "§ 622 Abs. 3 BGB"),
        ("WELCHE KÜNDIGUNGSFRIST GILT IN DER PROBEZEIT", "§ 622 Abs. 3 BGB"),
        ("Wie viele Urlaubstage stehen mir mindestens zu?", "§ 3 Abs. 1 BUrlG"),
        ("Wie lange darf ich höchstens arbeiten?", "§ 3 ArbZG"),
        ("Bekomme ich Lohn, wenn ich krank bin?", "§ 3 Abs. 1 EFZG"),
        ("Muss eine Kündigung schriftlich erfolgen?", "§ 623 BGB"),
        ("Wann verfällt Urlaub?", "§ 7 Abs. 3 BUrlG"),
        ("Wie oft darf ein Vertrag befristet werden?", "§ 14 Abs. 2 TzBfG"),
        ("Was passiert, wenn ich im Urlaub krank werde?", "§ 9 BUrlG"),
        ("Darf ich im Urlaub arbeiten?", "§ 8 BUrlG"),
        ("Wie lange sind die Pausen?", "§ 4 ArbZG"),
        ("Ist Sonntagsarbeit erlaubt?", "§ 9 Abs. 1 ArbZG"),
        ("Wie lange nach der Geburt darf ich nicht arbeiten?", "§ 3 Abs. 2 MuSchG"),
        ("Kann ich in Teilzeit wechseln?", "§ 8 Abs. 1 TzBfG"),
        ("Muss der Betriebsrat vor einer Kündigung angehört werden?", "§ 102 Abs. 1 BetrVG"),
        ("Habe ich Anspruch auf ein Arbeitszeugnis?", "§ 109 Abs. 1 GewO"),
        ("Wie hoch ist der Mindestlohn?", "§ 1 Abs. 1 MiLoG"),
    ],
)
def test_a_question_finds_its_passage_first(question: str, citation: str) -> None:
    assert best(question) == citation


@pytest.mark.parametrize(
    ("question", "citation"),
    [
        ("What is the notice period during probation?", "§ 622 Abs. 3 BGB"),
        ("How many days of holiday do I get at least?", "§ 3 Abs. 1 BUrlG"),
        ("What are the maximum working hours?", "§ 3 ArbZG"),
        ("Do I get paid when I am sick?", "§ 3 Abs. 1 EFZG"),
        ("Does a dismissal have to be in writing?", "§ 623 BGB"),
    ],
)
def test_an_english_question_finds_the_german_passage(question: str, citation: str) -> None:
    assert best(question) == citation


@pytest.mark.parametrize(
    ("question", "citation"),
    [
        ("Was regelt § 622 Abs. 6 BGB?", "§ 622 Abs. 6 BGB"),
        ("Was regelt § 622 Absatz 6 BGB zur Probezeit?", "§ 622 Abs. 6 BGB"),
        ("Was meint § 3 Abs. 2 Satz 1 BUrlG?", "§ 3 Abs. 2 BUrlG"),
        ("§ 3 ArbZG", "§ 3 ArbZG"),
        ("Was steht in § 168 SGB IX?", "§ 168 SGB IX"),
        ("Was steht in § 611a?", "§ 611a Abs. 1 BGB"),
    ],
)
def test_a_cited_passage_comes_first(question: str, citation: str) -> None:
    assert best(question) == citation


def test_all_of_a_cited_section_comes_before_the_rest() -> None:
    found = [p.citation for _, p in INDEX.search(["Was steht in § 622 BGB?"])]
    assert sorted(found[:6]) == [f"§ 622 Abs. {n} BGB" for n in range(1, 7)]


def test_a_statute_that_is_not_in_the_corpus_is_not_taken_for_another() -> None:
    assert INDEX.search(["Was steht in § 9 EStG?"]) == []


@pytest.mark.parametrize(
    ("earlier", "question", "citation"),
    [
        ("Welche Kündigungsfrist gilt in der Probezeit?", "Und nach zwei Jahren?", "§ 622 Abs. 2 BGB"),
        ("Wie viele Urlaubstage stehen mir mindestens zu?", "Und Jugendlichen?", "§ 19 Abs. 2 JArbSchG"),
        ("Wann verfällt Urlaub?", "Bekomme ich Lohn, wenn ich krank bin?", "§ 3 Abs. 1 EFZG"),
    ],
)
def test_a_follow_up_is_understood_with_the_question_before(
    earlier: str, question: str, citation: str
) -> None:
    assert best(earlier, question) == citation


@pytest.mark.parametrize(
    "question",
    [
        "Wie wird das Wetter morgen?",
        "Hallo",
        "Danke!",
        "Wie koche ich Spaghetti?",
        "?!",
        "asdf qwertz",
        "你好",
        "Welche Umsatzsteuer gilt für Bücher?",
        "What is the capital of France?",
        "Tell me a joke about cats",
    ],
)
def test_nothing_is_found_for_what_the_corpus_does_not_treat(question: str) -> None:
    assert INDEX.search([question]) == []


def test_results_are_in_order() -> None:
    scores = [score for score, _ in INDEX.search(["Wann verfällt Urlaub?"])]
    assert len(scores) > 3
    assert scores == sorted(scores, reverse=True)


def test_folding_spells_umlauts_plainly() -> None:
    assert fold("Größe der KÜNDIGUNG, Ämter") == "grosse der kundigung, amter"
    assert fold("Ku\u0308ndigung") == "kundigung"
