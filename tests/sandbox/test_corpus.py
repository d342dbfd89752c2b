import re

from threads.sandbox.corpus import Passage, passages


def passage(citation: str) -> Passage:
    return next(passage for passage in passages() if passage.citation == citation)


def test_every_passage_is_whole() -> None:
    for p in passages():
        assert re.fullmatch(r"§ \d+[a-z]?( Abs\. \d+[a-z]?)?", p.section), p.citation
        assert re.match(r"[A-ZÄÖÜ]", p.text), p.citation
        assert p.text.endswith("."), p.citation
        assert p.heading == p.heading.strip() != "", p.citation
        assert re.fullmatch(r"[A-Z][A-Za-z]*( IX)?", p.abbreviation), p.citation


def test_there_are_enough_passages_from_several_statutes() -> None:
    assert len(passages()) >= 100
    assert len({p.statute for p in passages()}) == len({p.abbreviation for p in passages()}) == 15


def test_no_passage_stands_twice() -> None:
    assert len({p.citation for p in passages()}) == len({p.text for p in passages()}) == len(passages())


def test_document_ids_are_unique() -> None:
    assert len({p.app_doc_id for p in passages()}) == len(passages())
    assert passage("§ 622 Abs. 3 BGB").app_doc_id == "HI-sandbox-bgb-622-3"


def test_no_space_or_dash_was_lost_or_doubled() -> None:
    for p in passages():
        assert not re.search(r"  |\t|^ | $|[a-zäöüß][.;,][A-Za-zÄÖÜäöü]", p.text, re.MULTILINE), p.citation


def test_the_items_of_a_list_are_counted_through() -> None:
    for p in passages():
        numbers = [int(n) for n in re.findall(r"^(\d+)\. ", p.text, re.MULTILINE)]
        assert numbers == list(range(1, len(numbers) + 1)), p.citation


def test_section_622_is_complete_and_exact() -> None:
    texts = [p.text for p in passages() if p.citation.startswith("§ 622 ")]
    assert texts == SECTION_622


def test_a_section_without_numbers_is_one_passage() -> None:
    p = passage("§ 623 BGB")
    assert (p.document_title, p.heading) == ("Bürgerliches Gesetzbuch (BGB)", "Schriftform der Kündigung")
    assert p.text == (
        "Die Beendigung von Arbeitsverhältnissen durch Kündigung oder Auflösungsvertrag bedürfen zu ihrer "
        "Wirksamkeit der Schriftform; die elektronische Form ist ausgeschlossen."
    )


SECTION_622 = [
    (
        "Das Arbeitsverhältnis eines Arbeiters oder eines Angestellten (Arbeitnehmers) kann mit einer "
        "Frist von vier Wochen zum Fünfzehnten oder zum Ende eines Kalendermonats gekündigt werden."
    ),
    (
        "Für eine Kündigung durch den Arbeitgeber beträgt die Kündigungsfrist, wenn das Arbeitsverhältnis "
        "in dem Betrieb oder Unternehmen\n"
        "1. zwei Jahre bestanden hat, einen Monat zum Ende eines Kalendermonats,\n"
        "2. fünf Jahre bestanden hat, zwei Monate zum Ende eines Kalendermonats,\n"
        "3. acht Jahre bestanden hat, drei Monate zum Ende eines Kalendermonats,\n"
        "4. zehn Jahre bestanden hat, vier Monate zum Ende eines Kalendermonats,\n"
        "5. zwölf Jahre bestanden hat, fünf Monate zum Ende eines Kalendermonats,\n"
        "6. 15 Jahre bestanden hat, sechs Monate zum Ende eines Kalendermonats,\n"
        "7. 20 Jahre bestanden hat, sieben Monate zum Ende eines Kalendermonats."
    ),
    (
        "Während einer vereinbarten Probezeit, längstens für die Dauer von sechs Monaten, kann das "
        "Arbeitsverhältnis mit einer Frist von zwei Wochen gekündigt werden."
    ),
    (
        "Von den Absätzen 1 bis 3 abweichende Regelungen können durch Tarifvertrag vereinbart werden. Im "
        "Geltungsbereich eines solchen Tarifvertrags gelten die abweichenden tarifvertraglichen "
        "Bestimmungen zwischen nicht tarifgebundenen Arbeitgebern und Arbeitnehmern, wenn ihre Anwendung "
        "zwischen ihnen vereinbart ist."
    ),
    (
        "Einzelvertraglich kann eine kürzere als die in Absatz 1 genannte Kündigungsfrist nur vereinbart "
        "werden,\n"
        "1. wenn ein Arbeitnehmer zur vorübergehenden Aushilfe eingestellt ist; dies gilt nicht, wenn das "
        "Arbeitsverhältnis über die Zeit von drei Monaten hinaus fortgesetzt wird;\n"
        "2. wenn der Arbeitgeber in der Regel nicht mehr als 20 Arbeitnehmer ausschließlich der zu ihrer "
        "Berufsbildung Beschäftigten beschäftigt und die Kündigungsfrist vier Wochen nicht "
        "unterschreitet.\n"
        "Bei der Feststellung der Zahl der beschäftigten Arbeitnehmer sind teilzeitbeschäftigte "
        "Arbeitnehmer mit einer regelmäßigen wöchentlichen Arbeitszeit von nicht mehr als 20 Stunden mit "
        "0,5 und nicht mehr als 30 Stunden mit 0,75 zu berücksichtigen. Die einzelvertragliche "
        "Vereinbarung längerer als der in den Absätzen 1 bis 3 genannten Kündigungsfristen bleibt hiervon "
        "unberührt."
    ),
    (
        "Für die Kündigung des Arbeitsverhältnisses durch den Arbeitnehmer darf keine längere Frist "
        "vereinbart werden als für die Kündigung durch den Arbeitgeber."
    ),
]
