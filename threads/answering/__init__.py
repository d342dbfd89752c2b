"""From a question to a stored answer.

`asking` stores a question with its waiting answer and the job, `job` is what a worker runs, `history` says
what goes along with a question, `waking` holds the browsers that wait until something happened.
"""

from threads.answering.asking import ask, ask_again, start_thread

__all__ = ["ask", "ask_again", "start_thread"]
