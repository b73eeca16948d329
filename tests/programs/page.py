# SPDX-License-Identifier: Apache-2.0
"""What a browser shows."""
import dataclasses

PATIENCE = 60  # seconds; a browser that takes longer hangs


@dataclasses.dataclass
class Page:
    """text: as a person reads it. error: the browser's name for what went wrong, or None."""
    text: str
    error: str | None
