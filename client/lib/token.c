/* SPDX-License-Identifier: Apache-2.0 */
/* A token: one block of memory, never changed once made. Also the calls that unlock and lock. */
#include "lib/token.h"
#include "lib/client.h"
#include "lib/list.h"
#include "lib/pack.h"

struct countersign_token {
    const char *uri, *label, *manufacturer, *model, *serial, *module, *why;
    unsigned flags;
    uint64_t since;
};

int cs_token_new(struct countersign_token **tokenp, const struct cs_msg_token *m)
{
    struct countersign_token *token;
    struct cs_pack pack;

    token = cs_pack_new(&pack, sizeof(*token),
        m->uri.len + m->label.len + m->manufacturer.len + m->model.len + m->serial.len +
            m->module.len + m->why.len + 7);
    if (!token)
        return CS_ERR_MEMORY;
    *token = (struct countersign_token){
        .uri = cs_pack_string(&pack, m->uri),
        .label = cs_pack_string(&pack, m->label),
        .manufacturer = cs_pack_string(&pack, m->manufacturer),
        .model = cs_pack_string(&pack, m->model),
        .serial = cs_pack_string(&pack, m->serial),
        .module = cs_pack_string(&pack, m->module),
        .why = cs_pack_string(&pack, m->why),
        .flags = m->flags,
        .since = m->since,
    };
    *tokenp = token;
    return 0;
}

const char *countersign_token_uri(const struct countersign_token *token)
{
    return token->uri;
}

const char *countersign_token_label(const struct countersign_token *token)
{
    return token->label;
}

const char *countersign_token_manufacturer(const struct countersign_token *token)
{
    return token->manufacturer;
}

const char *countersign_token_model(const struct countersign_token *token)
{
    return token->model;
}

const char *countersign_token_serial(const struct countersign_token *token)
{
    return token->serial;
}

const char *countersign_token_module(const struct countersign_token *token)
{
    return token->module;
}

unsigned countersign_token_flags(const struct countersign_token *token)
{
    return token->flags;
}

uint64_t countersign_token_since(const struct countersign_token *token)
{
    return token->since;
}

const char *countersign_token_why(const struct countersign_token *token)
{
    return token->why;
}

/* Asks the begun request and reads the labels of the tokens it was about. */
static int ask_for_labels(struct countersign_client *client, struct cs_request *request,
    struct countersign_list **labelsp, struct cs_fault *fault)
{
    struct countersign_list *labels = NULL;
    struct cs_reply reply;
    int r;

    r = cs_client_ask(client, request, &reply, fault);
    if (r == 0)
        r = cs_list_of_labels(&labels, reply.body);
    r = cs_client_end(client, request, &reply, r, fault);
    if (r < 0)
        return r;
    if (labelsp)
        *labelsp = labels;
    else
        countersign_list_free(labels);
    return 0;
}

static int take_name(const char *token, char **ownp, struct cs_fault *fault)
{
    if (!cs_bytes_is_string(cs_bytes_of(token)))
        return cs_fail(fault, CS_ERR_INVALID,
            "the name of a token must be UTF-8: 'countersign status --json' shows its URI");
    return cs_client_name(token, ownp, fault);
}

int countersign_unlock(struct countersign_client *client, const char *token, int how, int fd,
    struct countersign_list **labelsp, struct countersign_fault *public_fault)
{
    struct cs_fault *fault = cs_client_fault(public_fault);
    CS_AUTO(cs_freep) char *own = NULL;
    struct cs_request request;
    int r;

    if (how < CS_UNLOCK_ASK || how > (CS_UNLOCK_FD | CS_UNLOCK_FORCE))
        return cs_fail(fault, CS_ERR_INVALID, "%d is not an enum cs_unlock", how);
    if ((how & CS_UNLOCK_FD) && fd < 0)
        return cs_fail(fault, CS_ERR_INVALID, "there is no descriptor to read the PIN from");
    r = take_name(token, &own, fault);
    if (r < 0)
        return r;
    cs_request_init(&request, CS_MSG_UNLOCK);
    cs_msg_unlock_put(
        &request.frame, &(struct cs_msg_unlock){.token = cs_bytes_of(own), .how = (uint8_t)how});
    if (how & CS_UNLOCK_FD)
        request.fd = fd;
    return ask_for_labels(client, &request, labelsp, fault);
}

int countersign_change_pin(struct countersign_client *client, const char *token, int how, int fd,
    int new_fd, struct countersign_list **labelsp, struct countersign_fault *public_fault)
{
    struct cs_fault *fault = cs_client_fault(public_fault);
    CS_AUTO(cs_freep) char *own = NULL;
    struct cs_request request;
    int r;

    if (how < CS_UNLOCK_ASK || how > (CS_UNLOCK_FD | CS_UNLOCK_FORCE))
        return cs_fail(fault, CS_ERR_INVALID, "%d is not an enum cs_unlock", how);
    if ((how & CS_UNLOCK_FD) && (fd < 0 || new_fd < 0))
        return cs_fail(fault, CS_ERR_INVALID,
            "there are no two descriptors to read the present and the new PIN from");
    r = take_name(token, &own, fault);
    if (r < 0)
        return r;
    cs_request_init(&request, CS_MSG_PIN_CHANGE);
    cs_msg_unlock_put(
        &request.frame, &(struct cs_msg_unlock){.token = cs_bytes_of(own), .how = (uint8_t)how});
    if (how & CS_UNLOCK_FD) {
        request.fd = fd;
        request.fd2 = new_fd;
    }
    return ask_for_labels(client, &request, labelsp, fault);
}

int countersign_lock(struct countersign_client *client, const char *token,
    struct countersign_list **labelsp, struct countersign_fault *public_fault)
{
    struct cs_fault *fault = cs_client_fault(public_fault);
    CS_AUTO(cs_freep) char *own = NULL;
    struct cs_request request;
    int r = take_name(token, &own, fault);

    if (r < 0)
        return r;
    cs_request_init(&request, CS_MSG_LOCK);
    cs_msg_lock_put(&request.frame, &(struct cs_msg_lock){.token = cs_bytes_of(own)});
    return ask_for_labels(client, &request, labelsp, fault);
}
