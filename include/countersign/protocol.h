/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket protocol in constants. PROTOCOL.md, beside this file, says in words what they mean;
 * both change in one commit.
 */
#ifndef COUNTERSIGN_PROTOCOL_H
#define COUNTERSIGN_PROTOCOL_H

#define CS_PROTOCOL_VERSION 1

#define CS_FRAME_HEADER 12               /* length, type, flags, request id */
#define CS_FRAME_MAX (1024u * 1024u)     /* largest body, in either direction */
#define CS_ID_SIZE 32                    /* SHA-256 of the SubjectPublicKeyInfo */
#define CS_HOST_BY_CERTIFICATE "sha256:" /* FIND: begins what stands for a server's name */
#define CS_PAGE_MAX (256u * 1024u)       /* a page of a list ends at the first entry beyond this */

/* Requests, client to agent. The reply to request T has type T | CS_MSG_REPLY, or is an ERROR. */
enum cs_message_type {
    CS_MSG_HELLO = 0x0001,
    CS_MSG_TOKENS = 0x0002,
    CS_MSG_IDENTITIES = 0x0003,
    CS_MSG_CERTIFICATES = 0x0004,
    CS_MSG_RESOLVE = 0x0005,
    CS_MSG_SIGN = 0x0006,
    CS_MSG_UNLOCK = 0x0007,
    CS_MSG_LOCK = 0x0008,
    CS_MSG_STATUS = 0x0009,
    CS_MSG_FIND = 0x000a,
    CS_MSG_REFRESH = 0x000b,
    CS_MSG_WATCH = 0x000c,
    CS_MSG_PIN_CHANGE = 0x000d,
    CS_MSG_PING = 0x000e,
    CS_MSG_CHOOSE = 0x000f,
    CS_MSG_POLICY = 0x0010,
    CS_MSG_POLICY_CHECK = 0x0011,
    CS_MSG_CONSENTS = 0x0014,
    CS_MSG_CONSENT_REVOKE = 0x0015,
    CS_MSG_USES = 0x0016,
    CS_MSG_RECORD = 0x0017,
    CS_MSG_EVENT = 0x00f0, /* agent to client, after WATCH */
    CS_MSG_REPLY = 0x8000,
    CS_MSG_ERROR = 0xffff,
};

/* RESOLVE: what the caller can use. */
enum cs_expect {
    CS_EXPECT_ANY = 0,
    CS_EXPECT_KEY = 1,
    CS_EXPECT_CERTIFICATE = 2,
};

/* SIGN: what the bytes are. */
enum cs_input {
    CS_INPUT_MESSAGE = 0, /* the agent hashes them as the scheme says */
    CS_INPUT_DIGEST = 1,  /* a hash of the size that the scheme says */
};

/* UNLOCK: where the PIN comes from. PIN_CHANGE: where both come from; FD: two descriptors. FORCE
 * may be added to FD. */
enum cs_unlock {
    CS_UNLOCK_ASK = 0,  /* from the configured source, else by a prompt */
    CS_UNLOCK_FD = 1,   /* from the descriptor that came with the message */
    CS_UNLOCK_FORCE = 2 /* even on the token's last try, and with a PIN that it refused before */
};

/* Flags of a token. */
enum cs_token_flag {
    CS_TOKEN_LOGIN_REQUIRED = 1 << 0,
    CS_TOKEN_UNLOCKED = 1 << 1,
    CS_TOKEN_PROTECTED_PATH = 1 << 2, /* the PIN is entered on the reader */
    CS_TOKEN_PIN_COUNT_LOW = 1 << 3,
    CS_TOKEN_PIN_FINAL_TRY = 1 << 4,
    CS_TOKEN_PIN_BLOCKED = 1 << 5,
    CS_TOKEN_INITIALIZED = 1 << 6,
    CS_TOKEN_HELD = 1 << 7, /* locked on purpose: unlocks only when a person asks */
};

/* Flags of an identity. */
enum cs_identity_flag {
    CS_IDENTITY_KEY_SEEN = 1 << 0, /* the private key itself has been seen, not only inferred */
    CS_IDENTITY_ALWAYS_AUTHENTICATE = 1
                                      << 1, /* CKA_ALWAYS_AUTHENTICATE: a PIN for each signature */
};

/* EVENT: what happened. A client that does not know a number treats it as CS_EVENT_PICTURE. */
enum cs_event_kind {
    CS_EVENT_PICTURE = 0, /* the lists changed: ask for them again */
    CS_EVENT_TOKEN_ADDED = 1,
    CS_EVENT_TOKEN_REMOVED = 2,
    CS_EVENT_TOKEN_UNLOCKED = 3,
    CS_EVENT_TOKEN_LOCKED = 4,
    CS_EVENT_IDENTITY_ADDED = 5,
    CS_EVENT_IDENTITY_REMOVED = 6,
    CS_EVENT_SIGNED = 7,
    CS_EVENT_EXPIRING = 8,
};

/* POLICY: flags of a rule. */
enum cs_rule_flag {
    CS_RULE_FINAL = 1 << 0,
    CS_RULE_BUILT_IN = 1 << 1,
};

/* POLICY_CHECK: what would be decided. */
enum cs_verdict {
    CS_VERDICT_ALLOW = 0,
    CS_VERDICT_ASK = 1, /* a person would be asked */
    CS_VERDICT_DENY = 2,
};

enum cs_key_type {
    CS_KEY_RSA = 1,     /* rsaEncryption */
    CS_KEY_RSA_PSS = 2, /* id-RSASSA-PSS: an RSA key restricted to PSS by its certificate */
    CS_KEY_EC = 3,
    CS_KEY_ED25519 = 4,
    CS_KEY_ED448 = 5,
};

#endif
