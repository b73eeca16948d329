/* SPDX-License-Identifier: Apache-2.0 */
/* agent/registry and module: which modules p11-kit's files stand for. */
#include "hosts/registry.h"

#include <countersign/error.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[64];
static char system_conf[128], system_dir[128], package_dir[128], module_dir[128], user_base[128];
static struct cs_registry registry;
static struct cs_modules modules;

static void put(const char *path, const char *text)
{
    char whole[256];
    FILE *file;

    snprintf(whole, sizeof(whole), "%s/%s", folder, path);
    file = fopen(whole, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void place(char *path, const char *name, bool directory)
{
    snprintf(path, 128, "%s/%s", folder, name);
    if (directory)
        assert_int_equal(mkdir(path, 0700), 0);
}

static int setup(void **state)
{
    char unused[128];

    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/cs-test-registry-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    place(system_conf, "pkcs11.conf", false);
    place(system_dir, "system", true);
    place(package_dir, "package", true);
    place(module_dir, "lib", true);
    place(user_base, "user", true);
    place(unused, "user/pkcs11", true);
    place(unused, "user/pkcs11/modules", true);
    registry = (struct cs_registry){system_conf, system_dir, package_dir, module_dir, user_base};
    put("lib/a.so", "");
    put("lib/b.so", "");
    put("lib/c.so", "");
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int teardown(void **state)
{
    (void)state;
    cs_modules_deinit(&modules);
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* The names in order, with spaces between them. */
static const char *names(void)
{
    static char text[256];

    cs_modules_deinit(&modules);
    assert_int_equal(cs_registry_read(&registry, &modules, NULL), 0);
    text[0] = '\0';
    for (size_t i = 0; i < modules.n; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "",
            modules.list[i].name);
    return text;
}

static void test_files_of_all_places(void **state)
{
    char path[160];

    (void)state;
    put("package/b.module", "# comment\nmodule: b.so\n");
    put("system/a.module", "module: a.so\nx-init-reserved: flags=1\n");
    snprintf(path, sizeof(path), "module: %s/c.so\n", module_dir);
    put("user/pkcs11/modules/c.module", path);
    assert_string_equal(names(), "a b c");
    snprintf(path, sizeof(path), "%s/a.so", module_dir);
    assert_string_equal(modules.list[0].path, path);
    assert_string_equal(modules.list[0].init_args, "flags=1");
    assert_null(modules.list[1].init_args);
}

static void test_one_file_is_as_many_modules_as_it_is_started_in_ways(void **state)
{
    (void)state;
    put("system/a.module", "module: a.so\n");
    put("system/b.module", "module: a.so\nx-init-reserved: tokens=home\n");
    put("system/c.module", "module: a.so\n");
    put("system/d.module", "module: a.so\nx-init-reserved: tokens=home\n");
    put("system/e.module", "module: a.so\nx-init-reserved: tokens=work\n");
    assert_string_equal(names(), "a b e");
}

static void test_what_is_not_for_us(void **state)
{
    (void)state;
    put("lib/p11-kit-proxy.so", "");
    put("lib/p11-kit-client.so", "");
    put("lib/countersign-pkcs11.so", "");
    put("package/trust.module", "module: a.so\ntrust-policy: yes\n");
    put("package/proxy.module", "module: p11-kit-proxy.so\n");
    put("package/client.module", "module: p11-kit-client.so\n");
    put("package/ours.module", "module: countersign-pkcs11.so\n");
    put("package/remote.module", "remote: |ssh host p11-kit remote /x.so\n");
    put("package/absent.module", "module: absent.so\n");
    put("package/empty.module", "");
    put("package/not-a-module.txt", "module: a.so\n");
    put("package/.hidden.module", "module: a.so\n");
    put("package/b.module", "module: b.so\ntrust-policy: no\n");
    assert_string_equal(names(), "b");
}

static void test_a_link_to_a_proxy_is_a_proxy(void **state)
{
    char link[160];

    (void)state;
    put("lib/p11-kit-proxy.so", "");
    snprintf(link, sizeof(link), "%s/harmless.so", module_dir);
    assert_int_equal(symlink("p11-kit-proxy.so", link), 0);
    put("package/a.module", "module: harmless.so\n");
    assert_string_equal(names(), "");
}

static void test_enabled_and_disabled(void **state)
{
    (void)state;
    put("package/a.module", "module: a.so\nenable-in: firefox, countersign\n");
    put("package/b.module", "module: b.so\nenable-in: firefox\n");
    put("package/c.module", "module: c.so\ndisable-in: p11-kit-proxy countersign-agent\n");
    assert_string_equal(names(), "a");
    put("package/c.module", "module: c.so\ndisable-in: countersign-agents\n");
    assert_string_equal(names(), "a c");
}

static void test_the_user_changes_what_the_system_says(void **state)
{
    (void)state;
    put("package/a.module", "module: a.so\n");
    put("package/b.module", "module: b.so\nx-init-reserved: package\n");
    put("user/pkcs11/modules/a.module", "disable-in: countersign-agent\n");
    put("user/pkcs11/modules/b.module", "x-init-reserved: mine\n");
    assert_string_equal(names(), "b");
    assert_string_equal(modules.list[0].init_args, "mine");
}

static void test_user_config(void **state)
{
    (void)state;
    put("package/a.module", "module: a.so\n");
    put("user/pkcs11/modules/b.module", "module: b.so\n");
    assert_string_equal(names(), "a b");
    put("pkcs11.conf", "user-config: none\n");
    assert_string_equal(names(), "a");
    put("pkcs11.conf", "user-config: only\n");
    assert_string_equal(names(), "b");
    put("pkcs11.conf", "user-config: merge\n");
    put("user/pkcs11/pkcs11.conf", "user-config: only\n");
    assert_string_equal(names(), "b");
}

static void test_one_module_under_two_names_counts_once(void **state)
{
    char link[160];

    (void)state;
    snprintf(link, sizeof(link), "%s/z.so", module_dir);
    assert_int_equal(symlink("a.so", link), 0);
    put("package/a.module", "module: a.so\n");
    put("package/z.module", "module: z.so\n");
    assert_string_equal(names(), "a");
}

static void test_no_registry_at_all(void **state)
{
    const struct cs_registry nowhere = {
        "/nonexistent/a", "/nonexistent/b", "/nonexistent/c", "/nonexistent/d", "/nonexistent/e"};

    (void)state;
    assert_int_equal(cs_registry_read(&nowhere, &modules, NULL), 0);
    assert_int_equal(modules.n, 0);
}

static void test_sections_stand_in_place_of_the_registry(void **state)
{
    struct cs_config_module section = {.name = (char *)"mine", .path = (char *)"/x/mine.so"};
    const struct cs_config config = {.n_modules = 1, .modules = &section};

    (void)state;
    assert_int_equal(cs_modules_find(&config, &modules, NULL), 0);
    assert_int_equal(modules.n, 1);
    assert_string_equal(modules.list[0].path, "/x/mine.so");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_files_of_all_places),
        TEST(test_one_file_is_as_many_modules_as_it_is_started_in_ways),
        TEST(test_what_is_not_for_us),
        TEST(test_a_link_to_a_proxy_is_a_proxy),
        TEST(test_enabled_and_disabled),
        TEST(test_the_user_changes_what_the_system_says),
        TEST(test_user_config),
        TEST(test_one_module_under_two_names_counts_once),
        TEST(test_no_registry_at_all),
        TEST(test_sections_stand_in_place_of_the_registry),
    };

    return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
