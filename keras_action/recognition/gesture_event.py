"""A detected gesture."""

import dataclasses
import json


@dataclasses.dataclass(frozen=True)
class GestureEvent:
    """A detected gesture.

    Args:
        label: Name of the gesture.
        start: Start of the gesture, in seconds.
        end: End of the gesture, in seconds. For an event that fired early, the
            time up to which the gesture had been observed.
        score: Maximum smoothed probability between start and end.
        peak: Time of that maximum, in seconds.
        fired: Time of the stream at which the event was reported, in seconds.
    """

    label: str
    start: float
    end: float
    score: float
    peak: float
    fired: float

    def to_json(self):
        """The event as one line of JSON, times to the millisecond."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    def to_dict(self):
        """The event as a dictionary of plain values, times to the millisecond."""
        times = {name: round(getattr(self, name), 3) for name in ("start", "end", "peak", "fired")}
        return {"label": self.label, **times, "score": round(self.score, 4)}

    def __str__(self):
        return f"{self.start:8.2f} – {self.end:6.2f} s  {self.label:<16} {self.score:.2f}"
