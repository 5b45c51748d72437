"""Words that many requests to make something have in common, as parts of patterns."""

from __future__ import annotations

import re

MAKE = (
    r"(?:set(?: up)?|make|create|add|(?:give|send|shoot|drop) (?:me|us)|gimme|fix|new|leave"
    r"|put(?: in| down)?|pop|stick|drop"
    r"|(?:i|we) (?:need|want|would like|should like)|(?:i'd|we'd) (?:like|love)"
    r"|start|schedule|get me|enter|note|record|save|place|program|activate|turn on"
    r"|begin|log|open|insert|book|arrange|plan|organi[sz]e|write(?: down)?|need|want|get a)"
)
ME = r"(?: (?:me|us|myself|for me|for us))?"
A = r"(?: (?:a|an|another|the|my|one|up a|up an|in a|in an|down a))?"
ON = r"(?: (?:in|on|up|down)(?= for ))?"
KIND = (
    r"(?: (?:new|quick|urgent|important|high priority|low priority|daily|weekly|monthly|yearly"
    r"|short|little|very|calendar|recurring|repeating))*"
)
STATES = re.compile(
    r"\b(?:was|were|is|are|has|had|would|will|could|should|might|did|does|isn't|wasn't|been|be)\b"
)
"""What a statement has and a request has not."""
