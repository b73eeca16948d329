/* SPDX-License-Identifier: Apache-2.0 */
/* The targets there are. */
#include "cli/setup/targets.h"

const struct cs_target cs_targets[] = {
    {"openssl", cs_target_openssl},
    {"session", cs_target_session},
    {"curl", cs_target_curl},
    {"git", cs_target_git},
    {"wget", cs_target_wget},
    {"openconnect", cs_target_openconnect},
    {"python", cs_target_python},
    {"node", cs_target_node},
    {"nginx", cs_target_nginx},
    {"psql", cs_target_psql},
    {"chromium", cs_target_chromium},
    {"firefox", cs_target_firefox},
    {"thunderbird", cs_target_thunderbird},
    {"p11-kit", cs_target_p11_kit},
    {"java", cs_target_java},
    {"openvpn", cs_target_openvpn},
    {"ssh", cs_target_ssh},
};
const size_t cs_n_targets = sizeof(cs_targets) / sizeof(cs_targets[0]);

_Static_assert(sizeof(cs_targets) / sizeof(cs_targets[0]) <= CS_TARGETS_MAX, "too many targets");
