from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from telethon import functions, types

from tests.sandbox.refusals import refused

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect
    from vasya_sandbox.model import World
    from vasya_sandbox.records import User


@pytest.fixture
def ada(world: World) -> User:
    return world.add_user("Ada")


@pytest.fixture
def bob(world: World) -> User:
    return world.add_user("Bob", "Builder", username="bob")


async def test_a_contact_is_called_as_whoever_added_them_likes(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    eve = world.add_user("Eve")
    hers, others = await connect(ada), await connect(eve)
    who = await hers.get_input_entity("bob")

    answer = await hers(functions.contacts.AddContactRequest(who, " Bobby ", "", phone=""))
    (seen,) = [user for user in answer.users if user.id == bob.id]
    (as_eve_sees,) = await others(
        functions.users.GetUsersRequest([await others.get_input_entity("bob")])
    )

    assert (seen.first_name, seen.last_name, seen.contact) == ("Bobby", None, True)
    assert (as_eve_sees.first_name, as_eve_sees.contact) == ("Bob", False)
    assert ada.contacts == {bob.id}


async def test_a_contact_that_is_deleted_has_their_own_name_again(
    ada: User, bob: User, connect: Connect
) -> None:
    client = await connect(ada)
    who = await client.get_input_entity("bob")
    await client(functions.contacts.AddContactRequest(who, "Bobby", "", phone=""))

    answer = await client(functions.contacts.DeleteContactsRequest([who]))

    (seen,) = [user for user in answer.users if user.id == bob.id]
    assert (seen.first_name, seen.contact) == ("Bob", False)


@pytest.mark.usefixtures("bob")
async def test_a_contact_has_a_name_and_is_somebody_else(ada: User, connect: Connect) -> None:
    client = await connect(ada)
    with refused("CONTACT_NAME_EMPTY"):
        await client(functions.contacts.AddContactRequest("bob", " ", "", phone=""))
    with refused("CONTACT_ID_INVALID"):
        await client(
            functions.contacts.AddContactRequest(types.InputUserSelf(), "Me", "", phone="")
        )
