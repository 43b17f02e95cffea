"""Key derivation and sealing: the only package that touches `cryptography`.

Scope: one root key, one HKDF tree under it, and three sealed forms. `envelope` seals what is kept for long and is rare
(sessions, profiles, credentials), `records` what is small and many (peers), `cursor` what clients carry for us. All are
AES-256-GCM, each under keys that nothing else uses.

Compatibility: an envelope carries its version and key id from the first day; a new form gets a new version, and old ones
stay readable until nothing is sealed with them. Everything but `master_key` and `keychain` is pure: bytes in, bytes or
an error out.
"""
