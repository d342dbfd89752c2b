"""A stand-in for the completions API, for the demo and the tests: as strict as completions-api.md has it.

    POST    /v1/chat/completions[?thread_id=…]    an answer, composed from statutory texts
    GET     /v1/assistants[/<id>]
    GET     /sandbox/faults                       what can be ordered to go wrong
    POST    /sandbox/faults                       {"fault": "api_timeout_error", "times": 2, "retry_after": 3}
    DELETE  /sandbox/faults                       clears the orders
    GET     /sandbox/requests                     what was received under /v1, oldest first

All want the API key. Words in a question order faults too: `!sandbox api_timeout_error 2`; see `faults`.
"""

from .app import API_KEY, Sandbox
from .assistants import EMPLOYMENT_LAW, FAMILY, WORKING_TIME
from .server import running, serve

__all__ = ["API_KEY", "EMPLOYMENT_LAW", "FAMILY", "WORKING_TIME", "Sandbox", "running", "serve"]
