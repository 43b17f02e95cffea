"""The rows of the peers that an account has met."""

from __future__ import annotations

from typing import Final

import msgspec

from vasya_server.store.database import Query


class PeerRow(msgspec.Struct, frozen=True, kw_only=True):
    """One sealed peer, and the digest of its id, to which the seal is bound."""

    digest: bytes
    sealed: bytes


PEER: Final = Query("""
    SELECT digest, sealed FROM peers WHERE account_id = :account_id AND digest = :digest
""")
PEER_BY_NAME: Final = Query("""
    SELECT peers.digest, peers.sealed FROM peer_names
    JOIN peers ON peers.account_id = peer_names.account_id AND peers.digest = peer_names.peer_digest
    WHERE peer_names.account_id = :account_id AND peer_names.digest = :digest
""")
PUT_PEER: Final = Query("""
    INSERT INTO peers (account_id, digest, sealed) VALUES (:account_id, :digest, :sealed)
    ON CONFLICT (account_id, digest) DO UPDATE SET sealed = excluded.sealed
""")
FORGET_NAMES: Final = Query("""
    DELETE FROM peer_names WHERE account_id = :account_id AND peer_digest = :peer_digest
""")
PUT_NAME: Final = Query("""
    INSERT INTO peer_names (account_id, digest, peer_digest) VALUES (:account_id, :digest, :peer_digest)
    ON CONFLICT (account_id, digest) DO UPDATE SET peer_digest = excluded.peer_digest
""")
