"""The owner's keys for services beside Telegram: set, shown by their end only, erased."""

from __future__ import annotations

from typing import Final

from vasya_server.api.routes import Access, Call, mutation, read
from vasya_server.audit.actions import Action
from vasya_server.errors import FieldError, ValidationFailed
from vasya_server.model.settings import Provider, ProviderInput
from vasya_server.operations import Ready, local

_PROVIDERS: Final = ("deepgram",)
_SHOWN_OF_KEY: Final = 4


@read("/providers/{name}", Access.HUMAN)
async def get_provider(call: Call) -> Provider:
    """Tell whether the owner has a key for a provider of speech to text, and how it ends.

    The key itself is sealed and never given back. `deepgram` is the one provider; another name answers 422
    `validation_failed`, an agent key 403 `human_required`.
    """
    name = _name(call)
    secret = await call.gateway.providers.find(call.who.owner, name)
    return _shown(name, secret) if secret is not None else Provider(name=name)


@mutation("PUT", "/providers/{name}", Access.HUMAN, local(Action.PROVIDER_SET))
async def set_provider(call: Call, _ready: Ready, body: ProviderInput) -> Provider:
    """Set the owner's key for a provider, in the place of the one that was there.

    It is sealed and shown by its last four characters only. Nothing is asked of the provider, so that a wrong key is
    noticed at its first use. Another name than `deepgram`, and a key that is no 16 to 512 printable ASCII characters,
    answer 422 `validation_failed`.
    """
    name = _name(call)
    await call.gateway.providers.put(call.who.owner, name, body.key)
    return _shown(name, body.key)


@mutation("DELETE", "/providers/{name}", Access.HUMAN, local(Action.PROVIDER_ERASE), status=204)
async def delete_provider(call: Call, _ready: Ready) -> None:
    """Erase the owner's key for a provider.

    Erasing what is not set changes nothing. At the provider the key stays valid until it is revoked there. Another name
    than `deepgram` answers 422 `validation_failed`.
    """
    await call.gateway.providers.erase(call.who.owner, _name(call))


def _name(call: Call) -> str:
    name = call.path["name"]
    if name not in _PROVIDERS:
        raise ValidationFailed(FieldError("{name}", "unknown", _PROVIDERS))
    return name


def _shown(name: str, secret: str) -> Provider:
    return Provider(name=name, is_set=True, key=f"…{secret[-_SHOWN_OF_KEY:]}")
