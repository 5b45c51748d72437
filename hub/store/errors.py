"""What can go wrong in the store, each with its own code."""

from __future__ import annotations

from shared.errors import Fault, StoreError


class StoreBusyError(StoreError):
    """Another program holds the database."""

    code = "STORE_BUSY"


class StoreFullError(StoreError):
    """The disk has no room left."""

    code = "STORE_FULL"


class StoreFileError(StoreError):
    """The file is not a database, is damaged, or may not be read or written."""

    code = "STORE_FILE_UNUSABLE"


class StoreServerError(StoreError):
    """The database server cannot be reached or used as it is set up."""

    code = "STORE_SERVER_UNUSABLE"


class SchemaError(StoreError):
    """The database's schema is not one that this program can work with."""

    code = "SCHEMA_UNKNOWN"


class DowngradeRefusedError(StoreError):
    """The older schema has no place for what is stored."""

    code = "DOWNGRADE_REFUSED"
    fault = Fault.PERSON


class StoreConflictError(StoreError):
    """A row contradicts what is stored: it exists already, or it points at nothing."""

    code = "STORE_CONFLICT"
    fault = Fault.HUB


class ClientExistsError(StoreError):
    """The network already has a device of this id."""

    code = "CLIENT_EXISTS"
    fault = Fault.PERSON


class InvalidValueError(StoreError):
    """What was to be stored contradicts itself."""

    code = "INVALID_REQUEST"
    fault = Fault.PERSON


class RegistrationClosedError(StoreError):
    """The network's settings let nobody register so."""

    code = "REGISTRATION_CLOSED"
    fault = Fault.PERSON


class NotFoundError(StoreError):
    """No such row in this network; another network's row looks just the same."""

    code = "NOT_FOUND"
    fault = Fault.PERSON


class VoicesOffError(StoreError):
    """The network wants nobody to be told by the voice."""

    code = "VOICES_OFF"
    fault = Fault.PERSON


class UnlikeVoiceError(StoreError):
    """A sentence sounds like somebody else than who read the sentences before."""

    code = "UNLIKE_VOICE"
    fault = Fault.PERSON


class NoRecordingError(StoreError):
    """The audio of an interaction was not kept."""

    code = "NO_RECORDING"
    fault = Fault.PERSON


class InvalidSettingsError(StoreError):
    """A settings document with an unknown key or a value of the wrong kind."""

    code = "INVALID_SETTINGS"
    fault = Fault.PERSON


class ScopeError(StoreError):
    """A transaction reached for what is not its network's: a fault of the hub, and refused."""

    code = "OUT_OF_SCOPE"
    fault = Fault.HUB


class InvalidCursorError(StoreError):
    """A position in a list that no page gave."""

    code = "INVALID_CURSOR"
    fault = Fault.PERSON


class VersionConflictError(StoreError):
    """Somebody else changed the row since it was read."""

    code = "VERSION_CONFLICT"
    fault = Fault.PERSON


class CursorExpiredError(StoreError):
    """The event log does not reach back to a device's cursor: it needs a snapshot.

    Args:
        newest: seq of the newest event, up to which a snapshot that is read now tells.
    """

    code = "CURSOR_EXPIRED"

    def __init__(self, newest: int) -> None:
        super().__init__("The log does not reach back to this cursor.")
        self.newest = newest


class OutdatedChangeError(StoreError):
    """What a person did on a device was overtaken by what somebody did later."""

    code = "OUTDATED_CHANGE"
    fault = Fault.PERSON
