"""Words: which tell the language, which say nothing, and which mean the same. Lower case, without umlauts."""

_GERMAN = """
bei bekomme bin darf das dem den der die ein eine einem einen einer es fur gilt habe ich im ist kann man
mein meine mir mit muss nach oder sind und von wann was welche welcher welches wenn wer wie wird zu
"""
_ENGLISH = """
a am an and are at can do does during for have how i if is it may me must my of on our should the there
they to we what when where which who you your
"""
_STOP_WORDS = """
a ab aber about alle als am an and anspruch are as at auch auf aus be been bei beim bekomme bekommen bin
bis bist by can da damit dann darf das dass dauert dem den denn der des did die dies diese dieser dieses
do doch does du durch ein eine einem einen einer eines er erfolgen es etwas for from fur ganz gegen
gelten get gibt gilt give given habe haben had has hat have hier how i ich if ihr im in into is ist it
its ja jede jeder jedes just kann kein keine konnen lang lange make man many me mehr mein meine meinem
meinen meiner mich mir mit much muss mussen must my nach nicht no noch not nur ob oder of ohne on or our
recht schon sehr sein seine shall should sich sie sind so soll stehen steht than that the their them then
there they this to uber um und under uns unser unsere up us viel viele von vor wahrend wann war warum was
we welche welchem welchen welcher welches wenn wer werde werden what when where which who why wie wieviel
wieviele will wir wird with wo would wurde you your zu zum zur
"""

GERMAN = frozenset(_GERMAN.split())
ENGLISH = frozenset(_ENGLISH.split())
STOP_WORDS = frozenset(_STOP_WORDS.split())

# A question's word that starts so is also searched as these words.
SYNONYMS = {
    "abmahn": "abmahnung kundigung verhalten",
    "arbeite": "arbeitszeit erwerbstatigkeit",
    "arbeitszeugnis": "zeugnis",
    "attest": "arztliche bescheinigung arbeitsunfahigkeit",
    "azubi": "berufsbildung jugendliche",
    "behinder": "schwerbehinderte benachteiligung",
    "befriste": "befristung befristeter",
    "chef": "arbeitgeber",
    "diskriminier": "benachteiligung benachteiligungsverbot",
    "entlass": "kundigung",
    "ferien": "urlaub",
    "feuer": "kundigung",
    "firma": "betrieb arbeitgeber",
    "gefeuert": "kundigung",
    "gehalt": "arbeitsentgelt vergutung",
    "hochstens": "uberschreiten stunden",
    "homeoffice": "mobiler kommunikationstechnik ausgestaltung",
    "geburt": "entbindung",
    "krank": "arbeitsunfahigkeit krankheit erkrankt",
    "krankmeldung": "arztliche bescheinigung vorlegen",
    "krankschreib": "arztliche bescheinigung vorlegen",
    "lohn": "arbeitsentgelt entgeltfortzahlung vergutung",
    "maximal": "uberschreiten stunden",
    "mutterschutz": "schutzfrist entbindung",
    "pause": "ruhepausen",
    "resturlaub": "urlaub ubertragung",
    "schriftlich": "schriftform",
    "oft": "verlangerung hochstens",
    "schwanger": "schwangerschaft entbindung",
    "sonntag": "sonn feiertagsruhe beschaftigt",
    "teilzeit": "verringerung arbeitszeit verringert",
    "uberstunde": "arbeitszeit verlangert uberschreiten",
    "urlaubstag": "werktage urlaub dauer",
    "verfall": "ubertragung kalenderjahr genommen",
    "verkauf": "betriebsubergang",
    "vertrag": "arbeitsvertrag",
    # English questions
    "break": "ruhepausen",
    "days": "werktage dauer",
    "contract": "arbeitsvertrag",
    "disab": "schwerbehinderte",
    "discriminat": "benachteiligung benachteiligungsverbot",
    "dismiss": "kundigung",
    "employee": "arbeitnehmer",
    "employer": "arbeitgeber",
    "fired": "kundigung",
    "fixed": "befristung befristeter",
    "holiday": "urlaub urlaubsanspruch",
    "hour": "arbeitszeit stunden",
    "leave": "urlaub",
    "maternity": "schutzfrist entbindung mutterschutz",
    "maximum": "uberschreiten",
    "minim": "mindestens",
    "night": "nachtarbeit nachtzeit",
    "notice": "kundigungsfrist kundigungsfristen",
    "overtime": "arbeitszeit verlangert uberschreiten",
    "parental": "elternzeit",
    "part": "teilzeit verringerung arbeitszeit verringert",
    "pay": "arbeitsentgelt entgeltfortzahlung",
    "pregnan": "schwangerschaft entbindung",
    "probation": "probezeit",
    "reference": "zeugnis",
    "rest": "ruhezeit",
    "resign": "kundigung",
    "salary": "arbeitsentgelt vergutung",
    "severance": "abfindung",
    "sick": "arbeitsunfahigkeit krankheit erkrankt",
    "sunday": "sonntag sonn feiertagsruhe",
    "terminat": "kundigung",
    "vacation": "urlaub urlaubsanspruch",
    "wage": "arbeitsentgelt mindestlohn",
    "work": "arbeitszeit",
    "written": "schriftform",
    "writing": "schriftform",
}
