"""Receivers of messages, by Apprise: mail, ntfy, webhooks and what else it knows."""

from __future__ import annotations

import hashlib
import logging
import warnings
from typing import Any

from schemas.errors import ConfigurationError
from tasks.maintenance.notices import NotDelivered
from workers.settings import Settings

_MISSING = "DATAPUNK_NOTIFY needs the package apprise: pip install 'datapunk-lake[notify]'"


class AppriseReceiver:
    """One address of the settings."""

    def __init__(self, number: int, address: str, service: Any) -> None:
        self._service = service
        self._key = hashlib.sha256(address.encode()).hexdigest()[:16]
        self._name = f"receiver {number} ({address.partition(':')[0].lower()})"

    @property
    def key(self) -> str:
        """The beginning of a hash over the address."""
        return self._key

    @property
    def name(self) -> str:
        """The place in the settings and the kind of service."""
        return self._name

    def send(self, title: str, body: str) -> None:
        """Send one message. Raises `NotDelivered`; the cause may hold the address, and is left."""
        try:
            delivered = self._service.notify(title=title, body=body)
        except Exception as error:
            raise NotDelivered(f"{self._name} did not take it: {type(error).__name__}") from None
        if not delivered:
            raise NotDelivered(f"{self._name} did not take it")


def receivers(settings: Settings) -> list[AppriseReceiver]:
    """Return the receivers of the settings, none where none is set.

    Raises `ConfigurationError` for an address that is none, or without the package.
    """
    addresses = settings.notify.get_secret_value().split() if settings.notify else []
    if not addresses:
        return []
    try:
        with warnings.catch_warnings():  # it imports what newer versions of Python have no longer
            warnings.simplefilter("ignore", DeprecationWarning)
            return _checked(addresses)
    except ImportError:
        raise ConfigurationError(_MISSING) from None


def _checked(addresses: list[str]) -> list[AppriseReceiver]:
    import apprise  # noqa: PLC0415 - an extra, and only where it is wanted

    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # its lines hold addresses
    # Without pictures: they are links to a site, which the receiver's program would open.
    asset = apprise.AppriseAsset(
        app_id="Datapunk Lake",
        app_desc="Datapunk Lake",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        image_path_mask="",
    )
    return [_receiver(n, each, apprise, asset) for n, each in enumerate(addresses, 1)]


def _receiver(number: int, address: str, apprise: Any, asset: Any) -> AppriseReceiver:
    service = apprise.Apprise(asset=asset)
    if not service.add(address):
        raise ConfigurationError(f"DATAPUNK_NOTIFY: address {number} is none that Apprise knows")
    return AppriseReceiver(number, address, service)
