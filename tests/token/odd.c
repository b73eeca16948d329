/* SPDX-License-Identifier: Apache-2.0 */
/* The test's side of the odd module: its environment and its files. */
#include "odd.h"
#include "softhsm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *path_of(const char *name)
{
    static char path[512];

    snprintf(path, sizeof(path), "%s/%s", softhsm_folder(), name);
    return path;
}

void odd_plays(const char *words)
{
    setenv("ODD", words, 1);
    setenv("ODD_FOLDER", softhsm_folder(), 1);
    odd_remove_file("gone");
    odd_remove_file("hang");
    odd_remove_file("fail");
    odd_remove_file("logins");
}

/* It appears whole, for the module may look at any moment. */
void odd_set_file(const char *name, const char *content)
{
    char path[512], draft[600];
    FILE *file;
    int r;

    snprintf(path, sizeof(path), "%s", path_of(name));
    snprintf(draft, sizeof(draft), "%s.draft", path);
    file = fopen(draft, "we");
    assert_non_null(file);
    fputs(content, file);
    r = fclose(file);
    assert_int_equal(r, 0);
    assert_int_equal(rename(draft, path), 0);
}

void odd_remove_file(const char *name)
{
    unlink(path_of(name));
}

bool odd_has_file(const char *name)
{
    return access(path_of(name), F_OK) == 0;
}

unsigned odd_logins(void)
{
    FILE *file = fopen(path_of("logins"), "re");
    unsigned n = 0;
    int c;

    if (!file)
        return 0;
    while ((c = fgetc(file)) != EOF)
        n += c == '\n';
    fclose(file);
    return n;
}
