"""The caller's address book: who is in it, and under which names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import inputs, views
from vasya_sandbox.errors import RpcError
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.records import User
    from vasya_sandbox.session import Session

MAX_NAME = 64


@rpc(f.contacts.GetContactsRequest)
def get_contacts(session: Session, request: Any) -> Any:
    """Serve contacts.getContacts.

    Source: https://core.telegram.org/method/contacts.getContacts
    """
    world, me = session.dc.world, session.user
    users = [world.users[user_id] for user_id in sorted(me.contacts)]
    return t.contacts.Contacts(
        [t.Contact(user.id, me.id in user.contacts) for user in users],
        0,
        [views.user(world, me, user) for user in users],
    )


@rpc(f.contacts.AddContactRequest)
def add_contact(session: Session, request: Any) -> Any:
    """Serve contacts.addContact; a contact gets another name by it.

    Source: https://core.telegram.org/method/contacts.addContact
    """
    who = inputs.user(session, request.id)
    if who is session.user:
        raise RpcError(400, "CONTACT_ID_INVALID")
    if not request.first_name.strip():
        raise RpcError(400, "CONTACT_NAME_EMPTY")
    _enter(session, who, request.first_name, request.last_name)
    return _told(session, [who])


@rpc(f.contacts.ImportContactsRequest)
def import_contacts(session: Session, request: Any) -> Any:
    """Serve contacts.importContacts: numbers without an account are left out of the answer.

    Source: https://core.telegram.org/method/contacts.importContacts
    """
    world, me = session.dc.world, session.user
    imported, users = [], []
    for contact in request.contacts:
        user = world.by_phone(re.sub(r"\D", "", contact.phone))
        if user is not None and user is not me:
            _enter(session, user, contact.first_name, contact.last_name)
            imported.append(t.ImportedContact(user.id, contact.client_id))
            users.append(views.user(world, me, user))
    return t.contacts.ImportedContacts(imported, [], [], users)


def _enter(session: Session, who: User, first_name: str, last_name: str) -> None:
    me = session.user
    me.contacts.add(who.id)
    me.contact_names[who.id] = (first_name.strip()[:MAX_NAME], last_name.strip()[:MAX_NAME])


@rpc(f.contacts.DeleteContactsRequest)
def delete_contacts(session: Session, request: Any) -> Any:
    """Serve contacts.deleteContacts.

    Source: https://core.telegram.org/method/contacts.deleteContacts
    """
    users = [inputs.user(session, given) for given in request.id]
    for user in users:
        session.user.contacts.discard(user.id)
        session.user.contact_names.pop(user.id, None)
    return _told(session, users)


def _told(session: Session, users: list[User]) -> Any:
    """Tell the caller's other devices, and answer."""
    world, me = session.dc.world, session.user
    changed = [t.UpdatePeerSettings(t.PeerUser(user.id), t.PeerSettings()) for user in users]
    shown = views.entities(world, me, [user.id for user in users])
    session.dc.push(me, changed, **shown, skip=session)
    return t.Updates(changed, date=world.now, seq=0, **shown)
