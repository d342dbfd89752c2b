"""Reading citations, and which source one is linked to."""

import time

import pytest

from threads.citations import MOST_LINKS, Quoted, chains
from threads.laws import Laws, Named
from threads.sandbox.corpus import passages

NBSP, NARROW = "\u00a0", "\u202f"

SHORT = {"paragraph": "Abs", "subparagraph": "UAbs", "sentence": "S", "half": "Hs", "number": "Nr",
         "letter": "lit", "alternative": "Alt"}  # fmt: skip


def read(text: str) -> list[str]:
    """Each place as "BGB § 622 Abs 3"; "?" for one that is uncertain, "~" before one of which more was said."""
    return [
        " ".join(
            [
                f"{'~' if place.is_vague else ''}{place.law}",
                f"{place.kind} {place.number}",
                *(f"{SHORT[level]} {value}" for level, value in place.levels),
            ]
        )
        if place
        else "?"
        for chain in chains(text, Laws())
        for place in chain
    ]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        # one place
        ("Nach § 622 Abs. 3 BGB gilt:", ["BGB § 622 Abs 3"]),
        ("§622 Abs.3 BGB", ["BGB § 622 Abs 3"]),
        ("(§ 623 BGB)", ["BGB § 623"]),
        ("§ 7 Absatz 4 Bundesurlaubsgesetz", ["BURLG § 7 Abs 4"]),
        ("§ 4 Abs. 1a EFZG", ["EFZG § 4 Abs 1a"]),
        ("§ 1a KSchG", ["KSCHG § 1a"]),
        ("§ 14 a TzBfG", ["TZBFG § 14a"]),
        ("§ 7f SGB IV", ["SGB 4 § 7f"]),
        ("§ 622 Abs. 5 Satz 1 Nr. 2 BGB", ["BGB § 622 Abs 5 S 1 Nr 2"]),
        ("§ 622 Abs. 5 S. 1 1. Halbsatz BGB", ["BGB § 622 Abs 5 S 1 Hs 1"]),
        ("§ 622 Absatz 5 Satz 1 Halbsatz 2 BGB", ["BGB § 622 Abs 5 S 1 Hs 2"]),
        ("§ 3 Nr. 45 EStG", ["ESTG § 3 Nr 45"]),
        ("§ 4 Nr. 12 Satz 1 Buchst. a UStG", ["USTG § 4 Nr 12 S 1 lit a"]),
        ("§ 15 Abs. 1 Nr. 2 HGB", ["HGB § 15 Abs 1 Nr 2"]),
        ("§ 15 Abs. 1 Nr. 1 Alt. 2 HGB", ["HGB § 15 Abs 1 Nr 1 Alt 2"]),
        ("§ 15 Abs. 1 Nr. 1 2. Alt. HGB", ["HGB § 15 Abs 1 Nr 1 Alt 2"]),
        ("§ 622 III BGB", ["BGB § 622 Abs 3"]),
        ("§ 622 Abs. III BGB", ["BGB § 622 Abs 3"]),
        ("§ 1 II 2 Nr. 1 KSchG", ["KSCHG § 1 Abs 2 S 2 Nr 1"]),
        ("§ 8 IV BGB", ["BGB § 8 Abs 4"]),
        ("§ 622 (3) BGB", ["BGB § 622 Abs 3"]),
        ("Paragraf 622 Absatz 3 BGB", ["BGB § 622 Abs 3"]),
        # articles
        ("Art. 6 Abs. 1 S. 1 lit. b DSGVO", ["DSGVO Art. 6 Abs 1 S 1 lit b"]),
        ("Art 6 DS-GVO", ["DSGVO Art. 6"]),
        ("Art. 6 DS‑GVO", ["DSGVO Art. 6"]),
        ("Art. 6 Abs. 1 UAbs. 1 Buchst. c DSGVO", ["DSGVO Art. 6 Abs 1 UAbs 1 lit c"]),
        ("Artikel 6 der Datenschutz-Grundverordnung", ["DSGVO Art. 6"]),
        ("des Artikels 3 Abs. 1 GG", ["GG Art. 3 Abs 1"]),
        ("Article 6(1)(b) GDPR", ["DSGVO Art. 6 Abs 1 lit b"]),
        # names of laws
        ("§ 168 SGB IX", ["SGB 9 § 168"]),
        ("§ 168 SGB 9", ["SGB 9 § 168"]),
        ("§ 168 des SGB IX", ["SGB 9 § 168"]),
        ("§ 2 Absatz 1 Satz 1 des Neunten Buches Sozialgesetzbuch ärztlich", ["SGB 9 § 2 Abs 1 S 1"]),
        ("§ 8a des Vierten Buches Sozialgesetzbuch", ["SGB 4 § 8a"]),
        ("§ 622 des Bürgerlichen Gesetzbuchs", ["BGB § 622"]),
        ("§ 622 Abs. 3 des Bürgerlichen Gesetzbuches (BGB)", ["BGB § 622 Abs 3"]),
        ("§ 109 der Gewerbeordnung Anwendung", ["GEWO § 109"]),
        ("§ 8 des Teilzeit- und Befristungsgesetzes", ["TZBFG § 8"]),
        ("§ 15 des Bundeselterngeld- und Elternzeitgesetzes", ["BEEG § 15"]),
        ("§ 1 des Allgemeinen Gleichbehandlungsgesetzes", ["AGG § 1"]),
        ("Section 622(3) of the German Civil Code (BGB)", ["BGB § 622 Abs 3"]),
        ("Section 622 paragraph 3 sentence 1 BGB", ["BGB § 622 Abs 3 S 1"]),
        ("§ 34 TVöD", ["TVÖD § 34"]),
        ("§ 34 TV-L", ["TV-L § 34"]),
        # several
        ("§§ 622, 626 BGB und § 9 KSchG", ["BGB § 622", "BGB § 626", "KSCHG § 9"]),
        ("§§ 1, 2 und 3 Abs. 2 BUrlG", ["BURLG § 1", "BURLG § 2", "BURLG § 3 Abs 2"]),
        ("§ 1 Abs. 2 und 3 KSchG", ["KSCHG § 1 Abs 2", "KSCHG § 1 Abs 3"]),
        ("§ 1 II, III KSchG", ["KSCHG § 1 Abs 2", "KSCHG § 1 Abs 3"]),
        ("§ 15 Abs. 1, 2 sowie 4 AGG", ["AGG § 15 Abs 1", "AGG § 15 Abs 2", "AGG § 15 Abs 4"]),
        ("§ 1 Abs. 2 Satz 1, Abs. 3 Satz 2 KSchG", ["KSCHG § 1 Abs 2 S 1", "KSCHG § 1 Abs 3 S 2"]),
        ("§ 622 Abs. 3 Satz 1 und 2 BGB", ["BGB § 622 Abs 3 S 1", "BGB § 622 Abs 3 S 2"]),
        ("§ 87 Abs. 1 Nr. 2, 3 und Nr. 6 BetrVG", [f"BETRVG § 87 Abs 1 Nr {number}" for number in (2, 3, 6)]),
        ("Art. 6 Abs. 1 lit. a, b oder f DSGVO", [f"DSGVO Art. 6 Abs 1 lit {letter}" for letter in "abf"]),
        ("§ 622 Abs. 5, Satz 1 BGB", ["BGB § 622 Abs 5", "BGB § 622 Abs 5 S 1"]),
        ("§ 1 i. V. m. § 4 KSchG", ["KSCHG § 1", "KSCHG § 4"]),
        ("§ 1 iVm § 4 KSchG", ["KSCHG § 1", "KSCHG § 4"]),
        ("§ 1 Abs. 1 in Verbindung mit Abs. 2 KSchG", ["KSCHG § 1 Abs 1", "KSCHG § 1 Abs 2"]),
        ("§ 1 KSchG i. V. m. § 622 Abs. 1 BGB", ["KSCHG § 1", "BGB § 622 Abs 1"]),
        ("§ 3 Abs. 1 Satz 1 und § 4 Abs. 1 EFZG", ["EFZG § 3 Abs 1 S 1", "EFZG § 4 Abs 1"]),
        ("§§ 622 Abs. 3, 626 BGB", ["BGB § 622 Abs 3", "BGB § 626"]),
        ("§ 622 BGB, § 9 KSchG; Art. 3 GG", ["BGB § 622", "KSCHG § 9", "GG Art. 3"]),
        # ranges: their ends
        ("§§ 4 bis 7 KSchG", ["KSCHG § 4", "KSCHG § 7"]),
        ("§§ 621–623 BGB", ["BGB § 621", "BGB § 623"]),
        ("§§ 4 - 7 KSchG", ["KSCHG § 4", "KSCHG § 7"]),
        ("§ 622 Abs. 1-3 BGB", ["BGB § 622 Abs 1", "BGB § 622 Abs 3"]),
        ("§§ 611 ff. BGB", ["BGB § 611"]),
        ("§§ 611ff. BGB", ["BGB § 611"]),
        ("§ 622 f. BGB", ["BGB § 622"]),
        # spaces and lines
        (f"§{NBSP}622{NBSP}Abs.{NARROW}3{NBSP}BGB", ["BGB § 622 Abs 3"]),
        ("§ 622 Abs. 3\nBGB", ["BGB § 622 Abs 3"]),
        ("§\n622  Abs. 3 des\nBürgerlichen\nGesetzbuchs", ["BGB § 622 Abs 3"]),
    ],
)
def test_citations_are_read(text: str, places: list[str]) -> None:
    assert read(text) == places


@pytest.mark.parametrize(
    "text",
    [
        "§ 5 dieses Vertrags",
        "§ 5 des Arbeitsvertrags",
        "§ 3 der Betriebsvereinbarung",
        "§ 3 BV Arbeitszeit",
        "§ 3 Absatz 6a dieses Gesetzes",
        "Abs. 2 der Vorschrift",
        "§ 622",
        "§ 622 regelt: BGB",
        "§ BGB",
        "§ 622 Abs. BGB",
        "§ 622 § BGB",
        "im Jahr 2024 BGB",
        "2 AZR 5/19",
        "BAG, Urteil vom 1.2.2023 – 5 AZR 108/22",
        "§ 5.2 BGB",
        "Die Art 3 BGB-Bücher zu lesen",
        "§ 7f. SGB IV",  # § 7f, or § 7 and the following
        "Art. 229 § 5 EGBGB",
        "§ 622 Abs. 2 Abs. 3 BGB",
        "§ 622 Abs. 3\n\nBGB",
        # another law, or another version of it
        "§ 622 Abs. 2 BGB a. F.",
        "§ 622 Abs. 2 BGB aF",
        "§ 622 BGB in der bis 1993 geltenden Fassung",
        "§ 1 UStG 1980",
        "§ 5 BauO NRW",
        "§ 5 EStG/KStG",
        "§ 168 SGB XV",
        "§ 9 BGB- und HGB-Kommentar",
        "§ 622 des Bürgerlichen Gesetzbuchs (ABGB)",
        "ErfK § 1 KSchG Rn. 12",
        "§ 1 der Verordnung zum BGB",
    ],
)
def test_what_is_no_certain_citation_is_left(text: str) -> None:
    assert [place for place in read(text) if place != "?"] == []


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("§§ 1 Abs. 2, 9 KSchG", ["KSCHG § 1 Abs 2", "?"]),  # § 9, or Absatz 9
        ("Art. 6 Abs. 1 und 9 DSGVO", ["DSGVO Art. 6 Abs 1", "?"]),
        ("§ 622 BGB Abs. 3", ["~BGB § 622"]),
        ("§ 622 BGB (Abs. 3)", ["~BGB § 622"]),
        ("Absatz 3 des § 622 BGB", ["~BGB § 622"]),
        ("Abs. 1 und 2 von § 622 und § 626 BGB", ["~BGB § 622", "BGB § 626"]),
        ("§ 3 der Betriebsvereinbarung und § 622 BGB", ["BGB § 622"]),
        ("§ 5 BGB-InfoV", ["BGB-INFOV § 5"]),
        ("§ 7 BUrlG-E", ["BURLG-E § 7"]),
        ("§ 1151 ABGB", ["ABGB § 1151"]),
        ("§ 622 BGB und HGB", ["BGB § 622"]),
    ],
)
def test_what_can_be_read_in_two_ways_is_uncertain(text: str, places: list[str]) -> None:
    assert read(text) == places


BGB, KSCHG = "Bürgerliches Gesetzbuch (BGB)", "Kündigungsschutzgesetz (KSchG)"


def linked(text: str, *sources: tuple[str, str]) -> list[tuple[str, int]]:
    """What is linked, and to which source, from 1."""
    return [(text[link.start : link.end], link.source + 1) for link in Quoted(sources).links(text)]


@pytest.mark.parametrize(
    ("text", "sources", "links"),
    [
        # the same law, the same §, nothing else in it
        ("§ 622 Abs. 3 BGB", [(BGB, "§ 622 Abs. 3")], [("§ 622 Abs. 3 BGB", 1)]),
        ("§ 622 Abs. 3 BGB", [(BGB, "§ 622 Abs. 1")], []),
        ("§ 622 Abs. 3 BGB", [(BGB, "§ 622")], [("§ 622 Abs. 3 BGB", 1)]),
        ("§ 622 BGB", [(BGB, "§ 622 Abs. 3")], [("§ 622 BGB", 1)]),
        ("§ 622 Abs. 3 BGB", [(BGB, "§ 623 Abs. 3")], []),
        ("§ 622 Abs. 3 BGB", [(KSCHG, "§ 622 Abs. 3")], []),
        ("§ 622 Abs. 3 HGB", [(BGB, "§ 622 Abs. 3")], []),
        ("§ 1 KSchG", [(KSCHG, "§ 1a")], []),
        ("§ 4 Abs. 1 EFZG", [("Entgeltfortzahlungsgesetz (EFZG)", "§ 4 Abs. 1a")], []),
        ("Art. 6 BGB", [(BGB, "§ 6")], []),
        ("§ 622 Abs. 2 Nr. 2 BGB", [(BGB, "§ 622 Abs. 2 Nr. 1")], []),
        ("§ 622 Abs. 2 Nr. 2 BGB", [(BGB, "§ 622 Abs. 2")], [("§ 622 Abs. 2 Nr. 2 BGB", 1)]),
        ("§ 168 SGB IX", [("Sozialgesetzbuch Zehntes Buch (SGB X)", "§ 168")], []),
        # of several the more exact one; of equal ones none
        ("§ 622 BGB", [(BGB, "§ 622 Abs. 3"), (BGB, "§ 622 Abs. 1")], []),
        ("§ 622 BGB", [(BGB, "§ 622 Abs. 3"), (BGB, "§ 622")], [("§ 622 BGB", 2)]),
        ("§ 622 Abs. 3 BGB", [(BGB, "§ 622"), (BGB, "§ 622 Abs. 3")], [("§ 622 Abs. 3 BGB", 2)]),
        ("§ 622 Abs. 3 BGB", [(BGB, "§ 622 Abs. 3"), (BGB, "§ 622 Abs. 3")], []),
        ("§ 622 BGB", [(BGB, "§ 622 Abs. 3"), (BGB, "§ 622 Abs. 3 Satz 1")], []),
        ("§ 622 BGB Abs. 3", [(BGB, "§ 622 Abs. 1")], []),
        ("§ 622 BGB Abs. 3", [(BGB, "§ 622")], [("§ 622 BGB", 1)]),
        ("Absatz 3 von § 622 BGB", [(BGB, "§ 622 Abs. 1")], []),
        # several at once
        (
            "§§ 622, 626 BGB und § 9 KSchG",
            [(KSCHG, "§ 9 Abs. 1"), (BGB, "§ 626")],
            [("626 BGB", 2), ("§ 9 KSchG", 1)],
        ),
        ("§§ 622, 626 BGB", [(BGB, "§§ 622, 626")], [("§§ 622, 626 BGB", 1)]),
        ("§§ 622, 623, 626 BGB", [(BGB, "§§ 622, 626")], [("§§ 622", 1), ("626 BGB", 1)]),
        ("§ 622 Abs. 1 bis 3 BGB", [(BGB, "§ 622 Abs. 3")], [("3 BGB", 1)]),
        ("§§ 4 bis 7 KSchG", [(KSCHG, "§ 5")], []),
        # how titles and sections may look
        ("§ 622 BGB", [("BGB", "§ 622")], [("§ 622 BGB", 1)]),
        ("§ 622 BGB", [("Bürgerliches Gesetzbuch", "§ 622")], [("§ 622 BGB", 1)]),
        ("§ 622 BGB", [("BGB – Bürgerliches Gesetzbuch", "§ 622")], [("§ 622 BGB", 1)]),
        ("§ 622 BGB", [("Sammlung", "§ 622 Abs. 3 BGB Fristen")], [("§ 622 BGB", 1)]),
        ("§ 622 BGB", [("", "BGB § 622")], [("§ 622 BGB", 1)]),
        ("§ 622 BGB", [("§ 622 BGB", "")], [("§ 622 BGB", 1)]),
        ("§ 622 BGB", [("§ 622 BGB in der Praxis", "")], []),
        ("§ 622 BGB", [(BGB, "§ 622 Kündigungsfristen bei Arbeitsverhältnissen")], [("§ 622 BGB", 1)]),
        ("§ 622 BGB", [(BGB, "Zu § 622")], []),
        ("§ 622 BGB", [(BGB, "")], []),
        ("§ 622 BGB", [("", "§ 622")], []),
        ("§ 622 BGB", [("Kommentar zum BGB (BGB)", "§ 622")], []),
        ("§ 622 BGB", [(BGB, "§ 622 Rz. 12")], []),
        ("§ 622 BGB", [("BGB, KSchG", "§ 622")], []),
        ("§ 5 ArbZG", [("Arbeitszeitgesetz (AZG)", "§ 5")], []),  # Austria's
        ("Art. 6 DS-GVO", [("Datenschutz-Grundverordnung (DSGVO)", "Art. 6 Abs. 1")], [("Art. 6 DS-GVO", 1)]),
        ("Art. 6 DSGVO", [("Verordnung (EU) 2016/679 (DS-GVO)", "Artikel 6")], [("Art. 6 DSGVO", 1)]),
        (
            "§ 168 SGB IX",
            [("Sozialgesetzbuch (SGB) Neuntes Buch (IX) – Rehabilitation", "§ 168")],
            [("§ 168 SGB IX", 1)],
        ),
        (
            "§ 14 TzBfG",
            [("Gesetz über Teilzeitarbeit (Teilzeit- und Befristungsgesetz - TzBfG)", "§ 14 Abs. 1")],
            [("§ 14 TzBfG", 1)],
        ),
        (
            "§ 34 TVöD",
            [("Tarifvertrag für den öffentlichen Dienst (TVöD)", "§ 34 Abs. 1")],
            [("§ 34 TVöD", 1)],
        ),
        # a law that is known from the title alone
        (
            "§ 3 des Landesgleichstellungsgesetzes",
            [("Landesgleichstellungsgesetz (LGlG)", "§ 3")],
            [("§ 3 des Landesgleichstellungsgesetzes", 1)],
        ),
        ("§ 3 des Landesgesetzes", [("Landesgesetz (AAG)", "§ 3"), ("Landesgesetz (BBG)", "§ 3")], []),
        ("§ 3 der Betriebsvereinbarung", [("Betriebsvereinbarung", "§ 3")], []),
        ("§ 3 der Betriebsvereinbarung", [("Betriebsvereinbarung (BV)", "§ 3")], []),
        ("§ 3 der Hausordnung", [("Hausordnung (HausO)", "§ 3")], []),
    ],
)
def test_citation_is_linked_to_the_one_source_that_quotes_it(
    text: str, sources: list[tuple[str, str]], links: list[tuple[str, int]]
) -> None:
    assert linked(text, *sources) == links


def test_each_passage_of_the_sandbox_is_found_by_its_citation_among_all() -> None:
    quoted = Quoted([(passage.document_title, passage.section) for passage in passages()])
    for index, passage in enumerate(passages()):
        text = f"Nach {passage.citation} gilt:"
        assert [(link.source, text[link.start : link.end]) for link in quoted.links(text)] == [
            (index, passage.citation)
        ]


def test_statutes_that_the_sandbox_quotes_name_hardly_others() -> None:
    """Their text refers to sections of themselves, without a law: nothing of that is a link."""
    quoted = Quoted([(passage.document_title, passage.section) for passage in passages()])
    found = {
        passage.text[link.start : link.end]: passages()[link.source].citation
        for passage in passages()
        for link in quoted.links(passage.text)
    }
    assert found == {
        "§ 3 Absatz 2": "§ 3 Abs. 2 MuSchG",
        "7 des Kündigungsschutzgesetzes": "§ 7 KSchG",
    }


HOSTILE = [
    "§", "§ ", "§ 1 ", "§1", "§ 1, ", "§§ 1 und ", "Art. 1 ", "§§ 1, 2, 3, 4 Abs. 1 ", "§ 1 i. V. m. ", "§ 9 Abs. ",
    "§ 1 Abs. 1 Abs. 2 ", "§ 1 (", "§ 1 (1", "§ 1 Bürgerliches ", "§ 1 des Neunten ", "§ 1 of the A A A A ",
    "§ 1 " + "K" * 70, "§ 1 " + "Sozialgesetzbuch " * 11, "Abs. 1, 2, 3, 4 des ", "Abs. 1 des § 1 BGB ",
    "§ 1" + " " * 20, "§\n", "1, ", "und ", "§ 9 KSchG", "§ 9 KSchG ", "9 KSchG,", "§ 622 IIIIIIII", "§ 1 - - - ",
]  # fmt: skip


@pytest.mark.parametrize("part", HOSTILE)
def test_text_made_to_be_slow_is_read_as_fast_as_any(part: str) -> None:
    quoted = Quoted([(BGB, "§ 1 Abs. 1"), (KSCHG, "§ 9")] * 100)
    started = time.process_time()
    quoted.links(part * (200_000 // len(part)))
    assert time.process_time() - started < 3  # a fraction of that, on a machine with nothing else to do


@pytest.mark.parametrize("part", HOSTILE)
def test_no_character_is_read_more_often_in_a_longer_text(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted are the names of laws that are looked for, the dearest step."""
    looked: list[int] = []
    at = Laws.at

    def counted(laws: Laws, text: str, start: int, *, with_article: bool = False) -> Named | None:
        looked.append(start)
        return at(laws, text, start, with_article=with_article)

    monkeypatch.setattr(Laws, "at", counted)
    text = part * (20_000 // len(part))
    list(chains(text, Laws()))
    assert len(looked) == len(set(looked)) <= text.count("§") + text.count("Art.")


def test_very_many_sources_and_citations_take_no_time() -> None:
    quoted = Quoted([(BGB, f"§ 1 Abs. {number}") for number in range(1, 501)])
    text = "".join(f"§ 1 Abs. {number} HGB, § 1 BGB, " for number in range(1, 1_000))
    started = time.process_time()
    assert quoted.links(text) == []
    assert time.process_time() - started < 3


def test_sections_that_quote_the_same_place_over_and_over_take_no_time() -> None:
    quoted = Quoted([(BGB, f"§§ {'1, ' * 90}1 BGB")] * 100)
    started = time.process_time()
    assert quoted.links("§ 1 BGB; " * 4_000) == []
    assert time.process_time() - started < 3


def test_sections_that_quote_more_than_a_section_does_are_read_at_their_beginning() -> None:
    section = f"§§ {', '.join(str(number) for number in range(1, 20))} BGB"
    assert linked("§ 10 BGB, § 11 BGB", (BGB, section)) == [("§ 10 BGB", 1)]


def test_which_of_very_many_is_meant_is_not_guessed() -> None:
    sources = [(BGB, f"§ 1 Abs. {number}") for number in range(1, 51)]
    assert linked("§ 1 Abs. 50 BGB", *sources) == [("§ 1 Abs. 50 BGB", 50)]
    assert linked("§ 1 Abs. 50 BGB", *sources, (BGB, "§ 1 Abs. 51")) == []


def test_links_have_an_end() -> None:
    assert len(Quoted([(KSCHG, "§ 9")]).links("§ 9 KSchG " * 1_000)) == MOST_LINKS


def test_sources_made_to_be_slow_are_read_all_the_same() -> None:
    started = time.process_time()
    quoted = Quoted(
        [("(" * 9 + "ABC " * 50_000, "§§ 1, " * 50_000), ("X (" * 50_000, "§ 1 Abs. 1, " * 50_000)]
    )
    quoted.links("§ 1 ABC")
    assert time.process_time() - started < 1
