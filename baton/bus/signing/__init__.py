"""Signatures of messages: Ed25519 over the bytes that are sent, in the manner of DSSE.

    pae          what exactly is signed: the type of a message and its bytes; pure
    ssh_key      what all public keys have; pure
    public_key   a key as OpenSSH writes it in one line; pure
    passkey      the public key of a passkey, in the same way; pure
    header       the header of a message that carries its signatures; pure
    private_key  a key in a file that only its owner may read
    signer       signs what is sent
    key_ring     the keys that are trusted, and why a signature does not count
    approval     a person's signature over a plan; pure
    assertion    what a passkey signs, and why it does not count
    approver_ring   the people whose approvals count, and why one does not
    ssh_agent    an ssh-agent signs for a person

Only private_key, key_ring and assertion load the package `cryptography`, and only once there is a
key: who signs and verifies nothing loads nothing of it.

github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md
"""
