/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bundle. Many a card has room for its user's certificate alone, while servers know no more
 * than the root; and an HSM or a TPM may hold a key, and its certificate lie in a file. Roots may
 * be in it, and are of no use.
 */
#include "inventory/bundle.h"
#include "limit.h"

#include <countersign/error.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>

CS_DEFINE_CLEANUP(BIO *, BIO_free);

/* What is no file is not waited for. */
static int open_file(const struct cs_setting *at, int *fdp, struct cs_fault *fault)
{
    CS_AUTO(cs_closep) int fd = open(at->value, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct cs_fault why = {0};
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return cs_setting_refuse(at, fault, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return cs_setting_refuse(at, fault, "it is no file: write the path of a PEM file");
    if (st.st_size > CS_LIMIT_BUNDLE_FILE)
        return cs_setting_refuse(
            at, fault, "it is too large: leave the certificates that keys and chains need");
    if (cs_settings_check_owner("it", at->value, &st, &why) < 0)
        return cs_setting_refuse(at, fault, why.text);
    *fdp = cs_steal_fd(&fd);
    return 0;
}

/* The subject, for people. */
static struct cs_bytes get_label(const X509 *x509, BIO *room)
{
    char *text = NULL;
    long len;

    X509_NAME_print_ex(
        room, X509_get_subject_name(x509), 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
    len = BIO_get_mem_data(room, &text);
    if (len > CS_LIMIT_OBJECT_NAME)
        len = 0;
    return CS_BYTES(text, (size_t)len);
}

static int make_object(X509 *x509, struct cs_object **objectp)
{
    CS_AUTO(BIO_freep) BIO *room = BIO_new(BIO_s_mem());
    unsigned char *der = NULL;
    int len = i2d_X509(x509, &der), r = CS_ERR_MEMORY;

    if (room && len >= 0)
        r = cs_object_new(&(const struct cs_host_object){.object_class = CS_HOST_CERTIFICATE,
                              .label = get_label(x509, room),
                              .value = CS_BYTES(der, (size_t)len)},
            objectp);
    OPENSSL_free(der);
    return r;
}

static bool has(const struct cs_bundle *bundle, struct cs_bytes der)
{
    for (size_t i = 0; i < bundle->n; i++)
        if (cs_bytes_equal(bundle->items[i]->value, der))
            return true;
    return false;
}

static int add(struct cs_bundle *bundle, X509 *x509, const char **mendp)
{
    CS_AUTO(cs_object_freep) struct cs_object *object = NULL;
    struct cs_object **items;
    int r = make_object(x509, &object);

    if (r == CS_ERR_MEMORY)
        return r;
    if (r < 0)
        *mendp = "a certificate in it cannot be used: take it out";
    else if (bundle->n >= CS_LIMIT_BUNDLE)
        *mendp = "there are too many certificates: leave those that keys and chains need";
    if (*mendp)
        return CS_ERR_CONFIG;
    if (has(bundle, object->value))
        return 0;
    object->filed = true;
    items = reallocarray(bundle->items, bundle->n + 1, sizeof(struct cs_object *));
    if (!items)
        return CS_ERR_MEMORY;
    bundle->items = items;
    items[bundle->n++] = cs_steal(&object);
    return 0;
}

/* The end of the file is an error of OpenSSL's, too. */
static bool is_end(void)
{
    unsigned long error = ERR_peek_last_error();

    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

static int read_all(struct cs_bundle *bundle, FILE *file, const char **mendp)
{
    X509 *x509;
    size_t n = 0;
    int r = 0;

    ERR_clear_error();
    /* With an empty password, lest somebody is asked for one. */
    while (r == 0 && (x509 = PEM_read_X509(file, NULL, NULL, (void *)""))) {
        r = add(bundle, x509, mendp);
        n++;
        X509_free(x509);
    }
    if (r == 0 && !is_end())
        *mendp = "it has a certificate that is damaged";
    else if (r == 0 && n == 0)
        *mendp = "there is no certificate in it: write the path of a PEM file";
    ERR_clear_error();
    return *mendp ? CS_ERR_CONFIG : r;
}

int cs_bundle_take(struct cs_bundle *bundle, const struct cs_setting *at, struct cs_fault *fault)
{
    CS_AUTO(cs_closep) int fd = -1;
    const char *mend = NULL;
    FILE *file;
    int r;

    if (at->value[0] != '/')
        return cs_setting_refuse(at, fault, "write an absolute path");
    r = open_file(at, &fd, fault);
    if (r < 0)
        return r;
    file = fdopen(fd, "r"); /* a BIO of a descriptor reads octet by octet */
    if (!file)
        return CS_ERR_MEMORY;
    cs_steal_fd(&fd);
    r = read_all(bundle, file, &mend);
    fclose(file);
    return mend ? cs_setting_refuse(at, fault, mend) : r;
}

void cs_bundle_deinit(struct cs_bundle *bundle)
{
    for (size_t i = 0; i < bundle->n; i++)
        cs_object_free(bundle->items[i]);
    free(bundle->items);
    *bundle = (struct cs_bundle){0};
}
