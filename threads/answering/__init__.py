"""From a question to a stored answer.

asking     stores a question with its waiting answer, and decides whether it may be asked
line       whose question is next, and where one stands
budget     when a call may start
calling    one call: from a claim to a stored answer
history    what goes along with a question
worker     claims and calls, and takes over from workers that died
removing   erases what is past undoing or retention, and what has ended
collecting puts what is in the scope of mandates under them
exporting  builds exports that take a while
waking     holds the browsers that wait until something happened
"""

from threads.answering.asking import (
    Gone,
    LimitReached,
    NotTheLast,
    NotUsable,
    ask,
    ask_anew,
    retry,
    start_thread,
)

__all__ = ["Gone", "LimitReached", "NotTheLast", "NotUsable", "ask", "ask_anew", "retry", "start_thread"]
