"""What travels on the wire: types, frames, events. No I/O and no asyncio here."""
