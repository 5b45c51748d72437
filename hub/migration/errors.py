"""What can go wrong with a migration, each with its own code."""

from __future__ import annotations

from shared.errors import Fault, MiraError


class LegacyFileError(MiraError):
    """The legacy file cannot be read, is damaged, or is none."""

    code = "LEGACY_FILE_UNUSABLE"
    fault = Fault.ENVIRONMENT


class LegacyBusyError(MiraError):
    """The legacy file is locked, or is being written all the time."""

    code = "LEGACY_FILE_BUSY"
    fault = Fault.ENVIRONMENT


class MigrationError(MiraError):
    """What was asked for contradicts what was done before, or goes on already."""

    code = "MIGRATION_REFUSED"
    fault = Fault.PERSON


class VerificationError(MiraError):
    """What was moved differs from the legacy file."""

    code = "MIGRATION_NOT_VERIFIED"
    fault = Fault.HUB


class ApplicationError(MiraError):
    """The legacy application or the hub cannot be stopped or started."""

    code = "APPLICATION_UNMANAGEABLE"
    fault = Fault.ENVIRONMENT
