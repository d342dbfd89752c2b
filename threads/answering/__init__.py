"""From a question to a stored answer.

asking    stores a question with its waiting answer
line      whose question is next, and where one stands
budget    when a call may start
calling   one call: from a claim to a stored answer
history   what goes along with a question
worker    claims and calls, and takes over from workers that died
removing  removes for good what was deleted long ago
waking    holds the browsers that wait until something happened
"""

from threads.answering.asking import Gone, LimitReached, NotTheLast, ask, ask_anew, can_ask_anew, start_thread

__all__ = ["Gone", "LimitReached", "NotTheLast", "ask", "ask_anew", "can_ask_anew", "start_thread"]
